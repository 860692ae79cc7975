"""What a model sees in images: pictures made from names, folders and files."""

from genesis_hub.gallery.draw import KINDS, draw

__all__ = ["KINDS", "draw"]
