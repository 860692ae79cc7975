"""Metrics: right beside scikit-learn, MONAI and numbers worked out by hand."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sklearn

from genesis_hub.errors import BadInput
from genesis_hub.evaluate import classification_metrics, notes, pooled, segmentation_metrics
from genesis_hub.evaluate.metrics import auc
from genesis_hub.evaluate.overlap import overlap
from genesis_hub.evaluate.surface import surfaces

close = partial(pytest.approx, abs=1e-9, nan_ok=True)
few = settings(max_examples=30, deadline=None)
masks = arrays(bool, (4, 3, 2))
# Numbers that cannot be computed are NaN, not warnings.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning")


def drawn(cases: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return shares (N, K), rounded so that some tie, and labels (N,)."""
    dice = np.random.default_rng(classes)
    labels = dice.integers(0, classes, cases)
    shares = dice.dirichlet(np.ones(classes), cases) + 0.5 * np.eye(classes)[labels]
    shares = np.round(shares / 1.5, 2)
    return shares / shares.sum(1, keepdims=True), labels


# --- classifiers


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_two_classes_are_measured_as_scikit_learn_measures_them(threshold) -> None:
    shares, labels = drawn(60, 2)
    score, predicted = shares[:, 1], shares[:, 1] >= threshold

    ours = classification_metrics(shares, labels, classes=("no", "yes"), threshold=threshold)

    theirs = {
        "cases": 60, "unknown": 0, "auc": sklearn.roc_auc_score(labels, score),
        "average_precision": sklearn.average_precision_score(labels, score),
        "accuracy": sklearn.accuracy_score(labels, predicted),
        "balanced_accuracy": sklearn.balanced_accuracy_score(labels, predicted),
        "sensitivity": sklearn.recall_score(labels, predicted),
        "specificity": sklearn.recall_score(labels, predicted, pos_label=0),
        "f1": sklearn.f1_score(labels, predicted), "f1/yes": sklearn.f1_score(labels, predicted),
        "macro_f1": sklearn.f1_score(labels, predicted, average="macro"),
        "quadratic_kappa": sklearn.cohen_kappa_score(labels, predicted, weights="quadratic"),
        "brier": sklearn.brier_score_loss(labels, score),
        "log_loss": sklearn.log_loss(labels, shares), "auc_classes": 2,
    }  # fmt: skip
    assert {key: ours[key] for key in theirs} == close(theirs)


@pytest.mark.parametrize("classes", [3, 5])
def test_many_classes_are_measured_as_scikit_learn_measures_them(classes) -> None:
    shares, labels = drawn(80, classes)
    predicted = shares.argmax(1)

    ours = classification_metrics(shares, labels)

    theirs = {
        "auc": sklearn.roc_auc_score(labels, shares, multi_class="ovr"),
        "average_precision": sklearn.average_precision_score(np.eye(classes)[labels], shares),
        "accuracy": sklearn.accuracy_score(labels, predicted),
        "balanced_accuracy": sklearn.balanced_accuracy_score(labels, predicted),
        "sensitivity": sklearn.recall_score(labels, predicted, average="macro"),
        "macro_f1": sklearn.f1_score(labels, predicted, average="macro"),
        "f1/2": sklearn.f1_score(labels, predicted, average=None)[2],
        "specificity/1": sklearn.recall_score(labels != 1, predicted != 1),
        "quadratic_kappa": sklearn.cohen_kappa_score(labels, predicted, weights="quadratic"),
        "brier": sklearn.brier_score_loss(labels, shares),
        "log_loss": sklearn.log_loss(labels, shares), "auc_classes": classes,
    }  # fmt: skip
    assert {key: ours[key] for key in theirs} == close(theirs)


