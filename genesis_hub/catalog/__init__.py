"""Data only: one file per family of methods, rows of facts and rules of renaming."""
