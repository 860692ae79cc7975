"""The verb `release`: a finished run becomes a folder to pass on, tried by the user's road first.

python -m training.release RUN --out FOLDER [--name NAME] [--about FILE] [--license FILE] [--half]
python -m training.release --refresh FOLDER [--results FILE] [--about FILE]

What the card says of their worth is read from a results file, which `python -m benchmarks.proof`
writes.
"""

import shutil
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from genesis_hub import api, registry
from genesis_hub.atomic import unwritable
from genesis_hub.engine.checkpoint import finished
from genesis_hub.engine.runfile import RUN
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput, KeyMismatch
from genesis_hub.models import HubModel
from genesis_hub.weights.folder import LICENSE, read_folder
from training.command import Parser, told
from training.handover import last_stage
from training.leaving import MODEL
from training.results import refresh

CHANGED = 1e-5  # Most that an answer may move on its way through the folder.


def release(
    run: str | Path,
    out: str | Path,
    *,
    name: str | None = None,
    about: str = "",
    license_text: str = "",
    half: bool = False,
    results: str | Path | None = None,
) -> Path:
    """Write the folder that a run's weights are published as, and load it as a user would.

    name: of the catalog, where they are to be published under another than their recipe's.
    about: what the card says of them beside their numbers, as Markdown; license_text: the terms
    they are passed on under. half: numbers of two bytes, half the size, three digits of a weight.
    results: a file of what was measured, which must know the name.
    The folder appears only when every task has loaded from it.
    """
    source, target = last_stage(Path(run)), Path(out)
    if not source.is_dir():
        raise BadInput(f"{source}: there is no such folder; give that of a finished run")
    if not (source / RUN).is_file() and (source.parent / RUN).is_file():
        raise BadInput(f"{source} is a part of a run; give the run's own folder, {source.parent}")
    if finished(source) is None or not (source / MODEL).is_dir():
        raise BadInput(
            f"{source} is no finished run of training.pretrain; the command it was begun with goes "
            "on with it"
        )
    if target.exists() and not target.is_dir():
        raise BadInput(f"{target} is a file; give a new folder to --out")
    if target.exists() and any(target.iterdir()):
        raise BadInput(f"{target} holds files already; give a new folder")
    network = api.from_pretrained(source / MODEL).eval()
    if "pretrained" not in network.provenance:
        raise BadInput(f"{source / MODEL} was not pre-trained by training.pretrain")
    if network.provenance.get("untrained"):
        raise BadInput(
            f"{source} was trained with stage=en: its decoder has learned nothing, so it does not "
            f"load for every task; pretrain with weights={source / MODEL} and stage=en_de, and "
            "release that run"
        )
    if name is not None:
        network.entry = renamed(network, registry.find(name))
        network.spec = replace(network.spec, name=network.entry.name)
    if about:
        network.provenance = {**network.provenance, "about": about}
    if license_text:
        network.terms = {**network.terms, LICENSE: license_text}
    if half:
        check_half(network)
        network.half()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}."):
            pass
    except OSError as error:
        raise unwritable(target, error) from error
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as work:
        made = network.save_pretrained(Path(work) / "folder")
        tried(made, network)
        if results is not None and not refresh(made, results=results):
            raise BadInput(f"{results} says nothing of {network.spec.name!r}; leave --results away")
        if target.exists():
            target.rmdir()
        shutil.move(made, target)
    return target


def check_half(network: HubModel) -> None:
    """Raise `BadInput` where a number of a network is too large for two bytes."""
    most = torch.finfo(torch.float16).max
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not bool((tensor.abs() < most).all()):
            raise BadInput(f"{name} holds numbers above {most:g}; leave --half away")


