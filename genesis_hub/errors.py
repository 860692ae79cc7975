"""The few errors a user can meet, and how they name many things.

Each is also the built-in that old habits catch.
"""

from collections.abc import Sequence


class GenesisHubError(Exception):
    """Base of every error that genesis_hub raises on purpose."""

    def __str__(self) -> str:
        # LookupError subclasses such as KeyError would print the message in quotes.
        return str(self.args[0]) if self.args else ""


class TermsNotice(UserWarning):
    """Said once where weights come under terms that bind whoever uses them."""


class UnknownModel(GenesisHubError, LookupError):
    """No model has the name asked for."""


class WeightsUnavailable(GenesisHubError, LookupError):
    """The name is known, but no road leads to its weights from here."""


class KeyMismatch(GenesisHubError, ValueError):
    """The tensors of a file and those of a network do not belong together."""


class UnsafeFile(GenesisHubError, ValueError):
    """A file was refused before anything in it could do harm."""


class BadInput(GenesisHubError, ValueError):
    """An argument, an image or a setting is not one that can be used."""


def some_of(names: Sequence[str], most: int) -> str:
    """Return the first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
