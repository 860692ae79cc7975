"""Which patterns there are: for each class a reference patient, its neighbours, and an anchor."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from genesis_hub.engine.feed import seed_of
from genesis_hub.errors import BadInput
from training.corpus import Sides, Window
from training.corpus.cutting import Drawer, by
from training.corpus.tissue import FILLED, Rule, rule_for
from training.discovery.features import Featured
from training.discovery.frame import Frame
from training.discovery.framing import Framing
from training.discovery.neighbours import nearest
from training.discovery.room import Room, all_of, many_val, more_room, refuse_few
from training.discovery.wishes import Wishes

TRIES = 200  # Windows of a reference that are judged, as published.
AGAIN = 50  # References that are looked through once more, when none had a place,
THOROUGH = 20_000  # at so many windows of each.
REFERENCES, ANCHORS = 31, 32  # Tell what is drawn for one from what is drawn for the other.
JOURNAL = "classes.{}.part"
Starts = NDArray[np.int64]


@dataclass(frozen=True)
class Pattern:
    """One class: the scan its place was drawn in, the start in the frame, and whose cubes it has.

    reference, train, val: places of scans; the first of train is the reference itself.
    """

    reference: int
    start: Sides
    train: tuple[int, ...]
    val: tuple[int, ...]


@dataclass(eq=False)
class Discoverer:
    """Draws the patterns of a discovery, one after the other, from its seed.

    Every scan is a reference once before any is twice. known: patterns that were there before.
    loose: the tissue rule fits nowhere and is not asked; barren: references without a place, in a
    row.
    """

    framing: Framing
    featured: Featured
    wishes: Wishes
    frame: Frame
    known: Sequence[tuple[int, Sides]] = ()
    patterns: list[Pattern] = field(default_factory=list)
    barren: int = 0
    loose: bool = False

    def __post_init__(self) -> None:
        wishes, places = self.wishes, self.featured.places
        self.counts = (wishes.neighbours, many_val(wishes, len(places["val"])))
        refuse_few(wishes, len(places["train"]), len(places["val"]))
        self.row_of = {place: row for row, place in enumerate(places["train"])}
        self.room = Room.of(self.framing, self.frame, wishes)
        self.near: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def discover(self, folder: Path, digest: str, *, quiet: bool) -> list[Pattern]:
        """Return all patterns; those found before a kill are taken from the journal."""
        journal = folder / JOURNAL.format(digest[:16])
        tried, wanted = self.replay(journal), self.wishes.classes
        with (
            journal.open("a", encoding="utf-8") as told,
            tqdm(
                total=self.wishes.classes, disable=quiet or None, unit="class", desc="anchors"
            ) as bar,
        ):
            bar.update(len(self.patterns))
            while len(self.patterns) < wanted:
                number = len(self.patterns)
                if number < len(self.known):
                    place, start = self.known[number]
                    found: Pattern | None = Pattern(place, start, *self.neighbours(place))
                else:
                    place = self.reference(tried)
                    found, tried = self.drawn(place, tried), tried + 1
                if found is not None:
                    self.patterns.append(found)
                    self.barren = 0
                    told.write(json.dumps([tried, self.loose, asdict(found)]) + "\n")
                    told.flush()
                    bar.update()
                    continue
                self.barren += 1
                if self.barren >= len(self.row_of) + min(len(self.row_of), AGAIN):
                    self.loosen()
        return self.patterns

    def loosen(self) -> None:
        """Take any place that is no background, where a rule fits none at all; else give up.

        Such as that for lungs in an abdomen: it says nothing of these scans.
        """
        found = len(self.patterns) > len(self.known)
        if found or self.loose or self.wishes.faithful:
            raise BadInput(self.said_of_too_many())
        self.loose, self.barren = True, 0

    def replay(self, journal: Path) -> int:
        """Take up what was found before; return how many references were tried for it."""
        tried = 0
        for left in journal.parent.glob(JOURNAL.format("*")):
            if left != journal:
                left.unlink()
        if not journal.is_file():
            return tried
        whole = []
        for line in journal.read_text(encoding="utf-8").splitlines(keepends=True):
            try:
                tried, self.loose, held = json.loads(line if line.endswith("\n") else "")
            except ValueError:
                break  # Cut short by a kill.
            self.patterns.append(
                Pattern(
                    held["reference"],
                    tuple(held["start"]),
                    tuple(held["train"]),
                    tuple(held["val"]),
                )
            )
            whole.append(line)
        journal.write_text("".join(whole), encoding="utf-8")
        return int(tried)

    def reference(self, tried: int) -> int:
        """Return the next scan to draw a place in: each comes once before any comes twice."""
        places = self.featured.places["train"]
        used = {place for place, _ in self.known} if len(self.known) < len(places) else set()
        row, column = divmod(tried, len(places) - len(used))
        draw = np.random.Generator(np.random.PCG64(seed_of(self.wishes.seed, REFERENCES, row)))
        order = [places[at] for at in draw.permutation(len(places)) if places[at] not in used]
        return int(order[column])

    def neighbours(self, place: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the nearest scans of both splits; the reference is the first of its own."""
        if place not in self.near:
            self.look_around(place)
        return self.near[place]

    def look_around(self, place: int) -> None:
        """Find the neighbours of a reference, and of those that will come after it, at once."""
        features, places = self.featured.features, self.featured.places
        tried = [
            place,
            *(self.reference(at) for at in range(min(self.wishes.classes, len(self.row_of)))),
        ]
        some = [one for one in dict.fromkeys(tried) if one not in self.near]
        queries = features["train"][[self.row_of[one] for one in some]]
        train, _ = nearest(features["train"], queries, min(self.counts[0] + 1, len(self.row_of)))
        val = nearest(features["val"], queries, self.counts[1])[0] if self.counts[1] else None
        for at, one in enumerate(some):
            # Another scan with the very same features must not take the reference's rank.
            others = [places["train"][row] for row in train[at] if places["train"][row] != one]
            mine = (one, *others[: self.counts[0] - 1])
            theirs = () if val is None else tuple(places["val"][row] for row in val[at])
            self.near[one] = (mine, theirs)

    def drawn(self, place: int, tried: int) -> Pattern | None:
        """Return a pattern of a reference, or None where no window of it will do."""
        train, val = self.neighbours(place)
        free = self.free(self.room.starts((*train, *val)))
        if not len(free):
            return None
        volume = self.framing.volume(place, self.frame)

        def cut(start: Sides, size: Sides) -> Window:
            (x, y, z), (a, b, c) = start, size
            return volume[None, x : x + a, y : y + b, z : z + c]

        rule = self.rule(place)
        drawer = Drawer(cut, self.frame.sides, self.room.cutting, rule)
        draw = np.random.Generator(np.random.PCG64(seed_of(self.wishes.seed, ANCHORS, tried)))
        tries = TRIES if self.barren < len(self.row_of) else THOROUGH
        for at in draw.permutation(len(free))[:tries]:
            x, y, z = (int(one) for one in free[at])
            if drawer.window((x, y, z), self.wishes.crop[:2])[0].verdict.accepted:
                return Pattern(place, (x, y, z), train, val)
        return None

    def free(self, spans: Sequence[tuple[int, int]]) -> Starts:
        """Return the starts that are far enough from all anchors before, (N, 3)."""
        axes = [np.arange(low, high + 1) for low, high in spans]
        grid: Starts = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        for one in self.patterns:
            apart = grid - np.array(one.start)
            grid = grid[(apart * apart).sum(1) >= self.wishes.distance**2]
        return grid

    def rule(self, place: int) -> Rule:
        """Return which windows of a scan may be anchors: those of its modality's rule."""
        if self.loose:
            return FILLED
        return rule_for(self.framing.scans[place].modality, faithful=self.wishes.faithful)

    def said_of_too_many(self) -> str:
        """Return why no more patterns were found, and what would do."""
        wishes, found = self.wishes, len(self.patterns)
        everyone = all_of(self.featured.places)
        spans = self.room.starts(everyone)
        room = [high - low + 1 for low, high in spans]
        ways = ([f"classes={found}"] if found else []) + more_room(wishes)
        rule = self.rule(everyone[0])
        return (
            f"classes={wishes.classes}, but only {found} places were found that lie "
            f"{wishes.distance:g} voxels apart and meet the rule ({rule.name}): in the common "
            f"frame of {by(self.frame.sides)} cubes of {by(wishes.crop)} may begin at {by(room)} "
            f"places of every patient, and no scan gave another; choose {' or '.join(ways)}"
        )
