"""What `make demo` shows: the bundled weights at work beside random ones, whatever comes out."""
