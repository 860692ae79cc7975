"""Pictures read and checked once, then cut from a cache of one size, or from their files."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm.auto import tqdm

from genesis_hub.data.hashes import hash_of
from genesis_hub.errors import GenesisHubError
from training.corpus.leftout import FEW, LeftOut, refuse_many
from training.corpus.listing import Scan
from training.pictures import Pixels
from training.pictures.kept import Facts, Kept, digest_of
from training.pictures.reading import opened, pixels_of
from training.views.decomposer import Grid, cell_of, grid_of

WHOLE = grid_of(0)


class PictureFiles:
    """Unlabelled pictures, the same bytes for every process that reads them.

    Every picture is read once, in threads, and checked; bad ones are in `left_out` with their
    reason, and refused with the list if they are many (`tolerate`). What is known of each is kept
    in `folder`, and where `side` is given the picture, too, resized to a square of it (antialiased,
    whatever its shape); a later run on the same files takes both up. Without, a picture is read
    from its file each time.

    grid: the finest that they are parted by; a picture that is smaller is left out. least: sides
    that JPEGs are needed at, where no cache says so. notes: what was done to values, and to how
    many of the pictures that were read now.
    """

    def __init__(
        self,
        scans: Sequence[Scan],
        folder: Path,
        *,
        side: int = 0,
        colour: bool = False,
        grid: Grid = WHOLE,
        least: int = 0,
        tolerate: float = FEW,
        workers: int = 4,
        quiet: bool = True,
    ) -> None:
        self.colour, self.side, self.grid = colour, side, grid
        self.least = side or least
        scans = list(scans)
        digest = digest_of(scans, colour=colour, side=side, least=self.least)
        self.kept = Kept(folder, digest, len(scans), 3 if colour else 1, side)
        found = self.read(scans, workers, quiet=quiet)
        self.left_out = tuple(one for one in found if isinstance(one, LeftOut))
        told = Counter(one for one in found if isinstance(one, str) and one)
        self.notes = tuple(f"{count} pictures: {said}" for said, count in told.items())
        refuse_many(self.left_out, len(scans), tolerate=tolerate)
        gone = {one.name for one in self.left_out}
        self.places = [place for place, scan in enumerate(scans) if scan.name not in gone]
        self.scans = [scans[place] for place in self.places]

    def read(self, scans: Sequence[Scan], workers: int, *, quiet: bool) -> list[LeftOut | str]:
        """Read all pictures that are not kept; return what `admit` says of each, in order."""
        with (
            ThreadPoolExecutor(max(1, workers)) as pool,
            tqdm(total=len(scans), disable=quiet or None, unit="picture", desc="reading") as bar,
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

    def admit(self, place: int, scan: Scan) -> LeftOut | str:
        """Read a picture unless it is kept; return why it is left out, or what was done to it."""
        facts, said, pixels = self.kept.facts(place), "", None
        try:
            if facts is None:
                pixels, said = pixels_of(opened(scan, self.least), colour=self.colour)
                height, width = pixels.shape[1:]
                facts = Facts(height, width, hash_of(pixels))
            cell_of(facts.height, facts.width, self.grid, 0, 0)
        except (GenesisHubError, OSError, MemoryError) as error:
            return LeftOut(scan.name, scan.paths[0], str(error) or type(error).__name__)
        if pixels is not None:
            self.kept.put(place, facts, squared(pixels, self.side) if self.side else None)
        return said

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

    def __len__(self) -> int:
        return len(self.scans)

    def known(self, index: int) -> Facts:
        """Return what is known of a picture."""
        facts = self.kept.facts(self.places[index])
        assert facts is not None
        return facts

    def sides(self, index: int) -> tuple[int, int]:
        return self.known(index)[:2]

    def look(self, index: int) -> str:
        return self.known(index).look

    def picture(self, index: int) -> Pixels:
        """Return a picture (C, H, W): of the cache, else read from its file."""
        if self.side:
            return self.kept.pixels(self.places[index])
        return pixels_of(opened(self.scans[index], self.least, known=True), colour=self.colour)[0]


def squared(pixels: Pixels, side: int) -> Pixels:
    """Return a picture (C, H, W) as a square, averaged where it is made smaller."""
    if pixels.shape[1:] == (side, side):
        return pixels
    x = torch.from_numpy(pixels)[None] if pixels.flags.writeable else torch.tensor(pixels)[None]
    done = F.interpolate(x, size=(side, side), mode="bilinear", antialias=True)
    return np.ascontiguousarray(done[0].numpy())
