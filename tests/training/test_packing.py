"""Packing: volumes come back exact, only touched chunks are read, and no kill leaves half a one."""

import errno
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis_hub import atomic
from genesis_hub.catalog.models_genesis import CHEST_CT
from genesis_hub.data import phantoms, read
from genesis_hub.data.hashes import perceptual_hash
from genesis_hub.engine.feed import Order, batches
from genesis_hub.errors import BadInput
from genesis_hub.inputs import Inputs
from training.corpus import places
from training.corpus.chunked import Layout
from training.corpus.contents import key_of
from training.corpus.packed import Packed
from training.corpus.packing import as_int16
from training.corpus.places import Place, together
from training.pack import main, pack

zarr = pytest.importorskip("zarr")

SMALL = Layout((8, 8, 8), (16, 16, 16), 1)
SIZE = (10, 8, 6)


def inputs_of(modality: str) -> Inputs:
    inputs = Inputs(CHEST_CT, 1)
    return inputs if modality == "ct" else inputs.using(range="image")


def files_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def save(path: Path, seed: int, **more: Any) -> None:
    chest = phantoms.chest_ct(seed, size=(30, 28, 24))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, image=more.get("image", chest.image), affine=chest.affine)


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    for seed in range(4):
        save(folder / f"chest_{seed}.npz", seed)
    return folder


