"""What a set of weights saw, as hashes that travel with it: never a name, never a picture."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from genesis_hub.errors import BadInput

SEEN = "seen.json"
VERSION = 1


def noted(before: str, kind: str, hashes: Iterable[str]) -> str:
    """Return the text of the file with more hashes of a kind: what was seen before stays.

    They are sorted, so that their order tells nothing of the cases.
    """
    known = kinds(before, SEEN) if before else {}
    known[kind] = sorted({*known.get(kind, ()), *hashes})
    return json.dumps({"format_version": VERSION, "hashes": known}, indent=0, sort_keys=True) + "\n"


def hashes_seen(folder: str | Path, kind: str) -> tuple[str, ...] | None:
    """Return the hashes of one kind that lie with weights; None where nobody noted any."""
    path = Path(folder) / SEEN
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    return tuple(kinds(text, str(path)).get(kind, ()))


def kinds(text: str, source: str) -> dict[str, list[str]]:
    """Return hashes by kind from the text of a file, or raise `BadInput`."""
    try:
        told: Any = json.loads(text)
        found = told["hashes"]
        if told["format_version"] != VERSION:
            raise ValueError("it is of another format")
        if not all(isinstance(h, str) for some in found.values() for h in some):
            raise ValueError("hashes are text")
        return {str(kind): list(some) for kind, some in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(
            f"{source} is no list of hashes ({error}); take it away, or get the weights again"
        ) from error
