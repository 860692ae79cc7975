"""Who takes part in a benchmark: names of ours, folders, timm's names, and random weights."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from genesis_hub import registry
from genesis_hub.atomic import SEAL
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput, UnknownModel
from genesis_hub.networks.guests import close_to, is_timm
from genesis_hub.saved import read_spec
from genesis_hub.tuning.finetune import entry_of
from genesis_hub.weights.folder import read_folder

SCRATCH = "scratch"


@dataclass(frozen=True)
class Contestant:
    """A model that takes part.

    title: as the user wrote it. source: what is loaded, a name or a folder. scratch: its random
    weights instead. width: of random weights, where they are not as wide as the catalog's.
    sha256: of a folder's tensors. number: which of those named, from 1. draw: which of several
    draws of random weights, from 1; 0 of what has one.
    """

    title: str
    entry: Entry
    source: str | Path
    scratch: bool = False
    width: float | None = None
    sha256: str | None = None
    number: int = 1
    draw: int = 0

    @property
    def place(self) -> str:
        """What its folder is called."""
        word = re.sub(r"[^A-Za-z0-9_.-]+", "-", self.title).strip("-.")[-60:]
        drawn = f"/draw-{self.draw}" if self.draw else ""
        return f"{self.number}-{word}".rstrip("-") + drawn

    def drawn(self, draws: int) -> tuple["Contestant", ...]:
        """Return its random weights so many times, each another draw; weights there are, once."""
        if not self.scratch or not draws:
            return (self,)
        return tuple(replace(self, draw=draw) for draw in range(1, draws + 1))


def contestants(models: Sequence[str | Path], width: float | None = None) -> list[Contestant]:
    """Return who takes part, in the order named; who is unknown is refused, the nearest named.

    "scratch" has the architecture of the first other model, "scratch:NAME" that of NAME; width: of
    random weights.
    """
    words = [str(model).strip() for model in models]
    twice = sorted({word for word in words if words.count(word) > 1})
    if not words or not all(words) or twice:
        said = f"{twice[0]!r} was named twice" if twice else "a model without a name was given"
        raise BadInput(f"models={words}: {said}; name each once, such as 'adam-resnet50,scratch'")
    known = {word: known_as(word) for word in words if word.partition(":")[0] != SCRATCH}
    found = []
    for word in words:
        if word in known:
            found.append(known[word])
            continue
        named = word.partition(":")[2]
        first = known_as(named) if named else next(iter(known.values()), None)
        if first is None:
            raise BadInput(
                f"{word!r} alone does not say of which architecture; name a model before it, or "
                "give scratch:NAME"
            )
        found.append(
            Contestant(word, first.entry, first.source, scratch=True, width=width or first.width)
        )
    return [replace(one, number=place + 1) for place, one in enumerate(found)]


def known_as(word: str) -> Contestant:
    """Return a model by a name of ours, a folder, or a name of timm's."""
    try:
        entry, source = entry_of(word)
    except UnknownModel:
        if registry.is_guest(word):
            raise
        if is_timm(word):
            return replace(known_as(f"{registry.GUESTS}{word}"), title=word)
        close = [*folders_like(word), *registry.nearest(registry.normalise(word), registry.ENTRIES)]
        close += close_to(word)
        raise UnknownModel(
            f"no model is named {word!r}; close names: {', '.join(close) or 'none'}; names of "
            "list_models(), folders, names of timm's, scratch and scratch:NAME may take part"
        ) from None
    if isinstance(source, str):
        return Contestant(word, entry, source)
    artefact = read_folder(source)
    return Contestant(
        word, entry, source, width=read_spec(artefact.facts).width, sha256=artefact.sha256
    )


def folders_like(word: str) -> list[str]:
    """Return folders of models called nearly as a word, beside where it would lie."""
    path = Path(word).expanduser()
    try:
        beside = [one.name for one in path.parent.iterdir() if (one / SEAL).is_file()]
    except OSError:
        return []
    close = get_close_matches(path.name, beside, 3)
    return [str(path.with_name(name)) for name in close]
