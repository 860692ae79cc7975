"""What the verbs run from a checkout share: words in, errors in one line, exit statuses."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from genesis_hub.cli.training import value_of
from genesis_hub.engine.loop import Stopped
from genesis_hub.errors import BadInput, GenesisHubError


class Parser(argparse.ArgumentParser):
    """argparse for flags with hyphens or underscores, answering a wrong call in one line."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; see: {self.prog} --help")

    def parse(self, words: Sequence[str] | None) -> argparse.Namespace:
        """Return what was asked for; `--input_rows` is `--input-rows`."""
        given = list(sys.argv[1:] if words is None else words)
        return self.parse_intermixed_args([hyphened(word) for word in given])


def hyphened(word: str) -> str:
    """Return a flag with hyphens; what stands after "=" stays as it is."""
    if not word.startswith("--"):
        return word
    flag, sign, value = word.partition("=")
    return flag.replace("_", "-") + sign + value


def told(name: str, verb: Callable[[], int]) -> int:
    """Run a verb; return its exit status: 2 after an error, told in one line."""
    try:
        status = verb()
        sys.stdout.flush()
    except GenesisHubError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        print(f"{name}: {stopped}; the same command goes on from there", file=sys.stderr)
        return stopped.status
    except KeyboardInterrupt:
        print(f"{name}: stopped", file=sys.stderr)
        return 130
    return status


def keys_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Return KEY=VALUE words as a table; values as TOML has them, words without quotes."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not sign or not key:
            raise BadInput(f"{pair!r} is no KEY=VALUE; write for example steps=1000")
        if key in found:
            raise BadInput(f"{key} was given twice: {found[key]!r} and {text!r}; give it once")
        found[key] = value_of(text)
    return found
