"""The verbs that find, build and load models."""

from pathlib import Path
from typing import TYPE_CHECKING

from genesis_hub import registry
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput
from genesis_hub.weights.store import bundled, stored

if TYPE_CHECKING:
    from genesis_hub.inputs import Range
    from genesis_hub.models import HubModel


def list_models(
    pattern: str = "",
    *,
    ndim: int | None = None,
    method: str | None = None,
    pretrained: bool | None = None,
) -> list[str]:
    """Return the names that match a wildcard pattern: `list_models("*genesis*")`.

    ndim: 2 or 3. method: a family ("proxy-tasks") or a method of it ("cpc").
    pretrained: True for names whose weights can be had without asking anybody: bundled, already
    imported here, or at an open address; False for the others.
    """
    return [
        entry.name
        for entry in registry.select(pattern, ndim=ndim, method=method)
        if pretrained is None or pretrained == weights_open(entry)
    ]


def weights_open(entry: Entry) -> bool:
    """Say whether the weights are on this machine or at an open address."""
    return (
        entry.location.road in ("hub", "zenodo")
        or stored(entry.name) is not None
        or bundled(entry.name) is not None
    )


def model_info(name: str) -> Entry:
    """Return what is known of a model: paper, licence, input, weights and how to get them."""
    return registry.find(name)


def from_pretrained(
    name_or_path: str | Path,
    *,
    task: str | None = None,
    num_classes: int = 0,
    in_channels: int | None = None,
    features_only: bool = False,
    head: str = "linear",
    decoder: str | None = None,
    encoder: str | None = None,
    operator: str | None = None,
    width: float = 1.0,
    norm: str | None = None,
    dropout: float = 0.5,
    grade: bool = False,
    pooling: str | None = None,
    size: tuple[int, ...] | None = None,
    modality: str | None = None,
    range: "Range | None" = None,
    weights: str | Path | None = None,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    token: str | None = None,
    local_files_only: bool = False,
    pretrained: bool = True,
) -> "HubModel":
    """Build a model by name, or from a folder, and load its weights; it comes in eval mode.

    A name is one of `list_models()`, or "timm:NAME" for any network of timm's (2D).
    task: "features" (default without classes: the embedding (N, C)), "classification" (default
    with classes), "segmentation", or "pretext" (the published network, a dict of its answers).
    features_only: a list of feature maps instead of the embedding.
    head: "linear"; "mlp", the published head with 1,024 units; those of the proxy tasks:
    "big_fully" (2,048 and 1,024 units, batch norm), "simple_multiclass" (1,024 units, batch norm),
    "dense-2x1024" (any layers x units, no norm). dropout: the share that the two with norm leave
    out in training.
    grade: the head gives one number, and each class the logit -(number - its place)^2: for classes
    in an order, such as grades of a disease.
    pooling: None: the mean of the last map over positions; as the proxy tasks were published: "avg"
    or "max" halve the built-in U-Net's map once more, and make a vector of timm's; "none" leaves
    it; what is left is flattened. size: the sides that flattened maps are built for, then the
    only ones taken; the name's own by itself.
    decoder: in 2D any decoder of segmentation-models-pytorch ("Unet" by default); in 3D
    "pretrained" or "fresh". On the proxy tasks' built-in U-Net also "proxy", its own in 2D, and
    "patches-2x128": the image in 2 patches per side, whose codes of 128 numbers are mixed before
    each is decoded; pooling= then halves and undoes, size= are the sides of the whole image.
    encoder: one of a 2D proxy task's encoders ("DenseNet121", ...).
    operator: "lstm" or "conv3d" make a volume network (N, C, X, Y, Z) of a 2D encoder.
    width: multiplies every channel count; only without weights, or with weights of that width.
    norm: "running", "original" or "instance" for the Genesis networks.
    modality: "ct" (values clipped to [-1000, 1000] HU) or "mri" ([0, 4000]) for images of another
    kind than the weights saw. range: (lo, hi), the values that become 0 and 1 instead, or "image":
    each image's own least and greatest. `model.inputs` follows, and is saved with the model.
    weights: a folder to take instead of the name's own weights.
    revision, cache_dir, token, local_files_only: as in huggingface_hub.

    pretrained: False builds the same model without looking for weights.

    A folder without other wishes gives back the model that was saved, bit for bit; what is not
    wished for (or equals its default) stays as it was saved.
    """
    # torch, timm and smp are imported when a network is built, not when names are listed.
    from genesis_hub.assemble import assemble, load
    from genesis_hub.hosting import hosted
    from genesis_hub.importing import import_weights
    from genesis_hub.saved import follow
    from genesis_hub.spec import Wishes, resolve
    from genesis_hub.weights.fetch import Access
    from genesis_hub.weights.folder import read_folder
    from genesis_hub.weights.roads import find_weights

    wishes = Wishes(
        task=task,
        num_classes=num_classes,
        in_channels=in_channels,
        features_only=features_only,
        head=head,
        decoder=decoder,
        encoder=encoder,
        operator=operator,
        width=None if width == 1.0 else width,
        norm=norm,
        dropout=dropout,
        grade=grade,
        pooling=pooling,
        size=size,
    )
    if not isinstance(pretrained, bool):
        raise BadInput(f"pretrained={pretrained!r}, but it is True or False")
    folder = folder_of(name_or_path)
    if folder is not None:
        if weights is not None:
            raise BadInput(
                f"weights={str(weights)!r} and the folder {str(folder)!r} were both given; "
                "give the name of a model with weights=, or the folder alone"
            )
        artefact = read_folder(folder)
        entry = registry.find(artefact.facts["name"])
    else:
        # A wish that cannot be met is refused before anything is looked for.
        entry = registry.find(str(name_or_path))
        spec = resolve(entry, wishes, with_weights=pretrained and weights is None)
        guest = registry.is_guest(entry.name) and weights is None
        if guest or not pretrained:
            model = assemble(spec, entry)
            model.expect(modality=modality, range=range)
            return hosted(model) if pretrained else model
        artefact = find_weights(
            entry,
            import_weights,
            operator=operator,
            weights=weights,
            access=Access(revision, cache_dir, token, local_files_only),
        )
    spec, entry = follow(artefact.facts, entry, wishes, as_saved=folder is not None)
    model = assemble(spec, entry, empty=pretrained)
    model.expect(modality=modality, range=range)
    if not pretrained:
        return model
    model = load(model, artefact)
    # What ships lies in two bytes a number where four are too many; a name gives what computes.
    return model.float() if folder is None and entry.location.road == "bundled" else model


