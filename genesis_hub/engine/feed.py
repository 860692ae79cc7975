"""Batches as a pure function of the seed and the step: what is resumed sees what it would have."""

import signal
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from genesis_hub.engine.objective import Batch, Items

AHEAD = 2  # Batches made while a step runs, where no worker processes make them.
Key = tuple[int, int]  # which item, and the seed of its random choices


def seed_of(*numbers: int) -> int:
    """Return a seed that depends on all numbers, evenly spread."""
    return int(np.random.SeedSequence(numbers).generate_state(2, np.uint32).view(np.uint64)[0] >> 1)


@dataclass(frozen=True)
class Order:
    """Which items a step sees: every item once an epoch, or drawn by weight.

    batch_size: of one step over all processes. weights: how often each item comes; None: once.
    shuffle: in another order each epoch; else as they lie, where no weights draw them.
    """

    count: int
    batch_size: int
    seed: int
    weights: tuple[float, ...] | None = None
    shuffle: bool = True
    # The epoch at hand, so that its order is drawn once.
    held: dict[int, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every item comes once; the last batch is filled from the next epoch."""
        return max(1, -(-self.count // self.batch_size))

    def epoch_of(self, step: int) -> int:
        """Return the epoch a step belongs to."""
        return step // self.steps_per_epoch

    def epoch(self, epoch: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """Return the items of an epoch in their order."""
        if epoch not in self.held:
            self.held.clear()
            self.held[epoch] = self.drawn(epoch)
        return self.held[epoch]  # type: ignore[no-any-return]

    def drawn(self, epoch: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """Draw the order of an epoch."""
        draw = np.random.Generator(np.random.PCG64(seed_of(self.seed, 1, epoch)))
        need = self.steps_per_epoch * self.batch_size
        if self.weights is not None:
            weights = np.asarray(self.weights)
            return draw.choice(self.count, size=need, p=weights / weights.sum())
        if not self.shuffle:
            return np.arange(need, dtype=np.int64) % self.count
        rounds = [draw.permutation(self.count) for _ in range(-(-need // self.count))]
        return np.concatenate(rounds)[:need]

    def keys(self, step: int, *, rank: int = 0, ranks: int = 1) -> list[Key]:
        """Return what one process looks at in a step: its part of the batch, in order.

        An item's seed depends on the epoch and on the item alone, so neither on the size of a batch
        nor on who makes it; an item that comes again in an epoch looks otherwise each time.
        So the groups are those that `accumulate` makes in one process, batch norm's among them.
        """
        epoch, place = divmod(step, self.steps_per_epoch)
        items = self.epoch(epoch)[place * self.batch_size : (place + 1) * self.batch_size]
        part = self.batch_size // ranks
        share = range(rank * part, (rank + 1) * part)
        return [
            (int(items[at]), seed_of(self.seed, 2, epoch, int(items[at]), times))
            for at, times in zip(share, self.before(epoch, place, share), strict=True)
        ]

    def before(self, epoch: int, place: int, share: Sequence[int]) -> list[int]:
        """Return how often each item of a share came before in its epoch."""
        begin = place * self.batch_size
        if self.weights is None:
            return [(begin + at) // self.count for at in share]
        drawn = self.epoch(epoch)
        return [int((drawn[: begin + at] == drawn[begin + at]).sum()) for at in share]


class Keyed(Dataset[Batch]):
    """Items as torch's loader asks for them: by a key."""

    def __init__(self, items: Items) -> None:
        self.items = items

    def __getitem__(self, key: Key) -> Batch:
        return self.items.item(*key)


class Steps(Sequence[list[Key]]):
    """The keys of the steps from one on, batch by batch."""

    def __init__(self, order: Order, first: int, last: int, rank: int, ranks: int) -> None:
        self.order, self.first, self.last = order, first, last
        self.rank, self.ranks = rank, ranks

    def __len__(self) -> int:
        return self.last - self.first

    def __getitem__(self, at: Any) -> Any:
        return self.order.keys(self.first + at, rank=self.rank, ranks=self.ranks)

    def __iter__(self) -> Iterator[list[Key]]:
        return (self[at] for at in range(len(self)))


def batches(
    items: Items, order: Order, *, first: int, last: int, workers: int, rank: int, ranks: int
) -> Generator[Batch, None, None]:
    """Give the batches of steps `first` to `last`, the same for any number of workers."""
    loader: DataLoader[Batch] = DataLoader(
        Keyed(items),
        batch_sampler=Steps(order, first, last, rank, ranks),
        num_workers=workers,
        collate_fn=stacked,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=begin_worker,
        prefetch_factor=4 if workers else None,
    )
    if workers or not AHEAD:
        yield from loader
    else:
        yield from made_ahead(iter(loader), AHEAD)


def made_ahead(made: Iterator[Batch], depth: int) -> Iterator[Batch]:
    """Give the same batches in the same order, made in a thread while the step before them runs.

    One thread, so that what was read is held once; a worker process would hold it again.
    """
    # A thread begins on the first GPU: pinning memory there would open it to every process.
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    own = torch.cuda.current_device() if used else -1
    thread = ThreadPoolExecutor(1, "batches", torch.cuda.set_device, (own,))
    try:
        waiting = deque(thread.submit(next, made, None) for _ in range(depth))
        while (batch := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(next, made, None))
            yield batch
    finally:
        thread.shutdown(cancel_futures=True)


def begin_worker(worker: int) -> None:
    """Keep a worker to its own core, and let it live until it is let go.

    A terminal and a cluster signal a whole group of processes: a worker that died of it would
    break the step, or the saving, of the process that was asked to stop.
    """
    torch.set_num_threads(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def stacked(items: list[Batch]) -> Batch:
    """Return items as one batch."""
    return {name: torch.stack([item[name] for item in items]) for name in items[0]}
