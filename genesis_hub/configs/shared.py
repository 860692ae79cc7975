"""What configs of pre-training and of fine-tuning share: the network, the images, the split."""

from dataclasses import dataclass, field
from typing import Any, Literal

from genesis_hub.configs.generators import GeneratorArgs
from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput

ALGORITHMS = ("cpc", "rotation", "rpl", "jigsaw", "exemplar")
POOLINGS = ("none", "avg", "max")
TOPS = (
    "big_fully", "simple_multiclass", "unet_2d_upconv", "unet_3d_upconv", "unet_3d_upconv_patches",
    "none",
)  # fmt: skip
LAYERS = 4
PATCHES = {"cpc": 7, "rpl": 3, "jigsaw": 3}
FILTERS = {2: 16, 3: 8}
PARAMS = {"use_batch_norm": True, "dropout": 0.5, "dropout_change_per_layer": 0.0}


@dataclass(frozen=True)
class Shared:
    """The keys of both kinds of config; what is left away stands as published.

    algorithm: which proxy task. dataset_name: a free word that runs are called by.
    data_is_3D, data_dim, number_channels: of the images; others are brought to that side.
    data_dir: the folder of images. val_split: share of the cases kept for validation; None or 0:
    none. shuffle_before_split: they are drawn by seed, not taken from the end of the list.
    encoder_architecture: in 2D one of the published eight; nothing: the built-in U-Net.
    enc_filters, num_layers, model_params: of the built-in one. pooling: None (or "none"), "avg" or
    "max". top_architecture: the head of the proxy task.
    patches_per_side, patch_jitter, crop_size, code_size: of the proxy task. embed_dim: of the codes
    that `unet_3d_upconv_patches` mixes; the older name of code_size where that is absent.
    """

    algorithm: str
    dataset_name: str = ""
    data_is_3D: bool = False  # noqa: N815 - as it is published
    data_dim: int = 384
    number_channels: int = 3
    data_dir: str | None = None
    batch_size: int = 8
    lr: float | None = None
    val_split: float | None = 0.1
    shuffle_before_split: bool = False
    encoder_architecture: str | None = None
    top_architecture: str | None = "big_fully"
    pooling: str | None = "max"
    enc_filters: int | None = None
    num_layers: int = LAYERS
    model_params: dict[str, Any] = field(default_factory=dict)
    patches_per_side: int | None = None
    patch_jitter: int | None = None
    crop_size: int | None = None
    code_size: int | None = None
    embed_dim: int | None = None
    train_data_generator_args: GeneratorArgs = field(default_factory=GeneratorArgs)
    val_data_generator_args: GeneratorArgs = field(default_factory=GeneratorArgs)

    @property
    def ndim(self) -> Literal[2, 3]:
        """How many axes images have."""
        return 3 if self.data_is_3D else 2

    @property
    def method(self) -> str:
        """The name that the catalog and the recipes have for the proxy task."""
        return f"{self.algorithm}-{self.ndim}d"

    @property
    def encoder(self) -> str:
        """The encoder's name; nothing for the built-in one."""
        return self.encoder_architecture or ""

    @property
    def pool(self) -> str:
        """The pooling in a word."""
        return (self.pooling or "none").lower()

    @property
    def filters(self) -> int:
        """Channels of the built-in encoder's first level."""
        return self.enc_filters or FILTERS[self.ndim]

    @property
    def per_side(self) -> int:
        """Patches a side; 1 where the task has none."""
        return self.patches_per_side or PATCHES.get(self.algorithm, 1)

    @property
    def codes(self) -> int:
        """The size of the proxy task's codes."""
        return self.code_size or self.embed_dim or 1024

    @property
    def dropout(self) -> float:
        """The dropout of the built-in encoder."""
        return float(self.model_params.get("dropout", PARAMS["dropout"]))

    def check(self) -> None:
        """Raise `BadInput` where keys cannot be used, alone or together."""
        self.one_of("algorithm", self.algorithm, ALGORITHMS)
        self.one_of("pooling", self.pool, POOLINGS)
        if self.top_architecture is not None:
            self.one_of("top_architecture", self.top_architecture, TOPS)
        for key in ("data_dim", "number_channels", "batch_size", "enc_filters", "patches_per_side",
                    "crop_size", "code_size", "embed_dim"):  # fmt: skip
            value = getattr(self, key)
            if value is not None and value < 1:
                raise BadInput(f"{key}={value}, but it must be 1 or more")
        if self.lr is not None and not 0 < self.lr < 10:
            raise BadInput(f"lr={self.lr!r}; give a rate above 0 and below 10, such as 0.0001")
        if self.val_split is not None and not 0 <= self.val_split < 1:
            raise BadInput(
                f"val_split={self.val_split:g} is no share; give one from 0 to below 1, such as "
                "0.05, or null for no validation"
            )
        if any(mark in self.dataset_name for mark in "/\\") or self.dataset_name in (".", ".."):
            raise BadInput(
                f"dataset_name={self.dataset_name!r} names the run's folder; leave out slashes"
            )
        self.check_encoder()
        for table in ("train_data_generator_args", "val_data_generator_args"):
            getattr(self, table).check(table, self.ndim)

    def check_encoder(self) -> None:
        """Raise `BadInput` where there is no such encoder."""
        if self.encoder and self.data_is_3D:
            raise BadInput(
                f"encoder_architecture={self.encoder!r} is of pictures, but data_is_3D is true: "
                "volumes are learned from with the built-in U-Net; leave encoder_architecture away "
                "(enc_filters says how wide it is), or give data_is_3D: false"
            )
        check_layers(self.num_layers)
        for key, value in self.model_params.items():
            if key not in PARAMS:
                raise BadInput(
                    f"model_params: {key!r} is no key{close_names(key, PARAMS)}; all: "
                    f"{', '.join(PARAMS)}"
                )
            if key != "dropout" and value != PARAMS[key]:
                raise BadInput(
                    f"model_params: {key}={value!r}, but the catalog's encoder has "
                    f"{str(PARAMS[key]).lower()}, as published; leave it away (dropout may be set)"
                )
        dropout = self.model_params.get("dropout", 0.0)
        if (
            isinstance(dropout, bool)
            or not isinstance(dropout, int | float)
            or not 0 <= dropout < 1
        ):
            raise BadInput(f"model_params: dropout={dropout!r}; give a share from 0 to below 1")

    def one_of(self, key: str, value: str, choices: tuple[str, ...]) -> None:
        """Raise `BadInput` where a word is not one of some."""
        if value not in choices:
            near = close_names(value, choices)
            raise BadInput(f"{key}={value!r}; choose from {', '.join(choices)}{near}")


def check_layers(count: int) -> None:
    """Raise `BadInput` where the built-in encoder does not halve its input so often."""
    if count != LAYERS:
        raise BadInput(
            f"num_layers={count}, but the catalog's encoder halves {LAYERS} times, and it is what "
            f"is published; leave num_layers={LAYERS}"
        )
