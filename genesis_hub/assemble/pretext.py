"""A published network with all its heads, as it was pre-trained."""

from torch import nn

from genesis_hub.assemble.parts import choices, own_decoder, own_encoder, timm_part, without_memory
from genesis_hub.models import HubModel, Pretext
from genesis_hub.networks.choices import all_attend
from genesis_hub.networks.info import encoder_info
from genesis_hub.networks.table import Architecture
from genesis_hub.spec import Spec


def pretext(spec: Spec, row: Architecture, empty: bool) -> HubModel:
    """Return a published network with all its heads; every tensor of it comes from the weights."""
    options = choices(spec, row)
    with without_memory(empty):
        if row.timm:
            encoder = timm_part(spec, row, features_only=True)
        else:
            encoder = own_encoder(spec, row, False)
        channels = tuple(encoder_info(encoder).channels())
        decoder = pretext_decoder(spec, row, channels)
        heads = {}
        for name, branch in row.branches.items():
            if branch.decoder is None:
                below = channels[-1]
            else:
                part = decoder[branch.decoder] if isinstance(decoder, nn.ModuleDict) else decoder
                below = part.channels  # type: ignore[assignment]
            heads[name] = branch.head(below, branch.classes or spec.num_classes, **options)
    return Pretext(
        encoder,
        decoder,
        heads,
        on_features=frozenset(n for n, b in row.branches.items() if b.decoder is None),
        activations={name: branch.activation for name, branch in row.branches.items()},
    )


def pretext_decoder(spec: Spec, row: Architecture, channels: tuple[int, ...]) -> nn.Module:
    """Return the one decoder of a published network, or a ModuleDict of one per answer."""
    kinds = [b.decoder for b in row.branches.values() if b.decoder]
    if not kinds:
        return own_decoder(spec, row, False, **row.pretext_decoder)
    attention = "scse" if all_attend(spec.decoder) else "last"
    return nn.ModuleDict(
        {
            kind: own_decoder(
                spec, row, False, encoder_channels=channels, kind=kind, attention=attention
            )
            for kind in kinds
        }
    )
