"""`python -m genesis_hub.write_cards DIR` writes the card of every name, from the entries."""

import sys
from pathlib import Path

from genesis_hub.cards import render
from genesis_hub.entry import Entry
from genesis_hub.registry import ENTRIES
from genesis_hub.weights.folder import CARD
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
    """Return a name's card; of what ships inside that of its folder: sources, worth, terms."""
    inside = bundled(entry.name)
    if inside is None:
        return render(entry)
    card = (inside / CARD).read_text(encoding="utf-8")
    by_name = card.replace('from_pretrained(".")', f'from_pretrained("{entry.name}")')
    return by_name.replace("## This folder", "## How they were made")


if __name__ == "__main__":
    write_cards(Path(sys.argv[1] if len(sys.argv) > 1 else "model_cards"))
