"""What fine-tuning minimises and how it looks at itself: classes, or voxels."""

from abc import ABC, abstractmethod
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
from genesis_hub.infer.segment import segment
from genesis_hub.infer.settings import Settings
from genesis_hub.infer.vectors import vectors
from genesis_hub.infer.windows import PRECISIONS
from genesis_hub.models import HubModel
from genesis_hub.tuning.augment import Augment, apply, draw, limits
from genesis_hub.tuning.features import Remembered, answered, given
from genesis_hub.tuning.items import Samples
from genesis_hub.tuning.parts import groups_of, parted, stages, still
from genesis_hub.tuning.recalibrate import recalibrate
from genesis_hub.tuning.slices import as_slices, as_volumes, for_slices


class Supervised(ABC):
    """Shared by both: augmentation, what is trained, and statistics made anew before a look.

    seen: some training batches, to make batch-norm statistics of; none leaves them as they are.
    """

    monitor = "score"
    better = "higher"

    def __init__(
        self,
        model: HubModel,
        *,
        augment: Augment | None,
        validation: Samples | None,
        settings: Settings,
        device: torch.device,
        classes: Sequence[str],
        multilabel: bool = False,
        freeze: bool = False,
        cache: bool = False,
        layer_decay: float = 1.0,
        unfreeze: Sequence[int] = (),
        class_weights: Tensor | None = None,
        label_smoothing: float = 0.0,
        seen: Sequence[Batch] = (),
    ) -> None:
        self.model = model
        self.augment, self.validation = augment, validation
        self.settings, self.device = settings, device
        self.classes, self.multilabel = tuple(classes), multilabel
        self.freeze, self.layer_decay = freeze, layer_decay
        # With a cache, batches hold what the encoder says instead of images.
        self.known = Remembered(model) if cache else None
        self.unfreeze, self.class_weights = tuple(unfreeze), class_weights
        self.label_smoothing = label_smoothing
        self.seen = seen
        self.ends: Any = None
        if augment is not None:
            inputs = model.inputs
            bounded = inputs.facts.scale or inputs.facts.clip is not None
            self.ends = limits(inputs) if bounded else None

    @abstractmethod
    def losses(self, model: nn.Module, batch: Batch, draw: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of a batch."""

    @abstractmethod
    def complaint(self, measures: list[dict[str, float]]) -> str:
        """Return what is hopelessly wrong, or nothing."""

    @abstractmethod
    def validate(self, model: nn.Module) -> Mapping[str, float]:
        """Return measures on the validation cases."""

    def groups(self) -> list[dict[str, Any]]:
        """Return what learns: head and decoder at the full rate, the encoder's stages at less."""
        return groups_of(self.model, freeze=self.freeze, layer_decay=self.layer_decay)

    def begin_epoch(self, epoch: int) -> None:
        """Set which of the encoder's stages are trained in an epoch."""
        if not self.unfreeze:
            return
        encoder, _ = parted(self.model)
        for depth, names in enumerate(reversed(stages(list(encoder)))):
            begin = self.unfreeze[min(depth, len(self.unfreeze) - 1)]
            for name in names:
                encoder[name].requires_grad_(epoch >= begin)

    def after_step(self, progress: float) -> None:  # noqa: B027 - a method may do nothing here
        """Do nothing: no teacher follows a step."""

    def shown(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a batch as the network sees it: augmented, on its device."""
        still(self.model, freeze=self.freeze)
        image, label = batch["image"], batch["label"]
        if self.augment is None:
            return image, label
        dense = label if label.ndim > 2 else None
        low, high = self.ends if self.ends is not None else (0.0, 1.0)
        sliced, depth = image.ndim == 5 and self.model.entry.ndim == 2, image.shape[-1]
        drawn = draw(self.augment, len(image), 2 if sliced or image.ndim == 4 else 3, generator)
        if sliced:  # Slices are pictures; all of a volume are moved alike.
            image, drawn = as_slices(image), for_slices(drawn, depth)
            dense = None if dense is None else as_slices(dense)
        image, moved = apply(
            image, drawn, dense, low=low, high=high, fill="edge", clip=self.ends is not None
        )
        if sliced:
            image = as_volumes(image, depth)
            moved = None if moved is None else as_volumes(moved, depth)
        return image, label if moved is None else moved

    def ready(self) -> None:
        """Make batch-norm statistics of training images, as many as there are."""
        if self.seen and not self.freeze:
            batches = [[part.to(self.device) for part in given(batch)] for batch in self.seen]
            recalibrate(self.model, batches)


class Classification(Supervised):
    """One of K classes, or K questions of yes and no."""

    def losses(self, model: nn.Module, batch: Batch, draw: torch.Generator) -> dict[str, Tensor]:
        logits, label = self.logits(model, batch, draw)
        if self.multilabel:
            total = losses.binary(
                logits, label, positive_weight=self.class_weights,
                label_smoothing=self.label_smoothing,
            )  # fmt: skip
        else:
            total = losses.cross_entropy(
                logits, label, weight=self.class_weights, label_smoothing=self.label_smoothing
            )
        return {"total": total}

    def logits(
        self, model: nn.Module, batch: Batch, draw: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return what the network says of a batch, and its labels."""
        image, label = self.shown(batch, draw)
        _, *lengths = given(batch)
        if self.known is None:
            return model(image, *lengths), label
        kind = PRECISIONS[self.settings.precision]
        with torch.autocast(image.device.type, dtype=kind, enabled=bool(kind)):
            return answered(self.model, image, *lengths).float(), label

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
        found = classification_metrics(
            shares, labels, multilabel=self.multilabel, classes=self.classes
        )
        score = found.get("auc", float("nan"))
        if np.isnan(score):
            score = -found["log_loss"]  # One class only: no curve to speak of.
        few = ("auc", "accuracy", "f1", "log_loss")
        spread = float(shares.std(0).max()) if len(shares) > 1 else 1.0
        return {
            "score": score,
            "spread": spread,
            **{name: found[name] for name in few if name in found},
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


class Segmentation(Supervised):
    """The class of each voxel: Dice and cross-entropy."""

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
        dice = losses.soft_dice(logits, label, kind="softmax")
        entropy = losses.cross_entropy(
            logits, label, weight=self.class_weights, label_smoothing=self.label_smoothing
        )
        return {"total": dice + entropy, "dice_loss": dice, "cross_entropy": entropy}

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
        return {"score": mean(list(found.values())), **found}

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
