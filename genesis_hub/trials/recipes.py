"""A config as the recipe of one run: which variant, for how long, by which seed."""

from dataclasses import dataclass
from typing import Any

from genesis_hub.data.cases import CaseList
from genesis_hub.data.readers import read
from genesis_hub.engine.recipe import filled
from genesis_hub.trials.asked import FinetuneConfig
from genesis_hub.trials.network import Network
from genesis_hub.tuning.recipe import Recipe

PATCHES = 3  # Of each volume in an epoch, as published, where patch_size alone is said.
UNET = {"unet_2d_upconv": "proxy", "unet_3d_upconv": "fresh", "unet_3d_upconv_patches": ""}


@dataclass(frozen=True)
class One:
    """One run: a variant of a repetition at a share of the labels, in per cent."""

    percent: float
    repetition: int
    variant: str
    epochs: int

    @property
    def title(self) -> str:
        """How the run's folder is called, below that of its share."""
        return f"split{self.percent:g}/{self.variant}_rep{self.repetition}"


def recipe_of(
    config: FinetuneConfig, network: Network, cases: CaseList, one: One, *, quick: dict[str, Any]
) -> Recipe:
    """Return the recipe of a run; its cases are parted. quick: keys that say how, not what."""
    per_epoch = steps_per_epoch(config, cases)
    warm_up = config.warm_up * rounds(config) if one.variant == "initialized" else 0
    keys: dict[str, Any] = {
        "task": cases.task,
        "steps": one.epochs * per_epoch,
        "batch_size": config.batch_size,
        "seed": one.repetition,
        "lr": config.rate,
        "optimizer": "adam",
        "weight_decay": 0.0,
        "schedule": "constant",
        "warm_up": 0,
        "clip": 0.0,
        "clip_each": config.clipnorm or 0.0,
        "clip_value": config.clipvalue or 0.0,
        "validate_every": per_epoch,
        "save_every": per_epoch * (config.save_checkpoint_every_n_epochs or 1),
        "select": config.select,
        "complain": False,  # Trials go on to the end: a share that teaches nothing is a result.
        "scratch": one.variant == "random",
        "freeze": one.variant == "frozen",
        "unfreeze": (warm_up,) if warm_up else (),
        "restart": (warm_up,) if warm_up else (),
        "size": size_of(config),
        "foreground": 0.0,
        "balanced": config.sample_classes_uniform,
        "augment": config.train_data_generator_args.augmented,
        "val_augment": config.val_data_generator_args.augmented,
        "test_augment": config.test_data_generator_args.augmented,
        "mirror": True,
        "shuffle": bool(config.train_data_generator_args.shuffle),
        "range": None if eight_bits(cases) else "image",
        "loss": config.loss,
        "loss_weights": config.loss_weights,
        "metrics": ("loss", *config.metrics),
        "encoder": network.encoder,
        "width": network.width if one.variant == "random" else None,
        "pooling": config.pool,
        "block_dropout": config.dropout,
        **answering(config, network),
        "report": False,
        **quick,
    }
    recipe = filled(Recipe(), {k: v for k, v in keys.items() if v is not None}, source="config")
    recipe.check()
    return recipe


def rounds(config: FinetuneConfig) -> int:
    """Return how often each case comes in an epoch: once, or once for each patch of it."""
    args = config.train_data_generator_args
    return (args.patches_per_scan or PATCHES) if args.patch else 1


def steps_per_epoch(config: FinetuneConfig, cases: CaseList) -> int:
    """Return the steps of one epoch as a config counts them."""
    return rounds(config) * max(1, -(-len(cases.of("train")) // config.batch_size))


def size_of(config: FinetuneConfig) -> tuple[int, ...]:
    """Return the sides of what the network sees."""
    return config.train_data_generator_args.patch or (config.data_dim,) * config.ndim


def eight_bits(cases: CaseList) -> bool:
    """Say whether images are pictures of 8 bits, whose 255 is white; others are scaled each."""
    image = read(cases.cases[0].images[0])
    return image.grey == (0.0, 255.0)


def answering(config: FinetuneConfig, network: Network) -> dict[str, Any]:
    """Return the head, or the decoder."""
    name = config.prediction_architecture
    if name in UNET:
        if network.encoder:  # Its maps are not those of the built-in U-Net.
            return {"decoder": "Unet", "pooling": None}
        made: dict[str, Any] = {"decoder": UNET[name]}
        if name == "unet_3d_upconv_patches":
            codes = config.embed_dim or config.codes
            made["decoder"] = f"patches-{config.per_side}x{codes}"
        return made
    plain = f"dense-{config.n_prediction_layers}x{config.dim_prediction_layers}"
    return {"head": name, "dropout": config.dropout_rate} if name else {"head": plain}
