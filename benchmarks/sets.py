"""The labelled sets that weights are tried on: how each is asked about, and who has seen it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.comparing import Asked

FLAT = ("adam-mini", "rpl-2d-mini", "smartnet-mini")
SOLID = ("models-genesis-mini", "semantic-genesis-mini", "rotation-3d-mini")
SCRATCH = "scratch:"
MADE = "lung-tumour"  # The set that benchmarks.sources makes first.
TUNED = "--mode finetune --folds 5 --set transfer=encoder --set steps=60 --set validate_every=30"
PROBED = "--folds 10"
GREY = "--range image --no-check"


class Labelled(NamedTuple):
    """A set with labels.

    asked: where it lies below GENESIS_HUB_DATA, and the words that it is compared with; grey: its
    pictures are no CT, which smartnet-mini has to be told. weights: the bundled names that take
    its images. seen: what these saw of it before, in words; whose
    labels they saw is no proof. reference: what others published of it.
    """

    title: str
    asked: Asked
    weights: tuple[str, ...]
    seen: Mapping[str, str] = {}
    labels_seen: tuple[str, ...] = ()
    reference: str = ""
    grey: bool = False

    def words(self, weights: str) -> str:
        """Return the words that a name is compared with."""
        words = (
            f"{self.asked.words} {GREY}" if self.grey and "smart" in weights else self.asked.words
        )
        # On a CPU bf16 gives its maps of 2 x 2 x 2 gradients that are no numbers.
        return words.replace("=bf16", "=fp32") if "rotation" in weights else words

    @property
    def tuned(self) -> bool:
        """Whether whole networks learn, and not a regression on frozen features."""
        return "finetune" in self.asked.words


SETS: dict[str, Labelled] = {
    "pneumonia": Labelled(
        "PneumoniaMNIST, children's chest X-rays: normal, pneumonia",
        Asked(
            "medmnist/pneumoniamnist.npz",
            f"{PROBED} --fractions 0.01,0.1,1 --set size=[96,96]",
        ),
        FLAT,
        {
            "adam-mini": "an eighth of the training pictures, without labels",
            "rpl-2d-mini": "an eighth of the training pictures, without labels",
        },
        reference="MedMNIST v2, 28 pixels, trained whole on all labels: ResNet-18 AUC .944, "
        "accuracy .854; ResNet-50 .948, .854 (from memory of the paper)",
        grey=True,
    ),
    "xray-classes": Labelled(
        "chest X-rays of three kinds: Covid-19, pneumonia, no findings",
        Asked(
            "cxr/labels.csv",
            f"{PROBED} --fractions 0.05,0.25,1 --patient group --set size=[96,96]",
        ),
        FLAT,
        {
            "adam-mini": "training pictures of two classes, without labels",
            "rpl-2d-mini": "training pictures of two classes, without labels",
        },
        reference="DarkCovidNet, five folds over all 1,125 pictures, trained whole: accuracy .870 "
        "(its README); other folds than ours",
        grey=True,
    ),
    "haemorrhage": Labelled(
        "slices of head CT with and without haemorrhage",
        Asked(
            "head_ct/kitamura_labels.csv",
            f"{PROBED} --fractions 0.1,0.5,1 --patient dup_group --set size=[96,96]",
        ),
        FLAT,
        grey=True,
    ),
    "contrast": Labelled(
        "slices of chest CT with and without iodine",
        Asked(
            "ct_slices_tcia/labels.csv",
            f"{PROBED} --fractions 0.5,1 --labels contrast --range 924,1424 --set size=[96,96]",
        ),
        FLAT,
    ),
    "adrenal": Labelled(
        "AdrenalMNIST3D, shapes of adrenal glands: normal, hyperplasia",
        Asked(
            "medmnist/adrenalmnist3d_64.npz",
            f"{PROBED} --fractions 0.05,0.25,1 --set size=[32,32,32] --set range=[0,1] --no-check",
        ),
        SOLID,
        {"rotation-3d-mini": "a fifth of the training shapes, without labels"},
        reference="MedMNIST v2, 28 voxels, trained whole on all labels: ResNet-18 in 3D AUC .827, "
        "accuracy .721; with ACS .839, .754 (from memory of the paper)",
    ),
    "xray-organs": Labelled(
        "chest X-rays with both lungs and the heart outlined",
        Asked(
            "cxr_seg/cases.csv",
            f"{TUNED} --shots 3,12 --mask lungs --task segmentation --set size=[64,64] "
            "--set batch_size=4 --set lr=1e-3",
        ),
        FLAT,
        grey=True,
    ),
    "lungs-ct": Labelled(
        "slices of chest CT with the lungs outlined",
        Asked(
            "lung_ct_2d/cases.csv",
            f"{TUNED} --shots 3,12 --task segmentation --range 24,1424 --no-check "
            "--set size=[64,64] --set batch_size=4 --set lr=1e-3",
        ),
        FLAT,
    ),
    "lung-tumour": Labelled(
        "patches of chest CT with lung tumours outlined, by patient",
        Asked(
            "lung-tumour/cases.csv",
            f"{TUNED} --shots 20,80 --no-check --task segmentation --set size=[48,48] "
            "--set batch_size=4 --set lr=1e-3",
        ),
        FLAT,
        labels_seen=("smartnet-mini",),
        grey=True,
    ),
    "hippocampus": Labelled(
        "MRIs with both parts of the hippocampus outlined",
        Asked(
            "brain_mri/hippocampus/cases.csv",
            f"{TUNED} --shots 3,12 --set size=[32,32,32] --set range=image --set batch_size=4 "
            "--set precision=bf16",
        ),
        SOLID,
        dict.fromkeys(SOLID, "training images, without labels"),
    ),
}


def made_of(name: str, place: Path, runs: Path) -> Path:
    """Return the folder that a set is below; what is made of a source lies beside the runs."""
    if name != MADE:
        return place
    from benchmarks.sources import lung_tumours

    return lung_tumours(place, runs / "made")
