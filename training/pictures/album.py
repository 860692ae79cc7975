"""Pictures read and checked once, then cut from a cache of one size, or from their files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from genesis_hub.data.hashes import hash_of
from genesis_hub.errors import GenesisHubError
from training.corpus.leftout import FEW, LeftOut
from training.corpus.listing import Scan
from training.pictures import Pixels
from training.pictures.admitted import Admitted
from training.pictures.kept import Facts, Kept, digest_of
from training.pictures.reading import opened, pixels_of
from training.views.decomposer import Grid, cell_of, grid_of

WHOLE = grid_of(0)


class PictureFiles(Admitted):
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
        digest = digest_of(scans, colour=colour, side=side, least=self.least)
        kept = Kept(folder, digest, len(scans), 3 if colour else 1, side)
        super().__init__(
            scans, kept, unit="picture", tolerate=tolerate, workers=workers, quiet=quiet
        )

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
            return LeftOut.by(error, scan.name, scan.paths)
        if pixels is not None:
            self.kept.put(place, facts, squared(pixels, self.side) if self.side else None)
        return said

    def sides(self, index: int) -> tuple[int, int]:
        return self.known(index)[:2]

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
