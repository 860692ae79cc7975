"""Devices, precision and processes: lightning-fabric's, started by hand or by torchrun."""

from typing import Any

import torch
from lightning_fabric import Fabric, seed_everything

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}

__all__ = ["PRECISIONS", "Fabric", "launched"]


def launched(
    device: torch.device, devices: int, precision: str, *, seed: int, deterministic: bool
) -> Fabric:
    """Return what puts models and batches on their devices; torchrun's numbers win."""
    kind: Any = PRECISIONS[precision]
    fabric = Fabric(
        accelerator={"cuda": "gpu"}.get(device.type, device.type),
        devices=devices,
        precision=kind,
        strategy="auto" if devices == 1 else "ddp",
    )
    fabric.launch()
    seed_everything(seed, workers=True, verbose=False)
    if deterministic:
        torch.use_deterministic_algorithms(True)
    return fabric
