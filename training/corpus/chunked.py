"""Volumes in chunks: zarr arrays of int16, of which a window reads only the chunks it touches.

Each volume is a zarr (version 3) array of its own, written by the zarr library and open to any
reader of that format: `zarr.open_array("PACKED/volumes/...")`. Its chunks lie in shards, one file
or object for each, behind an index of where each chunk lies. Windows are read here by that index,
which is kept: a window costs one round of range requests, and a quarter of the time that the zarr
library takes, which reads the index each time (benchmarks/packing.py). Each chunk carries its
crc32c, so that damage is seen.
"""

import json
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_hub.errors import BadInput
from genesis_hub.extras import require
from training.corpus import Sides
from training.corpus.places import Place

Stored = NDArray[np.int16]

SEAL = "zarr.json"  # Written last, so a volume that has it is whole.
FACTS = "genesis_hub"  # The name of our attributes.
VERSION = 1
OURS = (SEAL, "index", "volumes")  # What lies in the folder of a corpus.
MISSING = 2**64 - 1  # What an index says of a chunk that was never written.
INDICES = 64  # Shard indices kept; one of 512 x 512 x 256 voxels has 66 KB.


@dataclass(frozen=True)
class Layout:
    """How volumes are stored.

    chunk: sides of what is packed as one. shard: sides of what lies in one file; a multiple.
    level: of zstd, 1 (fast) to 9 (small).
    """

    chunk: Sides = (32, 32, 16)  # benchmarks/packing.py: fewest bytes at the least time.
    shard: Sides = (512, 512, 256)
    level: int = 3

    def __post_init__(self) -> None:
        if any(side < 1 for side in self.chunk):
            raise BadInput(f"chunk={self.chunk}; each side is 1 or more, such as 32,32,32")
        if any(outer % inner or outer < inner for outer, inner in zip(*self.both, strict=True)):
            fitting = [
                max(1, round(outer / inner)) * inner
                for outer, inner in zip(*self.both, strict=True)
            ]
            raise BadInput(
                f"shard={self.shard} is no multiple of chunk={self.chunk}; "
                f"{','.join(map(str, fitting))} is"
            )
        if not 1 <= self.level <= 9:
            raise BadInput(f"level={self.level}; choose 1 (fast) to 9 (small)")

    @property
    def both(self) -> tuple[Sides, Sides]:
        """The sides of a shard and those of a chunk."""
        return self.shard, self.chunk

    def per_shard(self, sides: Sides) -> Sides:
        """Return how many chunks a shard of a volume has along each axis: no more than it needs."""
        return three(
            min(outer // inner, -(-side // inner))
            for side, outer, inner in zip(sides, *self.both, strict=True)
        )

    def facts(self) -> dict[str, Any]:
        """Return what the corpus says of itself."""
        return {
            "format_version": VERSION, "frame": "LPS", "chunk": list(self.chunk),
            "shard": list(self.shard), "level": self.level,
        }  # fmt: skip


def encoded(values: Stored, layout: Layout, facts: dict[str, Any]) -> dict[str, bytes]:
    """Return the files of a volume (X, Y, Z), the one that seals it last."""
    zarr = require("zarr", "training")
    held: dict[str, Any] = {}
    array = zarr.create_array(
        zarr.storage.MemoryStore(held),
        shape=values.shape,
        dtype="<i2",
        chunks=layout.chunk,
        shards={
            "shape": [
                n * side
                for n, side in zip(layout.per_shard(three(values.shape)), layout.chunk, strict=True)
            ],
            "index_location": "start",  # Read without asking for the size of the file before.
        },
        filters=None,
        compressors=(
            zarr.codecs.BloscCodec(cname="zstd", clevel=layout.level, shuffle="bitshuffle"),
            zarr.codecs.Crc32cCodec(),
        ),
        fill_value=0,
        attributes={FACTS: facts},
        # Every chunk is written, so one that is not there was lost.
        config={"write_empty_chunks": True},
    )
    array[...] = values
    files = {name: content.to_bytes() for name, content in held.items()}
    return {name: files[name] for name in sorted(files, key=lambda name: name == SEAL)}


def begun(place: Place, layout: Layout) -> None:
    """Say in a place what it is, or raise `BadInput` where it was begun with another layout."""
    found = place.get(SEAL)
    if found is None:
        # Another part may begin at this moment; what it writes is no other file.
        others = [name for name in place.names("") if name[:1] != "." and name not in OURS]
        if others:
            raise BadInput(
                f"{place.address} holds other files ({', '.join(others[:3])}); give a new folder, "
                "or another OUT"
            )
        group = {"zarr_format": 3, "node_type": "group", "attributes": {FACTS: layout.facts()}}
        place.put(SEAL, json.dumps(group, indent=1).encode())
        return
    there = layout_of(found, place)
    if there != layout:
        raise BadInput(
            f"{place.address} was begun otherwise ({there}, now {layout}); "
            "give the same to go on, or another OUT"
        )


def layout_of(seal: bytes | None, place: Place) -> Layout:
    """Return the layout of a corpus by its file, or raise `BadInput`."""
    if seal is None:
        raise BadInput(
            f"no packed corpus lies at {place.address}; "
            f"python -m training.pack --data DIR --out {place.address} makes one"
        )
    try:
        facts = json.loads(seal)["attributes"][FACTS]
        version = facts["format_version"]
        layout = Layout(three(facts["chunk"]), three(facts["shard"]), int(facts["level"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{place.address}/{SEAL} is not what training.pack writes") from error
    if version > VERSION:
        raise BadInput(
            f"{place.address} has format_version {version}, but at most {VERSION} is known here; "
            "take a newer genesis_hub"
        )
    return layout


class Chunks:
    """Reads windows of the volumes of a place, chunk by chunk."""

    def __init__(self, place: Place, layout: Layout) -> None:
        self.place, self.layout = place, layout
        self.indices: dict[str, NDArray[np.uint64]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"place": self.place, "layout": self.layout, "indices": {}}

    def window(self, key: str, sides: Sides, start: Sides, size: Sides) -> Stored:
        """Return a window (X, Y, Z) of the volume under a key, as it is stored.

        Raises `Damaged` where a chunk is missing or not what was written.
        """
        chunk, per = self.layout.chunk, self.layout.per_shard(sides)
        touched = [
            three(at)
            for at in product(
                *(
                    range(begin // side, (begin + width - 1) // side + 1)
                    for begin, width, side in zip(start, size, chunk, strict=True)
                )
            )
        ]
        asked = []
        for at in touched:
            shard = [place // n for place, n in zip(at, per, strict=True)]
            file = f"{key}/c/{shard[0]}/{shard[1]}/{shard[2]}"
            inside = [place % n for place, n in zip(at, per, strict=True)]
            begin, count = self.index(file, per, at)[np.ravel_multi_index(inside, per)].tolist()
            if begin == MISSING:
                raise Damaged(at, f"is missing from {file}")
            asked.append((file, begin, begin + count))
        found = np.empty(size, dtype=np.int16)
        for at, packed in zip(touched, self.parts(asked, touched), strict=True):
            values = unpacked(packed, at, chunk)
            inner, outer = [], []
            for place, side, begin, width in zip(at, chunk, start, size, strict=True):
                low, high = max(place * side, begin), min((place + 1) * side, begin + width)
                inner.append(slice(low - place * side, high - place * side))
                outer.append(slice(low - begin, high - begin))
            found[tuple(outer)] = values[tuple(inner)]
        return found

    def index(self, file: str, per: Sides, at: Sides) -> NDArray[np.uint64]:
        """Return where each chunk of a shard lies: its first byte, and how many."""
        if file not in self.indices:
            count = 16 * prod(per)
            (content,) = self.parts([(file, 0, count + 4)], [at])
            if len(content) != count + 4 or not intact(content):
                raise Damaged(at, f"cannot be found: the index of {file} is damaged")
            while len(self.indices) >= INDICES:  # The oldest goes.
                del self.indices[next(iter(self.indices))]
            self.indices[file] = np.frombuffer(content, "<u8", 2 * prod(per)).reshape(-1, 2)
        return self.indices[file]

    def parts(self, asked: list[tuple[str, int, int]], touched: list[Sides]) -> list[bytes]:
        """Return parts of shards, or raise `Damaged` where one is not there."""
        try:
            return self.place.spans(asked)
        except FileNotFoundError as error:
            raise Damaged(touched[0], f"is missing: there is no {asked[0][0]}") from error


class Damaged(Exception):
    """A chunk is missing, or not what was written."""

    def __init__(self, at: Sides, said: str) -> None:
        super().__init__(f"chunk {at} {said}")


def unpacked(packed: bytes, at: Sides, chunk: Sides) -> Stored:
    """Return the values of a chunk, or raise `Damaged`."""
    blosc = require("numcodecs.blosc", "training")
    if not intact(packed):
        raise Damaged(at, "is damaged: its checksum does not fit")
    return np.frombuffer(blosc.decompress(packed[:-4]), "<i2").reshape(chunk)


def intact(content: bytes) -> bool:
    """Say whether the last four bytes are the crc32c of those before."""
    crc32c = require("google_crc32c", "training")
    return bool(crc32c.value(content[:-4]) == int.from_bytes(content[-4:], "little"))


def three(sides: Any) -> Sides:
    """Return three whole numbers."""
    x, y, z = (int(side) for side in sides)
    return x, y, z
