"""What is known about one set of weights: frozen facts, no logic, not even torch."""

from dataclasses import dataclass, field
from typing import Literal

Road = Literal["bundled", "hub", "zenodo", "form", "none"]


@dataclass(frozen=True)
class Paper:
    """Where a method was published."""

    title: str
    authors: str
    venue: str
    year: int
    url: str


@dataclass(frozen=True)
class License:
    """Terms of the original weights, as facts; the text itself never comes from memory.

    redistributable: may be passed on by anyone without conditions of use for the receiver.
    notice: an importer has to write a NOTICE of changes beside the weights.
    """

    name: str
    url: str
    spdx: str | None = None
    redistributable: bool = False
    commercial: bool = False
    notice: bool = False
    summary: str = ""


@dataclass(frozen=True)
class Location:
    """One place where the authors' file of a name lies.

    road: "hub" and "zenodo" can be fetched; "form" needs a person; "none" was never published.
    address: repository, record number or form address.
    known: sha256 of copies of the file that somebody has seen.
    sha256: what a download must match; None where nobody has published it.
    """

    road: Road
    address: str = ""
    file: str = ""
    sha256: str | None = None
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class InputFacts:
    """What the weights expect: clip to `clip` in `unit`, scale to [0, 1], then (x - mean) / std.

    size: the patch the weights were trained on, in axis order (X, Y[, Z]), slices last.
    multiple: each side must be a multiple of the number given for its axis.
    spacing: millimetres along each axis that the weights saw; empty where they saw images as they
    come.
    scale: False where mean and std are given in `unit` and replace the scaling to [0, 1].
    """

    modality: str
    unit: str
    size: tuple[int, ...]
    multiple: tuple[int, ...]
    channels: int = 1
    clip: tuple[float, float] | None = None
    scale: bool = True
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    spacing: tuple[float, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Answers:
    """What a fine-tuned model's classes are called, in the order of its outputs.

    multilabel: each is a question of its own, so that several may be true.
    """

    classes: tuple[str, ...] = ()
    multilabel: bool = False


@dataclass(frozen=True)
class Rename:
    """One author's key, by an anchored pattern, to ours; `to=None` drops it and says why."""

    pattern: str
    to: str | None
    why: str = ""


@dataclass(frozen=True)
class Layout:
    """One layout of the authors' files.

    prefixes: wrappers taken off at the start of a key only, each at most once, in this order.
    renames: the keys, after the prefixes, to ours; each key meets exactly one rule.
    task, operator: the model that such a file holds.
    wrapper, written_prefix: under which key of a checkpoint, and with which prefix, it is written.
    """

    name: str
    renames: tuple[Rename, ...]
    prefixes: tuple[str, ...] = ()
    task: Literal["pretext", "features", "classification", "segmentation"] = "pretext"
    operator: Literal["lstm", "conv3d"] | None = None
    wrapper: str = "state_dict"
    written_prefix: str = ""


@dataclass(frozen=True)
class Entry:
    """One row of the catalog: a name and everything true of it.

    family, method: one of the five families, and the method inside it; a filter takes either.
    architecture: the row of `networks.ARCHITECTURES` that builds it.
    layouts: the layouts of the authors' files; none where nobody wrote any.
    encoders: other encoders to choose from, published name -> timm name (2D proxy tasks).
    pretext_classes: size of the published classification head; 0 where there is none.
    width: what the channel counts of these weights are multiplied by (1.0 but for the minis).
    made_by: the recipe in `training/` that makes such weights; empty where there is none.
    """

    name: str
    family: str
    method: str
    ndim: Literal[2, 3]
    architecture: str
    summary: str
    paper: Paper
    code: str
    license: License
    inputs: InputFacts
    location: Location
    layouts: tuple[Layout, ...] = ()
    encoders: tuple[tuple[str, str], ...] = ()
    pretext_classes: int = 0
    width: float = 1.0
    patents: tuple[str, ...] = ()
    patent_note: str = ""
    made_by: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def in_channels(self) -> int:
        """Channels of the images that the weights saw."""
        return self.inputs.channels
