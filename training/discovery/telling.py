"""What is told of discovered cubes: where each was cut, the facts, the seed's lists."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.atomic import new_file
from genesis_hub.engine.recipe import plain
from genesis_hub.errors import BadInput
from training.corpus import Sides
from training.corpus.leftout import LeftOut
from training.discovery.filling import seal
from training.discovery.frame import Frame
from training.discovery.framing import Framing
from training.discovery.patterns import FOLD, PATTERNS, Plan, seed_name
from training.discovery.scans import Scans
from training.discovery.wishes import Wishes

VERSION = 1
DISCOVERED = "discovered"  # .json: written last, so that a folder without it is not whole.
COLUMNS = (
    "row", "split", "class", "rank", "resolution", "name", "patient", "x", "y", "z", "rows", "cols",
    "deps", "path",
)  # fmt: skip
SPLITS = ("train", "val")


def write_table(plan: Plan, scans: Scans, deps: int, folder: Path) -> None:
    """Write where every cube was cut, a row each."""
    with (
        new_file(folder / f"{PATTERNS}.csv") as aside,
        aside.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for row in range(len(plan)):
            scan = scans[int(plan.places[row])]
            told = [
                row, SPLITS[plan.splits[row]], plan.classes[row], plan.ranks[row],
                plan.resolutions[row], scan.name, scan.patient, *plan.starts[row],
                *plan.crops[row], deps, scan.paths[0] if scan.paths else "",
            ]  # fmt: skip
            table.writerow(told)


def write_facts(
    plan: Plan,
    framing: Framing,
    frame: Frame,
    wishes: Wishes,
    folder: Path,
    *,
    digest: str,
    rule: str,
    looks: dict[int, str],
    left_out: Sequence[LeftOut],
) -> None:
    """Write what was discovered and by what; the folder is whole when this is there."""
    counts = [int(plan.ranks[plan.splits == split].max(initial=-1)) + 1 for split in (0, 1)]
    facts: dict[str, Any] = {
        "format_version": VERSION,
        "classes": wishes.classes,
        "size": list(wishes.size),
        "rows": len(plan),
        "resolutions": wishes.resolutions,
        "neighbours": counts[0],
        "neighbours_val": counts[1],
        "frame": {"spacing": list(frame.spacing), "sides": list(frame.sides), "body": wishes.body},
        "rule": rule,
        "seed": wishes.seed,
        "layout": wishes.layout,
        "digest": framing.scans.digest,
        "wish": digest,
        "recipe": plain(wishes),
        "hashes": {framing.scans[place].name: look for place, look in looks.items() if look},
        "left_out": [str(one) for one in left_out],
    }
    seal(folder, DISCOVERED, facts)


def write_seed_files(plan: Plan, scans: Scans, deps: int, folder: Path) -> None:
    """Write the labels beside the authors' files of cubes, and their lists of coordinates.

    A line of a list: path # x,y,z,cropsize,depth # class.
    """
    for split in (0, 1):
        for resolution in np.unique(plan.resolutions[plan.splits == split]):
            own = np.flatnonzero((plan.splits == split) & (plan.resolutions == resolution))
            for fold in np.unique(plan.classes[own] // FOLD):
                labels = plan.classes[own][plan.classes[own] // FOLD == fold]
                name = seed_name("label", split, int(resolution), int(fold))
                with new_file(folder / f"{name}.npy") as aside:
                    np.save(aside, labels[:, None].astype(np.float64))
            listed = folder / f"{SPLITS[split]}_data{resolution}_vwGen_exRef.txt"
            with new_file(listed) as aside, aside.open("w", encoding="utf-8") as file:
                for row in own:
                    scan = scans[int(plan.places[row])]
                    place = ",".join(map(str, (*plan.starts[row], plan.crops[row][0], deps)))
                    file.write(f"{scan.paths[0]} # {place} # {plan.classes[row]}\n")


def earlier(path: Path, scans: Scans) -> tuple[tuple[int, Sides], ...]:
    """Return the references and anchors of a list of coordinates, by class.

    The first line of a class is its reference. The released parser took the characters of the
    coordinates for the coordinates.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    known: dict[int, tuple[int, Sides]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            file, place, label = (part.strip() for part in line.rsplit("#", 2))
            x, y, z = (int(float(one)) for one in place.split(",")[:3])
            of = int(float(label))
        except ValueError as error:
            raise BadInput(
                f"{path}: line {number} is {line!r}, but 'path # x,y,z,cropsize,depth # class' is "
                "expected"
            ) from error
        if of not in known:
            known[of] = (place_of(file, scans, path), (x, y, z))
    return tuple(known[of] for of in sorted(known))


def place_of(file: str, scans: Scans, listed: Path) -> int:
    """Return the scan that a line speaks of."""
    wanted = Path(file)
    for same in (
        lambda path: path == wanted,
        lambda path: path.name == wanted.name,
    ):
        found = [at for at in scans.of("train") if any(map(same, scans[at].paths))]
        if len(found) == 1:
            return found[0]
    raise BadInput(
        f"{listed}: {file} is no scan for learning that is here, or more than one; give the list "
        "that was written for these data"
    )
