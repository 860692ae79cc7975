"""Data sets as they are published: one file per layout, and the table of their names."""

from genesis_hub.data.cases.published.layout import LAYOUTS, Layout, layout_of, named_layout

__all__ = ["LAYOUTS", "Layout", "layout_of", "named_layout"]
