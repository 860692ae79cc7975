"""Labelled slices: listed with their masks and labels, read once, brought to one square, kept."""
