"""The command, torch.hub, the cards, and what importing costs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import genesis_hub
from genesis_hub.cli import main
from genesis_hub.cli.spoken import flagged
from genesis_hub.registry import ENTRIES
from genesis_hub.write_cards import card_of

ROOT = Path(__file__).parent.parent


def run(*code: str, **more) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *code], capture_output=True, text=True, check=False, **more
    )


def test_list_shows_every_name(capsys: pytest.CaptureFixture) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == genesis_hub.list_models()
    assert main(["list", "*genesis*", "--ndim", "3", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == genesis_hub.list_models("*genesis*")
    assert main(["list", "nothing"]) == 1


@pytest.mark.parametrize("name", genesis_hub.list_models())
def test_info_tells_the_facts(name: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["info", name]) == 0
    out = capsys.readouterr().out
    entry = ENTRIES[name]
    for fact in (entry.paper.title, entry.license.url, *entry.patents, *entry.notes):
        assert fact in out
    assert main(["info", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == name


@pytest.mark.parametrize(
    "words", [["info", "adm"], ["lisst"], [], ["list", "--ndim", "4"], ["list", "--ndim", "x"]]
)
def test_mistakes_are_one_line_and_a_status(words: list, capsys: pytest.CaptureFixture) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("genesis-hub: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_a_flag_spelt_wrong_is_refused_with_the_nearest_of_its_verb(capsys) -> None:
    assert main(["audit", "x", "--lables", "a"]) == 2
    said = capsys.readouterr().err
    assert "unrecognized arguments: --lables a; close flags: --labels" in said
    assert "see: genesis-hub audit --help" in said
    assert flagged("name it in classes=, or\n  leave labels= away") == (
        "name it in --classes, or\n  leave --labels away"
    )


def test_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m genesis_hub list | head -1",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("NAME")
    assert "Traceback" not in done.stderr


def test_importing_and_listing_do_not_load_torch() -> None:
    code = (
        "import sys, genesis_hub; genesis_hub.list_models(); genesis_hub.model_info('cpc-3d');"
        "from genesis_hub.cli import main; main(['list']);"
        "assert not {'torch', 'timm', 'numpy', 'huggingface_hub'} & set(sys.modules)"
    )
    assert run("-c", code).returncode == 0


def test_errors_are_found_without_importing_them() -> None:
    code = "import genesis_hub; print(genesis_hub.errors.BadInput.__name__, dir(genesis_hub))"
    assert run("-c", code).stdout.startswith("BadInput")
    with pytest.raises(AttributeError, match="nothing"):
        genesis_hub.nothing  # noqa: B018


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_cards_are_as_the_entries_say(name: str) -> None:
    card = (ROOT / "model_cards" / f"{name}.md").read_text(encoding="utf-8")
    assert card == card_of(ENTRIES[name]), "run `make cards`"
    entry = ENTRIES[name]
    for fact in (entry.patent_note, *entry.patents, *entry.notes, entry.license.url):
        assert fact in card


def test_there_is_no_card_too_many() -> None:
    assert {p.stem for p in (ROOT / "model_cards").glob("*.md")} == set(ENTRIES)


def test_every_name_is_in_torch_hub() -> None:
    sys.path.insert(0, str(ROOT))
    try:
        import hubconf
    finally:
        sys.path.remove(str(ROOT))
    names = {n for n in vars(hubconf) if callable(getattr(hubconf, n)) and not n.startswith("_")}
    assert names == {name.replace("-", "_") for name in ENTRIES}
    for name in names:
        assert ENTRIES[name.replace("_", "-")].paper.title in getattr(hubconf, name).__doc__


def test_torch_hub_loads_from_a_checkout_where_nothing_is_installed(tmp_path: Path) -> None:
    # A folder that holds what a clone holds, and a Python that does not see this one's checkout.
    for part in ("genesis_hub", "hubconf.py"):
        (tmp_path / part).symlink_to(ROOT / part)
    code = (
        "import sys, torch, importlib.metadata;"
        "sys.path[:] = [p for p in sys.path if 'site-packages' in p or 'lib' in p];"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in str(f).lower()];"
        f"m = torch.hub.load({str(tmp_path)!r}, 'semantic_genesis', source='local',"
        "num_classes=2, width=0.125, pretrained=False);"
        "print(tuple(m(torch.rand(2, 1, 16, 16, 16)).shape), m.__module__)"
    )
    done = run("-c", code, cwd=tmp_path.parent, env={**os.environ, "PYTHONPATH": ""})
    assert done.returncode == 0, done.stderr
    assert "(2, 2)" in done.stdout


def test_hubconf_imports_with_torch_alone(tmp_path: Path) -> None:
    for part in ("genesis_hub", "hubconf.py"):
        (tmp_path / part).symlink_to(ROOT / part)
    code = (
        "import sys; sys.modules.update(dict.fromkeys("
        "['timm', 'segmentation_models_pytorch', 'huggingface_hub', 'safetensors', 'numpy']));"
        "import hubconf; assert callable(hubconf.transvw)"
    )
    assert run("-c", code, cwd=tmp_path).returncode == 0


def test_the_readmes_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```python\n")[1:]]
    monkeypatch.chdir(tmp_path)
    import segmentation_models_pytorch as smp
    import timm

    pytest.importorskip("nibabel")
    from genesis_hub.data.phantoms import chest_ct
    from genesis_hub.data.writers import write_nifti

    phantom = chest_ct(0, size=(48, 48, 32))
    np.savez("scan.npz", image=phantom.image, affine=phantom.affine)
    write_nifti(Path("scan.nii.gz"), phantom.image[0], genesis_hub.data.read("scan.npz"))
    for name in ("a", "b", "c", "d"):
        np.save(f"{name}.npy", chest_ct(ord(name), size=(24, 24, 24)).image)
    rows = [f"{name}.npy,{number % 2},{name}" for number, name in enumerate("abcd")]
    Path("cases.csv").write_text("\n".join(["path,label,patient", *rows]), encoding="utf-8")
    space = {"timm": timm, "smp": smp}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), space)
    assert space["embedding"].shape == (2, 512)
    assert isinstance(space["one_channel"], torch.nn.Module)
    assert space["x"].shape == (1, 48, 48, 32)
    assert len(text.splitlines()) < 150
