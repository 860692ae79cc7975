"""Intervals and paired tests: beside other libraries, in simulated studies, and at the edge."""

import math
import time
from functools import partial

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn

from genesis_hub.errors import BadInput
from genesis_hub.evaluate import (
    ClassScores,
    Comparison,
    Together,
    adjusted,
    classification_metrics,
    classified,
    compare,
    compare_draws,
    holm,
    intervals,
    means,
    over_runs,
    permutation_test,
    pooled,
    segmented,
)
from genesis_hub.evaluate.curves import Curve
from genesis_hub.evaluate.overlap import Overlap
from genesis_hub.evaluate.resampling import ROOM, redrawn, swapped, without_each
from tests import trials

close = partial(pytest.approx, abs=1e-9, nan_ok=True)
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning")


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def answers(kind: str, cases: int = 40) -> tuple[np.ndarray, np.ndarray, dict]:
    """Return shares with ties, labels, and what kind they are."""
    draw, classes = seeded(3), {"two": 2, "four": 4, "labels": 3}[kind]
    if kind == "labels":
        shares = np.round(draw.random((cases, classes)), 1)
        return shares, draw.integers(-1, 2, (cases, classes)), {"multilabel": True}
    labels = draw.integers(0, classes, cases)
    shares = np.round(draw.dirichlet(np.ones(classes), cases) + np.eye(classes)[labels], 1)
    return shares / shares.sum(1, keepdims=True), labels, {}


def people(cases: int, each: int = 2) -> list[str]:
    return [f"p{case // each:03d}" for case in range(cases)]


def outcome(dice: tuple[int, int, int], hd95: float = 1.0) -> dict[str, ClassScores]:
    return {"organ": ClassScores(Overlap(*dice), hd95 / 2, hd95, 0.5)}


def records(number: int = 12) -> list[dict[str, ClassScores]]:
    draw = seeded(1)
    made = [
        outcome((int(a), int(b), int(min(a, b) * draw.random())), float(draw.random()))
        for a, b in draw.integers(5, 50, (number - 3, 2))
    ]
    none = ClassScores(Overlap(0, 0, 0), math.nan, math.nan, math.nan)
    lone = ClassScores(Overlap(0, 9, 0), math.inf, math.inf, 0.0)
    return [*made, {"organ": none}, {"organ": none}, {"organ": lone}]


# --- each resample is measured as its cases would be


@pytest.mark.parametrize("kind", ["two", "four", "labels"])
def test_a_resample_is_measured_as_its_cases_repeated(kind) -> None:
    shares, labels, options = answers(kind)
    sample = classified(shares, labels, patients=people(40), **options)
    (counts,) = redrawn(sample, 30, seeded())

    ours = sample.measured(counts)

    for column, times in enumerate(counts.T.astype(int)):
        rows = np.repeat(np.arange(40), np.repeat(times, 2))
        wanted = classification_metrics(shares[rows], labels[rows], **options)
        assert {name: values[column] for name, values in ours.items()} == close(
            {name: wanted[name] for name in ours}
        )


def test_weighted_curves_are_those_of_scikit_learn() -> None:
    draw = seeded()
    scores, truth = np.round(draw.normal(size=60), 1), draw.integers(0, 2, 60)
    weights = draw.integers(0, 4, (60, 25)).astype(float)

    auc, precision = Curve(scores, truth, np.arange(60)).areas(weights)

    for ours, theirs in (
        (auc, sklearn.roc_auc_score),
        (precision, sklearn.average_precision_score),
    ):
        assert ours.tolist() == close([theirs(truth, scores, sample_weight=w) for w in weights.T])


@pytest.mark.slow
def test_resampled_areas_are_those_of_torchmetrics_and_monai() -> None:
    theirs = pytest.importorskip("torchmetrics.functional.classification")
    monai, torch = pytest.importorskip("monai.metrics"), pytest.importorskip("torch")
    shares, labels, _ = answers("four")
    sample = classified(shares, labels, patients=people(40))
    (counts,) = redrawn(sample, 5, seeded())
    found = sample.measured(counts)
    for column, times in enumerate(counts.T.astype(int)):
        rows = np.repeat(np.arange(40), np.repeat(times, 2))
        pair = torch.tensor(shares[rows]), torch.tensor(labels[rows])
        wanted = theirs.multiclass_auroc(*pair, 4).item()
        also = monai.compute_roc_auc(pair[0], torch.nn.functional.one_hot(pair[1], 4))
        assert found["auc"][column] == pytest.approx(wanted, abs=1e-5)
        assert found["auc"][column] == pytest.approx(also, abs=1e-5)


