"""Devices, precision and processes: lightning-fabric's, started by hand or by torchrun."""

import os
from typing import Any

import torch
from lightning_fabric import Fabric, seed_everything

from genesis_hub.engine.determinism import prepare_cublas

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}

__all__ = ["PRECISIONS", "Fabric", "launched"]


def launched(
    device: torch.device, devices: int, precision: str, *, seed: int, deterministic: bool
) -> Fabric:
    """Return what puts models and batches on their devices; torchrun's numbers win."""
    if deterministic:
        prepare_cublas()
    kind: Any = PRECISIONS[precision]
    nodes = 1
    if "LOCAL_WORLD_SIZE" in os.environ:  # Started by torchrun.
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    fabric = Fabric(
        accelerator={"cuda": "gpu"}.get(device.type, device.type),
        devices=devices,
        num_nodes=nodes,
        precision=kind,
        strategy="auto" if devices * nodes == 1 else "ddp",
    )
    fabric.launch()
    seed_everything(seed, workers=True, verbose=False)
    return fabric
