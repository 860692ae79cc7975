"""Unlabelled images as whole ones: listed, read once, brought to one square or cube, and kept."""
