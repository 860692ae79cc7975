"""A fold of scans becomes a file of cubes, with a table beside it, written as they come."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from genesis_hub.errors import BadInput
from training.corpus.bat import (
    HU,
    STEPS,
    UNIT,
    Beside,
    Source,
    growing,
    read_beside,
    write_beside,
    write_rows,
)  # fmt: skip
from training.corpus.cutting import Place
from training.corpus.leftout import Bearing, LeftOut
from training.corpus.listing import Scan
from training.corpus.picking import Wish, Yield, extract, unfit


@dataclass
class Done:
    """What became of a fold. few: scans of which the rule accepted less than was wanted."""

    path: Path
    cubes: int = 0
    scans: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    few: list[Source] = field(default_factory=list)
    before: bool = False


def extract_fold(
    scans: Sequence[Scan],
    path: Path,
    wish: Wish,
    *,
    folds: Sequence[int],
    workers: int = 4,
    bearing: Bearing | None = None,
    later: Sequence[Scan] = (),
    overwrite: bool = False,
    quiet: bool = False,
) -> Done:
    """Write the cubes of a fold's scans, with the table and the JSON beside them.

    The same cubes whatever the number of threads and the other scans. A file that was finished
    with the same settings stays as it is; a fold of which every scan is left out gets none.
    bearing: what the whole call left out so far. later: scans of folds to come, which are looked at
    where too many are left out already.
    """
    bearing = bearing or Bearing(len(scans))
    settings = wish.settings(scans)
    if not overwrite and was_done(path, settings):
        beside = read_beside(path)
        assert beside is not None
        for name, reason in beside.left_out:
            bearing.bears(LeftOut(name, None, reason))
        return Done(
            path, sum(one.cubes for one in beside.sources), len(beside.sources), before=True
        )
    for left in path.parent.glob(f".{path.name}.*.part*"):  # What a killed call left.
        left.unlink(missing_ok=True)
    done, rows, sources = Done(path), [], []
    ends = ends_for({scan.modality for scan in scans}, wish)
    size = wish.cutting.size
    with suppress(Nothing), growing(path, size, wish.dtype) as file:
        with tqdm(total=len(scans), disable=quiet or None, unit="scan", desc=path.stem) as bar:
            for at, one in enumerate(extracted(scans, wish, ends, workers), 1):
                bar.update()
                if isinstance(one, LeftOut):
                    done.left_out.append(one)
                    if not bearing.bears(one):
                        bearing.refuse([*scans[at:], *later], partial(unfit, wish=wish))
                    continue
                rows += [
                    (file.count + row, one.source.name, one.source.patient, *told(place, size[2]))
                    for row, place in enumerate(one.places)
                ]
                file.add(one.cubes)
                sources.append(one.source)
                bar.set_postfix(cubes=file.count, refresh=False)
        bearing.settle()
        if not sources:
            raise Nothing
        without = tuple((one.name, one.reason) for one in done.left_out)
        path.unlink(missing_ok=True)  # What is overwritten must never stand beside the new JSON.
        write_rows(path, rows)
        write_beside(path, Beside(settings, ends, tuple(folds), tuple(sources), without))
        done.cubes, done.scans = file.count, len(sources)
    done.few = [one for one in sources if one.accepted < wish.scale * len(wish.crops())]
    return done


class Nothing(Exception):
    """No scan of a fold gave cubes; what other folds left stands."""


def without_empty(dones: Sequence[Done], folds: Sequence[int]) -> None:
    """Take folds of which every scan was left out from what the files of a call say there is."""
    for path in (done.path for done in dones if done.cubes):
        beside = read_beside(path)
        assert beside is not None
        if beside.folds != tuple(folds):
            write_beside(path, replace(beside, folds=tuple(folds)))


def was_done(path: Path, settings: dict[str, Any]) -> bool:
    """Say whether a file is there and was made so; raise `BadInput` where it was made otherwise."""
    if not path.exists():
        return False
    beside = read_beside(path)
    if beside is None:
        raise BadInput(
            f"{path} is there already, and was not made by this verb; give another folder to "
            "--save, or --overwrite"
        )
    other = [name for name, value in settings.items() if beside.settings.get(name) != value]
    if other:
        said = ", ".join(f"{name} {beside.settings.get(name)!r}" for name in other)
        raise BadInput(
            f"{path} is there already, made with {said}; give another folder to --save, or "
            "--overwrite"
        )
    return True


def extracted(
    scans: Sequence[Scan], wish: Wish, ends: tuple[float, float], workers: int
) -> Iterator[Yield | LeftOut]:
    """Give what comes of each scan, in order; few are ahead, so memory stays small."""
    waiting: deque[Future[Yield | LeftOut]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for scan in scans:
                waiting.append(pool.submit(extract, scan, wish, ends))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def ends_for(modalities: set[str], wish: Wish) -> tuple[float, float]:
    """Return which stored values become 0 and 1: int16 holds HU where all scans are CT."""
    if wish.dtype != "int16":
        return UNIT
    if modalities != {"ct"} or wish.range == "image":
        return STEPS
    return HU if wish.range is None else wish.range


def told(place: Place, deps: int) -> tuple[object, ...]:
    """Return what the table says of a cube."""
    verdict = place.verdict
    return (
        *place.start, *place.crop, deps, f"{verdict.score:.6f}", f"{verdict.content:.4f}",
        "yes" if verdict.accepted else "no",
    )  # fmt: skip
