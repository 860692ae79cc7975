"""What a frozen encoder says of each case, computed once: a step is then one of the head alone."""

from collections.abc import Callable

import torch
from torch import Tensor

from genesis_hub.engine.feed import stacked
from genesis_hub.engine.objective import Batch
from genesis_hub.errors import BadInput
from genesis_hub.infer.precision import computing
from genesis_hub.infer.settings import Settings
from genesis_hub.models import HubModel
from genesis_hub.tuning.items import WholeItems
from genesis_hub.tuning.slices import SliceItems
from genesis_hub.volumes import VolumeClassifier

KNOWN = "known"  # Where a batch holds what the encoder says beside the image.


def embedded(model: HubModel, *given: Tensor) -> Tensor:
    """Return what the head is given: one vector per case, or one per slice for a recurrence."""
    if isinstance(model, VolumeClassifier):
        return model.forward_features(*given)
    network: Callable[..., Tensor] = model.forward_head  # type: ignore[assignment]
    return network(model.forward_features(*given), pre_logits=True)  # type: ignore[operator]


def answered(model: HubModel, features: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return the head's logits for what `embedded` gave."""
    if isinstance(model, VolumeClassifier):
        return model.forward_head(features, lengths)
    head: Callable[[Tensor], Tensor] = model.get_classifier()  # type: ignore[operator]
    return head(features)


class FeatureItems:
    """Items whose image is what the encoder says of it; each is computed when this is made.

    later: the encoder learns later on, so that images come along, and features beside them.
    Nothing is kept in the run's folder: a run that goes on computes it again from the encoder
    that its checkpoint holds, so it is never stale.
    """

    def __init__(
        self,
        items: WholeItems | SliceItems,
        model: HubModel,
        settings: Settings,
        device: torch.device,
        *,
        later: bool = False,
    ) -> None:
        self.source = items if later else None
        for index, case in enumerate(items.samples.cases):
            if items.varies(index):
                raise BadInput(
                    f"cache=true, but case {case.name!r} is larger than size={items.size}, and "
                    "each step would see another part of it; give a size that holds every case, "
                    "or leave cache away"
                )
        self.items: list[Batch] = []
        model.eval()
        for at in range(0, len(items), settings.batch_size):
            some = range(at, min(at + settings.batch_size, len(items)))
            read = [items.item(index, 0) for index in some]
            batch = {name: part.to(device) for name, part in stacked(read).items()}
            with torch.no_grad(), computing(settings.precision, device):
                features = embedded(model, *given(batch))
            for item, row in zip(read, features.float().cpu(), strict=True):
                place = KNOWN if later else "image"
                self.items.append({**({} if later else item), place: row.clone()})

    def __len__(self) -> int:
        return len(self.items)

    def item(self, index: int, seed: int) -> Batch:
        if self.source is None:
            return self.items[index]
        return {**self.source.item(index, seed), **self.items[index]}


class Remembered:
    """A network that runs its frozen encoder the first time it looks at cases, then only its head.

    `begin` is told which cases come; they must bring the same batches each time.
    """

    def __init__(self, model: HubModel) -> None:
        self.model = model
        self.seen: dict[int, list[Tensor]] = {}
        self.cases = self.at = 0

    def begin(self, cases: int) -> None:
        """Look at some cases, named by a number, from their first batch on."""
        self.cases, self.at = cases, 0

    def __call__(self, x: Tensor) -> Tensor:
        seen = self.seen.setdefault(self.cases, [])
        if self.at == len(seen):
            seen.append(embedded(self.model, x))
        self.at += 1
        return answered(self.model, seen[self.at - 1])


def given(batch: Batch) -> tuple[Tensor, ...]:
    """Return what a network is given of a batch: images, and the lengths of volumes of slices."""
    return (batch["image"], batch["length"]) if "length" in batch else (batch["image"],)
