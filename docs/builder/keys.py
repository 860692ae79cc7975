"""The tables of the keys that verbs take, from the dataclasses and their docstrings."""

import re
from dataclasses import MISSING, fields
from typing import Any

from docs.builder.entries import entries
from genesis_hub.tuning.recipe import Recipe
from training.discovery.wishes import Wishes
from training.kinds import ImageRecipe, SliceRecipe, VolumeRecipe, WholeRecipe
from training.methods.smart_net import SmartNetRecipe
from training.recipe import Recipe as Pretraining

PLACE = re.compile(
    r"(<!-- keys(?: of (\w+))?: written by `make pages` -->\n).*?(<!-- end of keys -->)", re.S
)
# What a page may ask for by name; without one it is what fine-tuning takes.
KINDS: dict[str | None, type[Any]] = {
    None: Recipe,
    "pretraining": Pretraining,
    "volumes": VolumeRecipe,
    "pictures": ImageRecipe,
    "wholes": WholeRecipe,
    "slices": SliceRecipe,
    "smartnet": SmartNetRecipe,
    "discovery": Wishes,
}


def meanings(kind: type[Any] = Recipe) -> dict[str, str]:
    """Return what each key means, as the docstring of its dataclass says it."""
    names = [one.name for one in fields(kind)]
    found: dict[str, str] = {}
    for paragraph in (kind.__doc__ or "").replace("\n    ", "\n").split("\n\n"):
        for said, text in entries(paragraph, names)[1]:
            found |= dict.fromkeys(said, text)
    return found


def own(kind: type[Any]) -> list[Any]:
    """Return the keys that a kind has of its own; what it has from another stands with that one.

    Those without a default, `method` and `name`, are what a recipe is, and no keys of it.
    """
    return [
        one
        for one in fields(kind)
        if one.name in kind.__annotations__ and one.default is not MISSING
    ]


def table(kind: type[Any] = Recipe) -> str:
    """Return the keys in their order, with default and meaning, as Markdown."""
    rows = ["| key | default | what it means |", "|---|---|---|"]
    said = meanings(kind)
    for one in own(kind):
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
    """Return a page with the tables where it has places for them."""
    return PLACE.sub(lambda place: f"{place[1]}\n{table(KINDS[place[2]])}\n\n{place[3]}", text)
