"""What a run leaves: measures on the cases it did not learn from, and what it said of each."""

import json
from collections.abc import Mapping, Sequence
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
    ClassScores,
    Interval,
    Sample,
    classification_metrics,
    classified,
    intervals,
    pooled,
    segmentation_metrics,
    segmented,
)
from genesis_hub.infer.segment import segment
from genesis_hub.tuning.confusions import confusion, write_confusions
from genesis_hub.tuning.items import Samples
from genesis_hub.tuning.objectives import Classification, mean
from genesis_hub.tuning.predictions import Table, of_scores, of_shares
from genesis_hub.tuning.supervised import Supervised


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
    if not len(samples["val"]):
        objective.ready()  # As before every look; nothing was looked at before.
    objective.model.eval()
    if isinstance(objective, Classification):
        table, found, kinds = of_classifier(objective, samples[split], cases)
    else:
        table, found, kinds = of_segmenter(objective, samples[split], cases, folder)
    metrics = {
        "split": split,
        "cases": len(samples[split]),
        "steps": standing.step,
        "finished": standing.finished,
        **found,
        **with_intervals(kinds, seed),
        "validation": standing.measures,
    }
    table.write(folder)
    with new_file(folder / "metrics.json") as aside:
        aside.write_text(json.dumps(told(metrics), indent=2) + "\n", encoding="utf-8")
    return metrics


def of_classifier(
    objective: Classification, samples: Samples, cases: CaseList
) -> tuple[Table, dict[str, Any], dict[str, Sample]]:
    """Return what was said of each case, the measures over all, and what they follow from."""
    classes = list(cases.classes)
    shares = objective.asked(samples)
    labels = np.stack([samples.label(k).numpy() for k in range(len(samples))])
    found = classification_metrics(
        shares, labels, multilabel=cases.multilabel, classes=cases.classes
    )
    patients = [case.patient for case in samples.cases]
    kinds: dict[str, Sample] = {
        "": classified(
            shares, labels, patients=patients, multilabel=cases.multilabel, classes=cases.classes
        )
    }
    beside: dict[str, Any] = {"ten_crop": objective.ten_crop} if objective.ten_crop else {}
    if objective.tested:
        known = [found[f"auc/{name}"] for name in objective.tested]
        beside |= {"tested": list(objective.tested), "tested_auc": mean(known)}
        kept = [classes.index(name) for name in objective.tested]
        few = classified(
            shares[:, kept], labels[:, kept], patients=patients, multilabel=True,
            classes=objective.tested,
        )  # fmt: skip
        kinds["tested_"] = few.narrowed(["auc"])
    return of_shares(samples.cases, shares, cases), {**found, **beside}, kinds


def of_segmenter(
    objective: Supervised, samples: Samples, cases: CaseList, folder: Path
) -> tuple[Table, dict[str, Any], dict[str, Sample]]:
    """Return the scores of each case, the measures over all, and what they follow from.

    Which class was taken for which is left in the run's folder.
    """
    records, taken = [], []
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
        taken.append(confusion(truth, answer.labels, len(cases.classes)))
    write_confusions(folder, samples.cases, taken, cases.classes)
    found = {name: asdict(scores) for name, scores in pooled(records).items()}
    patients = [case.patient for case in samples.cases]
    return (
        of_scores(samples.cases, records),
        {"classes": found, **dices(records)},
        {"": segmented(records, patients=patients)},
    )


def with_intervals(kinds: Mapping[str, Sample], seed: int) -> dict[str, Any]:
    """Return the interval of each number by name, and how they came about.

    kinds: what numbers follow from, by how their names begin. Those by class stand as "auc/nodule",
    "dice/liver".
    """
    found: dict[str, Interval] = {}
    for kind, sample in kinds.items():
        draw = np.random.Generator(np.random.PCG64(seed))
        own = intervals(sample, draw=draw)
        found |= {f"{kind}{name}": one for name, one in own.items() if not kind or "/" not in name}
    return {
        "intervals": {name: [one.low, one.high] for name, one in found.items()},
        "resampling": {
            "level": 0.95, "method": METHOD, "resamples": RESAMPLES, "seed": seed,
            "patients": kinds[""].patients,
            "undefined": {name: one.undefined for name, one in found.items() if one.undefined},
        },
    }  # fmt: skip


def dices(records: Sequence[Mapping[str, ClassScores]]) -> dict[str, float]:
    """Return Dice as papers give it, each the mean over classes.

    dice: the mean over cases, those without a class in truth and answer left out. dice_with_empty:
    the same, such cases counting 1. pooled_dice: of the pixels of all cases together. Where most
    masks are empty they differ enormously.
    """
    found, with_empty = pooled(records), pooled(records, empty="one")
    return {
        "dice": mean([scores.dice for scores in found.values()]),
        "dice_with_empty": mean([scores.dice for scores in with_empty.values()]),
        "pooled_dice": mean([scores.pooled_dice for scores in found.values()]),
    }


def told(value: Any) -> Any:
    """Return numbers as JSON has them: what is no number is null."""
    if isinstance(value, Mapping):
        return {key: told(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [told(part) for part in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
