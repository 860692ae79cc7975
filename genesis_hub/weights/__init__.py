"""Bytes and keys: find and read weights safely, rename, adapt, account for them, write them."""
