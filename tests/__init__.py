"""Contract suites by enumeration, and what one part promises at a time."""
