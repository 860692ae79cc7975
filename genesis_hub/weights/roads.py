"""The roads to weights, tried in order; where none leads, one error with the next command."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import Timeout
from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput, KeyMismatch, UnsafeFile, WeightsUnavailable
from genesis_hub.weights.fetch import (
    Access,
    RoadClosed,
    download,
    endpoint,
    fetch,
    is_offline,
    our_repository,
    zenodo,
)
from genesis_hub.weights.folder import CONFIG, TENSORS, TERMS, Artefact, read_folder
from genesis_hub.weights.store import bundled, home, is_damaged, slot, stored
from genesis_hub.weights.tensorfile import sha256_of

LOCK_SECONDS = 300

# Takes a name and an author's file, gives a folder.
Convert = Callable[[str, Path], Path]


def find_weights(
    entry: Entry,
    convert: Convert,
    *,
    operator: str | None = None,
    weights: str | Path | None = None,
    access: Access | None = None,
) -> Artefact:
    """Return the artefact of an entry, from the first road that leads to one.

    In order: the path given, the local store, the package, our folder on the Hub, the authors'
    open address. convert: turns an author's file into a folder of the local store.
    """
    if weights is not None:
        return given(weights)
    for folder in here(entry, operator):
        return read_folder(folder)
    access = access or Access()
    tried: list[str] = []
    for road in (our_folder, authors_hub, authors_zenodo):
        try:
            artefact = road(entry, access, convert)
        except RoadClosed as closed:
            tried.append(str(closed))
        else:
            if artefact is not None:
                return artefact
    raise WeightsUnavailable(unavailable(entry, operator, tried))


def here(entry: Entry, operator: str | None) -> Iterator[Path]:
    """Return the folders on this machine, the most fitting first."""
    names = [slot(entry.name, operator), entry.name] if operator else [entry.name]
    for name in names:
        folder = stored(name)
        if folder is not None:
            yield folder
    folder = bundled(entry.name)
    if folder is not None:
        yield folder


def our_folder(entry: Entry, access: Access, convert: Convert) -> Artefact | None:
    """Return the folder that we, or the organisation asked for, publish on the Hub."""
    repo = our_repository(entry)
    return None if repo is None else hub_folder(repo, access)


def hub_folder(repo: str, access: Access) -> Artefact:
    """Fetch one of our folders from the Hub and check it against its own sha256."""
    config = fetch(repo, CONFIG, access)
    fetch(repo, TENSORS, access)
    for name in TERMS:
        with contextlib.suppress(RoadClosed):
            fetch(repo, name, access)
    artefact = read_folder(config.parent)
    try:
        artefact.check_sha256()
    except KeyMismatch as error:
        raise RoadClosed(f"{endpoint()}/{repo}: {error}") from error
    return artefact


def authors_hub(entry: Entry, access: Access, convert: Convert) -> Artefact | None:
    """Fetch the authors' file from their Hub repository and convert it."""
    place = entry.location
    if place.road != "hub":
        return None
    return converted(entry, fetch(place.address, place.file, access), convert)


def authors_zenodo(entry: Entry, access: Access, convert: Convert) -> Artefact | None:
    """Fetch the authors' file from Zenodo and convert it; the file itself is not kept."""
    place = entry.location
    if place.road != "zenodo":
        return None
    if is_offline(access):
        raise RoadClosed(f"{address(entry)}: offline")
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / place.file
        download(address(entry), file)
        return converted(entry, file, convert)


def converted(entry: Entry, file: Path, convert: Convert) -> Artefact:
    """Convert a fetched file once its sha256, where one is known, is the one it must have."""
    expected = entry.location.sha256
    if expected is not None and sha256_of(file) != expected:
        raise RoadClosed(f"{address(entry)}: the file that came has another sha256")
    try:
        with one_at_a_time(entry.name):
            done = stored(entry.name)  # Another process may have been faster.
            return read_folder(done or convert(entry.name, file))
    except (UnsafeFile, KeyMismatch) as error:
        raise RoadClosed(f"{address(entry)}: {error}") from error


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Spare processes that ask for one name at once the same work, where the disk knows locks.

    Nothing depends on it: without a lock all of them convert, and any result may win.
    """
    path = home() / "locks" / name
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError, Timeout):
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(WeakFileLock(path, timeout=LOCK_SECONDS))
        yield


def given(weights: object) -> Artefact:
    """Return the artefact at a path that a user named."""
    if not isinstance(weights, str | Path):
        raise BadInput(f"weights={weights!r} is no path; give a folder that holds {CONFIG}")
    path = Path(weights).expanduser()
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


def unavailable(entry: Entry, operator: str | None, tried: list[str]) -> str:
    """Say why no weights can be had, the command that gets them, and what works without."""
    name, location = entry.name, entry.location
    without = "pretrained=False builds the architecture without weights"
    if Path(name).is_dir():
        without += f"; './{name}' is the folder of that name here"
    if is_damaged(name):
        return (
            f"the local store of {name!r} is damaged ({home() / 'models' / name} has no valid "
            f"pointer to its weights); import the file again: genesis-hub import {name} FILE"
        )
    others = [op for op in ("lstm", "conv3d") if stored(slot(name, op)) is not None]
    if others and operator is None:
        return (
            f"of {name!r} only the volume network is imported; pass operator={others[0]!r}, or "
            f"import the encoder's own file: genesis-hub import {name} FILE; {without}"
        )
    failed = f" ({'; '.join(tried)})" if tried else ""
    if location.road == "form":
        return (
            f"the weights of {name!r} are handed out by their authors on request only{failed}: "
            f"fill in {location.address}, then run: genesis-hub import {name} FILE; {without}"
        )
    if location.road in ("hub", "zenodo"):
        return (
            f"the weights of {name!r} are not on this machine and could not be fetched{failed}: "
            f"download {address(entry)}, then run: genesis-hub import {name} {location.file}; "
            f"{without}"
        )
    return (
        f"nobody has published weights of {name!r}{failed}; from a checkout, "
        f"python -m training.pretrain {entry.made_by} --data DIR --out RUN makes them, and "
        f"from_pretrained('RUN/model') loads them; {without}"
    )


def address(entry: Entry) -> str:
    """Return the public address of an author's file."""
    location = entry.location
    if location.road == "hub":
        return f"{endpoint()}/{location.address}/resolve/main/{location.file}"
    return f"{zenodo()}/records/{location.address}/files/{location.file}"
