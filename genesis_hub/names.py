"""What a tensor is called: by a model of ours, timm's or smp's, and by all of them in common."""

from functools import cache

from genesis_hub.networks import planar
from genesis_hub.networks.choices import KEPT
from genesis_hub.networks.table import ARCHITECTURES
from genesis_hub.spec import Spec


@cache
def classifier_name(timm_name: str | None) -> str:
    """Return where a timm network keeps its classifier: "fc", "head.fc", "classifier"."""
    return planar.timm_facts(timm_name)["classifier"]  # type: ignore[no-any-return,arg-type]


@cache
def parts_by_flat_name(timm_name: str) -> dict[str, str]:
    """Return timm's flattened names of a pyramid's parts and the real ones."""
    return planar.flattened(timm_name)


def common_name(spec: Spec, key: str) -> str:
    """Return the name that a tensor has whatever the task: encoder.*, decoder.*, head.*.

    timm's classifiers hold the encoder without a prefix, smp's models hold it two levels down,
    and pyramids of either join two levels of names into one.
    """
    row = ARCHITECTURES[spec.architecture]
    if row.timm and spec.operator is None and spec.task in ("features", "classification"):
        classifier = classifier_name(row.timm) + "."
        if key.startswith(classifier):
            return "head." + key.removeprefix(classifier)
        return "encoder." + unflattened(row.timm, key)
    part, _, rest = key.partition(".")
    if part == "encoder":
        for wrapper in ("model.", "network.", "encoder."):
            if spec.task == "segmentation" or spec.operator:
                rest = rest.removeprefix(wrapper)
        return "encoder." + (unflattened(row.timm, rest) if row.timm else rest)
    if part == "decoder" and row.ndim == 2 and spec.task == "segmentation":
        own = row.decoder is not None and (spec.operator or spec.decoder in KEPT)
        return f"decoder.{'segmentation' if own else f'smp-{spec.decoder}'}.{rest}"
    return key


def unflattened(timm_name: str, key: str) -> str:
    """Undo timm's joining of two levels of names: stages_0.blocks -> stages.0.blocks."""
    part, dot, rest = key.partition(".")
    return parts_by_flat_name(timm_name).get(part, part) + dot + rest
