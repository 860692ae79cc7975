"""What a config says of how its images are read: the tables `*_data_generator_args`."""

from dataclasses import dataclass

from genesis_hub.errors import BadInput

CODINGS = ("readme", "reference")


@dataclass(frozen=True)
class GeneratorArgs:
    """How the images of one split are read.

    suffix: the ending of the files that are taken, such as ".png"; nothing: all images.
    multilabel: a grade g of K becomes bits. multilabel_coding: "readme", K-1 bits of which the
    first g are set (0 is 00, 1 is 10, 2 is 11), or "reference", K bits of which the first g + 1
    are. augment: in 2D images are zoomed, turned and mirrored, in 3D mirrored, turned and
    brightened. augment_zoom_only: zoomed alone, in 2D, whatever `augment` says.
    shuffle: another order in every epoch; nothing said: as published, in 3D without labels only.
    label_stem: what a mask's name has after that of its image; nothing said: "" or "_label",
    whichever is there. n_classes: of masks; nothing: as many as there are.
    patch_size: side or sides of random sub-volumes; nothing: whole volumes. patches_per_scan: how
    many of each in an epoch; nothing said: 2 without labels, 3 with.
    """

    suffix: str = ""
    multilabel: bool = False
    multilabel_coding: str = "readme"
    augment: bool = False
    augment_zoom_only: bool = False
    shuffle: bool | None = None
    label_stem: str | None = None
    n_classes: int | None = None
    patch_size: int | tuple[int, ...] | None = None
    patches_per_scan: int | None = None

    @property
    def ending(self) -> str:
        """The ending, small and with its dot; nothing where all images are taken."""
        ending = self.suffix.strip().lower()
        return f".{ending}" if ending and not ending.startswith(".") else ending

    @property
    def patch(self) -> tuple[int, int, int] | None:
        """The sides of random sub-volumes; None where volumes are taken whole."""
        if self.patch_size is None:
            return None
        one = self.patch_size
        sides = (one,) * 3 if isinstance(one, int) else one
        return sides[0], sides[1], sides[2]

    @property
    def augmented(self) -> str:
        """How images are augmented in fine-tuning, in a word: "none", "proxy" or "zoom"."""
        if self.augment_zoom_only:
            return "zoom"
        return "proxy" if self.augment else "none"

    def check(self, table: str, ndim: int) -> None:
        """Raise `BadInput`, named by the table it stands in, where a key cannot be used."""
        if self.multilabel_coding not in CODINGS:
            raise BadInput(
                f"{table}: multilabel_coding={self.multilabel_coding!r}; choose from "
                f"{', '.join(CODINGS)}"
            )
        if any(mark in self.suffix for mark in "/\\*?"):
            raise BadInput(f'{table}: suffix={self.suffix!r}; give an ending such as ".png"')
        if ndim == 3 and self.augment_zoom_only:
            raise BadInput(
                f"{table}: augment_zoom_only is for pictures; volumes are mirrored, turned and "
                "brightened with augment"
            )
        if ndim == 2 and (self.patch_size is not None or self.patches_per_scan is not None):
            raise BadInput(
                f"{table}: patch_size and patches_per_scan are for volumes; leave them away, or "
                "give data_is_3D: true"
            )
        if self.n_classes is not None and self.n_classes < 2:
            raise BadInput(f"{table}: n_classes={self.n_classes}, but masks have 2 or more")
        if self.patches_per_scan is not None:
            if self.patches_per_scan < 1:
                raise BadInput(f"{table}: patches_per_scan={self.patches_per_scan}; give 1 or more")
            if self.patch_size is None:
                raise BadInput(
                    f"{table}: patches_per_scan={self.patches_per_scan} without patch_size; give "
                    "both, or neither for whole volumes"
                )
        if self.patch_size is not None:
            sides = (self.patch_size,) * 3 if isinstance(self.patch_size, int) else self.patch_size
            if len(sides) != 3 or min(sides) < 1:
                raise BadInput(
                    f"{table}: patch_size={self.patch_size!r}; give one side, or three as "
                    "[128, 128, 128]"
                )
