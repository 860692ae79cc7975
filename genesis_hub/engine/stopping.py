"""Signals that ask a run to stop: heard, heeded after the step, told by the exit's status."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stopped(Exception):
    """The run was asked to stop and has saved where it stands."""

    def __init__(self, signal_number: int, step: int) -> None:
        super().__init__(f"stopped after step {step}")
        self.status, self.step = 128 + signal_number, step


@contextmanager
def asked_to_stop() -> Iterator[Any]:
    """Give a function that says which signal asked the run to stop, 0 for none."""
    seen = {"signal": 0}
    before = {}

    def note(number: int, frame: Any) -> None:
        if seen["signal"]:  # Asked twice: at once.
            raise KeyboardInterrupt
        seen["signal"] = number

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            before[number] = signal.signal(number, note)
        except ValueError:  # Not the main thread: whoever runs it there stops it.
            break
    try:
        yield lambda: seen["signal"]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
