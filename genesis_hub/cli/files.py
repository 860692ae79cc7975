"""`import`, `inspect`, `doctor`, `export`, `publish`: weights come in, are looked at, and leave."""

import argparse
import json
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genesis_hub import api, registry
from genesis_hub.errors import TermsNotice
from genesis_hub.weights.store import stored

FORMATS = ("onnx", "torch-export", "torchvision", "nnunet", "authors")
SHOWN = 20
FEW = 8


def add(verbs: Any) -> None:
    """Add the verbs to the command."""
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
