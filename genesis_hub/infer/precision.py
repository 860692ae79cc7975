"""In which numbers a model answers: those of its weights, or two bytes where that is asked for."""

import torch

from genesis_hub.errors import BadInput

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def check_precision(precision: str) -> None:
    """Raise `BadInput` where there is no such precision."""
    if precision not in PRECISIONS:
        raise BadInput(f"precision={precision!r}; choose from {', '.join(PRECISIONS)}")


def computing(precision: str, device: torch.device) -> torch.autocast:
    """Return a context in which a model computes on a device as asked for."""
    kind = PRECISIONS[precision]
    return torch.autocast(device.type, dtype=kind, enabled=kind is not None)
