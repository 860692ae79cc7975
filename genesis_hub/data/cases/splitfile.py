"""Splits written down: who was in which, and how that was drawn, for the list it was drawn from."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from genesis_hub.atomic import new_file
from genesis_hub.data.cases.facts import SPLITS, CaseList, Draw
from genesis_hub.data.readers import existing
from genesis_hub.errors import BadInput

FORMAT_VERSION = 1


def write_split(path: str | Path, cases: CaseList) -> None:
    """Write which case is in which split, and the draws that made it so, as JSON.

    The same split gives the same bytes; no path and no time is in it.
    """
    bare = [case.name for case in cases if case.split is None]
    if bare:
        raise BadInput(
            f"{len(bare)} cases have no split, {bare[0]} among them; call split_cases first"
        )
    facts = {
        "format_version": FORMAT_VERSION,
        "cases": cases.whole or cases.digest,
        "draws": [asdict(draw) for draw in cases.draws],
        "splits": {split: sorted(case.name for case in cases.of(split)) for split in SPLITS},
    }
    text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    with new_file(Path(path)) as file:
        file.write_bytes(text.encode("utf-8", "surrogateescape"))


def read_split(path: str | Path, cases: CaseList) -> CaseList:
    """Return the cases in the splits that a file says; those it does not name are left out.

    Raises `BadInput` where the file was written for another list: files, labels or patients differ.
    """
    file = existing(path)
    facts = parsed(file)
    if facts["cases"] != (cases.whole or cases.digest):
        raise BadInput(
            f"{file} was written for another list of cases: its digest is "
            f"{facts['cases'][:12]}, that of {cases.root} is {(cases.whole or cases.digest)[:12]}; "
            "names, files, labels or patients have changed since; bring back the data it was "
            f"written for, or draw a new split{differing(facts, cases)}"
        )
    split_of = {name: split for split in SPLITS for name in facts["splits"][split]}
    kept = tuple(
        replace(case, split=split_of[case.name]) for case in cases if case.name in split_of
    )
    if len(kept) != len(split_of):
        raise BadInput(
            f"{file} names {len(split_of) - len(kept)} cases that are not in the list given; load "
            "the whole list first"
        )
    whole = cases.whole or (cases.digest if len(kept) < len(cases) else "")
    return replace(cases, cases=kept, draws=drawn(facts, file), whole=whole)


def parsed(file: Path) -> dict[str, Any]:
    """Return what a split file says, or raise `BadInput` where it is none."""
    try:
        facts = json.loads(file.read_bytes().decode("utf-8", "surrogateescape"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{file} is not a split that can be read: {error}; draw it again") from error
    version = facts.get("format_version") if isinstance(facts, dict) else None
    if version != FORMAT_VERSION:
        newer = isinstance(version, int) and version > FORMAT_VERSION
        raise BadInput(
            f"{file}: format_version is {version!r}, but {FORMAT_VERSION} is read; "
            + ("update genesis_hub" if newer else "it is not a file of write_split")
        )
    splits = facts.get("splits")
    sound = isinstance(facts.get("cases"), str) and isinstance(splits, dict)
    if not sound or set(splits) != set(SPLITS) or not all(map(is_names, splits.values())):
        raise BadInput(f"{file}: it does not name the cases of train, val and test; draw it again")
    names = [name for split in SPLITS for name in splits[split]]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"{file}: {double!r} is named twice; draw it again")
    return dict(facts)


def is_names(value: object) -> bool:
    """Say whether a value is a list of names."""
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def drawn(facts: dict[str, Any], file: Path) -> tuple[Draw, ...]:
    """Return how a split was drawn."""
    try:
        return tuple(
            Draw(str(one["rule"]), int(one["seed"]), tuple(map(float, one["fractions"])))
            for one in facts["draws"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{file}: how it was drawn is not readable; draw it again") from error


def differing(facts: dict[str, Any], cases: CaseList) -> str:
    """Return which names only one of the two has, as far as the file tells."""
    ours = {case.name for case in cases}
    theirs = {name for names in facts["splits"].values() for name in names}
    gone, new = sorted(theirs - ours), sorted(ours - theirs)
    said = [f"gone: {len(gone)}, such as {gone[0]}"] if gone else []
    said += [f"not in the file: {len(new)}, such as {new[0]}"] if new else []
    return f" ({'; '.join(said)})" if said else ""
