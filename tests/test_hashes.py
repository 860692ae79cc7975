"""Perceptual hashes: copies are found, other images are not, on phantoms and on real scans."""

import csv
import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from genesis_hub import BadInput
from genesis_hub.data.hashes import ALIKE, distance, hash_of, near, perceptual_hash
from genesis_hub.data.phantoms import chest_ct, chest_xray
from genesis_hub.data.readers import read

DATA = os.environ.get("GENESIS_HUB_DATA")


def coded_again(picture: Picture.Image, quality: int) -> Picture.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Picture.open(file)


COPIES = {
    "coded again": lambda p: coded_again(p, 20),
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2)),
    "larger": lambda p: p.resize((int(p.width * 1.7), int(p.height * 1.7))),
    "brighter": lambda p: p.point(lambda v: int(0.8 * v + 40)),
    "more contrast": lambda p: p.point(lambda v: min(255, max(0, int(1.3 * v - 26)))),
    "other gamma": lambda p: p.point(lambda v: int(255 * (v / 255) ** 1.3)),
}


def values(picture: Picture.Image) -> np.ndarray:
    return np.asarray(picture)[None]


@pytest.fixture(scope="module")
def films() -> list[np.ndarray]:
    return [chest_xray(seed, size=(128, 128)).image for seed in range(6)]


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_of_a_picture_is_told(change: str, films) -> None:
    for film in films[:3]:
        copy = COPIES[change](Picture.fromarray(film[0]))
        assert distance(hash_of(film), hash_of(values(copy))) <= ALIKE / 2


def test_other_pictures_are_others(films) -> None:
    assert near([hash_of(film) for film in films]) == []


def test_what_is_turned_or_mirrored_is_another_picture(films) -> None:
    film = films[0]
    for other in (film[:, ::-1], film[:, :, ::-1], film.swapaxes(1, 2)):
        assert distance(hash_of(film), hash_of(other)) > ALIKE


def test_a_volume_saved_with_other_axes_is_the_same(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    phantom = chest_ct(0, size=(40, 38, 24))
    image = nibabel.Nifti1Image(phantom.image[0], phantom.affine)
    nibabel.save(image, tmp_path / "a.nii.gz")
    nibabel.save(image.as_reoriented([[2, 1], [0, -1], [1, 1]]), tmp_path / "b.nii.gz")
    coarse = nibabel.Nifti1Image(phantom.image[0][::2, ::2], phantom.affine)
    one, other = (perceptual_hash(read(tmp_path / name)) for name in ("a.nii.gz", "b.nii.gz"))
    assert one == other
    assert len(one) == 128
    assert distance(one, hash_of(coarse.get_fdata()[None])) <= ALIKE
    assert distance(one, hash_of(chest_ct(1, size=(40, 38, 24)).image)) > ALIKE


def test_flat_images_and_missing_values_have_hashes() -> None:
    flat = hash_of(np.full((1, 50, 60), 7.3))
    assert flat == hash_of(np.full((3, 31, 17), -2, dtype=np.int16)) == "0" * 64
    holed = np.zeros((1, 8, 8))
    holed[0, 2:4, 3:5], holed[0, 0, 0] = 1, np.nan
    assert len(hash_of(holed)) == 64
    with pytest.raises(BadInput, match=r"\(C, X, Y\)"):
        hash_of(np.zeros((5, 5)))


def test_near_pairs_equal_those_found_one_by_one() -> None:
    draw = np.random.default_rng(0)
    bits = draw.integers(0, 2, (40, 256), dtype=np.uint8)
    bits[20:] = bits[:20] ^ (draw.random((20, 256)) < np.linspace(0, 0.3, 20)[:, None])
    hashes = [np.packbits(row).tobytes().hex() for row in bits] + ["00" * 64, "01" + "00" * 63]
    for share in (0.0, 0.05, 0.16):
        want = {
            (i, j)
            for i, one in enumerate(hashes)
            for j, other in enumerate(hashes)
            if distance(one, other) <= share
        }
        assert {(n.one, n.other) for n in near(hashes, hashes, share=share)} == want
        among = {(n.one, n.other) for n in near(hashes, share=share)}
        assert among == {(i, j) for i, j in want if i < j}
    assert near([], hashes) == near(hashes, []) == []


def test_what_is_no_hash_is_refused() -> None:
    with pytest.raises(BadInput, match="'zz'"):
        near(["zz"], ["00"])


needs_data = pytest.mark.skipif(not DATA, reason="GENESIS_HUB_DATA is not set")


def rows(*parts: str) -> list[dict[str, str]]:
    with Path(DATA, *parts).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@needs_data
def test_no_two_xrays_of_different_people_are_taken_for_one() -> None:
    # All 948: two pairs, both of one group; the nearest of two people differ in .172 of the bits.
    table = rows("cxr", "labels.csv")[::3]
    hashes = [perceptual_hash(read(Path(DATA, "cxr", row["file"]))) for row in table]
    for pair in near(hashes):
        assert table[pair.one]["group"] == table[pair.other]["group"]


@needs_data
def test_copies_of_real_xrays_are_found() -> None:
    for row in rows("cxr", "labels.csv")[::40]:
        image = read(Path(DATA, "cxr", row["file"]))
        for change, made in COPIES.items():
            copy = values(made(Picture.fromarray(image.array[0])))
            assert distance(perceptual_hash(image), hash_of(copy)) <= 0.12, (row["file"], change)


@pytest.mark.slow
def test_ten_thousand_by_ten_thousand_take_seconds() -> None:
    draw = np.random.default_rng(0)
    hashes = [draw.bytes(32).hex() for _ in range(10_000)]
    begin = time.perf_counter()
    assert near(hashes) == []
    assert time.perf_counter() - begin < 30
