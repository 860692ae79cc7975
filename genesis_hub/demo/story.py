"""The demonstration, part by part: what a person with a few labelled scans would want to see."""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genesis_hub import api
from genesis_hub.benchmarking.benchmark import benchmark
from genesis_hub.data import Image, read
from genesis_hub.demo.beside import PRETRAINED, SCRATCH, Beside, beside, choose
from genesis_hub.demo.plan import Plan
from genesis_hub.demo.scans import Phantoms, Real, Scans, Segmenting, Task
from genesis_hub.demo.words import between, compared, part, rates_table, say, verdict
from genesis_hub.errors import BadInput, WeightsUnavailable
from genesis_hub.evaluate import segmentation_metrics
from genesis_hub.extras import require
from genesis_hub.infer.predict import predict
from genesis_hub.models import HubModel
from genesis_hub.tuning.report import report

NAME = "models-genesis-mini"
DATA = "GENESIS_HUB_DATA"
OUT = Path("runs")


def demo(out: str | Path | None = None, *, plan: Plan | None = None) -> int:
    """Load, fine-tune beside random weights, probe, predict; leave pages in `out` (runs/demo)."""
    begin, used = time.perf_counter(), time.process_time()
    require("nibabel", "medical")  # Said before the work, not after it.
    require("matplotlib", "show")
    plan = plan or Plan()
    scans = scans_of(os.environ.get(DATA))
    model, folder = the_model(), new_folder(out)
    say(f"The weights that ship inside, at work on {scans.said}.")
    say(f"Offline; device {'cuda' if torch.cuda.is_available() else 'cpu'}.")
    with part("1. A model, by its name"):
        introduce(model)
    with part("2. Fine-tuned from a few labelled scans, beside random weights"):
        task = scans.segmenting(folder / "scans", plan)
        found = fine_tuned(task, folder / "fine-tuning", plan)
    with part("3. Frozen features, beside random ones"):
        page = probed(scans.probing(folder / "probed", plan), folder / "probe", plan)
    with part("4. A new scan, answered in its own space"):
        answered(found.arms[0].run.model, task, folder / "answer")
    with part("5. Pages to look at"):
        pages = [report(arm.run.folder) for arm in found.arms]
        for arm, path in zip(found.arms, pages, strict=True):
            say(f"{path}  ({arm.title}, fine-tuned: the first run)")
        say(f"{page}  (frozen features)")
    say(f"\n{NEXT}")
    say(
        f"\nDone in {time.perf_counter() - begin:.0f} s ({time.process_time() - used:.0f} s of "
        f"processor time)."
    )
    return 0


NEXT = """Where to go next
----------------
your labelled scans    genesis-hub finetune models-genesis-mini --data SCANS --out RUN
which weights help     genesis-hub benchmark --data SCANS --models models-genesis-mini,scratch \\
                         --mode finetune --out WHICH
larger weights         genesis-hub list, genesis-hub info models-genesis (the authors' own)
your unlabelled scans  python -m training.pretrain models-genesis --data SCANS --out RUN
                         (from a checkout; forty CTs and a GPU are a beginning)
The bundled weights are small and saw little; what they gain here says nothing of the authors'."""


def scans_of(data: str | None) -> Scans:
    """Return real scans where a folder of them is named, else phantoms."""
    if not data:
        return Phantoms()
    try:
        return Real(Path(data))
    except BadInput as error:
        raise BadInput(
            f"{DATA}={data} does not hold what the demonstration takes: {error}; unset {DATA}, and "
            "it takes phantoms"
        ) from error


def new_folder(out: str | Path | None) -> Path:
    """Return a folder for this call alone: the one that was named, or the next that is free."""
    if out is None:
        number = 1
        while (folder := OUT / ("demo" if number == 1 else f"demo-{number}")).exists():
            number += 1
    else:
        folder = Path(out)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInput(f"{folder} holds other files; give a new folder for the demonstration")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def the_model() -> HubModel:
    """Return the bundled weights, or say how they are had."""
    try:
        model: HubModel = api.from_pretrained(NAME)
    except WeightsUnavailable as error:
        raise WeightsUnavailable(
            f"the weights of {NAME} are not in this copy of genesis_hub; install a released "
            f"package, or make them from a checkout: python -m training.mini --out WORK --into "
            f"{Path(api.__file__).parent / 'bundled' / NAME}"
        ) from error
    return model


