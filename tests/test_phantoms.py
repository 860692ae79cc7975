"""Phantoms: the same seed gives the same bytes, and what they say of themselves is true."""

import functools
from collections.abc import Callable

import numpy as np
import pytest

from genesis_hub.data.phantoms import Phantom, chest_ct, chest_xray, head_ct, head_ct_volume
from genesis_hub.data.phantoms.bleeds import BLEEDS
from genesis_hub.data.phantoms.findings import FINDINGS
from genesis_hub.errors import BadInput

MAKERS: dict[str, Callable[[int], Phantom]] = {
    "chest_ct": functools.partial(chest_ct, size=(32, 30, 28)),
    "chest_xray": functools.partial(chest_xray, size=(48, 56)),
    "head_ct": functools.partial(head_ct, size=(48, 56)),
    "head_ct_volume": functools.partial(head_ct_volume, size=(32, 34, 24)),
}
SIZE = (56, 56, 48)


@functools.cache
def chest(seed: int, nodules: int | None = 4) -> Phantom:
    return chest_ct(seed, size=SIZE, nodules=nodules)


@functools.cache
def head(seed: int, bleed: str | bool | None) -> Phantom:
    return head_ct(seed, size=(112, 112), bleed=bleed)


def middle(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(0)


def mean_hu(phantom: Phantom, *labels: str) -> float:
    numbers = [number for number, name in phantom.names.items() if name in labels]
    return float(phantom.image[0][np.isin(phantom.labels, numbers)].mean())


@functools.cache
def picture(seed: int, finding: str | bool | None) -> Phantom:
    return chest_xray(seed, size=(64, 64), finding=finding)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_same_seed_gives_the_same_bytes(make: Callable[[int], Phantom]) -> None:
    one, other = make(3), make(3)
    assert one.image.tobytes() == other.image.tobytes()
    assert one.labels.tobytes() == other.labels.tobytes()
    assert one.truth == other.truth
    assert all((one.masks[name] == other.masks[name]).all() for name in one.masks)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_another_seed_gives_another_image(make: Callable[[int], Phantom]) -> None:
    one, other = make(3), make(4)
    assert (one.image != other.image).mean() > 0.2
    assert (one.labels != other.labels).mean() > 0.005


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_masks_and_labels_have_the_shape_of_the_image(make: Callable[[int], Phantom]) -> None:
    phantom = make(5)
    assert phantom.labels.dtype == np.uint8
    assert phantom.labels.shape == phantom.image.shape[1:]
    assert len(phantom.spacing) == phantom.labels.ndim
    assert set(np.unique(phantom.labels)) <= set(phantom.names)
    for mask in phantom.masks.values():
        assert mask.dtype == np.bool_
        assert mask.shape == phantom.labels.shape


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_no_global_seed_is_read_or_set(make: Callable[[int], Phantom]) -> None:
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    one = make(6)
    assert (np.random.get_state()[1] == before).all()
    np.random.seed(2)
    assert (make(6).image == one.image).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_chest_has_the_hu_of_its_tissues(seed: int) -> None:
    phantom = chest(seed)
    image = phantom.image[0]
    assert phantom.image.dtype == np.int16
    assert -900 < mean_hu(phantom, "right lung", "left lung") < -700
    assert 0 < mean_hu(phantom, "liver") < 130
    assert mean_hu(phantom, "spine", "ribs", "shoulder blades") > 150
    assert image[~phantom.masks["body"]].mean() < -950
    assert image.min() >= -1024


def test_the_soft_tissue_of_a_chest_without_contrast_is_between_0_and_80() -> None:
    phantom = next(chest(seed) for seed in range(4) if not chest(seed).truth["contrast"])
    for organ in ("heart", "liver", "aorta", "spleen"):
        assert 0 < mean_hu(phantom, organ) < 80, organ


@pytest.mark.parametrize("seed", range(4))
def test_left_and_right_are_where_lps_and_the_affine_say(seed: int) -> None:
    phantom = chest(seed)
    named = {name: middle(phantom.labels == number) for number, name in phantom.names.items()}
    assert named["right lung"][0] < named["heart"][0] < named["left lung"][0]
    assert named["liver"][0] < named["spleen"][0]
    assert named["breastbone"][1] < named["heart"][1] < named["spine"][1]
    assert named["liver"][2] < named["heart"][2] < named["airways"][2]
    assert phantom.affine is not None
    right, left = (phantom.affine @ [*named[f"{side} lung"], 1] for side in ("right", "left"))
    assert right[0] > 0 > left[0]  # RAS: the right side has the greater x.


def test_an_affine_has_the_spacing_and_its_zero_in_the_middle() -> None:
    phantom = chest_ct(0, size=(30, 32, 34), spacing=(5.0, 6.0, 7.0))
    assert phantom.affine is not None
    assert np.diag(phantom.affine).tolist() == [-5, -6, 7, 1]
    assert np.allclose(phantom.affine @ [14.5, 15.5, 16.5, 1], [0, 0, 0, 1])


@pytest.mark.parametrize("seed", range(4))
def test_nodules_lie_in_the_lungs_where_truth_says(seed: int) -> None:
    phantom = chest(seed)
    assert phantom.truth["nodule"] == 1
    assert len(phantom.truth["centres"]) == len(phantom.truth["diameters_mm"]) == 4
    for centre in phantom.truth["centres"]:
        spot = tuple(np.rint(centre).astype(int))
        assert phantom.masks["nodules"][spot]
        near = tuple(slice(i - 1, i + 2) for i in spot)
        assert phantom.masks["lungs"][near].any()


@pytest.mark.parametrize("seed", [3, 22])
def test_the_mask_of_a_nodule_has_the_volume_of_its_diameter(seed: int) -> None:
    phantom = chest_ct(seed, size=(80, 80, 72), nodules=1)
    volume = phantom.masks["nodules"].sum() * np.prod(phantom.spacing)
    assert phantom.truth["diameters_mm"][0] > 15
    assert (6 * volume / np.pi) ** (1 / 3) == pytest.approx(
        phantom.truth["diameters_mm"][0], rel=0.06
    )


def test_nodules_brighten_the_lung() -> None:
    with_some, without = chest(2), chest(2, nodules=0)
    assert not without.masks["nodules"].any()
    assert without.truth["nodule"] == 0
    gain = with_some.image[0].astype(int) - without.image[0]
    assert gain[with_some.masks["nodules"]].mean() > 100
    assert np.abs(gain[~with_some.masks["nodules"]]).mean() < 2


def test_a_seed_decides_whether_there_are_nodules() -> None:
    answers = {chest_ct(seed, size=(24, 24, 24)).truth["nodule"] for seed in range(8)}
    assert answers == {0, 1}


@pytest.mark.parametrize("seed", range(3))
def test_another_size_shows_the_same_anatomy_coarser(seed: int) -> None:
    fine, coarse = chest(seed), chest_ct(seed, size=(28, 28, 24), nodules=4)
    lungs = fine.masks["lungs"].reshape(28, 2, 28, 2, 24, 2).mean((1, 3, 5)) >= 0.5
    shared = (lungs & coarse.masks["lungs"]).sum()
    assert 2 * shared / (lungs.sum() + coarse.masks["lungs"].sum()) > 0.85
    assert fine.truth["diameters_mm"] == coarse.truth["diameters_mm"]
    place = (np.array(fine.truth["centres"]) + 0.5) / 2 - 0.5
    assert np.allclose(place, coarse.truth["centres"], atol=0.01)


def test_vessels_lie_in_the_lungs_and_are_denser_than_them() -> None:
    phantom = chest(1)
    vessels, lungs = phantom.masks["vessels"], phantom.masks["lungs"]
    assert 0.005 < vessels.sum() / lungs.sum() < 0.15
    assert phantom.image[0][vessels].mean() > phantom.image[0][lungs].mean() + 250


@pytest.mark.parametrize("kind", BLEEDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_bleed_is_bright_and_inside_the_skull(kind: str, seed: int) -> None:
    phantom = head(seed, kind)
    mask = phantom.masks["bleed"]
    assert (phantom.truth["bleed"], phantom.truth["kind"]) == (1, kind)
    assert mask.sum() >= 12
    assert 45 < phantom.image[0][mask].mean() < 90
    around = phantom.masks["skull"]
    for axis in (0, 1):  # Bone lies on both sides of it, along rows and columns.
        before = np.maximum.accumulate(around, axis)
        after = np.flip(np.maximum.accumulate(np.flip(around, axis), axis), axis)
        assert (before & after)[mask].mean() > 0.98


@pytest.mark.parametrize("seed", range(3))
def test_a_head_has_bone_brain_and_fluid(seed: int) -> None:
    phantom = head(seed, False)
    assert not phantom.masks["bleed"].any()
    assert phantom.truth["bleed"] == 0
    assert 20 < mean_hu(phantom, "brain") < 45
    assert mean_hu(phantom, "skull") > 400
    assert phantom.image[0][~phantom.masks["body"]].mean() < -950


def test_a_seed_decides_whether_there_is_a_bleed() -> None:
    assert {head_ct(seed, size=(24, 24)).truth["bleed"] for seed in range(12)} == {0, 1}


def test_a_volume_of_a_head_narrows_to_the_vertex_and_holds_its_bleed() -> None:
    phantom = head_ct_volume(1, size=(48, 48, 24), bleed="epidural")
    area = phantom.masks["body"].sum((0, 1))
    assert area[10] > area[20] > area[23]
    assert phantom.masks["bleed"].any()
    assert phantom.affine is not None


@pytest.mark.parametrize("finding", [False, *FINDINGS])
def test_lungs_are_darker_than_the_mediastinum(finding: str | bool) -> None:
    phantom = picture(4, finding)
    film = phantom.image[0]
    assert phantom.image.dtype == np.uint8
    lungs, rest = film[phantom.masks["lungs"]], film[phantom.labels == 3]
    assert np.median(lungs) + 40 < np.median(rest)
    assert phantom.masks["finding"].any() == bool(finding)
    assert phantom.truth["finding"] == (finding or "none")
    assert sum(phantom.truth[name] for name in FINDINGS) == bool(finding)


@pytest.mark.parametrize(
    ("size", "spacing"),
    [
        ((24, 24, 24), (1.0, 1.0, 1.0)),
        ((24, 40, 24), (30.0, 0.5, 9.0)),
        ((25, 27, 90), (14.0, 14.0, 12.0)),
    ],
)
def test_any_field_of_view_can_be_asked_for(
    size: tuple[int, int, int], spacing: tuple[float, float, float]
) -> None:
    phantom = chest_ct(1, size=size, spacing=spacing, nodules=5)
    assert phantom.image.shape == (1, *size)
    assert phantom.spacing == spacing
    for centre in phantom.truth["centres"]:  # Only nodules that are in the picture are told.
        assert all(-0.5 <= place <= side - 0.5 for place, side in zip(centre, size, strict=True))


def test_the_left_lung_is_on_the_right_of_an_x_ray() -> None:
    phantom = chest_xray(1, size=(64, 80), finding=False)
    right, left = middle(phantom.labels == 1), middle(phantom.labels == 2)
    assert right[1] < 40 < left[1]


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_finding_whitens_the_lung(finding: str) -> None:
    with_it, without = (picture(4, each) for each in (finding, False))
    gain = with_it.image[0].astype(int) - without.image[0]
    assert gain[with_it.masks["finding"]].mean() > 5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: chest_ct(-1), "seed is -1"),
        (lambda: chest_ct(True), "seed is True"),
        (lambda: chest_ct(0, size=(64, 64)), "size is (64, 64)"),
        (lambda: chest_ct(0, size=(64, 64, 23)), "24 or more"),
        (lambda: chest_ct(0, size=(64, 64, 32.0)), "whole numbers"),
        (lambda: chest_ct(0, spacing=(2, 2, 0)), "spacing is (2, 2, 0)"),
        (lambda: chest_ct(0, spacing=(2, 2, float("nan"))), "millimetres above 0"),
        (lambda: chest_ct(0, nodules=-1), "nodules is -1"),
        (lambda: chest_ct(0, nodules=True), "nodules is True"),
        (lambda: head_ct(0, bleed="nose"), "bleed is 'nose'"),
        (lambda: head_ct(0, bleed=True), "bleed is True"),
        (lambda: head_ct_volume(0, size=(32, 32)), "3 whole numbers"),
        (lambda: chest_xray(0, finding="fracture"), "'effusion'"),
        (lambda: chest_xray(0, size="256"), "size is '256'"),
    ],
)
def test_bad_arguments_are_refused_by_name(make: Callable[[], Phantom], words: str) -> None:
    with pytest.raises(BadInput) as caught:
        make()
    assert words in str(caught.value)
