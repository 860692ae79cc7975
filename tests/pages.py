"""The pages of docs/: their blocks run in order, in a folder of the page's own, and what they show.

`python -m tests.pages [STEM ...]` writes anew what a page shows and no longer fits: what came out,
the pictures that were drawn, and the tables of keys.
"""

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from docs.builder.keys import with_keys
from genesis_hub.cli import main
from genesis_hub.errors import GenesisHubError
from tests.drawn import Drawn

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?"
    r"^```(?P<kind>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$"
    r"|^<!-- made for the tests:\n(?P<hidden>.*?)^-->$"
    r"|^<!-- drawn above: (?P<made>\S+) -->\n+!\[(?P<alt>[^\]]*)\]\((?P<kept>\S+)\)",
    re.M | re.S,
)
NUMBER = re.compile(r"[-+]?\b\d+(?:\.\d+)?(?:e[-+]?\d+)?")
WIDTH = 88


@dataclass(frozen=True)
class Block:
    """One fenced block of a page; hidden ones, which make files, are python too.

    kind: its language, or "picture", whose text is what it shows in words. title: the file it is.
    reason: why it is not run, if it is not. span: where its text stands in the page.
    made: of a picture, the file that the page's commands draw; kept: the one that the page shows.
    """

    kind: str
    text: str
    span: tuple[int, int]
    line: int
    title: str = ""
    reason: str = ""
    fenced: bool = True
    made: str = ""
    kept: str = ""


@dataclass(frozen=True)
class Shown:
    """What a page shows beside what came out."""

    span: tuple[int, int]
    line: int
    shown: str
    got: str

    @property
    def fits(self) -> bool:
        """Whether both are alike, numbers and line ends aside; `...` stands for anything."""
        parts = [re.escape(plain(part)) for part in self.shown.split("...")]
        return re.fullmatch(r"\s?.*?\s?".join(parts), plain(self.got)) is not None


@dataclass
class Page:
    """A page, and what its blocks share."""

    path: Path
    space: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})

    def blocks(self) -> list[Block]:
        text = self.path.read_text(encoding="utf-8")
        found = []
        for match in BLOCK.finditer(text):
            part = "alt" if match["made"] else "hidden" if match["hidden"] else "text"
            kind = "picture" if match["made"] else match["kind"] or "python"
            found.append(
                Block(
                    kind, match[part], match.span(part),
                    text.count("\n", 0, match.start(part)) + 1,
                    match["title"] or "", match["reason"] or "", part == "text",
                    match["made"] or "", match["kept"] or "",
                )
            )  # fmt: skip
        return found

    def run(self) -> Iterator[Shown | Drawn]:
        """Run every block in the current folder; give what the page shows and what came out."""
        for block, after in pairwise([*self.blocks(), None]):
            assert block is not None
            if block.reason:
                continue
            if block.title:
                Path(block.title).write_text(block.text, encoding="utf-8")
            elif block.kind == "console":
                yield from commands(block)
            elif block.kind == "picture":
                kept = self.path.parent / block.kept
                yield Drawn(block.line, Path(block.made).resolve(), kept)
            elif block.kind == "python":
                expected = after if after and after.kind == "text" else None
                yield from self.python(block, expected)
            else:
                assert block.kind == "text", f"{self.path}:{block.line}: what is {block.kind}?"

    def python(self, block: Block, after: Block | None) -> Iterator[Shown]:
        code = compile("\n" * (block.line - 1) + block.text, str(self.path), "exec")
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                exec(code, self.space)
        except GenesisHubError as error:
            if after is None:
                raise
            said.write(f"{type(error).__name__}: {error}\n")
        if after is not None:
            yield Shown(after.span, after.line, after.text, here(said.getvalue()))


def commands(block: Block) -> Iterator[Shown]:
    """Run the lines that begin with $; what stands below each is what it shows."""
    place = block.span[0]
    for part in re.findall(r"(?ms)^\$ .*?(?=^\$ |\Z)", block.text):
        typed, _, shown = re.sub(r"\\\n", "\0\0", part).partition("\n")
        words = shlex.split(typed.removeprefix("$ ").replace("\0", ""), comments=True)
        name, verb, rest = verb_of(words)
        assert verb, f"line {block.line}: {typed} is no command of ours"
        answers, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(answers), contextlib.redirect_stderr(errors):
            status = verb(rest)
        told = "".join(re.findall(rf"^{re.escape(name)}: .*\n", errors.getvalue(), re.M))
        refused = f"{name}: " in shown
        assert bool(status) == refused, f"{typed}: status {status}\n{errors.getvalue()}"
        begin = place + len(typed) + 1
        if shown:
            line = block.line + block.text.count("\n", 0, begin - block.span[0])
            got = answers.getvalue() + (told if refused else "")
            yield Shown((begin, begin + len(shown)), line, shown, here(got))
        place += len(part)


def verb_of(words: list[str]) -> tuple[str, Callable[[list[str]], int] | None, list[str]]:
    """Return what a command calls itself, its function, and the words for it."""
    if words[0] == "genesis-hub":
        return words[0], main, words[1:]
    if words[:2] == ["python", "-m"] and words[2].startswith("training."):
        return words[2], import_module(words[2]).main, words[3:]
    return words[0], None, words


def here(text: str) -> str:
    """Return what was said with paths as seen from the page's folder."""
    return text.replace(f"{Path.cwd()}/", "")


def plain(text: str) -> str:
    """Return a text with every number the same, without intervals, and with single blanks.

    What has an interval depends on the numbers: few patients who all agree have none.
    """
    return " ".join(NUMBER.sub("0", text).split()).replace(" (0 to 0)", "")


def wrapped(text: str) -> str:
    """Return a text in lines that a page can show."""
    lines = [
        textwrap.fill(line, WIDTH, subsequent_indent="    ", break_on_hyphens=False,
                      break_long_words=False, drop_whitespace=True, replace_whitespace=False)
        if len(line) > WIDTH else line.rstrip()
        for line in text.splitlines()
    ]  # fmt: skip
    return "\n".join(lines).strip("\n") + "\n"


def pages() -> list[Path]:
    """Return every page."""
    return sorted(DOCS.rglob("*.md"))


def rewritten(path: Path, found: list[Shown | Drawn]) -> str:
    """Return a page with what no longer fits shown anew; keep what was drawn where it is."""
    text = path.read_text(encoding="utf-8")
    for drawn in (one for one in found if isinstance(one, Drawn)):
        if not drawn.fits:
            drawn.keep()
    told = [one for one in found if isinstance(one, Shown)]
    for one in sorted(told, key=lambda one: -one.span[0]):
        if not one.fits:
            text = text[: one.span[0]] + wrapped(one.got) + text[one.span[1] :]
    return text


def write(names: list[str]) -> None:
    """Run pages, all if none is named, and write anew what they show."""
    for path in pages():
        if names and path.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            os.environ["GENESIS_HUB_HOME"] = str(Path(folder) / ".store")
            torch.manual_seed(0)
            text = rewritten(path, list(Page(path).run()))
        path.write_text(with_keys(text), encoding="utf-8")


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    write(sys.argv[1:])
