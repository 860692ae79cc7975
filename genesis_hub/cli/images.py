"""`predict` and `embed`: images in, answers out."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from genesis_hub.cli.spoken import spoken
from genesis_hub.errors import BadInput

if TYPE_CHECKING:
    from genesis_hub.infer.run import Outcome

FEW = 8


def add(verbs: Any) -> None:
    """Add the verbs to the command."""
    verb = verbs.add_parser("predict", help="label maps or class probabilities of images")
    verb.add_argument("model", help="a name, or a folder with a fine-tuned model")
    verb.add_argument("--classes", help="their names: background,nodule")
    verb.add_argument(
        "--multilabel", action="store_true", default=None, help="classes may come together"
    )
    verb.add_argument("--probabilities", action="store_true", help="of a segmentation, too")
    verb.add_argument(
        "--format", default="auto", help="of label maps: nifti, png or dicom-seg; auto by image"
    )
    add_images(verb)
    verb.set_defaults(run=run_predict)

    verb = verbs.add_parser("embed", help="one feature vector of each image")
    verb.add_argument("model", help="a name, or a folder")
    verb.add_argument("--layer", help="a part of the model instead of its embedding")
    verb.add_argument("--format", default="safetensors", help="safetensors or csv")
    add_images(verb)
    verb.set_defaults(run=run_embed)


def add_images(verb: argparse.ArgumentParser) -> None:
    """Add what `predict` and `embed` share: the images, where answers go, how they are made."""
    verb.add_argument("images", nargs="+", help="files, folders, DICOM series, CSV manifests")
    verb.add_argument("--out", required=True, help="a folder; a second call goes on where it was")
    verb.add_argument("--view", help="windows, or the whole image (resized in 2D)")
    verb.add_argument("--overlap", type=float, help="of neighbouring windows, 0 to below 1")
    verb.add_argument("--batch-size", type=int, default=4, help="windows or pictures at once")
    verb.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps")
    verb.add_argument("--precision", default="fp32", help="fp32, bf16 or fp16")
    add_values(verb)
    verb.add_argument("--uneven", action="store_true", help="take DICOM series with gaps as even")
    verb.add_argument("--overwrite", action="store_true", help="answer everything anew")
    verb.add_argument("--quiet", action="store_true", help="no progress bar")


def add_values(verb: argparse.ArgumentParser) -> None:
    """Add how the values of images are taken."""
    verb.add_argument("--modality", help="ct or mri, where the images are not what the weights saw")
    verb.add_argument(
        "--range", help="LO,HI: the values that become 0 and 1; or 'image': each image's own"
    )
    verb.add_argument("--no-check", action="store_true", help="go on whatever the values look like")


def run_predict(options: argparse.Namespace) -> int:
    """Predict, and say what became of the cases."""
    from genesis_hub.infer.predict import predict

    outcome = predict(
        options.model,
        options.images,
        classes=tuple(options.classes.split(",")) if options.classes else (),
        multilabel=options.multilabel,
        probabilities=options.probabilities,
        format=options.format,
        **shared(options),
    )
    return told(outcome)


def run_embed(options: argparse.Namespace) -> int:
    """Embed, and say what became of the cases."""
    from genesis_hub.infer.embed import embed

    outcome = embed(
        options.model, options.images, layer=options.layer, format=options.format, **shared(options)
    )
    return told(outcome)


def shared(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments that `add_images` reads."""
    return {
        "out": options.out,
        "view": options.view,
        "overlap": options.overlap,
        "batch_size": options.batch_size,
        "device": options.device,
        "precision": options.precision,
        "modality": options.modality,
        "range": range_of(options.range),
        "check": not options.no_check,
        "uneven": options.uneven,
        "overwrite": options.overwrite,
        "quiet": options.quiet,
    }


def range_of(text: str | None) -> tuple[float, float] | str | None:
    """Return the range that was typed."""
    if text is None or text == "image":
        return text
    try:
        lo, hi = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f"--range {text!r}; give --range=LO,HI (as -1000,1000) or image") from None
    return lo, hi


def told(outcome: "Outcome") -> int:
    """Print what became of the cases; give the exit status: 1 if one failed."""
    for case, reason in list(outcome.failed.items())[:FEW]:
        print(f"genesis-hub: {case}: {spoken(reason)}", file=sys.stderr)
    if len(outcome.failed) > FEW:
        print(f"genesis-hub: and {len(outcome.failed) - FEW} more failed", file=sys.stderr)
    more = f"; {outcome.out}/failures.csv says why" if outcome.failed else ""
    print(f"{outcome.out}: {outcome}{more}")
    return outcome.status
