"""Devices, precision and processes: lightning-fabric's, started by hand or by torchrun."""

import atexit
import logging
import os
from typing import Any

import torch
from lightning_fabric import Fabric, seed_everything
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from genesis_hub.engine.determinism import prepare_cublas

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}

__all__ = ["PRECISIONS", "Fabric", "agree", "heard", "launched"]


def launched(
    device: torch.device, devices: int, precision: str, *, seed: int, deterministic: bool
) -> Fabric:
    """Return what puts models and batches on their devices; torchrun's numbers win."""
    if deterministic:
        prepare_cublas()
    kind: Any = PRECISIONS[precision]
    # It announces each precision at the level of news, whatever --quiet asks for.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
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
    if devices * nodes > 1 and torch.distributed.get_backend() == "gloo":
        # Fabric does so for NCCL only; gloo's threads, left running, abort some exits (1 of 7).
        atexit.register(closed)
    seed_everything(seed, workers=True, verbose=False)
    return fabric


def agree(model: nn.Module, fabric: Fabric) -> None:
    """Give every process the mean of their batch-norm statistics, after a step.

    Each normalises its own part of the batch; without this, what is saved were the statistics of
    the first one's part. Of other buffers the first process's go to all, as DDP has it.
    """
    if fabric.world_size == 1:
        return
    held = [
        statistic
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.training
        for statistic in (module.running_mean, module.running_var)
        if statistic is not None
    ]
    if not held:
        return
    flat = torch.cat(held)  # Each is a row.
    torch.distributed.all_reduce(flat)
    flat /= fabric.world_size
    for statistic, mean in zip(held, torch.split(flat, [len(s) for s in held]), strict=True):
        statistic.copy_(mean)


def heard(number: int, fabric: Fabric) -> int:
    """Return the signal that any process heard, to all at the same step; 0 for none.

    A signal reaches processes at different moments: one that stopped a step before the others
    would wait for them for ever, and they for it.
    """
    if fabric.world_size == 1:
        return number
    most = torch.tensor(number, device=fabric.device)
    torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
    return int(most)


def closed() -> None:
    """End the talk between processes."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
