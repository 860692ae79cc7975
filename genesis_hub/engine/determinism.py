"""Operators that give the same bits each time, and the truth about those that cannot."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

# cuBLAS is deterministic with a workspace of its own for each stream (its manual, 2.1.4).
WORKSPACE = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
TOLD_BY_TORCH = " does not have a deterministic implementation"


def prepare_cublas() -> None:
    """Give cuBLAS its workspace; it must be asked for before CUDA is first used."""
    os.environ.setdefault(*WORKSPACE)


@contextmanager
def exactly(asked: bool, seen: list[str], say: Callable[[str], None]) -> Iterator[None]:
    """Use deterministic operators for a while, where that is asked for.

    An operator without such a form does not end the run: its name is added to `seen` and said once.
    """
    if not asked:
        yield
        return
    was = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    benchmark = torch.backends.cudnn.benchmark
    with warnings.catch_warnings():
        warnings.filterwarnings("always", message=".*determinis", category=UserWarning)
        others = warnings.showwarning

        def note(message: Any, *place: Any, **more: Any) -> None:
            name = operator_of(str(message))
            if not name:
                others(message, *place, **more)
            elif name not in seen:
                seen.append(name)
                say(
                    f"not deterministic on this device: {name}; the end may differ in its last bits"
                )

        warnings.showwarning = note
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(was[0], warn_only=was[1])
            torch.backends.cudnn.benchmark = benchmark


def operator_of(message: str) -> str:
    """Return which operator a warning of torch speaks of; nothing for any other warning."""
    name, told, _ = message.partition(TOLD_BY_TORCH)
    if told:
        return name.strip()
    # cuBLAS without its workspace and attention kernels are told in sentences of their own.
    if "determinis" in message and "torch.use_deterministic_algorithms" in message:
        return message.partition(". ")[0].strip()[:200]
    return ""


def promise(device: torch.device, *, asked: bool, operators: Sequence[str]) -> str:
    """Return what can be promised of a run that is killed and goes on."""
    if operators:
        return (
            "all state is restored exactly; the end may differ in its last bits, since these "
            f"operators are not deterministic on {device.type}: {', '.join(operators)}"
        )
    if asked or device.type == "cpu":
        return "a run that was killed ends with the same tensors, bit for bit"
    return (
        f"all state is restored exactly; a bit-identical end is not promised on {device.type} "
        "without deterministic=true"
    )
