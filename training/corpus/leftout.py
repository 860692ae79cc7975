"""What cannot be learned from: named with its reason, borne when few, refused when many."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genesis_hub.errors import BadInput

FEW = 0.1  # Share of a corpus that may be left out.
NAMED = 20


@dataclass(frozen=True)
class LeftOut:
    """A scan that is not learned from, and why."""

    name: str
    path: Path | None
    reason: str

    def __str__(self) -> str:
        place = "" if self.path is None or str(self.path) in self.reason else f" ({self.path})"
        return f"{self.name}{place}: {' '.join(self.reason.split())}"


def refuse_many(left_out: Sequence[LeftOut], total: int, *, tolerate: float = FEW) -> None:
    """Raise `BadInput` with the list unless few are left out and one at least is left.

    tolerate: the share that may be left out.
    """
    if not total:
        raise BadInput("the corpus is empty: no scan lies there; give a folder of scans")
    if len(left_out) <= tolerate * total and len(left_out) < total:
        return
    said = f"none of {total} scans can be learned from; mend them or give others"
    if len(left_out) < total:
        share = -(-100 * len(left_out) // total) / 100
        said = (
            f"{len(left_out)} of {total} scans cannot be learned from, more than the "
            f"{tolerate:.0%} that may be left out; mend them or take them out, or bear them: "
            f"tolerate={share:g}"
        )
    raise BadInput(f"{said}:\n{listed(left_out)}")


def listed(left_out: Sequence[LeftOut]) -> str:
    """Return the first of them, a line each, and how many more there are."""
    lines = [f"  {one}" for one in left_out[:NAMED]]
    more = len(left_out) - NAMED
    return "\n".join(lines + ([f"  and {more} more"] if more > 0 else []))
