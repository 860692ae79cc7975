"""The `genesis-hub` command: arguments in, verbs called, tables out; errors in one line."""

import argparse
import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from genesis_hub import api, registry
from genesis_hub.cards import ROADS, values
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput, GenesisHubError, TermsNotice
from genesis_hub.version import __version__
from genesis_hub.weights.store import bundled, stored

FORMATS = ("onnx", "torch-export", "torchvision", "nnunet", "authors")
SHOWN = 20
FEW = 8


class Parser(argparse.ArgumentParser):
    """argparse, answering a wrong call in one line and with the hub's error."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; see: {self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, or 2 after an error told in one line."""
    try:
        options = parser().parse_args(arguments)
        status: int = options.run(options)
        sys.stdout.flush()
    except GenesisHubError as error:
        print(f"genesis-hub: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # `genesis-hub list | head`: the reader has seen enough.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print("genesis-hub: stopped", file=sys.stderr)
        return 130
    return status


def parser() -> Parser:
    """Return the parser of all verbs."""
    root = Parser(
        prog="genesis-hub",
        description="Self-supervised medical-imaging models: find, load, adapt, publish.",
    )
    root.add_argument("--version", action="version", version=f"genesis-hub {__version__}")
    verbs = root.add_subparsers(metavar="VERB", required=True, parser_class=Parser)

    verb = verbs.add_parser("list", help="the names, and where their weights are")
    verb.add_argument("pattern", nargs="?", default="", help="a wildcard, such as '*genesis*'")
    verb.add_argument("--ndim", type=int, help="2 or 3")
    verb.add_argument("--method", help="a family (adam, proxy-tasks, ...) or a method (cpc, ...)")
    verb.add_argument(
        "--pretrained", action=argparse.BooleanOptionalAction, help="with weights open to all"
    )
    verb.add_argument("--json", action="store_true", help="for programs")
    verb.set_defaults(run=run_list)

    verb = verbs.add_parser("info", help="what is known of one name")
    verb.add_argument("name")
    verb.add_argument("--json", action="store_true", help="for programs")
    verb.set_defaults(run=run_info)

    verb = verbs.add_parser("import", help="turn an author's file into weights that load by name")
    verb.add_argument("name")
    verb.add_argument("file")
    verb.add_argument("--out", help="write the folder here instead of into the local store")
    verb.add_argument("--part", choices=("unet", "encoder"), help="for a file without its heads")
    verb.add_argument("--license", help="the authors' licence text, to travel along")
    verb.set_defaults(run=run_import)

    verb = verbs.add_parser("inspect", help="what a foreign file holds, without running any of it")
    verb.add_argument("file")
    verb.add_argument("--json", action="store_true", help="for programs")
    verb.set_defaults(run=run_inspect)

    verb = verbs.add_parser("doctor", help="does this machine compute what ours did?")
    verb.add_argument("name", help="a name, or 'all'")
    verb.set_defaults(run=run_doctor)

    verb = verbs.add_parser("export", help="write a folder in another program's format")
    verb.add_argument("folder")
    verb.add_argument("--to", required=True, choices=FORMATS)
    verb.add_argument("--out", help="the file to write")
    verb.set_defaults(run=run_export)

    verb = verbs.add_parser("publish", help="upload a folder to the Hugging Face Hub")
    verb.add_argument("folder")
    verb.add_argument("repo", help="OWNER/NAME")
    verb.add_argument("--private", action="store_true")
    verb.set_defaults(run=run_publish)

    verb = verbs.add_parser("demo", help="see it work, offline, in a minute")
    verb.set_defaults(run=run_demo)
    return root


def run_list(options: argparse.Namespace) -> int:
    """Print the table of names."""
    names = api.list_models(
        options.pattern, ndim=options.ndim, method=options.method, pretrained=options.pretrained
    )
    entries = [registry.find(name) for name in names]
    if options.json:
        print(json.dumps([{**asdict(entry), "status": status_of(entry)} for entry in entries]))
        return 0 if entries else 1
    if not entries:
        hint = f"; try '*{options.pattern}*'" if options.pattern.isalnum() else ""
        print(f"genesis-hub: no name matches {options.pattern!r}{hint}", file=sys.stderr)
        return 1
    rows = [("NAME", "DIMS", "METHOD", "WEIGHTS", "LICENCE")]
    rows += [
        (e.name, f"{e.ndim}D", e.method, status_of(e), e.license.spdx or "non-commercial")
        for e in entries
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())
    return 0


def status_of(entry: Entry) -> str:
    """Say in a word or two where a name's weights are, seen from here."""
    if stored(entry.name) is not None:
        return "imported"
    if bundled(entry.name) is not None:
        return "bundled"
    return {
        "hub": "open (Hugging Face)",
        "zenodo": "open (Zenodo)",
        "form": "on request",
        "none": "train your own",
        "bundled": "bundled",
    }[entry.location.road]


def run_info(options: argparse.Namespace) -> int:
    """Print what is known of one name."""
    entry = api.model_info(options.name)
    if options.json:
        print(json.dumps({**asdict(entry), "status": status_of(entry)}))
        return 0
    paper, terms, place = entry.paper, entry.license, entry.location
    here = stored(entry.name)
    where = ROADS[place.road].format(
        file=place.file, address=place.address, made_by=entry.made_by, name=entry.name
    )
    rows = [
        ("method", f"{entry.method} ({entry.family})"),
        ("paper", f"{paper.authors}: {paper.title}. {paper.venue}. {paper.url}"),
        ("code", entry.code),
        ("network", f"{entry.architecture}, {entry.ndim}D"),
        ("input", f"{entry.in_channels} channel(s), trained at {entry.inputs.size}"),
        ("values", values(entry)),
        ("weights", f"imported: {here}" if here else where.replace("`", "")),
        ("licence", f"{terms.name}: {terms.summary}. {terms.url}"),
    ]
    if entry.encoders:
        names = ", ".join(published for published, _ in entry.encoders)
        rows.insert(4, ("encoders", f"built-in U-Net, or encoder= one of {names}"))
    if entry.patents or entry.patent_note:
        numbers = f"{', '.join(entry.patents)}. " if entry.patents else ""
        rows.append(("patents", numbers + entry.patent_note))
    rows += [("note", note) for note in entry.notes]
    print(f"{entry.name}: {entry.summary}")
    for title, text in rows:
        print(f"  {title:<9} {text}")
    return 0


def run_import(options: argparse.Namespace) -> int:
    """Import an author's file and say what became of it."""
    from genesis_hub.importing import import_weights
    from genesis_hub.weights.folder import read_folder

    entry = registry.find(options.name)
    before = None if options.out else stored(entry.name)
    with warnings.catch_warnings(action="ignore", category=TermsNotice):  # Told below.
        folder = import_weights(
            options.name, options.file, options.out, part=options.part, license=options.license
        )
    artefact = read_folder(folder)
    told = artefact.facts["provenance"]
    known = "a known file" if told["known"] else "not a known file: it fits, its origin is unproven"
    print(f"{entry.name}: imported {len(artefact.tensors.keys())} tensors into {folder}")
    print(f"  file      {told['source']}, {told['kind']}, layout {told['layout']}")
    print(f"  sha256    {told['sha256']} ({known})")
    for what in ("dropped", "converted"):
        for line in grouped(told[what]):
            print(f"  {what:<9} {line}")
    if told["beside"]:
        source = told["wrapper"] or "the top of the file"
        print(f"  beside    {', '.join(told['beside'])}: left alone; weights are from {source!r}")
    if before is not None:
        print("  replaced  the weights that were stored under this name before")
    if entry.license.notice:
        print(f"  terms     {entry.license.name}: {entry.license.summary}; {entry.license.url}")
        if "LICENSE" not in artefact.terms:
            print("            no licence text lay beside the file: pass --license to publish it")
    print(f"next: genesis_hub.from_pretrained({(options.out or entry.name)!r})")
    return 0


def grouped(reasons: dict[str, str]) -> Iterator[str]:
    """Give one line for each reason: all keys where they are few, else how many and the first."""
    by_reason: dict[str, list[str]] = {}
    for key, reason in reasons.items():
        by_reason.setdefault(reason, []).append(key)
    for reason, keys in by_reason.items():
        many = len(keys) > FEW
        said = f"{len(keys)} tensors, such as {keys[0]}" if many else ", ".join(keys)
        yield f"{said}: {reason}"


def run_inspect(options: argparse.Namespace) -> int:
    """Print what a file holds."""
    from genesis_hub.inspecting import inspect

    found = inspect(options.file)
    if options.json:
        print(json.dumps({**asdict(found), "path": str(found.path)}))
        return 0
    print(f"{found.path}: {found.kind}, {found.size} bytes, sha256 {found.sha256}")
    print(f"  tensors  {len(found.tensors)}")
    for key, shape, kind in found.tensors[:SHOWN]:
        print(f"           {key}  {tuple(shape)}  {kind}")
    if len(found.tensors) > SHOWN:
        print(f"           and {len(found.tensors) - SHOWN} more (--json shows all)")
    if found.beside:
        print(f"  beside   {', '.join(found.beside)}")
    for name in found.would_run:
        print(f"  DANGER   unpickling it would import and could run {name}")
    for match in found.matches:
        fits = "names, shapes and types fit" if not match.fits else match.fits
        print(
            f"  matches  {match.name} ({match.layout}): {match.known} of {match.of} known; {fits}"
        )
    if found.refused:
        print(f"  refused  {found.refused}")
    return 0 if found.matches else 1


def run_doctor(options: argparse.Namespace) -> int:
    """Examine one name or all; the status says whether everything passed."""
    from genesis_hub.doctor import LIMIT, examine

    names = api.list_models() if options.name == "all" else [registry.find(options.name).name]
    passed = True
    for name in names:
        for finding in examine(name):
            passed &= finding.passed
            verdict = "PASS" if finding.passed else "FAIL"
            said = f"  {finding.said}" if finding.said else ""
            print(f"{verdict}  {name:<24} {finding.what:<34} error {finding.error:.1e}{said}")
    print(f"(largest error over largest magnitude; up to {LIMIT:g} passes)")
    return 0 if passed else 1


def run_export(options: argparse.Namespace) -> int:
    """Export a folder."""
    from genesis_hub.exporting import export

    print(export(options.folder, options.to, options.out))
    return 0


def run_publish(options: argparse.Namespace) -> int:
    """Publish a folder."""
    from genesis_hub.weights.publish import publish

    print(publish(Path(options.folder), options.repo, private=options.private or None))
    return 0


def run_demo(options: argparse.Namespace) -> int:
    """Run the demonstration."""
    # Needs torch, which `list` and `info` do without.
    from genesis_hub.demo import demo

    return demo()
