"""The five proxy tasks as they begin and end: chance at first, all of a few images in a while."""

from typing import Any

import pytest
import torch

from tests.training.test_proxy_learning import CHANCE, SIDES, every, method, noise
from training.methods.base import Method
from training.proxy.heads import top_of
from training.views.draws import Draws

FEW = 4
STEPS = 60
SHARP = {"cpc": {"score_scale": 32.0}}  # As in the recipes: a mean of many products is near 0.


def views(learned: Method, name: str, first: int = 0) -> dict[str, torch.Tensor]:
    """Return what a batch of a few images is turned into, always the same."""
    keys = torch.arange(first, first + FEW)
    x = noise(FEW, SIDES[name]["data_dim"], int(name[-2]), seed=1)
    return learned.views({"image": x, "key": keys}, Draws(keys))


@every
@torch.no_grad()
def test_a_fresh_network_tells_nothing(name: str) -> None:
    learned = method(name).eval()
    losses = [float(learned.step(views(learned, name, FEW * n))["total"]) for n in range(4)]
    assert sum(losses) / 4 == pytest.approx(CHANCE[name], rel=0.12)


@pytest.mark.parametrize(
    ("classes", "chance"), [(4, 1.386), (10, 2.303), (8, 2.079), (26, 3.258), (100, 4.605)]
)
@torch.no_grad()
def test_a_fresh_head_of_the_published_classes_costs_their_chance(
    classes: int, chance: float
) -> None:
    torch.manual_seed(0)
    head = top_of("big_fully", 64, classes).eval()
    loss = torch.nn.functional.cross_entropy(
        head(0.1 * torch.randn(200, 64)), torch.arange(200) % classes
    )
    assert float(loss) == pytest.approx(chance, rel=0.05)


@every
def test_a_few_images_are_learned_by_heart(name: str) -> None:
    learned = method(name, **SHARP.get(name[:3], {})).train()
    seen = views(learned, name)
    optimizer = torch.optim.Adam(learned.parameters(), lr=2e-3)
    for _ in range(STEPS):
        told = learned.step(seen)
        if float(told["accuracy"]) >= 0.95 and float(told["total"].detach()) < 0.8 * CHANCE[name]:
            return
        optimizer.zero_grad()
        told["total"].backward()
        optimizer.step()
    pytest.fail(f"{STEPS} steps are not enough: {told}")


@every
@torch.no_grad()
def test_what_is_validated_on_is_always_seen_the_same_way(name: str) -> None:
    learned = method(name).eval()
    one, other = views(learned, name), views(learned, name)
    assert one.keys() == other.keys()
    assert all(torch.equal(part, other[key]) for key, part in one.items())
    first, again = learned.examine(one), learned.examine(other)
    assert torch.equal(first.losses["total"], again.losses["total"])
    scores: Any = first.scores
    assert 0 <= float(scores["accuracy"]) <= 1
    assert float(scores["chance"]) == pytest.approx(CHANCE[name])
    assert first.embedding.shape[0] == FEW
