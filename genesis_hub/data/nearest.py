"""Names close to one that is missing, for an error to offer."""

import difflib
from collections.abc import Iterable


def close_names(name: str, others: Iterable[str], *, alike: float = 0.6) -> str:
    """Return "; close names: a, b", or nothing where none is close."""
    close = difflib.get_close_matches(name, sorted(set(others) - {name}), 3, alike)
    return f"; close names: {', '.join(close)}" if close else ""
