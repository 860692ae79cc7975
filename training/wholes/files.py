"""Images read and checked once, each kept as one square of bytes or one cube of half-words."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from genesis_hub.data.hashes import hash_of
from genesis_hub.entry import InputFacts
from genesis_hub.errors import BadInput, GenesisHubError
from genesis_hub.infer.prepare import prepare
from genesis_hub.inputs import Inputs
from training.corpus.leftout import FEW, LeftOut, refuse_many
from training.corpus.listing import Scan
from training.pictures.kept import Facts, Kept, digest_of
from training.pictures.reading import opened, pixels_of
from training.wholes.fitting import Values, fitted

UNIT = "each volume from its own least to its greatest value"
CUBES = InputFacts("any", UNIT, (1, 1, 1), (1, 1, 1))


class Read(NamedTuple):
    """An image (C, side, side[, side]) in [0, 1], its hash, and what was done to its values."""

    values: Values
    look: str
    said: str = ""


class WholeFiles:
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
        scans = list(scans)
        digest = digest_of(scans, colour=channels == 3, side=side, least=1000 * ndim + channels)
        self.kept = Kept(folder, digest, len(scans), channels, side, ndim)
        found = self.read(scans, workers, quiet=quiet)
        self.left_out = tuple(one for one in found if isinstance(one, LeftOut))
        told = Counter(one for one in found if isinstance(one, str) and one)
        self.notes = tuple(f"{count} images: {said}" for said, count in told.items())
        refuse_many(self.left_out, len(scans), tolerate=tolerate)
        gone = {one.name for one in self.left_out}
        self.places = [place for place, scan in enumerate(scans) if scan.name not in gone]
        self.scans = [scans[place] for place in self.places]

    def read(self, scans: Sequence[Scan], workers: int, *, quiet: bool) -> list[LeftOut | str]:
        """Read all images that are not kept; return what `admit` says of each, in order."""
        with (
            ThreadPoolExecutor(max(1, workers)) as pool,
            tqdm(total=len(scans), disable=quiet or None, unit="image", desc="reading") as bar,
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
        """Read an image unless it is kept; return why it is left out, or what was done to it."""
        if self.kept.facts(place) is not None:
            return ""
        try:
            made = self.square(scan) if self.ndim == 2 else self.cube(scan)
        except (GenesisHubError, OSError, MemoryError) as error:
            return LeftOut(scan.name, scan.paths[0], str(error) or type(error).__name__)
        kept = np.rint(made.values * self.greatest).astype(self.kept.depth)
        self.kept.put(place, Facts(self.side, self.side, made.look), kept)
        return made.said

    def square(self, scan: Scan) -> Read:
        """Read a picture."""
        pixels, said = pixels_of(opened(scan, self.side), colour=self.channels == 3)
        return Read(fitted(pixels / np.float32(255), self.side), hash_of(pixels), said)

    def cube(self, scan: Scan) -> Read:
        """Read a volume, each from its own least to its greatest value."""
        image = scan.open()
        if image.channels not in (1, self.channels):
            raise BadInput(
                f"{image.path} has {image.channels} channels, but {self.channels} are learned "
                f"from; give number_channels={image.channels}"
            )
        inputs = Inputs(CUBES, image.channels)
        ready = prepare(image, inputs, check=self.check)
        values = np.asarray(ready.pixels, dtype=np.float32)
        made = fitted(values, self.side, image.framed_spacing(inputs.frame)).clip(0, 1)
        whole = np.broadcast_to(made, (self.channels, *made.shape[1:]))
        return Read(whole, hash_of(values))

    @property
    def greatest(self) -> np.float32:
        """The whole number that stands for 1."""
        return np.float32(np.iinfo(self.kept.depth).max)

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

    def look(self, index: int) -> str:
        """Return the perceptual hash of an image."""
        facts = self.kept.facts(self.places[index])
        assert facts is not None
        return facts.look

    def values(self, index: int) -> Values:
        """Return an image (C, side, side[, side]) in [0, 1]."""
        found: Values = self.kept.pixels(self.places[index]).astype(np.float32)
        found /= self.greatest
        return found
