"""The published way of the proxy tasks' steps, written plainly: one image, one patch after another.

Views are made by numpy and scipy, image by image, in float64, in the process, before each step; CPC
encodes a patch anew for every context and every target that it is in. Networks, heads and losses
are ours, so that a ratio tells of the way alone.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from training.methods.base import Method
from training.methods.cpc import CPC
from training.proxy.coding import likeness
from training.proxy.encoding import encoded
from training.views.contexts import NOTHING, SMALLER, contexts
from training.views.patches import Patches
from training.views.relative import middle_of, patch_of
from training.views.turns import TURNS

Pixels = NDArray[np.float64]
AT_ONCE = 8  # Samples of CPC that go through the network together: more take memory, no less time.


class Published:
    """A method's step, its views made by loops."""

    def __init__(self, method: Method, images: Tensor) -> None:
        self.method = method.train()
        self.recipe: Any = method.recipe
        self.images = list(images.double().numpy())
        self.dice = np.random.default_rng(0)
        self.optimizer = torch.optim.Adam(method.parameters(), lr=1e-4)
        self.encodes = 0

    def __call__(self, step: int) -> None:
        """Make one step."""
        name = self.recipe.method.split("-")[0]
        for loss in getattr(self, name)():
            loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def rotation(self) -> Iterator[Tensor]:
        """Turn each image."""
        turns = TURNS[self.recipe.ndim]
        labels = self.dice.integers(len(turns), size=len(self.images))
        made = []
        for image, label in zip(self.images, labels, strict=True):
            quarters, (first, second) = turns[label]
            made.append(np.rot90(image, quarters, (first + 1, second + 1)))
        views = {"image": batch(made), "label": torch.from_numpy(labels)}
        yield self.method.step(views)["total"]

    def rpl(self) -> Iterator[Tensor]:
        """Cut all patches of each image, and take two."""
        made, labels = [], []
        for image in self.images:
            patches = cells(image, self.recipe.grid, self.dice)
            label = int(self.dice.integers(len(patches) - 1))
            query = int(patch_of(torch.tensor(label), len(patches)))
            made.append(np.stack([patches[middle_of(len(patches))], patches[query]]))
            labels.append(label)
        views = {"patches": batch(made), "label": torch.tensor(labels)}
        yield self.method.step(views)["total"]

    def jigsaw(self) -> Iterator[Tensor]:
        """Cut all patches of each image, and lay them in an order."""
        order: Any = self.method.order
        made, labels = [], []
        for image in self.images:
            label = int(self.dice.integers(len(order)))
            patches = cells(image, self.recipe.grid, self.dice)
            made.append(np.stack([patches[place] for place in order[label].tolist()]))
            labels.append(label)
        views = {"patches": batch(made), "label": torch.tensor(labels)}
        yield self.method.step(views)["total"]

    def exemplar(self) -> Iterator[Tensor]:
        """Change a copy of each image; the images in turn are each other's others."""
        copy = solid_copy if self.recipe.ndim == 3 else flat_copy
        made = [copy(image, self.dice) for image in self.images]
        image = batch(self.images)
        views = {"copy": batch(made), "image": image, "other": image.roll(1, 0)}
        yield self.method.step(views)["total"]

    def cpc(self) -> Iterator[Tensor]:
        """Lay out contexts and targets of all samples, and encode every one of their patches."""
        assert isinstance(self.method, CPC)
        ndim, per_side = self.recipe.ndim, self.recipe.patches_per_side
        table = contexts(per_side, ndim)
        columns = len(table.target)
        images = [self.predictive(image) for image in self.images]
        samples = []
        for row, patches in enumerate(images):
            zero = np.zeros_like(patches[0])
            for at in range(columns):
                context = [zero if n == NOTHING else patches[n] for n in table.context[at].tolist()]
                own = row * columns + at
                drawn = int(self.dice.integers(len(images) * columns - 1))
                other, place = divmod(drawn + (drawn >= own), columns)
                for label, whose, q in ((1.0, row, at), (0.0, other, place)):
                    target = [images[whose][n] for n in table.target[q].tolist()]
                    samples.append((np.stack(context), np.stack(target), label))
        for begin in range(0, len(samples), AT_ONCE):
            some = samples[begin : begin + AT_ONCE]
            logits = self.scores([one[0] for one in some], [one[1] for one in some])
            labels = torch.tensor([one[2] for one in some])
            loss = F.binary_cross_entropy_with_logits(logits, labels)
            yield loss * (len(some) / len(samples))

    def scores(self, context: list[Pixels], target: list[Pixels]) -> Tensor:
        """Return how like predictions and targets are."""
        method: Any = self.method
        parts = []
        for some in (context, target):
            patches = batch(some)
            flat = patches.flatten(0, 1)
            self.encodes += len(flat)
            codes = method.code(encoded(method.network, flat, self.recipe.pooling))
            parts.append(codes.view(*patches.shape[:2], -1))
        return self.recipe.score_scale * likeness(method.predictor(parts[0]), parts[1])

    def predictive(self, image: Pixels) -> list[Pixels]:
        """Return the patches of an image, cropped and padded as CPC has them."""
        grid, dice = self.recipe.grid, self.dice
        part, whole = SMALLER[grid.ndim]
        image = around(some_of(image, self.recipe.crop, dice), grid.side)
        made = []
        for patch in cells(image, grid, dice):
            if grid.ndim == 3 and dice.random() < 0.5:
                patch = patch[:, ::-1]
            made.append(around(some_of(patch, grid.patch * part // whole, dice), grid.patch))
        return made


def batch(images: list[Pixels]) -> Tensor:
    """Return images as a network takes them."""
    return torch.from_numpy(np.stack(images).astype(np.float32))


def cells(image: Pixels, grid: Patches, dice: np.random.Generator) -> list[Pixels]:
    """Return the patches of an image, each somewhere in its cell."""
    found = []
    for cell in product(range(grid.per_side), repeat=grid.ndim):
        corner = [place * grid.pitch for place in cell]
        side = grid.pitch + max(0, -grid.jitter)
        whole = image[(slice(None), *(slice(c, c + side) for c in corner))]
        found.append(some_of(whole, grid.patch, dice))
    return found


def some_of(image: Pixels, side: int, dice: np.random.Generator) -> Pixels:
    """Return a crop that lies anywhere."""
    corner = [int(dice.integers(whole - side + 1)) for whole in image.shape[1:]]
    return image[(slice(None), *(slice(c, c + side) for c in corner))]


def around(image: Pixels, side: int) -> Pixels:
    """Return an image with zeros around it."""
    free = [side - whole for whole in image.shape[1:]]
    return np.pad(image, [(0, 0), *((room // 2, room - room // 2) for room in free)])


def flat_copy(image: Pixels, dice: np.random.Generator) -> Pixels:
    """Return a picture turned by quarters, mirrored, brighter or darker."""
    image = np.rot90(image, int(dice.integers(4)), (1, 2))
    for axis in (1, 2):
        if dice.random() < 0.5:
            image = np.flip(image, axis)
    return np.clip(image * dice.uniform(0.8, 1.2) + dice.uniform(-0.2, 0.2), 0, 1)


def solid_copy(image: Pixels, dice: np.random.Generator) -> Pixels:
    """Return a volume mirrored, turned in each plane by splines, brightened and zoomed."""
    side = image.shape[1]
    for axis in (1, 2, 3):
        if dice.random() < 0.5:
            image = np.flip(image, axis)
    for plane in ((1, 2), (2, 3), (1, 3)):
        if dice.random() < 0.5:
            if dice.random() < 0.5:
                image = np.rot90(image, int(dice.integers(4)), plane)
            else:
                image = ndimage.rotate(image, dice.uniform(0, 360), plane, reshape=False)
    if dice.random() < 0.5:
        image = image + dice.uniform(-0.125, 0.125)
        image = (image - image.mean()) * dice.uniform(0.5, 1.5) + image.mean()
    if dice.random() < 0.15:
        image = ndimage.zoom(image, (1, *dice.uniform(0.8, 1.2, 3)))
        image = image[:, :side, :side, :side]
        free = [side - whole for whole in image.shape[1:]]
        image = np.pad(image, [(0, 0), *((room // 2, room - room // 2) for room in free)])
    return image
