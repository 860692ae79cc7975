"""`show` and `report`: what a model sees in images, and a run on one page."""

import argparse
from typing import Any

from genesis_hub.cli.images import add_values, range_of, told
from genesis_hub.cli.training import between
from genesis_hub.errors import BadInput

SAID = {
    "knn": "landmark told by its 5 nearest in other patients",
    "chance": "the same by chance",
    "silhouette": "silhouette of the landmarks",
    "cosine": "cosine of a whole and its parts",
    "unrelated": "the same with another's parts",
    "centred": "cosine less the mean of the data",
    "centred_unrelated": "the same with another's parts",
    "apart": "own parts nearer than another's",
}


def add(verbs: Any) -> None:
    """Add the verbs to the command."""
    verb = verbs.add_parser("show", help="pictures of what a model sees in images")
    verb.add_argument("model", help="a name, or a folder")
    verb.add_argument("images", nargs="+", help="files, folders, DICOM series, CSV manifests")
    verb.add_argument("--out", required=True, help="a folder for the PNG files")
    verb.add_argument(
        "--kind", default="gradcam", help="gradcam, activations, stages, answers, tsne, anatomy"
    )
    verb.add_argument("--layer", help="a part of the model; else its last feature stage")
    verb.add_argument(
        "--class", dest="target", help="of Grad-CAM, by number or name; else the one predicted"
    )
    verb.add_argument(
        "--labels", help="for tsne: a CSV, a folder per class, or masks; for answers: masks"
    )
    verb.add_argument("--points", help="for anatomy: a CSV with image, x, y, landmark, patient")
    verb.add_argument("--seed", type=int, default=0, help="of t-SNE")
    verb.add_argument("--batch-size", type=int, default=4, help="windows or pictures at once")
    verb.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps")
    add_values(verb)
    verb.add_argument("--uneven", action="store_true", help="take DICOM series with gaps as even")
    verb.add_argument("--quiet", action="store_true", help="no progress bar")
    verb.set_defaults(run=run_show)

    verb = verbs.add_parser("report", help="a finished run on one page, drawn again")
    verb.add_argument("run_folder", metavar="RUN", help="what was --out of finetune")
    verb.add_argument("--data", help="where the labelled images lie now")
    verb.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps")
    verb.set_defaults(run=run_report)


def run_show(options: argparse.Namespace) -> int:
    """Draw, and say what became of the cases."""
    if options.kind == "anatomy":
        return run_anatomy(options)
    if options.points is not None:
        raise BadInput(f"--points are landmarks for --kind anatomy, not {options.kind}")
    from genesis_hub.gallery import draw

    ends: Any = range_of(options.range)
    outcome = draw(
        options.model,
        options.images,
        options.out,
        kind=options.kind,
        layer=options.layer,
        target=options.target,
        labels=options.labels,
        seed=options.seed,
        batch_size=options.batch_size,
        device=options.device,
        modality=options.modality,
        range=ends,
        check=not options.no_check,
        uneven=options.uneven,
        quiet=options.quiet,
    )
    return told(outcome)


def run_anatomy(options: argparse.Namespace) -> int:
    """Measure what a model understands of anatomy, and say it."""
    from genesis_hub.searching.anatomy import measure_anatomy

    for flag in ("layer", "target", "labels"):
        if getattr(options, flag) is not None:
            name = {"target": "class"}.get(flag, flag)
            raise BadInput(f"--kind anatomy has no use for --{name}; leave it away")
    ends: Any = range_of(options.range)
    done = measure_anatomy(
        options.model, options.images, options.out, points=options.points, seed=options.seed,
        batch_size=options.batch_size, device=options.device, modality=options.modality,
        range=ends, check=not options.no_check, quiet=options.quiet,
    )  # fmt: skip
    for name, words in SAID.items():
        one = done.numbers[name]
        print(f"{words}: {one.value:.2f}{between((one.low, one.high))}")
    return told(done.outcome)


def run_report(options: argparse.Namespace) -> int:
    """Draw a run's page, and say where it lies."""
    from genesis_hub.tuning.report import report

    print(report(options.run_folder, data=options.data, device=options.device))
    return 0
