"""How the demonstration speaks: parts with their seconds, numbers with intervals, verdicts."""

import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from genesis_hub.demo.beside import Beside, best

Span = tuple[float, float]


def say(text: str = "") -> None:
    """Print a line at once: what takes a minute is followed as it goes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def part(title: str) -> Iterator[None]:
    """Print a heading, and at the end of what stands under it how long that took."""
    say(f"\n{title}\n{'-' * len(title)}")
    begin = time.perf_counter()
    yield
    say(f"({time.perf_counter() - begin:.0f} s)")


def verdict(spans: Sequence[Span]) -> str:
    """Return what may be said of weights less random ones by the intervals of that difference.

    A gain, or a loss, is told only where every interval lies on its side of zero.
    """
    if not spans or any(math.isnan(end) for span in spans for end in span):
        return "There is no interval, so nothing can be said."
    if all(low > 0 for low, _ in spans):
        return (
            "Zero is outside: the pretrained weights did better here. It is one set of weights and "
            "one task: a hint, not yet a claim."
        )
    if all(high < 0 for _, high in spans):
        return "Zero is outside: the random weights did better here."
    which = "The interval includes" if len(spans) == 1 else "An interval includes"
    return f"{which} zero: this shows no gain, and no loss."


def between(span: Span, *, signed: bool = False) -> str:
    """Return an interval in words."""
    if any(math.isnan(end) for end in span):
        return "no interval"
    low, high = (f"{end:+.3f}" if signed else f"{end:.3f}" for end in span)
    return f"{low} to {high}"


def rates_table(tried: Mapping[str, Mapping[float, float]]) -> list[str]:
    """Return the lines on what each arm reached at each learning rate, the one taken marked."""
    wide = max(map(len, tried))
    rates = sorted(next(iter(tried.values())))
    lines = [" ".join(["learning rate".ljust(wide), *(f"{rate:>7g} " for rate in rates)])]
    for title, reached in tried.items():
        cells = (f"{reached[r]:>7.3f}{'*' if r == best(reached) else ' '}" for r in rates)
        lines.append(" ".join([title.ljust(wide), *cells]))
    ends = [title for title, reached in tried.items() if best(reached) in (rates[0], rates[-1])]
    if ends:
        lines.append(f"(of {' and '.join(ends)} the last that was tried: one beyond may be better)")
    return [line.rstrip() for line in lines]


def compared(found: Beside) -> list[str]:
    """Return the lines on both arms' test cases: each alone, the difference, what it says."""
    wide = max(len(arm.title) for arm in found.arms)
    lines = [
        f"{arm.title.ljust(wide)}  Dice {arm.dice:.3f} ({between(arm.interval)})"
        for arm in found.arms
    ]
    by_run = ", ".join(f"{gap:+.3f}" for gap in found.by_run)
    return [
        *lines,
        f"{'difference'.ljust(wide)}  {found.difference:+.3f}; run by run {by_run}",
        f"95 % intervals of it: {between(found.over_cases, signed=True)} had other cases been "
        f"tested, {between(found.over_runs, signed=True)} had other runs been made.",
        verdict((found.over_cases, found.over_runs)),
    ]
