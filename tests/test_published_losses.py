"""The proxy tasks' losses: as the formulas say in NumPy, kind to what is absent or unknown."""

import numpy as np
import pytest
import torch
from torch import Tensor

from genesis_hub import losses
from genesis_hub.errors import BadInput
from genesis_hub.networks.heads import Grades

S = 1e-5


def made(*, absent: bool = False, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Return logits (2, 3, 4, 3, 2) and class numbers, the last class in none where absent."""
    draw = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(2, 3, 4, 3, 2, generator=draw, dtype=dtype)
    return logits, torch.randint(2 if absent else 3, (2, 4, 3, 2), generator=draw)


def flat(logits: Tensor, target: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return one-hot truths and probabilities, (voxels, K), in NumPy."""
    z = logits.numpy().swapaxes(0, 1).reshape(logits.shape[1], -1).T
    p = np.exp(z - z.max(1, keepdims=True))
    return np.eye(logits.shape[1])[target.numpy().reshape(-1)], p / p.sum(1, keepdims=True)


def by_numpy(name: str, y: np.ndarray, p: np.ndarray, w=(1.0, 5.0, 10.0)) -> float:
    """Return what the fact sheet's formula gives, with the Jaccard distance mended."""
    if name == "weighted_dice_loss":
        return -np.mean(2 * ((y * p).sum(0) + S / 2) / (y.sum(0) + p.sum(0) + S))
    if name == "jaccard_distance":
        both = (y * p).sum(0)
        return 1 - np.mean((both + S) / (y.sum(0) + p.sum(0) - both + S))
    if name == "weighted_categorical_crossentropy":
        return float(np.mean(-(np.array(w) * y * np.log(p)).sum(1)))
    if name == "weighted_sum_loss":
        return 0.5 * by_numpy("jaccard_distance", y, p) + 0.5 * by_numpy(
            "weighted_categorical_crossentropy", y, p, w
        )
    if name == "binary_crossentropy":
        return float(np.mean(-(y * np.log(p) + (1 - y) * np.log(1 - p))))
    if name == "categorical_crossentropy":
        return float(np.mean(-(y * np.log(p)).sum(1)))
    return float(np.mean((p - y) ** 2))


@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("name", losses.LOSSES)
def test_losses_of_masks_are_those_of_the_formulas(name: str, absent: bool) -> None:
    logits, target = made(absent=absent)

    got = losses.published(name, logits, target, kind="softmax")

    assert float(got) == pytest.approx(by_numpy(name, *flat(logits, target)), abs=1e-9)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_gradients_of_masks_are_those_of_differences_to_both_sides(name: str) -> None:
    logits, target = made()
    target[0, 0] = -1
    logits.requires_grad_()

    assert torch.autograd.gradcheck(
        lambda x: losses.published(name, x, target, kind="softmax"), (logits,), fast_mode=True
    )


@pytest.mark.parametrize("name", losses.LOSSES)
def test_right_answers_cost_less_than_wrong_ones_and_both_learn(name: str) -> None:
    truth = torch.zeros(2, 3, 3, dtype=torch.int64)
    truth[:, 1], truth[:, 2] = 1, 2
    right = torch.nn.functional.one_hot(truth, 3).movedim(-1, 1).double()
    costs = []
    for logits in (right, torch.zeros_like(right), -right):
        logits = logits.clone().requires_grad_()
        cost = losses.published(name, logits, truth, kind="softmax")
        slope = torch.autograd.grad(cost, logits)[0]
        costs.append(cost.item())
        # Raising the truth's logit always makes it cheaper.
        assert (slope.gather(1, truth[:, None]) < 0).all()
    assert costs == sorted(costs)
    assert costs[0] < costs[1] < costs[2]


@pytest.mark.parametrize("name", losses.LOSSES)
def test_unknown_voxels_count_nothing_and_none_known_costs_nothing_new(name: str) -> None:
    logits, target = made()
    target[1] = -1
    alone = losses.published(name, logits[:1], target[:1], kind="softmax")
    assert float(losses.published(name, logits, target, kind="softmax")) == pytest.approx(
        float(alone)
    )

    logits.requires_grad_()
    cost = losses.published(name, logits, torch.full_like(target, -1), kind="softmax")
    assert torch.autograd.grad(cost, logits)[0].isfinite().all()


def test_a_sure_and_wrong_answer_still_learns_in_half_precision() -> None:
    logits = torch.tensor([[60.0, -60.0, 0.0]], dtype=torch.float16).requires_grad_()
    for name in ("binary_crossentropy", "weighted_categorical_crossentropy"):
        cost = losses.published(name, logits, torch.tensor([1]), kind="softmax")
        slope = torch.autograd.grad(cost, logits)[0]
        assert cost.isfinite()
        assert slope[0, 1] < 0 < slope[0, 0]


def test_classes_may_count_differently() -> None:
    logits, target = made()
    weight = torch.tensor([0.0, 1.0, 3.0])
    each = -losses.weighted_dice_loss(logits, target, weight=weight)
    y, p = flat(logits, target)
    dice = 2 * ((y * p).sum(0) + S / 2) / (y.sum(0) + p.sum(0) + S)

    assert float(each) == pytest.approx((dice[1] + 3 * dice[2]) / 4)
    given = losses.weights_for("weighted_sum_loss", 4, [1, 2, 3, 4])
    assert given == (1.0, 2.0, 3.0, 4.0)


def test_weights_of_another_number_of_classes_have_to_be_given() -> None:
    with pytest.raises(BadInput, match=r"\(1, 5, 10\) for 3 classes, but here are 4"):
        losses.weights_for("weighted_sum_loss", 4)
    with pytest.raises(BadInput, match="there are 3 classes"):
        losses.weights_for("weighted_dice_loss", 3, [1, 2])
    with pytest.raises(BadInput, match="has none"):
        losses.weights_for("mse", 3, [1, 2, 3])
    with pytest.raises(BadInput, match="several together"):
        losses.published("weighted_dice_loss", torch.zeros(2, 3), torch.zeros(2, 3), kind="sigmoid")


def test_questions_of_yes_and_no_have_two_losses() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.0, 1.0]])
    bits = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    p, y = 1 / (1 + np.exp(-np.array([2.0, -1.0, 1.0]))), np.array([1.0, 0.0, 0.0])
    entropy = np.mean(-(y * np.log(p) + (1 - y) * np.log(1 - p)))

    told = losses.published("binary_crossentropy", logits, bits, kind="sigmoid")
    assert float(told) == pytest.approx(entropy)
    told = losses.published("mse", logits, bits, kind="sigmoid")
    assert float(told) == pytest.approx(np.mean((p - y) ** 2))


def test_a_grade_comes_back_from_its_logits_and_is_missed_by_its_distance() -> None:
    grades = torch.tensor([[-0.7], [1.2], [6.0]])
    logits = Grades(5)(grades)

    assert logits.argmax(1).tolist() == [0, 1, 4]
    assert torch.allclose(losses.grade_of(logits), grades[:, 0], atol=1e-5)
    cost = losses.graded_mse(logits, torch.tensor([0, 3, -1]))
    assert float(cost) == pytest.approx((0.7**2 + 1.8**2) / 2, rel=1e-5)
