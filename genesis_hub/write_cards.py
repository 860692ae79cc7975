"""`python -m genesis_hub.write_cards DIR` writes the card of every name, from the entries."""

import sys
from pathlib import Path

from genesis_hub.cards import render
from genesis_hub.entry import Entry
from genesis_hub.registry import ENTRIES
from genesis_hub.weights.folder import CONFIG, read_json
from genesis_hub.weights.store import bundled


def write_cards(folder: Path) -> None:
    """Write one card per name; a card of a name that is gone is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.stem not in ENTRIES:
            path.unlink()
    for entry in ENTRIES.values():
        (folder / f"{entry.name}.md").write_text(card_of(entry), encoding="utf-8")


def card_of(entry: Entry) -> str:
    """Return a name's card; what ships inside says what it was measured to be worth."""
    inside = bundled(entry.name)
    if inside is None:
        return render(entry)
    made = read_json(inside / CONFIG)["genesis_hub"]["provenance"]
    return render(entry, measured=made.get("measured"))


if __name__ == "__main__":
    write_cards(Path(sys.argv[1] if len(sys.argv) > 1 else "model_cards"))