def create_model(
    name: str,
    *,
    task: str | None = None,
    num_classes: int = 0,
    in_channels: int | None = None,
    features_only: bool = False,
    head: str = "linear",
    decoder: str | None = None,
    encoder: str | None = None,
    operator: str | None = None,
    width: float = 1.0,
    norm: str | None = None,
    dropout: float = 0.5,
    grade: bool = False,
    pooling: str | None = None,
    size: tuple[int, ...] | None = None,
    modality: str | None = None,
    range: "Range | None" = None,
) -> "HubModel":
    """Build the same model as `from_pretrained`, without weights, in eval mode.

    The arguments are those of `from_pretrained`, and mean the same.
    """
    return from_pretrained(
        name,
        task=task,
        num_classes=num_classes,
        in_channels=in_channels,
        features_only=features_only,
        head=head,
        decoder=decoder,
        encoder=encoder,
        operator=operator,
        width=width,
        norm=norm,
        dropout=dropout,
        grade=grade,
        pooling=pooling,
        size=size,
        modality=modality,
        range=range,
        pretrained=False,
    )


def folder_of(name_or_path: str | Path) -> Path | None:
    """Return the folder that is meant, or None for a name of the catalog."""
    if not isinstance(name_or_path, str | Path) or not str(name_or_path).strip():
        raise BadInput(f"{name_or_path!r} is no name and no folder; list_models() shows the names")
    path = Path(name_or_path).expanduser()
    if path.name == "model.safetensors":
        path = path.parent
    if isinstance(name_or_path, str):
        known = registry.normalise(name_or_path) in registry.ENTRIES
        if known or registry.is_guest(name_or_path):
            return None
        if not is_folder(path) and len(path.parts) < 2 and not name_or_path.startswith("."):
            registry.find(name_or_path)  # No such name: says which ones are near.
    if not is_folder(path):
        raise BadInput(
            f"{str(name_or_path)!r} is no folder and no model's name; give a folder that holds "
            "config.json, or one of list_models()"
        )
    return path


def is_folder(path: Path) -> bool:
    """Say whether a path is a folder; what cannot be a path is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
