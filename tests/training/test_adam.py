"""Adam: parts of pictures told apart, on one process or two, in stages, and never by a collapse."""

import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest
import segmentation_models_pytorch as smp
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

import genesis_hub
from genesis_hub.data.phantoms import chest_xray
from genesis_hub.engine import checkpoint
from genesis_hub.engine.checkpoint import LAST
from genesis_hub.engine.fabric import agree
from genesis_hub.errors import BadInput
from genesis_hub.weights.seen import SEEN
from tests.loopback import free_port
from tests.training.test_contrast import looped
from training.methods.adam import Adam, AdamRecipe
from training.methods.roster import recipe_of
from training.network import facts_of, network_of
from training.objective import Pretraining
from training.pretrain import Run, pretrain
from training.release import release
from training.views.draws import Draws

TINY: dict[str, Any] = {
    "encoder": "resnet18", "width": 0.25, "input_side": 32, "held_side": 40, "batch_size": 8,
    "queue": 24, "code": 16, "hidden": 32, "steps": 4, "validate_every": 2, "looks": 6,
    "save_every": 1, "warm_up": 0, "validation": 0.3, "pictures": False, "hashes": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for seed in range(14):
        film = np.asarray(chest_xray(seed, size=(48, 40)).image[0])
        PIL.Image.fromarray(film.astype(np.uint8)).save(folder / f"film{seed}.png")
    return folder


def learn(films: Path, out: Path, recipe: str = "adam", **wishes: Any) -> Run:
    return pretrain(recipe, films, out, device="cpu", quiet=True, wishes={**TINY, **wishes})


@pytest.fixture(scope="module")
def run(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One whole run, with pictures and hashes."""
    return learn(films, tmp_path_factory.mktemp("runs") / "run", pictures=True, hashes=True)


def method(**wishes: Any) -> tuple[Adam, AdamRecipe]:
    recipe = recipe_of("adam", {**TINY, **wishes})
    assert isinstance(recipe, AdamRecipe)
    torch.manual_seed(0)
    facts = facts_of(recipe)
    return Adam(network_of(recipe, facts, task="features"), recipe, facts), recipe


def views(learned: Adam, count: int = 8, first: int = 0) -> dict[str, Tensor]:
    keys = torch.arange(first, first + count)
    draw = torch.Generator().manual_seed(7)
    image = torch.randint(0, 256, (64, 1, 5, 5), generator=draw, dtype=torch.uint8)
    image = image[keys % 64].repeat_interleave(8, 2).repeat_interleave(8, 3)
    return learned.views({"image": image, "aspect": torch.ones(count)}, Draws(keys))


def state(learned: Adam) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in learned.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(t, other[n]) for n, t in one.items())


@pytest.mark.parametrize("n", [0, 2])
def test_the_loss_of_a_step_is_that_of_a_loop(n: int) -> None:
    learned, _ = method(n=n, sim_threshold=0.2, min_negatives=6, bn_splits=2)
    for first in (0, 8, 16):
        learned.step(views(learned, first=first))
    seen, queue = views(learned, first=24), learned.queue.keys.clone()
    key = learned.key_code(seen["key"], seen["order"])
    halves = torch.cat([learned.network(part) for part in seen["query"].chunk(2)])
    query = learned.code(halves)
    wanted = looped(query, key, queue, 0.2 if n else 2.0, 6)
    losses = learned.step(seen)
    torch.testing.assert_close(losses["total"], wanted, rtol=1e-5, atol=1e-6)
    assert (float(losses["pruned"]) > 0) is (n > 0)
    torch.testing.assert_close(learned.queue.keys[:8], key)  # 24 to 32 of a ring of 24.


def test_the_decomposer_and_the_pruner_can_be_switched_off() -> None:
    assert [method(n=n)[1].parted for n in (0, 2, 4)] == [0, 2, 4]
    assert method(n=4, decompose=False)[1].parted == 0
    learned, _ = method(n=4, prune=False)
    assert learned.threshold is None
    assert method(n=4)[0].threshold == 0.8
    assert method(n=0)[0].threshold is None
    assert method(n=4)[0].floor == 12  # Never more than half the queue.


def test_the_key_encoder_follows_slowly_and_learns_nothing() -> None:
    learned, _ = method(momentum=0.75)
    learned.step(views(learned))["total"].backward()
    assert all(p.grad is None for p in learned.key_network.parameters())
    before, norm = learned.key_network.conv1.weight.clone(), learned.key_network.bn1
    with torch.no_grad():
        learned.network.conv1.weight.add_(1.0)
    held = norm.running_mean.clone()
    learned.after_step(0.5)
    torch.testing.assert_close(learned.key_network.conv1.weight, before + 0.25)
    assert torch.equal(norm.running_mean, held)  # Its statistics are its own.
    learning = {id(p) for group in learned.groups() for p in group["params"]}
    assert not learning & {id(p) for p in learned.key_network.parameters()}


def test_validation_reads_only() -> None:
    learned, recipe = method(n=2)
    learned.step(views(learned))
    before = state(learned)
    measures = validated(learned, recipe)
    assert same(state(learned), before)
    assert {"loss", "objective", "pruned", "positive_cosine", "top_1", "spread",
            "effective_rank"} <= measures.keys()  # fmt: skip
    assert measures == validated(learned, recipe)


class Parts:
    """Pictures in memory, as a corpus gives them."""

    def __len__(self) -> int:
        return 12

    def item(self, index: int, seed: int) -> dict[str, Tensor]:
        draw = torch.Generator().manual_seed(index)
        image = torch.randint(0, 256, (1, 5, 5), generator=draw, dtype=torch.uint8)
        return {"image": image.repeat_interleave(8, 1).repeat_interleave(8, 2),
                "key": torch.tensor(seed), "aspect": torch.tensor(1.0)}  # fmt: skip


def objective(learned: Adam, recipe: AdamRecipe) -> Pretraining:
    return Pretraining(
        learned, items=Parts(), looks=12, batch_size=8, seed=0, device=torch.device("cpu"),
        autocast=torch.no_grad,
    )  # fmt: skip


def validated(learned: Adam, recipe: AdamRecipe) -> dict[str, float]:
    learned.eval()
    with torch.no_grad():
        return dict(objective(learned, recipe).validate(learned))


def test_a_constant_encoder_has_the_published_loss_of_zero_and_raises_the_alarm() -> None:
    learned, recipe = method(n=2, min_negatives=0)
    with torch.no_grad():
        for one in (learned.projector, learned.key_projector):
            one[2].weight.zero_()
    for first in (0, 8, 16):
        losses = learned.step(views(learned, first=first))
    assert float(losses["total"].detach()) > 0  # Noise was left in the queue until now.
    losses = learned.step(views(learned, first=24))
    assert float(losses["total"].detach()) == 0.0
    assert float(losses["pruned"]) == 1.0
    measures = validated(learned, recipe)
    assert measures["objective"] == 0.0
    assert measures["loss"] == pytest.approx(np.log(len(Parts())), abs=1e-4)  # What chooses.
    assert measures["spread"] < 0.01
    seen = [{"step": step, **measures} for step in (600.0, 800.0, 1000.0)]
    said = objective(learned, recipe).complaint(seen)
    assert "collapsed" in said
    assert "100.0% of the negatives pruned" in said
    floored, _ = method(n=2, min_negatives=6)
    floored.load_state_dict(learned.state_dict())
    assert float(floored.step(views(floored))["total"].detach()) == pytest.approx(
        np.log(7), abs=1e-4
    )


def test_a_healthy_network_raises_no_alarm() -> None:
    learned, recipe = method(n=2)
    learned.step(views(learned))
    measures = validated(learned, recipe)
    seen = [{"step": step, **measures} for step in (600.0, 800.0, 1000.0)]
    assert objective(learned, recipe).complaint(seen) == ""


def test_a_run_leaves_views_and_a_card_that_names_the_method(run: Run) -> None:
    assert {one.name for one in (run.folder / "pictures").iterdir()} == {
        "curves.png", "step-0000002.png", "step-0000004.png",
    }  # fmt: skip
    card = (run.model / "README.md").read_text()
    assert "4 steps of 8 whole pictures, seen as 32 x 32" in card
    assert "Learned from Anatomy" in card
    assert "patents" in card
    assert (run.model / SEEN).is_file()
    assert run.metrics["top_1"] >= 0


def test_a_killed_run_goes_on_to_the_same_bytes(
    run: Run, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, whole = iter(range(100)), Adam.step

    def dying(self: Adam, seen: dict[str, Tensor]) -> dict[str, Tensor]:
        if next(steps) == 3:
            raise KeyboardInterrupt
        return whole(self, seen)

    monkeypatch.setattr(Adam, "step", dying)
    with pytest.raises(KeyboardInterrupt):
        learn(films, tmp_path / "run")
    monkeypatch.setattr(Adam, "step", whole)
    learn(films, tmp_path / "run")
    one, other = (checkpoint.load(at / LAST)[1]["model"] for at in (run.folder, tmp_path / "run"))
    assert same(one, other)


def test_a_chain_hands_everything_over_and_starts_the_optimiser_afresh(
    films: Path, tmp_path: Path
) -> None:
    wishes = {"steps": 2, "n": [0, 2], "lr": 1e-9, "batch_size": 4, "validate_every": 1}
    done = learn(films, tmp_path / "run", "adam-chain", **wishes)
    assert done.steps == 4
    first, last = (checkpoint.load(tmp_path / "run" / n / LAST)[1]["model"] for n in ("n0", "n2"))
    # Nothing learns at this rate: what differs is what came into the queue since.
    torch.testing.assert_close(last["projector.0.weight"], first["projector.0.weight"])
    torch.testing.assert_close(last["queue.keys"][:8], first["queue.keys"][:8])
    assert [int(one["queue.place"]) for one in (first, last)] == [8, 16]
    bare, end = ((tmp_path / "run" / at / "model").glob("*") for at in (".", "n2"))
    assert {one.name: one.read_bytes() for one in bare} == {o.name: o.read_bytes() for o in end}
    told = json.loads((tmp_path / "run" / "n2" / "run.json").read_text())["recipe"]
    assert (told["n"], told["weights"]) == (2, "../n0")
    (tmp_path / "run").rename(tmp_path / "moved")
    assert learn(films, tmp_path / "moved", "adam-chain", **wishes).resumed == 4
    assert release(tmp_path / "moved", tmp_path / "out").is_dir()
    with pytest.raises(BadInput, match="was begun with the stages n0, n2, not n0, n4"):
        learn(films, tmp_path / "moved", "adam-chain", **{**wishes, "n": [0, 4]})


def test_weights_are_a_run_a_folder_or_none_which_is_told(
    run: Run, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one_step = {"steps": 1, "validate_every": 1, "lr": 1e-9, "n": 2}
    full = learn(films, tmp_path / "full", weights=str(run.folder), **one_step)
    bare = learn(films, tmp_path / "bare", weights=str(run.model), **one_step)
    before, one, other = (
        checkpoint.load(at / LAST)[1]["model"] for at in (run.folder, full.folder, bare.folder)
    )
    name = "projector.2.weight"
    torch.testing.assert_close(one[name], before[name])
    assert (other[name] - before[name]).abs().max() > 0.01
    chosen = genesis_hub.from_pretrained(run.model).state_dict()
    torch.testing.assert_close(other["network.conv1.weight"], chosen["conv1.weight"])
    torch.testing.assert_close(other["key_network.conv1.weight"], chosen["conv1.weight"])
    with pytest.raises(BadInput, match=r"another form .*code.*for its encoder alone"):
        learn(films, tmp_path / "no", weights=str(run.folder), **{**one_step, "code": 8})
    said = learn(films, tmp_path / "random", **one_step)
    notes = json.loads((said.folder / "run.json").read_text())["notes"]
    assert any("n=2 begins with random weights" in note for note in notes)


def test_the_encoder_lands_in_unets_and_the_receipt_says_so(run: Run) -> None:
    tensors = genesis_hub.from_pretrained(run.model).state_dict()
    unet: Any = genesis_hub.from_pretrained(run.model, task="segmentation", num_classes=2)
    inner = unet.encoder.model.state_dict()
    assert all(torch.equal(tensors[name], inner[name]) for name in inner)
    assert set(inner) == set(tensors)
    assert "100.0%" in str(unet.load_report)


def test_the_published_snippet_changes_no_tensor_of_a_unet_and_ours_all(tmp_path: Path) -> None:
    # As the authors' README has it, on weights as they hand them out: prefixes off, then loose.
    torch.manual_seed(0)
    encoder = genesis_hub.create_model("adam-resnet50")
    given = {f"module.encoder_q.{k}": v + 1 for k, v in encoder.state_dict().items()}
    unet = smp.Unet("resnet50", encoder_weights=None)
    before = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    for word in ("module.", "backbone.", "encoder.", "encoder_q."):
        given = {name.replace(word, ""): tensor for name, tensor in given.items()}
    loose = unet.load_state_dict(given, strict=False)
    assert len(loose.missing_keys) == 317
    assert sum(not torch.equal(t, before[n]) for n, t in unet.state_dict().items()) == 0
    folder = encoder.save_pretrained(tmp_path / "model")
    ours: Any = genesis_hub.from_pretrained(folder, task="segmentation", num_classes=1)
    loaded = ours.encoder.model.state_dict()
    assert len(loaded) == 318
    assert all(torch.equal(loaded[name], tensor) for name, tensor in encoder.state_dict().items())
    assert "100.0%" in str(ours.load_report)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"n": [0, 0]}, r"n=\(0, 0\); give 0, 2, 4, or a list"),
        ({"n": -2}, "n=-2; give 0, 2, 4"),
        ({"n": "2"}, "n='2', but a whole number or a list"),
        ({"batch_size": 32}, "32 keys do not fit into queue=24; give queue=32"),
        ({"bn_splits": 5}, "at most 4"),
        ({"temperature": 0.0}, "temperature=0.0 is out of its range"),
        ({"momentum": 1.0}, "momentum=1.0 is out of its range"),
        ({"preset": "mg"}, "preset='mg'; choose from adam"),
        ({"tempreature": 0.1}, "close names: temperature"),
        ({"val_list": "v.txt"}, "without train_list"),
        ({"input_rows": 5}, "'input_rows' is no key of this recipe"),
    ],
)
def test_what_cannot_be_used_is_named(wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        recipe_of("adam", {**TINY, **wishes})


def test_faithful_is_as_published() -> None:
    recipe = recipe_of("adam", {"faithful": True})
    assert isinstance(recipe, AdamRecipe)
    assert (recipe.lr, recipe.optimizer, recipe.batch_size, recipe.epochs) == (
        0.03,
        "momentum",
        256,
        200,
    )
    assert (recipe.warm_up, recipe.clip, recipe.min_negatives, recipe.preset) == (
        0,
        0,
        0,
        "adam_v1",
    )
    assert (recipe.queue, recipe.temperature, recipe.momentum, recipe.code) == (
        65536,
        0.2,
        0.999,
        128,
    )
    assert recipe_of("adam-chain", {}).stages() == {f"n{n}": {"n": n} for n in (0, 2, 4)}
    assert recipe_of("adam-fundus", {}).colour


def learned_by(world: int, rank: int) -> dict[str, Tensor]:
    """Return what one of some processes holds after steps of a batch that all of them share."""
    learned = method(n=2, bn_splits=2, sim_threshold=0.3, min_negatives=4)[0]
    model: Any = DistributedDataParallel(learned) if world > 1 else learned
    optimizer = torch.optim.SGD(learned.groups()[0]["params"], lr=0.01)
    losses = []
    for step in range(4):
        whole = views(learned, first=8 * step)
        own = {name: part.chunk(world)[rank] for name, part in whole.items()}
        loss = model(own)["total"]
        loss.backward()
        losses.append(loss.detach())
        optimizer.step()
        optimizer.zero_grad()
        agree(learned, SimpleNamespace(world_size=world))  # type: ignore[arg-type]
        learned.after_step(0.0)
    return {**state(learned), "losses": torch.stack(losses)}


def as_second(place: int, port: int, folder: str) -> None:
    """Learn as the second of two processes."""
    torch.set_num_threads(1)
    torch.save(as_one_of_two(1, port), Path(folder) / "second.pt")


def as_one_of_two(rank: int, port: int) -> dict[str, Tensor]:
    """Learn as one of two processes."""
    address = f"tcp://127.0.0.1:{port}"
    wait = timedelta(seconds=120)
    dist.init_process_group("gloo", address, rank=rank, world_size=2, timeout=wait)
    try:
        return learned_by(2, rank)
    finally:
        dist.destroy_process_group()


def test_two_processes_are_one_that_splits_its_batch(tmp_path: Path) -> None:
    port = free_port()
    other = mp.start_processes(
        as_second, (port, str(tmp_path)), nprocs=1, join=False, start_method="spawn"
    )
    two = [as_one_of_two(0, port)]
    while not other.join():
        pass
    two.append(torch.load(tmp_path / "second.pt"))
    one = learned_by(1, 0)
    mean = (two[0].pop("losses") + two[1].pop("losses")) / 2
    torch.testing.assert_close(mean, one.pop("losses"), rtol=0, atol=1e-5)
    assert same(*two)
    for name in (name for name in one if not name.endswith("num_batches_tracked")):
        torch.testing.assert_close(two[0][name], one[name], rtol=0, atol=1e-5, msg=name)
