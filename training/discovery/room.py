"""Where anchors may lie: inside the borders, and where every patient of a class is scanned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi, prod

from genesis_hub.errors import BadInput
from training.corpus.cutting import Cutting, by
from training.corpus.leftout import LeftOut, refuse_many
from training.discovery.features import Featured
from training.discovery.frame import Frame
from training.discovery.framing import Framing
from training.discovery.wishes import Wishes

AXES = ("rows", "cols", "deps")


@dataclass(frozen=True, eq=False)
class Room:
    """Where cubes of a wish may begin in a frame.

    spans: where each scan lies along each axis of the frame.
    """

    frame: Frame
    wishes: Wishes
    spans: dict[int, tuple[tuple[int, int], ...]]

    @classmethod
    def of(cls, framing: Framing, frame: Frame, wishes: Wishes) -> "Room":
        """Return it for framed scans."""
        spans = {place: frame.span(extent) for place, extent in framing.extents.items()}
        return cls(frame, wishes, spans)

    @property
    def cutting(self) -> Cutting:
        """How the cubes of the first resolution are cut."""
        return Cutting(self.wishes.size, (self.wishes.crop[:2],), self.wishes.faithful)

    def starts(self, places: Sequence[int]) -> list[tuple[int, int]]:
        """Return where cubes may begin along each axis so that all these scans reach them."""
        found = []
        need = self.wishes.crop
        lows = self.borders()
        for axis, (side, length) in enumerate(zip(self.frame.sides, need, strict=True)):
            over = int(self.wishes.padding * length)
            first = max(self.spans[place][axis][0] for place in places) - over
            last = min(self.spans[place][axis][1] for place in places) + over - length
            low, high = lows[axis]
            low, high = max(low, first), min(high, last)
            if low > high:  # Some scan is shorter: what lies in the middle of all is padded least.
                low = high = min(max(0, (first + last) // 2), side - length)
            found.append((low, high))
        return found

    def borders(self) -> list[tuple[int, int]]:
        """Return where cubes may begin by the borders alone."""
        sides, crop = self.frame.sides, self.wishes.crop
        self.cutting.fitting(sides)
        spans = self.cutting.spans(sides, crop[:2])
        if self.wishes.faithful or self.wishes.borders == 1:
            return list(spans)
        found = []
        for (low, _), side, length in zip(spans, sides, crop, strict=True):
            kept = min(int(low * self.wishes.borders), (side - length) // 2)
            found.append((kept, side - length - kept))
        return found

    def most(self) -> int:
        """Return how many anchors there may be at most that keep their distance.

        Balls of half the distance about them share nothing, and lie in the places of all anchors,
        that much wider on each side.
        """
        shared = self.starts(tuple(self.spans))
        sides = zip(self.frame.sides, self.wishes.crop, strict=True)
        # A class asks its own scans alone, and so has the borders' room at most. Where scans share
        # no more than one start, those of a class may have theirs anywhere in the frame.
        free = [
            border[1] - border[0] if low < high else side - length
            for (low, high), border, (side, length) in zip(
                shared, self.borders(), sides, strict=True
            )
        ]
        whole = prod(side + 1 for side in free)
        apart = self.wishes.distance
        if apart <= 1:
            return whole
        return min(whole, int(prod(side + apart for side in free) / (pi / 6 * apart**3)))


def refuse_few(wishes: Wishes, train: int, val: int) -> None:
    """Raise `BadInput` where there are fewer patients than a class wants."""
    if wishes.neighbours > train:
        raise BadInput(
            f"neighbours={wishes.neighbours}, but {train} patients are for learning; "
            f"neighbours={train} would do, or more scans"
        )
    if many_val(wishes, val) > val:
        raise BadInput(
            f"neighbours_val={wishes.neighbours_val}, but {val} patients are for validation; "
            f"neighbours_val={val} would do, or more scans" if val else
            f"neighbours_val={wishes.neighbours_val}, but no patient is for validation; leave it "
            "away, or put scans into validation/"
        )  # fmt: skip


def refuse_crowded(framing: Framing, wishes: Wishes) -> None:
    """Raise `BadInput` where no frame of these scans holds so many classes, before any is sought.

    wishes: of which the cubes, their borders and the distance between anchors say how many fit.
    """
    frame = framing.frame.holding(wishes.crop)
    most = Room.of(framing, frame, wishes).most()
    if wishes.classes > most:
        raise BadInput(
            f"classes={wishes.classes}, but no more than {most} anchors that lie "
            f"{wishes.distance:g} voxels apart fit into the common frame of {by(frame.sides)} with "
            f"cubes of {by(wishes.crop)}; ask for fewer classes, {' or '.join(more_room(wishes))}"
        )


def many_val(wishes: Wishes, there: int) -> int:
    """Return how many validation patients a class has: the lesser of 30 and all by default."""
    return min(30, there) if wishes.neighbours_val is None else wishes.neighbours_val


def more_room(wishes: Wishes) -> list[str]:
    """Return what would make room for more classes."""
    ways = [f"distance={max(1, int(wishes.distance / 2))}"] if wishes.distance > 1 else []
    if wishes.borders and not wishes.faithful:
        ways.append("borders=0")
    less = tuple(max(8, 3 * side // 4) for side in wishes.size)
    return [*ways, f"smaller cubes, such as {by(less)}"]


def without_thin(
    framing: Framing, featured: Featured, wishes: Wishes, frame: Frame
) -> tuple[Featured, tuple[LeftOut, ...]]:
    """Leave out scans of which more than half of a cube would be padding, or refuse if many."""
    thin: dict[int, LeftOut] = {}
    for place in all_of(featured.places):
        scan, span = framing.scans[place], frame.span(framing.extents[place])
        sides = [end - start for start, end in span]
        if any(2 * side < need for side, need in zip(sides, wishes.crop, strict=True)):
            fitting = [min(side, need) for side, need in zip(sides, wishes.size, strict=True)]
            said = " ".join(
                f"input_{name}={max(8, side // 8 * 8)}"
                for name, side, need in zip(AXES, fitting, wishes.size, strict=True)
                if side < need
            )
            thin[place] = LeftOut(
                scan.name,
                scan.paths[0] if scan.paths else None,
                f"it is {by(sides)} in the common frame, less than half a cube of "
                f"{by(wishes.crop)}; {said} would do",
            )
    refuse_many(tuple(thin.values()), len(all_of(featured.places)), tolerate=wishes.tolerate)
    if not thin:
        return featured, ()
    features, places = {}, {}
    for split, own in featured.places.items():
        rows = [row for row, place in enumerate(own) if place not in thin]
        features[split], places[split] = featured.features[split][rows], tuple(own[r] for r in rows)
    return replace(featured, features=features, places=places), tuple(thin.values())


def all_of(places: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Return the places of both splits."""
    return (*places["train"], *places["val"])
