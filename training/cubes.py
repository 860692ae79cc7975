"""`python -m training.cubes`: scans in, files of cubes out, as the published training reads them.

    python -m training.cubes --fold 0 --scale 32 --data datasets/luna16 --save generated_cubes

writes bat_32_s_64x64x32_0.npy, (cubes, 64, 64, 32): float16 in [0, 1], which the published training
reads as it is, in a quarter of the room (half a HU up to 0 HU, one above); --dtype int16 keeps HU
exactly, and the JSON beside it says which values become 0 and 1. The CSV beside it says for each
cube which scan it is of, where it begins (voxels, frame LPS), its crop, its score and whether the
rule accepted it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from genesis_hub.cli import joined
from genesis_hub.cli.images import range_of
from genesis_hub.cli.spoken import spoken
from genesis_hub.errors import BadInput, some_of
from genesis_hub.inputs import Range
from training.command import Parser, told
from training.corpus import Sides
from training.corpus.bat import DTYPES, bat_path
from training.corpus.cutting import Crop, Cutting
from training.corpus.extraction import Done, extract_fold, without_empty
from training.corpus.folds import folds_of
from training.corpus.leftout import FEW, Bearing, listed
from training.corpus.picking import Wish

NAMED = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the verb; return its exit status: 0, or 2 after an error."""
    return told("training.cubes", lambda: verb(arguments))


def verb(arguments: Sequence[str] | None) -> int:
    """Do what was asked for; errors speak of flags."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return run(parser().parse(joined(words)))
    except BadInput as error:
        raise BadInput(spoken(str(error)).replace("tolerate=", "--tolerate ")) from error


def parser() -> Parser:
    """Return the parser."""
    made = Parser(prog="python -m training.cubes", description="cut cubes from scans")
    flag = made.add_argument
    flag("--fold", nargs="+", required=True, help="0 to 9, several, 0-4, or all")
    flag("--data", required=True, type=Path, help="subset0 to subset9, a folder of scans, or a CSV")
    flag("--save", required=True, type=Path, help="the folder for the files of cubes")
    flag("--scale", type=int, default=32, help="cubes of each scan")
    flag("--input-rows", type=int, default=64)
    flag("--input-cols", type=int, default=64)
    flag("--input-deps", type=int, default=32)
    flag("--crop-rows", type=int, nargs="+", help="one, or several scales; as the cube by default")
    flag("--crop-cols", type=int, nargs="+")
    flag("--each", action="store_true", help="--scale cubes of each crop, not of all together")
    flag("--dtype", choices=DTYPES, default="float16")
    flag("--modality", default="ct", help="of scans whose table names none: ct, mri")
    flag("--range", help="LO,HI: the values that become 0 and 1; or image")
    flag("--seed", type=int, default=0)
    flag("--faithful", action="store_true", help="the published borders and rule")
    flag("--workers", type=int, default=2, help="threads that read and cut")
    flag("--tolerate", type=float, default=FEW, help="the share of scans that may be left out")
    flag("--no-hashes", action="store_true", help="do not keep what each scan looks like")
    flag("--no-check", action="store_true", help="take scans as they are, whatever they look like")
    flag("--overwrite", action="store_true")
    flag("--quiet", action="store_true", help="no progress")
    return made


def run(options: argparse.Namespace) -> int:
    """Extract the folds that are asked for."""
    wish = wish_of(options)
    if options.workers < 1:
        raise BadInput(f"--workers {options.workers}; give a whole number from 1")
    folds = folds_of(options.data, options.modality, seed=options.seed)
    chosen = folds.asked(options.fold)
    print(f"{options.data}: {folds.told}", file=sys.stderr)
    bearing = Bearing(sum(len(folds.scans[fold]) for fold in chosen), options.tolerate)
    dones = []
    for at, fold in enumerate(chosen, 1):
        done = extract_fold(
            folds.scans[fold],
            bat_path(options.save, wish.scale, wish.cutting.size, fold),
            wish,
            folds=tuple(folds.scans),
            workers=options.workers,
            bearing=bearing,
            later=[scan for fold in chosen[at:] for scan in folds.scans[fold]],
            overwrite=options.overwrite,
            quiet=options.quiet,
        )
        print(outcome(done), flush=True)
        dones.append(done)
    empty = {fold for fold, done in zip(chosen, dones, strict=True) if not done.cubes}
    if empty:
        without_empty(dones, [fold for fold in folds.scans if fold not in empty])
    return 0


def wish_of(options: argparse.Namespace) -> Wish:
    """Return what cubes are asked for."""
    size: Sides = (options.input_rows, options.input_cols, options.input_deps)
    for name, value in (
        ("scale", options.scale),
        *zip(("rows", "cols", "deps"), size, strict=True),
    ):
        if value < 1:
            flag = f"--{name}" if name == "scale" else f"--input-{name}"
            raise BadInput(f"{flag} {value}; give a whole number from 1")
    if options.seed < 0:
        raise BadInput(f"--seed {options.seed}; give a whole number from 0")
    return Wish(
        scale=options.scale,
        cutting=Cutting(size, crops_of(options, size), options.faithful),
        dtype=options.dtype,
        seed=options.seed,
        each=options.each,
        range=cast("Range | None", range_of(options.range)),
        looks=not options.no_hashes,
        check=not options.no_check,
    )


def crops_of(options: argparse.Namespace, size: Sides) -> tuple[Crop, ...]:
    """Return the crops that are asked for; rows alone stand for both sides of a square."""
    rows, cols = options.crop_rows, options.crop_cols
    if rows is None and cols is None:
        return ()
    rows = rows or ([size[0]] * len(cols) if size[0] != size[1] else cols)
    cols = cols or ([size[1]] * len(rows) if size[0] != size[1] else rows)
    if len(rows) != len(cols) or min(*rows, *cols) < 1:
        raise BadInput(
            f"--crop-rows {' '.join(map(str, rows))} and --crop-cols {' '.join(map(str, cols))}; "
            "give as many of the one as of the other, whole numbers from 1"
        )
    return tuple(dict.fromkeys(zip(rows, cols, strict=True)))


def outcome(done: Done) -> str:
    """Return what became of a fold, in words."""
    if done.before:
        return f"{done.path}: {done.cubes} cubes were there already"
    said = [f"{done.path}: {done.cubes} cubes of {done.scans} scans"]
    if not done.cubes:
        said = [f"{done.path} is not made: no scan of this fold can be learned from"]
    if done.few:
        lacking = sum(one.cubes - one.accepted for one in done.few)
        names = some_of([one.name for one in done.few], NAMED)
        what = (
            f"{lacking} of their cubes are other parts of the scan"
            if lacking
            else "they give fewer cubes"
        )
        said.append(f"  in {len(done.few)} scans too few windows met the rule, so {what} ({names})")
    if done.left_out:
        said.append(f"  left out, {len(done.left_out)}:\n{listed(done.left_out)}")
    return "\n".join(said)


if __name__ == "__main__":
    sys.exit(main())
