"""Images read and checked once, each kept as one square of bytes or one cube of half-words."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genesis_hub.data.hashes import hash_of
from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput, GenesisHubError
from genesis_hub.infer.prepare import prepare
from genesis_hub.inputs import Inputs
from training.corpus.leftout import FEW, LeftOut
from training.corpus.listing import Scan
from training.pictures.admitted import Admitted
from training.pictures.kept import Facts, Kept, digest_of
from training.pictures.reading import opened, pixels_of
from training.wholes.fitting import Values, fitted
from training.wholes.layout import laid

UNIT = "each volume from its own least to its greatest value"
CUBES = InputFacts("any", UNIT, (1, 1, 1), (1, 1, 1))


class Read(NamedTuple):
    """An image (C, side, side[, side]) in [0, 1], its hash, and what was done to its values."""

    values: Values
    look: str
    said: str = ""


class WholeFiles(Admitted):
    """Unlabelled images at one side, the same numbers for every process that reads them.

    Every image is read once, in threads, and checked; bad ones are in `left_out` with their reason,
    and refused with the list if they are many (`tolerate`). Squares are kept in 8 bits, as pictures
    are, cubes in 16, in `folder`, which a later run on the same files takes up.

    channels: that images are brought to. check: False takes values that look like a mistake.
    """

    def __init__(
        self,
        scans: Sequence[Scan],
        folder: Path,
        *,
        ndim: int,
        side: int,
        channels: int = 1,
        tolerate: float = FEW,
        check: bool = True,
        workers: int = 4,
        quiet: bool = True,
    ) -> None:
        self.ndim, self.side, self.channels, self.check = ndim, side, channels, check
        digest = digest_of(scans, colour=channels == 3, side=side, least=1000 * ndim + channels)
        kept = Kept(folder, digest, len(scans), channels, side, ndim)
        super().__init__(scans, kept, unit="image", tolerate=tolerate, workers=workers, quiet=quiet)

    def admit(self, place: int, scan: Scan) -> LeftOut | str:
        """Read an image unless it is kept; return why it is left out, or what was done to it."""
        if self.kept.facts(place) is not None:
            return ""
        try:
            made = self.square(scan) if self.ndim == 2 else self.cube(scan)
        except (GenesisHubError, OSError, MemoryError) as error:
            return LeftOut.by(error, scan.name, scan.paths)
        kept = np.rint(made.values * self.greatest).astype(self.kept.depth)
        self.kept.put(place, Facts(self.side, self.side, made.look), kept)
        return made.said

    def square(self, scan: Scan) -> Read:
        """Read a picture."""
        image = laid(opened(scan, self.side), 2, self.channels)
        pixels, said = pixels_of(image, colour=self.channels == 3)
        return Read(fitted(pixels / np.float32(255), self.side), hash_of(pixels), said)

    def cube(self, scan: Scan) -> Read:
        """Read a volume, each from its own least to its greatest value."""
        values, spacing = volume_of(scan, self.channels, check=self.check)
        made = fitted(values, self.side, spacing).clip(0, 1)
        whole = np.broadcast_to(made, (self.channels, *made.shape[1:]))
        return Read(whole, hash_of(values))

    @property
    def greatest(self) -> np.float32:
        """The whole number that stands for 1."""
        return np.float32(np.iinfo(self.kept.depth).max)

    def values(self, index: int) -> Values:
        """Return an image (C, side, side[, side]) in [0, 1]."""
        found: Values = self.kept.pixels(self.places[index]).astype(np.float32)
        found /= self.greatest
        return found


def volume_of(scan: Scan, channels: int, *, check: bool) -> tuple[Values, tuple[float, ...] | None]:
    """Return a volume (1 or C, X, Y, Z) from its own least to its greatest value, and its spacing.

    channels: that are learned from; a grey volume serves for any. check: False takes values that
    look like a mistake.
    """
    image = laid(scan.open(), 3, channels)
    if image.channels not in (1, channels):
        raise BadInput(
            f"{image.path} has {image.channels} channels, but {channels} are learned "
            f"from; give number_channels={image.channels}"
        )
    inputs = Inputs(CUBES, image.channels)
    ready = prepare(image, inputs, check=check)
    return np.asarray(ready.pixels, dtype=np.float32), image.framed_spacing(inputs.frame)
