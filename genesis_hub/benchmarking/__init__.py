"""Which weights help on a user's data: the same cases for all, and tests of what parts them."""
