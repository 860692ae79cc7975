"""Many at once, killed at any moment, disks that are full: what is kept is good or is not there."""

import errno
import os
import random
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import genesis_hub
from genesis_hub import BadInput, GenesisHubError, WeightsUnavailable
from tests.authors import tensors_of, write_file
from tests.loopback import Hub, ask, hub

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork (POSIX)")

NAME = "models-genesis"
AUTHORS_FILE = "MrGiovanni/ModelsGenesis/Genesis_Chest_CT.pt"


# Without locks is the harder case; with them the same is shown in the slow part.
LOCKS = pytest.mark.parametrize(
    "locks",
    [pytest.param(True, marks=pytest.mark.slow, id="locks"),
     pytest.param(False, id="locks that do nothing")],
)  # fmt: skip


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub() as running:
        ask(running, monkeypatch)
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        yield running


def child(work: Callable[[], object]) -> int:
    """Run something in a forked process; it ends with 0 if it went well, 3 on an error of ours."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        torch.set_num_threads(1)
        work()
        status = 0
    except GenesisHubError:
        status = 3
    finally:
        os._exit(status)


def status_of(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def good(seed: int = 0) -> bool:
    """Say whether the store holds the right weights; false if it says that it has none."""
    try:
        model = genesis_hub.from_pretrained(NAME, task="pretext", local_files_only=True)
    except WeightsUnavailable:
        return False
    want = tensors_of(NAME, seed=seed)
    assert torch.equal(model.head["restoration"].weight, want["out_tr.final_conv.weight"])
    assert torch.equal(model.encoder.stages[0][0].conv.weight, want["down_tr64.ops.0.conv1.weight"])
    return True


@pytest.mark.parametrize("count", [16, pytest.param(64, marks=pytest.mark.slow)])
@LOCKS
def test_many_processes_ask_for_one_cold_model(
    count: int, locks: bool, server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = genesis_hub.create_model("adam-resnet50", width=0.125)
    folder = model.save_pretrained(tmp_path / "adam")
    for path in folder.iterdir():
        server.files[f"my-lab/adam-resnet50/{path.name}"] = path.read_bytes()
    monkeypatch.setenv("GENESIS_HUB_ORG", "my-lab")
    if not locks:
        import fcntl

        monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    want = model.state_dict()["layer4.2.conv3.weight"]

    def ask() -> None:
        got = genesis_hub.from_pretrained("adam-resnet50")
        assert torch.equal(got.layer4[2].conv3.weight, want)

    processes = [child(ask) for _ in range(count)]
    assert [status_of(process) for process in processes] == [0] * count


@LOCKS
def test_processes_that_convert_one_file_at_once(
    locks: bool, server: Hub, tmp_path: Path, own_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Four, not 64: each converts the whole published network when locks do nothing.
    server.files[AUTHORS_FILE] = write_file(tmp_path, NAME).read_bytes()
    if not locks:
        import fcntl

        monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    processes = [child(lambda: genesis_hub.from_pretrained(NAME)) for _ in range(4)]
    assert [status_of(process) for process in processes] == [0] * 4
    assert good()
    versions = [path for path in (own_store / "models" / NAME).iterdir() if path.is_dir()]
    assert len(versions) == 1


def killed_at_random(work: Callable[[], object], times: int, seconds: float) -> int:
    """Kill a process at a random moment, again and again; return how often it was not done yet."""
    draw, cut_short = random.Random(0), 0
    for _ in range(times):
        process = child(work)
        time.sleep(draw.uniform(0, seconds))
        os.kill(process, signal.SIGKILL)
        cut_short += status_of(process) == -signal.SIGKILL
        good()  # Raises if something half-made was taken for good.
    return cut_short


def kill_imports(folder: Path, times: int) -> None:
    files = [write_file(folder, NAME)]
    begin = time.perf_counter()
    genesis_hub.import_weights(NAME, files[0], folder / "probe")
    took = time.perf_counter() - begin
    killed_at_random(lambda: genesis_hub.import_weights(NAME, files[0]), times, 1.3 * took)
    genesis_hub.import_weights(NAME, files[0])
    assert good()


def kill_downloads(server: Hub, folder: Path, times: int) -> None:
    server.files[AUTHORS_FILE] = write_file(folder, NAME).read_bytes()
    killed_at_random(lambda: genesis_hub.from_pretrained(NAME), times, 2.0)
    genesis_hub.from_pretrained(NAME)
    assert good()


def test_imports_killed_at_random_moments(tmp_path: Path) -> None:
    kill_imports(tmp_path, 6)


def test_downloads_killed_at_random_moments(server: Hub, tmp_path: Path) -> None:
    kill_downloads(server, tmp_path, 4)


@pytest.mark.slow
def test_fifty_imports_killed_at_random_moments(tmp_path: Path) -> None:
    kill_imports(tmp_path, 50)


@pytest.mark.slow
def test_fifty_downloads_killed_at_random_moments(server: Hub, tmp_path: Path) -> None:
    kill_downloads(server, tmp_path, 50)


@pytest.mark.parametrize("room", [0, 1000, 100_000, 1_000_000])
def test_a_full_disk_leaves_the_old_and_nothing_else(room: int, tmp_path: Path) -> None:
    # A limit on the size of files stands in for the disk: the write fails where it would.
    old = genesis_hub.create_model("adam-resnet50", width=0.125, num_classes=2)
    old.save_pretrained(tmp_path / "m")
    new = genesis_hub.create_model("adam-resnet50", width=0.125, num_classes=3)

    def save() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        for target in ("m", "fresh"):
            try:
                new.save_pretrained(tmp_path / target)
            except BadInput as error:
                if "cannot be written" not in str(error):
                    raise AssertionError(str(error)) from error
            else:
                raise AssertionError("it was written")

    assert status_of(child(save)) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]
    again = genesis_hub.from_pretrained(tmp_path / "m")
    assert torch.equal(again.fc.weight, old.fc.weight)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_refuses_is_named(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_file(tmp_path, NAME)

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr("genesis_hub.weights.folder.write_tensors", refuse)
        with pytest.raises(BadInput, match=os.strerror(code)):
            genesis_hub.import_weights(NAME, file)
    assert not good()


def test_a_store_that_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = write_file(tmp_path, NAME)
    (tmp_path / "file").write_text("in the way")
    for home in ("/proc/genesis_hub", str(tmp_path / "file" / "store")):
        monkeypatch.setenv("GENESIS_HUB_HOME", home)
        with pytest.raises(BadInput, match="cannot be written"):
            genesis_hub.import_weights(NAME, file)


@pytest.mark.parametrize(
    "name", ["pésé 模型 веса", "with space", "a" * 200, "#%&'!", "-o"], ids=lambda n: n[:12]
)
def test_odd_paths(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENESIS_HUB_HOME", str(tmp_path / name / "store"))
    folder = tmp_path / name
    folder.mkdir(parents=True)
    file = write_file(folder, "adam-resnet50")
    genesis_hub.import_weights("adam-resnet50", file)
    model = genesis_hub.from_pretrained("adam-resnet50")
    again = genesis_hub.from_pretrained(model.save_pretrained(folder / "out"))
    assert torch.equal(again.conv1.weight, model.conv1.weight)


def test_paths_that_are_too_long(tmp_path: Path) -> None:
    model = genesis_hub.create_model("cpc-3d", width=0.125)
    for path in (tmp_path / ("a" * 300), tmp_path.joinpath(*["b" * 200] * 30)):
        with pytest.raises(BadInput, match="cannot be written"):
            model.save_pretrained(path)
        with pytest.raises(BadInput):
            genesis_hub.import_weights("models-genesis", path)
