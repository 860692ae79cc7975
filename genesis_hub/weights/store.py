"""Where weights lie on this machine: what `import` made, and what the package brings along."""

import contextlib
import os
import shutil
import time
from pathlib import Path

from genesis_hub.atomic import new_file

POINTER = "current"
UNUSED_SECONDS = 3600
BUNDLED = Path(__file__).parent.parent / "bundled"


def home() -> Path:
    """Return the folder of the local store: `GENESIS_HUB_HOME`, or genesis_hub in the cache."""
    given = os.environ.get("GENESIS_HUB_HOME")
    if given:
        return Path(given).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    base = Path(cache) if cache else Path.home() / ".cache"
    return base / "genesis_hub"


def slot(name: str, operator: str | None) -> str:
    """Return under which name weights are kept: a volume network's lie beside the encoder's."""
    return name if operator is None else f"{name}+{operator}"


def stored(name: str) -> Path | None:
    """Return the folder of the weights that `import` put under a name, or None.

    Each import lies in a folder of its own; a small file, replaced in one step, names the
    current one, so a reader never sees half of an import.
    """
    place = home() / "models" / name
    try:
        current = (place / POINTER).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    folder = place / current
    if not current or Path(current).name != current or not folder.is_dir():
        return None
    return folder


def is_damaged(name: str) -> bool:
    """Say whether something was imported under a name, but nothing tells which of it is current."""
    place = home() / "models" / name
    return stored(name) is None and place.is_dir() and any(place.glob("*/config.json"))


def place(name: str, version: str) -> Path:
    """Return where a version of a name's weights lies, or will lie."""
    return home() / "models" / name / version


def make_current(name: str, version: str) -> None:
    """Let a version be the one that `stored` finds, in one step; clear away what is long unused."""
    root = home() / "models" / name
    with new_file(root / POINTER) as aside:
        aside.write_text(version + "\n", encoding="utf-8")
    clear(root, keep=version)


def clear(root: Path, *, keep: str) -> None:
    """Remove other versions, and what killed processes left, once nobody can still be at them."""
    for path in root.iterdir():
        if path.name in (keep, POINTER):
            continue
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > UNUSED_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def bundled(name: str) -> Path | None:
    """Return the folder of weights that ship inside the package, or None."""
    folder = BUNDLED / name
    return folder if (folder / "config.json").is_file() else None
