"""Whether what a config asks for fits together and fits the data, told before training."""

from genesis_hub.data.cases import CaseList
from genesis_hub.data.nearest import close_names
from genesis_hub.data.readers import read
from genesis_hub.errors import BadInput
from genesis_hub.losses.published import LOSSES
from genesis_hub.trials.asked import FinetuneConfig
from genesis_hub.trials.cases import case_channels
from genesis_hub.trials.network import Network
from genesis_hub.trials.scores import check_scores

# Which losses measure one number, bits, and one class out of several.
NUMBER: tuple[str, ...] = ("mse",)
BITS: tuple[str, ...] = ("binary_crossentropy", "mse")


def check_fit(config: FinetuneConfig, cases: CaseList, network: Network) -> None:
    """Raise `BadInput` for what cannot be trained, or would mean something else than it says."""
    task = str(cases.task)
    check_head(config, task)
    check_loss(config)
    check_images(config, cases)
    check_sides(config, network)
    bits = len(cases.classes)
    grades = {"bits": bits + 1, "reference": bits}.get(config.coding, bits)
    check_scores(config.scores, task=task, classes=grades)


def check_head(config: FinetuneConfig, task: str) -> None:
    """Raise `BadInput` where a head does not answer what the labels ask."""
    head = config.prediction_architecture
    if task == "segmentation" and not config.by_masks:
        dims = f"unet_{config.ndim}d_upconv"
        raise BadInput(
            f"prediction_architecture={head!r} answers by grades, but the labels are masks; give "
            f"{dims!r}, or csv_file_train and csv_file_test"
        )
    if task == "classification" and config.by_masks:
        raise BadInput(
            f"prediction_architecture={head!r} answers by masks, but the labels are grades; give "
            "'simple_multiclass' or 'big_fully'"
        )
    flat = head == "unet_2d_upconv"
    if config.by_masks and flat == config.data_is_3D:
        right = f"unet_{config.ndim}d_upconv"
        raise BadInput(
            f"prediction_architecture={head!r}, but data_is_3D is "
            f"{str(config.data_is_3D).lower()}; give {right!r}"
        )
    many = config.train_data_generator_args.multilabel
    if many and head != "simple_multiclass":
        raise BadInput(
            f"multilabel writes a grade as bits, but prediction_architecture={head!r} answers by "
            "one number; give 'simple_multiclass', or multilabel: false"
        )
    if many and task == "segmentation":
        raise BadInput("multilabel is for grades, but the labels are masks; leave it away")


def check_loss(config: FinetuneConfig) -> None:
    """Raise `BadInput` where a loss does not measure what a head answers."""
    if config.loss not in LOSSES:
        raise BadInput(
            f"loss={config.loss!r} is not known{close_names(config.loss, LOSSES)}; choose from "
            f"{', '.join(LOSSES)}"
        )
    if config.train_data_generator_args.multilabel:
        known, said = BITS, "bits, several of which are set (multilabel)"
    elif config.prediction_architecture in (None, "big_fully"):
        known, said = NUMBER, "a grade that is answered by one number"
    else:
        return
    if config.loss not in known:
        bits = config.loss == "binary_crossentropy"
        raise BadInput(
            f"loss={config.loss!r} does not measure {said}; give {' or '.join(known)}, or "
            + ("'simple_multiclass' with multilabel: true" if bits else "'simple_multiclass'")
            + (" without multilabel" if known is BITS else "")
        )


def check_images(config: FinetuneConfig, cases: CaseList) -> None:
    """Raise `BadInput` where images have other axes or channels than a config says."""
    case = cases.cases[0]
    image = read(case.images[0])
    if image.ndim != config.ndim:
        raise BadInput(
            f"{case.images[0]} has {image.ndim} axes, but data_is_3D is "
            f"{str(config.data_is_3D).lower()}; give data_is_3D: {str(image.ndim == 3).lower()}"
        )
    channels = case_channels(case)
    if channels != config.number_channels:
        raise BadInput(
            f"number_channels={config.number_channels}, but {case.images[0]} has {channels}; give "
            f"number_channels: {channels}"
        )


def check_sides(config: FinetuneConfig, network: Network) -> None:
    """Raise `BadInput` where a side cannot be halved as often as a decoder wants."""
    if not config.by_masks or network.encoder:
        return
    pooled = config.pool != "none"
    multiple = network.multiple * (2 if pooled else 1)
    patch = config.train_data_generator_args.patch or (config.data_dim,) * config.ndim
    parts = 1
    if config.prediction_architecture == "unet_3d_upconv_patches":
        parts = config.per_side
    for side in patch:
        if side % (multiple * parts):
            key = "patch_size" if config.train_data_generator_args.patch else "data_dim"
            near = max(1, round(side / (multiple * parts))) * multiple * parts
            raise BadInput(
                f"{key}={side}, but prediction_architecture={config.prediction_architecture!r} "
                f"with pooling={config.pool!r}"
                + (f" and {parts} patches a side" if parts > 1 else "")
                + f" wants a multiple of {multiple * parts}; give {near}"
            )
