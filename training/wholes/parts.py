"""Random sub-volumes of scans: each scan read once and kept at its own size, parts cut from it."""

from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from genesis_hub.atomic import new_file
from genesis_hub.data.hashes import hash_of
from genesis_hub.engine.objective import Batch
from genesis_hub.errors import BadInput, GenesisHubError
from training.corpus.leftout import FEW, LeftOut
from training.corpus.listing import Scan
from training.pictures.admitted import Admitted
from training.pictures.kept import Facts, Kept, digest_of
from training.wholes.files import volume_of
from training.wholes.fitting import Values, fitted

GREATEST = np.float32(65535)  # The whole number that stands for 1.
KIND = 5000  # Tells what is kept here from whole cubes of the same files.


class PartFiles(Admitted):
    """Unlabelled volumes at their own size, in 16 bits, a file each in `folder`.

    sides: of the parts that `part` cuts. side: of the cubes that parts are brought to. The rest is
    as for `WholeFiles`.
    """

    def __init__(
        self,
        scans: Sequence[Scan],
        folder: Path,
        *,
        sides: Sequence[int],
        side: int,
        channels: int = 1,
        tolerate: float = FEW,
        check: bool = True,
        workers: int = 2,
        quiet: bool = True,
    ) -> None:
        self.sides, self.side = tuple(sides), side
        self.channels, self.check = channels, check
        digest = digest_of(scans, colour=False, side=0, least=KIND + channels)
        self.stem = folder / digest
        kept = Kept(folder, digest, len(scans), channels, 0, 3)
        super().__init__(scans, kept, unit="image", tolerate=tolerate, workers=workers, quiet=quiet)

    def file(self, place: int) -> Path:
        """Return where a scan's voxels are kept."""
        return self.stem.with_name(f"{self.stem.name}-{place:06d}.npy")

    def admit(self, place: int, scan: Scan) -> LeftOut | str:
        """Read a scan unless it is kept; return why it is left out, or nothing."""
        if self.kept.facts(place) is not None and self.file(place).is_file():
            return ""
        try:
            values, _ = volume_of(scan, self.channels, check=self.check)
        except (GenesisHubError, OSError, MemoryError) as error:
            return LeftOut.by(error, scan.name, scan.paths)
        with new_file(self.file(place)) as aside:
            np.save(aside, np.rint(values.clip(0, 1) * GREATEST).astype(np.uint16))
        self.kept.put(place, Facts(values.shape[1], values.shape[2], hash_of(values)), None)
        return ""

    def part(self, index: int, draw: np.random.Generator) -> Values:
        """Return a part of a scan (C, side, side, side) in [0, 1], from anywhere in it.

        A scan that is smaller than its parts is laid amid zeros.
        """
        scan = np.load(self.file(self.places[index]), mmap_mode="r")
        free = [have - want for have, want in zip(scan.shape[1:], self.sides, strict=True)]
        begin = [int(draw.integers(0, max(0, room) + 1)) for room in free]
        where = tuple(slice(at, at + n) for at, n in zip(begin, self.sides, strict=True))
        cut = scan[(slice(None), *where)].astype(np.float32) / GREATEST
        around = [(max(0, -room) // 2, -(min(0, room) // 2)) for room in free]
        part = fitted(np.pad(cut, [(0, 0), *around]), self.side).clip(0, 1)
        whole: Values = np.broadcast_to(part, (self.channels, *part.shape[1:])).copy()
        return whole


class PartItems:
    """Parts as items: of each scan several in an epoch, each from a place of its own.

    places: which scans of the files. others: those that each part's other is cut from, never the
    scan itself; none: items have no other.
    """

    def __init__(
        self, files: PartFiles, places: Sequence[int], per_scan: int, others: Sequence[int] = ()
    ) -> None:
        if others and len(set(others)) < 2:
            raise BadInput("one image alone has no other to be told from; give two or more")
        self.files, self.per_scan = files, per_scan
        self.places, self.others = array("q", places), array("q", others)

    def __len__(self) -> int:
        return len(self.places) * self.per_scan

    def item(self, index: int, seed: int) -> Batch:
        """Return a part, its key, and `other`, a part of another scan."""
        place = self.places[index // self.per_scan]
        draw = np.random.Generator(np.random.PCG64(seed))
        item = {
            "image": torch.from_numpy(self.files.part(place, draw)),
            "key": torch.tensor(seed, dtype=torch.int64),
        }
        if self.others:
            other = place
            while other == place:
                other = self.others[int(draw.integers(len(self.others)))]
            item["other"] = torch.from_numpy(self.files.part(other, draw))
        return item
