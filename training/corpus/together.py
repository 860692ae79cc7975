"""Several kinds of items as one, each kind drawn as often as the others where that is asked for."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from genesis_hub.engine.objective import Batch, Items


class Together:
    """Items of several sources, one after the other."""

    def __init__(self, parts: Sequence[Items]) -> None:
        self.parts = tuple(parts)
        self.ends = np.cumsum([len(part) for part in self.parts])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def item(self, index: int, seed: int) -> Batch:
        """Return an item of the source it is in."""
        part = int(np.searchsorted(self.ends, index, side="right"))
        return self.parts[part].item(index - (int(self.ends[part - 1]) if part else 0), seed)


def evenly(kinds: Sequence[str], per_kind: int) -> tuple[float, ...]:
    """Return how often each window comes where every kind of scan comes equally often.

    kinds: of each scan, in order; per_kind: windows of each.
    """
    counts = Counter(kinds)
    return tuple(1 / counts[kind] for kind in kinds for _ in range(per_kind))
