"""A JSON file becomes a dataclass: stale keys renamed, unknown ones refused with the nearest."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Generic, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from genesis_hub.data.nearest import close_names
from genesis_hub.engine.recipe import typed
from genesis_hub.errors import BadInput

Config = TypeVar("Config")

# What keys were called before, and what they are called now.
RENAMED = {
    "n_channels": "number_channels",
    "train3D": "data_is_3D",
    "split_per_side": "patches_per_side",
}
# Keys that published configs have and that say nothing here, and what does instead.
ASIDE = {
    "patch_dim": "a patch's side follows from data_dim, patches_per_side and patch_jitter",
    "use_gpu": "--device says where a run goes, and CUDA_VISIBLE_DEVICES which GPUs it sees",
    "log_level": "--quiet says less",
}
NOTHING = ("none", "null")


class Read(NamedTuple, Generic[Config]):
    """A config, the keys that were given, those that belong elsewhere, and what to say of it."""

    config: Config
    given: frozenset[str]
    more: Mapping[str, Any]
    notes: tuple[str, ...]


def read_config(
    path: str | Path,
    kind: type[Config],
    wishes: Mapping[str, Any] | None = None,
    *,
    more: Iterable[str] = (),
) -> Read[Config]:
    """Return a JSON file as a dataclass, with some of its keys set otherwise; or raise `BadInput`.

    wishes: keys and values, those of a table within as "train_data_generator_args.augment"; the
    word none is JSON's null. more: keys that are known beside the dataclass's, passed on as they
    are.
    """
    keys, notes = mended(read_json(path), Path(path).name)
    asked, also = mended(unfolded(wishes or {}), "the command")
    for key, value in asked.items():
        within = keys.get(key)
        tables = isinstance(within, dict) and isinstance(value, dict)
        keys[key] = {**within, **value} if tables else value  # type: ignore[dict-item]
    name = Path(path).name
    config, rest = config_of(kind, keys, source=name, more=more)
    return Read(config, frozenset(keys), rest, (*notes, *also))


def read_json(path: str | Path) -> dict[str, Any]:
    """Return the keys of a JSON file, or raise `BadInput` where it is none."""
    path = Path(path).expanduser()

    def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise BadInput(
                    f"{path}: {key!r} is given twice, as {found[key]!r} and {value!r}; give it once"
                )
            found[key] = value
        return found

    def finite(word: str) -> Any:
        raise BadInput(f"{path}: {word} is no number that a key can have; give a finite one")

    try:
        text = path.read_text(encoding="utf-8-sig")
        keys = json.loads(text, object_pairs_hook=once, parse_constant=finite)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no text in UTF-8; save it as such") from error
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{path}: line {error.lineno}, column {error.colno}: {error.msg}; it is not JSON until "
            "that is mended (keys in double quotes, no comma after the last, true and false small)"
        ) from error
    except RecursionError as error:
        raise BadInput(f"{path} is nested too deeply; a config holds keys and values") from error
    if not isinstance(keys, dict):
        raise BadInput(
            f'{path} holds no keys; a config looks like {{"algorithm": "rotation", ...}}'
        )
    return keys


def mended(keys: Mapping[str, Any], source: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return keys by the names they have now, and what is to be said of it."""
    found, notes = dict(keys), []
    for stale, now in RENAMED.items():
        if stale not in found:
            continue
        value = found.pop(stale)
        if found.get(now, value) != value:
            raise BadInput(
                f"{source}: {stale}={value!r} is {now} by its older name, but {now}={found[now]!r} "
                f"is given too; give {now} alone"
            )
        found[now] = value
        notes.append(f"{source}: {stale} is an older name; it was read as {now}={value!r}")
    for key, instead in ASIDE.items():
        if key in found:
            notes.append(f"{source}: {key}={found.pop(key)!r} was left aside: {instead}")
    return found, tuple(notes)


def unfolded(wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Return wishes with those of a table within put together, and the word none as nothing."""
    found: dict[str, Any] = {}
    for key, value in wishes.items():
        nothing = isinstance(value, str) and value.lower() in NOTHING
        table, dot, inner = key.partition(".")
        if dot:
            found.setdefault(table, {})[inner] = None if nothing else value
        else:
            found[key] = None if nothing else value
    return found


def config_of(
    kind: type[Config], keys: Mapping[str, Any], *, source: str, more: Iterable[str] = ()
) -> tuple[Config, dict[str, Any]]:
    """Return a dataclass filled from keys, and those of `more`; others are refused."""
    kinds = get_type_hints(kind)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    beside = set(more) - set(known)
    values, rest = {}, {}
    for key, value in keys.items():
        if key in beside:
            rest[key] = value
            continue
        if key not in known:
            inside = [name for name in known if key in inner_keys(kinds[name])]
            if inside:
                raise BadInput(
                    f"{source}: {key!r} stands within a table: give {inside[0]}.{key} on the "
                    f'command, or {{"{inside[0]}": {{"{key}": ...}}}} in the file; tables '
                    f"that take it: {', '.join(inside)}"
                )
            near = close_names(key, {*known, *beside})
            raise BadInput(f"{source}: {key!r} is no key{near}; all: {', '.join(known)}")
        wanted = kinds[key]
        if takes_list(wanted) and isinstance(value, int | float | str):
            value = [value]  # One thing on the command is a list of one.
        if isinstance(wanted, type) and is_dataclass(wanted):
            if not isinstance(value, Mapping):
                raise BadInput(f"{source}: {key}={value!r}, but a table of keys is expected")
            values[key], _ = config_of(wanted, value, source=f"{source}: {key}")
        else:
            values[key] = typed(key, value, wanted, source)
    for field in fields(kind):  # type: ignore[arg-type]
        bare = field.default is MISSING and field.default_factory is MISSING
        if bare and field.name not in values:
            raise BadInput(f"{source}: {field.name} is missing; a config says it")
    return kind(**values), rest


def inner_keys(kind: Any) -> tuple[str, ...]:
    """Return the keys of a table within; none for what is no table."""
    table = isinstance(kind, type) and is_dataclass(kind)
    return tuple(field.name for field in fields(kind)) if table else ()


def takes_list(kind: Any) -> bool:
    """Say whether a key takes a list, and no single value."""
    options = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return all(option is NoneType or get_origin(option) is tuple for option in options)
