"""From a proxy task to fine-tuning and back: every tensor of the encoder arrives; two processes."""

from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from PIL import Image
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

import genesis_hub
from genesis_hub.data.phantoms import chest_ct
from genesis_hub.engine.fabric import agree
from genesis_hub.errors import BadInput, GenesisHubError
from tests.loopback import free_port
from tests.training.test_proxy_learning import SIDES, every, method, noise
from tests.training.wholes import film
from training.methods.roster import recipe_of
from training.network import facts_of, network_of
from training.views.draws import Draws

nibabel = pytest.importorskip("nibabel")
TUNED: dict[str, Any] = {
    "steps": 1, "batch_size": 2, "recalibrate": 0, "report": False, "lr": 1e-9, "weight_decay": 0.0,
}  # fmt: skip


@lru_cache(maxsize=2)
def labelled(folder: Path, ndim: int) -> Path:
    """Write class folders of pictures, or volumes with masks."""
    for seed in range(6):
        if ndim == 2:
            place = folder / "films" / ("even", "odd")[seed % 2]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(film(seed, 32)).save(place / f"{seed}.png")
            continue
        made = chest_ct(seed, size=(24, 24, 24))
        pair = (("images", made.image[0]), ("labels", (made.labels > 2).astype(np.uint8)))
        for name, values in pair:
            (folder / "chests" / name).mkdir(parents=True, exist_ok=True)
            file = folder / "chests" / name / f"{seed}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(values, made.affine), file)
    return folder / ("films" if ndim == 2 else "chests")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@every
def test_a_tasks_encoder_is_what_fine_tuning_begins_with(
    name: str, data: Path, tmp_path: Path
) -> None:
    ndim = int(name[-2])
    learned = method(name, enc_filters=1)
    saved = learned.deliverable().save_pretrained(tmp_path / "weights")
    report = genesis_hub.from_pretrained(saved, num_classes=2).load_report
    assert "100.0%" in str(report)
    recipe = {**TUNED, "size": [32] * ndim}
    run = genesis_hub.finetune(
        saved, labelled(data, ndim), tmp_path / "run", recipe=recipe, device="cpu", quiet=True
    )
    tuned = genesis_hub.from_pretrained(run.model).encoder.state_dict()
    began = learned.network.encoder.state_dict()  # type: ignore[operator,union-attr]
    weights = [key for key in began if "running" not in key and "num_batches" not in key]
    assert tuned.keys() == began.keys()
    assert len(weights) == 5 * 8
    for key in weights:
        torch.testing.assert_close(tuned[key], began[key], rtol=0, atol=1e-6, msg=key)


def test_weights_of_another_form_are_refused(data: Path, tmp_path: Path) -> None:
    saved = method("cpc-3d", enc_filters=1).deliverable().save_pretrained(tmp_path / "weights")
    recipe = {**TUNED, "size": [32, 32]}
    with pytest.raises(GenesisHubError):
        genesis_hub.finetune(
            saved, labelled(data, 2), tmp_path / "run", recipe=recipe, device="cpu", quiet=True
        )
    for name, wishes, said in (
        ("rotation-3d", {"enc_filters": 2}, "give enc_filters=1"),
        ("rotation-2d", {"encoder_architecture": ""}, "are of .*, but .* is to be trained"),
    ):
        recipe_ = recipe_of(name, {"weights": str(saved), **wishes})
        with pytest.raises(BadInput, match=said):
            network_of(recipe_, facts_of(recipe_), task="features")
    config = saved / "config.json"
    config.write_text(config.read_text().replace("0.0625", "0.125"))
    with pytest.raises(GenesisHubError):
        genesis_hub.from_pretrained(saved)


def learned_by(name: str, world: int, rank: int) -> dict[str, Tensor]:
    """Return what one of some processes holds after steps of batches that they share.

    One process alone takes the same parts one after another, as `accumulate` does: batch norm sees
    its own part either way.
    """
    learned = method(name, enc_filters=1).train()
    model: Any = DistributedDataParallel(learned) if world > 1 else learned
    optimizer = torch.optim.SGD(learned.parameters(), lr=0.002)
    losses = []
    for step in range(2):
        keys = torch.arange(4 * step, 4 * step + 4)
        x = noise(4, SIDES[name]["data_dim"], int(name[-2]), seed=step)
        parts = [rank] if world > 1 else [0, 1]
        for part in parts:
            own = keys.chunk(2)[part]
            views = learned.views({"image": x.chunk(2)[part], "key": own}, Draws(own))
            loss = model(views)["total"]
            (loss / len(parts)).backward()
            losses.append(loss.detach())
        optimizer.step()
        optimizer.zero_grad()
        agree(learned, SimpleNamespace(world_size=world))  # type: ignore[arg-type]
    made = {key: value.clone() for key, value in learned.state_dict().items()}
    return {**made, "losses": torch.stack(losses)}


def as_one_of_two(rank: int, port: int, names: tuple[str, ...]) -> list[dict[str, Tensor]]:
    """Learn as one of two processes."""
    address, wait = f"tcp://127.0.0.1:{port}", timedelta(seconds=600)
    dist.init_process_group("gloo", address, rank=rank, world_size=2, timeout=wait)
    try:
        return [learned_by(name, 2, rank) for name in names]
    finally:
        dist.destroy_process_group()


def as_second(place: int, port: int, names: tuple[str, ...], folder: str) -> None:
    """Learn as the second of two processes."""
    torch.set_num_threads(1)
    torch.save(as_one_of_two(1, port, names), Path(folder) / "second.pt")


def test_two_processes_are_one_that_takes_their_parts_in_turn(tmp_path: Path) -> None:
    names, port = ("jigsaw-2d", "cpc-3d"), free_port()
    other = mp.start_processes(
        as_second, (port, names, str(tmp_path)), nprocs=1, join=False, start_method="spawn"
    )
    first = as_one_of_two(0, port, names)
    while not other.join():
        pass
    second = torch.load(tmp_path / "second.pt")
    for name, one, two in zip(names, first, second, strict=True):
        alone = learned_by(name, 1, 0)
        both = torch.stack([one.pop("losses"), two.pop("losses")], 1).flatten()
        torch.testing.assert_close(both, alone.pop("losses"), rtol=0, atol=1e-5)
        assert all(torch.equal(value, two[key]) for key, value in one.items())
        for key in alone:
            # Statistics of the two parts are averaged by two, and follow one another in one.
            if "running" not in key and "num_batches" not in key:
                torch.testing.assert_close(one[key], alone[key], rtol=0, atol=1e-5, msg=key)
