"""Libraries that are not always there: imported when needed, or named with what installs them."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from genesis_hub.errors import BadInput


def require(library: str, extra: str) -> Any:
    """Import a library, or say which extra of genesis_hub brings it."""
    try:
        return import_module(library)
    except ImportError as error:
        raise BadInput(
            f"this needs {library}, which is not installed: pip install 'genesis-hub[{extra}]'"
        ) from error


def is_here(library: str) -> bool:
    """Say whether a library is installed; it is not imported."""
    return find_spec(library) is not None
