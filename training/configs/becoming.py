"""A config becomes the recipe of its proxy task, as published: Adam at one rate, nothing else."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genesis_hub.configs.generators import GeneratorArgs
from genesis_hub.configs.reading import Read
from genesis_hub.configs.shared import ALGORITHMS
from genesis_hub.engine.recipe import filled
from genesis_hub.engine.runfile import write
from genesis_hub.errors import BadInput
from training.configs.train import TrainConfig, per_side_of, read_train
from training.recipe import Recipe, key_names

COPY = "train.json"
LOOKS = {2: 256, 3: 64}  # What validation holds at once: pictures are small.
PUBLISHED: dict[str, Any] = {
    "optimizer": "adam", "weight_decay": 0.0, "schedule": "constant", "warm_up": 0, "clip": 0.0,
}  # fmt: skip
TELLS = ("rotation", "rpl", "jigsaw")


@dataclass(frozen=True)
class Asked:
    """What a config asks for: a recipe, where its images lie, where the run is to lie.

    notes: what a user should hear. facts: what the run's file should say beside. beside: files that
    are written with it, the config among them, as it was meant with all that was set otherwise.
    """

    recipe: Recipe
    data: str
    out: Path
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)


def is_config(source: str | Path) -> bool:
    """Say whether a run is told in JSON."""
    return str(source).lower().endswith(".json")


def asked_for(
    source: str | Path,
    wishes: Mapping[str, Any],
    kinds: Mapping[str, type[Recipe]],
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
) -> Asked:
    """Return what a config asks for, or raise `BadInput`.

    wishes: keys of the config, and of the recipe that it becomes, set otherwise. kinds: what a
    recipe of each method is made of. data, out: else the config's own.
    """
    known = {name for kind in kinds.values() for name in key_names(kind)}
    found = read_train(source, wishes, known)
    config = found.config
    if not data and not config.data_dir:
        raise BadInput(f"{source}: data_dir is missing, and --data was not given; give either")
    if not data and not Path(config.data_dir or "").expanduser().exists():
        raise BadInput(
            f"data_dir={config.data_dir!r}: nothing lies there; give the folder of images to "
            "--data, or as data_dir=FOLDER"
        )
    recipe = becoming(found, kinds)
    lies = str(data or config.data_dir)
    told = {**said_of(config, found.given), **found.more, "data_dir": lies}
    return Asked(
        recipe,
        lies,
        Path(out) if out else config.folder,
        (*found.notes, *config.notes(found.given - set(found.more))),
        {"dataset_name": config.dataset_name} if config.dataset_name else {},
        {COPY: lambda path: write(path, told)},
    )


def said_of(config: TrainConfig, given: Collection[str]) -> dict[str, Any]:
    """Return the keys of a config that were given, as JSON holds them."""
    usual = asdict(GeneratorArgs())
    told = {key: value for key, value in asdict(config).items() if key in given}
    for table, args in told.items():
        if table.endswith("_args"):
            told[table] = {key: value for key, value in args.items() if value != usual[key]}
    return told


def becoming(found: Read[TrainConfig], kinds: Mapping[str, type[Recipe]]) -> Recipe:
    """Return the recipe that a config becomes."""
    config = found.config
    kind, begun = kinds[config.method], {**keys_of(config), **own_keys(config)}
    if stray := set(found.more) - set(key_names(kind)):
        key = min(stray)
        others = [name for name in ALGORITHMS if key in key_names(kinds[f"{name}-{config.ndim}d"])]
        raise BadInput(
            f"{key}={found.more[key]!r} is no key of {config.method}; "
            f"{'it is one of ' + ', '.join(others) if others else 'leave it away'}"
        )
    if found.more.get("steps"):
        del begun["epochs"]  # How long is said in one of two units.
    bare = kind(method=config.method, name=config.method)
    recipe = filled(filled(bare, begun, source="the config"), found.more, source="the config")
    recipe.check()
    return recipe


def keys_of(config: TrainConfig) -> dict[str, Any]:
    """Return what all proxy tasks are told."""
    train, val = config.train_data_generator_args, config.val_data_generator_args
    return {
        **PUBLISHED,
        "data_dim": config.data_dim,
        "number_channels": config.number_channels,
        "encoder_architecture": config.encoder,
        "enc_filters": config.filters,
        "dropout": config.dropout,
        "pooling": config.pool,
        "augment": train.augment,
        "augment_zoom_only": train.augment_zoom_only,
        "val_augment": val.augment,
        "val_augment_zoom_only": val.augment_zoom_only,
        "suffix": train.ending,
        "val_suffix": val.ending,
        "patch_size": train.patch or (),
        "patches_per_scan": (train.patches_per_scan or 2) if train.patch else 1,
        "batch_size": config.images,
        "epochs": config.epochs,
        "lr": config.rate,
        "shuffle": config.shuffled,
        "validation": config.validation,
        "looks": LOOKS[config.ndim],
        "backup_every": config.save_checkpoint_every_n_epochs,
    }


def own_keys(config: TrainConfig) -> dict[str, Any]:
    """Return what a proxy task is told beside."""
    keys: dict[str, Any] = per_side_of(config)
    if keys:
        keys["patch_jitter"] = config.patch_jitter
    if config.algorithm in TELLS:
        keys["top_architecture"] = config.top_architecture or "none"
    else:
        keys["code_size"] = config.codes
    if config.algorithm == "exemplar":
        keys["sample_neg_examples_from"] = config.sample_neg_examples_from
    if config.algorithm == "cpc":
        keys["crop_size"] = config.crop_size or 0
    return keys
