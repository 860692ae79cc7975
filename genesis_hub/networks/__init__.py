"""Modules only: nothing here knows a model's name, a file or an entry."""
