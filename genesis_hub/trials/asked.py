"""The keys of a fine-tuning config, as published, each doing what it says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genesis_hub.configs.generators import GeneratorArgs
from genesis_hub.configs.shared import Shared
from genesis_hub.errors import BadInput

VARIANTS = ("frozen", "initialized", "random")
PREDICTIONS = (
    "big_fully", "simple_multiclass", "unet_2d_upconv", "unet_3d_upconv", "unet_3d_upconv_patches",
)  # fmt: skip
SELECTED = ("last", "score", "log_loss")
LR, WARM_UP = 1e-3, 2
TABLES = ("train_data_generator_args", "val_data_generator_args", "test_data_generator_args")


@dataclass(frozen=True)
class FinetuneConfig(Shared):
    """What trials are made by; what is left away stands as published.

    prediction_architecture: "big_fully" answers by one number, with loss "mse"; "simple_multiclass"
    by classes, or by bits with multilabel; "unet_2d_upconv", "unet_3d_upconv" and
    "unet_3d_upconv_patches" by masks; nothing: n_prediction_layers of dim_prediction_layers units,
    and one number. dropout_rate: of these heads. num_classes: of grades or masks; nothing: as many
    as the data hold.
    model_checkpoint: a run's folder, a model's folder or file, or a name. load_weights: begin with
    it; nothing said: where one is given.
    epochs: of the variant that load_weights says. epochs_initialized, epochs_frozen, epochs_random:
    of each variant that is wanted, beside each other. epochs_warmup: the first of those
    initialized, in which the encoder stands still.
    repetitions: each by a seed of its own, 0 and up; with do_cross_val how many folds there are.
    exp_splits: percentages of the training cases, one after the other.
    data_dir_train, data_dir_test: folders of images; masks lie in <path>_labels. csv_file_train,
    csv_file_test, or csv_file with do_cross_val: pictures with grades, which lie in data_dir.
    sample_classes_uniform: each grade is drawn as often as any other.
    loss, loss_weights, metrics (told for each epoch), scores (of the test cases at the end).
    clipnorm: the greatest norm of each tensor's gradient. clipvalue: of each number of it.
    select: which weights are scored: "last", as published, or those that validation liked best, by
    "score" (AUC, or Dice) or, of grades, "log_loss".
    """

    epochs: int | None = None
    epochs_warmup: int | None = None
    epochs_initialized: int | None = None
    epochs_frozen: int | None = None
    epochs_random: int | None = None
    repetitions: int = 2
    exp_splits: tuple[float, ...] = (100.0, 10.0, 1.0)
    do_cross_val: bool = False
    sample_classes_uniform: bool = False
    prediction_architecture: str | None = None
    n_prediction_layers: int = 2
    dim_prediction_layers: int = 1024
    dropout_rate: float = 0.5
    num_classes: int | None = None
    data_dir_train: str | None = None
    data_dir_test: str | None = None
    csv_file: str | None = None
    csv_file_train: str | None = None
    csv_file_test: str | None = None
    test_data_generator_args: GeneratorArgs = field(default_factory=GeneratorArgs)
    loss: str = "mse"
    loss_weights: tuple[float, ...] = ()
    metrics: tuple[str, ...] = ("mse",)
    scores: tuple[str, ...] = ("qw_kappa",)
    clipnorm: float | None = None
    clipvalue: float | None = None
    load_weights: bool | None = None
    model_checkpoint: str | None = None
    base_workspace: str | None = None
    save_checkpoint_every_n_epochs: int | None = None
    select: str = "last"

    @property
    def rate(self) -> float:
        """The learning rate."""
        return LR if self.lr is None else self.lr

    @property
    def by_table(self) -> bool:
        """Whether pictures have grades, in tables, and no masks."""
        return any((self.csv_file, self.csv_file_train, self.csv_file_test))

    @property
    def by_masks(self) -> bool:
        """Whether masks are answered."""
        return (self.prediction_architecture or "").startswith("unet")

    @property
    def tables(self) -> tuple[str, str | None]:
        """The table that is learned from, and that which is tested on; none with folds."""
        train = self.csv_file_train or self.csv_file
        if self.do_cross_val:
            train = self.csv_file or self.csv_file_train
        assert train is not None
        return train, None if self.do_cross_val else self.csv_file_test

    @property
    def coding(self) -> str:
        """How a grade is written: "one" class, "bits", or the "reference" bits."""
        args = self.train_data_generator_args
        if not args.multilabel:
            return "one"
        return "reference" if args.multilabel_coding == "reference" else "bits"

    @property
    def variants(self) -> dict[str, int]:
        """The epochs of each variant that is run, in the published order."""
        told = {name: getattr(self, f"epochs_{name}") for name in VARIANTS}
        if any(epochs is not None for epochs in told.values()):
            return {name: epochs for name, epochs in told.items() if epochs}
        loaded = self.load_weights
        if loaded is None:
            loaded = self.model_checkpoint is not None
        epochs = 5 if self.epochs is None else self.epochs
        return {"initialized" if loaded else "random": epochs}

    @property
    def warm_up(self) -> int:
        """The first epochs of those initialized, in which the encoder stands still."""
        return WARM_UP if self.epochs_warmup is None else self.epochs_warmup

    def notes(self) -> tuple[str, ...]:
        """Return what a user should hear of keys that change what is looked at, or nothing."""
        said = []
        for table, whose in zip(TABLES[1:], ("validation", "test"), strict=True):
            args = getattr(self, table)
            if args.augmented != "none":
                how = "zoomed" if args.augmented == "zoom" else "augmented as training images are"
                said.append(
                    f"{table}: {whose} images are {how}, each by a seed that follows from its "
                    "name, so that every run is measured on the same views; they are not those "
                    "that were taken"
                )
            if args.shuffle:
                said.append(
                    f"{table}: shuffle left aside: in whatever order images come, what is measured "
                    "is the same"
                )
        return tuple(said)

    def check(self) -> None:
        """Raise `BadInput` where keys cannot be used, alone or together."""
        super().check()
        if self.prediction_architecture is not None:
            self.one_of("prediction_architecture", self.prediction_architecture, PREDICTIONS)
        for key in ("repetitions", "n_prediction_layers", "dim_prediction_layers"):
            if getattr(self, key) < 1:
                raise BadInput(f"{key}={getattr(self, key)}, but it must be 1 or more")
        for key in ("clipnorm", "clipvalue"):
            value = getattr(self, key)
            if value is not None and value <= 0:
                raise BadInput(f"{key}={value:g}; give a number above 0, or leave it away")
        if not 0 <= self.dropout_rate < 1:
            raise BadInput(f"dropout_rate={self.dropout_rate:g}; give a share from 0 to below 1")
        if self.num_classes is not None and self.num_classes < 2:
            raise BadInput(f"num_classes={self.num_classes}, but there are 2 or more")
        if not self.exp_splits or not all(0 < share <= 100 for share in self.exp_splits):
            raise BadInput(
                f"exp_splits={list(self.exp_splits)}; give percentages above 0 and up to 100, such "
                "as [100, 50, 25, 10]"
            )
        self.one_of("select", self.select, SELECTED)
        if self.select != "last" and not self.val_split:
            raise BadInput(
                f"select={self.select!r} takes what validation liked best, but nothing is kept for "
                "validation; give val_split, such as 0.1, or select='last'"
            )
        if self.select == "log_loss" and self.by_masks:
            raise BadInput("select='log_loss' is of grades; masks are chosen by select='score'")
        self.check_epochs()
        self.check_tables()

    def check_epochs(self) -> None:
        """Raise `BadInput` where there is nothing to train, or no weights to train from."""
        for key in ("epochs", "epochs_warmup", *(f"epochs_{name}" for name in VARIANTS)):
            value = getattr(self, key)
            if value is not None and value < 0:
                raise BadInput(f"{key}={value}, but it must be 0 or more")
        told = [
            f"epochs_{name}" for name in VARIANTS if getattr(self, f"epochs_{name}") is not None
        ]
        if self.epochs is not None and told:
            raise BadInput(
                f"epochs={self.epochs} and {', '.join(told)} were all given; epochs is of the one "
                "variant that load_weights says, so give either it or the others"
            )
        if not any(self.variants.values()):
            raise BadInput(
                "there is nothing to train: give epochs, or epochs_initialized, epochs_frozen or "
                "epochs_random"
            )
        loaded = [name for name in self.variants if name != "random"]
        if loaded and self.load_weights is False:
            raise BadInput(
                f"load_weights is false, but epochs_{loaded[0]}={self.variants[loaded[0]]} asks "
                "for a run with weights; give epochs_random, or leave load_weights away"
            )
        if self.load_weights and not loaded:
            raise BadInput(
                f"load_weights is true, but epochs_random={self.variants['random']} asks for runs "
                "without weights alone; give epochs_initialized too, or leave load_weights away"
            )
        if loaded and not self.model_checkpoint:
            raise BadInput(
                "model_checkpoint is missing: a run's folder, a model's folder or a name; or give "
                "load_weights: false to begin without weights"
            )
        epochs = self.variants.get("initialized")
        if epochs is not None and self.warm_up >= epochs:
            said = "" if self.epochs_warmup is not None else " (as published where it is left away)"
            raise BadInput(
                f"epochs_warmup={self.warm_up}{said}, but only {epochs} epochs are trained in all; "
                "give fewer, or 0 for none"
            )

    def check_tables(self) -> None:
        """Raise `BadInput` where data and what is asked of them do not fit."""
        both = [key for key in ("csv_file_train", "csv_file_test") if getattr(self, key)]
        if self.do_cross_val:
            if self.repetitions < 2:
                raise BadInput(
                    f"do_cross_val with repetitions={self.repetitions}: repetitions is how many "
                    "folds there are, and one fold leaves nothing to learn from; give 2 or more"
                )
        elif self.csv_file and not both:
            raise BadInput(
                "csv_file is one table for do_cross_val; give do_cross_val: true, or "
                "csv_file_train and csv_file_test"
            )
        elif len(both) == 1:
            raise BadInput(f"{both[0]} alone was given; give csv_file_train and csv_file_test")
        if self.by_table and self.data_is_3D:
            raise BadInput("a table of grades is of pictures; give data_is_3D: false")
        if self.sample_classes_uniform and not self.by_table:
            raise BadInput(
                "sample_classes_uniform draws each grade equally often, but masks have none; leave "
                "it away"
            )
        for table in TABLES[1:]:
            self.check_beside(table)
        getattr(self, TABLES[2]).check(TABLES[2], self.ndim)

    def check_beside(self, table: str) -> None:
        """Raise `BadInput` where a table of another split cannot stand beside that of training."""
        train, other = self.train_data_generator_args, getattr(self, table)
        if other == GeneratorArgs():
            return
        for key in ("multilabel", "multilabel_coding"):
            if getattr(train, key) != getattr(other, key):
                raise BadInput(
                    f"{key} is {getattr(train, key)!r} in {TABLES[0]} and {getattr(other, key)!r} "
                    f"in {table}; one network answers both, so give the same"
                )
        if table == TABLES[1] and other.suffix and other.ending != train.ending:
            raise BadInput(
                f"{table}: suffix={other.suffix!r}, but validation cases are drawn from the "
                f"training files, which end on {train.suffix!r}; give the same"
            )


def out_of(config: FinetuneConfig) -> Path:
    """Return where trials lie by themselves: beside the checkpoint, its name and _test."""
    if not config.model_checkpoint:
        if config.base_workspace:
            word = f"{config.algorithm}_{config.dataset_name}".rstrip("_")
            return Path(config.base_workspace).expanduser() / f"{word}_test"
        raise BadInput("give --out DIR: without model_checkpoint nothing says where trials lie")
    path = Path(config.model_checkpoint).expanduser()
    return path.parent / f"{path.name if path.is_dir() else path.stem}_test"


def percents(shares: Sequence[float]) -> list[float]:
    """Return the shares to be run, each once, in the order they were given."""
    return list(dict.fromkeys(shares))
