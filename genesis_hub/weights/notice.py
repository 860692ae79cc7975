"""Texts that must travel with other people's weights: our NOTICE of changes, their LICENSE."""

from collections.abc import Mapping
from pathlib import Path

from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput

NAMES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "COPYING")
LARGEST = 2**20

SAVED_AGAIN = (
    "Changes since: the model was saved again by a user of genesis_hub. Values may have been\n"
    "trained or edited, and parts such as the output layer replaced.\n"
)


def notice(entry: Entry, source: str, sha256: str) -> str:
    """Return the NOTICE of changes for converted weights. No licence text is ever made up here."""
    lines = [
        f"NOTICE for the weights of {entry.name}",
        "",
        f"Authors: {entry.paper.authors}. {entry.paper.title}. {entry.paper.venue}.",
        f"Original: {entry.code}, file {source}, sha256 {sha256}.",
        f"Terms: {entry.license.name}, {entry.license.url}",
        f"In short: {entry.license.summary}. The licence text itself is what counts.",
        "",
        "Changes: the tensors were renamed and, where they were stored in another precision,",
        "converted to 32-bit floats; tensors that the network does not use were left out (listed",
        "in config.json); the file was written as safetensors. The conversion edits no value.",
    ]
    if entry.patents:
        lines += ["", f"Patents: {', '.join(entry.patents)}."]
    if entry.patent_note:
        lines += ["", entry.patent_note]
    return "\n".join(lines) + "\n"


def saved_again(terms: Mapping[str, str]) -> dict[str, str]:
    """Return the texts for a model that a user saves: its values may not be the original's."""
    texts = dict(terms)
    if "NOTICE" in texts and SAVED_AGAIN not in texts["NOTICE"]:
        texts["NOTICE"] = texts["NOTICE"].rstrip() + "\n\n" + SAVED_AGAIN
    return texts


def licence_beside(file: Path, given: str | Path | None) -> str | None:
    """Return the licence text that was given, or that lies beside a file; None if there is none."""
    if given is not None:
        return text_of(Path(given))
    for name in NAMES:
        path = file.parent / name
        if path.is_file():
            return text_of(path)
    return None


def text_of(path: Path) -> str:
    """Read a licence text, or say why it is none."""
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(f"license={str(path)!r} is larger than any licence text; give the text")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"license={str(path)!r} cannot be read: {error.strerror or error}"
        ) from error
    except UnicodeError as error:
        raise BadInput(f"license={str(path)!r} is no text; give the licence as text") from error
