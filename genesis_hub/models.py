"""What a user holds: networks with a task, each handed its parts; all save and load alike."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genesis_hub.entry import Answers
from genesis_hub.errors import BadInput
from genesis_hub.networks.heads import classification_head, dense_head
from genesis_hub.networks.info import FeatureInfo, encoder_info
from genesis_hub.weights.folder import Contents, save_folder
from genesis_hub.weights.notice import saved_again
from genesis_hub.weights.publish import publish
from genesis_hub.weights.receipt import LoadReport

if TYPE_CHECKING:
    from genesis_hub.entry import Entry
    from genesis_hub.inputs import Inputs, Range
    from genesis_hub.spec import Spec

OF_VALUES = ("statistics", "measured")  # Of the provenance: true of the tensors as they were.


class HubModel(nn.Module):
    """What every model of the hub knows: where it comes from, what it expects, what was loaded."""

    spec: "Spec"
    entry: "Entry"
    inputs: "Inputs"
    load_report: LoadReport
    pretrained_cfg: dict[str, Any]
    # Texts that travel with the weights (NOTICE, LICENSE, seen.json), and how they were made.
    terms: dict[str, str] = {}
    provenance: dict[str, Any] = {}
    # What its classes are called, where it was fine-tuned for some.
    answers: Answers = Answers()
    # What the tensors were when the model was built: what is saved must be what can be built again.
    shapes: dict[str, tuple[int, ...]]

    @property
    def ndim(self) -> int:
        """2 for images (N, C, X, Y), 3 for volumes (N, C, X, Y, Z)."""
        return 3 if self.spec.operator else self.entry.ndim

    @property
    def in_channels(self) -> int:
        """Channels of the images it takes."""
        return self.spec.in_channels

    @property
    def default_cfg(self) -> dict[str, Any]:
        """Timm's older name of `pretrained_cfg`."""
        return self.pretrained_cfg

    def save_pretrained(self, directory: str | Path) -> Path:
        """Write the artefact that `from_pretrained(directory)` gives back bit for bit.

        Raises `BadInput` when parts were exchanged by hand, so that the folder could not be
        loaded again: `reset_classifier(num_classes)` is the way to another output layer.
        """
        tensors = self.state_dict()
        now = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        changed = sorted(name for name, _ in now.items() ^ self.shapes.items())
        if changed:
            raise BadInput(
                f"the model is not as it was built ({', '.join(dict.fromkeys(changed))}), so its "
                "folder could not be loaded; nothing was written; reset_classifier(n) puts "
                "another output layer in place, torch.save keeps a network of your own"
            )
        floats = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()}
        dtype = floats.pop() if len(floats) == 1 else torch.float32
        contents = Contents(
            entry=self.entry,
            spec=self.spec.table(),
            inputs=self.entry.inputs,
            dtype=str(dtype).removeprefix("torch."),
            tensors=tensors,
            library=self.library_config(),
            terms=saved_again(self.terms),
            # What was noted or measured of the values need not be true of them any more.
            provenance={
                **{key: kept for key, kept in self.provenance.items() if key not in OF_VALUES},
                "saved_again": True,
            },
            answers=self.answers,
        )
        return save_folder(contents, directory)

    def push_to_hub(
        self,
        repo: str,
        *,
        private: bool | None = None,
        token: str | None = None,
        revision: str | None = None,
    ) -> str:
        """Save the artefact and upload it to the Hugging Face Hub; give its address."""
        with tempfile.TemporaryDirectory() as work:
            folder = self.save_pretrained(Path(work) / "model")
            return publish(folder, repo, private=private, token=token, revision=revision)

    def expect(self, *, modality: str | None = None, range: "Range | None" = None) -> None:
        """Take images of another kind from now on, also after saving; see `from_pretrained`."""
        if modality is None and range is None:
            return
        self.inputs = self.inputs.using(modality=modality, range=range)
        sides = self.entry.inputs
        facts = replace(self.inputs.facts, size=sides.size, multiple=sides.multiple)
        self.entry = replace(self.entry, inputs=facts)

    def note_shapes(self) -> None:
        """Remember which tensors the model is made of now."""
        self.shapes = {name: tuple(tensor.shape) for name, tensor in self.state_dict().items()}

    def library_config(self) -> dict[str, Any]:
        """Return what another library needs in `config.json` to build this model."""
        return {}

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Keep fewer activations in training and compute them again in the backward."""
        for module in self.children():
            for part in module.modules():
                if hasattr(part, "grad_checkpointing"):
                    part.grad_checkpointing = enable  # type: ignore[assignment]


class OnEncoder(HubModel):
    """Shared by the models that hold an encoder of maps, ours or smp's."""

    encoder: nn.Module

    @property
    def num_classes(self) -> int:
        """Classes it answers with; 0 for an embedding or a pyramid."""
        return self.spec.num_classes

    @property
    def num_features(self) -> int:
        """Length of the embedding, or channels of the encoder's last map."""
        return encoder_info(self.encoder).channels()[-1]

    @property
    def feature_info(self) -> FeatureInfo:
        """Channels and reductions of the encoder's maps."""
        return encoder_info(self.encoder)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the encoder's last feature map."""
        last: Tensor = self.encoder(x)[-1]
        return last


