"""What fine-tuning minimises and how it looks at itself: classes, or voxels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genesis_hub import losses
from genesis_hub.engine.objective import Batch
from genesis_hub.evaluate import classification_metrics
from genesis_hub.evaluate.overlap import overlap
from genesis_hub.infer.networks import probabilities
from genesis_hub.infer.precision import computing
from genesis_hub.infer.segment import segment
from genesis_hub.infer.vectors import vectors
from genesis_hub.tuning.crops import crops_of
from genesis_hub.tuning.features import KNOWN, answered, given
from genesis_hub.tuning.items import Samples
from genesis_hub.tuning.supervised import DEFAULT, Supervised
from genesis_hub.tuning.uncertain import settled


class Classification(Supervised):
    """One of K classes, or K questions of yes and no.

    uncertain: what a label of -1 counts as in training. tested: the labels that validation goes by,
    all if none are named. select: the measure that the best weights are chosen by. ten_crop: the
    side of a picture that is tested by ten crops of it; 0 tests it whole.
    """

    uncertain = "unknown"
    tested: tuple[str, ...] = ()
    select = "score"
    ten_crop = 0

    def losses(self, model: nn.Module, batch: Batch, draw: torch.Generator) -> dict[str, Tensor]:
        logits, label = self.logits(model, batch, draw)
        if self.multilabel:
            label = settled(label, self.uncertain, draw)
        if self.loss != DEFAULT:
            total = self.named(logits, label)
        elif self.multilabel:
            total = losses.binary(
                logits, label, positive_weight=self.class_weights,
                label_smoothing=self.label_smoothing,
            )  # fmt: skip
        else:
            total = losses.cross_entropy(
                logits, label, weight=self.class_weights, label_smoothing=self.label_smoothing
            )
        return {"total": total, **self.told(logits, label)}

    def logits(
        self, model: nn.Module, batch: Batch, draw: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return what the network says of a batch, and its labels."""
        image, label = self.shown(batch, draw)
        _, *lengths = given(batch)
        if self.known is None:
            return model(image, *lengths), label
        with computing(self.settings.precision, image.device):
            return answered(self.model, batch.get(KNOWN, image), *lengths).float(), label

    def complaint(self, measures: list[dict[str, float]]) -> str:
        """Name a network that says the same of every case, three looks in a row."""
        last = measures[-3:]
        if len(last) < 3 or any(one["spread"] > 1e-5 for one in last):
            return ""
        return (
            "every case gets the same answer, and has for three validations: the network has "
            "collapsed; lower lr, take balanced=true or class_weights=true, or look at the images"
        )

    def validate(self, model: nn.Module) -> Mapping[str, float]:
        if self.validation is None or not len(self.validation):
            return {}
        self.ready()
        shares = self.shares(self.validation)
        labels = np.stack([self.validation.label(k).numpy() for k in range(len(shares))])
        kept = [self.classes.index(name) for name in self.tested or self.classes]
        if self.tested:
            shares, labels = shares[:, kept], labels[:, kept]
        found = classification_metrics(
            shares, labels, multilabel=self.multilabel, classes=[self.classes[k] for k in kept]
        )
        score = found.get("auc", float("nan"))
        if self.select == "log_loss" or np.isnan(score):  # NaN: one class only, no curve.
            score = -found["log_loss"]
        few = ("auc", "accuracy", "f1", "log_loss")
        spread = float(shares.std(0).max()) if len(shares) > 1 else 1.0
        return {
            "score": score,
            "spread": spread,
            **{name: found[name] for name in few if name in found},
            **self.looked_at(),
        }

    def shares(self, samples: Samples) -> "np.ndarray[Any, Any]":
        """Return the probabilities (N, K) of cases, as `predict` gives them."""

        def finish(logits: Tensor) -> Tensor:
            return probabilities(logits, multilabel=self.multilabel)

        known = self.known if samples is self.validation else None
        network = known or self.model
        at_once = self.settings.batch_size if self.model.entry.ndim == 2 else 1
        rows: list[Tensor] = []
        for at in range(0, len(samples), at_once):
            some = [samples[k].ready for k in range(at, min(at + at_once, len(samples)))]
            if known is not None:
                known.begin(at)
            rows += vectors(self.model, network, finish, some, self.settings, self.device)
        return np.stack([row.mean(0).numpy() for row in rows])

    def asked(self, samples: Samples) -> "np.ndarray[Any, Any]":
        """Return the probabilities (N, K) that are scored: by ten crops where that is asked for."""
        if not self.ten_crop:
            return self.shares(samples)
        size = self.model.inputs.facts.size[:2]
        rows = []
        for index in range(len(samples)):
            crops = crops_of(samples[index].ready, self.ten_crop, size).to(self.device)
            with torch.inference_mode(), computing(self.settings.precision, crops.device):
                logits = self.model(crops)
            each = probabilities(logits.float(), multilabel=self.multilabel)
            rows.append(each.mean(0).cpu().numpy())
        return np.stack(rows)


class Segmentation(Supervised):
    """The class of each voxel: Dice and cross-entropy, or a loss by its published name."""

    def complaint(self, measures: list[dict[str, float]]) -> str:
        """Name a network that finds nothing at all, five looks in a row."""
        last = measures[-5:]
        if len(last) < 5 or any(one["score"] > 0 for one in last):
            return ""
        return (
            "nothing is found in any case, and was not for five validations; lower lr, raise "
            "foreground= (the share of patches with something in them), or look at the labels"
        )

    def losses(self, model: nn.Module, batch: Batch, draw: torch.Generator) -> dict[str, Tensor]:
        image, label = self.shown(batch, draw)
        logits = model(image)
        if self.loss != DEFAULT:
            return {"total": self.named(logits, label), **self.told(logits, label)}
        dice = losses.soft_dice(logits, label, kind="softmax")
        entropy = losses.cross_entropy(
            logits, label, weight=self.class_weights, label_smoothing=self.label_smoothing
        )
        told = {"dice_loss": dice, "cross_entropy": entropy, **self.told(logits, label)}
        return {"total": dice + entropy, **told}

    def validate(self, model: nn.Module) -> Mapping[str, float]:
        if self.validation is None or not len(self.validation):
            return {}
        self.ready()
        rows = [self.dice(self.validation, index) for index in range(len(self.validation))]
        found = {
            f"dice_{name}": mean([row[number] for row in rows])
            for number, name in enumerate(self.classes)
            if number
        }
        return {"score": mean(list(found.values())), **found, **self.looked_at()}

    def dice(self, samples: Samples, index: int) -> list[float]:
        """Return each class's Dice in one case."""
        sample = samples[index]
        assert sample.truth is not None
        answer = segment(self.model, sample.ready, self.settings, self.device)
        truth = sample.ready.back(sample.truth[None])[0]
        return [
            overlap(answer.labels == number, truth == number).dice
            for number in range(len(self.classes))
        ]


def mean(values: Sequence[float]) -> float:
    """Return the mean of what is a number; NaN where nothing is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
