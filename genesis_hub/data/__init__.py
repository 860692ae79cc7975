"""Images on their way to a model: read, cut, cased, and made up where none may be had."""
