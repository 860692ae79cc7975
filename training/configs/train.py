"""The config of a pre-training run, by the keys that the proxy tasks were published with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genesis_hub.configs.reading import Read, read_config, read_json
from genesis_hub.configs.shared import PATCHES, Shared
from genesis_hub.configs.shipped import located
from genesis_hub.errors import BadInput

SOURCES = ("dataset", "batch")
# Keys that only a config of fine-tuning has.
LATER = (
    "prediction_architecture", "model_checkpoint", "load_weights", "epochs_warmup", "exp_splits",
    "repetitions", "data_dir_train", "data_dir_test", "csv_file", "csv_file_train", "csv_file_test",
    "test_data_generator_args", "loss", "metrics", "scores", "epochs_initialized", "epochs_frozen",
    "epochs_random", "num_classes",
)  # fmt: skip
CODED = ("cpc", "exemplar")
# What a task has no use for.
UNUSED = {
    "rotation": ("patches_per_side", "patch_jitter", "crop_size", "code_size", "embed_dim"),
    "rpl": ("crop_size", "code_size", "embed_dim"),
    "jigsaw": ("crop_size", "code_size", "embed_dim"),
    "exemplar": ("patches_per_side", "patch_jitter", "crop_size", "top_architecture"),
    "cpc": ("top_architecture",),
}


@dataclass(frozen=True)
class TrainConfig(Shared):
    """What a run of pre-training is told, beside what configs share.

    epochs: how long. batch_size: of pretext samples: an image of CPC is 2P of them in 2D and 2P^2
    in 3D. train_val_split: the share to learn from, val_split's older name. base_workspace: where
    runs lie whose place is not said. save_checkpoint_every_n_epochs: the network is kept after so
    many, better or not; 0 never. sample_neg_examples_from: exemplar's others, "batch" or "dataset".
    """

    batch_size: int = 2
    epochs: int = 250
    base_workspace: str = "workspace"
    train_val_split: float | None = None
    save_checkpoint_every_n_epochs: int = 0
    sample_neg_examples_from: str = "batch"

    @property
    def validation(self) -> float:
        """The share of the images that is kept for validation."""
        if self.train_val_split is not None:
            return round(1 - self.train_val_split, 9)
        return self.val_split or 0.0

    @property
    def rate(self) -> float:
        """The learning rate."""
        return self.lr or (1e-3 if self.algorithm in ("cpc", "rpl") else 1e-4)

    @property
    def samples(self) -> int:
        """How many pretext samples an image is."""
        return 2 * self.per_side ** (self.ndim - 1) if self.algorithm == "cpc" else 1

    @property
    def images(self) -> int:
        """How many images are in a batch."""
        return max(1, self.batch_size // self.samples)

    @property
    def shuffled(self) -> bool:
        """Whether every epoch has another order; where nothing is said, in 3D alone."""
        asked = self.train_data_generator_args.shuffle
        return self.data_is_3D if asked is None else asked

    @property
    def folder(self) -> Path:
        """Where the run lies, where nothing else is said."""
        named = self.dataset_name or f"{self.ndim}d"
        return Path(self.base_workspace).expanduser() / f"{self.algorithm}_{named}"

    def check(self) -> None:
        """Raise `BadInput` where keys cannot be used, alone or together."""
        super().check()
        self.one_of("sample_neg_examples_from", self.sample_neg_examples_from, SOURCES)
        if self.epochs < 1:
            raise BadInput(f"epochs={self.epochs}, but it must be 1 or more")
        if self.save_checkpoint_every_n_epochs < 0:
            raise BadInput(
                f"save_checkpoint_every_n_epochs={self.save_checkpoint_every_n_epochs}; give a "
                "number of epochs, or 0 for none"
            )
        if self.train_val_split is not None and not 0 < self.train_val_split <= 1:
            raise BadInput(
                f"train_val_split={self.train_val_split:g} is no share to learn from; give "
                "val_split, the share kept for validation"
            )
        if self.validation >= 0.9:
            raise BadInput(
                f"val_split={self.validation:g} leaves little to learn from; give less than 0.9"
            )
        train, val = self.train_data_generator_args, self.val_data_generator_args
        for key in ("patch_size", "patches_per_scan"):
            one, other = getattr(train, key), getattr(val, key)
            if other not in (None, one):
                raise BadInput(
                    f"val_data_generator_args: {key}={other!r}, but train_data_generator_args has "
                    f"{one!r}; what is learned and what is validated on are cut alike: give both "
                    "alike, or only the latter"
                )

    def notes(self, given: Iterable[str]) -> tuple[str, ...]:
        """Return what a user should hear of the keys that were given."""
        given = set(given)
        said = []
        idle = [key for key in UNUSED[self.algorithm] if key in given]
        if self.encoder:
            idle += [k for k in ("enc_filters", "num_layers", "model_params") if k in given]
        if self.algorithm != "exemplar" and "sample_neg_examples_from" in given:
            idle.append("sample_neg_examples_from")
        if idle:
            said.append(f"{self.algorithm} here has no use for {', '.join(idle)}: left aside")
        if self.algorithm in CODED and self.embed_dim:
            said.append(
                f"embed_dim={self.embed_dim} was left aside: code_size={self.code_size} says how "
                "large codes are"
                if self.code_size
                else f"embed_dim={self.embed_dim} was read as code_size, whose older name it is"
            )
        if self.samples > 1:
            said.append(
                f"batch_size={self.batch_size} counts pretext samples: at {self.samples} of each "
                f"image ({self.per_side} patches a side) a batch has {self.images} image(s)"
            )
        if self.train_val_split is not None and "val_split" in given:
            said.append(f"val_split was left aside: train_val_split={self.train_val_split:g}")
        if self.shuffle_before_split:
            said.append("shuffle_before_split: what is validated on is drawn by seed in any case")
        if not self.shuffled:
            said.append(
                "images come in the order of their names in every epoch; "
                '"train_data_generator_args": {"shuffle": true} changes that'
            )
        return (*said, *self.labels(), *self.still())

    def labels(self) -> tuple[str, ...]:
        """Return what is to be said of keys that speak of labels."""
        found = []
        for table in ("train_data_generator_args", "val_data_generator_args"):
            args = getattr(self, table)
            keys = [key for key in ("multilabel", "label_stem", "n_classes") if getattr(args, key)]
            if keys:
                found.append(
                    f"{table}: {', '.join(keys)} left aside: pre-training looks at no labels; "
                    "fine-tuning takes them"
                )
        return tuple(found)

    def still(self) -> tuple[str, ...]:
        """Return what is to be said where validation was to be shuffled."""
        if not self.val_data_generator_args.shuffle:
            return ()
        return (
            "val_data_generator_args: shuffle left aside: validation sees the same images in the "
            "same views each time, so that its numbers can be compared",
        )


def read_train(
    source: str | Path, wishes: Mapping[str, Any], more: Iterable[str]
) -> Read[TrainConfig]:
    """Return a config, a path or the file name of a shipped one, with keys set otherwise.

    more: keys of the recipe that are known beside the config's own.
    """
    path = located(source, "train")
    keys = read_json(path)
    if later := [key for key in LATER if key in keys]:
        raise BadInput(
            f"{path}: {later[0]} is of fine-tuning; give this config to genesis-hub finetune "
            "--config, or one of pre-training here"
        )
    found = read_config(path, TrainConfig, wishes, more=more)
    found.config.check()
    return found


def per_side_of(config: TrainConfig) -> dict[str, int]:
    """Return the grid's key, where the task has one."""
    return {"patches_per_side": config.per_side} if config.algorithm in PATCHES else {}
