"""Many cases: read ahead, answered, recorded; a bad one does not stop the rest."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from genesis_hub.data.finding import Found
from genesis_hub.errors import GenesisHubError
from genesis_hub.infer.journal import Journal
from genesis_hub.infer.prepare import Ready

PICTURES_AHEAD = 2  # batches


@dataclass(frozen=True)
class Outcome:
    """What became of a call: how many cases were answered now, were already, and which failed.

    results: by case, what was answered, where no folder was given to write it to.
    """

    out: Path | None
    done: int
    kept: int
    failed: dict[str, str]
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The exit code: 0 if every case was answered, else 1."""
        return 1 if self.failed else 0

    def __str__(self) -> str:
        said = [f"{self.done} answered"]
        said += [f"{self.kept} were there already"] if self.kept else []
        said += [f"{len(self.failed)} failed"] if self.failed else []
        return ", ".join(said)


@dataclass(frozen=True, eq=False)
class Work:
    """What a verb does: `prepare` reads and checks (in a thread), `answer` computes a few cases.

    answer: one result for each image, in order. keep: writes a result and gives its files, and
    the row that stands for it in a table.
    """

    prepare: Callable[[Found], Ready]
    answer: Callable[[Sequence[Ready]], Sequence[Any]]
    keep: Callable[[Found, Ready, Any], tuple[list[str], Any]]
    at_once: int = 1


def run(
    found: Sequence[Found], work: Work, journal: Journal | None, *, out: Path | None, quiet: bool
) -> Outcome:
    """Answer every case that was not answered before."""
    waiting = [one for one in found if journal is None or not journal.is_done(one)]
    failed: dict[str, str] = {}
    done = 0
    with (
        ahead(waiting, work) as coming,
        tqdm(total=len(waiting), disable=quiet or None, unit="case") as bar,
    ):
        for some in batches(coming, work.at_once):
            for one, ready, result in answered(some, work):
                if isinstance(result, str):
                    failed[one.name] = result
                    if journal:
                        journal.failed(one, result)
                else:
                    try:
                        files, row = work.keep(one, ready, result)
                    except GenesisHubError as error:
                        if out is None or isinstance(error.__cause__, OSError):
                            raise  # A full disk is no fault of the case.
                        failed[one.name] = str(error)
                        if journal:
                            journal.failed(one, str(error))
                    else:
                        done += 1
                        if journal:
                            journal.done(one, files, row, ready.image.notes)
                bar.update()
    return Outcome(out, done, len(found) - len(waiting), failed)


@contextmanager
def ahead(waiting: Sequence[Found], work: Work) -> Iterator[Iterator[tuple[Found, Any]]]:
    """Give (case, Ready or what is wrong with it), the next ones being read meanwhile."""
    reach = work.at_once * PICTURES_AHEAD if work.at_once > 1 else 1
    pool = ThreadPoolExecutor(max_workers=2 if work.at_once > 1 else 1)

    def reading() -> Iterator[tuple[Found, Any]]:
        begun: list[tuple[Found, Future[Ready]]] = []
        rest = iter(waiting)
        while True:
            for one in rest:
                begun.append((one, pool.submit(work.prepare, one)))
                if len(begun) > reach:
                    break
            if not begun:
                return
            one, future = begun.pop(0)
            try:
                yield one, future.result()
            except Exception as error:  # recorded with the case; the others go on
                yield one, reason_of(error)

    try:
        yield reading()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def batches(coming: Iterator[tuple[Found, Any]], at_once: int) -> Iterator[list[tuple[Found, Any]]]:
    """Give the cases a few at a time."""
    some: list[tuple[Found, Any]] = []
    for pair in coming:
        some.append(pair)
        if len(some) == at_once:
            yield some
            some = []
    if some:
        yield some


def answered(some: list[tuple[Found, Any]], work: Work) -> Iterator[tuple[Found, Ready, Any]]:
    """Give (case, Ready, result or what is wrong); where a batch fails, each is tried alone."""
    good = [(one, ready) for one, ready in some if not isinstance(ready, str)]
    for one, reason in some:
        if isinstance(reason, str):
            yield one, None, reason  # type: ignore[misc]
    try:
        results = list(work.answer([ready for _, ready in good])) if good else []
    except Exception as error:
        if len(good) == 1:
            yield (*good[0], reason_of(error))
        else:
            for pair in good:
                yield from answered([pair], work)
        return
    for (one, ready), result in zip(good, results, strict=True):
        yield one, ready, result


def reason_of(error: Exception) -> str:
    """Return in one line what went wrong with a case."""
    if isinstance(error, GenesisHubError):
        return str(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return "not enough memory for this case; use a smaller batch_size, or view='windows'"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