@pytest.mark.parametrize("empty", ["leave out", "one"])
def test_a_resample_of_masks_is_pooled_as_its_cases_repeated(empty) -> None:
    cases = records()
    sample = segmented(cases, patients=people(12, each=3), empty=empty)
    (counts,) = redrawn(sample, 20, seeded())

    ours = sample.measured(counts)

    for column, times in enumerate(counts.T.astype(int)):
        rows = np.repeat(np.arange(12), np.repeat(times, 3))
        wanted = vars(pooled([cases[row] for row in rows], empty=empty)["organ"])
        measures = {name: values[column] for name, values in ours.items() if "/" in name}
        assert measures == close({name: wanted[name.removesuffix("/organ")] for name in measures})
        assert ours["dice"][column] == close(wanted["dice"])


@pytest.mark.slow
def test_mean_dice_is_that_of_monai() -> None:
    monai, torch = pytest.importorskip("monai.metrics"), pytest.importorskip("torch")
    draw = seeded()
    ours, truth = draw.integers(0, 2, (2, 6, 1, 8, 8))
    truth[2] = 0
    cases = [
        outcome((int(a.sum()), int(b.sum()), int((a & b).sum()))) if b.any() else None
        for a, b in zip(ours, truth, strict=True)
    ]
    # Of an image without the class MONAI knows no Dice, found or not.
    sample = segmented([case for case in cases if case], patients=people(5, each=1))
    metric = monai.DiceMetric(include_background=True)
    metric(torch.tensor(ours), torch.tensor(truth))
    assert sample.measured(np.ones((5, 1)))["dice"][0] == pytest.approx(metric.aggregate().item())


# --- beside scipy


def test_the_interval_of_a_mean_is_that_of_scipy() -> None:
    values, number = seeded(2).beta(8, 2, 30), 30
    found = intervals(
        means({"x": values}, patients=people(number, each=1)), draw=seeded(), resamples=40_000
    )["x"]
    # scipy does not widen: its level is raised to ours.
    tail = stats.norm.cdf(np.sqrt(number / (number - 1)) * stats.t.ppf(0.025, number - 1))
    theirs = stats.bootstrap(
        (values,), np.mean, confidence_level=1 - 2 * tail, n_resamples=40_000, method="BCa",
        rng=seeded(1),
    ).confidence_interval  # fmt: skip
    assert (found.low, found.high) == pytest.approx(theirs, abs=0.02 * (found.high - found.low))


@pytest.mark.parametrize("patients", [8, 40])
def test_exchanging_two_models_is_the_permutation_test_of_scipy(patients) -> None:
    draw = seeded(5)
    ours, theirs = draw.normal(0.5, 1, patients), draw.normal(0, 1, patients)
    pair = (means({"x": x}, patients=people(patients, each=1)) for x in (ours, theirs))
    p = permutation_test(*pair, draw=seeded(), permutations=9999)["x"]
    wanted = stats.permutation_test(
        (ours, theirs), lambda a, b: np.mean(a - b), permutation_type="samples",
        n_resamples=9999, rng=seeded(1),
    ).pvalue  # fmt: skip
    exact = patients == 8
    assert p == pytest.approx(wanted, abs=1e-12 if exact else 4 * (wanted / 9999) ** 0.5 * 2)


def test_the_interval_over_runs_is_that_of_students_t_and_wider_for_folds() -> None:
    values = [0.81, 0.84, 0.79, 0.86]
    wanted = stats.ttest_1samp(values, 0).confidence_interval()
    assert over_runs(values) == close(tuple(wanted))
    low, high = over_runs(values, shared=1 / 3)
    # 1/4 + 1/3 in the place of 1/4.
    assert (high - low) / (wanted.high - wanted.low) == close((7 / 3) ** 0.5)
    assert all(math.isnan(end) for end in over_runs([0.8]))


