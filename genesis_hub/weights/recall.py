"""What a name's or a folder's weights can say of the images they saw, without reading them."""

from dataclasses import dataclass
from pathlib import Path

from genesis_hub.atomic import SEAL
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput
from genesis_hub.weights.fetch import Access, RoadClosed, fetch, our_repository
from genesis_hub.weights.seen import SEEN, hashes_seen
from genesis_hub.weights.store import bundled, stored


@dataclass(frozen=True)
class Recall:
    """The hashes of what weights saw; none, and why, where they carry none."""

    hashes: tuple[str, ...]
    silent: str = ""


def recall_folder(folder: Path, kind: str) -> Recall:
    """Return what the weights of a folder, or of a run's folder, saw."""
    inner = folder / "model"
    if not (folder / SEAL).is_file() and (inner / SEAL).is_file():
        folder = inner
    if not (folder / SEAL).is_file():
        raise BadInput(
            f"{folder} holds no model: there is no {SEAL} in it; give a run's folder, or what "
            "save_pretrained wrote"
        )
    hashes = hashes_seen(folder, kind)
    if hashes is None:
        return Recall((), f"they carry no hashes (there is no {SEEN} in {folder})")
    if not hashes:
        return Recall((), f"{folder / SEEN} has no hashes of the kind that is made here ({kind})")
    return Recall(hashes)


def recall_name(entry: Entry, kind: str) -> Recall:
    """Return what a name's weights saw: of those here, or of ours on the Hub the hashes alone."""
    folder = stored(entry.name) or bundled(entry.name)
    if folder is not None:
        return recall_folder(folder, kind)
    repo = our_repository(entry)
    if repo is None:
        return Recall((), "they are not on this machine, and their authors publish no hashes")
    try:
        hashes = hashes_seen(fetch(repo, SEEN, Access()).parent, kind)
    except RoadClosed as closed:
        return Recall((), f"they are not on this machine, and no hashes could be had: {closed}")
    return Recall(hashes) if hashes else Recall((), f"{repo} has no hashes of kind {kind}")
