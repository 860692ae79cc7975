"""The receipt of a load: what became of every tensor, and why."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

Action = Literal["loaded", "adapted", "initialised", "ignored"]


@dataclass(frozen=True)
class TensorReceipt:
    """One tensor: its name in the model (or, if ignored, in the file), and what was done."""

    name: str
    action: Action
    reason: str
    source: str | None = None


@dataclass(frozen=True)
class LoadReport:
    """What a load did. `coverage` is the share of backbone tensors loaded or adapted.

    The backbone is the encoder, and the decoder too where the weights bring one that the task
    uses. Counters of batch norm (`num_batches_tracked`) are no weights and do not count.
    """

    tensors: tuple[TensorReceipt, ...]
    coverage: float
    source: str
    sha256: str | None = None
    notes: tuple[str, ...] = ()

    def of(self, action: Action) -> tuple[TensorReceipt, ...]:
        """Return the receipts with one action."""
        return tuple(t for t in self.tensors if t.action == action)

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the tensors taken as they are."""
        return tuple(t.name for t in self.of("loaded"))

    @property
    def adapted(self) -> tuple[str, ...]:
        """Names of the tensors changed to fit, such as a first convolution."""
        return tuple(t.name for t in self.of("adapted"))

    @property
    def initialised(self) -> tuple[str, ...]:
        """Names of the model's tensors that did not come from the file."""
        return tuple(t.name for t in self.of("initialised"))

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of the file's tensors that the model has no place for."""
        return tuple(t.name for t in self.of("ignored"))

    def __str__(self) -> str:
        lines = [f"{self.source}: backbone coverage {self.coverage:.1%}", *self.notes]
        for (action, reason), count in Counter((t.action, t.reason) for t in self.tensors).items():
            lines.append(f"  {action:<11} {count:>4}  {reason}")
        return "\n".join(lines)
