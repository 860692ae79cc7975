"""timm's and smp's own models with the hub's methods on them: adopted, not wrapped."""

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from genesis_hub.errors import BadInput
from genesis_hub.models import HubModel, OnEncoder
from genesis_hub.networks.heads import DROPOUT, classification_head
from genesis_hub.networks.info import encoder_info
from genesis_hub.networks.planar import narrower, timm_facts, timm_keys
from genesis_hub.networks.shapes import check_size, check_volume
from genesis_hub.networks.table import ARCHITECTURES


class Adopted(HubModel):
    """Mixed into a library's class. The model stays what it was: same type, same tensors."""

    # Set by `adopt`: the class of timm or smp that the model is an instance of.
    library_class: type[nn.Module]

    def __reduce__(self) -> Any:
        # The mixed class is made at run time: pickle the library's class and adopt again.
        return _revive, (type(self).__mro__[1], self.library_class), self.__dict__

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Run the library's own forward, after a look at the input."""
        check_volume(x, channels=self.in_channels, stride=(1, 1))
        check_size(x, self.spec.size)
        return super().forward(x, *args, **kwargs)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Keep fewer activations in training and compute them again in the backward."""
        encoder = getattr(self, "encoder", self)
        for owner in (super(HubModel, self), getattr(encoder, "model", None), encoder):
            method = getattr(owner, "set_grad_checkpointing", None)
            if owner is not self and method is not None:
                method(enable)
                return
        network = getattr(encoder, "network", encoder)
        if not hasattr(network, "grad_checkpointing"):
            raise BadInput(f"{self.library_class.__name__} has no gradient checkpointing")
        network.grad_checkpointing = enable


class AdoptedTimm(Adopted):
    """Shared by timm's networks: plain timm reads their folders."""

    def library_config(self) -> dict[str, Any]:
        """Return timm's layout of `config.json`.

        A stem of another stride cannot be told to timm, so such a network names no architecture
        and plain timm refuses the folder instead of giving other features; so do heads that timm
        does not have, and pyramids that lack a tensor of the whole network.
        """
        row = ARCHITECTURES[self.spec.architecture]
        if row.stem_stride is not None or row.timm is None or self.spec.head != "linear":
            return {}
        if self.spec.grade or self.spec.pooling is not None:
            return {}
        if self.spec.features_only and not timm_keys(row.timm) <= self.state_dict().keys():
            return {}
        config = {
            "architecture": row.timm,
            "num_classes": self.spec.num_classes,
            "num_features": self.num_features,
            "pretrained_cfg": {**self.pretrained_cfg, "num_classes": self.spec.num_classes},
        }
        narrow = narrower(row.timm, self.spec.width)
        return {**config, "model_args": narrow} if narrow else config


class AdoptedClassifier(AdoptedTimm):
    """A whole timm network, headless or with a classifier."""

    num_features: int

    def reset_classifier(self, num_classes: int, *args: Any, **kwargs: Any) -> None:
        """Put a fresh linear classifier in place, as timm does, and remember it."""
        row = ARCHITECTURES[self.spec.architecture]
        if self.spec.pooling is None or row.timm is None:
            super().reset_classifier(num_classes, *args, **kwargs)  # type: ignore[misc]
        else:  # timm's own would go back to its usual pooling.
            weight = next(self.parameters())
            head = classification_head("linear", self.num_features, num_classes)
            head = nn.Sequential(nn.Flatten(), head).to(weight.device, weight.dtype)
            self.set_submodule(timm_facts(row.timm)["classifier"], head)
            self.num_classes = num_classes
        self.spec = replace(
            self.spec.with_classes(num_classes), head="linear", dropout=DROPOUT, grade=False
        )
        self.note_shapes()


class AdoptedPyramid(AdoptedTimm):
    """A timm network that gives its feature maps."""

    @property
    def num_classes(self) -> int:
        """Classes it answers with; none for a pyramid."""
        return self.spec.num_classes

    @property
    def num_features(self) -> int:
        """Channels of the last map."""
        return encoder_info(self).channels()[-1]

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the last feature map."""
        last: Tensor = self(x)[-1]
        return last


class AdoptedSegmenter(Adopted, OnEncoder):
    """An smp model."""

    segmentation_head: nn.Sequential
    requires_divisible_input_shape: bool

    def get_classifier(self) -> nn.Module:
        """Return the output layer."""
        return self.segmentation_head

    def reset_classifier(self, num_classes: int) -> None:
        """Put a fresh output layer in place of the last convolution."""
        old = self.segmentation_head[0]
        assert isinstance(old, nn.Conv2d)
        fresh = nn.Conv2d(old.in_channels, num_classes, kernel_size=3, padding=1)
        self.segmentation_head[0] = fresh.to(old.weight.device, old.weight.dtype)
        self.spec = self.spec.with_classes(num_classes)
        self.note_shapes()

    def check_input_shape(self, x: Tensor) -> None:
        """Hold the size against the stride, where smp's own decoder needs it to fit."""
        if self.requires_divisible_input_shape:
            stride: int = self.encoder.output_stride  # type: ignore[assignment]
            check_volume(x, channels=self.in_channels, stride=(stride, stride))


def adopt(network: nn.Module, role: type[Adopted]) -> HubModel:
    """Make a timm or smp model one of the hub's, without wrapping it or moving a tensor."""
    network.__class__ = _mixed(role, type(network))
    assert isinstance(network, HubModel)
    return network


_MIXED: dict[tuple[type[Adopted], type[nn.Module]], type[nn.Module]] = {}


def _mixed(role: type[Adopted], base: type[nn.Module]) -> type[nn.Module]:
    if (role, base) not in _MIXED:
        _MIXED[role, base] = type(base.__name__, (role, base), {"library_class": base})
    return _MIXED[role, base]


def _revive(role: type[Adopted], base: type[nn.Module]) -> nn.Module:
    # Neither library's constructor runs: the state that follows brings everything.
    network: nn.Module = object.__new__(_mixed(role, base))
    return network
