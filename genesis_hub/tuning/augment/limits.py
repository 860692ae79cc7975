"""The ends of what a model is shown, from its input contract."""

from genesis_hub.errors import BadInput
from genesis_hub.inputs import Inputs


def limits(inputs: Inputs) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the least and the greatest value, per channel, that `inputs(image)` can give."""
    facts = inputs.facts
    ends = (0.0, 1.0) if facts.scale else facts.clip
    if ends is None:
        raise BadInput(f"these weights see {facts.unit} without limits; give low and high yourself")
    mean = inputs.spread(facts.mean or (0.0,))
    std = inputs.spread(facts.std or (1.0,))
    low, high = (tuple((end - m) / s for m, s in zip(mean, std, strict=True)) for end in ends)
    return low, high
