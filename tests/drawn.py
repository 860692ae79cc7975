"""The pictures of docs/: what a page's commands drew, kept small beside the page, and compared."""

import base64
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST = 60_000  # Bytes of a picture that a page brings along.
COLOURS = (192, 128, 96, 64, 48)  # At its own size: the voxels of a scan would blur in another.
SIDE, ALIKE = 48, 0.8  # How finely two pictures are compared, and how alike they must be.
HELD = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")
WORD = re.compile(r"<text[^>]*>([^<]*[A-Za-z][^<]*)</text>")


@dataclass(frozen=True)
class Drawn:
    """A picture on a page beside what the page's commands drew.

    made: the file of the commands; of a page in HTML, its first picture. kept: what comes along.
    """

    line: int
    made: Path
    kept: Path

    @property
    def shown(self) -> str:
        """What the page shows, in words."""
        return f"{self.kept.name}{'' if self.kept.exists() else ', which is not there'}\n"

    @property
    def got(self) -> str:
        """What the commands drew, in words."""
        return f"{self.made.name}{'' if self.made.exists() else ', which was not drawn'}\n"

    @property
    def fits(self) -> bool:
        """Whether both show the same, small things aside."""
        if not self.made.exists() or not self.kept.exists():
            return False
        made, kept = content(self.made), self.kept.read_bytes()
        if self.kept.suffix == ".svg":
            return words(made) == words(kept)
        a, b = look(made), look(kept)
        return np.isclose(a.shape[1], b.shape[1], atol=3) and alike(made, kept) > ALIKE

    def keep(self) -> None:
        """Keep what was drawn, in place of what no longer fits."""
        if not self.made.exists():
            raise FileNotFoundError(f"line {self.line}: no command of the page drew {self.made}")
        self.kept.parent.mkdir(exist_ok=True)
        drawn = content(self.made)
        self.kept.write_bytes(drawn if self.kept.suffix == ".svg" else small(drawn))


def content(path: Path) -> bytes:
    """Return a file's picture: of a page in HTML the first that it holds."""
    if path.suffix != ".html":
        return path.read_bytes()
    held = HELD.search(path.read_text(encoding="utf-8"))
    assert held, f"{path} holds no picture as SVG"
    return base64.b64decode(held[1])


def small(drawn: bytes) -> bytes:
    """Return a PNG in as many colours as there is room for."""
    picture = Image.open(io.BytesIO(drawn)).convert("RGB")
    for colours in COLOURS:
        told = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(told, "png", optimize=True)
        if len(told.getvalue()) <= MOST:
            return told.getvalue()
    raise AssertionError(f"{len(told.getvalue()):,} bytes: draw less in it, {MOST:,} are allowed")


def marks(kept: Path) -> int:
    """Return how much there is to see: the greys of a PNG, the lines and words of an SVG."""
    if kept.suffix == ".svg":
        return len(re.findall(r"<(?:path|text|line|circle|rect|use)\b", kept.read_text("utf-8")))
    return len(np.unique(np.asarray(Image.open(kept).convert("L"))))


def words(drawn: bytes) -> list[str]:
    """Return what is written in an SVG, numbers aside."""
    return WORD.findall(drawn.decode("utf-8"))


def look(drawn: bytes) -> NDArray[np.float64]:
    """Return a PNG as one sees it from afar: greys, `SIDE` rows."""
    grey = Image.open(io.BytesIO(drawn)).convert("L")
    across = max(1, round(SIDE * grey.width / grey.height))
    return np.asarray(grey.resize((across, SIDE), Image.Resampling.BOX), np.float64)


def alike(one: bytes, other: bytes) -> float:
    """Return how the greys of two PNG files go together, from -1 to 1."""
    a = look(one)
    b = Image.open(io.BytesIO(other)).convert("L").resize(a.shape[::-1], Image.Resampling.BOX)
    return float(np.corrcoef(a.ravel(), np.asarray(b, np.float64).ravel())[0, 1])
