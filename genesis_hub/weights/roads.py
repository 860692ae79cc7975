"""The roads to weights, tried in order; where none leads, one error with the next command."""

from dataclasses import dataclass
from pathlib import Path

from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput, WeightsUnavailable
from genesis_hub.weights.folder import CONFIG, Artefact, read_folder
from genesis_hub.weights.store import bundled, stored


@dataclass(frozen=True)
class Access:
    """How the Hugging Face Hub may be asked; the words are huggingface_hub's."""

    revision: str | None = None
    cache_dir: str | Path | None = None
    token: str | None = None
    local_files_only: bool = False


def find_weights(
    entry: Entry, weights: str | Path | None = None, access: Access | None = None
) -> Artefact:
    """Return the artefact of an entry: a path given, the local store, the package."""
    if weights is not None:
        return given(Path(weights))
    for folder in (stored(entry.name), bundled(entry.name)):
        if folder is not None:
            return read_folder(folder)
    raise WeightsUnavailable(unavailable(entry))


def given(path: Path) -> Artefact:
    """Return the artefact at a path that a user named."""
    if not path.exists():
        raise BadInput(f"weights={str(path)!r} does not exist; give a folder that holds {CONFIG}")
    if path.is_file() and path.name == "model.safetensors":
        path = path.parent
    if not path.is_dir():
        raise BadInput(
            f"weights={str(path)!r} is a single file; turn it into one of our folders first: "
            f"genesis-hub import NAME {path} --out DIR"
        )
    return read_folder(path)


def unavailable(entry: Entry) -> str:
    """Say why no weights can be had, the command that gets them, and what works without."""
    name, location = entry.name, entry.location
    without = "pretrained=False builds the architecture without weights"
    if location.road == "form":
        return (
            f"the weights of {name!r} are handed out by their authors on request only: fill in "
            f"{location.address}, then run: genesis-hub import {name} FILE; {without}"
        )
    if location.road in ("hub", "zenodo"):
        return (
            f"the weights of {name!r} are not on this machine: download {address(entry)}, then "
            f"run: genesis-hub import {name} {location.file}; {without}"
        )
    return (
        f"nobody has published weights of {name!r}; from a checkout, "
        f"python -m training.pretrain {entry.made_by} --data DIR --out RUN makes them, and "
        f"from_pretrained('RUN/model') loads them; {without}"
    )


def address(entry: Entry) -> str:
    """Return the public address of an author's file."""
    location = entry.location
    if location.road == "hub":
        return f"https://huggingface.co/{location.address}/resolve/main/{location.file}"
    return f"https://zenodo.org/records/{location.address}/files/{location.file}"
