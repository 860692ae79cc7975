"""What a run learns from: cases read and checked once, cut or resized as the model takes them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis_hub.data.cases import Case, CaseList, class_indices
from genesis_hub.data.hashes import perceptual_hash
from genesis_hub.data.image import Array, cut_out, turned
from genesis_hub.data.readers import read
from genesis_hub.engine.objective import Batch
from genesis_hub.errors import BadInput
from genesis_hub.infer.networks import in_plane
from genesis_hub.infer.prepare import Ready, fitted, prepare
from genesis_hub.infer.sources import open_case
from genesis_hub.inputs import Inputs, as_tensor
from genesis_hub.tuning.viewed import Viewed

MOST_PLACES = 20_000  # Voxels of a class remembered per case, to cut patches around.
ROOM = 6 << 30  # Bytes of images that are held; what is over is read each time.


@dataclass(frozen=True, eq=False)
class Sample:
    """A case as read: the image as the model takes it, and its labels in the same frame.

    labels: (X, Y[, Z]) of class numbers, for segmentation. truth: the same on the image's own grid,
    where answers are scored. places: for each class but the background, voxels of it.
    """

    ready: Ready
    labels: Array | None = None
    truth: Array | None = None
    places: dict[int, Array] | None = None


class Samples:
    """Cases of one split, read when first asked for and held while there is room.

    viewed: how they are changed before anything looks at them; None leaves them as they are.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        listed: CaseList,
        inputs: Inputs,
        *,
        check: bool = True,
        viewed: Viewed | None = None,
    ) -> None:
        self.cases, self.listed, self.inputs = tuple(cases), listed, inputs
        self.check, self.viewed = check, viewed
        self.held: dict[int, Sample] = {}
        self.pictures: dict[int, Tensor] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> Sample:
        if index not in self.held:
            sample = self.opened(self.cases[index])
            size = sum(nbytes(part) for part in (sample.ready.pixels, sample.labels))
            if self.bytes + size > ROOM:
                return sample
            self.held[index] = sample
            self.bytes += size
        return self.held[index]

    def opened(self, case: Case) -> Sample:
        """Read a case."""
        image = open_case(case)
        try:
            ready = prepare(image, self.inputs, check=self.check)
        except BadInput as error:
            raise BadInput(f"case {case.name!r}: {error}") from error
        pixels = np.array(ready.pixels) if isinstance(ready.pixels, np.memmap) else ready.pixels
        ready = replace(ready, pixels=pixels)
        if self.listed.task != "segmentation" or case.mask is None:
            return Sample(self.viewed(case.name, ready, None)[0] if self.viewed else ready)
        mask = read(case.mask)
        indices = class_indices(mask, self.listed.values)[None]
        if image.ndim == 3 and image.affine is not None:
            indices = np.ascontiguousarray(turned(indices, image.orientation, ready.frame))
        truth = indices[0]
        if self.viewed:
            ready, truth = self.viewed(case.name, ready, truth)
        labels = nearest(truth, tuple(int(n) for n in pixels.shape[1:]))
        return Sample(ready, labels, truth, places_of(labels))

    def picture(self, index: int, size: tuple[int, ...]) -> Tensor:
        """Return a picture, or all slices, as the network takes it, at a size.

        It is made once while there is room.
        """
        if index not in self.pictures:
            ready = self[index].ready
            made = in_plane(ready.convert(as_tensor(ready.pixels))[None], size)[0].contiguous()
            if self.bytes + made.nbytes > ROOM:
                return made
            self.pictures[index] = made
            self.bytes += made.nbytes
        return self.pictures[index]

    def hashes(self, index: int) -> list[str]:
        """Return what a case looks like, as perceptual hashes: one for each of its files."""
        case = self.cases[index]
        if len(case.images) == 1:
            return [perceptual_hash(self[index].ready.image)]
        return [perceptual_hash(read(path)) for path in case.images]

    def label(self, index: int) -> Tensor:
        """Return a case's label, without reading its image."""
        label = self.cases[index].label
        kind = torch.float32 if self.listed.multilabel else torch.int64
        return torch.tensor(label, dtype=kind)


def nbytes(part: Any) -> int:
    """Return the memory an array or tensor takes."""
    return 0 if part is None else int(part.nbytes)


def nearest(labels: Array, sides: tuple[int, ...]) -> Array:
    """Return labels on another grid, each place with its nearest."""
    if labels.shape == sides:
        return labels
    index = [
        np.minimum(((np.arange(n) + 0.5) * side / n).astype(np.int64), side - 1)
        for n, side in zip(sides, labels.shape, strict=True)
    ]
    return labels[np.ix_(*index)]


