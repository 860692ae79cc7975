"""What a folder says of the model in it, believed only where it makes sense."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from genesis_hub.entry import Entry, InputFacts
from genesis_hub.errors import BadInput, KeyMismatch
from genesis_hub.networks.table import ARCHITECTURES
from genesis_hub.registry import find
from genesis_hub.spec import Spec, Wishes, norm_of, resolve, same_width, whole


def follow(
    facts: Mapping[str, Any], entry: Entry, wishes: Wishes, *, as_saved: bool
) -> tuple[Spec, Entry]:
    """Return the spec, and the entry as it is true of an artefact found for it.

    as_saved: the user named the folder, so what is not wished for is as it was saved; else the
    entry's own defaults hold, and only the network follows the artefact.
    """
    saved = read_spec(facts)
    allowed = {entry.architecture, *(timm for _, timm in entry.encoders)}
    if saved.architecture not in allowed:
        raise KeyMismatch(
            f"the weights are those of {saved.name!r}, architecture {saved.architecture!r}, but "
            f"{entry.name!r} is {entry.architecture!r}; ask for {saved.name!r} instead"
        )
    same_width(wishes.width, saved.width, f"the weights of {saved.name!r}")
    entry = replace(
        entry, architecture=saved.architecture, width=saved.width, inputs=read_inputs(facts, entry)
    )
    if as_saved:
        if not wishes.new_answer:
            channels = wishes.in_channels or saved.in_channels
            row = ARCHITECTURES[saved.architecture]
            norm = norm_of(entry.name, row, wishes.norm or saved.norm)
            whole("in_channels", channels, least=1)
            return replace(saved, in_channels=channels, norm=norm), entry
        wishes = replace(
            wishes,
            in_channels=wishes.in_channels or saved.in_channels,
            norm=wishes.norm or saved.norm,
        )
    return resolve(entry, wishes), entry


def read_spec(facts: Mapping[str, Any]) -> Spec:
    """Return the spec that a folder keeps, checked as a user's wishes are."""
    entry = find(facts["name"])
    try:
        spec = Spec(**facts["spec"])
        published = {timm: name for name, timm in entry.encoders}
        again = resolve(
            replace(entry, width=spec.width),
            Wishes(
                task=spec.task,
                num_classes=spec.num_classes,
                in_channels=spec.in_channels,
                features_only=spec.features_only,
                head=spec.head,
                decoder=spec.decoder,
                encoder=published.get(spec.architecture),
                operator=spec.operator,
                norm=spec.norm,
            ),
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise BadInput(
            f"the folder's spec of {entry.name!r} cannot be read ({error}); save or import it again"
        ) from error
    if again != spec:
        raise BadInput(
            f"the folder's spec of {entry.name!r} contradicts itself: {spec}; save or import it "
            "again"
        )
    return spec


def read_inputs(facts: Mapping[str, Any], entry: Entry) -> InputFacts:
    """Return the input contract that a folder keeps."""
    try:
        kept: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in facts["inputs"].items()
        }
        return InputFacts(**kept)
    except (TypeError, KeyError, AttributeError) as error:
        raise BadInput(
            f"the folder's input contract of {entry.name!r} cannot be read ({error}); save or "
            "import it again"
        ) from error
