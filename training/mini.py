"""The verb `mini`: make the weights that ship inside the package, or better ones.

    python -m training.mini [NAME] --out WORK [--into FOLDER] [key=value ...]

NAME is models-genesis-mini where none is given. The scans are found through GENESIS_HUB_DATA. Only
those whose licences let weights be passed on are taken; the card names each source with its share.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from genesis_hub.errors import BadInput
from genesis_hub.infer.settings import device_of
from training.command import Parser, keys_of, told
from training.minis.roster import MINIS
from training.minis.scans import place_of_data
from training.pretrain import pretrain
from training.release import release, text_of

USUAL = "models-genesis-mini"
ABOUT = Path(__file__).parent / "minis"


def mini(
    out: Path,
    into: Path,
    *,
    name: str = USUAL,
    wishes: dict[str, object],
    device: str = "auto",
    quiet: bool = False,
) -> Path:
    """Pre-train, or go on, and write the folder that ships."""
    if name not in MINIS:
        raise BadInput(f"{name!r} does not ship; choose from {', '.join(MINIS)}")
    data = place_of_data()
    out.mkdir(parents=True, exist_ok=True)
    try:
        found = MINIS[name].gather(data, out, device_of(device), quiet)
    except OSError as error:
        raise BadInput(f"{data} does not hold what is expected: {error}") from error
    run = pretrain(name, found, out / "run", device=device, wishes=wishes, quiet=quiet)
    about = text_of(str(ABOUT / f"{name}.md"))
    return release(run.folder, into, name=name, about=about, half=MINIS[name].half)


def main(words: Sequence[str] | None = None) -> int:
    """Run the verb as a command."""
    parser = Parser(prog="python -m training.mini", description="Make weights that ship.")
    parser.add_argument("--out", required=True, help="a folder to work in; the same call goes on")
    parser.add_argument("--into", help="the folder to write (OUT/release)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("words", nargs="*", metavar="NAME or KEY=VALUE", help=", ".join(MINIS))

    def run() -> int:
        options = parser.parse(words)
        names = [word for word in options.words if "=" not in word] or [USUAL]
        if len(names) > 1:
            raise BadInput(f"{' and '.join(names)} were given; make one at a time")
        keys = keys_of([word for word in options.words if "=" in word])
        out = Path(options.out)
        into = Path(options.into) if options.into else out / "release"
        made = mini(
            out, into, name=names[0], wishes=keys, device=options.device, quiet=options.quiet
        )
        print(made)
        return 0

    return told("training.mini", run)


if __name__ == "__main__":
    sys.exit(main())
