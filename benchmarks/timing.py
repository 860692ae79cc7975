"""How the benchmarks take time and memory: in turn, so that whatever else runs slows both alike."""

import os
import platform
import statistics
import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

DATA = "GENESIS_HUB_DATA"
CPU = torch.device("cpu")


def in_turn(
    calls: Mapping[str, Callable[[int], object]],
    repeats: int,
    *,
    device: torch.device | None = None,
    warm: int = 1,
) -> dict[str, list[float]]:
    """Return the seconds of each call, called in turn with the number of the turn.

    device: whose time counts, as `seconds` has it. warm: turns before the first that counts.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(warm + repeats):
        for name, call in calls.items():
            took = seconds(lambda call=call, turn=turn: call(turn), device)
            if turn >= warm:
                found[name].append(took)
    return found


def seconds(work: Callable[[], object], device: torch.device | None = None) -> float:
    """Return how long something takes, the device's part included; without one, by the wall.

    On one thread of a CPU its own time counts, not that of others who share the core.
    """
    alone = device is not None and device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.thread_time if alone else time.perf_counter
    begin = clock()
    work()
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - begin


def times(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return how many times as long the other takes: the median over turns."""
    return statistics.median(other / one for one, other in zip(ours, theirs, strict=True))


def machine() -> str:
    """Return one line about where this ran."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores{load}, {torch.get_num_threads()} thread(s), "
        f"torch {torch.__version__}, numpy {np.__version__}, Python {platform.python_version()}"
    )


def own_memory() -> float:
    """Return the MiB that are this process's own, mapped files aside; nan where nothing tells."""
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.is_file() else ():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return float("nan")


def place_of_data(parser: ArgumentParser) -> Path:
    """Return the folder of real scans; where nothing names it, the parser ends the program."""
    place = os.environ.get(DATA)
    if not place:
        parser.error(f"{DATA} is not set: it names the folder of real scans")
    if not Path(place).is_dir():
        parser.error(f"{DATA}={place} is no folder; it names that of real scans")
    return Path(place)
