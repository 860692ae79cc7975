"""The verb `lists`: NIH's own lists of ChestX-ray14 in, lists to pre-train on out.

    python -m training.lists --data NIH --out LISTS [--validation 0.13] [--seed 0]

NIH is the folder of train_val_list.txt, with test_list.txt and Data_Entry_2017.csv if they are
there. LISTS/train.txt, val.txt and test.txt are in the form of the authors' lists: a name and its
14 labels. NIH does not say which pictures are for validation: they are drawn by patient and seed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from genesis_hub.data.cases.published.xrays.chestxray14 import FINDINGS
from genesis_hub.errors import BadInput
from training.command import Parser, told
from training.pictures.nih import FACTS, WRITTEN, Lists, files_of, lists_of, patients

DIFFERS = (
    "this split is drawn here: it is not that of the authors of Adam, whose lists are under their "
    "own licence; to compare numbers, give theirs to train_list and val_list instead"
)


def lists(data: str | Path, out: str | Path, *, validation: float = 0.13, seed: int = 0) -> Lists:
    """Make lists to pre-train on out of NIH's own files; the same call gives the same bytes.

    data: the folder of train_val_list.txt. out: of train.txt, val.txt, test.txt and lists.json.
    """
    train_val, test, entries = files_of(data)
    made = lists_of(train_val, test, entries=entries, validation=validation, seed=seed)
    folder = Path(out).expanduser()
    given = {file.resolve() for file in (train_val, test, entries) if file is not None}
    if clash := given & {(folder / name).resolve() for name in (*WRITTEN.values(), FACTS)}:
        raise BadInput(f"{min(clash)} is one of NIH's own files; choose another OUT")
    made.write(folder)
    return made


def parser() -> Parser:
    """Return the verb's parser."""
    verb = Parser(prog="python -m training.lists", description=(__doc__ or "").splitlines()[0])
    verb.add_argument("--data", required=True, help="the folder of NIH's train_val_list.txt")
    verb.add_argument("--out", required=True, help="the folder to write the lists to")
    verb.add_argument(
        "--validation", type=float, default=0.13, help="share of the pictures, by patient (0.13)"
    )
    verb.add_argument("--seed", type=int, default=0, help="that validation is drawn by")
    return verb


def main(words: Sequence[str] | None = None) -> int:
    """Run the verb; return its exit status: 0, or 2 after an error."""
    return told("training.lists", lambda: run(parser().parse(words)))


def run(options: argparse.Namespace) -> int:
    """Make the lists, and say what is in them."""
    made = lists(options.data, options.out, validation=options.validation, seed=options.seed)
    for split, names in made.names.items():
        file = Path(options.out) / WRITTEN[split]
        print(f"{file}: {len(names)} pictures of {len(patients(names))} patients")
    if made.labels:
        print(f"labels: {' '.join(FINDINGS)}")
    else:
        print("no Data_Entry_2017.csv is there, so the lists are without labels, as they may be")
    print(f"seed {made.seed}: {DIFFERS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