def places_of(labels: Array) -> dict[int, Array]:
    """Return some voxels of every class that is there, evenly picked."""
    flat = labels.ravel()
    found = {}
    for number in np.unique(flat):
        if number:
            where = np.flatnonzero(flat == number)
            found[int(number)] = where[:: max(1, len(where) // MOST_PLACES)]
    return found


class WholeItems:
    """Classification: each item a whole picture at the model's size, or a volume cut to it."""

    def __init__(self, samples: Samples, size: tuple[int, ...]) -> None:
        self.samples, self.size = samples, size

    def __len__(self) -> int:
        return len(self.samples)

    def varies(self, index: int) -> bool:
        """Say whether an item depends on its seed: a part of a volume is drawn."""
        ready = self.samples[index].ready
        sides = ready.pixels.shape[1:]
        return ready.image.ndim == 3 and any(n > m for n, m in zip(sides, self.size, strict=True))

    def item(self, index: int, seed: int) -> Batch:
        if self.samples[index].ready.image.ndim == 2:
            image = self.samples.picture(index, self.size)
        else:
            ready = self.samples[index].ready
            draw = np.random.Generator(np.random.PCG64(seed))
            sides = ready.pixels.shape[1:]
            start = [
                int(draw.integers(0, side - size + 1)) if side > size else (side - size) // 2
                for side, size in zip(sides, self.size, strict=True)
            ]
            image = ready.convert(as_tensor(cut(ready.pixels, start, self.size)))
        return {"image": image, "label": self.samples.label(index)}


class PatchItems:
    """Segmentation: patches of volumes, or whole pictures and slices at the model's size.

    foreground: the share of patches cut around a voxel of a class drawn evenly among those there.
    """

    def __init__(
        self, samples: Samples, size: tuple[int, ...], *, by_slices: bool, foreground: float
    ) -> None:
        self.samples, self.size = samples, size
        self.by_slices, self.foreground = by_slices, foreground

    def __len__(self) -> int:
        return len(self.samples)

    def item(self, index: int, seed: int) -> Batch:
        sample = self.samples[index]
        assert sample.labels is not None
        draw = np.random.Generator(np.random.PCG64(seed))
        ready, labels = sample.ready, sample.labels
        if not self.by_slices:
            start = self.start(sample, draw)
            image = ready.convert(as_tensor(cut(ready.pixels, start, self.size)))
            label = cut(labels[None], start, self.size)[0]
            return {"image": image, "label": torch.from_numpy(label.astype(np.int64))}
        if ready.image.ndim == 3:
            z = self.slice_of(sample, draw)
            labels = labels[..., z]
            image = fitted(ready.convert(as_tensor(ready.pixels[..., z]))[None], self.size)[0]
        else:
            image = self.samples.picture(index, self.size)
        return {
            "image": image,
            "label": torch.from_numpy(nearest(labels, self.size).astype(np.int64)),
        }

    def start(self, sample: Sample, draw: np.random.Generator) -> list[int]:
        """Return where a patch begins: around a voxel of a class, or anywhere."""
        assert sample.labels is not None
        sides = sample.labels.shape
        around = self.around(sample, draw)
        starts = []
        for axis, (side, size) in enumerate(zip(sides, self.size, strict=True)):
            if side <= size:
                starts.append((side - size) // 2)
            elif around is None:
                starts.append(int(draw.integers(0, side - size + 1)))
            else:
                wish = int(around[axis]) - int(draw.integers(0, size))
                starts.append(min(max(wish, 0), side - size))
        return starts

    def slice_of(self, sample: Sample, draw: np.random.Generator) -> int:
        """Return which slice is shown."""
        assert sample.labels is not None
        around = self.around(sample, draw)
        return int(draw.integers(0, sample.labels.shape[-1])) if around is None else int(around[-1])

    def around(self, sample: Sample, draw: np.random.Generator) -> Any:
        """Return a voxel of a class, or None to take any place."""
        assert sample.labels is not None
        wanted = draw.random() < self.foreground
        if not wanted or not sample.places:
            return None
        number = sorted(sample.places)[int(draw.integers(0, len(sample.places)))]
        where = sample.places[number]
        return np.unravel_index(where[int(draw.integers(0, len(where)))], sample.labels.shape)


def cut(array: Array | Tensor, start: Sequence[int], size: Sequence[int]) -> Array:
    """Return (C, *size) from a place on, edge values repeated beyond the image."""
    return cut_out(array.numpy() if isinstance(array, Tensor) else array, start, size)
