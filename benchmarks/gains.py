"""What the bundled weights gain, as one picture and one table, from benchmarks/results/proof.json.

    python -m benchmarks.gains [--results FILE] [--out FOLDER]

The picture, gains.svg, shows what each name gains over random weights of the same network on every
set whose labels it had not seen: at the claim's share of the labels, or else the least that was
measured, with its corrected interval. The table is printed, for the README. Neither has a number
that is not in the file.
"""

import argparse
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from genesis_hub import registry
from genesis_hub.errors import BadInput
from training.results import PROOF, read_results

FOLDER = Path(__file__).parent.parent / "docs"
WIDE, LINE, LEFT, RIGHT, TOP = 720, 18, 330, 150, 34
TICK, ROOM = 0.1, 1.5  # Of the axis; how much wider it is than the greatest difference.
FAINT = "#d8dee4"
GAIN, LOSS, NEITHER = "#1a7f37", "#c0392b", "#6e7781"
Row = dict[str, Any]


def chosen(told: dict[str, Any]) -> list[Row]:
    """Return one row for each name and set, the claimed one where there is a claim."""
    claims = {(one["weights"], one["set"]): one["fraction"] for one in told["claims"]}
    found: dict[tuple[str, str], Row] = {}
    for row in sorted(told["rows"], key=lambda row: (row["weights"], row["set"], row["labelled"])):
        key = (row["weights"], row["set"])
        if row["against"] is None or row["pretraining_seed"] != 0 or row["labels_seen"]:
            continue
        if key not in found or claims.get(key) == row["fraction"]:
            found[key] = {**row, "claimed": claims.get(key) == row["fraction"]}
    return list(found.values())


def picture(rows: Sequence[Row]) -> str:
    """Return the differences with their intervals as SVG, zero marked.

    The axis is as wide as the differences ask for; of an interval that goes on an arrow says so:
    one over fifteen slices would press all others into a dot.
    """
    most = ROOM * max(abs(row["against"]["difference"]) for row in rows) or TICK
    scale = (WIDE - LEFT - RIGHT) / (2 * most)
    tall = TOP + LINE * (len(rows) + 1)

    def across(value: float) -> float:
        return LEFT + (value + most) * scale

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {tall}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDE}" height="{tall}" fill="#ffffff"/>',
        '<text x="8" y="18" font-weight="bold">Over random weights of the same network</text>',
    ]
    for count in range(-int(most / TICK), int(most / TICK) + 1):
        x, ink = across(TICK * count), NEITHER if count == 0 else FAINT
        parts += [
            f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{tall - LINE}" stroke="{ink}"/>',
            f'<text x="{x:.1f}" y="{tall - 4}" text-anchor="middle">'
            f"{f'{TICK * count:+g}' if count else 0}</text>",
        ]
    for place, row in enumerate(rows):
        against, y = row["against"], TOP + LINE * (place + 0.5)
        ink = colour(against)
        low, high = against["corrected_low"], against["corrected_high"]
        a, b = across(max(low, -most)), across(min(high, most))
        said = f"{row['weights']}, {row['set']}, {row['labelled']:,} labelled"
        weight = ' font-weight="bold"' if row["claimed"] else ""
        parts += [
            f'<text x="8" y="{y + 4:.1f}"{weight}>{escape(said)}</text>',
            f'<line x1="{a:.1f}" y1="{y:.1f}" x2="{b:.1f}" y2="{y:.1f}" stroke="{ink}" '
            'stroke-width="2"/>',
            *(arrow(x, y, way, ink) for x, way, goes_on in
              ((a, -1, low < -most), (b, 1, high > most)) if goes_on),
            f'<circle cx="{across(against["difference"]):.1f}" cy="{y:.1f}" r="4" fill="{ink}"/>',
            f'<text x="{WIDE - RIGHT + 20}" y="{y + 4:.1f}">{against["difference"]:+.3f} '
            f"{escape(row['measure'])}</text>",
        ]  # fmt: skip
    return "\n".join([*parts, "</svg>", ""])


def arrow(x: float, y: float, way: int, ink: str) -> str:
    """Return the head of an arrow at an end of the axis; way: -1 to the left, 1 to the right."""
    points = f"{x:.1f},{y - 4:.1f} {x + 7 * way:.1f},{y:.1f} {x:.1f},{y + 4:.1f}"
    return f'<polygon points="{points}" fill="{ink}"/>'


def colour(against: Row) -> str:
    """Return the colour of what a comparison says."""
    if against["corrected_low"] > 0 and against["said"] == "significant gain":
        return GAIN
    return LOSS if against["said"] == "significant loss" else NEITHER


def table(told: dict[str, Any]) -> str:
    """Return the names that ship with what each was made of and its claim's gain, as Markdown."""
    lines = ["| name | dims | images | licence | claimed gain |", "|---|---|---|---|---|"]
    claims = {one["weights"]: one for one in told["claims"]}
    for entry in registry.ENTRIES.values():
        if entry.location.road == "bundled":
            lines.append(
                f"| `{entry.name}` | {entry.ndim}D | {entry.inputs.modality} "
                f"| {entry.license.name} | {gained(claims.get(entry.name))} |"
            )
    return "\n".join([*lines, ""])


def gained(claim: Row | None) -> str:
    """Say what came of a claim."""
    if claim is None:
        return "none claimed"
    apart = ", ".join(f"{one['difference']:+.3f}" for one in claim["differences"])
    held = {True: "shown", False: "not shown", None: "not judged"}[claim["held"]]
    return f"{claim['set']}: {apart or 'not measured'} {claim['measure']}, {held}"


def main() -> None:
    """Write the picture and the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=PROOF, help="a file as proof.json")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder of gains.svg")
    options = parser.parse_args()
    if not options.out.is_dir():
        parser.error(f"--out {options.out} is no folder; gains.svg is written into one")
    try:
        told = read_results(options.results)
    except BadInput as error:
        parser.error(str(error))
    rows = chosen(told)
    if not rows:
        parser.error(f"{options.results} compares nothing with random weights; nothing to draw")
    (options.out / "gains.svg").write_text(picture(rows), encoding="utf-8")
    print(table(told))


if __name__ == "__main__":
    main()
