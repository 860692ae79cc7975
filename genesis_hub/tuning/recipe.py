"""The recipe of a fine-tuning run: plain numbers and words, with defaults that work unread."""

from dataclasses import dataclass

from genesis_hub.engine.pace import Pace
from genesis_hub.tuning.checking import check


@dataclass(frozen=True)
class Recipe:
    """What a run is made by; None is chosen from the model and the data, and written down.

    task: "classification" or "segmentation"; told from the data by itself.
    reader: the layout of the data, where it is not told by itself. image, mask, labels, patient,
    split: columns of a table, or what of a published data set is meant (mask = "heart"); several
    `labels` may come together. classes: their names in order, or
    "1=lung": what stands in the data and the name it has; two values may share a name.
    steps or epochs: how long; epochs count the training cases once. batch_size: cases of one step,
    over all processes and accumulated parts; as published where memory allows, fewer on a CPU.
    seed: of the split, the fresh layers, the order and the augmentation. lr: the rate at its peak.
    optimizer: "adamw", "adam" (decay is then part of the gradient), "sgd" or, without Nesterov,
    "momentum". weight_decay: of all but biases and norms. schedule: what follows the peak:
    "cosine", "constant" or "plateau", which halves it again and again. plateau: how many
    validations in a row without anything better that takes; a third of the patience.
    warm_up: steps until the peak. clip: the greatest norm of the gradient; 0 leaves it as it is.
    clip_each: the greatest norm of each tensor's gradient by itself; 0: any. clip_value: the
    greatest number in a gradient; 0: any. restart: epochs at which the optimizer forgets its
    averages, as a new one would begin.
    accumulate: parts that a step is computed in, for memory. average: decay of the weights' moving
    average, which is then validated and kept; 0 keeps none. validate_every: steps between
    validations. save_every: steps between checkpoints. patience: validations without anything
    better before it stops; 0 never stops. select: what is better: "score" (AUC, or Dice) or, for
    classification, "log_loss"; "last" keeps the last weights, however good. complain: stop a run
    whose validations say that nothing will come of it. workers: processes
    that read cases ahead. precision: "fp32", "bf16" or "fp16". deterministic: operators that give
    the same bits each time, also on a GPU, where there are such.

    transfer: "encoder" leaves the decoder fresh (a decoder that learned to restore converges more
    slowly at first), "all" takes it too. scratch: take no weights at all.
    operator: what makes a volume network of a 2D encoder: "lstm" classifies, "conv3d" segments;
    size is then (X, Y, slices), all slices for "lstm" unless fewer are asked for.
    freeze: train the head and decoder only; the encoder answers as in prediction, its norms and
    dropout standing still, too. cache: while the encoder is frozen (freeze, or unfreeze's first
    epochs) and without augmentation, compute its features of each case once. layer_decay: each
    stage below the head learns at this share of the one above. unfreeze: epochs from which the
    encoder's stages are trained, the last stage's first; before, their norms stand still, too.
    lora: rank of the adapters that learn in the encoder's place (0: none); they are merged into
    what is saved. lora_alpha: what they add counts lora_alpha / lora; twice the rank by itself.
    width, norm, head, dropout, encoder, decoder: of the network, as `create_model` takes them.
    block_dropout: between the convolutions of the proxy tasks' U-Net; theirs was 0.5, with which
    less is learned in the same steps (Dice .49, not .62, after 150).
    pooling: of its last map, as `create_model` takes it; flattened maps are those of `size`.

    loss: "default": cross-entropy, and Dice for masks; else one the proxy tasks published:
    "weighted_dice_loss", "jaccard_distance", "weighted_categorical_crossentropy",
    "weighted_sum_loss", "binary_crossentropy" (labels that come together; or each class of a mask
    by itself), "categorical_crossentropy", "mse" (the head gives one number, the grade among
    classes in an order; for masks and labels that come together, the squares of probabilities).
    loss_weights: how much each class counts in the first four; by itself alike, or 1, 5, 10 of
    three in the weighted entropies.
    class_weights: rare classes count more in the loss. label_smoothing: share of a label that is
    given to all classes alike.
    balanced: cases of rare classes are drawn as often as those of common ones.
    label_fraction: learn from this share of the training cases only, patients whole. shots: learn
    from so many training cases, drawn by the seed, patients whole; validation cases all stay.
    metrics: what is told of each batch, and of the validation cases, beside the loss: "accuracy",
    "mse", "weighted_dice_coefficient" (and with _per_class_pancreas that of each class),
    "brats_metrics", or "loss" alone. shuffle: training cases come in another order each epoch; else
    in that of the list.
    uncertain: what a label of -1 counts as in training: "unknown" (left out of the loss), "ones",
    "zeros", "lsr-ones" or "lsr-zeros" (drawn from 0.55 to 0.85, or 0 to 0.3, for each step).
    tested: labels that validation goes by and whose mean AUC is told as tested_auc, too; all if
    none is named. ten_crop: test pictures are brought to this many pixels a side, and the mean of
    the probabilities of ten crops of `size` counts (corners, middle, and the same in the mirror);
    0: the whole picture, as `predict` shows it.
    augment: "default" by modality, "benchmark" (as X-ray encoders are compared with: parts of 8 %
    of the picture and more, turned by up to 7 degrees; for masks gentler ones, with values and
    bends), "proxy" (as the proxy tasks were fine-tuned: zoomed by up to 15 %, turned, mirrored;
    volumes also brightened), "zoom" (that alone, of pictures) or "none". val_augment, test_augment:
    of validation and of test images, "proxy", "zoom" or "none", each image always by the seed that
    its name is; `predict` and report.html see images as they are. mirror: left and right may
    be exchanged. held: side at which training pictures are held, so that small parts of them stay
    sharp; 0: that of `size`.
    size: of the patches or pictures. spacing: millimetres of the grid they are cut from; `predict`
    undoes it. foreground: share of patches with something in them.
    modality, range: what the values are, as `from_pretrained` takes them. no_check: take images as
    they are, whatever they look like.
    recalibrate: batches from which batch norms learn their statistics anew before the model is
    looked at; 0 leaves their running averages.
    hashes: perceptual hashes of the training images are left in run.json and, without names, with
    the weights, so that an audit can tell what they saw; who has an image can tell it, too.
    report: draw report.html when the run is over; it changes nothing that is learned.
    """

    task: str | None = None
    reader: str | None = None
    image: tuple[str, ...] = ()
    mask: str | None = None
    labels: tuple[str, ...] = ()
    patient: str | None = None
    split: str | None = None
    classes: tuple[str, ...] = ()
    steps: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    seed: int = 0
    lr: float | None = None
    optimizer: str = "adamw"
    weight_decay: float = 0.01
    schedule: str = "cosine"
    plateau: int | None = None
    warm_up: int | None = None
    clip: float = 1.0
    clip_each: float = 0.0
    clip_value: float = 0.0
    restart: tuple[int, ...] = ()
    accumulate: int = 1
    average: float = 0.0
    validate_every: int | None = None
    save_every: int = 100
    patience: int = 0
    select: str = "score"
    complain: bool = True
    workers: int = 0
    precision: str = "fp32"
    deterministic: bool = False
    transfer: str = "encoder"
    scratch: bool = False
    operator: str | None = None
    freeze: bool = False
    cache: bool = False
    lora: int = 0
    lora_alpha: float | None = None
    layer_decay: float = 1.0
    unfreeze: tuple[int, ...] = ()
    loss: str = "default"
    loss_weights: tuple[float, ...] = ()
    class_weights: bool = False
    encoder: str | None = None
    pooling: str | None = None
    dropout: float = 0.5
    block_dropout: float = 0.0
    width: float | None = None
    norm: str | None = None
    head: str = "linear"
    decoder: str | None = None
    size: tuple[int, ...] | None = None
    augment: str = "default"
    val_augment: str = "none"
    test_augment: str = "none"
    mirror: bool | None = None
    foreground: float = 0.5
    balanced: bool = False
    label_smoothing: float = 0.0
    label_fraction: float | None = None
    shots: int | None = None
    metrics: tuple[str, ...] = ()
    shuffle: bool = True
    uncertain: str = "unknown"
    tested: tuple[str, ...] = ()
    ten_crop: int = 0
    held: int = 0
    modality: str | None = None
    range: tuple[float, ...] | str | None = None
    spacing: tuple[float, ...] | None = None
    no_check: bool = False
    recalibrate: int = 10
    hashes: bool = True
    report: bool = True

    def check(self) -> None:
        """Raise `BadInput` where a key cannot be used."""
        check(self)

    def pace(self) -> Pace:
        """Return what the loop needs of a recipe whose choices are made."""
        assert self.steps
        assert self.batch_size
        assert self.lr
        return Pace(
            steps=self.steps,
            batch_size=self.batch_size,
            lr=self.lr,
            seed=self.seed,
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            schedule=self.schedule,
            warm_up=self.warm_up or 0,
            clip=self.clip,
            clip_each=self.clip_each,
            clip_value=self.clip_value,
            restart=self.restart,
            keep="last" if self.select == "last" else "best",
            complain=self.complain,
            accumulate=self.accumulate,
            average=self.average,
            validate_every=self.validate_every or 0,
            save_every=self.save_every,
            patience=self.patience,
            plateau=self.plateau or 0,
            workers=self.workers,
            deterministic=self.deterministic,
            shuffle=self.shuffle,
        )
