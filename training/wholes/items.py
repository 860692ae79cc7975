"""Whole images as items, each alone or beside another of the corpus."""

from array import array
from collections.abc import Sequence

import numpy as np
import torch

from genesis_hub.engine.objective import Batch
from genesis_hub.errors import BadInput
from training.wholes.files import WholeFiles


class WholeItems:
    """Images of one side, float32 (C, side, side[, side]) in [0, 1], and their keys.

    places: which images of the files. others: those that each image's other is drawn from, evenly
    and never the image itself, by the item's seed; none: items have no other.
    """

    def __init__(
        self, files: WholeFiles, places: Sequence[int], others: Sequence[int] = ()
    ) -> None:
        if others and len(set(others)) < 2:
            raise BadInput("one image alone has no other to be told from; give two or more")
        self.files, self.places, self.others = files, array("q", places), array("q", others)

    def __len__(self) -> int:
        return len(self.places)

    def item(self, index: int, seed: int) -> Batch:
        """Return an image, its key, and `other`, another image."""
        place = self.places[index]
        item = {
            "image": torch.from_numpy(self.files.values(place)),
            "key": torch.tensor(seed, dtype=torch.int64),
        }
        if self.others:
            draw = np.random.Generator(np.random.PCG64(seed))
            other = place
            while other == place:
                other = self.others[int(draw.integers(len(self.others)))]
            item["other"] = torch.from_numpy(self.files.values(other))
        return item
