"""Recipes: a dataclass of plain numbers and words, filled from TOML and from the command."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from genesis_hub.errors import BadInput

Recipe = TypeVar("Recipe")


def filled(recipe: Recipe, wishes: Mapping[str, Any], *, source: str) -> Recipe:
    """Return a recipe with some of its keys set; unknown keys and wrong types are refused."""
    kinds = get_type_hints(type(recipe))
    known = [field.name for field in fields(recipe)]  # type: ignore[arg-type]
    values = {}
    for key, value in wishes.items():
        name = key.replace("-", "_")
        if name not in known:
            close = ", ".join(difflib.get_close_matches(name, known, n=3)) or "none"
            raise BadInput(
                f"{source}: {key!r} is no key of this recipe; close names: {close}; all: "
                f"{', '.join(known)}"
            )
        values[name] = typed(name, value, kinds[name], source)
    return replace(recipe, **values)  # type: ignore[type-var]


def typed(name: str, value: Any, kind: Any, source: str) -> Any:
    """Return a value of the kind a key has, or raise `BadInput`."""
    options = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    for option in options:
        fitting = fit(value, option)
        if fitting is not MISFIT:
            return fitting
    allowed = SHOWN.get(name) or " or ".join(map(said, options))
    raise BadInput(f"{source}: {name}={value!r}, but {allowed} is expected")


MISFIT = object()
# What a key takes, where its kind alone would not tell a user how it is written.
SHOWN = {"range": "LO,HI (such as -1000,1000) or image"}
SAID = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}


def said(kind: Any) -> str:
    """Return a kind of value in words."""
    if kind is NoneType:
        return "nothing"
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        example = "[64, 64]" if inner is int else "[1.0, 1.5]" if inner is float else '["a", "b"]'
        return f"a list such as {example}"
    return SAID.get(kind, str(kind))


def fit(value: Any, kind: Any) -> Any:
    """Return a value as one kind, or MISFIT; whole numbers serve as floats, lists as tuples."""
    if kind is NoneType:
        return None if value is None else MISFIT
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        if not isinstance(value, list | tuple):
            return MISFIT
        parts = [fit(part, inner) for part in value]
        return MISFIT if any(part is MISFIT for part in parts) else tuple(parts)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str, bool):
        return value if type(value) is kind else MISFIT
    return value


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the keys of a TOML recipe."""
    path = Path(path).expanduser()
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML ({error})") from error


def difference(then: Mapping[str, Any], now: Any) -> list[str]:
    """Return which keys of a recipe differ from those a run was begun with.

    A key that a version before did not know stands at its default, so its runs go on.
    """
    current = plain(now)
    usual = {f.name: as_json(f.default) for f in fields(now) if f.default is not MISSING}
    begun = {**usual, **then}
    keys = sorted({*begun, *current})
    return [
        f"{key}: {begun.get(key)!r} then, {current.get(key)!r} now"
        for key in keys
        if begun.get(key) != current.get(key)
    ]


def plain(recipe: Any) -> dict[str, Any]:
    """Return a recipe as JSON holds it."""
    return {key: as_json(value) for key, value in asdict(recipe).items()}


def as_json(value: Any) -> Any:
    """Return a value of a recipe as JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value
