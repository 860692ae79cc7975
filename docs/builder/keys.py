"""The table of a recipe's keys, from the dataclass and its docstring."""

import re
from dataclasses import fields

from docs.builder.entries import entries
from genesis_hub.tuning.recipe import Recipe

PLACE = re.compile(r"(<!-- keys: written by `make pages` -->\n).*?(<!-- end of keys -->)", re.S)


def meanings() -> dict[str, str]:
    """Return what each key means, as the docstring of `Recipe` says it."""
    names = [one.name for one in fields(Recipe)]
    found: dict[str, str] = {}
    for paragraph in (Recipe.__doc__ or "").replace("\n    ", "\n").split("\n\n"):
        for said, text in entries(paragraph, names)[1]:
            found |= dict.fromkeys(said, text)
    return found


def table() -> str:
    """Return the keys in their order, with default and meaning, as Markdown."""
    rows = ["| key | default | what it means |", "|---|---|---|"]
    said = meanings()
    for one in fields(Recipe):
        meaning = said[one.name].replace("|", "\\|")
        rows.append(f"| `{one.name}` | {default(one.default)} | {meaning} |")
    return "\n".join(rows)


def default(value: object) -> str:
    """Return a default as TOML has it; nothing where it is chosen."""
    if value in (None, ()):
        return "chosen" if value is None else "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def with_keys(text: str) -> str:
    """Return a page with the table where it has a place for it."""
    return PLACE.sub(lambda place: f"{place[1]}\n{table()}\n\n{place[2]}", text)
