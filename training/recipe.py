"""The recipe of a pre-training run: plain numbers and words, filled from TOML and the command.

What all methods share stands here; `kinds` adds what volumes and pictures need, each method's own
module its own keys.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from genesis_hub.data.nearest import close_names
from genesis_hub.engine.fabric import PRECISIONS
from genesis_hub.engine.pace import Pace, check_optimizer
from genesis_hub.engine.recipe import filled, read_toml
from genesis_hub.engine.schedule import check_schedule
from genesis_hub.errors import BadInput

RECIPES = Path(__file__).parent / "recipes"
FAITHFUL = "faithful"


@dataclass(frozen=True)
class Recipe:
    """What a pre-training run is made by; None is chosen from the machine, and written down.

    method: which way to learn, a name of the roster. name: of the catalog: the network that is
    trained, and what its folder will be called.
    faithful: as published, with what is known to go wrong with it; else mended.
    weights: a name or a folder to begin with; nothing begins afresh.
    steps or epochs: how long. batch_size: of one step, over all processes and accumulated parts.
    seed: of the split, the network, the order, the views.
    width: what the channels are multiplied by. norm: of the network, as `create_model` takes it.
    lr: the rate at its peak. optimizer: "adamw", "adam", "sgd" (with Nesterov) or "momentum".
    weight_decay: of all but biases and norms; weight_decay_end: what it becomes by the last step,
    along half a cosine. schedule: "cosine", "constant" or "plateau".
    halve_every: epochs after which the rate is halved, each time; 0 never. warm_up: steps until
    the peak. clip: the greatest norm of the gradient; 0 leaves it as it is. accumulate: parts that
    a step is computed in, for memory. average: decay of the weights' moving average, which is then
    validated and kept. precision: "fp32", "bf16" or "fp16"; bf16 on a GPU, else fp32, by itself.
    devices: processes on this machine; torchrun sets it by itself.
    validation: share of the patients kept for it.
    looks: items that are validated on, always the same, in always the same views.
    validate_every: steps between validations; an epoch of at most 1,000 steps if None. save_every:
    steps between checkpoints. patience: validations without anything better before it stops.
    shuffle: another order in every epoch; else as the images lie. backup_every: epochs after each
    of which the network is kept in a folder of its own, `backups/epoch-0025`; 0 never.
    workers: processes that read ahead. deterministic: operators that give the same bits.
    channels_last: the memory layout that convolutions are fastest in. compile: fuse operators with
    torch.compile, which takes a minute to begin.
    tolerate: share of the scans that may be left out, each named with its reason. no_check: take
    scans as they are, whatever they look like; NaN is refused all the same.
    hashes: perceptual hashes of what was seen lie in run.json and, without names, with the weights.
    pictures: sheets of what was seen, and curves, at every validation.
    """

    method: str
    name: str
    faithful: bool = False
    weights: str | None = None
    steps: int | None = None
    epochs: int | None = None
    batch_size: int = 32
    seed: int = 0
    width: float = 1.0
    norm: str | None = None
    lr: float = 1e-3
    optimizer: str = "adamw"
    weight_decay: float = 0.01
    weight_decay_end: float | None = None
    schedule: str = "cosine"
    halve_every: int = 0
    warm_up: int = 0
    clip: float = 1.0
    accumulate: int = 1
    average: float = 0.0
    precision: str | None = None
    devices: int = 1
    validation: float = 0.1
    looks: int = 64
    validate_every: int | None = None
    save_every: int = 500
    patience: int = 0
    shuffle: bool = True
    backup_every: int = 0
    workers: int = 0
    deterministic: bool = False
    channels_last: bool = True
    compile: bool = False
    tolerate: float = 0.1
    no_check: bool = False
    hashes: bool = True
    pictures: bool = True

    @property
    def size(self) -> tuple[int, ...]:
        """The sides of what the network sees."""
        raise NotImplementedError

    def stages(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the runs that this one is made of, each by the keys it has of its own; none: one.

        Each is named, lies in a folder of that name, and begins with where the last one ended.
        """
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return what a user should hear before the run begins."""
        return ()

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        check_schedule(self.schedule)
        check_optimizer(self.optimizer)
        if self.precision not in (None, *PRECISIONS):
            raise BadInput(f"precision={self.precision!r}; choose from {', '.join(PRECISIONS)}")
        self.at_least(1, "steps", "epochs", "batch_size", "accumulate", "save_every", "devices",
                      "looks")  # fmt: skip
        self.at_least(
            0,
            "seed",
            "workers",
            "patience",
            "warm_up",
            "validate_every",
            "halve_every",
            "backup_every",
        )
        for name, low, high in (
            ("lr", 0, 10), ("weight_decay", -1e-9, 10), ("average", -1e-9, 1), ("width", 0, 8),
            ("validation", -1e-9, 0.9), ("tolerate", -1e-9, 1), ("clip", -1e-9, 1e6),
        ):  # fmt: skip
            self.within(name, low, high)
        if self.steps is not None and self.epochs is not None:
            raise BadInput("steps and epochs were both given; give one")

    def at_least(self, least: int, *names: str) -> None:
        """Raise `BadInput` where a key is below what it may be."""
        for name in names:
            value = getattr(self, name)
            if value is not None and value < least:
                raise BadInput(f"{name}={value!r}, but it must be {least} or more")

    def within(self, name: str, low: float, high: float) -> None:
        """Raise `BadInput` where a key is not between two numbers."""
        value = getattr(self, name)
        if not low < value < high:
            least = f"from {max(low, 0):g}" if -1e-6 < low < 0 else f"above {low:g}"
            raise BadInput(
                f"{name}={value!r} is out of its range; give a number {least} and below {high:g}"
            )

    def one_of(self, name: str, choices: Iterable[str]) -> None:
        """Raise `BadInput` where a key is not one of some words."""
        value = getattr(self, name)
        if value not in choices:
            raise BadInput(f"{name}={value!r}; choose from {', '.join(choices)}")

    def pace(self, per_epoch: int) -> Pace:
        """Return what the loop needs of a recipe whose choices are made."""
        assert self.steps
        return Pace(
            steps=self.steps,
            batch_size=self.batch_size,
            lr=self.lr,
            seed=self.seed,
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            weight_decay_end=self.weight_decay_end,
            schedule=self.schedule,
            warm_up=self.warm_up,
            halve_every=self.halve_every * per_epoch,
            clip=self.clip,
            accumulate=self.accumulate,
            average=self.average,
            validate_every=self.validate_every or 0,
            save_every=self.save_every,
            patience=self.patience,
            workers=self.workers,
            deterministic=self.deterministic,
            shuffle=self.shuffle,
        )


def recipe_names() -> list[str]:
    """Return the names of the recipes that come along."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def read_recipe(
    source: str | Path, wishes: Mapping[str, Any], kinds: Mapping[str, type[Recipe]]
) -> Recipe:
    """Return a shipped recipe, or one from a TOML file, with some of its keys set otherwise.

    kinds: what a recipe of each method is made of. The table [faithful] of a recipe holds what the
    published set-up has otherwise.
    """
    path = Path(source).expanduser()
    if not path.is_file():
        name = str(source).strip().lower().replace("_", "-")
        path = RECIPES / f"{name}.toml"
        if not path.is_file():
            near = close_names(name, recipe_names())
            raise BadInput(
                f"{str(source)!r} is no recipe and no file{near}; recipes: "
                f"{', '.join(recipe_names())}"
            )
    keys = read_toml(path)
    published = keys.pop(FAITHFUL, {})
    asked = {key.replace("-", "_"): value for key, value in wishes.items()}
    published = published if asked.get(FAITHFUL) is True else {}
    # How long is said in one of two units: what is said later counts.
    for later in (published, asked):
        if {"steps", "epochs"} & set(later):
            keys = {key: kept for key, kept in keys.items() if key not in ("steps", "epochs")}
        if later is published:
            keys |= published
    for name in ("method", "name"):
        if not isinstance(keys.get(name), str):
            raise BadInput(f"{path}: {name} is missing; a recipe begins with method and name")
        if name in asked:
            raise BadInput(f"{name}={asked[name]!r}: a recipe has its own; take another recipe")
    method = keys.pop("method")
    if method not in kinds:
        raise BadInput(f"{path}: method={method!r}; choose from {', '.join(kinds)}")
    begun = kinds[method](method=method, name=keys.pop("name"))
    recipe = filled(filled(begun, keys, source=str(path.name)), asked, source="the command")
    recipe.check()
    return recipe


def key_names(kind: type[Recipe] = Recipe) -> list[str]:
    """Return all keys that a kind of recipe takes."""
    return [field.name for field in fields(kind)][2:]
