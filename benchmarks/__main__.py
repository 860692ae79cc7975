"""`python -m benchmarks` runs what measures speed and memory, and writes docs/performance.md.

    python -m benchmarks [--only NAME ...] [--quick] [--out FILE] [--limit SECONDS]

Each is a process of its own with a time limit; one that fails or takes too long is a row that says
so, beside the rows it told before. --only: the others' tables stay. --quick: small sizes, to see
that all run, not to be quoted; it prints its page, and writes it where --out says.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.rows import FILE, Row
from benchmarks.timing import machine

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
SECTION = re.compile(r"(?ms)^## (\S+)\n(.*?)(?=^## |\Z)")
HEAD = """# Speed and memory

What the parts cost beside what one would use instead: the ratio is what to quote, machines differ.
Both sides of a row are taken in turn, in one process, on the same data, made up unless it says
otherwise. `python -m benchmarks` (`make performance`) from a checkout writes this page anew;
`--only NAME` one of its tables. Above each stands what it was measured on: a load above the number
of cores means that others used them, too.
"""


class Asked(NamedTuple):
    """title: what the tables is about; words: of the whole run; quick: of the short one."""

    title: str
    words: str = ""
    quick: str = ""


BENCHMARKS = {
    "loading": Asked("Importing the package, loading weights", quick="--repeats 1"),
    "reading": Asked("Reading images", quick="--repeats 1 --slices 48"),
    "feeding": Asked(
        "Waiting for batches in fine-tuning",
        quick="--pictures 96 --volumes 14 --width 0.0625 --repeats 1",
    ),
    "loop": Asked("The training loop", quick="--steps 4 --width 0.0625 --repeats 1"),
    "sliding_window": Asked(
        "Sliding windows",
        "--sides 256 256 128 --repeats 3",
        "--sides 96 96 64 --repeats 1 --width 0.03125",
    ),
    "frozen": Asked(
        "Volumes of slices, the encoder frozen", quick="--side 64 --slices 6 --width 0.125"
    ),
    "intervals": Asked("Intervals and tests", quick="--cases 200 --resamples 1000"),
    "views": Asked("Views of cubes", quick="--cubes 4 --plain 1 --repeats 1"),
    "planar_views": Asked("Views of pictures", quick="--pictures 4 --repeats 1"),
    "pretraining": Asked(
        "A step of Models Genesis, and what feeds it",
        "step loader compile",
        "step --batch 1 --repeats 1",
    ),
    "adam": Asked(
        "A step of Adam, and what feeds it",
        "step views loader",
        "step --batch 4 --side 64 --queue 256 --repeats 1",
    ),
    "proxy_tasks": Asked("Steps of the proxy tasks", "steps encodes", "encodes --repeats 1"),
    "discovery": Asked(
        "Discovering patterns", "neighbours patterns --patients 100000", "patterns --scans 6"
    ),
    "cubes": Asked("Cutting cubes", quick="--repeats 1 --scans 4"),
    "packing": Asked("A packed corpus", quick="--volumes 1 --crops 6 --small"),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run what is asked for; return 1 where a benchmark failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=str(__doc__))
    parser.add_argument("--only", choices=BENCHMARKS, action="append")
    parser.add_argument("--quick", action="store_true", help="small sizes: do they run?")
    parser.add_argument("--out", type=Path, help="the page to write (docs/performance.md)")
    parser.add_argument("--limit", type=float, default=1800, help="seconds for each")
    options = parser.parse_args(words)
    if options.limit <= 0:
        parser.error(f"--limit {options.limit:g}; give seconds above 0")
    if options.out is not None and not options.out.absolute().parent.is_dir():
        parser.error(f"--out {options.out}: {options.out.parent} is no folder; make it first")
    page = options.out or (None if options.quick else PAGE)
    failed = False
    text = page.read_text(encoding="utf-8") if page is not None and page.is_file() else HEAD
    for name in options.only or BENCHMARKS:
        print(f"== {name}", flush=True)
        rows, ended = measured(name, quick=options.quick, limit=options.limit)
        failed |= bool(ended)
        text = with_section(text, name, section(name, rows, ended, quick=options.quick))
        if page is not None:  # After each: a long run may be stopped at any time.
            page.write_text(text, encoding="utf-8")
    print(text if page is None else f"{page} written")
    return int(failed)


def measured(name: str, *, quick: bool, limit: float) -> tuple[list[Row], str]:
    """Run a benchmark; return its rows, and why it ended early, if it did."""
    asked = BENCHMARKS[name]
    call = [sys.executable, "-m", f"benchmarks.{name}"]
    call += (asked.quick if quick else asked.words).split()
    with tempfile.TemporaryDirectory() as work:
        found = Path(work) / "rows.jsonl"
        try:
            done = subprocess.run(
                call, cwd=ROOT, env={**os.environ, FILE: str(found)}, timeout=limit, check=False,
                stdout=None, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            last = (done.stderr.strip().splitlines() or [""])[-1]
            ended = f"failed: {last[:120]}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            ended = f"stopped after {limit:g} s"
        lines = found.read_text(encoding="utf-8").splitlines() if found.is_file() else []
    if not lines and not ended:
        ended = "told no row"
    return [Row(**json.loads(line)) for line in lines], ended


def section(name: str, rows: Sequence[Row], ended: str, *, quick: bool) -> str:
    """Return a benchmark's part of the page."""
    asked = BENCHMARKS[name]
    words = asked.quick if quick else asked.words
    lines = [
        f"**{asked.title}.** `python -m benchmarks.{name}{f' {words}' if words else ''}`"
        f"{', a short run at small sizes' if quick else ''}; {machine()}.",
        "", "| what | beside what | ratio |", "|---|---|---|",
    ]  # fmt: skip
    told = [*rows, *([Row("the rest", "", ended)] if ended else [])]
    lines += [
        f"| {' | '.join(cell.replace('|', '/') for cell in (row.what, row.beside, row.ratio))} |"
        for row in told
    ]
    return "\n".join(lines) + "\n"


def with_section(text: str, name: str, told: str) -> str:
    """Return a page with one part anew, the parts in their order."""
    parts = dict(SECTION.findall(text)) | {name: told}
    kept = [f"## {one}\n\n{parts[one].strip()}\n" for one in BENCHMARKS if one in parts]
    return "\n".join([HEAD, *kept])


if __name__ == "__main__":
    sys.exit(main())
