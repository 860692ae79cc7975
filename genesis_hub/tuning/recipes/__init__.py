"""Recipes that come along, by name: the target tasks of Models Genesis, and those of X-rays."""

import difflib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from genesis_hub.engine.recipe import read_toml
from genesis_hub.errors import BadInput

SUFFIX = ".toml"
HOW_LONG = {"steps", "epochs"}


def recipe_names() -> list[str]:
    """Return the names of the recipes that come along."""
    inside = files(__name__).iterdir()
    return sorted(one.name.removesuffix(SUFFIX) for one in inside if one.name.endswith(SUFFIX))


def asked_keys(config: str | Path | None, wishes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the keys of a recipe with those that were asked for over them.

    How long is said in one of two units: what is asked for counts, whatever the recipe has.
    """
    keys, asked = {} if config is None else recipe_keys(config), dict(wishes or {})
    if HOW_LONG & {key for key, value in asked.items() if value is not None}:
        keys = {key: value for key, value in keys.items() if key not in HOW_LONG}
    return {**keys, **asked}


def recipe_keys(config: str | Path) -> dict[str, Any]:
    """Return the keys of a recipe: those of a TOML file, else of the recipe of that name."""
    path = Path(config).expanduser()
    name, known = str(config).lower(), recipe_names()
    if path.is_file() or (name not in known and path.suffix.lower() == SUFFIX):
        return read_toml(path)
    if name not in known:
        close = ", ".join(difflib.get_close_matches(name, known, 3, 0.3)) or "none"
        raise BadInput(
            f"config={str(config)!r} is no file and no recipe that comes along; close names: "
            f"{close}; all: {', '.join(known)}"
        )
    return read_toml(Path(str(files(__name__) / f"{name}{SUFFIX}")))
