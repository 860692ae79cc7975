"""The auto-encoder, trained on whole volumes by the one loop, and its weights in a file."""

import json
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from genesis_hub.atomic import new_file
from genesis_hub.engine.checkpoint import finished
from genesis_hub.engine.fabric import launched
from genesis_hub.engine.loop import fit
from genesis_hub.engine.pace import Pace
from genesis_hub.engine.runfile import begin
from genesis_hub.errors import BadInput
from genesis_hub.weights.tensorfile import FACTS, TensorFile, put_tensors, sha256_of
from training.discovery.autoencoder import AutoEncoder, Reconstruction
from training.discovery.framing import Framing, WholeVolumes, volumes_digest, volumes_of
from training.discovery.wishes import Wishes

RUN = "autoencoder"
WEIGHTS = "autoencoder.safetensors"
STEPS = 2000
LOOKS = 20  # Validations in a run.


@dataclass(frozen=True)
class Trained:
    """An auto-encoder that is trained: where it lies, and how it went."""

    weights: Path
    steps: int
    measures: dict[str, float]
    before: bool


def autoencoder_of(
    framing: Framing, wishes: Wishes, folder: Path, work: Path, *, device: torch.device, quiet: bool
) -> Trained:
    """Train the auto-encoder on whole volumes, or go on, or say that it is done."""
    run, weights = folder / RUN, folder / WEIGHTS
    digest = volumes_digest(framing, wishes)
    learned = Learned.of(wishes, len(framing.of("train")))
    before = finished(run)
    held = sealed_facts(weights)
    if before is not None and held == {**learned.facts, "volumes": digest}:
        return Trained(weights, before.step, dict(before.measures[-1]), before=True)
    framing = volumes_of(framing, wishes, work, quiet=quiet)
    train = WholeVolumes(work, framing.of("train"))
    validation = WholeVolumes(work, framing.of("val")) if framing.of("val") else None
    precision = wishes.precision or ("bf16" if device.type == "cuda" else "fp32")
    fabric = launched(device, 1, precision, seed=wishes.seed, deterministic=False)
    begin(run, {"volumes": digest}, learned, beside={}, quiet=quiet)
    torch.manual_seed(wishes.seed)
    network = AutoEncoder(width=wishes.width, skips=wishes.faithful)
    if wishes.weights:
        begin_with(network, Path(wishes.weights), wishes)
    network = network.to(device)
    objective = Reconstruction(
        network, train, validation, device=device,
        autocast=fabric.autocast if precision != "fp32" else nullcontext,
    )  # fmt: skip
    standing = fit(objective, train, learned.pace(wishes), run, fabric=fabric, quiet=quiet)
    with new_file(weights) as aside:
        tensors = {name: held.cpu() for name, held in network.state_dict().items()}
        put_tensors(tensors, aside, {**learned.facts, "volumes": digest})
    return Trained(weights, standing.step, dict(standing.measures[-1]), before=False)


@dataclass(frozen=True)
class Learned:
    """What an auto-encoder is made by, with every choice made."""

    steps: int
    batch_size: int
    width: float
    lr: float
    seed: int
    faithful: bool
    sides: tuple[int, ...]
    begun_with: str = ""

    @classmethod
    def of(cls, wishes: Wishes, count: int) -> "Learned":
        """Return it for so many scans to learn from."""
        per_epoch = max(1, -(-count // wishes.batch_size))
        steps = wishes.epochs * per_epoch if wishes.epochs else wishes.steps or STEPS
        begun = sha256_of(file_of(Path(wishes.weights))) if wishes.weights else ""
        return cls(steps, wishes.batch_size, wishes.width, wishes.lr, wishes.seed,
                   wishes.faithful, wishes.volume, begun)  # fmt: skip

    @property
    def facts(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {**vars(self), "sides": list(self.sides)}

    def pace(self, wishes: Wishes) -> Pace:
        """Return how the run goes: Adam at a constant rate, halved where nothing gets better."""
        return Pace(
            steps=self.steps, batch_size=self.batch_size, lr=self.lr, seed=self.seed,
            optimizer="adam", weight_decay=0.0, schedule="plateau" if self.faithful else "cosine",
            warm_up=min(100, self.steps // 10), validate_every=max(1, self.steps // LOOKS),
            save_every=wishes.save_every,
        )  # fmt: skip


def sealed_facts(weights: Path) -> dict[str, Any]:
    """Return what a file of weights says of itself; nothing where there is none."""
    if not weights.is_file():
        return {}
    held: dict[str, Any] = json.loads(TensorFile(weights).metadata.get(FACTS, "{}"))
    return held


def begin_with(network: AutoEncoder, weights: Path, wishes: Wishes) -> None:
    """Give an auto-encoder the weights of another of its kind."""
    other, facts = read_autoencoder(weights)
    if (facts["width"], facts["faithful"]) != (wishes.width, wishes.faithful):
        raise BadInput(
            f"{weights} has width={facts['width']:g} and faithful="
            f"{str(facts['faithful']).lower()}; ask for the same"
        )
    network.load_state_dict(other.state_dict())


def file_of(weights: Path) -> Path:
    """Return the file of an auto-encoder's weights, or raise `BadInput` where there is none."""
    path = weights / WEIGHTS if weights.is_dir() else weights
    if path.suffix != ".safetensors" or not path.is_file():
        raise BadInput(
            f"{weights} is no auto-encoder of ours; give the {WEIGHTS} that `python -m "
            "training.discover autoencoder` wrote, or its folder"
        )
    return path


def read_autoencoder(weights: Path) -> tuple[AutoEncoder, dict[str, Any]]:
    """Return a trained auto-encoder and what is known of it."""
    path = file_of(weights)
    facts = sealed_facts(path)
    if not {"width", "faithful", "sides"} <= facts.keys():
        raise BadInput(f"{path} holds the weights of something else than an auto-encoder")
    network = AutoEncoder(width=facts["width"], skips=facts["faithful"])
    file = TensorFile(path)
    network.load_state_dict({name: file.read(name) for name in file.keys()})
    return network.eval(), facts
