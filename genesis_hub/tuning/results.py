"""What a run leaves: measures on the cases it did not learn from, and what it said of each."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.atomic import new_file
from genesis_hub.data.cases import CaseList
from genesis_hub.engine.checkpoint import Standing
from genesis_hub.evaluate import (
    METHOD,
    RESAMPLES,
    Sample,
    classification_metrics,
    classified,
    intervals,
    pooled,
    segmentation_metrics,
    segmented,
)
from genesis_hub.infer.segment import segment
from genesis_hub.tuning.items import Samples
from genesis_hub.tuning.objectives import Classification, Supervised
from genesis_hub.tuning.predictions import Table, of_scores, of_shares


def write_results(
    folder: Path,
    objective: Supervised,
    samples: Mapping[str, Samples],
    cases: CaseList,
    standing: Standing,
    *,
    seed: int,
) -> dict[str, Any]:
    """Write metrics.json and predictions.csv; return the metrics.

    They are of the test cases, or of the validation cases where there are no others, and say so.
    seed: of the resamples behind the intervals.
    """
    split = next((name for name in ("test", "val") if len(samples[name])), "train")
    objective.model.eval()
    if isinstance(objective, Classification):
        table, found, sample = of_classifier(objective, samples[split], cases)
    else:
        table, found, sample = of_segmenter(objective, samples[split], cases)
    metrics = {
        "split": split,
        "cases": len(samples[split]),
        "steps": standing.step,
        "finished": standing.finished,
        **found,
        **with_intervals(sample, seed),
        "validation": standing.measures,
    }
    table.write(folder)
    with new_file(folder / "metrics.json") as aside:
        aside.write_text(json.dumps(told(metrics), indent=2) + "\n", encoding="utf-8")
    return metrics


def of_classifier(
    objective: Classification, samples: Samples, cases: CaseList
) -> tuple[Table, dict[str, Any], Sample]:
    """Return what was said of each case, the measures over all, and what they follow from."""
    shares = objective.shares(samples)
    labels = np.stack([samples.label(k).numpy() for k in range(len(samples))])
    found = classification_metrics(
        shares, labels, multilabel=cases.multilabel, classes=cases.classes
    )
    patients = [case.patient for case in samples.cases]
    sample = classified(
        shares, labels, patients=patients, multilabel=cases.multilabel, classes=cases.classes
    )
    return of_shares(samples.cases, shares, cases), dict(found), sample


def of_segmenter(
    objective: Supervised, samples: Samples, cases: CaseList
) -> tuple[Table, dict[str, Any], Sample]:
    """Return the scores of each case, the measures over all, and what they follow from."""
    records = []
    for index in range(len(samples)):
        sample = samples[index]
        assert sample.truth is not None
        answer = segment(objective.model, sample.ready, objective.settings, objective.device)
        truth = sample.ready.back(sample.truth[None])[0]
        spacing = sample.ready.image.spacing or (1.0,) * truth.ndim
        record = segmentation_metrics(
            answer.labels, truth, classes=cases.classes, spacing=spacing[: truth.ndim]
        )
        records.append(record)
    found = {name: asdict(scores) for name, scores in pooled(records).items()}
    patients = [case.patient for case in samples.cases]
    return (
        of_scores(samples.cases, records),
        {"classes": found, "dice": mean_dice(found)},
        segmented(records, patients=patients),
    )


def with_intervals(sample: Sample, seed: int) -> dict[str, Any]:
    """Return the interval of each number by name, and how they came about.

    Those by class stand as "auc/nodule", "dice/liver".
    """
    draw = np.random.Generator(np.random.PCG64(seed))
    found = intervals(sample, draw=draw)
    return {
        "intervals": {name: [one.low, one.high] for name, one in found.items()},
        "resampling": {
            "level": 0.95, "method": METHOD, "resamples": RESAMPLES, "seed": seed,
            "patients": sample.patients,
            "undefined": {name: one.undefined for name, one in found.items() if one.undefined},
        },
    }  # fmt: skip


def mean_dice(found: Mapping[str, Mapping[str, float]]) -> float:
    """Return the mean over classes of the mean Dice over cases."""
    values = [scores["dice"] for scores in found.values() if not np.isnan(scores["dice"])]
    return float(np.mean(values)) if values else float("nan")


def told(value: Any) -> Any:
    """Return numbers as JSON has them: what is no number is null."""
    if isinstance(value, Mapping):
        return {key: told(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [told(part) for part in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
