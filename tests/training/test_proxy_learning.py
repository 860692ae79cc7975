"""What the five proxy tasks learn: more than chance where there is something, nothing of noise."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.methods.base import Method
from training.methods.roster import METHODS, recipe_of
from training.network import facts_of, network_of
from training.views.draws import Draws

STEPS, LAST, BATCH, RATE = 30, 5, 12, 1e-3
CODES = {"code_size": 32, "score_scale": 4.0}
FEWER = {"jigsaw-3d": 14}  # Steps: it learns at once, of eight patches each time.
SIDES: dict[str, dict[str, Any]] = {
    "rotation-2d": {"data_dim": 16}, "rotation-3d": {"data_dim": 16},
    "rpl-2d": {"data_dim": 36, "patches_per_side": 2, "patch_jitter": 2},
    "rpl-3d": {"data_dim": 34, "patches_per_side": 2, "patch_jitter": 1},
    "jigsaw-2d": {"data_dim": 36, "patches_per_side": 2, "patch_jitter": 2, "n_permutations": 6},
    "jigsaw-3d": {"data_dim": 32, "patches_per_side": 2, "patch_jitter": 0, "n_permutations": 4},
    "exemplar-2d": {"data_dim": 16, "code_size": 16, "sample_neg_examples_from": "batch"},
    "exemplar-3d": {"data_dim": 16, "code_size": 16, "sample_neg_examples_from": "batch"},
    "cpc-2d": {"data_dim": 36, "patches_per_side": 3, "crop_size": 36, **CODES},
    "cpc-3d": {"data_dim": 32, "patches_per_side": 2, "crop_size": 32, **CODES},
}  # fmt: skip
CHANCE = {
    "rotation-2d": math.log(4), "rotation-3d": math.log(10), "rpl-2d": math.log(3),
    "rpl-3d": math.log(7), "jigsaw-2d": math.log(6), "jigsaw-3d": math.log(4),
    "exemplar-2d": 1.0, "exemplar-3d": 1.0, "cpc-2d": math.log(2), "cpc-3d": math.log(2),
}  # fmt: skip
every = pytest.mark.parametrize("name", list(SIDES))


def method(name: str, **wishes: Any) -> Method:
    """Return a small method with fixed weights to begin with."""
    torch.manual_seed(0)
    keys = {
        **SIDES[name], "enc_filters": 4, "pooling": "none", "number_channels": 1, "batch_size": 4,
        **wishes,
    }  # fmt: skip
    if name.endswith("2d"):
        keys |= {"encoder_architecture": "", "augment": False}
    if name.startswith(("rot", "rpl", "jig")):
        keys = {"top_architecture": "none", **keys}
    recipe = recipe_of(name, keys)
    network = network_of(recipe, facts_of(recipe), task="features")
    made = METHODS[name].build(network, recipe, facts_of(recipe))
    for part in made.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0  # Half of a few channels leaves little to learn from in so few steps.
    return made


def shapes(count: int, side: int, ndim: int, seed: int) -> Tensor:
    """Return images that brighten along each axis by another share, each with a tint of its own."""
    draw = torch.Generator().manual_seed(seed)
    axes = torch.meshgrid(*[torch.linspace(0, 1, side)] * ndim, indexing="ij")
    ramp = sum(share * axis for share, axis in zip((0.8, 0.3, 0.1), axes, strict=False))
    tint = 0.5 * torch.rand(count, 1, *(1,) * ndim, generator=draw)
    spread = 0.02 * torch.randn(count, 1, *(side,) * ndim, generator=draw)
    return ramp[None, None] + tint + spread


def waves(count: int, side: int, ndim: int, seed: int) -> Tensor:
    """Return images that go up and down along one axis, each so many times."""
    draw = torch.Generator().manual_seed(seed)
    times = torch.randint(1, 5, (count, 1, *(1,) * ndim), generator=draw)
    along = torch.linspace(0, 1, side).view(side, *(1,) * (ndim - 1))
    made = 0.5 + 0.3 * (2 * math.pi * times * along).sin()
    return made.expand(-1, -1, *(side,) * ndim).contiguous()


def noise(count: int, side: int, ndim: int, seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(count, 1, *(side,) * ndim, generator=draw)


def losses(learned: Method, images: Any, steps: int) -> list[float]:
    """Return the losses of some steps, each on images and draws of its own."""
    optimizer = torch.optim.Adam(learned.parameters(), lr=RATE)
    learned.train()
    found = []
    for step in range(steps):
        x = images(seed=step)
        keys = torch.arange(len(x) * step, len(x) * (step + 1))
        views = learned.views({"image": x, "key": keys}, Draws(keys))
        loss = learned.step(views)["total"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
    return found


@every
def test_it_learns_where_there_is_something_and_nothing_of_noise(name: str) -> None:
    side, ndim = SIDES[name]["data_dim"], int(name[-2])
    made = waves if name.startswith("exemplar") else shapes
    batch = BATCH if ndim == 2 else BATCH // 2
    steps = FEWER.get(name, STEPS)
    seen = losses(method(name), partial(made, batch, side, ndim), steps)
    assert sum(seen[-LAST:]) / LAST < 0.9 * CHANCE[name], seen
    blind = losses(method(name), partial(noise, batch, side, ndim), steps // 2)
    assert sum(blind[-LAST:]) / LAST > 0.95 * CHANCE[name], blind
