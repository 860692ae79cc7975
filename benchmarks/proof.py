"""What each bundled name is worth on every labelled set beside random weights; claims judged.

    python benchmarks/proof.py RUNS [--second FOLDER] [--only NAME] [--weights NAME] [--write]

Calls `genesis-hub benchmark` for each set and name (the words stand above each table). --second:
a folder of NAME-1/release, the same recipe's weights of another pre-training seed, which take
part, too. What is judged was written into benchmarks/claims.json, and committed, before. p is
adjusted by Holm over all comparisons of all sets, and intervals are as wide as that asks for.
What was begun goes on. --write: benchmarks/results/proof.json, and the tables of docs/results.md.
"""

import argparse
import json
import os
import platform
import shlex
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import NormalDist
from typing import Any

from comparing import number, write
from sets import SCRATCH, SETS, Labelled, made_of

from genesis_hub.cli import main as genesis_hub
from genesis_hub.engine.origin import versions
from genesis_hub.evaluate import Comparison, adjusted

HERE = Path(__file__).parent
CLAIMS, PROOF = HERE / "claims.json", HERE / "results" / "proof.json"
PAGE = HERE.parent / "docs" / "results.md"
LEVEL = 0.95
Row = dict[str, Any]


def compared(name: str, weights: str, data: Path, runs: Path, second: Path | None) -> list[Row]:
    """Compare a name, and its second seed where there is one, on a set; return what came of it."""
    asked = SETS[name]
    again = second / f"{weights}-1" / "release" if second and not SETS[name].tuned else None
    seeds = {weights: 0}
    if again is not None and again.is_dir():
        seeds[str(again)] = 1
    models = [*seeds, SCRATCH + weights]
    out = runs / name / weights
    words = ["benchmark", "--data", str(made_of(name, data, runs) / asked.asked.where)]
    words += ["--models", ",".join(models), "--out", str(out)]
    words += [*shlex.split(asked.words(weights)), "--quiet"]
    print(" ".join(words), flush=True)
    if status := genesis_hub(words):
        raise SystemExit(status)
    told = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    rows = []
    for one in told["standings"]:
        found = one["numbers"]
        kept = [key for key in found if key == told["measure"] or key == "accuracy"]
        kept += [key for key in found if key.startswith("dice/")]
        rows.append({
            "set": name, "title": SETS[name].title, "mode": told["mode"],
            "measure": told["measure"], "labelled": round(one["training_cases"]),
            "fraction": one["label_fraction"], "seeds": told["folds"],
            "weights": weights if one["model"] in seeds else one["model"],
            "pretraining_seed": seeds.get(one["model"]),
            **{key: found[told["measure"]][key] for key in ("value", "low", "high")},
            "numbers": {
                key: {part: found[key][part] for part in ("value", "low", "high")} for key in kept
            },
            "folds": one["folds"],
            "seen": SETS[name].seen.get(weights, ""),
            "labels_seen": weights in SETS[name].labels_seen,
            "against": one["against"] and {"weights": SCRATCH + weights, **one["against"]},
        })  # fmt: skip
    return rows


def corrected(rows: list[Row]) -> list[Row]:
    """Return the rows with p adjusted over all of them, and intervals as wide as its rank asks."""
    asked = [row for row in rows if row["against"] is not None]
    found = [comparison(row) for row in asked]
    by = {id(row): one for row, one in zip(asked, adjusted(found), strict=True)}
    order = sorted(asked, key=lambda row: row["against"]["p"])
    usual = NormalDist().inv_cdf(0.5 + LEVEL / 2)
    made = []
    for row in rows:
        if row["against"] is None:
            made.append(row)
            continue
        one = by[id(row)]
        among = len(order) - order.index(row)
        # By the normal's quantiles: ten thousand resamples say nothing of one end in a thousand.
        wider = NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / among) / usual
        low, high = (one.difference + wider * (end - one.difference) for end in (one.low, one.high))
        against = {
            **row["against"], "adjusted": one.adjusted, "said": one.said,
            "corrected_low": low, "corrected_high": high,
        }  # fmt: skip
        made.append({**row, "against": against})
    return made


def comparison(row: Row) -> Comparison:
    """Return a row's comparison as it came, before anything was adjusted."""
    told = row["against"]
    one = Comparison(
        row["measure"], row["value"], row["value"] - told["difference"], told["difference"],
        told["low"], told["high"], told["p"], told["p"], LEVEL,
    )  # fmt: skip
    return replace(one, adjusted=one.p)


