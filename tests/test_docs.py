"""The documentation: every block runs and shows what comes out; the site builds, and is alone."""

import importlib
import re
import subprocess
import sys
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docs.builder.entries import entries, listed
from docs.builder.keys import KINDS, meanings, own, with_keys
from genesis_hub.tuning.recipe import Recipe
from tests.drawn import MOST, Drawn, marks, small
from tests.pages import DOCS, Page, pages, wrapped

# Why a block cannot be run here, and how many of each page cannot.
NOT_RUN = {
    ("index.md", "needs the network"): 2,
    ("importing.md", "needs the network"): 1,
    ("quick_start.md", "takes minutes"): 1,
    ("data.md", "needs a data set that is handed out by its publishers"): 1,
    ("resume.md", "starts several processes; tests/test_finetune.py starts two by torchrun"): 1,
    ("pretraining.md", "starts several processes; tests/training starts two"): 1,
    ("scaling.md", "needs a packed corpus and hours"): 1,
    ("scaling.md", "needs several machines"): 1,
    ("head_ct.md", "it needs slices that do not come along"): 2,
    ("pretraining.md", "it needs labelled head CT"): 1,
    ("results.md", "it needs the set, see above"): 9,
}
PUBLIC = {
    "genesis_hub": {"__version__"}, "genesis_hub.data": {"phantoms"}, "genesis_hub.show": set(),
    "genesis_hub.evaluate": set(),
}  # fmt: skip
TUTORIALS = ("pictures", "volumes", "pretraining", "importing", "benchmarking", "scaling")
FETCHED = {"script", "img", "iframe", "source", "video", "audio", "embed", "object", "link"}
RUN = [path for path in pages() if any(not block.reason for block in Page(path).blocks())]


def page(folder: Path, text: str) -> Page:
    (folder / "page.md").write_text(text, encoding="utf-8")
    return Page(folder / "page.md")


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_every_block_of_a_page_runs(path: Path, tmp_path, monkeypatch) -> None:
    pytest.importorskip("nibabel")
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    for one in Page(path).run():
        assert one.fits, (
            f"{path}:{one.line} shows\n{one.shown}\nbut this comes out (`make pages` writes it):\n"
            f"{wrapped(one.got)}"
        )


def test_blocks_that_cannot_run_are_known() -> None:
    found: dict[tuple[str, str], int] = {}
    for path in pages():
        for block in Page(path).blocks():
            if block.reason:
                key = (str(path.relative_to(DOCS)), block.reason)
                found[key] = found.get(key, 0) + 1
    assert found == NOT_RUN


def test_no_fence_escapes_the_tests() -> None:
    for path in pages():
        text = path.read_text(encoding="utf-8")
        fences = re.findall(r"(?m)^\s*```(?=\w)", text)
        assert len(fences) == sum(block.fenced for block in Page(path).blocks()), path


