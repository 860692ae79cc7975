"""A stream of made-up chests: as many scans as are asked for, each made when it is first seen."""

from collections import OrderedDict
from functools import cached_property
from typing import Any

import numpy as np

from genesis_hub.data.hashes import hash_of
from genesis_hub.data.image import Array
from genesis_hub.data.phantoms import chest_ct
from genesis_hub.engine.feed import seed_of
from genesis_hub.inputs import Inputs
from training.corpus import Sides, Window
from training.corpus.kept import Kept

ROOM = 768 << 20  # Bytes of phantoms that are kept: making one takes as long as a small step.
FROM = 23  # Tells their seeds from all others of a run.


class Phantoms:
    """A corpus of phantoms of chest CT, a pure function of its seed: no file, nobody's anatomy.

    A phantom is a whole chest at so coarse a grid that a cube sees a good part of it.
    """

    def __init__(self, count: int, size: Sides, inputs: Inputs, *, seed: int) -> None:
        # Twice a cube along each side: the whole chest in eight cubes.
        self.size: Sides = (max(48, 2 * size[0]), max(48, 2 * size[1]), max(32, 2 * size[2]))
        self.seed, self.count = seed, count
        clip = inputs.facts.clip
        assert clip is not None, "phantoms are CT: their values have fixed ends"
        self.ends = clip
        self.held: OrderedDict[int, Kept] = OrderedDict()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Each by its number."""
        return tuple(f"phantom-{number}" for number in range(self.count))

    @property
    def patients(self) -> tuple[str, ...]:
        """Each is a patient of its own."""
        return self.names

    @cached_property
    def modalities(self) -> tuple[str, ...]:
        """All are CT."""
        return ("ct",) * self.count

    def __len__(self) -> int:
        return self.count

    def sides(self, index: int) -> Sides:
        return self.size

    def window(self, index: int, start: Sides, size: Sides) -> Window:
        return self[index].window(start, size)

    def look(self, index: int) -> str:
        """Return the perceptual hash of a phantom."""
        return hash_of(np.asarray(self[index].values))

    def __getitem__(self, index: int) -> Kept:
        """Return a phantom, made or held."""
        held = self.held.get(index)
        if held is None:
            values: Array = chest_ct(
                seed_of(self.seed, FROM, index) % (1 << 31), size=self.size
            ).image
            held = self.held[index] = Kept(values, self.ends)
            if len(self.held) * values.nbytes > ROOM:
                self.held.popitem(last=False)
        else:
            self.held.move_to_end(index)
        return held

    def __getstate__(self) -> Any:
        return {**vars(self), "held": OrderedDict()}
