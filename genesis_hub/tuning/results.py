"""What a run leaves: measures on the cases it did not learn from, and what it said of each."""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from genesis_hub.atomic import new_file
from genesis_hub.data.cases import CaseList
from genesis_hub.engine.checkpoint import Standing
from genesis_hub.evaluate import classification_metrics, pooled, segmentation_metrics
from genesis_hub.infer.segment import segment
from genesis_hub.tuning.items import Samples
from genesis_hub.tuning.objectives import Classification, Supervised


def write_results(
    folder: Path,
    objective: Supervised,
    samples: Mapping[str, Samples],
    cases: CaseList,
    standing: Standing,
) -> dict[str, Any]:
    """Write metrics.json and predictions.csv; return the metrics.

    They are of the test cases, or of the validation cases where there are no others, and say so.
    """
    split = next((name for name in ("test", "val") if len(samples[name])), "train")
    objective.model.eval()
    if isinstance(objective, Classification):
        header, rows, found = classified(objective, samples[split], cases)
    else:
        header, rows, found = segmented(objective, samples[split], cases)
    metrics = {
        "split": split,
        "cases": len(samples[split]),
        "steps": standing.step,
        "finished": standing.finished,
        **found,
        "validation": standing.measures,
    }
    with new_file(folder / "predictions.csv") as aside, aside.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)
    with new_file(folder / "metrics.json") as aside:
        aside.write_text(json.dumps(told(metrics), indent=2) + "\n", encoding="utf-8")
    return metrics


def classified(
    objective: Classification, samples: Samples, cases: CaseList
) -> tuple[list[str], list[list[Any]], dict[str, Any]]:
    """Return a row for each case, and the measures over all."""
    shares = objective.shares(samples)
    labels = np.stack([samples.label(k).numpy() for k in range(len(samples))])
    found = classification_metrics(
        shares, labels, multilabel=cases.multilabel, classes=cases.classes
    )
    rows = []
    for case, row in zip(samples.cases, shares, strict=True):
        label = case.label
        name = cases.classes[label] if isinstance(label, int) else json.dumps(label)
        rows.append([case.name, case.patient, name, *(f"{share:.6f}" for share in row)])
    return ["case", "patient", "label", *cases.classes], rows, dict(found)


def segmented(
    objective: Supervised, samples: Samples, cases: CaseList
) -> tuple[list[str], list[list[Any]], dict[str, Any]]:
    """Return a row for each case, and the measures over all."""
    records, rows = [], []
    for index, case in enumerate(samples.cases):
        sample = samples[index]
        assert sample.truth is not None
        answer = segment(objective.model, sample.ready, objective.settings, objective.device)
        truth = sample.ready.back(sample.truth[None])[0]
        spacing = sample.ready.image.spacing or (1.0,) * truth.ndim
        record = segmentation_metrics(
            answer.labels, truth, classes=cases.classes, spacing=spacing[: truth.ndim]
        )
        records.append(record)
        scores = [(scores.dice, scores.hd95) for scores in record.values()]
        rows.append([case.name, case.patient, *(f"{v:.6g}" for pair in scores for v in pair)])
    names = list(records[0])
    header = ["case", "patient"]
    header += [f"{measure}_{name}" for name in names for measure in ("dice", "hd95")]
    found = {name: asdict(scores) for name, scores in pooled(records).items()}
    return header, rows, {"classes": found, "dice": mean_dice(found)}


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
