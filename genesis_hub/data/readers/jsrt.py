"""The pictures of JSRT: 2048 x 2048 values of 12 bits without a header, as they are published."""

from pathlib import Path

import numpy as np

from genesis_hub.data.image import Array, Image
from genesis_hub.data.readers.raw import flat

SUFFIX = ".img"
SIDE = 2048
WHITE = 4095
STEP = 0.175  # Millimetres between pixels.


def is_jsrt(path: Path) -> bool:
    """Say whether a file is one of them: of their size, and no half of an Analyze pair."""
    if path.suffix.lower() != SUFFIX or path.stat().st_size != 2 * SIDE * SIDE:
        return False
    return not any(path.with_suffix(suffix).exists() for suffix in (".hdr", ".HDR"))


def read_jsrt(path: Path) -> Image:
    """Return a picture with bones bright: in the file, as on film, much light is a small value."""
    stored = np.dtype(">u2")

    def load() -> Array:
        values = flat(path, stored, SIDE * SIDE, offset=0).reshape(1, SIDE, SIDE)
        return WHITE - np.minimum(values.astype(np.uint16), WHITE)

    return Image(
        path=path,
        kind="jsrt",
        shape=(1, SIDE, SIDE),
        load=load,
        spacing=(STEP, STEP),
        modality="xray",
        grey=(0.0, float(WHITE)),
        sources=(path,),
        notes=("film densities turned round, so that bones are bright",),
    )