def test_holm_is_the_one_worked_out_by_hand() -> None:
    # Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04, which is not below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == close([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, math.nan, 0.02, 0.7]) == close([1.0, math.nan, 0.06, 1.0])
    assert holm([]) == []


# --- studies whose truth is known


def far(rate: float, number: int) -> float:
    """Return four standard errors of a rate seen in a number of trials."""
    return 4 * (rate * (1 - rate) / number) ** 0.5


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("AUC 0.9, 100 cases, 20% sick", 60),
        ("accuracy 0.8, 80 patients of 1-6 images", 60),
        ("mean Dice 0.77, 10% missed, 50 cases", 400),
        ("mean Dice 0.72, 50 patients of 1-4 images", 400),
    ],
)
def test_intervals_cover_the_truth(name, number) -> None:
    above, below = trials.covers(name, number, resamples=500)
    assert 1 - above - below == pytest.approx(0.95, abs=far(0.95, number))


def test_an_accuracy_is_covered_as_often_as_said_by_the_binomial_distribution() -> None:
    draw, number, patients = seeded(), 100, people(100, each=1)
    found = {
        right: intervals(means({"x": np.arange(number) < right}, patients=patients), draw=draw)["x"]
        for right in range(50, number)
    }

    def covered(share: float) -> float:
        inside = [right for right, one in found.items() if one.low <= share <= one.high]
        return float(stats.binom.pmf(inside, number, share).sum())

    rates = [covered(share) for share in np.linspace(0.653, 0.913, 40)]
    assert np.mean(rates) == pytest.approx(0.95, abs=0.01)
    assert min(rates) > 0.92


def test_images_taken_for_patients_would_not_cover_the_truth() -> None:
    draw, missed = seeded(), 0
    for _ in range(200):
        level = draw.beta(2, 2, 40)
        values = np.repeat(level, 5)
        alone = means({"x": values}, patients=people(200, each=1))
        found = intervals(alone, draw=draw, resamples=200)["x"]
        missed += not found.low <= 0.5 <= found.high
    assert missed / 200 > 0.3


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("AUC, the second less sure", 80),
        ("Dice, 40 cases", 1500),
        ("Dice, the second rougher", 800),
    ],
)
def test_equal_models_are_called_different_as_rarely_as_said(name, number) -> None:
    rate = trials.alarms(name, number, permutations=299)
    assert rate == pytest.approx(0.05, abs=far(0.05, number))


@pytest.mark.slow
@pytest.mark.parametrize("name", trials.COVERED)
def test_intervals_cover_the_truth_in_a_thousand_studies(name) -> None:
    above, below = trials.covers(name, 1000)
    # The limits of 93 to 97 % are those of the interval; a thousand trials add their own error.
    assert 0.93 - 0.01 <= 1 - above - below <= 0.97 + 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", trials.EQUAL)
def test_equal_models_are_called_different_in_four_to_six_of_a_hundred(name) -> None:
    assert trials.alarms(name, 4000) == pytest.approx(0.05, abs=0.011)


@pytest.mark.slow
def test_ten_thousand_resamples_of_auc_take_two_seconds() -> None:
    draw = seeded()
    truth = draw.integers(0, 2, 1000)
    sample = trials.question(draw.normal(size=1000) + truth, truth, np.arange(1000))
    begin = time.process_time()
    intervals(sample, draw=draw, resamples=10_000)
    assert time.process_time() - begin < 2


# --- at the edge


def test_one_class_alone_has_an_accuracy_with_an_interval_but_no_auc() -> None:
    shares = np.tile([[0.8, 0.2], [0.4, 0.6]], (5, 1))
    found = intervals(classified(shares, np.zeros(10), patients=people(10, 1)), draw=seeded())
    assert math.isnan(found["auc"].value)
    assert math.isnan(found["auc"].low)
    assert found["auc"].undefined == 2000
    assert found["accuracy"].low < 0.5 < found["accuracy"].high


def test_a_constant_answer_has_an_auc_of_a_half_whoever_comes() -> None:
    shares, labels = np.full((30, 2), 0.5), np.arange(30) % 2
    found = intervals(classified(shares, labels, patients=people(30, 1)), draw=seeded())["auc"]
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_one_patient_has_numbers_but_no_interval() -> None:
    shares, labels, _ = answers("two")
    found = intervals(classified(shares, labels, patients=["one"] * 40), draw=seeded())
    assert found["auc"].value > 0.5
    assert all(math.isnan(one.low) and math.isnan(one.high) for one in found.values())


