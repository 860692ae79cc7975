"""The `genesis-hub` command: arguments in, verbs called, tables out; errors in one line."""

import argparse
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from genesis_hub.cli import (
    auditing,
    catalogue,
    comparing,
    files,
    images,
    pictures,
    searching,
    training,
)  # fmt: skip
from genesis_hub.cli.spoken import spoken
from genesis_hub.errors import BadInput, GenesisHubError
from genesis_hub.version import __version__


class Parser(argparse.ArgumentParser):
    """argparse, answering a wrong call in one line and with the hub's error."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; see: {self.prog} --help")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read words; those that are no flag of this verb are refused here, with the nearest."""
        options, strange = super().parse_known_args(args, namespace)
        if strange:
            flags = re.findall(r"--[\w-]+", self.format_usage())
            close = [
                n for word in strange for n in get_close_matches(word.partition("=")[0], flags)
            ]
            near = f"; close flags: {', '.join(dict.fromkeys(close))}" if close else ""
            self.error(f"unrecognized arguments: {' '.join(strange)}{near}")
        return options, strange


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, or 2 after an error told in one line."""
    try:
        words = sys.argv[1:] if arguments is None else list(arguments)
        options = parser().parse_args(joined(words))
        status: int = options.run(options)
        sys.stdout.flush()
    except GenesisHubError as error:
        print(f"genesis-hub: {spoken(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # `genesis-hub list | head`: the reader has seen enough.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print("genesis-hub: stopped", file=sys.stderr)
        return 130
    return status


def joined(words: list[str]) -> list[str]:
    """Tie `--range` to what follows: argparse takes -1000,1000 for an option."""
    tied: list[str] = []
    for word in words:
        if tied and tied[-1] == "--range":
            tied[-1] = f"--range={word}"
        else:
            tied.append(word)
    return tied


def parser() -> Parser:
    """Return the parser of all verbs."""
    root = Parser(
        prog="genesis-hub",
        description="Self-supervised medical-imaging models: find, load, adapt, publish.",
    )
    root.add_argument("--version", action="version", version=f"genesis-hub {__version__}")
    verbs = root.add_subparsers(metavar="VERB", required=True, parser_class=Parser)
    catalogue.add(verbs)
    files.add(verbs)
    images.add(verbs)
    training.add(verbs)
    comparing.add(verbs)
    pictures.add(verbs)
    searching.add(verbs)
    auditing.add(verbs)

    verb = verbs.add_parser("demo", help="see the bundled weights at work, offline, in two minutes")
    verb.add_argument("--out", help="a new folder (runs/demo)")
    verb.set_defaults(run=run_demo)
    return root


def run_demo(options: argparse.Namespace) -> int:
    """Run the demonstration."""
    # Needs torch, which `list` and `info` do without.
    from genesis_hub.demo.story import demo

    return demo(options.out)