def test_labels_that_come_together_are_averaged_over_those_with_both_answers() -> None:
    dice = np.random.default_rng(0)
    shares, labels = dice.random((40, 3)), dice.integers(0, 2, (40, 3))
    labels[:, 1] = 0
    labels[:5, 2] = -1

    ours = classification_metrics(shares, labels, multilabel=True, classes=("a", "b", "c"))

    both = sklearn.roc_auc_score(labels[:, 0], shares[:, 0])
    both += sklearn.roc_auc_score(labels[5:, 2], shares[5:, 2])
    assert (ours["auc"], ours["auc_classes"], ours["unknown"]) == close((both / 2, 2, 5))
    assert math.isnan(ours["auc/b"])
    assert math.isnan(ours["average_precision/b"])
    assert "auc is not there for b: it takes positives and negatives" in notes(ours)


def test_each_label_is_measured_by_hand() -> None:
    shares = np.array([[0.9, 0.2], [0.4, 0.5], [0.1, 0.7]])
    labels = np.array([[1, 0], [1, -1], [0, 1]])

    ours = classification_metrics(shares, labels, multilabel=True)

    wanted = {
        "sensitivity/0": 0.5, "specificity/0": 1, "f1/0": 2 / 3, "accuracy/0": 2 / 3,
        "balanced_accuracy/0": 0.75, "accuracy/1": 1, "accuracy": 5 / 6, "auc": 1, "cases": 3,
        "brier/0": (0.1**2 + 0.6**2 + 0.1**2) / 3, "log_loss/1": -math.log(0.8 * 0.7) / 2,
    }  # fmt: skip
    assert {key: ours[key] for key in wanted} == close(wanted)


@pytest.mark.slow
def test_unknown_labels_are_left_out_as_torchmetrics_leaves_them_out() -> None:
    theirs = pytest.importorskip("torchmetrics.functional.classification")
    import torch

    dice = np.random.default_rng(0)
    shares, labels = dice.random((50, 4)), dice.integers(-1, 2, (50, 4))
    pair = torch.tensor(shares), torch.tensor(labels)

    ours = classification_metrics(shares, labels, multilabel=True)

    for name, function in (
        ("auc", theirs.multilabel_auroc),
        ("average_precision", theirs.multilabel_average_precision),
    ):
        assert ours[name] == pytest.approx(function(*pair, 4, ignore_index=-1).item(), abs=1e-5)


def test_one_class_alone_has_an_accuracy_but_no_auc() -> None:
    ours = classification_metrics(np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 0]))

    assert (ours["accuracy"], ours["specificity"], ours["auc_classes"]) == (0.5, 0.5, 0)
    assert all(math.isnan(ours[key]) for key in ("auc", "average_precision", "sensitivity"))


def test_a_class_that_nobody_has_or_predicts_is_left_out_of_the_mean() -> None:
    shares, labels = drawn(40, 3)
    wider = np.insert(shares, 2, 0.0, axis=1)

    three = classification_metrics(shares, labels)
    four = classification_metrics(wider, labels + (labels == 2))

    assert four["macro_f1"] == close(three["macro_f1"])
    assert (four["auc"], four["auc_classes"]) == close((three["auc"], 3))


def test_kappa_knows_the_distance_of_grades_that_nobody_has() -> None:
    shares = np.eye(5)[[0, 4, 4, 0]]

    ours = classification_metrics(shares, np.array([0, 4, 1, 0]))

    # True grades 0, 0, 1, 4; predicted 0, 0, 4, 4: the mean squared distance of the pairs, and of
    # all pairings.
    observed = 9 / 4
    expected = (2 * 2 * 16 + 2 * 1 + 2 * 9 + 2 * 16) / 16
    assert ours["quadratic_kappa"] == close(1 - observed / expected)


@pytest.mark.parametrize("wrong", [False, True])
def test_kappa_of_one_class_is_not_there_unless_something_else_was_predicted(wrong) -> None:
    shares = np.eye(3)[[1, 2 if wrong else 1]]

    assert classification_metrics(shares, np.array([1, 1]))["quadratic_kappa"] == close(
        0.0 if wrong else math.nan
    )


