"""What a run tells while it goes: a table that survives kills, TensorBoard, one live line."""

import csv
import io
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import torch

TABLE = "log.csv"
EARLY = 5  # Steps after which a forecast can be made.


class Record:
    """Measures by step, appended line by line; lines past a resumed step are cut off first."""

    def __init__(self, folder: Path, *, first: int, quiet: bool, tensorboard: bool = True) -> None:
        self.path = folder / TABLE
        self.quiet = quiet
        self.rewind(first)
        self.writer: Any = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter

                self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=first)
            except ImportError:
                self.writer = None  # An extra; the table holds the same numbers.

    def rewind(self, first: int) -> None:
        """Cut off what was written after the step that is gone on from, and torn lines."""
        if not self.path.is_file():
            self.path.write_text("step,kind,name,value\n", encoding="utf-8")
            return
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [lines[0]]
        for line in lines[1:]:
            step = line.split(",", 1)[0]
            if line.endswith("\n") and step.isdigit() and int(step) <= first:
                kept.append(line)
        aside = self.path.with_suffix(".part")
        aside.write_text("".join(kept), encoding="utf-8")
        os.replace(aside, self.path)

    def note(self, step: int, kind: str, measures: Mapping[str, float]) -> None:
        """Write measures after a step: kind is "train" or "validation"."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        for name, value in measures.items():
            table.writerow([step, kind, name, f"{value:.8g}"])
            if self.writer is not None:
                self.writer.add_scalar(f"{kind}/{name}", value, step)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text.getvalue())

    def close(self) -> None:
        """Flush what is held back."""
        if self.writer is not None:
            self.writer.close()


class Progress:
    """One line on the terminal: epoch, step, losses, measure, time left."""

    def __init__(self, steps: int, *, quiet: bool, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.steps, self.quiet = steps, quiet
        self.live = self.stream.isatty()
        self.begin, self.first = time.monotonic(), 0
        self.told = 0.0

    def start(self, step: int) -> None:
        """Count the time from here."""
        self.begin, self.first = time.monotonic(), step

    def tell(self, step: int, epoch: int, said: str, *, always: bool = False) -> None:
        """Say where the run stands; on a terminal at most four times a second, else each minute."""
        now = time.monotonic()
        if self.quiet or not (always or now - self.told > (0.25 if self.live else 60)):
            return
        self.told = now
        done = max(1, step - self.first)
        left = (now - self.begin) / done * (self.steps - step)
        line = f"epoch {epoch + 1}  step {step}/{self.steps}  {said}  {clock(left)} left"
        if self.live:
            self.stream.write(f"\r\x1b[K{line}" + ("\n" if always else ""))
        else:
            self.stream.write(line + "\n")
        self.stream.flush()

    def forecast(self, step: int) -> None:
        """Say early how long it will take and what memory it holds, before the long wait."""
        if step - self.first != EARLY:
            return
        pace = (time.monotonic() - self.begin) / EARLY
        if torch.cuda.is_available():
            held = f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB of the GPU's memory"
        else:
            held = f"{memory() / 1e9:.1f} GB of memory"
        rest = clock(pace * (self.steps - step))
        self.say(f"forecast: {pace:.2g} s a step, {rest} more without validation; {held}")

    def say(self, line: str) -> None:
        """Print a line of its own."""
        if not self.quiet:
            self.stream.write(("\r\x1b[K" if self.live else "") + line + "\n")
            self.stream.flush()


def memory() -> int:
    """Return the most memory this process has held, in bytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows.
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def clock(seconds: float) -> str:
    """Return a time as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