def test_a_class_that_one_patient_has_gives_auc_no_interval() -> None:
    shares, labels = np.tile([0.7, 0.3], (30, 1)), np.zeros(30)
    shares[0], labels[0] = [0.2, 0.8], 1
    found = intervals(classified(shares, labels, patients=people(30, 1)), draw=seeded())["auc"]
    # The chance that one of 30 is not drawn: 36 %.
    assert found.undefined / 2000 == pytest.approx((29 / 30) ** 30, abs=0.05)
    assert found.value == 1
    assert math.isnan(found.low)


def test_a_perfect_score_is_bounded_as_by_clopper_and_pearson() -> None:
    labels = np.array([0] * 20 + [1] * 5)
    sample = classified(np.eye(2)[labels], labels, patients=people(25, each=1))
    found = intervals(sample, draw=seeded())
    for name, number in (("accuracy", 25), ("specificity", 20), ("sensitivity", 5), ("auc", 5)):
        wanted = stats.binomtest(number, number).proportion_ci(method="exact")
        assert (found[name].low, found[name].high) == close((wanted.low, wanted.high))
    assert math.isnan(found["quadratic_kappa"].low)


def test_cases_without_a_number_have_no_say() -> None:
    values = np.array([0.2, np.nan, 0.9, 0.6, np.nan, 0.7, 0.8, 0.5])
    with_them = means({"x": values}, patients=people(8, 1))
    found = intervals(with_them, draw=seeded(), resamples=20_000)["x"]
    without = means({"x": values[~np.isnan(values)]}, patients=people(6, 1))
    alone = intervals(without, draw=seeded(), resamples=20_000)["x"]
    assert found.value == close(alone.value)
    assert found.high - found.low == pytest.approx(alone.high - alone.low, rel=0.25)
    nothing = intervals(means({"x": [math.nan] * 5}, patients=people(5, 1)), draw=seeded())["x"]
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.low)


def test_identical_models_have_a_p_of_1_and_no_gain() -> None:
    shares, labels, _ = answers("four")
    sample = classified(shares, labels, patients=people(40))
    told = compare(sample, sample, draw=seeded(), permutations=200, resamples=200)
    assert {one.p for one in told} == {1.0}
    assert {one.said for one in told} == {"no significant gain"}
    assert {one.difference for one in told} == {0.0}
    assert all(math.isnan(one.low) and math.isnan(one.high) for one in told)


def test_another_calibration_is_no_other_auc() -> None:
    _, truth = answers("two")[:2]
    scores = seeded().normal(size=40) + truth
    pair = (trials.question(by * scores - 1, truth, np.arange(40)) for by in (1, 0.2))
    assert permutation_test(*pair, draw=seeded(), permutations=200)["auc"] == 1


def test_a_gain_is_called_a_gain_and_turned_round_a_loss() -> None:
    draw = seeded()
    truth = np.arange(80) % 2
    good, bad = (
        trials.question(draw.normal(size=80) + a * truth, truth, np.arange(80)) for a in (4, 0)
    )
    told = partial(compare, draw=draw, measures=["auc", "log_loss"], permutations=999)
    assert [one.said for one in told(good, bad)] == ["significant gain"] * 2
    assert [one.said for one in told(bad, good)] == ["significant loss"] * 2
    (first, _) = told(good, bad)
    assert first.difference == close(first.first - first.second)
    assert first.low < first.difference < first.high
    assert (first.p, first.adjusted) == close((1 / 1000, 2 / 1000))


def test_a_lucky_one_of_many_is_no_gain() -> None:
    lucky = Comparison("dice", 0.8, 0.7, 0.1, 0.02, 0.2, 0.03, 0.03)
    others = [Comparison("dice", 0.7, 0.7, 0.0, -0.1, 0.1, 0.6, 0.6)] * 3
    assert lucky.said == "significant gain"
    assert adjusted([lucky, *others])[0].said == "no significant gain"
    assert Comparison("auc", *[math.nan] * 7).said == "not comparable"


