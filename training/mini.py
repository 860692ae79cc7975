"""The verb `mini`: make the weights that ship inside the package, or better ones.

    python -m training.mini --out WORK [--into FOLDER] [key=value ...]

The scans are found through GENESIS_HUB_DATA. Only those whose licences let weights be passed on are
taken; the card names each source with its share.
"""

import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from genesis_hub.atomic import new_file
from genesis_hub.errors import BadInput
from training.command import Parser, keys_of, told
from training.pretrain import pretrain
from training.release import release, text_of

DATA = "GENESIS_HUB_DATA"
NAME = "models-genesis-mini"
ABOUT = Path(__file__).parent / "minis" / f"{NAME}.md"
# LIDC-IDRI, Lung-PET-CT-Dx and ACRIN-FLT-Breast of The Cancer Imaging Archive, CC BY.
CHESTS = ("lidc_0001", "lungdx_A0001", "acrinflt_001")
KEPT = 13  # Of the MRIs, every so-manieth chooses the weights; of the CTs, the abdomen does.
COLUMNS = ("path", "patient", "modality", "split")


def table_of(data: Path) -> list[tuple[str, ...]]:
    """Return the scans that weights may be made of: path, patient, modality, split."""
    rows = [
        (str(data / "chest_ct" / "images" / f"{name}.nii.gz"), name, "ct", "train")
        for name in CHESTS
    ]
    hippocampus = data / "brain_mri" / "hippocampus"
    with (hippocampus / "cases.csv").open(encoding="utf-8", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file) if row["split"] == "train"]
    rows += [
        (str(hippocampus / "images" / f"{name}.nii.gz"), name, "mri", split)
        for place, name in enumerate(ids)
        for split in (("train", "val")[place % KEPT == 0],)
    ]
    abdomen = str(data / "totalseg_example" / "image.nii.gz")
    return [*rows, (abdomen, "totalseg_example", "ct", "val")]


def mini(out: Path, into: Path, *, wishes: dict[str, object], device: str = "auto") -> Path:
    """Pre-train, or go on, and write the folder that ships."""
    place = os.environ.get(DATA)
    if not place:
        raise BadInput(f"{DATA} is not set; let it name the folder of real scans")
    try:
        rows = table_of(Path(place))
    except OSError as error:
        raise BadInput(f"{DATA}={place} does not hold what is expected: {error}") from error
    out.mkdir(parents=True, exist_ok=True)
    with new_file(out / "scans.csv") as aside, aside.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    run = pretrain(NAME, out / "scans.csv", out / "run", device=device, wishes=wishes)
    return release(run.folder, into, name=NAME, about=text_of(str(ABOUT)))


def main(words: Sequence[str] | None = None) -> int:
    """Run the verb as a command."""
    parser = Parser(prog="python -m training.mini", description=f"Make the weights of {NAME}.")
    parser.add_argument("--out", required=True, help="a folder to work in; the same call goes on")
    parser.add_argument("--into", help="the folder to write (OUT/release)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps")
    parser.add_argument("keys", nargs="*", metavar="KEY=VALUE", help="of the recipe")

    def run() -> int:
        options = parser.parse(words)
        out = Path(options.out)
        into = Path(options.into) if options.into else out / "release"
        print(mini(out, into, wishes=keys_of(options.keys), device=options.device))
        return 0

    return told("training.mini", run)


if __name__ == "__main__":
    sys.exit(main())
