"""`show` and `report`: what a model sees in images, and a run on one page."""

import argparse
from typing import Any

from genesis_hub.cli.images import range_of, told


def add(verbs: Any) -> None:
    """Add the verbs to the command."""
    verb = verbs.add_parser("show", help="pictures of what a model sees in images")
    verb.add_argument("model", help="a name, or a folder")
    verb.add_argument("images", nargs="+", help="files, folders, DICOM series, CSV manifests")
    verb.add_argument("--out", required=True, help="a folder for the PNG files")
    verb.add_argument("--kind", default="gradcam", help="gradcam, activations or tsne")
    verb.add_argument("--layer", help="a part of the model; else its last feature stage")
    verb.add_argument(
        "--class", dest="target", help="of Grad-CAM, by number or name; else the one predicted"
    )
    verb.add_argument("--labels", help="for tsne: a CSV, or a folder per class")
    verb.add_argument("--seed", type=int, default=0, help="of t-SNE")
    verb.add_argument("--batch-size", type=int, default=4, help="windows or pictures at once")
    verb.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps")
    verb.add_argument("--modality", help="ct or mri, where the images are not what the weights saw")
    verb.add_argument(
        "--range", help="LO,HI: the values that become 0 and 1; or 'image': each image's own"
    )
    verb.add_argument("--no-check", action="store_true", help="go on whatever the values look like")
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


def run_report(options: argparse.Namespace) -> int:
    """Draw a run's page, and say where it lies."""
    from genesis_hub.tuning.report import report

    print(report(options.run_folder, data=options.data, device=options.device))
    return 0