def test_a_page_that_shows_something_else_does_not_fit(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = "```python\nprint('two words', 1)\n```\n\n```text\n{}\n```\n"
    fits = [
        one.fits
        for said in ("two\nwords 2", "two ... 1", "other words 1", "", "two")
        for one in page(tmp_path, shown.format(said)).run()
    ]
    assert fits == [True, True, False, False, False]


def test_a_command_that_fails_in_silence_or_succeeds_instead_is_caught(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="status 2"):
        list(page(tmp_path, "```console\n$ genesis-hub info nothing\n```\n").run())
    text = "```console\n$ genesis-hub list\ngenesis-hub: no\n```\n"
    with pytest.raises(AssertionError, match="status 0"):
        list(page(tmp_path, text).run())
    with pytest.raises(AssertionError, match="no command of ours"):
        list(page(tmp_path, "```console\n$ rm x\n```\n").run())


def test_every_key_of_a_recipe_has_its_sentence_and_the_page_has_it_too() -> None:
    assert set(meanings()) == {one.name for one in fields(Recipe)}
    text = (DOCS / "recipes.md").read_text(encoding="utf-8")
    assert with_keys(text) == text, "run `make pages`"
    assert text.count("\n| `") == len(fields(Recipe))


def test_every_key_of_pretraining_has_its_sentence_and_the_page_has_it_too() -> None:
    text = (DOCS / "pretraining.md").read_text(encoding="utf-8")
    assert with_keys(text) == text, "run `make pages`"
    for place, kind in KINDS.items():
        assert {one.name for one in own(kind)} <= meanings(kind).keys()
        assert place is None or f"<!-- keys of {place}:" in text


def test_docstrings_are_read_by_the_names_that_there_are() -> None:
    first, told = entries("Say. lr: the peak; not: this. a, b: both.", {"lr", "a", "b"})
    assert first == "Say."
    assert told == [(("lr",), "the peak; not: this."), (("a", "b"), "both.")]
    assert listed("It is.\n\nx: one.\n\nAlso so.", {"x"}) == "It is.\n\n- `x`: one.\n\nAlso so."


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_in_the_reference(module: str) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))
    shown = set(re.findall(r"(?m)^::: (\S+)$", text))
    for name in set(importlib.import_module(module).__all__) - PUBLIC[module]:
        # Where a file is called as its function is, its name alone would show the file.
        file = DOCS.parent / f"{module.replace('.', '/')}/{name}.py"
        assert f"{module}.{name}" + f".{name}" * file.is_file() in shown


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_begins_with_what_one_will_have(name: str) -> None:
    first = (DOCS / f"{name}.md").read_text(encoding="utf-8").split("\n\n")[1]
    assert first.startswith("At the end of this page ")


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_shows_pictures_that_its_own_commands_draw(name: str) -> None:
    blocks = Page(DOCS / f"{name}.md").blocks()
    pictures = [block for block in blocks if block.kind == "picture"]
    assert pictures
    for picture in pictures:
        kept = DOCS / picture.kept
        assert kept.stat().st_size <= MOST
        assert marks(kept) > 15, f"{kept} is blank, or nearly so"
        assert len(picture.text.split()) > 9, f"{kept}: say what is seen"
        above = "".join(b.text for b in blocks if b.line < picture.line and not b.reason)
        assert picture.made.split("/")[0] in above, f"no command above makes {picture.made}"


def test_every_picture_of_a_page_is_there_and_drawn_by_it() -> None:
    shown = set()
    for path in pages():
        drawn = {block.kept for block in Page(path).blocks() if block.kind == "picture"}
        assert drawn == set(re.findall(r"(?s)!\[[^\]]*\]\((\S+?)\)", path.read_text("utf-8"))), path
        shown |= {path.parent / kept for kept in drawn}
    assert shown == set((DOCS / "pictures").iterdir())


def test_a_picture_of_something_else_does_not_fit(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    ramp = np.tile(np.arange(0, 240, 4, np.uint8), (40, 1))
    Image.fromarray(ramp).save("ramp.png")
    mark = "<!-- drawn above: ramp.png -->\n![{0}]({0})\n"
    kept = {"kept.png": ramp + np.uint8(9), "other.png": ramp[:, ::-1], "long.png": ramp[:20]}
    for name, pixels in kept.items():
        Image.fromarray(np.ascontiguousarray(pixels)).save(name)
    text = "".join(mark.format(name) for name in [*kept, "missing.png"])
    found = list(page(tmp_path, text).run())
    assert [one.fits for one in found] == [True, False, False, False]
    last = found[-1]
    assert isinstance(last, Drawn)
    last.keep()
    assert last.fits
    assert last.kept.read_bytes() == small((tmp_path / "ramp.png").read_bytes())


class Resources(HTMLParser):
    """What a page fetches, and where it leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        known = dict(attrs)
        if tag in FETCHED and known.get("rel") != "canonical":
            self.fetched += [known[key] for key in ("src", "href", "data") if known.get(key)]


def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    for part in ("mkdocs", "material", "mkdocstrings_handlers.python"):
        pytest.importorskip(part, reason="the extra docs is not installed: the site is not built")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=DOCS.parent, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    built = sorted(tmp_path.rglob("*.html"))
    assert len(built) > len(pages())
    for path in built:
        found = Resources()
        found.feed(path.read_text(encoding="utf-8"))
        assert found.fetched
        assert not [one for one in found.fetched if re.match(r"(?i)(\w+:)?//", one)], path
    for path in tmp_path.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", path.read_text("utf-8"))
