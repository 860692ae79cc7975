"""`list` and `info`: what the catalog knows, and what of it is on this machine."""

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from genesis_hub import api, registry
from genesis_hub.cards import ROADS, values
from genesis_hub.entry import Entry
from genesis_hub.weights.store import bundled, stored


def add(verbs: Any) -> None:
    """Add the verbs to the command."""
    verb = verbs.add_parser("list", help="the names, and where their weights are")
    verb.add_argument("pattern", nargs="?", default="", help="a wildcard, such as '*genesis*'")
    verb.add_argument("--ndim", type=int, help="2 or 3")
    verb.add_argument("--method", help="a family (adam, proxy-tasks, ...) or a method (cpc, ...)")
    verb.add_argument(
        "--pretrained", action=argparse.BooleanOptionalAction, help="with weights open to all"
    )
    verb.add_argument("--json", action="store_true", help="for programs")
    verb.set_defaults(run=run_list)

    verb = verbs.add_parser("info", help="what is known of one name")
    verb.add_argument("name")
    verb.add_argument("--json", action="store_true", help="for programs")
    verb.set_defaults(run=run_info)


def run_list(options: argparse.Namespace) -> int:
    """Print the table of names."""
    names = api.list_models(
        options.pattern, ndim=options.ndim, method=options.method, pretrained=options.pretrained
    )
    entries = [registry.find(name) for name in names]
    if options.json:
        print(json.dumps([{**asdict(entry), "status": status_of(entry)} for entry in entries]))
        return 0 if entries else 1
    if not entries:
        hint = f"; try '*{options.pattern}*'" if options.pattern.isalnum() else ""
        print(f"genesis-hub: no name matches {options.pattern!r}{hint}", file=sys.stderr)
        return 1
    rows = [("NAME", "DIMS", "METHOD", "WEIGHTS", "LICENCE")]
    rows += [
        (e.name, f"{e.ndim}D", e.method, status_of(e), e.license.spdx or "non-commercial")
        for e in entries
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())
    return 0


def status_of(entry: Entry) -> str:
    """Say in a word or two where a name's weights are, seen from here."""
    if stored(entry.name) is not None:
        return "imported"
    if bundled(entry.name) is not None:
        return "bundled"
    return {
        "hub": "open (Hugging Face)",
        "zenodo": "open (Zenodo)",
        "form": "on request",
        "none": "train your own",
        "bundled": "bundled",
    }[entry.location.road]


def run_info(options: argparse.Namespace) -> int:
    """Print what is known of one name."""
    entry = api.model_info(options.name)
    if options.json:
        print(json.dumps({**asdict(entry), "status": status_of(entry)}))
        return 0
    paper, terms, place = entry.paper, entry.license, entry.location
    here = stored(entry.name)
    where = ROADS[place.road].format(
        file=place.file, address=place.address, made_by=entry.made_by, name=entry.name
    )
    rows = [
        ("method", f"{entry.method} ({entry.family})"),
        ("paper", f"{paper.authors}: {paper.title}. {paper.venue}. {paper.url}"),
        ("code", entry.code),
        ("network", f"{entry.architecture}, {entry.ndim}D"),
        ("input", f"{entry.in_channels} channel(s), trained at {entry.inputs.size}"),
        ("values", values(entry)),
        ("weights", f"imported: {here}" if here else where.replace("`", "")),
        ("licence", f"{terms.name}: {terms.summary}. {terms.url}"),
    ]
    if entry.encoders:
        names = ", ".join(published for published, _ in entry.encoders)
        rows.insert(4, ("encoders", f"built-in U-Net, or encoder= one of {names}"))
    if entry.patents or entry.patent_note:
        numbers = f"{', '.join(entry.patents)}. " if entry.patents else ""
        rows.append(("patents", numbers + entry.patent_note))
    rows += [("note", note) for note in entry.notes]
    print(f"{entry.name}: {entry.summary}")
    for title, text in rows:
        print(f"  {title:<9} {text}")
    return 0
