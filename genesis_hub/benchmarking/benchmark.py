"""The verb `benchmark`: which weights help on these data, and with how few labels."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genesis_hub.atomic import sweep
from genesis_hub.benchmarking.amounts import check_amounts
from genesis_hub.benchmarking.begun import begin, check_place, check_recipe
from genesis_hub.benchmarking.cells import FINETUNE, MODES, filled_cells
from genesis_hub.benchmarking.contestants import contestants
from genesis_hub.benchmarking.design import check_draws, check_folds, distinct, parts_of
from genesis_hub.benchmarking.fitness import misfits
from genesis_hub.benchmarking.output import TABLE, write_summary, write_table
from genesis_hub.benchmarking.page import PAGE, write_benchmark
from genesis_hub.benchmarking.standings import (
    Standing,
    check_measure,
    reference_of,
    standings,
)
from genesis_hub.engine.recipe import filled
from genesis_hub.errors import BadInput
from genesis_hub.extras import require
from genesis_hub.infer.settings import device_of
from genesis_hub.registry import nearest
from genesis_hub.tuning.listing import cases_of
from genesis_hub.tuning.recipe import Recipe
from genesis_hub.tuning.recipes import asked_keys


@dataclass(frozen=True)
class Benchmark:
    """A benchmark that is over.

    standings: a row for each model and label fraction. failed: models that could not take part, and
    why; the same call tries them again. summary: what summary.json holds.
    """

    folder: Path
    standings: tuple[Standing, ...]
    reference: str
    measure: str
    failed: Mapping[str, str]
    summary: Mapping[str, Any]

    @property
    def page(self) -> Path:
        """Where the page lies."""
        return self.folder / PAGE

    @property
    def table(self) -> Path:
        """Where the table lies."""
        return self.folder / TABLE

    @property
    def status(self) -> int:
        """The exit code: 0 if every model took part, else 1."""
        return 1 if self.failed else 0


def benchmark(
    models: Sequence[str | Path] | str,
    data: str | Path,
    out: str | Path,
    *,
    fractions: Sequence[float] = (0.05, 0.1, 0.25, 1.0),
    shots: Sequence[int] = (),
    folds: int = 5,
    draws: int = 3,
    mode: str = "probe",
    reference: str | None = None,
    measure: str | None = None,
    config: str | Path | None = None,
    recipe: Mapping[str, Any] | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> Benchmark:
    """Compare weights on labelled images; the same call again goes on, or tells the end anew.

    models: names of `list_models()`, folders, names of timm's ("resnet18", "timm:resnet18"),
    "scratch" (random weights of the first other model's architecture) or "scratch:NAME".
    data: as `finetune` takes them. Where they have test cases, every fold is tested on these;
    otherwise each fold on its own part of the patients.
    out: `benchmark.html`, `table.csv`, `summary.json`, and what each cell left under `runs/`.
    fractions: of the labels that are learnt from; smaller ones are part of larger ones. shots:
    numbers of training cases in their place, such as (3, 6, 12, 24). folds: 1 for a single split.
    draws: of random weights, each tested: what is called a gain over scratch is one over each of
    them. In mode "finetune" each fold draws its own instead.
    mode: "probe" (logistic regression on frozen features), "knn", or "finetune" (each cell a run of
    its own; segmentation knows this mode only).
    reference: whom the others are compared with; random weights if there are some, else the first.
    measure: that is compared; AUC, or Dice for segmentation.
    recipe, config: as in `finetune`; frozen features take only what tells of data and inputs.
    """
    keys = asked_keys(config, recipe)
    if mode not in MODES:
        close = ", ".join(nearest(str(mode), MODES)) or "none"
        raise BadInput(f"mode={mode!r}; close: {close}; choose from {', '.join(MODES)}")
    check_recipe(keys, mode, tuning=mode == FINETUNE)
    # A page for each of a hundred runs takes longer than what it tells; `report` draws any.
    wanted = filled(replace(Recipe(), report=False), keys, source=str(config or "recipe"))
    wanted.check()
    shares = check_amounts(fractions, shots)
    check_folds(folds)
    check_draws(draws)
    folder = Path(out)
    check_place(folder)
    words = models.split(",") if isinstance(models, str) else models
    among = contestants(words, wanted.width)
    against = reference_of(among, reference)
    device_of(device)
    require("matplotlib", "show")  # Said before the work, not after it.
    cases = cases_of(data, wanted)
    if cases.task == "segmentation" and mode != FINETUNE:
        raise BadInput(
            f"mode={mode!r} answers once for an image, but the labels are masks; take "
            "mode='finetune'"
        )
    say = silent if quiet else spoken
    parts, same = distinct(parts_of(cases, shares, folds, wanted.seed))
    check_measure(parts[0], measure)
    unfit = misfits(among, cases, wanted, mode)
    drawn = draws if mode != FINETUNE else 0
    begun = begin(
        folder, among, cases, wanted, mode=mode, fractions=shares, folds=folds, draws=drawn
    )
    sweep(folder)
    for less, more in same.items():
        say(f"{less:.4g} of the labels are the same cases as {more:.4g}; taken once")
    fit = [one for one in among if one.title not in unfit]
    failed = unfit | filled_cells(
        folder, fit, parts, cases, wanted, mode, draws=drawn, device=device, quiet=quiet, say=say
    )
    say("comparing")
    rows, by = standings(
        folder, among, parts, mode=mode, draws=drawn, reference=against, measure=measure,
        seed=wanted.seed,
    )  # fmt: skip
    told = write_summary(
        folder, rows, facts=begun, reference=against, measure=by, failed=failed, same=same
    )
    write_table(folder, rows, against, by)
    write_benchmark(
        folder,
        rows,
        cases,
        data=Path(data).resolve(),
        begun=begun,
        reference=against,
        measure=by,
        failed=failed,
        same=same,
    )
    return Benchmark(folder, tuple(rows), against, by, failed, told)


def spoken(text: str) -> None:
    """Say how it goes."""
    sys.stderr.write(f"{text}\n")


def silent(text: str) -> None:
    """Say nothing."""
