"""Images read once, in threads, and admitted or left out; what is known of each is kept."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from tqdm.auto import tqdm

from training.corpus.leftout import LeftOut, refuse_many
from training.corpus.listing import Scan
from training.pictures.kept import Facts, Kept


class Admitted(ABC):
    """Unlabelled images, the same for every process that reads them.

    kept: where what is known of each lies, by its place among `scans`. unit: what one is called.
    Bad ones are in `left_out` with their reason, and refused with the list if they are many
    (`tolerate`). notes: what was done to values, and to how many of those that were read now.
    """

    def __init__(
        self,
        scans: Sequence[Scan],
        kept: Kept,
        *,
        unit: str,
        tolerate: float,
        workers: int,
        quiet: bool,
    ) -> None:
        self.kept = kept
        scans = list(scans)
        found = self.read(scans, unit, workers, quiet=quiet)
        self.left_out = tuple(one for one in found if isinstance(one, LeftOut))
        told = Counter(one for one in found if isinstance(one, str) and one)
        self.notes = tuple(f"{count} {unit}s: {said}" for said, count in told.items())
        refuse_many(self.left_out, len(scans), tolerate=tolerate)
        gone = {one.name for one in self.left_out}
        self.places = [place for place, scan in enumerate(scans) if scan.name not in gone]
        self.scans = [scans[place] for place in self.places]

    def read(
        self, scans: Sequence[Scan], unit: str, workers: int, *, quiet: bool
    ) -> list[LeftOut | str]:
        """Read all images that are not kept; return what `admit` says of each, in order."""
        with (
            ThreadPoolExecutor(max(1, workers)) as pool,
            tqdm(total=len(scans), disable=quiet or None, unit=unit, desc="reading") as bar,
        ):
            found = []
            try:
                for one in pool.map(self.admit, range(len(scans)), scans):
                    found.append(one)
                    bar.update()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            finally:
                self.kept.finish()
        return found

    @abstractmethod
    def admit(self, place: int, scan: Scan) -> LeftOut | str:
        """Read an image unless it is kept; return why it is left out, or what was done to it."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each is called."""
        return tuple(scan.name for scan in self.scans)

    @cached_property
    def patients(self) -> tuple[str, ...]:
        """Whose each is."""
        return tuple(scan.patient for scan in self.scans)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """What each is for."""
        return tuple(scan.split or "train" for scan in self.scans)

    def of(self, split: str) -> list[int]:
        """Return those that are for a split."""
        return [index for index, its in enumerate(self.splits) if its == split]

    def seen(self) -> list[dict[str, Any]]:
        """Return what each that is learned from is called, whose it is, and what it looks like."""
        return [
            {
                "case": self.names[index],
                "patient": self.patients[index],
                "hashes": [self.look(index)],
            }
            for index in self.of("train")
        ]

    def __len__(self) -> int:
        return len(self.scans)

    def known(self, index: int) -> Facts:
        """Return what is known of an image."""
        facts = self.kept.facts(self.places[index])
        assert facts is not None
        return facts

    def look(self, index: int) -> str:
        """Return the perceptual hash of an image."""
        return self.known(index).look
