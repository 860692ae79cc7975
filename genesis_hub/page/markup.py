"""HTML that cannot be broken into: whatever is not markup already is escaped."""

from html import escape
from typing import Union

Child = Union["Markup", str, int, None]
VOID = ("img", "meta", "br", "col")


class Markup(str):
    """Text that is HTML; `element` makes it and leaves it as it is."""

    __slots__ = ()


def element(name: str, /, *children: Child, **attributes: str | int | None) -> Markup:
    """Return an element. Plain text among its children is escaped, attributes always are.

    An attribute's underscore becomes a hyphen and a last one falls away (`class_`); None is left
    out. A child that is None is, too.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{clean(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Markup:
    """Return children one after the other, plain text escaped."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else clean(str(child))
            for child in children
            if child is not None
        )
    )


def clean(text: str) -> str:
    """Return text escaped, without what no page may hold: control marks and halves of letters."""
    kept = "".join(mark if mark.isprintable() or mark in "\n\t\xa0" else "\ufffd" for mark in text)
    return escape(kept, quote=True)
