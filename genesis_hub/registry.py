"""From a name to its entry; a miss is answered with the nearest names."""

import difflib
import fnmatch
from collections.abc import Iterable

from genesis_hub.catalog import adam, models_genesis, proxy_tasks, semantic_genesis, smart_net
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput, UnknownModel

# A new family adds its catalog file to this line; nothing else here changes.
FAMILIES = (models_genesis, semantic_genesis, adam, proxy_tasks, smart_net)

GUESTS = "timm:"  # What `networks.table` calls TIMM, which listing names does not import.
ENTRIES: dict[str, Entry] = {entry.name: entry for family in FAMILIES for entry in family.ENTRIES}


def normalise(name: str) -> str:
    """Return `name` as the catalog spells it: `_` and `-`, upper and lower case are the same."""
    return name.strip().lower().replace("_", "-")


def is_guest(name: str) -> bool:
    """Say whether a name is meant to be one of timm's: `timm:resnet18`."""
    return name.strip().startswith(GUESTS)


def find(name: str) -> Entry:
    """Return the entry of a name, or of `timm:NAME`; `UnknownModel` tells the nearest names."""
    if not isinstance(name, str):
        raise BadInput(f"a model's name is a string, got {type(name).__name__}: {name!r}")
    if is_guest(name):
        # timm, and torch with it, is imported when one of its networks is asked for.
        from genesis_hub.guests import guest

        return guest(name)
    entry = ENTRIES.get(normalise(name))
    if entry is None:
        close = ", ".join(nearest(normalise(name), ENTRIES)) or "none"
        raise UnknownModel(
            f"no model is named {name!r}; close names: {close}; "
            f"list_models() or `genesis-hub list` shows all {len(ENTRIES)}"
        )
    return entry


def select(
    pattern: str = "", *, ndim: int | None = None, method: str | None = None
) -> tuple[Entry, ...]:
    """Return the entries that match a wildcard pattern, in catalog order.

    method: a family ("proxy-tasks") or a method inside one ("cpc").
    """
    if not isinstance(pattern, str) or not isinstance(method, str | None):
        raise BadInput(f"pattern={pattern!r}, method={method!r}: give text, such as '*genesis*'")
    if ndim not in (None, 2, 3):
        raise BadInput(f"ndim={ndim!r}, but models are of 2 or 3 dimensions; pass ndim=2 or ndim=3")
    if method is not None:
        known = sorted({e.method for e in ENTRIES.values()} | {e.family for e in ENTRIES.values()})
        method = normalise(method)
        if method not in known:
            close = ", ".join(nearest(method, known)) or "none"
            raise BadInput(
                f"no method is named {method!r}; close names: {close}; all: {', '.join(known)}"
            )
    wanted = normalise(pattern) or "*"
    return tuple(
        entry
        for entry in ENTRIES.values()
        if fnmatch.fnmatchcase(entry.name, wanted)
        and ndim in (None, entry.ndim)
        and method in (None, entry.method, entry.family)
    )


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Return up to three known words that `word` was probably meant to be: whole or in part."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=3, cutoff=0.5)
    part = {p: w for w in reversed(words) for p in w.split("-")}
    close += [part[p] for p in difflib.get_close_matches(word, part, n=3, cutoff=0.6)]
    return list(dict.fromkeys(close))[:3]