def test_patients_go_as_a_whole_and_blocks_stay_small() -> None:
    sample = means({"x": np.arange(6000.0)}, patients=people(6000))
    for draws in (redrawn(sample, 100, seeded()), without_each(sample, seeded())):
        for counts in draws:
            assert counts.shape[0] == 3000
            assert counts.size <= ROOM
    few = means({"x": np.arange(6.0)}, patients=people(6))
    ways, every = swapped(few.beside(few), 100, seeded())
    assert every
    (counts,) = ways
    assert len({tuple(column) for column in counts.T}) == 2**3
    assert np.array_equal(counts[:3], 1 - counts[3:])


def test_runs_are_averaged_not_thrown_together() -> None:
    shares, labels, _ = answers("two")
    names = people(40)
    everyone = sorted(set(names))
    folds = [slice(0, 20), slice(20, 40)]
    samples = [classified(shares[f], labels[f], patients=names[f], among=everyone) for f in folds]
    together = Together(tuple(samples))
    aucs = [sklearn.roc_auc_score(labels[f], shares[f, 1]) for f in folds]
    found = intervals(together, draw=seeded())["auc"]
    assert found.value == close(np.mean(aucs))
    assert found.low < found.value < found.high
    assert permutation_test(together, together, draw=seeded(), permutations=100)["auc"] == 1


def test_the_same_seed_gives_the_same_interval() -> None:
    sample = means({"x": seeded().random(20)}, patients=people(20))
    first, second, other = (intervals(sample, draw=seeded(seed))["x"] for seed in (1, 1, 2))
    assert first == second != other


