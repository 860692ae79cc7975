"""What cannot be learned from: named with its reason, borne when few, refused when many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar

from genesis_hub.errors import BadInput

FEW = 0.1  # Share of a corpus that may be left out.
NAMED = 20
AHEAD = 500  # Scans that are looked at once too many are bad, so that all are named at once.
SEVERAL, SHARED = 3, 24  # So many reasons that end in so many letters alike: said once.
Scan = TypeVar("Scan")


@dataclass(frozen=True)
class LeftOut:
    """A scan that is not learned from, and why."""

    name: str
    path: Path | None
    reason: str

    @classmethod
    def by(cls, error: BaseException, name: str, paths: Sequence[Path]) -> "LeftOut":
        """Return what an error says of a scan; one that says nothing is of memory."""
        reason = str(error) or f"there is not enough memory ({type(error).__name__})"
        return cls(name, paths[0] if paths else None, reason)

    def __str__(self) -> str:
        place = "" if self.path is None or str(self.path) in self.reason else f" ({self.path})"
        return f"{self.name}{place}: {' '.join(self.reason.split())}"


@dataclass
class Bearing:
    """The scans of a whole call that are left out, borne while they are few of all.

    total: all scans of the call. tolerate: the share that may be left out.
    """

    total: int
    tolerate: float = FEW
    left_out: list[LeftOut] = field(default_factory=list)

    def bears(self, one: LeftOut) -> bool:
        """Note what is left out; say whether it is few still."""
        self.left_out.append(one)
        return len(self.left_out) <= self.tolerate * self.total

    def settle(self) -> None:
        """Raise `BadInput` where many are left out, or all."""
        refuse_many(self.left_out, self.total, tolerate=self.tolerate)

    def refuse(self, rest: Sequence[Scan], why: Callable[[Scan], LeftOut | None]) -> NoReturn:
        """Raise `BadInput` with all that cannot be learned from, those to come as well.

        rest: scans that were not looked at yet. why: says what is wrong with one, if anything is.
        """
        looked = 0
        for scan in rest[:AHEAD]:
            if len(self.left_out) > NAMED:
                break
            looked += 1
            if one := why(scan):
                self.left_out.append(one)
        refuse_many(self.left_out, self.total, tolerate=self.tolerate, unseen=len(rest) - looked)
        raise AssertionError("so many are refused")


def refuse_many(
    left_out: Sequence[LeftOut], total: int, *, tolerate: float = FEW, unseen: int = 0
) -> None:
    """Raise `BadInput` with the list unless few are left out and one at least is left.

    tolerate: the share that may be left out. unseen: of all, how many were not looked at.
    """
    if not total:
        raise BadInput("the corpus is empty: no scan lies there; give a folder of scans")
    if len(left_out) <= tolerate * total and len(left_out) < total:
        return
    said = f"none of {total} scans can be learned from; mend them or give others"
    if len(left_out) < total:
        share = -(-100 * len(left_out) // total) / 100
        rest = f"; {unseen} of them were not looked at" if unseen else ""
        said = (
            f"{len(left_out)} of {total} scans cannot be learned from, more than the "
            f"{tolerate:.0%} that may be left out{rest}; mend them or take them out, or bear "
            f"them: tolerate={share:g}"
        )
    raise BadInput(f"{said}:\n{listed(left_out)}")


def listed(left_out: Sequence[LeftOut]) -> str:
    """Return the first of them, a line each, and how many more there are.

    Where many reasons end in the same words, these stand once, below.
    """
    some = [str(one) for one in left_out[:NAMED]]
    end = shared_end(some)
    lines = [
        f"  {one.removesuffix(end).rstrip()} ..." if end and one.endswith(end) else f"  {one}"
        for one in some
    ]
    if end:
        lines.append(f"    ... {end}")
    more = len(left_out) - NAMED
    return "\n".join(lines + ([f"  and {more} more"] if more > 0 else []))


def shared_end(texts: Sequence[str]) -> str:
    """Return the end that saves most where it is said once, from a clause on; else nothing."""
    words = [text.split(" ") for text in texts]
    best, worth = "", 0
    for at, own in enumerate(words):
        for begin in range(1, len(own)):
            if own[begin - 1][-1:] not in (":", ";", ","):
                continue
            end = " ".join(own[begin:])
            many = sum(text.endswith(f" {end}") for text in texts[at:])
            saved = (many - 1) * len(end)
            if many >= SEVERAL and len(end) >= SHARED and saved > worth:
                best, worth = end, saved
    return best
