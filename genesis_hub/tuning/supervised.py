"""What all fine-tuning shares: augmentation, what is trained, statistics anew before a look."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genesis_hub import losses
from genesis_hub.engine.feed import stacked
from genesis_hub.engine.objective import Batch, Items
from genesis_hub.infer.networks import in_plane
from genesis_hub.infer.settings import Settings
from genesis_hub.models import HubModel
from genesis_hub.tuning.augment import Augment, apply, draw, limits
from genesis_hub.tuning.features import Remembered, given
from genesis_hub.tuning.items import Samples
from genesis_hub.tuning.measures import measured
from genesis_hub.tuning.parts import groups_of, parted, still, trained_in
from genesis_hub.tuning.recalibrate import recalibrate
from genesis_hub.tuning.slices import as_slices, as_volumes, for_slices

DEFAULT = "default"


class Supervised(ABC):
    """Shared by classification and segmentation.

    seen: some training batches, to make batch-norm statistics of; none leaves them as they are.
    size: that pictures are brought to after augmentation, where they are held larger.
    loss: one of the published names, or "default"; loss_weights: how much each class counts in it.
    """

    monitor = "score"
    better = "higher"
    # Published metrics that are told of each batch, and the items that validation tells them of.
    metrics: tuple[str, ...] = ()
    looks: Items | None = None

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
        size: Sequence[int] = (),
        loss: str = DEFAULT,
        loss_weights: Sequence[float] = (),
    ) -> None:
        self.model = model
        self.augment, self.validation = augment, validation
        self.settings, self.device = settings, device
        self.classes, self.multilabel = tuple(classes), multilabel
        self.freeze, self.layer_decay = freeze, layer_decay
        # With a cache, batches hold what the encoder says instead of images.
        self.known = Remembered(model) if cache else None
        self.unfreeze, self.class_weights = tuple(unfreeze), class_weights
        self.frozen = freeze  # Now, that is: no stage of the encoder is trained.
        self.label_smoothing = label_smoothing
        self.seen, self.size = seen, tuple(size)
        self.loss = loss
        given = () if loss == DEFAULT else losses.weights_for(loss, len(classes), loss_weights)
        self.loss_weights = torch.tensor(given, device=device) if given else None
        self.ends: Any = None
        if augment is not None:
            inputs = model.inputs
            bounded = inputs.facts.scale or inputs.facts.clip is not None
            self.ends = limits(inputs) if bounded else None

    @abstractmethod
    def losses(self, model: nn.Module, batch: Batch, draw: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of a batch."""

    def named(self, logits: Tensor, label: Tensor) -> Tensor:
        """Return the published loss that was asked for."""
        if self.model.spec.grade:
            return losses.graded_mse(logits, label)
        kind: losses.Kind = "sigmoid" if self.multilabel else "softmax"
        return losses.published(self.loss, logits, label, kind=kind, weight=self.loss_weights)

    def told(self, logits: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Return the metrics of a batch that were asked for."""
        grade = self.model.spec.grade
        return measured(self.metrics, logits, label, multilabel=self.multilabel, grade=grade)

    def looked_at(self) -> dict[str, float]:
        """Return loss and metrics of the validation items, none of them augmented."""
        if not self.metrics or not self.looks:
            return {}
        sums: dict[str, float] = defaultdict(float)
        count, at_once = len(self.looks), self.settings.batch_size
        augment, self.augment = self.augment, None
        try:
            for at in range(0, count, at_once):
                keys = range(at, min(at + at_once, count))
                batch = stacked([self.looks.item(key, key) for key in keys])
                batch = {name: part.to(self.device) for name, part in batch.items()}
                draw = torch.Generator().manual_seed(at)
                for name, value in self.losses(self.model, batch, draw).items():
                    sums["loss" if name == "total" else name] += float(value) * len(keys)
        finally:
            self.augment = augment
        return {name: value / count for name, value in sums.items()}

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
        trained = trained_in(epoch, self.unfreeze, list(encoder))
        for name, parameter in encoder.items():
            parameter.requires_grad_(name in trained)
        self.frozen = not trained
        if trained:
            self.known = None

    def after_step(self, progress: float) -> None:  # noqa: B027 - a method may do nothing here
        """Do nothing: no teacher follows a step."""

    def shown(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a batch as the network sees it: augmented, on its device."""
        still(self.model, freeze=self.frozen)
        image, label = batch["image"], batch["label"]
        if self.augment is None:
            return self.sized(image), label
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
        return self.sized(image), label if moved is None else moved

    def sized(self, image: Tensor) -> Tensor:
        """Return pictures at the size that the network sees."""
        return in_plane(image, self.size) if self.size else image

    def ready(self) -> None:
        """Make batch-norm statistics of training images, as many as there are."""
        if self.seen and not self.freeze:
            batches = [[part.to(self.device) for part in given(batch)] for batch in self.seen]
            batches = [[self.sized(image), *rest] for image, *rest in batches]
            recalibrate(self.model, batches)