class OwnModel(OnEncoder):
    """Shared by the models made of our own parts: an encoder, a head and what lies between."""

    head: nn.Module

    def get_classifier(self) -> nn.Module:
        """Return the output layer."""
        return self.head

    def reset_classifier(self, num_classes: int) -> None:
        """Put a fresh output layer in place."""
        parameter = next(self.parameters())
        self.head = self.fresh_head(num_classes).to(parameter.device, parameter.dtype)
        self.answers = Answers()
        self.spec = self.spec.with_classes(num_classes)
        self.note_shapes()

    def fresh_head(self, num_classes: int) -> nn.Module:
        """Return a new output layer for a number of classes."""
        raise TypeError(f"a {type(self).__name__} has no classifier to replace")


class Pyramid(OwnModel):
    """An encoder that gives all its feature maps, finest first."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Identity()

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.encoder(x)
        return maps


class Classifier(OwnModel):
    """An encoder with a head on its pooled features; without classes it gives the embedding.

    `forward` gives logits (N, num_classes), or (N, num_features) when num_classes is 0.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    @property
    def num_features(self) -> int:
        """Length of the embedding."""
        return int(self.encoder.num_features)  # type: ignore[arg-type]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Pool a feature map and, unless `pre_logits`, apply the head."""
        pooled: Tensor = self.encoder.embed([x])  # type: ignore[operator]
        return pooled if pre_logits else self.head(pooled)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def fresh_head(self, num_classes: int) -> nn.Module:
        """Return a new head of the same kind."""
        spec = self.spec
        return classification_head(
            spec.head, self.num_features, num_classes, dropout=spec.dropout, grade=spec.grade
        )


class Segmenter(OwnModel):
    """Encoder, decoder and an output layer; logits (N, num_classes, ...) at full size."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder, self.head = encoder, decoder, head

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.decoder(self.encoder(x)))
        return logits

    def fresh_head(self, num_classes: int) -> nn.Module:
        """Return a new 1x1 convolution."""
        return dense_head(self.ndim, self.decoder.channels, num_classes)  # type: ignore[arg-type]


class Pretext(OwnModel):
    """A published network as trained: a dict of what the authors' forward gives.

    decoder: one for all dense answers, or a ModuleDict of one each.
    on_features: the answers whose head stands on the encoder's last map.
    activations: "sigmoid", "softmax" or "none" for each answer.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        head: Mapping[str, nn.Module],
        *,
        on_features: frozenset[str],
        activations: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.head = nn.ModuleDict(head)
        self.on_features = on_features
        self.activations = dict(activations)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = self.encoder(x)
        answers = {}
        for name, head in self.head.items():  # type: ignore[operator]
            if name in self.on_features:
                answer = head(maps[-1])
            elif isinstance(self.decoder, nn.ModuleDict):
                answer = head(self.decoder[name](maps))
            else:
                answer = head(self.decoder(maps))
            if self.activations[name] == "sigmoid":
                answer = torch.sigmoid(answer)
            elif self.activations[name] == "softmax":
                answer = torch.softmax(answer, dim=1)
            answers[name] = answer
        return answers
