"""`python -m genesis_hub.write_cards DIR` writes the card of every name, from the entries."""

import sys
from pathlib import Path

from genesis_hub.cards import render
from genesis_hub.registry import ENTRIES


def write_cards(folder: Path) -> None:
    """Write one card per name; a card of a name that is gone is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.stem not in ENTRIES:
            path.unlink()
    for entry in ENTRIES.values():
        (folder / f"{entry.name}.md").write_text(render(entry), encoding="utf-8")


if __name__ == "__main__":
    write_cards(Path(sys.argv[1] if len(sys.argv) > 1 else "model_cards"))
