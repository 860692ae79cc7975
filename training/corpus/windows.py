"""Windows cut from scans on the fly: no cube lies on a disk."""

import numpy as np
import torch

from genesis_hub.engine.objective import Batch
from genesis_hub.errors import BadInput
from training.corpus import Corpus, Sides, Window
from training.corpus.cutting import Cutting, Drawer
from training.corpus.leftout import FEW, LeftOut, refuse_many
from training.corpus.tissue import rule_for

# Windows drawn for one that is accepted: of 16, one is where a tenth of the scan would do, in 8 of
# 10 cases.
TRIES = 16


class WindowItems:
    """Windows of a corpus, cut when they are asked for: item i is of scan i // per_volume.

    Scans that are too small are left out, and refused if they are many (`tolerate`).
    """

    def __init__(
        self,
        corpus: Corpus,
        size: Sides,
        per_volume: int = 1,
        *,
        faithful: bool = False,
        tolerate: float = FEW,
    ) -> None:
        self.corpus, self.per_volume = corpus, per_volume
        self.cutting = Cutting(size, faithful=faithful)
        left_out, scans = [], []
        for index, name in enumerate(corpus.names):
            try:
                self.cutting.fitting(corpus.sides(index))
            except BadInput as error:
                left_out.append(LeftOut(name, None, str(error)))
            else:
                scans.append(index)
        refuse_many(left_out, len(corpus), tolerate=tolerate)
        self.left_out, self.scans = tuple(left_out), np.array(scans)

    def __len__(self) -> int:
        return len(self.scans) * self.per_volume

    def item(self, index: int, seed: int) -> Batch:
        """Return one window (1, X, Y, Z) in [0, 1] and its key."""
        drawer = self.drawer(int(self.scans[index // self.per_volume]))
        draw = np.random.Generator(np.random.PCG64(seed))
        window = drawer.pick(draw, 1, TRIES)[0][1]
        image = torch.from_numpy(np.ascontiguousarray(window)[None])
        return {"image": image, "key": torch.tensor(seed, dtype=torch.int64)}

    def drawer(self, scan: int) -> Drawer:
        """Return what draws from a scan."""

        def cut(start: Sides, size: Sides) -> Window:
            return self.corpus.window(scan, start, size)

        rule = rule_for(self.corpus.modalities[scan], faithful=self.cutting.faithful)
        return Drawer(cut, self.corpus.sides(scan), self.cutting, rule)

    def barren(self, tries: int = 64, seed: int = 0, scans: int = 100) -> tuple[str, ...]:
        """Return the scans of which no window of so many is accepted, to be told to the user.

        At most so many scans are looked at, drawn by seed: a large corpus is sampled.
        """
        draw = np.random.Generator(np.random.PCG64(seed))
        some = self.scans
        if len(some) > scans:
            some = np.sort(draw.choice(some, scans, replace=False))
        found = []
        for scan in some:
            drawn = self.drawer(int(scan)).windows(draw, tries)
            if not any(place.verdict.accepted for place, _ in drawn):
                found.append(self.corpus.names[scan])
        return tuple(found)
