"""`audit`: what is wrong with a data set, and what of it a set of weights has seen."""

import argparse
import json
from typing import Any

from genesis_hub.cli.spoken import flagged

COLUMNS = (
    ("image", "of images, or several that are channels, A,B,C"),
    ("labels", "of classes, or several, A,B,C"),
    ("mask", "of masks"),
    ("patient", "of patients, who are never parted"),
    ("split", "of splits"),
    ("name", "of the cases' names"),
)


def add(verbs: Any) -> None:
    """Add the verb to the command."""
    verb = verbs.add_parser("audit", help="what is wrong with images, labels and splits; copies")
    verb.add_argument("data", help="images/ and labels/, class folders, or a CSV")
    verb.add_argument("--against", help="a name or folder: which images did its weights see?")
    verb.add_argument("--out", help="a .csv or .json for the findings, one row each")
    verb.add_argument("--task", choices=("classification", "segmentation"))
    verb.add_argument("--reader", help="the layout of a published data set, such as lits or brats")
    for name, of in COLUMNS:
        verb.add_argument(f"--{name}", help=f"a table's column {of}")
    verb.add_argument("--classes", help="names in order, A,B, or what stands there, 0=A,1=B")
    verb.add_argument("--workers", type=int, default=2, help="threads that read")
    verb.add_argument("--json", action="store_true", help="for programs")
    verb.set_defaults(run=run_audit)


def run_audit(options: argparse.Namespace) -> int:
    """Audit, and tell; the status is 1 with problems, 2 where the weights could not be asked."""
    from genesis_hub.auditing import audit

    done = audit(
        options.data,
        against=options.against,
        out=options.out,
        task=options.task,
        classes=classes_of(options.classes),
        image=columns_of(options.image),
        mask=options.mask,
        labels=columns_of(options.labels),
        patient=options.patient,
        split=options.split,
        name=options.name,
        reader=options.reader,
        workers=options.workers,
    )
    print(json.dumps(done.table()) if options.json else flagged(str(done)))
    return done.status


def columns_of(text: str | None) -> str | list[str] | None:
    """Return the columns that were typed: one as it is, several as a list."""
    return text if text is None or "," not in text else [word.strip() for word in text.split(",")]


def classes_of(text: str | None) -> dict[str, str] | tuple[str, ...] | None:
    """Return the classes that were typed."""
    from genesis_hub.data.cases import named

    return named(tuple(word.strip() for word in text.split(","))) if text else None
