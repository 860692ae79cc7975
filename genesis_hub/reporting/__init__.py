"""What a finished run has to show, on one page."""
