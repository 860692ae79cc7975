"""What a run was made by: the command, the versions, the commit of a checkout."""

import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from genesis_hub.version import __version__

# Whose numbers may change with their version.
LIBRARIES = ("numpy", "scipy", "timm", "segmentation-models-pytorch", "lightning-fabric")
CHECKOUT = Path(__file__).parents[2]


def origin() -> dict[str, Any]:
    """Return what is known of where a run comes from; a commit only where it is a checkout's."""
    told: dict[str, Any] = {
        "command": sys.argv,
        "versions": versions(),
        "platform": {"system": platform.platform(), "machine": platform.machine()},
        "begun": time.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    commit = commit_of(CHECKOUT)
    return {**told, "commit": commit} if commit else told


def versions() -> dict[str, str]:
    """Return the versions of all that a run's numbers depend on."""
    found = {
        "genesis_hub": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    for name in LIBRARIES:
        found[name] = metadata.version(name)
    if torch.version.cuda:
        found["cuda"] = torch.version.cuda
    return found


def other_versions(then: Mapping[str, str]) -> list[str]:
    """Return which versions are others than those a run was begun with."""
    now = versions()
    return [f"{k} {then[k]} then, {now[k]} now" for k in now if then.get(k, now[k]) != now[k]]


def commit_of(checkout: Path) -> str:
    """Return the commit of a checkout, "-changed" after it where files differ; or nothing."""
    if not (checkout / ".git").exists():
        return ""
    try:
        commit = git(checkout, "rev-parse", "HEAD")
        changed = git(checkout, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""  # No git here, or no commit yet: the versions must do.
    return f"{commit}-changed" if changed else commit


def git(checkout: Path, *words: str) -> str:
    """Return what git answers."""
    done = subprocess.run(  # noqa: S603
        ["git", "-C", str(checkout), *words],  # noqa: S607 - the user's own git
        check=True, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    return done.stdout.strip()
