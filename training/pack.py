"""`python -m training.pack`: scans into chunked, sharded zarr, for corpora larger than a machine.

    python -m training.pack --data DIR|CSV --out PACKED [--part 3/8] [--workers 8]

PACKED is a folder or what fsspec opens (s3://bucket/corpus, gs://..., memory://...). The same call
goes on where it was stopped; parts may run at the same time, on any number of machines.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from genesis_hub.cli.spoken import spoken
from genesis_hub.data.readers import existing
from genesis_hub.errors import BadInput
from training.command import Parser, told
from training.corpus.chunked import Layout, begun, three
from training.corpus.contents import TABLES, read_table, read_tables, table_name
from training.corpus.leftout import FEW, listed
from training.corpus.listing import (
    Opener,
    Scan,
    from_folder,
    from_table,
    kind_of,
    refuse_parted,
    table_of,
)  # fmt: skip
from training.corpus.packing import Packing, refuse_unsaid
from training.corpus.places import Place
from training.corpus.shift import Outcome, Shift

FLAG = re.compile(r"\b(part|again|chunk|shard|level|workers|out|tolerate)=")


def pack(
    data: str | Path,
    out: str | Path,
    *,
    layout: Layout | None = None,
    part: tuple[int, int] = (1, 1),
    workers: int = 1,
    modality: str = "",
    again: Sequence[str] = (),
    check: bool = True,
    tolerate: float = FEW,
    quiet: bool = False,
) -> Outcome:
    """Pack the scans of a folder or a table, or one part of them; go on where it was stopped.

    part: (3, 8) packs every eighth scan, from the third on. modality: of scans that say nothing of
    it. again: names that are packed anew. check: refuse what looks like a mistake. tolerate: the
    share of scans that may be left out; `BadInput` where it is more, and what is whole stays.
    """
    if not 1 <= part[0] <= part[1]:
        raise BadInput(f"part={part[0]}/{part[1]}; give K/N with 1 <= K <= N")
    if workers < 1:
        raise BadInput(f"workers={workers}; give a whole number from 1")
    place = Place(out)
    scans = scans_of(data, modality)
    mine = scans[part[0] - 1 :: part[1]]
    if unknown := set(again) - {scan.name for scan in mine}:
        whole = "" if part == (1, 1) else f" in part {part[0]}/{part[1]}"
        raise BadInput(f"again={sorted(unknown)[0]!r}: no scan of {data} is called so{whole}")
    base = existing(data)
    if place.folder and base.is_dir() and place.folder.resolve().is_relative_to(base.resolve()):
        raise BadInput(f"out={out} lies in {data}, where scans are sought; choose another place")
    refuse_unsaid(mine)
    begun(place, layout or Layout())
    packing = Packing(
        place, layout or Layout(), base if base.is_dir() else base.parent, check, frozenset(again)
    )
    known = {row.name: row for row in read_tables(place)}
    own = {row.name for row in read_table(place, table_name(part))}
    if elsewhere := set(again) & set(known) - own:
        raise BadInput(
            f"again={sorted(elsewhere)[0]!r}: it was packed by another part; give the --part whose "
            f"table in {place.address}/{TABLES} names it"
        )
    waiting = []
    for scan in mine:
        if scan.name in known and scan.name not in again:
            packing.same(scan, known[scan.name])
        else:
            waiting.append(scan)
    shift = Shift(packing, part, waiting, kept=len(mine) - len(waiting), tolerate=tolerate)
    return shift.work(workers, quiet=quiet)


def scans_of(data: str | Path, modality: str) -> list[Scan]:
    """Return the scans of a folder or a table; their split only where the table has one."""
    path = existing(data)
    table = table_of(path)
    if path.is_file() and table is None:
        raise BadInput(f"{path}: give a folder of scans, or a table (.csv, .tsv) with a row each")
    cases, openers, _ = from_table(table) if table else from_folder(path)
    refuse_parted(cases)
    scans = [
        Scan(
            case.name, case.patient, case.images, kind_of(case, modality), case.split,
            openers.get(case.name) or Opener(case.images[0]),
        )
        for case in cases
        if case.split != "test"
    ]  # fmt: skip
    if not scans:
        raise BadInput(f"{path}: every scan is for testing by its table; none is left to pack")
    return scans


def parser() -> Parser:
    """Return the verb's parser."""
    usual = Layout()
    verb = Parser(prog="python -m training.pack", description=(__doc__ or "").splitlines()[0])
    verb.add_argument("--data", required=True, help="a folder of scans, or a CSV with a row each")
    verb.add_argument("--out", required=True, help="a folder, or an address such as s3://...")
    verb.add_argument("--chunk", type=sides, default=usual.chunk, help="voxels packed as one")
    verb.add_argument("--shard", type=sides, default=usual.shard, help="voxels in one file")
    verb.add_argument("--level", type=int, default=usual.level, help="1 (fast) to 9 (small)")
    verb.add_argument("--workers", type=int, default=1, help="processes, a volume each at a time")
    verb.add_argument("--part", type=fraction, default=(1, 1), help="K/N: the K-th of N parts")
    verb.add_argument("--modality", default="", help="ct or mri, of scans that do not say it")
    verb.add_argument("--again", default="", help="names, A,B, that are packed anew")
    verb.add_argument(
        "--no-check", action="store_true", help="take images as they are, whatever they look like"
    )
    verb.add_argument("--tolerate", type=float, default=FEW, help="share that may be left out")
    verb.add_argument("--quiet", action="store_true", help="no progress")
    return verb


def sides(text: str) -> tuple[int, int, int]:
    """Return the sides in 64,64,32."""
    return three(text.split(","))


def fraction(text: str) -> tuple[int, int]:
    """Return the numbers in 3/8."""
    one, other = text.split("/")
    return int(one), int(other)


def main(words: Sequence[str] | None = None) -> int:
    """Run the verb; return its exit status: 0, 2 after an error, or 128 and a signal's number."""
    return told("training.pack", lambda: verb(words))


def verb(words: Sequence[str] | None) -> int:
    """Do what was asked for; errors speak of flags."""
    try:
        return run(parser().parse(words))
    except BadInput as error:
        raise BadInput(FLAG.sub(r"--\1 ", spoken(str(error)))) from error


def run(options: argparse.Namespace) -> int:
    """Pack, and say what was packed and what was left out."""
    outcome = pack(
        options.data,
        options.out,
        layout=Layout(options.chunk, options.shard, options.level),
        part=options.part,
        workers=options.workers,
        modality=options.modality,
        again=[name for name in options.again.split(",") if name],
        check=not options.no_check,
        tolerate=options.tolerate,
        quiet=options.quiet,
    )
    if outcome.left_out:
        print(f"left out:\n{listed(outcome.left_out)}", file=sys.stderr)
    print(f"{options.out}: {outcome}")
    return 128 + outcome.stopped if outcome.stopped else 0


if __name__ == "__main__":
    sys.exit(main())
