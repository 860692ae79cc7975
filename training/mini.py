"""The verb `mini`: make the weights that ship inside the package, or better ones.

    python -m training.mini [NAME] --out WORK [--into FOLDER] [key=value ...]
    python -m training.mini --refresh      # the cards of what ships, from what was measured

NAME is models-genesis-mini where none is given. The scans are found through GENESIS_HUB_DATA. Only
those whose licences let weights be passed on are taken; the card names each source with its share,
and what benchmarks/results/proof.json says of the weights (--results: another such file).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from genesis_hub.errors import BadInput
from genesis_hub.infer.settings import device_of
from genesis_hub.weights.store import BUNDLED
from training.command import Parser, keys_of, told
from training.minis.roster import MINIS
from training.minis.scans import place_of_data
from training.pretrain import pretrain
from training.release import release, text_of
from training.results import PROOF, refresh

USUAL = "models-genesis-mini"
ABOUT = Path(__file__).parent / "minis"


def mini(
    out: Path,
    into: Path,
    *,
    name: str = USUAL,
    wishes: dict[str, object],
    results: Path | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> Path:
    """Pre-train, or go on, and write the folder that ships.

    results: what was measured; of a name that it does not know yet, the card says nothing.
    """
    if name not in MINIS:
        raise BadInput(f"{name!r} does not ship; choose from {', '.join(MINIS)}")
    data = place_of_data()
    out.mkdir(parents=True, exist_ok=True)
    try:
        found = MINIS[name].gather(data, out, device_of(device), quiet)
    except OSError as error:
        raise BadInput(f"{data} does not hold what is expected: {error}") from error
    run = pretrain(name, found, out / "run", device=device, wishes=wishes, quiet=quiet)
    made = release(run.folder, into, name=name, about=about_of(name), half=MINIS[name].half)
    refresh(made, results=results)
    return made


def refreshed(folder: Path, results: Path | None) -> list[str]:
    """Write the cards of the minis in a folder anew; return what was done, a line for each."""
    lines = []
    for name in MINIS:
        if (folder / name).is_dir():
            told = refresh(folder / name, results=results, about=about_of(name))
            lines.append(f"{name}: {'as measured' if told else 'nothing was measured of it'}")
    return lines


def about_of(name: str) -> str:
    """Return what a mini's card says of it beside its numbers."""
    return text_of(str(ABOUT / f"{name}.md"))


def main(words: Sequence[str] | None = None) -> int:
    """Run the verb as a command."""
    parser = Parser(prog="python -m training.mini", description="Make weights that ship.")
    parser.add_argument("--out", help="a folder to work in; the same call goes on")
    parser.add_argument("--into", help="the folder to write (OUT/release)")
    parser.add_argument("--refresh", action="store_true", help="only the cards of what ships")
    parser.add_argument("--results", help="what was measured (benchmarks/results/proof.json)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("words", nargs="*", metavar="NAME or KEY=VALUE", help=", ".join(MINIS))

    def run() -> int:
        options = parser.parse(words)
        usual = PROOF if PROOF.is_file() else None
        results = Path(options.results) if options.results else usual
        if options.refresh:
            print("\n".join(refreshed(BUNDLED, results)))
            return 0
        if not options.out:
            parser.error("give --out, a folder to work in")
        names = [word for word in options.words if "=" not in word] or [USUAL]
        if len(names) > 1:
            raise BadInput(f"{' and '.join(names)} were given; make one at a time")
        keys = keys_of([word for word in options.words if "=" in word])
        out = Path(options.out)
        into = Path(options.into) if options.into else out / "release"
        made = mini(
            out, into, name=names[0], wishes=keys, results=results, device=options.device,
            quiet=options.quiet,
        )  # fmt: skip
        print(made)
        return 0

    return told("training.mini", run)


if __name__ == "__main__":
    sys.exit(main())