def judged(claim: Row, rows: list[Row]) -> Row:
    """Return a claim with what came of it: it holds if both pre-training seeds gained by Holm."""
    own = [
        row for row in rows
        if row["weights"] == claim["weights"] and row["set"] == claim["set"]
        and row["fraction"] == claim["fraction"] and row["against"] is not None
    ]  # fmt: skip
    apart = [
        {"pretraining_seed": row["pretraining_seed"],
         **{key: row["against"][key] for key in (
             "difference", "corrected_low", "corrected_high", "adjusted", "said")}}
        for row in own
    ]  # fmt: skip
    tried = {one["pretraining_seed"] for one in apart}
    held = len(tried) > 1 and all(one["said"] == "significant gain" for one in apart)
    why = ""
    if len(tried) < 2:
        why = f"not judged: {len(tried)} pre-training seed(s) of 2"
    elif not held:
        why = "not over random weights by Holm in both pre-training seeds"
    seeds = min((row["seeds"] for row in own), default=0)
    return {**claim, "seeds": seeds, "pretraining_seeds": len(tried), "differences": apart,
            "held": held, "why": why}  # fmt: skip


def tables(rows: list[Row], claims: list[Row]) -> list[str]:
    """Return the claims and a table for each set, as Markdown."""
    text = [
        "## The claims", "",
        "| weights | set | labelled | number | first seed | second seed | |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for one in claims:
        apart = {each["pretraining_seed"]: gap(each) for each in one["differences"]}
        said = "**holds**" if one["held"] else f"fails: {one['why']}"
        labelled = next(
            (row["labelled"] for row in rows
             if row["set"] == one["set"] and row["fraction"] == one["fraction"]), "",
        )  # fmt: skip
        text.append(
            f"| `{one['weights']}` | {one['set']} | {labelled} | {one['measure']} "
            f"| {apart.get(0, 'not tried')} | {apart.get(1, 'not trained')} | {said} |"
        )
    for name, asked in SETS.items():
        own = [row for row in rows if row["set"] == name]
        if own:
            text += ["", f"## {name}", "", *table(asked, own)]
    return [*text, ""]


def table(asked: Labelled, rows: list[Row]) -> list[str]:
    """Return one set's table, what was seen of it, and what others reached."""
    keys = list(rows[0]["numbers"])
    beside = ",".join(asked.weights[:1])
    text = [
        f"{asked.title[0].upper()}{asked.title[1:]}.", "",
        "<!-- not run: it needs the set, see above -->", "```console",
        f"$ genesis-hub benchmark --data {asked.asked.where} --models {beside},scratch:{beside} "
        f"--out which {asked.words(beside)}",
        "```", "",
        f"| labelled | weights | {' | '.join(keys)} | over random weights (Holm) | |",
        f"|---|---|{'---|' * len(keys)}---|---|",
    ]  # fmt: skip
    for row in sorted(rows, key=lambda row: (row["labelled"], row["weights"].split(":")[-1])):
        seed = " (second seed)" if row["pretraining_seed"] == 1 else ""
        said = ("", "the reference") if row["against"] is None else (
            gap(row["against"]), row["against"]["said"]
        )  # fmt: skip
        mark = " *" if row["labels_seen"] else ""
        cells = [str(row["labelled"]), f"{row['weights']}{seed}{mark}"]
        cells += [number(row["numbers"][key]) for key in keys]
        text.append(f"| {' | '.join([*cells, *said])} |")
    notes = [f"`{name}` had seen {what}." for name, what in asked.seen.items()]
    notes += [f"\\* `{name}` had seen labels of this set." for name in asked.labels_seen]
    if asked.reference:
        notes.append(f"Published: {asked.reference}.")
    return [*text, "", " ".join(notes)] if notes else text


def gap(one: Row) -> str:
    """Return a difference with its corrected interval."""
    return f"{one['difference']:+.3f} ({one['corrected_low']:+.3f} to {one['corrected_high']:+.3f})"


def main() -> None:
    """Run what is asked for, print it, and write it where that is asked for, too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path)
    parser.add_argument("--second", type=Path)
    parser.add_argument("--only", choices=SETS, action="append")
    parser.add_argument("--weights", action="append")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    place = os.environ.get("GENESIS_HUB_DATA")
    if not place:
        parser.error("GENESIS_HUB_DATA is not set: it names the folder of real scans")
    rows = [
        row
        for name in options.only or SETS
        for weights in SETS[name].weights
        if not options.weights or weights in options.weights
        for row in compared(name, weights, Path(place), options.runs, options.second)
    ]
    rows = corrected(rows)
    claims = [judged(one, rows) for one in json.loads(CLAIMS.read_text(encoding="utf-8"))]
    text = tables(rows, claims)
    print("\n".join(text))
    if options.write:
        if options.only or options.weights:
            parser.error("--write writes all; leave --only and --weights away: nothing runs twice")
        made = {
            "on": date.today().isoformat(), "machine": platform.machine(),
            "cores": os.cpu_count(), **versions(),
        }  # fmt: skip
        found = json.dumps({"made": made, "claims": claims, "rows": rows}, indent=1)
        PROOF.write_text(found + "\n", encoding="utf-8")
        write(PAGE, text)


if __name__ == "__main__":
    main()
