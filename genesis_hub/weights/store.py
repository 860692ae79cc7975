"""Where weights lie on this machine: what `import` made, and what the package brings along."""

import os
from pathlib import Path

POINTER = "current"
BUNDLED = Path(__file__).parent.parent / "bundled"


def home() -> Path:
    """Return the folder of the local store: `GENESIS_HUB_HOME`, or genesis_hub in the cache."""
    given = os.environ.get("GENESIS_HUB_HOME")
    if given:
        return Path(given).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    base = Path(cache) if cache else Path.home() / ".cache"
    return base / "genesis_hub"


def stored(name: str) -> Path | None:
    """Return the folder of the weights that `import` put under a name, or None.

    Each import lies in a folder of its own; a small file, replaced in one step, names the
    current one, so a reader never sees half of an import.
    """
    place = home() / "models" / name
    try:
        current = (place / POINTER).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    folder = place / current
    if not current or Path(current).name != current or not folder.is_dir():
        return None
    return folder


def bundled(name: str) -> Path | None:
    """Return the folder of weights that ship inside the package, or None."""
    folder = BUNDLED / name
    return folder if (folder / "config.json").is_file() else None
