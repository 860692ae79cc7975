"""One self-contained page: escaped by construction, styled by a sheet that comes with it."""

from genesis_hub.page.markup import Markup, element, joined
from genesis_hub.page.parts import (
    command,
    details,
    facts,
    figure,
    figures,
    note,
    picture,
    section,
    stat,
    stats,
    table,
    write_page,
)  # fmt: skip

__all__ = [
    "Markup", "command", "details", "element", "facts", "figure", "figures", "joined",
    "note", "picture", "section", "stat", "stats", "table", "write_page",
]  # fmt: skip