def test_a_single_case_is_measured() -> None:
    ours = classification_metrics(np.array([[0.25, 0.75]]), np.array([1]))

    assert (ours["accuracy"], ours["brier"]) == close((1.0, 0.0625))
    assert ours["log_loss"] == close(-math.log(0.75))


def test_constant_predictions_have_an_auc_of_a_half() -> None:
    assert classification_metrics(np.full((4, 2), 0.5), np.array([0, 1, 1, 0]))["auc"] == 0.5


def test_a_share_of_exactly_the_threshold_is_positive() -> None:
    ours = classification_metrics(np.array([[0.5, 0.5]]), np.array([1]))

    assert ours["sensitivity"] == 1


def test_unknown_cases_have_no_say() -> None:
    shares, labels = drawn(40, 3)
    known = np.arange(40) % 3 > 0

    ours = classification_metrics(shares, np.where(known, labels, -1))

    without = classification_metrics(shares[known], labels[known])
    assert ours == close({**without, "unknown": int((~known).sum())})


def test_a_label_that_is_never_known_is_said_and_left_out() -> None:
    shares, labels = np.array([[0.9, 0.2], [0.1, 0.3]]), np.array([[1, -1], [0, -1]])

    ours = classification_metrics(shares, labels, multilabel=True, classes=("a", "b"))

    assert (ours["accuracy"], ours["brier"]) == close((1.0, 0.01))
    assert "accuracy is not there for b: no label is known" in notes(ours)


@given(st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=1, max_size=30))
@few
def test_auc_does_not_change_under_monotone_maps_and_turns_with_its_scores(pairs) -> None:
    scores, truth = (np.array(x) for x in zip(*pairs, strict=True))

    area = auc(scores, truth)

    assert auc(np.exp(scores / 10) + 3, truth) == close(area)
    assert auc(-scores, truth) == close(1 - area)
    if 0 < truth.sum() < len(truth):
        assert area == close(sklearn.roc_auc_score(truth, scores))


HALF = [[0.5, 0.5]]
BAD_LABELS = {
    "NaN": ([[math.nan, 1.0]], [0], {}),
    "logits": ([[-1.0, 2.0]], [0], {}),
    "sums that are not 1": ([[0.9, 0.8]], [0], {}),
    "no case": (np.zeros((0, 2)), np.zeros(0), {}),
    "one column": ([[1.0]], [0], {}),
    "a class too many": (HALF, [2], {}),
    "a label below -1": (HALF, [-2], {}),
    "half a label": (HALF, [0.5], {}),
    "no label known": (HALF, [-1], {}),
    "other cases": (HALF, [0, 1], {}),
    "one name": (HALF, [0], {"classes": ("a",)}),
    "a name twice": (HALF, [0], {"classes": ("a", "a")}),
    "a threshold of many": ([[0.2, 0.3, 0.5]], [0], {"threshold": 0.3}),
    "a threshold above 1": (HALF, [0], {"threshold": 1.5}),
    "one label each": (HALF, [0], {"multilabel": True}),
}


@pytest.mark.parametrize(
    ("shares", "labels", "options"), BAD_LABELS.values(), ids=BAD_LABELS.keys()
)
def test_what_cannot_be_classified_is_refused(shares, labels, options) -> None:
    with pytest.raises(BadInput):
        classification_metrics(np.array(shares), np.array(labels), **options)


# --- segmentations

block = np.zeros((8, 8, 8), dtype=np.uint8)
block[2:5, 2:5, 2:5] = 1
scores_of = partial(segmentation_metrics, classes=("background", "organ"), spacing=(1, 1, 1))


@given(masks, masks)
@few
def test_dice_is_symmetric_and_bounded_and_does_not_mind_flips(a, b) -> None:
    score = overlap(a, b).dice

    assert overlap(b, a).dice == close(score)
    assert overlap(a[::-1, :, ::-1], b[::-1, :, ::-1]).dice == close(score)
    if a.any() or b.any():
        assert 0 <= score <= 1
        assert score == close(sklearn.f1_score(b.ravel(), a.ravel(), zero_division=0))
        assert overlap(a, b).iou == close(score / (2 - score))


