"""SMART-Net's losses against plain NumPy, its views, and the parts that learn."""

from typing import Any

import numpy as np
import pytest
import torch

import genesis_hub
from genesis_hub.errors import BadInput
from training.methods.smart_net import SmartNet, SmartNetRecipe
from training.multitask.losses import (
    agreeing,
    outlining,
    overlapping,
    pooled,
    restoring,
    telling,
)
from training.multitask.measures import dices, measured
from training.multitask.weighing import Weighing
from training.views.draws import Draws
from training.views.equalise import equalised
from training.views.slices import PRESETS, Slices, slice_views

DRAW = np.random.default_rng(0)
LOGITS = torch.from_numpy(DRAW.normal(size=(3, 1, 32, 48)).astype(np.float32)) * 3
MASKS = torch.from_numpy((DRAW.random((3, 1, 32, 48)) < 0.1).astype(np.float32))
TOLD = torch.tensor([-2.0, 0.3, 4.0])
ALL = torch.ones(3, dtype=torch.bool)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))


def bce(logits: Any, target: Any) -> Any:
    p, y = sigmoid(logits), np.asarray(target, dtype=np.float64)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def dice(share: Any, mask: Any) -> float:
    return float(1 - 2 * (share * mask).sum() / (share.sum() + mask.sum()))


def test_labels_that_are_not_known_cost_nothing() -> None:
    labels, known = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([True, False, True])
    wanted = bce(TOLD, labels)[[0, 2]].mean()
    assert float(telling(TOLD, labels, known)) == pytest.approx(wanted, rel=1e-5)
    assert float(telling(TOLD, labels, ~ALL)) == 0


def test_dice_is_of_each_slice_or_of_the_whole_batch() -> None:
    share, mask = sigmoid(LOGITS), MASKS.numpy().astype(np.float64)
    each = np.mean([dice(share[i], mask[i]) for i in range(3)])
    assert float(overlapping(LOGITS, MASKS, ALL, each=True)) == pytest.approx(each, rel=1e-5)
    whole = dice(share, mask)
    assert float(overlapping(LOGITS, MASKS, ALL, each=False)) == pytest.approx(whole, rel=1e-5)


def test_empty_and_missing_masks_are_left_out_of_dice() -> None:
    masks = MASKS.clone()
    masks[1] = 0
    known = torch.tensor([True, True, False])
    share, mask = sigmoid(LOGITS), masks.numpy().astype(np.float64)
    each = dice(share[0], mask[0])
    assert float(overlapping(LOGITS, masks, known, each=True)) == pytest.approx(each, rel=1e-5)
    whole = dice(share[:2], mask[:2])  # An empty mask's answers count in the batch's sums.
    assert float(overlapping(LOGITS, masks, known, each=False)) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("each", [True, False])
def test_a_batch_of_empty_masks_has_a_dice_and_a_gradient_of_nothing(each: bool) -> None:
    logits = LOGITS.clone().requires_grad_()
    loss = overlapping(logits, torch.zeros_like(MASKS), ALL, each=each)
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_pixels_of_slices_without_a_mask_cost_nothing() -> None:
    known = torch.tensor([False, True, True])
    wanted = bce(LOGITS, MASKS)[1:].mean()
    assert float(outlining(LOGITS, MASKS, known)) == pytest.approx(wanted, rel=1e-5)


def cells(share: Any) -> Any:
    """The mean over cells of 16 x 16 of the greatest in each, by loops."""
    high, wide = share.shape
    most = [
        share[i : i + 16, j : j + 16].max() for i in range(0, high, 16) for j in range(0, wide, 16)
    ]
    return np.mean(most)


@pytest.mark.parametrize("side", [256, 512, 96, 48, 80, 50])
def test_outlines_become_one_number_at_any_size(side: int) -> None:
    share = np.random.default_rng(side).random((2, 1, side, side)) ** 8
    found = pooled(torch.from_numpy(share), "maxavg16")
    assert found.shape == (2,)
    np.testing.assert_allclose(found, [cells(one[0]) for one in share], rtol=1e-6)


def test_at_256_the_pool_is_the_published_one() -> None:
    share = torch.rand(2, 1, 256, 256, generator=torch.Generator().manual_seed(0))
    theirs = torch.nn.AvgPool2d(16)(torch.nn.MaxPool2d(16)(share)).flatten()
    torch.testing.assert_close(pooled(share, "maxavg16"), theirs)


