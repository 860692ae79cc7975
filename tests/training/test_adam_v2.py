"""Adam-v2: wholes and parts as views, losses against plain loops, what the release had wrong."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from genesis_hub import create_model
from genesis_hub.errors import BadInput
from training.contrast.loss import found_again
from training.distillation.loss import distilled, sharpened
from training.distillation.prototypes import Prototypes
from training.distillation.wholes import composed, decomposed, side_by_side
from training.methods.adam_v2 import AdamV2, AdamV2Recipe
from training.methods.roster import METHODS, recipe_of
from training.views.draws import Draws
from training.views.wholes import Wholes, band, crop_of, crops_of_whole, wholes_and_parts

SMALL: dict[str, Any] = {
    "method": "adam-v2", "name": "adam-resnet50", "input_side": 32, "local_side": 16, "locals": 3,
    "prototypes": 40, "bottleneck": 8, "hidden": 16, "batch_size": 4,
}  # fmt: skip
PRESET = Wholes(side=32, local_side=16, locals=3)


def pictures(count: int = 3, side: int = 48) -> tuple[torch.Tensor, torch.Tensor, Draws]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (count, 1, side, side), generator=draw, dtype=torch.uint8)
    return x, torch.ones(count), Draws(torch.arange(count) + 7)


def method(**wishes: Any) -> AdamV2:
    network = create_model("timm:resnet18", width=0.125).train()
    recipe = AdamV2Recipe(**{**SMALL, **wishes})
    recipe.check()
    return AdamV2(network, recipe, network.inputs.facts)


def batch() -> dict[str, torch.Tensor]:
    x, aspect, draws = pictures()
    return {"image": x, "aspect": aspect, "key": draws.keys}


def test_the_first_phase_sees_two_large_and_several_small_crops() -> None:
    x, aspect, draws = pictures()
    views = crops_of_whole(x, aspect, draws, PRESET)
    assert views["large"].shape == (6, 3, 32, 32)
    assert views["small"].shape == (9, 3, 16, 16)
    alone = crops_of_whole(x[1:2], aspect[1:2], draws.of(slice(1, 2)), PRESET)
    torch.testing.assert_close(alone["large"], views["large"][1::3])
    torch.testing.assert_close(alone["small"], views["small"][1::3])


def test_the_second_phase_sees_the_whole_its_middle_and_its_quarters() -> None:
    plain = Wholes(side=32, local_side=16, locals=3, jitter_share=0, part_turn=0, part_blur=0)
    x, aspect, draws = pictures(2, 64)
    views = wholes_and_parts(x, aspect, draws, plain)
    assert {name: tuple(one.shape) for name, one in views.items()} == {
        "whole": (2, 3, 32, 32), "large": (2, 3, 32, 32), "small": (6, 3, 16, 16),
        "parts": (8, 3, 32, 32),
    }  # fmt: skip
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    for number, (rows, columns) in enumerate(
        [(slice(0, 32), slice(0, 32)), (slice(0, 32), slice(32, 64)),
         (slice(32, 64), slice(0, 32)), (slice(32, 64), slice(32, 64))]
    ):  # fmt: skip
        wanted = (x[:, :, rows, columns] / 255 - mean) / std
        torch.testing.assert_close(views["parts"][2 * number : 2 * number + 2], wanted)
    half = F.interpolate(x / 255, size=(32, 32), mode="bilinear", antialias=True)
    torch.testing.assert_close(views["whole"], (half - mean) / std, atol=1e-5, rtol=1e-5)


def test_small_crops_are_concentric_of_ever_larger_areas_tall_and_wide_in_turn() -> None:
    assert [band(n, 8) for n in (0, 1, 7)] == [(0.05, 0.1), (0.1, 0.2), (0.7, 0.8)]
    preset, draws = Wholes(), Draws(torch.arange(500))
    for number in range(2, 10):
        top, left, height, width = crop_of(number, draws, 512, preset).boxes.float().unbind(1)
        low, high = band(number - 2, 8)
        share = height * width / 512**2
        assert low - 0.005 < float(share.min()) <= float(share.max()) < high + 0.005
        assert bool(((512 - height) / 2 - top).abs().max() < 1)
        assert bool(((512 - width) / 2 - left).abs().max() < 1)
        shape = width / height
        tall = number % 2 == 0
        assert float(shape.max()) < 1.02 if tall else float(shape.min()) > 0.98


def test_the_distillation_loss_is_that_of_a_plain_loop() -> None:
    draw = torch.Generator().manual_seed(1)
    student = [torch.randn(3, 5, generator=draw, requires_grad=True) for _ in range(4)]
    said = [torch.randn(3, 5, generator=draw) for _ in range(2)]
    center = torch.randn(5, generator=draw)
    teacher = [sharpened(one, center, temperature=0.04) for one in said]
    terms = []
    for at in range(2):
        for number in range(4):
            if at == number:
                continue
            for row in range(3):
                p = ((said[at][row] - center) / 0.04).softmax(0)
                q = (student[number][row] / 0.1).log_softmax(0)
                terms.append(-(p * q).sum())
    wanted = torch.stack(terms).mean()
    loss = distilled(student, teacher, temperature=0.1, same=True)
    torch.testing.assert_close(loss, wanted)
    for mine, theirs in zip(
        torch.autograd.grad(loss, student), torch.autograd.grad(wanted, student), strict=True
    ):
        torch.testing.assert_close(mine, theirs)
    uniform = [torch.full((3, 65536), 1 / 65536)]
    flat = distilled([torch.zeros(3, 65536)], uniform, temperature=0.1, same=False)
    assert float(flat) == pytest.approx(math.log(65536), abs=1e-4)


def test_part_losses_are_those_of_a_plain_loop() -> None:
    draw = torch.Generator().manual_seed(2)
    parts = torch.randn(8, 6, generator=draw)  # Of two wholes, part by part.
    row = side_by_side(parts)
    for whole in range(2):
        wanted = torch.cat([parts[whole], parts[2 + whole], parts[4 + whole], parts[6 + whole]])
        torch.testing.assert_close(row[whole], wanted)
    answer = torch.randn(2, 24, generator=draw, requires_grad=True)
    terms = []
    for whole in range(2):
        for part in range(4):
            made = answer[whole, 6 * part : 6 * part + 6]
            target = parts[2 * part + whole]
            terms.append(1 - made @ target / made.norm() / target.norm())
    mine = decomposed(answer, parts, "cosine", each=True)
    theirs = torch.stack(terms).mean()
    torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(mine, answer)[0], torch.autograd.grad(theirs, answer)[0]
    )


def test_the_released_part_losses_are_tiny_and_one_cannot_reach_its_target() -> None:
    features, draw = 2048, torch.Generator().manual_seed(3)
    parts = F.normalize(torch.randn(4, features, generator=draw), dim=1)
    perfect = parts.reshape(1, -1)
    floor = decomposed(perfect, parts, "mse", each=False)
    assert float(floor) == pytest.approx(1 / (4 * features), rel=1e-3)  # 1.22e-4
    assert float(decomposed(perfect, parts, "mse", each=True)) == pytest.approx(0, abs=1e-9)
    one, other = F.normalize(torch.randn(2, 64, features, generator=draw), dim=2)
    unlike = composed(one, other, "mse")
    assert float(unlike) == pytest.approx(2 / features, rel=0.1)  # Beside 11 of distillation.
    assert float(composed(one, other, "cosine")) == pytest.approx(1, abs=0.1)


def test_prototypes_have_unit_length_and_may_stand_still() -> None:
    head = Prototypes(6, hidden=12, bottleneck=4, prototypes=9)
    answer = head(torch.randn(5, 6))
    assert float(answer.detach().abs().max()) <= 1 + 1e-6
    with torch.no_grad():
        head.prototypes.mul_(7)
    x = torch.randn(5, 6)
    before = head(x)
    head(x, still=True).sum().backward()
    assert head.prototypes.grad is None
    assert head.mlp[0].weight.grad is not None
    torch.testing.assert_close(before, head(x))


@pytest.mark.parametrize("phase", ["L", "LCD"])
def test_a_step_learns_and_the_teacher_follows(phase: str) -> None:
    torch.manual_seed(0)
    made = method(phase=phase)
    views = made.views(batch(), Draws(batch()["key"]))
    told = made.step(views)
    assert set(told) == {"total", "localizability"} | (
        {"composability", "decomposability"} if phase == "LCD" else set()
    )
    told["total"].backward()
    learning = [one for group in made.groups() for one in group["params"]]
    still = {id(made.head.prototypes)}  # For the first share of the run.
    assert all(one.grad is not None for one in learning if id(one) not in still)
    with torch.no_grad():
        for one in learning:
            one.add_(0.1)
    before = [one.clone() for one in made.teacher.parameters()]
    made.after_step(0.0)
    for was, now, mine in zip(
        before, made.teacher.parameters(), made.network.parameters(), strict=True
    ):
        torch.testing.assert_close(now, was.lerp(mine, 0.004))
    made.after_step(1.0)  # In the end it follows no more.
    assert made.deliverable() is made.teacher


def test_validation_changes_nothing_and_is_not_won_by_one_answer_to_all() -> None:
    torch.manual_seed(0)
    made = method(phase="L").eval()
    views = made.views(batch(), Draws(batch()["key"]))
    before = {name: one.clone() for name, one in made.state_dict().items()}
    with torch.no_grad():
        told = made.examine(views)
    assert all(torch.equal(one, before[name]) for name, one in made.state_dict().items())
    assert told.code is not None
    assert told.other is not None
    torch.testing.assert_close(told.code.norm(dim=1), torch.ones(3))
    same = told.code[:1].expand(3, -1)
    loss, _ = found_again(same, same, temperature=0.2)
    assert float(loss) == pytest.approx(math.log(3), abs=1e-5)
    assert told.losses["total"].isfinite()
    assert told.shown is not None
    assert {"large view", "small view"} <= set(told.shown)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"phase": "C"}, "choose from L, LCD"),
        ({"phase": ("L", "LCD")}, "two lists of one length"),
        ({"part_loss": "l1"}, "choose from cosine, mse"),
        ({"locals": 0}, "locals=0"),
        (
            {"phase": ("L", "LCD"), "granularity": (0, 0), "stage_epochs": (3,)},
            "there are 2 stages",
        ),
    ],
)
def test_keys_that_cannot_be_used_are_named(wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        AdamV2Recipe(**{**SMALL, **wishes}).check()


def test_the_shipped_chain_is_as_long_as_published_unless_steps_are_given() -> None:
    stages = recipe_of("adam-v2", {}).stages()
    assert list(stages) == ["L0", "L1", "L2", "LCD0", "LCD1", "LCD2"]
    assert [keys["epochs"] for keys in stages.values()] == [200, 200, 100, 10, 90, 165]
    assert not any(
        "epochs" in keys for keys in recipe_of("adam-v2", {"steps": 5}).stages().values()
    )
    alone = recipe_of("adam-v2", {"phase": "L", "granularity": 1})
    assert (alone.epochs, alone.stages()) == (100, {})
    one = recipe_of("adam-v2", {"steps": 5, **stages["LCD1"]} | {"epochs": None})
    assert isinstance(one, AdamV2Recipe)
    assert (one.parted, one.parts, one.stages()) == (2, "rectangles", {})


def test_it_is_in_the_roster() -> None:
    assert METHODS["adam-v2"].recipe is AdamV2Recipe
