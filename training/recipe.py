"""The recipe of a pre-training run: plain numbers and words, filled from TOML and the command."""

from collections.abc import Mapping
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
MODALITIES = ("ct", "mri")
STAGES = ("en", "en_de")


@dataclass(frozen=True)
class Recipe:
    """What a pre-training run is made by; None is chosen from the machine, and written down.

    method: which way to learn, a name of the roster. name: of the catalog: the network that is
    trained, and what its folder will be called. preset: of Models Genesis's views.
    views: of a method that takes any restoration's, by name ("sg", "mg", "inpainting" and others).
    lambda_rec, lambda_cls: what restoring and telling classes apart count in the loss. stage:
    "en_de" learns both; "en" the encoder and its classes alone, to begin "en_de" with as `weights`.
    classes: of discovered patterns that are learned, the first so many; 0: all that there are.
    faithful: as published, with what is known to go wrong with it; else mended.
    weights: a name or a folder to begin with; nothing begins afresh.
    steps or epochs: how long; an epoch sees `scale` windows of every scan. batch_size: of one step,
    over all processes and accumulated parts. seed: of the split, the network, the order, the views.
    width: what the channels are multiplied by. norm: of the network, as `create_model` takes it.
    lr: the rate at its peak. optimizer: "adamw", "adam", "sgd" (with Nesterov) or "momentum".
    weight_decay: of all but biases and norms. schedule: "cosine", "constant" or "plateau".
    halve_every: epochs after which the rate is halved, each time; 0 never. warm_up: steps until
    the peak. clip: the greatest norm of the gradient; 0 leaves it as it is. accumulate: parts that
    a step is computed in, for memory. average: decay of the weights' moving average, which is then
    validated and kept. precision: "fp32", "bf16" or "fp16"; bf16 on a GPU, else fp32, by itself.
    devices: processes on this machine; torchrun sets it by itself.
    modality: of scans whose table says none: "ct" or "mri". range: (low, high), the values that
    become 0 and 1, or "image", each scan's own ends; by modality if None.
    input_rows, input_cols, input_deps: sides of the cubes, (X, Y, Z).
    scale: windows of each scan in an epoch. phantoms: made-up chests beside the scans, a window of
    each in an epoch. balanced: scans of each modality, and phantoms, come equally often.
    validation: share of the patients kept for it.
    looks: windows that are validated on, always the same, perturbed always alike.
    validate_every: steps between validations; an epoch of at most 1,000 steps if None. save_every:
    steps between checkpoints. patience: validations without anything better before it stops.
    workers: processes that cut cubes ahead. deterministic: operators that give the same bits.
    channels_last: the memory layout that convolutions are fastest in. compile: fuse operators with
    torch.compile, which takes a minute to begin.
    tolerate: share of the scans that may be left out, each named with its reason. no_check: take
    scans as they are, whatever they look like; NaN is refused all the same.
    hashes: perceptual hashes of what was seen lie in run.json and, without names, with the weights.
    pictures: sheets of restored slices and curves, at every validation.
    """

    method: str
    name: str
    preset: str = ""
    views: str = ""
    lambda_rec: float = 1.0
    lambda_cls: float = 0.01
    stage: str = "en_de"
    classes: int = 0
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
    schedule: str = "cosine"
    halve_every: int = 0
    warm_up: int = 0
    clip: float = 1.0
    accumulate: int = 1
    average: float = 0.0
    precision: str | None = None
    devices: int = 1
    modality: str = "ct"
    range: tuple[float, ...] | str | None = None
    input_rows: int = 64
    input_cols: int = 64
    input_deps: int = 32
    scale: int = 32
    phantoms: int = 0
    balanced: bool = False
    validation: float = 0.1
    looks: int = 64
    validate_every: int | None = None
    save_every: int = 500
    patience: int = 0
    workers: int = 0
    deterministic: bool = False
    channels_last: bool = True
    compile: bool = False
    tolerate: float = 0.1
    no_check: bool = False
    hashes: bool = True
    pictures: bool = True

    @property
    def size(self) -> tuple[int, int, int]:
        """The sides of the cubes."""
        return (self.input_rows, self.input_cols, self.input_deps)

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        check_schedule(self.schedule)
        check_optimizer(self.optimizer)
        if self.precision not in (None, *PRECISIONS):
            raise BadInput(f"precision={self.precision!r}; choose from {', '.join(PRECISIONS)}")
        if self.modality not in MODALITIES:
            raise BadInput(f"modality={self.modality!r}; choose from {', '.join(MODALITIES)}")
        if self.range not in (None, "image") and len(self.range or ()) != 2:
            raise BadInput(f"range={self.range!r}; give two numbers, low and high, or 'image'")
        if self.stage not in STAGES:
            raise BadInput(f"stage={self.stage!r}; choose from {', '.join(STAGES)}")
        for names, least in (
            (("steps", "epochs", "batch_size", "accumulate", "save_every", "scale", "devices",
              "input_rows", "input_cols", "input_deps", "looks"), 1),
            (("seed", "phantoms", "workers", "patience", "warm_up", "validate_every",
              "halve_every", "classes"), 0),
        ):  # fmt: skip
            for name in names:
                value = getattr(self, name)
                if value is not None and value < least:
                    raise BadInput(f"{name}={value!r}, but it must be {least} or more")
        for name, low, high in (
            ("lr", 0, 10), ("weight_decay", -1e-9, 10), ("average", -1e-9, 1), ("width", 0, 8),
            ("validation", -1e-9, 0.9), ("tolerate", -1e-9, 1), ("clip", -1e-9, 1e6),
            ("lambda_rec", -1e-9, 1e6), ("lambda_cls", -1e-9, 1e6),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low < value < high:
                raise BadInput(f"{name}={value!r} is out of its range")
        if self.steps is not None and self.epochs is not None:
            raise BadInput("steps and epochs were both given; give one")

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
        )


def recipe_names() -> list[str]:
    """Return the names of the recipes that come along."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def recipe_of(source: str | Path, wishes: Mapping[str, Any]) -> Recipe:
    """Return a shipped recipe, or one from a TOML file, with some of its keys set otherwise.

    The table [faithful] of a recipe holds what the published set-up has otherwise.
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
    begun = Recipe(method=keys.pop("method"), name=keys.pop("name"))
    recipe = filled(filled(begun, keys, source=str(path.name)), asked, source="the command")
    recipe.check()
    return recipe


def key_names() -> list[str]:
    """Return all keys of a recipe."""
    return [field.name for field in fields(Recipe)]
