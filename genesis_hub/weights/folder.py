"""The one artefact: a folder with config.json, model.safetensors, the card, and the terms."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genesis_hub import cards
from genesis_hub.atomic import new_folder
from genesis_hub.entry import Answers, Entry, InputFacts
from genesis_hub.errors import BadInput, KeyMismatch
from genesis_hub.version import __version__
from genesis_hub.weights.seen import SEEN
from genesis_hub.weights.tensorfile import TensorFile, write_tensors

FORMAT_VERSION = 1
CONFIG = "config.json"
TENSORS = "model.safetensors"
CARD = "README.md"
NOTICE = "NOTICE"
LICENSE = "LICENSE"

# What travels with the tensors where there is any: the authors' terms, hashes of what was seen.
TERMS = (NOTICE, LICENSE, SEEN)


@dataclass(frozen=True)
class Artefact:
    """A folder as read: our facts of it, and its tensors opened but not read."""

    folder: Path
    config: dict[str, Any]
    facts: dict[str, Any]
    tensors: TensorFile
    terms: dict[str, str]

    @property
    def sha256(self) -> str | None:
        """What the config says the tensors' sha256 is."""
        return self.facts.get("sha256")

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the model that was saved."""
        kinds = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float64": torch.float64}
        return kinds.get(str(self.facts.get("dtype")), torch.float32)

    def check_sha256(self) -> None:
        """Raise `KeyMismatch` unless the tensors are, byte for byte, those of the config."""
        if self.sha256 is not None and self.tensors.sha256() != self.sha256:
            raise KeyMismatch(
                f"{self.folder / TENSORS} is not the file that its {CONFIG} speaks of: the sha256 "
                "differs, so it was damaged or changed; save or import it again, or, if you "
                f"changed it on purpose, take sha256 out of {CONFIG}"
            )


@dataclass(frozen=True)
class Contents:
    """What goes into a folder, whoever makes it: a model, an import, a training run.

    spec: what `genesis_hub.spec.Spec` holds, as a table. library: what timm needs in the config.
    """

    entry: Entry
    spec: Mapping[str, Any]
    inputs: InputFacts
    tensors: Mapping[str, Tensor]
    dtype: str = "float32"
    library: Mapping[str, Any] = field(default_factory=dict)
    terms: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)


def save_folder(contents: Contents, directory: str | Path) -> Path:
    """Write an artefact; the folder appears whole or not at all."""
    if not isinstance(directory, str | Path) or not str(directory) or "\0" in str(directory):
        raise BadInput(f"{directory!r} is no place to save to; give the path of a folder")
    target = Path(directory).expanduser()
    with contextlib.suppress(OSError):  # A path that cannot be is told when it is written to.
        if target.exists() and not target.is_dir():
            raise BadInput(f"{target} is a file; give the folder to save into")
    entry = contents.entry
    facts = {
        "format_version": FORMAT_VERSION,
        "name": entry.name,
        "architecture": contents.spec["architecture"],
        "spec": dict(contents.spec),
        "inputs": asdict(contents.inputs),
        "dtype": contents.dtype,
        "versions": {"genesis_hub": __version__},
    }
    if contents.answers.classes:
        facts["answers"] = asdict(contents.answers)
    ours = is_ours(target)
    with new_folder(target) as work:
        sha256 = write_tensors(contents.tensors, work / TENSORS, facts)
        told = {**facts, "sha256": sha256, "provenance": dict(contents.provenance)}
        write_json(work / CONFIG, {**contents.library, "genesis_hub": told})
        if ours or not (target / CARD).exists():
            card = cards.render(entry, this=told)
            (work / CARD).write_text(card, encoding="utf-8")
        for name, text in contents.terms.items():
            (work / name).write_text(text, encoding="utf-8")
    for name in TERMS:
        if ours and name not in contents.terms:
            (target / name).unlink(missing_ok=True)
    return target


def is_ours(folder: Path) -> bool:
    """Say whether a folder is an artefact already, whose files may be replaced."""
    try:
        return "genesis_hub" in read_json(folder / CONFIG)
    except BadInput:
        return False


def read_folder(folder: Path) -> Artefact:
    """Open an artefact; its tensors are not read yet."""
    if not (folder / CONFIG).is_file():
        inside = folder / "model" / CONFIG
        near = f"; {inside.parent} holds one" if inside.is_file() else ""
        raise BadInput(f"{folder} holds no model: there is no {CONFIG} in it{near}")
    config = read_json(folder / CONFIG)
    facts = config.get("genesis_hub")
    if not isinstance(facts, dict) or not isinstance(facts.get("spec"), dict):
        raise BadInput(
            f"{folder} is not one of our folders: its {CONFIG} has no 'genesis_hub' facts; "
            "`genesis-hub import NAME FILE` makes one from an author's file"
        )
    version = facts.get("format_version")
    if type(version) is not int or version < 1:
        raise BadInput(
            f"{folder / CONFIG} is damaged: format_version is {version!r}; save or import it again"
        )
    if version > FORMAT_VERSION:
        raise BadInput(
            f"{folder} was written in format {version!r}, but this genesis_hub reads up to "
            f"{FORMAT_VERSION}; upgrade it: pip install --upgrade genesis-hub"
        )
    for name, kind in (("name", str), ("provenance", dict), ("sha256", str | None)):
        if not isinstance(facts.get(name), kind):
            raise BadInput(
                f"{folder / CONFIG} is damaged: {name} is {facts.get(name)!r}; save or import it "
                "again"
            )
    if not (folder / TENSORS).is_file():
        raise BadInput(f"{folder} holds no {TENSORS}; it is not complete; save or import it again")
    terms = {
        name: (folder / name).read_text(encoding="utf-8", errors="replace")
        for name in TERMS
        if (folder / name).is_file()
    }
    return Artefact(folder, config, facts, TensorFile(folder / TENSORS), terms)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON for people and machines: indented, sorted, one line feed at the end."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON table, or say in one sentence why it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror or error}; give a folder that "
            "save_pretrained or `genesis-hub import` wrote"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not JSON ({error}); save or import the folder again") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds no table; save or import the folder again")
    return content
