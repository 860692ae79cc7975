"""The few errors a user can meet; each is also the built-in that old habits catch."""


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