X = means({"x": [0.1, 0.2]}, patients=["a", "b"])
BAD = {
    "few resamples": lambda: intervals(X, draw=seeded(), resamples=10),
    "a level of 95": lambda: intervals(X, draw=seeded(), level=95),
    "few permutations": lambda: permutation_test(X, X, draw=seeded(), permutations=0),
    "a patient too few": lambda: classified(np.eye(2), np.arange(2), patients=["a"]),
    "infinite numbers": lambda: means({"x": [math.inf, 1]}, patients=["a", "b"]),
    "nothing": lambda: segmented([], patients=[]),
    "a stranger": lambda: means({"x": [1.0]}, patients=["a"], among=["b"]),
    "other patients": lambda: compare(
        X, means({"x": [0.1] * 2}, patients=["a", "a"]), draw=seeded()
    ),
    "other labels": lambda: compare(
        classified(np.eye(2), np.array([0, 1]), patients=["a", "b"]),
        classified(np.eye(2), np.array([1, 1]), patients=["a", "b"]), draw=seeded(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("call", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_resampled_is_refused(call) -> None:
    with pytest.raises(BadInput, match=r"give|needed|were given"):
        call()


# --- what a run leaves is read back as it was


@pytest.mark.parametrize("kind", ["two", "labels"])
def test_predictions_are_read_back_as_they_were(kind, tmp_path) -> None:
    from genesis_hub.data.cases import Case, CaseList
    from genesis_hub.tuning.predictions import of_shares, read_table

    shares, labels, options = answers(kind)
    shares = shares.astype(np.float32)
    classes = ("plain", 'odd, "quoted"', "third")[: shares.shape[1]]
    cases = tuple(
        Case(f"c{at}", (), label=tuple(label.tolist()) if label.ndim else int(label), patient=name)
        for at, (label, name) in enumerate(zip(labels, people(40), strict=True))
    )
    listed = CaseList(cases, "classification", classes, kind == "labels", tmp_path)
    of_shares(cases, shares, listed).write(tmp_path)
    sample = read_table(tmp_path).sample()
    wanted = classified(shares, labels, patients=people(40), classes=classes, **options)
    one = np.ones((20, 1))
    found = {name: value[0] for name, value in sample.measured(one).items()}
    assert found == close({name: value[0] for name, value in wanted.measured(one).items()})


def test_scores_are_read_back_as_they_were_and_older_tables_refused(tmp_path) -> None:
    from genesis_hub.data.cases import Case
    from genesis_hub.tuning.predictions import of_scores, read_table

    cases = [Case(f"c{at}", (), patient=name) for at, name in enumerate(people(12))]
    of_scores(cases, records()).write(tmp_path)
    kept, first = read_table(tmp_path).sample(), segmented(records(), patients=people(12))
    found, wanted = (sample.measured(np.ones((6, 1))) for sample in (kept, first))
    assert {name: found[name][0] for name in found} == pytest.approx(
        {name: wanted[name][0] for name in wanted}, rel=1e-8
    )
    (tmp_path / "predictions.csv").write_text("case,patient,dice_1,hd95_1\n0,0,0.5,1\n")
    with pytest.raises(BadInput, match="older version"):
        read_table(tmp_path)


# --- what is wanted alone is what it is among all


@pytest.mark.parametrize("kind", ["two", "four", "labels"])
@pytest.mark.parametrize("wanted", [("auc",), ("auc", "accuracy/1"), ("brier", "f1")])
def test_a_number_measured_alone_is_the_same(kind, wanted) -> None:
    shares, labels, options = answers(kind)
    sample = classified(shares, labels, patients=people(40), **options)
    (counts,) = redrawn(sample, 30, seeded())
    all_of_them = sample.measured(counts)
    wanted = tuple(name for name in wanted if name in all_of_them)

    alone = sample.narrowed(wanted).measured(counts)

    assert list(alone) == list(wanted)
    for name in wanted:
        assert np.allclose(alone[name], all_of_them[name], atol=1e-12, equal_nan=True)


def test_scores_of_masks_measured_alone_are_the_same() -> None:
    sample = segmented(records(), patients=people(12, each=1))
    (counts,) = redrawn(sample, 30, seeded())
    alone = Together((sample,)).narrowed(["dice", "hd95/organ"]).measured(counts)
    for name in ("dice", "hd95/organ"):
        assert np.allclose(alone[name], sample.measured(counts)[name], equal_nan=True)
    assert "assd/organ" not in alone


def test_a_measure_that_is_not_there_is_refused_with_those_that_are() -> None:
    shares, labels, options = answers("two")
    sample = classified(shares, labels, patients=people(40), **options)
    with pytest.raises(BadInput, match=r"'acc' is not there; close names: .*accuracy.*brier"):
        compare(sample, sample, draw=seeded(), measures=["acc"])


# --- several draws of a model


def skilled(skill: float, seed: int, cases: int = 60):
    """Return the answers of a model to the same cases; seed: of its luck."""
    labels = np.arange(cases) % 2
    sure = 1 / (1 + np.exp(-skill * (labels - 0.5) - seeded(seed).normal(size=cases)))
    return classified(np.stack([1 - sure, sure], 1), labels, patients=people(cases, 1))


def test_a_model_better_than_one_draw_is_no_better_than_all() -> None:
    lucky, draws = skilled(3, 0), [skilled(0, 1), skilled(3, 2), skilled(0, 3)]
    (against_one,) = compare(lucky, draws[0], draw=seeded(), measures=["auc"])
    assert against_one.said == "significant gain"

    found = compare_draws([lucky], draws, measure="auc", draw=seeded)

    assert found.said == "no significant gain"
    mean = np.mean([float(one.measured(np.ones((60, 1)))["auc"][0]) for one in draws])
    assert found.second == pytest.approx(mean)
    assert found.difference == pytest.approx(found.first - mean)


def test_a_model_better_than_each_draw_gains_with_the_greatest_p() -> None:
    able, draws = skilled(4, 0), [skilled(0, seed) for seed in (1, 2, 3)]
    each = [compare(able, one, draw=seeded(), measures=["auc"])[0].p for one in draws]
    found = compare_draws([able], draws, measure="auc", draw=seeded)
    assert found.p == max(each)
    assert found.said == "significant gain"
    assert compare_draws(draws, [able], measure="auc", draw=seeded).said == "significant loss"


def test_draws_that_do_not_agree_have_a_p_of_1() -> None:
    draws = [skilled(4, 1), skilled(-4, 2)]
    assert compare_draws([skilled(0, 0)], draws, measure="auc", draw=seeded).p == 1.0


def test_one_draw_each_is_the_plain_comparison() -> None:
    ours, theirs = skilled(2, 0), skilled(1, 1)
    (plain,) = compare(ours, theirs, draw=seeded(), measures=["auc"])
    found = compare_draws([ours], [theirs], measure="auc", draw=seeded)
    assert (found.p, found.difference) == (plain.p, pytest.approx(plain.difference))
