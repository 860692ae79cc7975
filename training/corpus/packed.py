"""A packed corpus: volumes of any number, of which a window reads only the chunks it touches."""

from array import array
from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path
from sys import intern

import numpy as np
import torch

from genesis_hub.errors import BadInput
from genesis_hub.inputs import Inputs
from training.corpus import Sides, Window
from training.corpus.chunked import SEAL, Chunks, Damaged, layout_of, three
from training.corpus.contents import key_of, read_tables
from training.corpus.places import Place

FRAME = "LPS"
UNKNOWN = (nan,) * 3  # The spacing where a file does not say it.


class Packed:
    """A corpus that `python -m training.pack` wrote, in a folder or an object store.

    address: a folder, or what fsspec opens: "s3://bucket/corpus", "gs://...", "memory://...".
    inputs_of: the input contract for a modality; it raises `BadInput` for one that does not fit.
    names, patients, modalities, splits ("train", "val" or ""): of each volume, by name. Of 100,000
    volumes 72 MB are held; voxels never.

    It may be handed to worker processes, forked or spawned: each opens the place anew.
    """

    def __init__(self, address: str | Path, inputs_of: Callable[[str], Inputs]) -> None:
        self.place = Place(address)
        layout = layout_of(self.place.get(SEAL), self.place)
        names: list[str] = []
        words: list[tuple[str, str, str]] = []
        numbers, digests = array("d"), bytearray()
        for row in read_tables(self.place):  # One at a time: a row takes ten times its columns.
            names.append(row.name)
            words.append((intern(row.patient), intern(row.modality), intern(row.split)))
            numbers.extend((*row.sides, *(row.spacing or UNKNOWN)))
            numbers.extend((row.slope, row.intercept, row.least, row.greatest))
            digests += bytes.fromhex(row.hash)
        if not names:
            raise BadInput(
                f"{self.place.address} holds no packed volume yet; "
                f"python -m training.pack --data DIR --out {self.place.address} goes on with it"
            )
        # By name, each once: the same however many processes packed them.
        order = sorted({name: at for at, name in enumerate(names)}.values(), key=names.__getitem__)
        self.names = tuple(names[at] for at in order)
        self.patients, self.modalities, self.splits = zip(*(words[at] for at in order), strict=True)
        table = np.array(numbers).reshape(len(names), -1)[order]
        self.all_sides, self.spacings, self.scales, self.ends = np.split(table, (3, 6, 8), axis=1)
        self.digests = np.frombuffer(digests, np.uint8).reshape(len(names), -1)[order]
        self.inputs = {
            modality: self.contract(modality, inputs_of) for modality in sorted({*self.modalities})
        }
        self.chunks = Chunks(self.place, layout)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Packed({self.place.address!r}, {len(self)} volumes)"

    @property
    def hashes(self) -> tuple[str, ...]:
        """The perceptual hash of each volume, in hexadecimal."""
        return tuple(bytes(digest).hex() for digest in self.digests)

    def sides(self, index: int) -> Sides:
        """Return a volume's sides (X, Y, Z), from the table."""
        return three(self.all_sides[index])

    def window(self, index: int, start: Sides, size: Sides) -> Window:
        """Return a window (1, X, Y, Z) as the model takes it.

        Raises `BadInput`, naming volume and chunk, where one is missing or damaged.
        """
        sides = self.sides(index)
        if any(
            a < 0 or n < 1 or a + n > side for a, n, side in zip(start, size, sides, strict=True)
        ):
            raise BadInput(
                f"a window of {size} at {start} does not lie in {self.names[index]!r}, whose sides "
                f"are {sides}"
            )
        try:
            stored = self.chunks.window(key_of(self.names[index]), sides, start, size)
        except Damaged as error:
            raise BadInput(
                f"{self.place.address}: {self.names[index]!r}: {error}; pack it again: the same "
                f"call of training.pack with --again {self.names[index]}"
            ) from error
        slope, intercept = self.scales[index].tolist()
        values = torch.from_numpy(stored).to(torch.float32)
        if (slope, intercept) != (1.0, 0.0):
            values = values.mul_(slope).add_(intercept)
        inputs = self.contract_of(index)
        ready: Window = inputs(values[None], patch=True, check=False).numpy()
        return ready

    def contract_of(self, index: int) -> Inputs:
        """Return the input contract of one volume: its own ends where the image gives them."""
        inputs = self.inputs[self.modalities[index]]
        if inputs.facts.clip is None and inputs.facts.scale:
            least, greatest = self.ends[index].tolist()
            return replace(inputs, facts=replace(inputs.facts, clip=(least, greatest)))
        return inputs

    def contract(self, modality: str, inputs_of: Callable[[str], Inputs]) -> Inputs:
        """Return the input contract of a modality, or raise `BadInput` where it asks for more."""
        some = [place for place, one in enumerate(self.modalities) if one == modality]
        whose = f"{self.names[some[0]]!r} ({modality!r}, one of {len(some)})"
        try:
            inputs = replace(inputs_of(modality), channels=1)
        except BadInput as error:
            raise BadInput(f"{self.place.address}: {whose}: {error}") from error
        if inputs.frame != FRAME:
            raise BadInput(f"{self.place.address} lies in frame {FRAME}, not in {inputs.frame}")
        want = inputs.facts.spacing
        if want and not np.allclose(self.spacings[some], want, rtol=0.01):
            raise BadInput(
                f"{self.place.address}: {whose}: windows are cut from the grid that was packed, "
                f"which is not everywhere {want} mm; take the spacing out of the recipe, or "
                "resample the images before they are packed"
            )
        return inputs
