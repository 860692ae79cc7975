"""The graphs of a run: how training went, and how its answers lie."""

import numpy as np

from genesis_hub import show
from genesis_hub.page import Markup, figure, figures, section
from genesis_hub.reporting.bands import roc_band
from genesis_hub.reporting.reading import Reading

LOSSES = ("total", "dice_loss", "cross_entropy")
MOST = 6
SCALES = ("score", "spread", "log_loss", "lr", "loss")  # Not on the scale from 0 to 1.


def training(reading: Reading) -> Markup | None:
    """Return how losses fell and measures rose."""
    train, validation = reading.log.get("train", {}), reading.log.get("validation", {})
    shown = []
    losses = {name: train[name] for name in train if name in LOSSES or name.endswith("loss")}
    if losses:
        picture = show.curves({said(name): line for name, line in losses.items()}, y="loss")
        shown.append(
            figure(
                show.svg(picture),
                f"Curves of {', '.join(map(said, losses))} over {reading.metrics['steps']} steps.",
                "The losses of training batches; a running mean where there are many steps.",
                title="Loss",
            )
        )
    measures = {name: line for name, line in validation.items() if name not in SCALES}
    if measures:
        few = dict(list(measures.items())[:MOST])
        picture = show.curves(few, y="measure on validation cases", best=best(reading))
        left = len(measures) - len(few)
        shown.append(
            figure(
                show.svg(picture),
                f"Validation measures over steps: {', '.join(few)}.",
                "Measures on the validation cases"
                + f"; {left} more are in log.csv" * (left > 0)
                + ".",
                title="Validation",
            )
        )
    if not shown:
        return None
    finished = reading.metrics.get("finished") or "finished"
    return section(
        "Training", figures(*shown), lead=f"{reading.metrics['steps']} steps; {finished}."
    )


def best(reading: Reading) -> tuple[float, str] | None:
    """Return the step whose weights were kept."""
    steps, scores = reading.log.get("validation", {}).get("score", ((), ()))
    known = [
        (score, -step) for step, score in zip(steps, scores, strict=True) if np.isfinite(score)
    ]
    return (-max(known)[1], "weights kept") if known else None


def said(name: str) -> str:
    """Return a loss's name in words."""
    return name.replace("_", " ")


def answers(reading: Reading) -> Markup | None:
    """Return how the answers lie: curves and confusion, or Dice of each case."""
    return dice(reading) if reading.segmentation else classes(reading)


def dice(reading: Reading) -> Markup | None:
    """Return each case's Dice and surface distance, by class."""
    found = reading.measured("dice")
    if not found or not reading.rows:
        return None
    shown = [
        figure(
            show.svg(show.strip(found, y="Dice")),
            f"Dice of each of {len(reading.rows)} cases for {', '.join(found)}.",
            "Each dot is a case; the line is the median. Cases without the class in truth and "
            "prediction have no Dice and are counted as without.",
            title="Dice of each case",
        )
    ]
    distances = reading.measured("hd95")
    if any(np.isfinite(values).any() for values in distances.values()):
        shown.append(
            figure(
                show.svg(show.strip(distances, y=f"HD95 ({reading.unit})", limits=None)),
                f"95th percentile of the surface distance of each of {len(reading.rows)} cases.",
                "How far the outlines are apart, but for the worst 5 %. Cases where only one of "
                "truth and prediction is there are counted as without.",
                title="Surface distance of each case",
            )
        )
    return section("Case by case", figures(*shown))


def classes(reading: Reading) -> Markup | None:
    """Return ROC, precision-recall, confusion and reliability of a classifier."""
    questions = questions_of(reading)
    known = reading.truths >= 0
    counts = {name: int((truths == 1).sum()) for name, (_, truths) in questions.items()}
    asked = ", ".join(f"{name} ({count})" for name, count in counts.items())
    both = {
        name: (shares, truths)
        for name, (shares, truths) in questions.items()
        if {0, 1} <= set(truths.tolist())
    }
    shown = []
    if both:
        first = dict(list(both.items())[:3])
        bands = {name: roc_band(*pair, reading.patients) for name, pair in first.items()}
        there = {name: band for name, band in bands.items() if band is not None}
        about = "Shaded: where 95 % of redrawn sets of patients have it." if there else ""
        shown += [
            figure(
                show.svg(show.roc(both, bands=there)), f"ROC curves of {asked}.",
                f"Positives: {asked}. {about}", title="ROC",
            ),
            figure(
                show.svg(show.precision_recall(both)), f"Precision-recall curves of {asked}.",
                "Dotted: the share of cases that have it, which chance reaches.",
                title="Precision and recall",
            ),
        ]  # fmt: skip
    if not reading.multilabel and len(reading.classes) <= 30 and known.all():
        table = np.zeros((len(reading.classes),) * 2, int)
        np.add.at(table, (reading.truths.argmax(1), decided(reading)), 1)
        shown.append(
            figure(
                show.svg(show.confusion(table, reading.classes)),
                f"Confusion matrix; rows are the truth: {table.tolist()}.",
                "Each row is a true class: how many of its cases were given which answer.",
                title="Confusion",
            )
        )
    if both:
        shown.append(
            figure(
                show.svg(show.reliability(both)), "Reliability diagram.",
                "Above the diagonal the class is more frequent than the model said, below it "
                "rarer; on it, its probabilities are true. Dots grow with the number of cases.",
                title="Are its probabilities true?",
            )
        )  # fmt: skip
    return section("Answers", figures(*shown)) if shown else None


def questions_of(reading: Reading) -> "dict[str, show.answers.Question]":
    """Return shares and truths by class; of two classes the second's, as papers give it."""
    every = list(range(len(reading.classes)))
    some = every[1:] if len(every) == 2 and not reading.multilabel else every
    return {reading.classes[k]: (reading.shares[:, k], reading.truths[:, k]) for k in some}


def decided(reading: Reading) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return the class that each case was given."""
    shares = reading.shares
    return (shares[:, 1] >= 0.5).astype(np.int64) if shares.shape[1] == 2 else shares.argmax(1)
