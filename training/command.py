"""What the verbs run from a checkout share: words in, errors in one line, exit statuses."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from genesis_hub.cli.training import value_of
from genesis_hub.engine.stopping import Stopped
from genesis_hub.errors import BadInput, GenesisHubError


class Parser(argparse.ArgumentParser):
    """argparse for flags with hyphens or underscores, answering a wrong call in one line."""

    def error(self, message: str) -> NoReturn:
        unknown = re.search(r"unrecognized arguments: --([\w-]+)(?:[= ](\S+))?", message)
        if unknown and any(action.dest == "keys" for action in self._actions):
            key, value = unknown[1].replace("-", "_"), unknown[2] or "VALUE"
            if key == "set" and "=" in value:  # As `genesis-hub finetune` has it.
                key, value = value.split("=", 1)
            message = f"--{unknown[1]} is no flag; a key is given without --, as {key}={value}"
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


def told(name: str, verb: Callable[[], int], words: Callable[[str], str] = str) -> int:
    """Run a verb; return its exit status: 2 after an error, told in one line.

    words: says an error as the verb's user would, such as `keyed`.
    """
    try:
        status = verb()
        sys.stdout.flush()
    except GenesisHubError as error:
        print(f"{name}: {words(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(
            f"{name}: {where}{error.strerror or error}; make room, or choose another place",
            file=sys.stderr,
        )
        return 2
    except Stopped as stopped:
        print(f"{name}: {stopped}; the same command goes on from there", file=sys.stderr)
        return stopped.status
    except KeyboardInterrupt:
        print(f"{name}: stopped", file=sys.stderr)
        return 130
    return status


KEYS = (
    (re.compile(r"check=False \(--no-check\)"), "no_check=true"),
    (re.compile(r"\w+=True \(--[\w-]+\)"), lambda found: found[0].split("=")[0] + "=true"),
    (re.compile(r"\brange=\(([^()]+?), ([^()]+?)\)"), r"range=\1,\2"),
    (re.compile(r"\b(modality|range)='([\w-]+)'"), r"\1=\2"),
    (re.compile(r"\banother RUN$"), "another folder to --out"),
    (re.compile(r"\brange=(?=[\s,;)]|$)"), "range=LO,HI"),
)


def keyed(text: str) -> str:
    """Return an error in KEY=VALUE words, where it speaks of Python's arguments."""
    for pattern, said in KEYS:
        text = pattern.sub(said, text)
    return text


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