def test_surfaces_of_a_shifted_block_are_where_they_should_be() -> None:
    organ = scores_of(np.roll(block, 1, axis=2), block, spacing=(1, 1, 2.5))["organ"]

    assert (organ.dice, organ.iou) == close((2 / 3, 1 / 2))
    # 9 of 26 surface voxels on either side stick out by one layer.
    assert organ.hd95 == close(2.5)
    assert (organ.surface_dice, organ.assd) == close(by_all_pairs(2.5))


def by_all_pairs(z: float) -> tuple[float, float]:
    """Return surface Dice at 1 mm and ASSD of that block, by all pairs of voxels."""
    spacing = np.array([1, 1, z])

    def shell(mask: np.ndarray) -> np.ndarray:
        inner = np.ones_like(mask)
        for axis in range(3):
            inner &= np.roll(mask, 1, axis) & np.roll(mask, -1, axis)
        return np.argwhere(mask & ~inner) * spacing

    a, b = shell(np.roll(block, 1, axis=2) > 0), shell(block > 0)
    apart = np.linalg.norm(a[:, None] - b[None], axis=-1)
    both = np.concatenate([apart.min(0), apart.min(1)])
    return float((both <= 1).mean()), float(both.mean())


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.9, 5.0)])
@pytest.mark.parametrize("sides", [(9, 8), (9, 8, 7)])
def test_surface_distances_are_those_of_monai(spacing, sides) -> None:
    theirs, torch = pytest.importorskip("monai.metrics"), pytest.importorskip("torch")
    dice = np.random.default_rng(len(sides))
    a, b = (np.pad(dice.random(sides) > 0.6, 2) for _ in range(2))
    spacing = spacing[-len(sides) :]
    pair = [torch.tensor(m)[None, None].float() for m in (a, b)]
    options = {"include_background": True, "spacing": spacing}

    ours = surfaces(a, b, spacing)

    average = theirs.compute_average_surface_distance(*pair, symmetric=True, **options)
    far = theirs.compute_hausdorff_distance(*pair, percentile=95, **options)
    agreeing = theirs.compute_surface_dice(*pair, class_thresholds=[1.0], **options)
    wanted = average.item(), far.item(), agreeing.item()
    assert (ours.average, ours.hausdorff95, ours.dice(1.0)) == pytest.approx(wanted, abs=1e-5)


@given(masks, masks)
@few
def test_surface_distances_do_not_depend_on_what_is_far_away(a, b) -> None:
    near, far = surfaces(a, b, (1, 2, 3)), surfaces(np.pad(a, 3), np.pad(b, 3), (1, 2, 3))

    assert (near.average, near.hausdorff95) == close((far.average, far.hausdorff95))
    assert surfaces(b, a, (1, 2, 3)).dice(1.5) == close(near.dice(1.5))
    assert surfaces(a[::-1], b[::-1], (1, 2, 3)).average == close(near.average)


def test_hausdorff_is_the_worse_of_both_directions() -> None:
    one, two = np.zeros((9, 3), dtype=bool), np.zeros((9, 3), dtype=bool)
    one[0, 1] = two[0, 1] = two[8, 1] = True

    for apart in (surfaces(one, two, (2, 1)), surfaces(two, one, (2, 1))):
        assert apart.hausdorff95 == close(0.95 * 16)
        assert (apart.average, apart.dice(1)) == close((16 / 3, 2 / 3))


def test_a_mask_beside_itself_is_perfect() -> None:
    organ = scores_of(block, block)["organ"]

    assert (organ.dice, organ.iou, organ.surface_dice) == (1, 1, 1)
    assert (organ.assd, organ.hd95) == (0, 0)


