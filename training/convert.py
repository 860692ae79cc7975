"""The verb `convert`: a published data set in, the folders that a proxy task's JSON names out.

    python -m training.convert brats    BraTS2018    --out brats_128
    python -m training.convert pancreas Task07_Pancreas --out pancreas_128 [--flat]
    python -m training.convert retina   aptos2019    --out retina_224

OUT/images and OUT/test hold arrays (X, Y, Z[, C]) of float32 in [0, 1], with --flat slices (X, Y);
OUT/images_labels and OUT/test_labels their masks under the same names; OUT/unlabelled what has
none. Of photographs OUT/images holds squares, OUT/labels_shuffled.csv the grades, and beside it
those to learn from and to test on.
"""

import argparse
import re
import sys
from collections.abc import Sequence

from genesis_hub.cli.spoken import spoken
from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput
from training.command import Parser, told
from training.converting.roster import LAYOUTS
from training.converting.running import Converted, converted
from training.converting.wish import LABELS, TESTED, Layout, Wish
from training.corpus.leftout import listed


def parser() -> Parser:
    """Return the verb's parser."""
    verb = Parser(prog="python -m training.convert", description=(__doc__ or "").splitlines()[0])
    flag = verb.add_argument
    said = "; ".join(f"{name}: {layout.says}" for name, layout in LAYOUTS.items())
    flag("layout", help=said)
    flag("source", help="the folder of the data set")
    flag("--out", required=True, help="the folder to write to")
    flag("--side", type=int, help="of cubes (128) and of squares (224)")
    flag("--pad", action="store_true", help="keep proportions, with zeros around; else stretch")
    flag("--flat", action="store_true", help="pancreas: slices instead of volumes")
    flag("--window", action="store_true", help="brats: 192 x 192 x 160 voxels, not resized")
    flag("--table", default="", help="retina: the CSV, where SOURCE has not just one")
    flag("--test", type=float, default=0.2, help="the share of the patients to test on (0.2)")
    flag("--seed", type=int, default=0, help="that they, and the order of a table, are drawn by")
    flag("--workers", type=int, default=2, help="threads that read and resize (2)")
    flag("--overwrite", action="store_true", help="make anew what was made in another way")
    flag("--quiet", action="store_true", help="no progress")
    return verb


def main(words: Sequence[str] | None = None) -> int:
    """Run the verb; return its exit status: 0, or 2 after an error."""
    return told("training.convert", lambda: run(parser().parse(words)), flagged)


def flagged(text: str) -> str:
    """Return an error with flags in place of keys."""
    return re.sub(r"\b(side|test|seed|table|workers)=(?=\S)", r"--\1 ", spoken(text))


def run(options: argparse.Namespace) -> int:
    """Convert a data set, and say what lies where."""
    layout = layout_of(options.layout)
    for key in sorted({key for row in LAYOUTS.values() for key in row.options}):
        if getattr(options, key) and key not in layout.options:
            owner = next(name for name, row in LAYOUTS.items() if key in row.options)
            raise BadInput(f"--{key} is of {owner}, not of {options.layout}; leave it away")
    wish = Wish(
        side=layout.side if options.side is None else options.side,
        pad=options.pad,
        flat=options.flat,
        window=options.window,
        test=options.test,
        seed=options.seed,
        table=options.table,
    )
    done = converted(
        options.layout, layout, options.source, options.out, wish,
        workers=options.workers, overwrite=options.overwrite, quiet=options.quiet,
    )  # fmt: skip
    print(outcome(done, layout))
    if done.left_out:
        raise BadInput(
            f"{len(done.left_out)} case(s) could not be converted; mend them and give the same "
            f"command again, or go on without them:\n{listed(done.left_out)}"
        )
    return 0


def layout_of(name: str) -> Layout:
    """Return a layout by its name."""
    if name not in LAYOUTS:
        raise BadInput(
            f"LAYOUT={name!r} is not known{close_names(name, LAYOUTS)}; all: {', '.join(LAYOUTS)}"
        )
    return LAYOUTS[name]


def outcome(done: Converted, layout: Layout) -> str:
    """Return what lies where, in words."""
    lines = [f"{done.files} files, of them of {done.before} case(s) there already"]
    for part, count in done.counts.items():
        place = done.folder / part
        masks = f", masks in {place}{LABELS}" if (done.folder / f"{part}{LABELS}").is_dir() else ""
        if layout.parted:
            lines.append(f"{place}: {count} case(s){masks}")
    if not layout.parted:
        total, tested = sum(done.counts.values()), done.counts.get(TESTED, 0)
        lines.append(f"{done.folder / 'images'}: {total} pictures, {tested} of them to test on")
    return "\n".join([*lines, *(f"{table}" for table in done.tables)])


if __name__ == "__main__":
    sys.exit(main())
