"""Files made to harm: refused or safely read, nothing run, little memory, little time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import genesis_hub
from genesis_hub import GenesisHubError
from genesis_hub.inspecting import inspect
from genesis_hub.weights.foreign import open_foreign
from tests import hostile

ROOT = Path(__file__).parent.parent


def watched(*words: str, timeout: float = 300) -> dict:
    """Run the watch in a process of its own, so that a crash is seen, too."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.watched", *words],
        capture_output=True, text=True, cwd=ROOT, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"the reader died with {done.returncode}: {done.stderr[-2000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def test_the_corpus_is_refused_or_safely_read(tmp_path: Path) -> None:
    labels = {path.name: label for label, path in hostile.write(tmp_path)}
    assert len(labels) >= 300
    result = watched(str(tmp_path))
    assert result["files"] == len(labels)
    assert [(labels[w["label"]], w["wrong"]) for w in result["wrong"]] == []


def test_every_gadget_is_refused_by_its_name(tmp_path: Path) -> None:
    for module, name in hostile.GADGETS:
        path = tmp_path / "x.pt"
        path.write_bytes(hostile.zipped(hostile.gadget(module, name, 2)))
        with pytest.raises(GenesisHubError) as caught:
            genesis_hub.import_weights("models-genesis", path)
        assert f"{module}.{name}" in str(caught.value)
    assert not (tmp_path / "ran.txt").exists()


def test_mutated_files_of_every_format() -> None:
    # 2,000 here; `python -m tests.watched --fuzz 12500` opens 50,000.
    result = watched("--fuzz", "500")
    assert result["files"] == 2000
    assert result["wrong"] == []


def test_no_reader_allows_code() -> None:
    for path in (ROOT / "genesis_hub").rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        for word in ("weights_only=False", "pickle.load", "allow_pickle=True", "torch.load("):
            assert word not in code or f'"{word}"' in code or path.name == "pickled.py", path


def test_the_corpus_here_as_well(tmp_path: Path) -> None:
    # The watch runs in another process; here each file is held against what it says.
    path = tmp_path / "x.bin"
    for label, data in hostile.corpus():
        if len(data) > 2**20:
            continue
        path.write_bytes(data)
        said = what_it_says(path)
        assert "\n" not in said, label
        if label.startswith(("zip os", "legacy os", "first", "bare")):
            assert str(path) in said, label
        assert inspect(path).size == len(data)


def what_it_says(path: Path) -> str:
    """Read a file whole; return the refusal, if it is one."""
    try:
        foreign = open_foreign(path)
        for key in foreign.tensors.keys():
            foreign.tensors.read(key)
    except GenesisHubError as error:
        return str(error)
    return ""