@pytest.mark.parametrize("missed", [True, False])
def test_one_empty_mask_scores_nothing_and_lies_infinitely_far(missed) -> None:
    pair = (block * 0, block) if missed else (block, block * 0)

    organ = scores_of(*pair)["organ"]

    assert (organ.dice, organ.iou, organ.surface_dice) == (0, 0, 0)
    assert (organ.assd, organ.hd95) == (math.inf, math.inf)


def test_two_empty_masks_have_no_score() -> None:
    organ = scores_of(block * 0, block * 0)["organ"]

    assert all(
        math.isnan(x) for x in (organ.dice, organ.iou, organ.surface_dice, organ.assd, organ.hd95)
    )


def test_pooled_scores_leave_out_empty_cases_or_count_them_as_one() -> None:
    half = block.copy()
    half[2] = 0
    pairs = [(half, block), (block * 0, block), (block, block * 0), (block * 0, block * 0)]
    records = [scores_of(*pair) for pair in pairs]

    out, one = pooled(records)["organ"], pooled(records, empty="one")["organ"]

    assert (out.cases, out.empty, out.missed, out.invented) == (4, 1, 1, 1)
    assert out.dice == close((36 / 45 + 0 + 0) / 3)
    assert one.dice == close((36 / 45 + 0 + 0 + 1) / 4)
    assert out.pooled_dice == one.pooled_dice == close(2 * 18 / (45 + 27 + 27))
    assert out.pooled_iou == close(18 / (27 + 27 + 27))
    assert (out.hd95, out.assd) == close((records[0]["organ"].hd95, records[0]["organ"].assd))


def test_pooled_scores_of_nothing_but_empty_cases_are_not_there() -> None:
    records = [scores_of(block * 0, block * 0)] * 2

    assert math.isnan(pooled(records)["organ"].dice)
    assert (pooled(records, empty="one")["organ"].dice, pooled(records)["organ"].empty) == (1, 2)


def test_masks_that_overlap_are_measured_one_by_one() -> None:
    masks = np.stack([block, np.roll(block, 1, axis=0)])

    scores = segmentation_metrics(
        masks, np.stack([block, block]), classes=("whole", "core"), spacing=(1, 1, 1)
    )

    assert (scores["whole"].dice, scores["core"].dice) == close((1, 2 / 3))


def test_pictures_of_several_classes_are_measured_without_the_background() -> None:
    truth = np.array([[0, 1, 1], [0, 2, 2]])
    prediction = np.array([[0, 1, 2], [0, 2, 2]])

    scores = segmentation_metrics(prediction, truth, classes=("", "a", "b"), spacing=(1, 1))

    assert {name: score.dice for name, score in scores.items()} == close({"a": 2 / 3, "b": 0.8})


BAD_MASKS = {
    "other shapes": (block, block[:4], {}),
    "shares": (block.astype(float), block, {}),
    "a class without a name": (block * 2, block, {}),
    "unknown voxels": (block, block.astype(int) - 1, {}),
    "spacing of another kind": (block, block, {"spacing": (1, 1)}),
    "spacing of 0": (block, block, {"spacing": (1, 1, 0)}),
    "a name twice": (block, block, {"classes": ("a", "a")}),
    "a background alone": (block, block, {"classes": ("a",)}),
    "a tolerance below 0": (block, block, {"tolerance": -1}),
    "names of other masks": (block[None], block[None], {}),
}


@pytest.mark.parametrize(
    ("prediction", "truth", "options"), BAD_MASKS.values(), ids=BAD_MASKS.keys()
)
def test_what_cannot_be_compared_is_refused(prediction, truth, options) -> None:
    with pytest.raises(BadInput):
        scores_of(prediction, truth, **options)


def test_records_of_other_classes_cannot_be_pooled() -> None:
    record = scores_of(block, block)

    for records in ([], [record, {"other": record["organ"]}]):
        with pytest.raises(BadInput):
            pooled(records)
    with pytest.raises(BadInput, match="leave out"):
        pooled([record], empty="zero")