@pytest.mark.parametrize("pool", ["gmp", "gap", "gem"])
def test_the_other_pools_are_what_they_say(pool: str) -> None:
    share = sigmoid(LOGITS)
    wanted = {
        "gmp": share.max((1, 2, 3)),
        "gap": share.mean((1, 2, 3)),
        "gem": (share.clip(1e-6) ** 3).mean((1, 2, 3)) ** (1 / 3),
    }
    np.testing.assert_allclose(pooled(torch.sigmoid(LOGITS), pool), wanted[pool], rtol=1e-5)


def test_agreement_is_of_the_slices_with_a_mask_and_teaches_both_sides() -> None:
    told, outlined = TOLD.clone().requires_grad_(), LOGITS.clone().requires_grad_()
    known = torch.tensor([True, False, True])
    loss = agreeing(told, outlined, known, pool="maxavg16")
    share = sigmoid(LOGITS)[:, 0]
    each = [(sigmoid(TOLD)[i] - cells(share[i])) ** 2 for i in (0, 2)]
    assert float(loss.detach()) == pytest.approx(np.mean(each), rel=1e-5)
    loss.backward()
    assert told.grad is not None
    assert outlined.grad is not None
    assert told.grad[1] == 0 != told.grad[0]
    assert outlined.grad[0].abs().sum() > 0


def test_a_small_sure_lesion_cannot_agree_but_by_its_maximum() -> None:
    logits = torch.full((1, 1, 256, 256), -8.0)
    logits[..., 64:96, 64:96] = 8.0
    sure, known = torch.tensor([6.2]), torch.tensor([True])
    assert float(agreeing(sure, logits, known, pool="maxavg16")) > 0.9
    assert float(agreeing(sure, logits, known, pool="gmp")) < 1e-5


def test_restoring_is_the_mean_absolute_difference() -> None:
    wanted = np.abs(LOGITS.numpy() - MASKS.numpy()).mean()
    assert float(restoring(LOGITS, MASKS)) == pytest.approx(wanted, rel=1e-5)


