"""Losses: right beside torch, MONAI and numbers worked out by hand; kind to what is not there."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from genesis_hub.errors import BadInput
from genesis_hub.losses import binary, cross_entropy, dice_and_cross_entropy, focal, soft_dice

SHAPES = [(2, 3), (2, 3, 4, 5), (2, 3, 4, 3, 2)]
MASKS = SHAPES[1:]
KINDS = ["softmax", "sigmoid"]


def drawn(shape: tuple[int, ...], kind: str, *, unknown: bool = False) -> tuple[Tensor, Tensor]:
    """Return logits and a target of one kind."""
    logits = torch.randn(shape)
    if kind == "softmax":
        target = torch.randint(shape[1], (shape[0], *shape[2:]))
    else:
        target = torch.randint(2, shape)
    if unknown:
        target.view(-1)[::3] = -1
    return logits, target


def gradient(loss: Tensor, logits: Tensor) -> Tensor:
    return torch.autograd.grad(loss, logits)[0]


# Every loss of masks, both kinds, by name.
LOSSES = {
    f"{name} {kind}": (function, kind, options)
    for kind in KINDS
    for name, function, options in (
        ("entropy", cross_entropy if kind == "softmax" else binary, {}),
        ("smoothed", cross_entropy if kind == "softmax" else binary, {"label_smoothing": 0.1}),
        ("dice of images", soft_dice, {"kind": kind, "per": "image"}),
        ("dice of batch", soft_dice, {"kind": kind, "per": "batch", "smooth": 1e-3}),
        ("both", dice_and_cross_entropy, {"kind": kind}),
        ("focal", focal, {"kind": kind, "gamma": 1.5}),
    )
}
every_loss = pytest.mark.parametrize(
    ("function", "kind", "options"), LOSSES.values(), ids=LOSSES.keys()
)


@every_loss
@pytest.mark.parametrize("shape", [(1, 3, 2, 2), (2, 2, 1, 2, 1)])
def test_gradients_are_those_of_finite_differences(function, kind, options, shape) -> None:
    logits, target = drawn(shape, kind, unknown=True)
    logits = logits.double().requires_grad_()

    assert torch.autograd.gradcheck(
        lambda x: function(x, target, **options), (logits,), fast_mode=True
    )


@every_loss
def test_nothing_known_costs_nothing_and_has_a_gradient_of_zeros(function, kind, options) -> None:
    logits, target = drawn((2, 3, 4, 4), kind)
    logits.requires_grad_()

    loss = function(logits, torch.full_like(target, -1), **options)

    assert loss.item() == 0
    assert gradient(loss, logits).eq(0).all()


@every_loss
def test_unknown_places_have_no_say(function, kind, options) -> None:
    logits, target = drawn((2, 3, 4, 4), kind, unknown=True)
    unknown = (target == -1) if kind == "sigmoid" else (target == -1).unsqueeze(1)
    other = logits.where(~unknown, 7 * torch.randn_like(logits))

    torch.testing.assert_close(
        function(logits, target, **options), function(other, target, **options)
    )


@every_loss
def test_bfloat16_logits_are_summed_in_float32(function, kind, options) -> None:
    logits, target = drawn((2, 3, 16, 16, 16), kind)
    rounded = logits.bfloat16().requires_grad_()

    loss = function(rounded, target, **options)

    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, function(rounded.float(), target, **options))
    assert gradient(loss, rounded).dtype == torch.bfloat16


@every_loss
def test_extreme_logits_give_finite_losses_and_gradients(function, kind, options) -> None:
    logits, target = drawn((2, 3, 4, 4), kind)
    logits = (logits.sign() * 200).requires_grad_()

    loss = function(logits, target, **options)

    assert loss.isfinite()
    assert gradient(loss, logits).isfinite().all()


@every_loss
def test_losses_compile_into_one_graph(function, kind, options) -> None:
    logits, target = drawn((2, 3, 4, 4), kind, unknown=True)
    torch.compiler.reset()

    compiled = torch.compile(function, fullgraph=True, backend="eager")

    torch.testing.assert_close(
        compiled(logits, target, **options), function(logits, target, **options)
    )


@every_loss
def test_a_batch_of_no_images_costs_nothing(function, kind, options) -> None:
    logits, target = drawn((0, 3, 4, 4), kind)

    assert function(logits, target, **options).item() == 0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_that_of_torch(shape, smoothing, weighted) -> None:
    logits, target = drawn(shape, "softmax", unknown=True)
    weight = torch.tensor([0.5, 1.0, 4.0]) if weighted else None

    ours = cross_entropy(logits, target, weight=weight, label_smoothing=smoothing)

    theirs = F.cross_entropy(logits, target, weight, ignore_index=-1, label_smoothing=smoothing)
    torch.testing.assert_close(ours, theirs)


def test_cross_entropy_leaves_out_the_label_asked_for() -> None:
    logits = torch.randn(2, 3)

    loss = cross_entropy(logits, torch.tensor([1, 255]), ignore=255)

    torch.testing.assert_close(loss, -logits[0].log_softmax(0)[1])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weight", [None, 3.0, torch.tensor([1.0, 2.0, 5.0])])
def test_binary_is_that_of_torch_over_known_entries(shape, weight) -> None:
    logits, target = drawn(shape, "sigmoid", unknown=True)
    known = target != -1
    each = torch.as_tensor(1.0 if weight is None else weight).expand(3)
    each = each.view(1, 3, *[1] * (len(shape) - 2)).expand(shape)

    ours = binary(logits, target, positive_weight=weight)

    theirs = F.binary_cross_entropy_with_logits(
        logits[known], target[known].float(), pos_weight=each[known]
    )
    torch.testing.assert_close(ours, theirs)


def test_binary_smooths_towards_a_half() -> None:
    loss = binary(torch.zeros(1, 2) + 2.0, torch.tensor([[1, 0]]), label_smoothing=0.1)

    p = 1 / (1 + math.exp(-2))
    one, zero = (-t * math.log(p) - (1 - t) * math.log(1 - p) for t in (0.95, 0.05))
    assert loss.item() == pytest.approx((one + zero) / 2)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32])
def test_answers_come_in_any_type(dtype) -> None:
    logits, target = drawn((2, 3, 4, 4), "sigmoid")

    torch.testing.assert_close(binary(logits, target.to(dtype)), binary(logits, target))


def test_a_byte_of_255_is_not_taken_for_unknown() -> None:
    byte = torch.full((1, 1), 255, dtype=torch.uint8)

    assert binary(torch.zeros(1, 1), byte).item() != 0


def test_soft_dice_is_the_one_worked_out_by_hand() -> None:
    shares = torch.tensor([[[0.5, 0.25], [0.75, 0.5]]]).unsqueeze(0)
    target = torch.tensor([[[1, 0], [1, 0]]]).unsqueeze(0)

    loss = soft_dice(shares.logit(), target, kind="sigmoid", smooth=1.0)

    # |P T| = 1.25, |P| = 2, |T| = 2.
    assert loss.item() == pytest.approx(1 - (2 * 1.25 + 1) / (4 + 1))


@pytest.mark.parametrize("shape", MASKS)
@pytest.mark.parametrize("per", ["image", "batch"])
@pytest.mark.parametrize(
    ("kind", "background"), [("softmax", False), ("softmax", True), ("sigmoid", False)]
)
def test_soft_dice_is_that_of_monai(shape, kind, per, background) -> None:
    losses = pytest.importorskip("monai.losses")
    logits, target = drawn(shape, kind)
    logits.requires_grad_()
    theirs = losses.DiceLoss(
        include_background=background or kind == "sigmoid", softmax=kind == "softmax",
        sigmoid=kind == "sigmoid", to_onehot_y=kind == "softmax", batch=per == "batch",
        smooth_nr=0.1, smooth_dr=0.1,
    )(logits, target.unsqueeze(1) if kind == "softmax" else target)  # fmt: skip

    ours = soft_dice(logits, target, kind=kind, per=per, background=background, smooth=0.1)

    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(gradient(ours, logits), gradient(theirs, logits))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("smooth", [1.0, 1e-5])
def test_an_absent_class_predicted_absent_costs_nothing(kind, smooth) -> None:
    logits = torch.full((1, 2, 8, 8), -30.0)
    logits[:, 0] = 30.0 if kind == "softmax" else -30.0
    logits.requires_grad_()
    target = torch.zeros((1, 8, 8) if kind == "softmax" else (1, 2, 8, 8), dtype=torch.long)

    loss = soft_dice(logits, target, kind=kind, smooth=smooth)

    assert loss.item() < 1e-5
    assert gradient(loss, logits).abs().sum() < 1e-5


@pytest.mark.parametrize("level", [-12.0, -6.0, -2.0, 0.0, 5.0])
@pytest.mark.parametrize("smooth", [1.0, 1e-5])
def test_the_gradient_of_an_absent_class_stays_below_a_quarter(level, smooth) -> None:
    logits = torch.full((1, 1, 8, 8, 8), level, requires_grad=True)

    loss = soft_dice(logits, torch.zeros(1, 1, 8, 8, 8), kind="sigmoid", smooth=smooth)

    voxels = 512 / (1 + math.exp(-level))
    assert loss.item() == pytest.approx(voxels / (voxels + smooth), rel=1e-4)
    assert gradient(loss, logits).abs().sum() <= 0.25 + 1e-6


@pytest.mark.parametrize("per", ["image", "batch"])
def test_a_class_with_nothing_known_is_left_out_of_the_mean(per) -> None:
    logits, target = drawn((2, 2, 4, 4), "sigmoid")
    target[:, 1] = -1

    torch.testing.assert_close(
        soft_dice(logits, target, kind="sigmoid", per=per),
        soft_dice(logits[:, :1], target[:, :1], kind="sigmoid", per=per),
    )


def test_dice_and_cross_entropy_is_their_sum() -> None:
    logits, target = drawn((2, 3, 4, 4), "softmax")
    weight = torch.tensor([1.0, 2.0, 3.0])

    both = dice_and_cross_entropy(logits, target, kind="softmax", weight=weight, per="image")

    dice = soft_dice(logits, target, kind="softmax", per="image")
    torch.testing.assert_close(both, dice + F.cross_entropy(logits, target, weight))


@pytest.mark.parametrize("kind", KINDS)
def test_focal_without_gamma_is_cross_entropy(kind) -> None:
    logits, target = drawn((2, 3, 4, 4), kind, unknown=True)
    entropy = cross_entropy if kind == "softmax" else binary

    loss = focal(logits, target, kind=kind, gamma=0.0)

    torch.testing.assert_close(loss, entropy(logits, target))


@pytest.mark.parametrize("kind", KINDS)
def test_focal_has_a_gradient_where_the_truth_is_sure(kind) -> None:
    logits = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    target = torch.tensor([1] if kind == "softmax" else [[0, 1]])

    loss = focal(logits, target, kind=kind, gamma=0.5)

    assert loss.item() == 0
    assert gradient(loss, logits).isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_focal_is_that_of_monai(kind, gamma, weighted) -> None:
    losses = pytest.importorskip("monai.losses")
    logits, target = drawn((2, 3, 4, 5), kind)
    alpha = {"sigmoid": 0.25, "softmax": torch.tensor([0.2, 1.0, 3.0])}[kind] if weighted else None
    softmax = kind == "softmax"
    theirs = losses.FocalLoss(
        to_onehot_y=softmax, use_softmax=softmax, gamma=gamma, reduction="none",
        weight=alpha if softmax else None, alpha=None if softmax else alpha,
    )(logits, target.unsqueeze(1) if softmax else target.float())  # fmt: skip

    ours = focal(logits, target, kind=kind, gamma=gamma, alpha=alpha)

    torch.testing.assert_close(ours, theirs.sum(1).mean() if softmax else theirs.mean())


def test_masks_of_the_wrong_shape_are_refused_with_both_shapes() -> None:
    with pytest.raises(BadInput, match=r"\(2, 4, 4\).*\(2, 3, 4, 5\).*\(2, 4, 5\)"):
        cross_entropy(torch.zeros(2, 3, 4, 5), torch.zeros(2, 4, 4, dtype=torch.long))


REFUSED = {
    "bytes as classes": lambda x, t: cross_entropy(x, t.byte()),
    "weights of other classes": lambda x, t: cross_entropy(x, t, weight=torch.ones(2)),
    "numbers for answers": lambda x, t: binary(x, t),
    "a weight too many": lambda x, t: binary(x, x, positive_weight=torch.ones(4)),
    "integer logits": lambda x, t: cross_entropy(x.long(), t),
    "a kind unheard of": lambda x, t: soft_dice(x, t, kind="argmax"),
    "a per unheard of": lambda x, t: soft_dice(x, t, kind="softmax", per="case"),
    "no smoothing": lambda x, t: soft_dice(x, t, kind="softmax", smooth=0),
    "no places": lambda x, t: soft_dice(x[..., 0, 0], t[..., 0, 0], kind="softmax"),
    "background alone": lambda x, t: soft_dice(x[:, :1], t, kind="softmax"),
    "a sigmoid's background": lambda x, t: soft_dice(x, x, kind="sigmoid", background=True),
    "one alpha for all classes": lambda x, t: focal(x, t, kind="softmax", alpha=0.25),
    "gamma below 0": lambda x, t: focal(x, t, kind="softmax", gamma=-1.0),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused(call) -> None:
    with pytest.raises(BadInput):
        call(torch.zeros(2, 3, 4, 5), torch.zeros(2, 4, 5, dtype=torch.long))
