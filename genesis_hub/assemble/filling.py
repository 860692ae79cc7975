"""A model filled from an artefact, strictly: which tensors it must find there, and which it may."""

from collections.abc import Mapping

from genesis_hub.errors import BadInput
from genesis_hub.models import HubModel
from genesis_hub.names import common_name
from genesis_hub.networks.choices import KEPT
from genesis_hub.networks.table import ARCHITECTURES
from genesis_hub.saved import read_answers, read_spec
from genesis_hub.spec import Spec
from genesis_hub.weights.fill import fill
from genesis_hub.weights.folder import Artefact


def load(model: HubModel, artefact: Artefact) -> HubModel:
    """Fill a model from an artefact, strictly; its `load_report` says what was done."""
    spec, saved = model.spec, read_spec(artefact.facts)
    where = str(artefact.folder)
    if spec == saved:
        model.to(artefact.dtype)
    offered = {common_name(saved, key): key for key in artefact.tensors.keys()}
    wanted = {name: common_name(spec, name) for name in model.state_dict()}
    whole = spec.task == "pretext"
    decoder = takes_decoder(spec, saved, offered)
    made = artefact.facts.get("provenance", {})
    bare = {"decoder", "decoder.segmentation"} & set(made.get("untrained", ()))
    if decoder and saved.task == "pretext" and bare:
        why = "stage 'en'" if "decoder" in bare else "it was not among the tasks"
        raise BadInput(
            f"{where}: the encoder was pre-trained, but the decoder learned nothing yet ({why}); "
            "pass decoder='fresh', or pre-train on with weights= of this folder"
        )
    backbone = {
        name
        for name, common in wanted.items()
        if whole
        or common.startswith("encoder.")
        or (decoder and common.startswith("decoder."))
        or (spec.operator == saved.operator and common.startswith("operator."))
    }
    model.load_report = fill(
        model,
        artefact.tensors,
        wanted=wanted,
        offered=offered,
        backbone=backbone,
        required=wanted if spec.answers_like(saved) else backbone,
        first_conv=f"{ARCHITECTURES[spec.architecture].first_conv}.weight",
        source=where,
        sha256=artefact.sha256,
    )
    artefact.check_sha256()
    model.terms = dict(artefact.terms)
    model.provenance = dict(made)
    if spec.answers_like(saved):
        model.answers = read_answers(artefact.facts, spec.num_classes)
    return model


def takes_decoder(spec: Spec, saved: Spec, offered: Mapping[str, str]) -> bool:
    """Say whether the weights' decoder belongs to what this task must get."""
    if spec.task != "segmentation" or spec.decoder == "fresh":
        return False
    if spec.decoder not in KEPT:
        return spec.decoder == saved.decoder and spec.task == saved.task
    row = ARCHITECTURES[spec.architecture]
    return row.has_decoder or any(name.startswith("decoder.stages.") for name in offered)
