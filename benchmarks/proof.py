"""What each bundled name is worth on every labelled set beside random weights; claims judged.

    python -m benchmarks.proof RUNS [--second FOLDER] [--only NAME] [--weights NAME] [--write]

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
from datetime import date
from pathlib import Path
from statistics import NormalDist
from typing import Any

from benchmarks.comparing import write
from benchmarks.sets import MADE, SCRATCH, SETS, Labelled, made_of
from benchmarks.timing import place_of_data
from genesis_hub.cli import main as genesis_hub
from genesis_hub.engine.origin import versions
from genesis_hub.evaluate import Comparison, adjusted
from genesis_hub.worth import apart, value, verdict

HERE = Path(__file__).parent
CLAIMS, PROOF = HERE / "claims.json", HERE / "results" / "proof.json"
PAGE = HERE.parent / "docs" / "results.md"
LEVEL = 0.95
FELL = "not over each draw of random weights, by Holm, in both pre-training seeds"
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
    left = {id(row): len(order) - rank for rank, row in enumerate(order)}
    usual = NormalDist().inv_cdf(0.5 + LEVEL / 2)
    made = []
    for row in rows:
        if row["against"] is None:
            made.append(row)
            continue
        one = by[id(row)]
        # By the normal's quantiles: ten thousand resamples say nothing of one end in a thousand.
        wider = NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / left[id(row)]) / usual
        low, high = (
            min(max(one.difference + wider * (end - one.difference), -1.0), 1.0)
            for end in (one.low, one.high)
        )
        against = {
            **row["against"], "adjusted": one.adjusted, "said": one.said,
            "corrected_low": low, "corrected_high": high,
        }  # fmt: skip
        made.append({**row, "against": against})
    return made


def comparison(row: Row) -> Comparison:
    """Return a row's comparison as it came, before anything was adjusted."""
    told = row["against"]
    return Comparison(
        row["measure"], row["value"], row["value"] - told["difference"], told["difference"],
        told["low"], told["high"], told["p"], told["p"], LEVEL,
    )  # fmt: skip


def judged(claim: Row, rows: list[Row]) -> Row:
    """Return a claim with what came of it: it holds if both pre-training seeds gained by Holm.

    What one seed alone says is no verdict: then `held` is None.
    """
    own = [
        row for row in rows
        if row["weights"] == claim["weights"] and row["set"] == claim["set"]
        and row["fraction"] == claim["fraction"] and row["against"] is not None
    ]  # fmt: skip
    found = [
        {"pretraining_seed": row["pretraining_seed"],
         **{key: row["against"][key] for key in (
             "difference", "corrected_low", "corrected_high", "adjusted", "said")}}
        for row in own
    ]  # fmt: skip
    tried = {one["pretraining_seed"] for one in found}
    held, why = None, f"{len(tried)} pre-training seed(s) of 2"
    if len(tried) > 1:
        held = all(one["said"] == "significant gain" for one in found)
        why = "" if held else FELL
    seeds = min((row["seeds"] for row in own), default=0)
    return {**claim, "seeds": seeds, "pretraining_seeds": len(tried), "differences": found,
            "held": held, "why": why}  # fmt: skip


def tables(rows: list[Row], claims: list[Row]) -> list[str]:
    """Return the claims and a table for each set, as Markdown."""
    text = [
        "## The claims", "",
        "| weights | set | share of the labels | number | first seed | second seed | |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for one in claims:
        gaps = {each["pretraining_seed"]: apart(each) for each in one["differences"]}
        said = {True: "**holds**", False: "fails: ", None: "not judged: "}[one["held"]] + one["why"]
        text.append(
            f"| `{one['weights']}` | {one['set']} | {one['fraction']:g} "
            f"| {one['measure']} | {gaps.get(0, 'not tried')} | {gaps.get(1, 'not trained')} "
            f"| {said} |"
        )
    for name, asked in SETS.items():
        own = [row for row in rows if row["set"] == name]
        if own:
            text += ["", f"## {name}", "", *table(asked, own)]
    return [*text, ""]


def table(asked: Labelled, rows: list[Row]) -> list[str]:
    """Return one set's table, what was seen of it, and what others reached."""
    keys = list(rows[0]["numbers"])
    beside = asked.weights[0]
    folder = "FOLDER" if asked is SETS[MADE] else "$GENESIS_HUB_DATA"
    text = [
        f"{asked.title[0].upper()}{asked.title[1:]}.", "",
        "<!-- not run: it needs the set, see above -->", "```console",
        f"$ genesis-hub benchmark --data {folder}/{asked.asked.where} "
        f"--models {beside},{SCRATCH}{beside} --out which {asked.words(beside)}",
        "```", "",
        f"| labelled | weights | {' | '.join(keys)} | over random weights (Holm) | |",
        f"|---|---|{'---|' * len(keys)}---|---|",
    ]  # fmt: skip
    for row in sorted(rows, key=lambda row: (row["labelled"], row["weights"].split(":")[-1])):
        seed = " (second seed)" if row["pretraining_seed"] == 1 else ""
        said = ("", "the reference") if row["against"] is None else (
            apart(row["against"]), verdict(row["against"])
        )  # fmt: skip
        mark = " *" if row["labels_seen"] and row["against"] is not None else ""
        cells = [str(row["labelled"]), f"{row['weights']}{seed}{mark}"]
        cells += [value(row["numbers"][key]) for key in keys]
        text.append(f"| {' | '.join([*cells, *said])} |")
    notes = [f"`{name}` had seen {what}." for name, what in asked.seen.items()]
    notes += [f"\\* `{name}` had seen labels of this set." for name in asked.labels_seen]
    if asked.reference:
        notes.append(f"Published: {asked.reference}.")
    return [*text, "", " ".join(notes)] if notes else text


def main() -> None:
    """Run what is asked for, print it, and write it where that is asked for, too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, help="a folder to work in; the same call goes on")
    parser.add_argument("--second", type=Path, help="a folder of NAME-1/release, other weights")
    parser.add_argument("--only", choices=SETS, action="append", help="this set")
    names = sorted({name for asked in SETS.values() for name in asked.weights})
    parser.add_argument("--weights", choices=names, action="append", help="these weights")
    parser.add_argument("--write", action="store_true", help="proof.json and docs/results.md")
    options = parser.parse_args()
    if options.write and (options.only or options.weights):
        parser.error("--write writes all; leave --only and --weights away: nothing runs twice")
    if options.second is not None and not options.second.is_dir():
        parser.error(
            f"--second {options.second} is no folder; make NAME-1 in it: python -m training.mini "
            f"NAME --out {options.second}/NAME-1 seed=1"
        )
    place = place_of_data(parser)
    rows = [
        row
        for name in options.only or SETS
        for weights in SETS[name].weights
        if not options.weights or weights in options.weights
        for row in compared(name, weights, place, options.runs, options.second)
    ]
    rows = corrected(rows)
    claims = [judged(one, rows) for one in json.loads(CLAIMS.read_text(encoding="utf-8"))]
    text = tables(rows, claims)
    print("\n".join(text))
    if options.only or options.weights:
        count = sum(row["against"] is not None for row in rows)
        print(f"p and intervals are by Holm over these {count} comparisons; the page's over all")
    if options.write:
        made = {
            "on": date.today().isoformat(), "machine": platform.machine(),
            "cores": os.cpu_count(), **versions(),
        }  # fmt: skip
        found = json.dumps({"made": made, "claims": claims, "rows": rows}, indent=1)
        PROOF.write_text(found + "\n", encoding="utf-8")
        write(PAGE, text)


if __name__ == "__main__":
    main()
