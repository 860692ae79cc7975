"""The two phases of the proxy tasks' fine-tuning: a head that learns alone, then all together."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genesis_hub import BadInput, create_model, finetune, from_pretrained
from genesis_hub.engine import checkpoint
from genesis_hub.tuning.recipe import Recipe

RUN = {
    "size": [32, 32], "batch_size": 4, "optimizer": "adam", "weight_decay": 0.0, "lr": 1e-3,
    "schedule": "constant", "warm_up": 0, "clip": 0.0, "clip_each": 1.0, "clip_value": 1.0,
    "unfreeze": [2], "restart": [2], "select": "last", "report": False, "hashes": False,
    "recalibrate": 2, "validate_every": 3,
}  # fmt: skip


@pytest.mark.parametrize(("epochs", "moves"), [(2, False), (3, True)])
def test_the_encoder_and_its_norms_stand_still_until_their_epoch(
    films: Path, tmp_path: Path, epochs: int, moves: bool
) -> None:
    source = create_model("rotation-2d", width=0.0625)
    saved = source.save_pretrained(tmp_path / "weights")
    run = finetune(saved, films, tmp_path / "run", quiet=True, recipe={**RUN, "epochs": epochs})

    before = source.state_dict()
    for tuned in (
        checkpoint.load(run.folder / "last.safetensors")[1]["model"],
        from_pretrained(run.model).state_dict(),
    ):
        same = {name for name in before if torch.equal(before[name], tuned[name])}
        weights = {name for name, tensor in before.items() if tensor.ndim > 1}
        assert (same & weights == set()) if moves else (same == before.keys())


def test_the_keys_reach_the_loop_and_wrong_ones_are_refused() -> None:
    recipe = Recipe(
        steps=4, batch_size=2, lr=1e-3, select="last", restart=(2, 5), clip_each=1.0,
        clip_value=0.5, optimizer="adam",
    )  # fmt: skip
    recipe.check()
    pace = recipe.pace()
    assert (pace.keep, pace.restart, pace.optimizer) == ("last", (2, 5), "adam")
    assert (pace.clip_each, pace.clip_value) == (1.0, 0.5)
    assert Recipe(steps=4, batch_size=2, lr=1e-3).pace().keep == "best"
    for wrong, said in (
        ({"restart": (0,)}, "from 1 up"), ({"restart": (3, 2)}, "rising"),
        ({"clip_each": -1.0}, "range"), ({"clip_value": -1.0}, "range"),
        ({"select": "first"}, "last"), ({"optimizer": "lamb"}, "adam"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=said):
            replace(recipe, **wrong).check()
