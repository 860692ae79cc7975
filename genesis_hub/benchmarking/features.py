"""What a frozen model says of every case: computed once, kept, and gone on with after a kill."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_hub import api
from genesis_hub.benchmarking.contestants import Contestant
from genesis_hub.benchmarking.design import seed_of
from genesis_hub.data.cases import CaseList
from genesis_hub.errors import BadInput
from genesis_hub.infer.embed import embedding, rows_of
from genesis_hub.infer.journal import Journal
from genesis_hub.infer.run import run
from genesis_hub.infer.settings import Settings
from genesis_hub.infer.sources import facts_of, of_case
from genesis_hub.models import HubModel
from genesis_hub.tuning.building import sized
from genesis_hub.tuning.choose import size_for
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.tuning.wishes import channels_of

AT_ONCE = {2: 64, 3: 4}  # Pictures, or windows of a volume.


@dataclass(frozen=True, eq=False)
class Features:
    """What a model says of each case by name; weights: the sha256 of its tensors."""

    weights: str
    rows: Mapping[str, NDArray[np.float32]]

    def of(self, cases: Any) -> NDArray[np.float32]:
        """Return the features (N, F) of some cases."""
        return np.stack([self.rows[case.name] for case in cases])


def features_of(
    contestant: Contestant,
    cases: CaseList,
    recipe: Recipe,
    folder: Path,
    device: torch.device,
    *,
    quiet: bool,
) -> Features:
    """Return the features of all cases; folder: where they lie, one folder for each model."""
    model = frozen(contestant, recipe, cases).to(device).eval()
    if device.type == "cpu" and model.entry.ndim == 2:
        # A seventh less time for a ResNet-50, and the same features to the seventh digit.
        model = model.to(memory_format=torch.channels_last)
    settings = Settings(
        batch_size=recipe.batch_size or AT_ONCE[model.entry.ndim], device=str(device),
        precision=recipe.precision, check=not recipe.no_check,
    )  # fmt: skip
    facts = {"verb": "embed", **facts_of(model), **settings.that_matter(), "data": cases.digest}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    place = folder / digest[:16]
    found = [of_case(case) for case in cases]
    journal = Journal.open(place, facts, found)
    outcome = run(
        found, embedding(model, settings, device, place, {}), journal, out=place, quiet=quiet
    )
    if outcome.failed:
        case, reason = next(iter(outcome.failed.items()))
        more = f", and {len(outcome.failed) - 1} more cases" if len(outcome.failed) > 1 else ""
        raise BadInput(f"case {case!r}{more}: {reason}")
    rows = rows_of(journal, [journal.lines[one.name] for one in found])
    if not np.isfinite(rows).all():
        raise BadInput(
            "its features hold NaN or infinite values; look at the weights (genesis-hub doctor)"
        )
    named = dict(zip((one.name for one in found), rows, strict=True))
    return Features(facts["tensors"], named)


def frozen(contestant: Contestant, recipe: Recipe, cases: CaseList) -> HubModel:
    """Return the headless network, with its weights or with random ones, drawn from the seed."""
    entry = contestant.entry
    wishes: dict[str, Any] = {
        "task": "features", "in_channels": channels_of(cases, entry), "norm": recipe.norm,
        "modality": recipe.modality, "range": recipe.range,
    }  # fmt: skip
    if contestant.scratch:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(recipe.seed, contestant.draw))
            model = api.create_model(entry.name, width=contestant.width or entry.width, **wishes)
    else:
        # However its numbers are kept: the recipe says what is computed in.
        model = api.from_pretrained(contestant.source, **wishes).float()
    if recipe.size is not None or recipe.spacing is not None:
        facts = model.inputs.facts
        size = facts.size if recipe.size is None else size_for(recipe, entry, cases)
        sized(model, size, recipe.spacing)
    return model