def introduce(model: HubModel) -> None:
    """Say what a model is, takes and gives, and what it has learned from."""
    x = torch.rand(1, model.in_channels, *model.inputs.facts.size)
    with torch.inference_mode():
        features = model(x).shape[1]
    number = sum(parameter.numel() for parameter in model.parameters())
    say(f'model = genesis_hub.from_pretrained("{NAME}")')
    say(f"{number:,} numbers; a cube of {times(x.shape[2:])} in, {features} features out.")
    learned: Any = model.provenance.get("pretrained", {})
    if learned:
        say(
            f"It learned to restore perturbed cubes: {learned['steps']:,} steps of "
            f"{learned['recipe']['batch_size']}, from {learned['data']['cases']['train']} "
            f"unlabelled scans and {learned['recipe']['phantoms']:,} phantoms."
        )
    say(f"Loaded: {model.load_report.coverage:.0%} of it; genesis-hub info {NAME} tells more.")


def fine_tuned(task: Segmenting, folder: Path, plan: Plan) -> Beside:
    """Choose each arm's learning rate, fine-tune both, and say what was found."""
    titles = {PRETRAINED: NAME, SCRATCH: SCRATCH}
    say(f"Wanted: {task.said}; {plan.steps} steps a run. Both begin with a fresh decoder;")
    say("the encoders differ. First each one's learning rate, by the Dice on "
        f"{plan.choosing} of the {plan.labelled}:")  # fmt: skip
    with tempfile.TemporaryDirectory() as work:
        tried = choose(NAME, task.choosing, Path(work), plan, task.recipe)
    for line in rates_table({titles[arm]: reached for arm, reached in tried.items()}):
        say(line)
    say(f"Then {plan.runs} runs each at the rate marked, from different parts of the "
        f"{plan.labelled}, tested on {plan.kept} others:")  # fmt: skip
    found = beside(NAME, task.table, folder, plan, task.recipe, tried=tried, titles=titles)
    for line in compared(found):
        say(line)
    return found


def probed(task: Task, folder: Path, plan: Plan) -> Path:
    """Compare what frozen features know of a question; return the page."""
    done = benchmark(
        [NAME, SCRATCH], task.table, folder, mode="probe", fractions=plan.fractions,
        folds=plan.folds, recipe=task.recipe, quiet=True,
    )  # fmt: skip
    for model, reason in done.failed.items():
        say(f"{model} could not take part: {reason}")
    say(f"{task.said} A logistic regression on features, nothing else is trained.")
    for fraction in plan.fractions:
        for row in (row for row in done.standings if row.fraction == fraction):
            one = row.numbers[done.measure]
            say(
                f"{row.cases:>3.0f} labels  {row.model:<{len(NAME)}}  AUC {one.value:.3f} "
                f"({between((one.low, one.high))})"
            )
        for row in done.standings:
            if row.fraction == fraction and row.against is not None:
                span = (row.against.low, row.against.high)
                say(
                    f"            difference {row.against.difference:+.3f} "
                    f"({between(span, signed=True)}). {verdict([span])}"
                )
    return done.page


def answered(model: Path, task: Segmenting, folder: Path) -> None:
    """Predict a scan, and say where the answer lies and how good it is."""
    done = predict(model, task.new, folder, quiet=True)
    for reason in done.failed.values():
        raise BadInput(f"{task.new}: {reason}")
    (written,) = folder.glob("*.nii.gz")
    scan, truth, answer = read(task.new), read(task.truth), read(written)
    names = [word.partition("=")[2] for word in task.recipe["classes"]]
    scores = segmentation_metrics(
        answer.array[0].astype(np.int64), truth.array[0].astype(np.int64), classes=names,
        spacing=scan.spacing or (1.0, 1.0, 1.0),
    )  # fmt: skip
    say(f"The first network of part 2 sees {task.new_said}:")
    say(f"the scan:      {times(scan.shape[1:])}, {scan.orientation}")
    place = "at the same place" if same_place(scan, answer) else "at ANOTHER place"
    say(f"its label map: {times(answer.shape[1:])}, {answer.orientation}, {place}: {written}")
    say("Dice: " + ", ".join(f"{name} {one.dice:.2f}" for name, one in scores.items()))


def same_place(one: Image, other: Image) -> bool:
    """Say whether two images have the same voxels in the same places."""
    if one.affine is None or other.affine is None or one.shape[1:] != other.shape[1:]:
        return False
    return bool(np.allclose(one.affine, other.affine, atol=1e-3))


def times(shape: Sequence[int]) -> str:
    """Return a shape as people write it."""
    return " x ".join(map(str, shape))
