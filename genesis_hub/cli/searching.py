"""`search`: a place in one picture in, where it lies in many others out."""

import argparse
import math
import sys
from typing import TYPE_CHECKING, Any

from genesis_hub.cli.images import FEW, add_values, range_of
from genesis_hub.cli.spoken import spoken

if TYPE_CHECKING:
    from genesis_hub.searching.search import Search


def add(verbs: Any) -> None:
    """Add the verb to the command."""
    verb = verbs.add_parser("search", help="find a place of one picture in many others")
    verb.add_argument("model", help="a name, a folder, or timm:NAME; of pictures (2D)")
    verb.add_argument(
        "--data", nargs="+", required=True, help="files, folders, CSV manifests to search"
    )
    verb.add_argument("--image", help="the picture with the place")
    verb.add_argument("--at", metavar="X,Y", help="the place: pixels from the left and the top")
    verb.add_argument("--landmark", metavar="CSV", help="places: image, x, y, landmark")
    verb.add_argument(
        "--points", metavar="CSV", help="where landmarks are in the data, to measure by"
    )
    verb.add_argument("--out", help="a folder for found.csv, pictures and a page")
    verb.add_argument(
        "--context", type=float, default=0.33, help="surroundings that tell, a share of the sides"
    )
    verb.add_argument(
        "--side",
        type=int,
        help="of the square the model sees (its own; 256 at least)",
    )
    verb.add_argument("--within", type=float, help="pixels from the truth that are near enough")
    verb.add_argument(
        "--references", type=int, default=10, help="pictures of --points that are asked with"
    )
    verb.add_argument("--pictures", type=int, default=12, help="drawn of each landmark")
    verb.add_argument("--cache", help="a folder that keeps features for the next search")
    verb.add_argument("--seed", type=int, default=0, help="of the references and intervals")
    verb.add_argument("--batch-size", type=int, default=8, help="pictures at once")
    verb.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps")
    verb.add_argument("--precision", default="fp32", help="fp32, bf16 or fp16")
    add_values(verb)
    verb.add_argument("--quiet", action="store_true", help="no progress bar")
    verb.set_defaults(run=run_search)


def run_search(options: argparse.Namespace) -> int:
    """Search, and say what was found; 1 if a picture could not be searched."""
    from genesis_hub.searching.search import search

    ends: Any = range_of(options.range)
    done = search(
        options.model, options.data, options.out, image=options.image, at=options.at,
        landmark=options.landmark, points=options.points, context=options.context,
        side=options.side, within=options.within, references=options.references,
        pictures=options.pictures, cache=options.cache, seed=options.seed,
        batch_size=options.batch_size, device=options.device, precision=options.precision,
        modality=options.modality, range=ends, check=not options.no_check,
        quiet=options.quiet,
    )  # fmt: skip
    tell(done)
    return done.status


def tell(done: "Search") -> None:
    """Print the most similar places, or how well they were found where that is known."""
    from genesis_hub.searching.measured import WORDS

    for case, reason in list(done.failed.items())[:FEW]:
        print(f"genesis-hub: {case}: {spoken(reason)}", file=sys.stderr)
    if done.numbers:
        print(f"near enough: {done.tolerance}")
        for name, words in WORDS.items():
            one = done.numbers[name]
            sure = "" if math.isnan(one.low) else f" ({one.low:.2f} to {one.high:.2f})"
            print(f"{words}: {one.value:.2f}{sure}")
    else:
        for place in done.places[:FEW]:
            print(
                f"{place.case}: {place.landmark} at {place.x:.0f},{place.y:.0f} "
                f"(similarity {place.similarity:.2f}, back {place.back:.0f} px)"
            )
        if len(done.places) > FEW:
            print(f"and {len(done.places) - FEW} more")
    if done.page is not None:
        print(f"{done.page}: {len(done.places)} places; found.csv has all")
