"""What a fine-tuning run notes of its cases, when it begins and when it is over."""

from pathlib import Path
from typing import Any

from genesis_hub.data.cases import CaseList, write_split
from genesis_hub.data.hashes import KIND
from genesis_hub.engine import runfile
from genesis_hub.models import HubModel
from genesis_hub.tuning.items import Samples
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.weights.seen import SEEN, noted

SPLIT = "split.json"
SPLITS = ("train", "val", "test")


def begin(
    folder: Path,
    source: str | Path,
    recipe: Recipe,
    cases: CaseList,
    *,
    quiet: bool,
    leading: bool = True,
) -> dict[str, Any]:
    """Write down what the run is made of, or refuse a folder that was begun otherwise."""
    facts = {
        "model": str(source),
        "data": {"digest": cases.digest, "cases": {s: len(cases.of(s)) for s in SPLITS}},
        "classes": list(cases.classes),
    }
    return runfile.begin(
        folder,
        facts,
        recipe,
        beside={SPLIT: lambda path: write_split(path, cases)},
        free=("report",),
        more={"given": str(cases.given or cases.root), "notes": list(cases.notes)},
        notes=cases.notes,
        quiet=quiet,
        leading=leading,
    )


def note_seen(folder: Path, samples: Samples, network: HubModel) -> None:
    """Note what the weights saw: names and hashes in the run's folder, hashes alone with them.

    What the weights saw before this run stays noted.
    """
    rows: list[dict[str, Any]] = [
        {"case": case.name, "patient": case.patient, "hashes": samples.hashes(index)}
        for index, case in enumerate(samples.cases)
    ]
    runfile.amend(folder, {"seen": {"kind": KIND, "cases": rows}})
    every = [one for row in rows for one in row["hashes"]]
    network.terms = {**network.terms, SEEN: noted(network.terms.get(SEEN, ""), KIND, every)}