def renamed(network: HubModel, entry: Entry) -> Entry:
    """Return another entry for the same network, with the input it was trained on."""
    mine = network.entry
    if (entry.architecture, entry.width) != (mine.architecture, network.spec.width):
        raise BadInput(
            f"{entry.name!r} is {entry.architecture} at width {entry.width:g}, but the run made "
            f"{mine.architecture} at width {network.spec.width:g}"
        )
    return replace(entry, inputs=mine.inputs)


def tried(folder: Path, network: HubModel) -> None:
    """Load a folder for every task, strictly, and raise `KeyMismatch` where an answer changed."""
    read_folder(folder).check_sha256()
    draw = torch.Generator().manual_seed(0)
    facts = network.inputs.facts
    sides = [max(m, s // 2 // m * m) for s, m in zip(facts.size, facts.multiple, strict=True)]
    x = torch.rand(2, network.in_channels, *sides, generator=draw)
    with torch.inference_mode():
        then, now = (named(one.float()(x)) for one in (network, api.from_pretrained(folder)))
        for answer, one in then.items():
            apart = float((one - now[answer]).abs().max())
            if not apart <= CHANGED:
                raise KeyMismatch(f"{folder}: {answer} moved by {apart:g} on its way to the folder")
        for wishes in (
            {},
            {"num_classes": 3},
            {"features_only": True},
            {"task": "segmentation", "num_classes": 2},
        ):
            model = api.from_pretrained(folder, **wishes).float()
            answers = model(x)
            if not all(bool(one.isfinite().all()) for one in named(answers).values()):
                raise KeyMismatch(f"{folder}: with {wishes} an answer is no number")


def named(answers: Tensor | dict[str, Tensor] | list[Tensor]) -> dict[str, Tensor]:
    """Return what a model answers by name, whether it gives one tensor or several."""
    if isinstance(answers, dict):
        return answers
    if isinstance(answers, Tensor):
        return {"answer": answers}
    return {f"map {place}": one for place, one in enumerate(answers)}


def main(words: Sequence[str] | None = None) -> int:
    """Run the verb as a command."""
    parser = Parser(prog="python -m training.release", description="Make a run's weights a folder.")
    parser.add_argument("run", nargs="?", help="the folder of a finished run")
    parser.add_argument("--out", help="the folder to write")
    parser.add_argument("--refresh", metavar="FOLDER", help="one that was released: its card anew")
    parser.add_argument("--results", help="a file of what was measured, such as proof.json")
    parser.add_argument("--name", help="of the catalog, if not the recipe's")
    parser.add_argument("--about", help="a Markdown file: what the card shall say of them")
    parser.add_argument("--license", help="a file: the terms they are passed on under")
    parser.add_argument("--half", action="store_true", help="numbers of two bytes: half the size")

    def run() -> int:
        options = parser.parse(words)
        if options.refresh:
            return renewed(parser, options)
        if not options.run or not options.out:
            parser.error("give the folder of a finished run and --out, or --refresh FOLDER")
        made = release(
            options.run, options.out, name=options.name,
            about=text_of(options.about), license_text=text_of(options.license),
            half=options.half, results=options.results,
        )  # fmt: skip
        size = sum(file.stat().st_size for file in made.iterdir())
        artefact = read_folder(made)
        print(f"{made}: {size / 1e6:.2f} MB, sha256 {artefact.sha256}; loads for every task")
        return 0

    return told("training.release", run)


def renewed(parser: Parser, options: Namespace) -> int:
    """Write the card of a released folder anew, as a command asks."""
    if options.run or options.out or options.name or options.license or options.half:
        parser.error("--refresh takes --results and --about alone")
    told = refresh(options.refresh, results=options.results, about=text_of(options.about))
    said = "what was measured of it as it was" if told else "nothing was measured of it"
    if options.results:
        said = f"as {options.results} has it" if told else f"{options.results} says nothing of it"
    print(f"{options.refresh}: card written, {said}; the tensors are as they were")
    return 0


def text_of(path: str | None) -> str:
    """Return what a file says; nothing without one."""
    if path is None:
        return ""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
