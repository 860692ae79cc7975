"""Volume models made of 2D encoders: slices first, then a step along them."""

from torch import Tensor, nn

from genesis_hub.models import OwnModel
from genesis_hub.networks.heads import classification_head
from genesis_hub.networks.operators import as_lengths, each_slice, learns, slice_mask


class VolumeModel(OwnModel):
    """What both share: lots of slices are computed again in the backward, unless told not to."""

    # A whole volume's activations are tens of gigabytes, and a second forward a third more time.
    grad_checkpointing = True

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute slices again in the backward, or keep all that it needs of all of them."""
        self.grad_checkpointing = enable


class VolumeClassifier(VolumeModel):
    """A 2D encoder run slice by slice, a recurrence over the slices, a head; logits.

    x: (N, C, X, Y, Z), slices last. lengths: (N,), the slices that are real where cases differ.
    """

    def __init__(
        self, encoder: nn.Module, operator: nn.Module, head: nn.Module, *, slices_at_once: int
    ) -> None:
        super().__init__()
        self.encoder, self.operator, self.head = encoder, operator, head
        self.slices_at_once = slices_at_once

    def forward_features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return one embedding per slice: (N, Z, features), zeros where there is no slice."""
        lengths = as_lengths(x, lengths)
        lightly = self.grad_checkpointing and learns(self.encoder)
        mask = slice_mask(x, lengths)
        return each_slice(self.encoder, x, mask, self.slices_at_once, lightly=lightly)

    def forward_head(
        self, x: Tensor, lengths: Tensor | None = None, pre_logits: bool = False
    ) -> Tensor:
        """Turn slice embeddings into one answer per volume."""
        volume: Tensor = self.operator(x, lengths)
        return volume if pre_logits else self.head(volume)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        lengths = as_lengths(x, lengths)
        return self.forward_head(self.forward_features(x, lengths), lengths)

    def fresh_head(self, num_classes: int) -> nn.Module:
        """Return a new head of the same kind on the recurrence's units."""
        units: int = self.operator.num_features  # type: ignore[assignment]
        spec = self.spec
        return classification_head(
            spec.head, units, num_classes, dropout=spec.dropout, grade=spec.grade
        )


class VolumeSegmenter(VolumeModel):
    """A 2D U-Net run slice by slice, a 3D operator on the stacked maps; logits (N, K, X, Y, Z).

    lengths: (N,); beyond a case's length the maps are zero, as if the volume ended there.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        operator: nn.Module,
        head: nn.Module,
        *,
        slices_at_once: int,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.operator, self.head = encoder, decoder, operator, head
        self.slices_at_once = slices_at_once

    def forward_features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the slices' decoded maps, stacked: (N, channels, X, Y, Z)."""
        lengths = as_lengths(x, lengths)
        lightly = self.grad_checkpointing and learns(self.encoder, self.decoder)
        mask = slice_mask(x, lengths)
        maps = each_slice(self.slice_maps, x, mask, self.slices_at_once, lightly=lightly)
        return maps.movedim(1, -1)

    def slice_maps(self, x: Tensor) -> Tensor:
        """Run the 2D U-Net on a batch of slices."""
        maps: Tensor = self.decoder(self.encoder(x))
        return maps

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        lengths = as_lengths(x, lengths)
        maps = self.forward_features(x, lengths)
        mask = slice_mask(x, lengths)
        valid = None if mask is None else mask[:, None, None, None, :].to(maps.dtype)
        logits: Tensor = self.head(self.operator(maps, valid))
        return logits

    def fresh_head(self, num_classes: int) -> nn.Module:
        """Return a new 3x3x3 convolution, the published output layer."""
        channels: int = self.operator[0].conv.out_channels  # type: ignore[index]
        return nn.Conv3d(channels, num_classes, kernel_size=3, padding=1)