def test_learned_weights_begin_as_the_fixed_ones_and_find_their_optimum() -> None:
    losses = {"a": torch.tensor(0.2), "b": torch.tensor(3.0)}
    fixed, learned = (Weighing({"a": 1.0, "b": 0.5}, uncertain=on) for on in (False, True))
    assert float(fixed(losses)) == pytest.approx(1.7)
    assert float(learned(losses).detach()) == pytest.approx(1.7)
    optimizer = torch.optim.Adam(learned.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        learned(losses).backward()
        optimizer.step()
    # exp(-s) w L + s / 2 is least where exp(-s) = 1 / (2 w L).
    assert learned.factors() == pytest.approx({"a": 1 / 0.4, "b": 0.5 / 3.0}, rel=0.02)
    assert not list(fixed.parameters())


def test_measures_are_of_the_whole_validation_and_of_what_is_known() -> None:
    parts = [
        {"label": torch.tensor([1, -1]), "told": torch.tensor([0.6, 0.1]),
         "dice": torch.tensor([0.5, torch.nan])},
        {"label": torch.tensor([0, 0]), "told": torch.tensor([0.7, 0.2]),
         "dice": torch.tensor([torch.nan, torch.nan])},
    ]  # fmt: skip
    assert measured(parts) == pytest.approx({"accuracy": 2 / 3, "auc": 0.5, "dice": 0.5})
    logits = torch.full((2, 1, 4, 4), -1.0)
    logits[:, :, :2] = 1.0
    masks = torch.zeros(2, 1, 4, 4)
    masks[0, :, 1] = 1
    found = dices(logits, masks, torch.tensor([True, True]))
    assert float(found[0]) == pytest.approx(2 * 4 / 12)
    assert found[1].isnan()


def by_loops(image: Any, limit: float, tiles: int) -> Any:
    """CLAHE of one slice, pixel by pixel."""
    side = image.shape[0] // tiles
    grey = np.rint(image * 255).astype(int)
    maps = np.empty((tiles, tiles, 256))
    for i in range(tiles):
        for j in range(tiles):
            part = grey[i * side : (i + 1) * side, j * side : (j + 1) * side]
            often = np.bincount(part.ravel(), minlength=256).astype(float)
            most = max(1.0, limit * side * side / 256)
            over = np.maximum(often - most, 0).sum()
            maps[i, j] = np.cumsum(np.minimum(often, most) + over / 256) / side**2
    out = np.empty_like(image)
    for y in range(len(image)):
        for x in range(len(image)):
            fy, fx = (y + 0.5) / side - 0.5, (x + 0.5) / side - 0.5
            y0, x0 = int(np.floor(fy)), int(np.floor(fx))
            value = 0.0
            for yy, wy in ((y0, 1 - (fy - y0)), (y0 + 1, fy - y0)):
                for xx, wx in ((x0, 1 - (fx - x0)), (x0 + 1, fx - x0)):
                    tile = maps[min(max(yy, 0), tiles - 1), min(max(xx, 0), tiles - 1)]
                    value += wy * wx * tile[grey[y, x]]
            out[y, x] = value
    return out


def test_equalising_is_that_of_the_book() -> None:
    images = np.random.default_rng(1).beta(2, 8, (2, 48, 48)).astype(np.float32)
    found = equalised(torch.from_numpy(images)[:, None], tiles=4)[:, 0].numpy()
    for image, one in zip(images, found, strict=True):
        np.testing.assert_allclose(one, by_loops(image, 2.0, 4), atol=1e-5)
    with pytest.raises(BadInput, match="multiples of 8"):
        equalised(torch.rand(1, 1, 20, 24))


def squares(n: int = 8, side: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    image, mask = torch.full((n, 1, side, side), 0.2), torch.zeros(n, 1, side, side)
    image[:, :, 20:44, 12:30] = 0.8
    mask[:, :, 20:44, 12:30] = 1
    return image, mask


def test_the_mask_moves_with_its_slice() -> None:
    image, mask = squares()
    still = Slices(moved=1.0, lit=0, noisy=0, blurry=0)
    view, moved = slice_views(image, mask, Draws(torch.arange(8)), still)
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(moved, mask)
    off = ((view > 0.5) != (moved > 0.5)).flatten(1).float().mean(1)
    assert float(off.max()) < 0.02  # Where a pixel of the edge is nearer to neither.


@pytest.mark.parametrize("preset", ["smart", "smart_v1"])
def test_views_depend_on_the_keys_alone_and_stay_in_range(preset: str) -> None:
    image, mask = squares()
    keys = torch.arange(8)
    view, moved = slice_views(image, mask, Draws(keys), PRESETS[preset], equalise=True)
    again, other = slice_views(image[4:], mask[4:], Draws(keys[4:]), PRESETS[preset], equalise=True)
    torch.testing.assert_close(view[4:], again)
    assert torch.equal(moved[4:], other)
    assert 0 <= float(view.min()) < float(view.max()) <= 1
    assert len({one.numpy().tobytes() for one in view}) == 8
    if preset == "smart_v1":
        assert torch.equal(view.amax((1, 2, 3)), torch.ones(8))


def test_no_change_is_none() -> None:
    image, mask = squares()
    view, moved = slice_views(image, mask, Draws(torch.arange(8)), PRESETS["none"])
    assert torch.equal(view, image)
    assert torch.equal(moved, mask)


def recipe(**keys: Any) -> SmartNetRecipe:
    made = SmartNetRecipe(method="smart-net", name="smartnet-resnet50", width=0.0625, **keys)
    made.check()
    return made


def method(**keys: Any) -> SmartNet:
    torch.manual_seed(0)
    asked = recipe(**keys)
    network = genesis_hub.create_model(
        asked.name, task="pretext", width=asked.width, decoder=asked.decoder
    )
    return SmartNet(network, asked, network.entry.inputs)


def batch(n: int = 4, side: int = 32) -> dict[str, torch.Tensor]:
    image, mask = squares(n, side + 32)
    cut = (..., slice(16, 16 + side), slice(0, side))
    return {
        "image": image[cut], "mask": mask[cut], "key": torch.arange(n),
        "label": torch.ones(n, dtype=torch.int64), "masked": torch.ones(n, dtype=torch.bool),
    }  # fmt: skip


CLS, SEG, REC = {"classification"}, {"overlap", "segmentation"}, {"reconstruction"}
COMBINATIONS = [
    ("cls", None, CLS), ("seg", None, SEG), ("rec", None, REC),
    ("cls,seg", False, CLS | SEG), ("cls,seg", None, CLS | SEG | {"consistency"}),
    ("seg,rec", None, SEG | REC), ("cls,rec", None, CLS | REC),
    ("cls,seg,rec", False, CLS | SEG | REC),
    ("cls,seg,rec", True, CLS | SEG | REC | {"consistency"}),
]  # fmt: skip


@pytest.mark.parametrize(("tasks", "consistency", "wanted"), COMBINATIONS)
def test_every_row_of_the_ablation_has_its_losses_and_learns_what_it_needs(
    tasks: str, consistency: bool | None, wanted: set[str]
) -> None:
    learned = method(tasks=tasks, consistency=consistency).train()
    given = batch()
    losses = learned.step(learned.views(given, Draws(given["key"])))
    assert set(losses) == wanted | {"total"}
    losses["total"].backward()
    moved = {name for name, p in learned.network.named_parameters() if p.grad is not None}
    grouped = {id(p) for p in learned.groups()[0]["params"]}
    assert moved == {n for n, p in learned.network.named_parameters() if id(p) in grouped}
    answers = {"cls": "head.class", "seg": "decoder.segm", "rec": "decoder.recon"}
    for task, stem in answers.items():
        assert any(name.startswith(stem) for name in moved) == (task in tasks.split(","))
    examined = learned.eval().examine(learned.views(given, Draws(given["key"])))
    measures = learned.measured([examined])
    named = {"cls": "accuracy", "seg": "dice", "rec": "mae"}
    assert {task for task, name in named.items() if name in measures} == set(tasks.split(","))


def test_the_total_counts_the_losses_as_published() -> None:
    learned = method().train()
    given = batch()
    losses = learned.step(learned.views(given, Draws(given["key"])))
    rest = sum(loss for name, loss in losses.items() if name not in ("total", "consistency"))
    torch.testing.assert_close(losses["total"], rest + 0.5 * losses["consistency"])


def test_a_sample_without_mask_or_label_teaches_what_it_can() -> None:
    learned = method().eval()
    given = batch()
    views = learned.views(given, Draws(given["key"]))
    answers = learned.answers(learned.maps(views["view"]))
    some = {**views, "masked": torch.tensor([True, False, True, True])}
    some["label"] = torch.tensor([1, 1, -1, 1])
    losses = learned.losses(some, answers)
    known = [0, 2, 3]
    wanted = learned.losses(
        {name: part[known] for name, part in views.items()},
        {name: part[known] for name, part in answers.items()},
    )
    for name in ("overlap", "segmentation", "consistency"):
        torch.testing.assert_close(losses[name], wanted[name])
    told = learned.losses(
        {name: part[[0, 1, 3]] for name, part in views.items()},
        {name: part[[0, 1, 3]] for name, part in answers.items()},
    )
    torch.testing.assert_close(losses["classification"], told["classification"])


WRONG = [
    ({"tasks": "cls,seq"}, "cls, seg, rec"), ({"tasks": ""}, "one or more"),
    ({"tasks": "cls,rec", "consistency": True}, "tasks=cls,seg or more"),
    ({"consistency_pool": "max"}, "maxavg16"), ({"attention": "se"}, "scse, last"),
    ({"weighting": "learned"}, "fixed, uncertainty"), ({"lesions": 1.5}, "below 1"),
    ({"lesions": 0.5, "per_scan": 1}, "give one"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "said"), WRONG)
def test_keys_that_cannot_be_used_are_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        recipe(**keys)


PARTS = {
    "encoder": 23_501_760, "decoder.reconstruction": 23_028_485, "head.segmentation": 145,
    "head.reconstruction": 145, "head.classification": 2_049,
}  # fmt: skip


@pytest.mark.parametrize(("attention", "outlines"), [("last", 9_013_189), ("scse", 10_307_899)])
def test_the_parts_are_as_large_as_the_published_ones(attention: str, outlines: int) -> None:
    asked = SmartNetRecipe(method="smart-net", name="smartnet-resnet50", attention=attention)
    with torch.device("meta"):
        network = genesis_hub.create_model(asked.name, task="pretext", decoder=asked.decoder)
    for part, count in {**PARTS, "decoder.segmentation": outlines}.items():
        if attention == "scse" and part == "decoder.reconstruction":
            continue
        found = sum(p.numel() for p in network.get_submodule(part).parameters())
        assert (part, found) == (part, count)
    total = sum(p.numel() for p in network.parameters())
    assert (total == 55_545_773) == (attention == "last")