@pytest.fixture(scope="module")
def out(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    pack(scans, folder, layout=SMALL, modality="ct", quiet=True)
    return folder


@pytest.fixture
def mine(out: Path, tmp_path: Path) -> Path:
    """A copy of the corpus that may be spoilt."""
    for name, content in files_of(out).items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_bytes(content)
    return tmp_path / "mine"


def places_in(sides: tuple[int, ...], count: int = 12) -> list[tuple[int, int, int]]:
    draw = np.random.default_rng(0)
    most = [side - width for side, width in zip(sides, SIZE, strict=True)]
    drawn = [tuple(int(draw.integers(0, top + 1)) for top in most) for _ in range(count)]
    return [(0, 0, 0), tuple(most), *drawn]


def cut(values: Any, start: tuple[int, ...], size: tuple[int, ...] = SIZE) -> Any:
    return values[(..., *(slice(a, a + n) for a, n in zip(start, size, strict=True)))]


def test_a_window_is_what_the_reader_and_the_contract_give(scans: Path, out: Path) -> None:
    corpus = Packed(out, inputs_of)
    assert corpus.names == ("chest_0", "chest_1", "chest_2", "chest_3")
    for index, name in enumerate(corpus.names):
        image = read(scans / f"{name}.npz")
        whole = inputs_of("ct")(image.framed("LPS"))
        assert corpus.sides(index) == tuple(whole.shape[1:])
        assert corpus.hashes[index] == perceptual_hash(image)
        for start in places_in(corpus.sides(index)):
            window = corpus.window(index, start, SIZE)
            assert window.dtype == np.float32
            assert np.array_equal(window, cut(whole.numpy(), start))


def test_any_reader_of_zarr_opens_a_volume(scans: Path, out: Path) -> None:
    array = zarr.open_array(out / key_of("chest_2"), mode="r")
    assert np.array_equal(array[...], read(scans / "chest_2.npz").framed("LPS")[0])
    assert (array.chunks, array.shards, array.dtype) == ((8, 8, 8), (16, 16, 16), np.int16)
    assert zarr.open_group(out, mode="r")[key_of("chest_2")].shape == array.shape


def test_only_the_chunks_that_are_touched_are_read(out: Path, monkeypatch: Any) -> None:
    asked: list[tuple[str, int, int]] = []
    plain = Place.spans
    monkeypatch.setattr(Place, "spans", lambda s, spans: asked.extend(spans) or plain(s, spans))
    corpus = Packed(out, inputs_of)
    corpus.window(0, (0, 0, 0), (8, 8, 8))
    corpus.window(0, (7, 0, 0), (2, 8, 8))
    corpus.window(0, (15, 0, 0), (2, 8, 8))
    indices = [path for path, begin, _ in asked if begin == 0]
    assert (len(asked) - len(indices), len(indices)) == (1 + 2 + 2, 2)


@pytest.mark.parametrize(
    ("values", "exact"),
    [
        (np.array([[[-1024, 0, 32767]]], np.int16), True),
        (np.array([[[0, 1, 65535]]], np.uint16), True),
        (np.array([[[-40000, 20000]]], np.int32), True),
        (np.array([[[-1024.0, 3071.0]]], np.float32), True),
        (np.array([[[0, 10_000_000, 123_456]]], np.int64), False),
        (np.linspace(-1.0, 4.7, 1000, dtype=np.float64).reshape(10, 10, 10), False),
        (np.full((2, 2, 2), 0.5, np.float32), True),
    ],
)
def test_16_bits_keep_whole_numbers_exactly_and_others_to_half_a_step(
    values: Any, exact: bool
) -> None:
    stored, slope, intercept = as_int16(values)
    back = stored * np.float64(slope) + intercept
    assert stored.dtype == np.int16
    assert np.abs(back - values).max() <= (0 if exact else slope * 0.5001)
    assert exact == (slope == 1 and np.array_equal(back, values))


def test_a_scan_with_fractions_is_scaled_from_its_own_ends(tmp_path: Path) -> None:
    values = np.random.default_rng(0).gamma(2.0, 0.31, (1, 26, 24, 20)).astype(np.float32)
    save(tmp_path / "scans" / "head.npz", 0, image=values)
    said = str(pack(tmp_path / "scans", tmp_path / "out", layout=SMALL, modality="mri", quiet=True))
    corpus = Packed(tmp_path / "out", inputs_of)
    whole = inputs_of("mri")(read(tmp_path / "scans" / "head.npz").framed("LPS"))
    window = corpus.window(0, (3, 2, 1), SIZE)
    assert np.abs(window - cut(whole.numpy(), (3, 2, 1))).max() < 1e-5
    assert "values rounded by" in said


def test_a_table_names_whose_and_of_which_kind_each_scan_is(scans: Path, tmp_path: Path) -> None:
    head = tmp_path / "head.npz"
    np.savez(head, image=np.random.default_rng(0).gamma(2.0, 90.0, (1, 26, 24, 20)))
    (tmp_path / "list.csv").write_text(
        "image,patient,modality,split\n"
        f"{scans}/chest_0.npz,anna,CT,train\n{scans}/chest_1.npz,berta,CT,val\n{head},anna,MR,train\n"
        f"{scans}/chest_2.npz,carl,CT,test\n"
    )
    pack(tmp_path / "list.csv", tmp_path / "out", layout=SMALL, quiet=True)
    corpus = Packed(tmp_path / "out", inputs_of)
    assert corpus.names == ("chest_0", "chest_1", "head")
    assert corpus.patients == ("anna", "berta", "anna")
    assert corpus.modalities == ("ct", "ct", "mri")
    assert corpus.splits == ("train", "val", "train")


def test_a_modality_that_the_recipe_does_not_take_is_refused_by_name(out: Path) -> None:
    def only_mri(modality: str) -> Inputs:
        if modality != "mri":
            raise BadInput(f"modality={modality!r}; this recipe takes 'mri'")
        return inputs_of(modality)

    with pytest.raises(BadInput, match=r"'chest_0' \('ct', one of 4\): modality='ct'; this"):
        Packed(out, only_mri)


def test_a_window_beyond_its_volume_is_refused(out: Path) -> None:
    with pytest.raises(BadInput, match="does not lie in 'chest_0', whose sides are"):
        Packed(out, inputs_of).window(0, (25, 0, 0), SIZE)


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


def test_killed_at_every_write_it_goes_on_and_ends_the_same(
    scans: Path, out: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """What was whole is not written again, and what was not is in no table."""
    plain, written, left = Place.put, [], 0

    def put(place: Place, path: str, content: bytes) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        written.append(path)
        plain(place, path, content)

    monkeypatch.setattr(Place, "put", put)
    kills = 0
    while True:
        left = 10 + kills  # A volume has 8 shards and its seal.
        try:
            pack(scans, tmp_path, layout=SMALL, modality="ct", quiet=True)
            break
        except Killed:
            kills += 1
    seals = [path for path in written if path.endswith("zarr.json")]
    assert kills >= 3
    assert len(seals) == len(set(seals))
    assert files_of(tmp_path) == files_of(out)
    written.clear()
    assert pack(scans, tmp_path, layout=SMALL, modality="ct", quiet=True).kept == 4
    assert written == []


def test_a_volume_is_in_the_table_only_when_it_is_whole(
    scans: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    plain, count = Place.put, 0

    def put(place: Place, path: str, content: bytes) -> None:
        nonlocal count
        count += 1
        if count == 24:  # In the third volume.
            raise KeyboardInterrupt
        plain(place, path, content)

    monkeypatch.setattr(Place, "put", put)
    with pytest.raises(KeyboardInterrupt):
        pack(scans, tmp_path, layout=SMALL, modality="ct", quiet=True)
    corpus = Packed(tmp_path, inputs_of)
    assert corpus.names == ("chest_0", "chest_1")
    assert all(corpus.window(index, (0, 0, 0), corpus.sides(index)).any() for index in range(2))


def test_asked_to_stop_it_ends_with_143_and_goes_on(
    scans: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    plain = Place.put

    def put(place: Place, path: str, content: bytes) -> None:
        plain(place, path, content)
        if path.endswith("zarr.json") and "volumes" in path:
            os.kill(os.getpid(), signal.SIGTERM)

    call = ["--data", str(scans), "--out", str(tmp_path), "--modality", "ct", "--quiet"]
    with monkeypatch.context() as patch:
        patch.setattr(Place, "put", put)
        assert main(call) == 143
    assert "1 packed" in (said := capsys.readouterr().out)
    assert "stopped before the end" in said
    assert main(call) == 0
    assert "3 packed" in (said := capsys.readouterr().out)
    assert "1 were there already" in said


def test_a_full_disk_says_so_and_what_is_whole_stays(
    scans: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    plain, count = atomic.flush, 0

    def flush(path: Path) -> None:
        nonlocal count
        count += 1
        if count > 15:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        plain(path)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "flush", flush)
        with pytest.raises(BadInput, match=r"No space left on device.*make room"):
            pack(scans, tmp_path, layout=SMALL, modality="ct", quiet=True)
    assert not [name for name in files_of(tmp_path) if ".part" in name]
    done = pack(scans, tmp_path, layout=SMALL, modality="ct", quiet=True)
    assert len(done.packed) == 4
    assert len(Packed(tmp_path, inputs_of)) == 4


def bad_scans(folder: Path, good: int) -> Path:
    """One file each of the usual troubles, and good ones: the same volume under many names."""
    holed = phantoms.chest_ct(0, size=(30, 28, 24)).image.astype(np.float32)
    holed[0, 1, 2, 3] = np.nan
    save(folder / "holed.npz", 0, image=holed)
    for number in range(good):
        save(folder / f"good_{number:02}.npz", number % 2)
    return folder


def test_few_bad_volumes_are_named_counted_and_left_out(tmp_path: Path, capsys: Any) -> None:
    scans = bad_scans(tmp_path / "scans", 9)
    call = ["--data", str(scans), "--out", str(tmp_path / "out"), "--modality", "ct", "--quiet"]
    assert main([*call, "--chunk", "16,16,16", "--shard", "64,64,64"]) == 0
    said = capsys.readouterr()
    assert "holed.npz): 1 values are NaN or infinite" in said.err
    assert "9 packed" in said.out
    assert "1 left out" in said.out
    assert "holed" not in Packed(tmp_path / "out", inputs_of).names
    assert "holed.npz" in (tmp_path / "out/index/1-of-1.left_out.csv").read_text()
    assert "16, 16, 16" in (main(call), capsys.readouterr().err)[1]  # Begun otherwise.


def test_many_bad_volumes_are_refused(tmp_path: Path, capsys: Any) -> None:
    scans = bad_scans(tmp_path / "scans", 8)
    call = ["--data", str(scans), "--out", str(tmp_path / "out"), "--modality", "ct", "--quiet"]
    assert main(call) == 2
    assert "1 of 9 scans cannot be learned from, more than" in (said := capsys.readouterr().err)
    assert "holed.npz): 1 values are NaN" in said
    assert main([*call, "--tolerate", "0.12"]) == 0


def test_all_bad_volumes_are_named_at_once(tmp_path: Path, capsys: Any) -> None:
    scans = bad_scans(tmp_path / "scans", 4)
    for name in ("alike", "zebra"):
        save(scans / f"{name}.npz", 0, image=np.full((1, 30, 28, 24), 7, np.int16))
    call = ["--data", str(scans), "--out", str(tmp_path / "out"), "--modality", "ct", "--quiet"]
    assert main(call) == 2
    said = capsys.readouterr().err
    assert "3 of 7 scans cannot be learned from" in said
    assert "--tolerate 0.43" in said
    assert all(f"  {name} (" in said for name in ("holed", "alike", "zebra"))
    assert main([*call, "--tolerate", "0.43"]) == 0


def test_a_folder_with_other_files_is_refused_untouched(scans: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(BadInput, match=r"run holds other files \(run\.json\).*another OUT"):
        pack(scans, tmp_path / "run", modality="ct", quiet=True)
    assert [one.name for one in (tmp_path / "run").iterdir()] == ["run.json"]


def test_scans_that_do_not_say_what_made_them_need_one_flag(
    scans: Path, tmp_path: Path, capsys: Any
) -> None:
    assert main(["--data", str(scans), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert "chest_0.npz does not say what made it" in said
    assert "--modality ct" in said
    assert "--tolerate" not in said
    assert not (tmp_path / "out").exists()


def metal() -> Any:
    """A CT with fractions, and one voxel that no tissue is."""
    image = phantoms.chest_ct(0, size=(30, 28, 24)).image + np.float32(0.25)
    image[0, 1, 1, 1] = 2e5
    return image


NOISE = np.random.default_rng(0).normal(0, 1, (1, 24, 24, 24))


@pytest.mark.parametrize(
    ("image", "modality", "said"),
    [
        (np.zeros((1, 24, 24, 24), np.int16), "ct", "constant"),
        (np.zeros((2, 24, 24, 24), np.int16), "ct", "volumes of one channel"),
        (NOISE, "ct", "z-score"),
        (metal(), "ct", "steps of .* HU; clip"),
    ],
)
def test_what_cannot_be_meant_is_told_before_it_is_packed(
    image: Any, modality: str, said: str, tmp_path: Path
) -> None:
    save(tmp_path / "scans/scan.npz", 0, image=image)
    with pytest.raises(BadInput, match=f"none of 1 scans(?s:.*){said}"):
        pack(tmp_path / "scans", tmp_path / "out", modality=modality, quiet=True)


def test_a_corpus_may_not_lie_among_its_scans(scans: Path) -> None:
    with pytest.raises(BadInput, match="lies in"):
        pack(scans, scans / "packed", modality="ct", quiet=True)


def test_parts_make_the_same_corpus(scans: Path, out: Path, tmp_path: Path) -> None:
    for number in (3, 1, 2):
        done = pack(scans, tmp_path, layout=SMALL, part=(number, 3), modality="ct", quiet=True)
        assert len(done.packed) == (2 if number == 1 else 1)
    one, parts = Packed(out, inputs_of), Packed(tmp_path, inputs_of)
    assert parts.names == one.names
    assert parts.hashes == one.hashes
    volumes = [{n: c for n, c in files_of(f).items() if n[0] == "v"} for f in (out, tmp_path)]
    assert volumes[0] == volumes[1]
    assert pack(scans, tmp_path, layout=SMALL, modality="ct", quiet=True).kept == 4


def test_another_scan_of_a_name_is_refused_and_again_takes_it(scans: Path, tmp_path: Path) -> None:
    save(tmp_path / "scans/a.npz", 0)
    call = partial(pack, tmp_path / "scans", tmp_path / "out", layout=SMALL, modality="ct")
    call(quiet=True)
    save(tmp_path / "scans/a.npz", 1, image=phantoms.chest_ct(1, size=(30, 28, 25)).image)
    with pytest.raises(BadInput, match=r"holds a 'a' already.*--again a"):
        call(quiet=True)
    call(again=["a"], quiet=True)
    assert Packed(tmp_path / "out", inputs_of).sides(0) == (30, 28, 25)
    with pytest.raises(BadInput, match="again='b': no scan of"):
        call(again=["b"], quiet=True)
    with pytest.raises(BadInput, match="packed by another part"):
        call(again=["a"], part=(1, 2), quiet=True)


@pytest.mark.parametrize("words", [["--part", "9/8"], ["--part", "x"], ["--chunk", "3"], []])
def test_a_wrong_call_is_told_in_one_line(words: list[str], scans: Path, tmp_path: Path) -> None:
    data = ["--data", str(scans)] if words else []
    assert main([*data, "--out", str(tmp_path / "out"), *words]) == 2
    assert not (tmp_path / "out").exists()


def test_what_is_no_packed_corpus_says_how_one_is_made(tmp_path: Path) -> None:
    for address in (tmp_path, "memory://nothing-here", "nosuch://bucket"):
        with pytest.raises(BadInput, match=r"training\.pack --data DIR|cannot be opened"):
            Packed(address, inputs_of)


def spoil(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (lambda shard: spoil(shard, -9), r"chunk \(\d, \d, \d\) is damaged"),
        (lambda shard: spoil(shard, 3), "index of .* is damaged"),
        (lambda shard: os.truncate(shard, 300), "is damaged"),
        (lambda shard: os.truncate(shard, 0), "is damaged"),
        (Path.unlink, "is missing"),
    ],
)
def test_a_chunk_that_is_lost_or_damaged_is_named_with_its_volume(
    mine: Path, trouble: Any, said: str
) -> None:
    trouble(mine / key_of("chest_1") / "c/0/1/0")
    corpus = Packed(mine, inputs_of)
    corpus.window(1, (0, 0, 0), SIZE)
    with pytest.raises(BadInput, match=f"'chest_1'.*{said}.*--again chest_1"):
        corpus.window(1, (0, 12, 0), (16, 16, 16))


class Ranged(SimpleHTTPRequestHandler):
    """Files of a folder, in parts where parts are asked for, as object stores give them."""

    parts: list[str] = []

    def do_GET(self) -> None:
        asked, path = self.headers.get("Range"), Path(self.translate_path(self.path))
        if not asked or not path.is_file():
            super().do_GET()
            return
        self.parts.append(self.path)
        begin, end = map(int, asked.removeprefix("bytes=").split("-"))
        body = path.read_bytes()[begin : end + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {begin}-{begin + len(body) - 1}/*")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def served(out: Path) -> Iterator[str]:
    """The address of a corpus on a server of this machine."""
    pytest.importorskip("aiohttp")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranged, directory=str(out)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_server_gives_the_same_windows_by_ranges(out: Path, served: str) -> None:
    Ranged.parts.clear()
    here, there = Packed(out, inputs_of), Packed(served, inputs_of)
    assert there.names == here.names
    for start in places_in(here.sides(0), 4):
        assert np.array_equal(here.window(0, start, SIZE), there.window(0, start, SIZE))
    assert Ranged.parts


def test_an_object_store_is_packed_into_and_read_from(scans: Path, out: Path) -> None:
    pack(scans, "memory://corpus/one", layout=SMALL, modality="ct", quiet=True)
    again = pack(scans, "memory://corpus/one", layout=SMALL, modality="ct", quiet=True)
    assert again.kept == 4
    corpus, here = Packed("memory://corpus/one", inputs_of), Packed(f"file://{out}", inputs_of)
    for start in places_in(here.sides(3), 4):
        assert np.array_equal(here.window(3, start, SIZE), corpus.window(3, start, SIZE))


def test_a_store_that_fails_now_and_then_is_asked_again(monkeypatch: Any) -> None:
    monkeypatch.setattr(places, "WAITS", (0.0, 0.0, 0.0))
    place, tries = Place("memory://flaky"), []
    place.put("a", b"content")

    def fails(times: int) -> Any:
        tries.append(times)
        if len(tries) <= times:
            raise ConnectionResetError("reset by peer")
        return b"content"

    assert place.patiently(lambda: fails(3)) == b"content"
    tries.clear()
    with pytest.raises(BadInput, match="asked 4 times: reset by peer"):
        place.patiently(lambda: fails(9))
    assert place.get("b") is None


def test_near_ranges_are_read_in_one_go() -> None:
    joined, where = together([("b", 0, 5), ("a", 200_000, 200_010), ("a", 0, 10), ("a", 60, 90)])
    assert joined == [("a", 0, 90), ("a", 200_000, 200_010), ("b", 0, 5)]
    assert where == [2, 1, 0, 0]


class Windows:
    """Items as pre-training has them: a window of a volume, where the seed says."""

    def __init__(self, corpus: Packed, crops: int) -> None:
        self.corpus, self.crops = corpus, crops

    def __len__(self) -> int:
        return len(self.corpus) * self.crops

    def item(self, index: int, seed: int) -> dict[str, torch.Tensor]:
        volume = index // self.crops
        draw = np.random.default_rng(seed)
        start = [
            int(draw.integers(0, side - width + 1))
            for side, width in zip(self.corpus.sides(volume), SIZE, strict=True)
        ]
        image = self.corpus.window(volume, tuple(start), SIZE)
        return {"image": torch.from_numpy(image), "item": torch.tensor(index)}


def seen(items: Windows, order: Order, **how: Any) -> list[dict[str, torch.Tensor]]:
    how = {"first": 0, "last": order.steps_per_epoch, "workers": 0, "rank": 0, "ranks": 1} | how
    return list(batches(items, order, **how))


def test_ranks_take_disjoint_shares_that_make_one_epoch(out: Path) -> None:
    items = Windows(Packed(out, inputs_of), 6)
    order = Order(len(items), 8, seed=1)
    shares = [[b["item"] for b in seen(items, order, rank=rank, ranks=4)] for rank in range(4)]
    taken = [set(torch.cat(share).tolist()) for share in shares]
    assert sum(map(len, taken)) == len(set.union(*taken)) == len(items)
    alone = seen(items, order)
    for step, batch in enumerate(alone):
        assert torch.equal(batch["item"], torch.cat([share[step] for share in shares]))


def test_workers_and_a_new_start_give_the_same_windows(out: Path) -> None:
    items = Windows(Packed(out, inputs_of), 6)
    order = Order(len(items), 4, seed=2)
    items.item(0, 0)  # What was read before the fork must not trouble the workers.
    whole = seen(items, order, last=9)
    resumed = seen(items, Order(len(items), 4, seed=2), first=4, last=9, workers=2)
    for one, other in zip(whole[4:], resumed, strict=True):
        assert torch.equal(one["image"], other["image"])
        assert torch.equal(one["item"], other["item"])


def test_a_corpus_is_handed_over_without_what_was_read(out: Path) -> None:
    corpus = Packed(out, inputs_of)
    window = corpus.window(0, (0, 0, 0), SIZE)
    assert corpus.chunks.indices
    other = pickle.loads(pickle.dumps(corpus))
    assert not other.chunks.indices
    assert other.place.opened is None
    assert np.array_equal(other.window(0, (0, 0, 0), SIZE), window)


@pytest.mark.slow
def test_several_processes_pack_the_same(scans: Path, out: Path, tmp_path: Path) -> None:
    done = pack(scans, tmp_path, layout=SMALL, modality="ct", workers=2, quiet=True)
    assert len(done.packed) == 4
    assert files_of(tmp_path) == files_of(out)
