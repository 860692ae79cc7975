"""Tables of what weights are worth on labelled sets, by `genesis-hub benchmark`, as Markdown."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from genesis_hub.cli import main as genesis_hub
from genesis_hub.worth import value

MARK = "<!-- tables -->"


class Asked(NamedTuple):
    """A set below GENESIS_HUB_DATA, and the words that it is compared with."""

    where: str
    words: str


def compared(
    name: str,
    asked: Asked,
    models: str,
    data: Path,
    runs: Path,
    called: Mapping[str, str] | None = None,
) -> str:
    """Compare weights on one set; return its command and its table, as Markdown.

    models: as the command takes them; called: what stands for some of their words in the table.
    """
    shown = replaced(models, called or {})
    command = (
        f"genesis-hub benchmark --data {asked.where} --models {shown} --out which {asked.words}"
    )
    print(command, flush=True)
    out = runs / name
    call = ["benchmark", "--data", str(data / asked.where), "--models", models, "--out", str(out)]
    if status := genesis_hub([*call, *shlex.split(asked.words), "--quiet"]):
        raise SystemExit(status)
    told: dict[str, Any] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    measures = {told["measure"]: told["measure"]}
    found = told["standings"][0]["numbers"]
    measures |= {key: key for key in found if key == "accuracy" or key.startswith("dice/")}
    lines = [
        f"### {name}", "", "```console", f"$ {command}", "```", "",
        f"| labelled | weights | {' | '.join(measures)} | over random weights | |",
        f"|---|---|{'---|' * len(measures)}---|---|",
    ]  # fmt: skip
    for one in told["standings"]:
        numbers = [value(one["numbers"][key]) for key in measures]
        against = one["against"]
        apart, said = ("", "the reference") if against is None else difference(against)
        weights = replaced(one["model"], called or {})
        row = [f"{one['training_cases']:.0f}", weights, *numbers, apart, said]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines, ""])


def replaced(text: str, words: Mapping[str, str]) -> str:
    """Return a text with some words for others."""
    for word, other in words.items():
        text = text.replace(word, other)
    return text


def difference(against: dict[str, Any]) -> tuple[str, str]:
    """Return a difference with its interval, and what it says."""
    apart = f"{against['difference']:+.3f} ({against['low']:+.3f} to {against['high']:+.3f})"
    return apart, str(against["said"])


def write(path: Path, tables: list[str]) -> None:
    """Write tables below what a page says of them."""
    head = path.read_text(encoding="utf-8").split(MARK)[0]
    path.write_text(head + "\n".join([MARK, "", *tables]), encoding="utf-8")
