"""What every test may rely on: few threads, no network, a store of its own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # Also for the processes that tests start.

import torch

from genesis_hub.data.phantoms import chest_xray

# Workers of pytest-xdist share the cores; more threads than cores make small models far slower.
torch.set_num_threads(
    1 if "PYTEST_XDIST_WORKER" in os.environ else int(os.environ.get("OMP_NUM_THREADS", 2))
)


@pytest.fixture(autouse=True)
def own_store(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Give each test an empty local store and cache of the Hub, gone when the test is over."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("GENESIS_HUB_HOME", str(home / "store"))
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "hub"))
    yield home / "store"
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def same_seed() -> None:
    """Make what a test draws the same on every run."""
    torch.manual_seed(0)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute with one thread: small tensors on busy cores wait longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """Class folders of made-up X-rays: a bright band, or none."""
    import PIL.Image

    root = tmp_path_factory.mktemp("films")
    for seed in range(12):
        label = ["normal", "effusion"][seed % 2]
        finding = False if label == "normal" else "effusion"
        pixels = chest_xray(seed, size=(40, 40), finding=finding).image[0]
        (root / label).mkdir(exist_ok=True)
        PIL.Image.fromarray(pixels).save(root / label / f"{seed}.png")
    return root
