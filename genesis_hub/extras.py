"""Libraries that are not always there: imported when needed, or named with what installs them."""

from importlib import import_module
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
