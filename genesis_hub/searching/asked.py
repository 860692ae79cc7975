"""Which places are asked for: one by its pixels, or a table with a place in each row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genesis_hub.data.cases.columns import IMAGE, PATIENT, by_names
from genesis_hub.data.cases.table import Table, read_table
from genesis_hub.data.finding import Found
from genesis_hub.data.image import Image
from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput

LANDMARK = ("landmark", "landmark_name", "point", "structure", "label")
COLUMNS = "image, x, y, and where there are several places landmark, and patient"
At = str | Sequence[float]


@dataclass(frozen=True)
class Point:
    """A place in a picture: x pixels from its left edge, y from its top, as a viewer shows it.

    image: as the user named it. patient: whose picture it is, or the picture itself.
    """

    image: str
    x: float
    y: float
    landmark: str = "place"
    patient: str = ""

    def inside(self, image: Image, whose: str) -> "Point":
        """Return this, or raise `BadInput` where it lies outside the picture."""
        high, wide = image.shape[1:]
        if 0 <= self.x < wide and 0 <= self.y < high:
            return self
        raise BadInput(
            f"{whose}: x={self.x:g}, y={self.y:g} lies outside {image.title}, which is {wide} "
            f"pixels wide and {high} high; x counts from its left and y from its top, from 0; if "
            "places were taken in a picture of another size, scale them"
        )

    def shares(self, image: Image) -> tuple[float, float]:
        """Return the place as shares of the picture's sides: down, across."""
        high, wide = image.shape[1:]
        return (self.y + 0.5) / high, (self.x + 0.5) / wide


def point_at(image: str | Path, at: At) -> Point:
    """Return one place of a picture; at: "X,Y" or two numbers."""
    words = at.split(",") if isinstance(at, str) else list(at)
    try:
        x, y = (float(word) for word in words)
    except (TypeError, ValueError):
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise BadInput(
            f"at={at!r} is no place; give X,Y in pixels from the left and from the top, as 120,88"
        )
    return Point(str(image), x, y, patient=str(image))


def read_points(path: str | Path) -> list[Point]:
    """Return the places in a table; every broken row is told at once."""
    file = Path(path).expanduser()
    table = read_table(file)
    image, x, y = (needed(table, names, file) for names in (IMAGE, ("x",), ("y",)))
    landmark, patient = (next(iter(by_names(table, n)), None) for n in (LANDMARK, PATIENT))
    points, broken = [], [f"{one.case}: {one.what}" for one in table.problems]
    seen = set()
    for line, row in table.rows:
        fields = dict(zip(table.columns, row, strict=True))
        try:
            point = point_at(fields[image], (float(fields[x]), float(fields[y])))
        except ValueError:
            broken.append(f"line {line}: x={fields[x]!r}, y={fields[y]!r} are no pixels")
            continue
        name = fields[landmark] if landmark and fields[landmark] else "place"
        who = fields[patient] if patient and fields[patient] else point.image
        if (point.image, name) in seen:
            broken.append(f"line {line}: {point.image} has {name!r} twice")
        seen.add((point.image, name))
        points.append(Point(point.image, point.x, point.y, name, who))
    if broken:
        more = f"; and {len(broken) - 5} more" if len(broken) > 5 else ""
        raise BadInput(f"{file}: {'; '.join(broken[:5])}{more}; its columns are {COLUMNS}")
    return points


def needed(table: Table, names: Sequence[str], path: Path) -> str:
    """Return the column of a table that is called as one of the names."""
    found = by_names(table, names)
    if not found:
        raise BadInput(
            f"{path}: it has no column {'image' if names is IMAGE else names[0]}; a table of "
            f"places has {COLUMNS}, and this has {', '.join(table.columns)}"
        )
    return found[0]


def matched(points: Sequence[Point], found: Sequence[Found], table: Path) -> dict[str, Found]:
    """Return the picture of each name in a table: a path beside it, or one of those found."""
    places: dict[str, set[int]] = {}
    for at, one in enumerate(found):
        for name in (one.name, one.path.name, str(one.path.resolve())):
            places.setdefault(name, set()).add(at)
    told: dict[str, Found] = {}
    for name in dict.fromkeys(point.image for point in points):
        beside = str((table.expanduser().parent / name).resolve())
        for key in (beside, name, Path(name).name):
            if len(places.get(key, ())) == 1:  # A name that two pictures have is nobody's.
                told[name] = found[next(iter(places[key]))]
                break
    if not told:
        first = points[0].image
        names = [one.name for one in found]
        raise BadInput(
            f"{table} names none of the {len(found)} pictures, such as {found[0].path}; its first "
            f"is {first!r}{close_names(Path(first).stem, names)}"
        )
    return told
