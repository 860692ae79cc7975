"""What a user may choose about prediction, checked once."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from genesis_hub.errors import BadInput
from genesis_hub.infer.precision import check_precision
from genesis_hub.infer.prepare import VIEWS


@dataclass(frozen=True)
class Settings:
    """How images are run through a model.

    view: "windows" of the size the weights saw, or the "whole" image at once (pictures and slices
    are resized to that size and their answers back). None: windows for 3D models, whole for 2D.
    overlap: of neighbouring windows; None: 0.5 where answers are dense, else none.
    batch_size: windows, slices or pictures at once.
    """

    view: str | None = None
    overlap: float | None = None
    batch_size: int = 4
    device: str = "auto"
    precision: str = "fp32"
    check: bool = True
    multilabel: bool = False
    classes: tuple[str, ...] = ()
    probabilities: bool = False
    format: str = "nifti"
    layer: str | None = None

    def __post_init__(self) -> None:
        if self.view not in (None, *VIEWS):
            raise BadInput(f"view={self.view!r}; choose from {', '.join(VIEWS)}")
        check_precision(self.precision)
        size = self.batch_size
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise BadInput(f"batch_size={size!r}, but it must be a whole number from 1")
        overlap = self.overlap
        if overlap is not None and (isinstance(overlap, bool) or not 0 <= overlap < 1):
            raise BadInput(f"overlap={overlap!r}, but it is a share of a side: 0 to below 1")
        if len(set(self.classes)) != len(self.classes):
            raise BadInput(f"classes={self.classes}: a name stands twice")

    def that_matter(self) -> dict[str, Any]:
        """Return what an answer depends on; device and batch are only how it is got."""
        kept = asdict(self)
        for how in ("batch_size", "device"):
            del kept[how]
        return {**kept, "classes": list(self.classes)}


DEVICES: dict[str, Callable[[], bool]] = {
    "cpu": lambda: True,
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
}


def device_of(name: str) -> torch.device:
    """Return the device that is meant; "auto" takes the fastest there is."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        here = [kind for kind, there in DEVICES.items() if there()]
        raise BadInput(
            f"device={name!r} cannot be used here; this machine has {', '.join(here)}"
        ) from error
    return device
