"""The verb `discover`: scans in, anatomical patterns out, as Semantic Genesis learns from them.

    python -m training.discover --data DIR --out DISCOVERED [key=value ...]

DIR holds train/ and validation/, or scans that are split by seed. The steps are verbs, too, with
the flags of the authors' scripts, hyphens or underscores; each goes on where a kill left it:

    python -m training.discover autoencoder --data DIR --save DISCOVERED
    python -m training.discover features --data DIR --weights DISCOVERED --save DISCOVERED
    python -m training.discover patterns --data DIR --multi-res --save DISCOVERED
    python -m training.discover show DISCOVERED [--weights FOLDER]
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genesis_hub.errors import BadInput
from genesis_hub.infer.settings import device_of
from training.command import Parser, keys_of, told
from training.discovery.features import FEATURES
from training.discovery.showing import show
from training.discovery.steps import Discovery, Done
from training.discovery.steps import told as how
from training.discovery.wishes import LAYOUTS, key_names, wishes_of

NAME = "python -m training.discover"
FOLDER = "discovered"
ARCHITECTURES = ("vnet", "unet")


def main(words: Sequence[str] | None = None) -> int:
    """Run the verb; return its exit status: 0, or 2 after an error."""
    given = list(sys.argv[1:] if words is None else words)
    verbs: dict[str, Callable[[Sequence[str]], int]] = {
        "autoencoder": autoencoder, "features": features, "patterns": patterns, "show": shown,
    }  # fmt: skip
    if given and given[0] in verbs:
        return told(f"training.discover {given[0]}", lambda: verbs[given[0]](given[1:]))
    return told("training.discover", lambda: whole(given))


def whole(words: Sequence[str]) -> int:
    """Do all steps."""
    parser = asked("", "discover anatomical patterns in unlabelled scans")
    parser.add_argument("--overwrite", action="store_true", help="what was discovered otherwise")
    options = parser.parse(words)
    done = discovery(options, {}).all(overwrite=options.overwrite)
    print(outcome(done))
    return 0


def autoencoder(words: Sequence[str]) -> int:
    """Train the auto-encoder."""
    parser = asked(" autoencoder", "train the auto-encoder on whole volumes")
    sides(parser, "volumes", (128, 128, 64))
    parser.add_argument("--arch", help="Vnet: without skips; Unet: with them, as published (Vnet)")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--weights", help="an auto-encoder to begin with")
    parser.add_argument("--decoder", help="upsampling: the only one there is")
    parser.add_argument("--verbose", type=int, help="progress is shown unless --quiet")
    options = parser.parse(words)
    keys = volume_keys(options) | named(options, "batch_size", "weights")
    if options.arch is not None:
        if options.arch.lower() not in ARCHITECTURES:
            raise BadInput(f"--arch {options.arch!r}; choose Vnet (without skips) or Unet")
        keys["faithful"] = options.arch.lower() == "unet"
    print(how(discovery(options, keys).autoencoder()))
    return 0


def features(words: Sequence[str]) -> int:
    """Extract the features of every patient."""
    parser = asked(" features", "extract the deep features of every patient")
    sides(parser, "volumes", (128, 128, 64))
    parser.add_argument("--weights", type=Path, required=True, help="of the auto-encoder")
    parser.add_argument("--arch", help="the weights know it")
    parser.add_argument("--batch-size", type=int)
    options = parser.parse(words)
    found = discovery(options, volume_keys(options)).features(options.weights)
    for split, rows in found.features.items():
        print(f"{folder_of(options) / FEATURES[split]}.npy: {' x '.join(map(str, rows.shape))}")
    return 0


def patterns(words: Sequence[str]) -> int:
    """Cut the patterns."""
    parser = asked(" patterns", "find patterns by the features, and cut their cubes")
    sides(parser, "cubes", (64, 64, 32))
    flag = parser.add_argument
    flag("--crop-rows", type=int, help="what is cut and resized to a cube")
    flag("--crop-cols", type=int)
    flag("--nb-instances", type=int, help="patients of a class (200)")
    flag("--nb-instances-val", type=int, help="for validation (30, or all)")
    flag("--nb-classes", type=int, help="classes (44)")
    flag("--minPatchSize", type=int, help="least side of the other resolutions (50)")
    flag("--maxPatchSize", type=int, help="the side they stay below (80)")
    flag("--multi-res", action="store_true", help="three resolutions")
    flag("--distance-threshold", type=float, help="voxels between anchors (5)")
    flag("--is-normalized", action="store_true",
         help="values are in [0, 1] already; without it the modality's input contract makes them so"
         )  # fmt: skip
    flag("--prev-coordinates", type=Path, help="a list of coordinates whose classes are kept")
    flag("--train-features", type=Path, help="DISCOVERED/train_features.npy")
    flag("--val-features", type=Path, help="DISCOVERED/validation_features.npy")
    flag("--layout", choices=LAYOUTS, help="compact, or the seed's file names")
    flag("--overwrite", action="store_true")
    options = parser.parse(words)
    keys = {
        **sides_keys(options, "input"),
        **named(options, "crop_rows", "crop_cols", "layout"),
        **named(
            options,
            neighbours="nb_instances",
            neighbours_val="nb_instances_val",
            classes="nb_classes",
            min_patch="minPatchSize",
            max_patch="maxPatchSize",
            distance="distance_threshold",
        ),
        "resolutions": 3 if options.multi_res else 1,
    }
    if options.is_normalized:
        keys["is_normalized"] = True
    folder = folder_of(options)
    done = discovery(options, keys).patterns(
        options.train_features or folder / f"{FEATURES['train']}.npy",
        options.val_features or folder / f"{FEATURES['val']}.npy",
        options.prev_coordinates,
        overwrite=options.overwrite,
    )
    print(outcome(done))
    return 0


def shown(words: Sequence[str]) -> int:
    """Draw what was discovered."""
    parser = Parser(prog=f"{NAME} show", description="draw the classes that were discovered")
    parser.add_argument("discovered", type=Path)
    parser.add_argument("--weights", help="a trained network, for what it learned: name or folder")
    parser.add_argument("--out", type=Path, help="a folder for the pictures (DISCOVERED/pictures)")
    parser.add_argument("--classes", type=int, default=12, help="of a sheet, evenly from all")
    parser.add_argument("--patients", type=int, default=8, help="of a class")
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps")
    options = parser.parse(words)
    for line in show(
        options.discovered, options.out or options.discovered / "pictures",
        weights=options.weights, classes=options.classes, patients=options.patients,
        device=device_of(options.device),
    ):  # fmt: skip
        print(line)
    return 0


def asked(verb: str, description: str) -> Parser:
    """Return a parser with what all steps take."""
    made = Parser(
        prog=f"{NAME}{verb}", description=description, epilog=f"Keys: {', '.join(key_names())}."
    )
    made.add_argument("--data", "--data-dir", type=Path, required=True, help="scans")
    made.add_argument("--out", "--save", type=Path, default=Path(FOLDER), help=f"({FOLDER})")
    made.add_argument("--device", default="auto", help="cpu, cuda, mps")
    made.add_argument("--quiet", action="store_true", help="no progress")
    made.add_argument("keys", nargs="*", metavar="KEY=VALUE")
    return made


def sides(parser: Parser, what: str, usual: tuple[int, int, int]) -> None:
    """Add the flags of three sides."""
    for names, side in zip((("rows",), ("cols",), ("deps", "depth")), usual, strict=True):
        flags = [f"--input-{name}" for name in names]
        parser.add_argument(*flags, type=int, help=f"of the {what} ({side})")


def sides_keys(options: argparse.Namespace, kind: str) -> dict[str, Any]:
    """Return the sides that are asked for as keys."""
    return named(
        options, **{f"{kind}_{name}": f"input_{name}" for name in ("rows", "cols", "deps")}
    )


def volume_keys(options: argparse.Namespace) -> dict[str, Any]:
    """Return the sides of whole volumes that are asked for as keys."""
    return sides_keys(options, "volume")


def named(options: argparse.Namespace, *same: str, **others: str) -> dict[str, Any]:
    """Return the flags that were given as keys."""
    wanted = {**dict(zip(same, same, strict=True)), **others}
    found = {key: getattr(options, flag) for key, flag in wanted.items()}
    return {key: value for key, value in found.items() if value is not None}


def folder_of(options: argparse.Namespace) -> Path:
    """Return where everything goes."""
    folder: Path = options.out
    return folder.expanduser()


def discovery(options: argparse.Namespace, keys: Mapping[str, Any]) -> Discovery:
    """Return the discovery that is asked for; a key twice is refused."""
    given = keys_of(options.keys)
    twice = [key for key in given if key in keys and key != "resolutions"]
    if twice:
        raise BadInput(f"{twice[0]} was given twice: as a flag and as {twice[0]}=; give it once")
    wishes = wishes_of({**keys, **given})
    return Discovery(
        options.data, folder_of(options), wishes, device_of(options.device), options.quiet
    )


def outcome(done: Done) -> str:
    """Return what was discovered, in words."""
    went = "were there already" if done.before else "were cut"
    said = f"{done.folder}: {done.rows} cubes of {done.classes} classes {went}"
    return "\n".join([said, *(f"  left out: {one}" for one in done.left_out)])


if __name__ == "__main__":
    sys.exit(main())
