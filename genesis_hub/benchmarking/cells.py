"""A model at one fold and one label fraction: learnt, answered, kept; what is there is left."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from genesis_hub.benchmarking.amounts import share
from genesis_hub.benchmarking.begun import note_weights
from genesis_hub.benchmarking.contestants import Contestant
from genesis_hub.benchmarking.design import Part, Places, inner_folds, seed_of, truths_of
from genesis_hub.benchmarking.features import features_of
from genesis_hub.benchmarking.readouts import Neighbours, Probe, Readout, read_out
from genesis_hub.data.cases import CaseList
from genesis_hub.engine.checkpoint import finished
from genesis_hub.engine.runfile import write
from genesis_hub.engine.stopping import Stopped
from genesis_hub.errors import BadInput
from genesis_hub.infer.run import reason_of
from genesis_hub.infer.settings import device_of
from genesis_hub.tuning.finetune import as_saved, one_run
from genesis_hub.tuning.predictions import TABLE, of_shares
from genesis_hub.tuning.recipe import Recipe

RUNS, FEATURES, CHOSEN = "runs", "features", "chosen.json"
READOUTS: Mapping[str, Readout] = {"probe": Probe(), "knn": Neighbours()}
FINETUNE = "finetune"
MODES = (*READOUTS, FINETUNE)
Say = Callable[[str], None]


def cell_of(folder: Path, contestant: Contestant, part: Part) -> Path:
    """Return the folder of one cell."""
    return folder / RUNS / contestant.place / part.place


def is_done(cell: Path, mode: str) -> bool:
    """Say whether a cell needs no more work."""
    if mode == FINETUNE and finished(cell) is None:
        return False
    return (cell / TABLE).is_file()


def filled_cells(
    folder: Path,
    among: Sequence[Contestant],
    parts: Sequence[Part],
    cases: CaseList,
    recipe: Recipe,
    mode: str,
    *,
    draws: int,
    device: str,
    quiet: bool,
    say: Say,
) -> dict[str, str]:
    """Fill every cell that is empty; return which models failed, and why. The others go on.

    draws: of random weights.
    """
    failed = {}

    @cache
    def inner(place: int) -> list[tuple[Places, Places]]:
        return inner_folds(parts[place], recipe.seed)

    every = [each for one in among for each in one.drawn(draws)]
    for number, one in enumerate(every):
        open_ = [k for k, part in enumerate(parts) if not is_done(cell_of(folder, one, part), mode)]
        said = f"{named(one)} ({number + 1} of {len(every)})"
        if not open_:
            say(f"{said}: all {len(parts)} cells were done before")
            continue
        say(f"{said}: {len(open_)} of {len(parts)} cells to do")
        try:
            if mode == FINETUNE:
                for place in open_:
                    tuned(folder, one, parts[place], recipe, device=device, quiet=quiet, say=say)
                continue
            where = device_of(device)
            features = features_of(
                one, cases, recipe, folder / FEATURES / one.place, where, quiet=quiet
            )
            note_weights(folder, named(one), features.weights)
            for place in open_:
                part, learned = parts[place], parts[place].cases.of("train")
                asked = part.cases.of("test")
                shares, strength = read_out(
                    READOUTS[mode],
                    features.of(learned),
                    truths_of(learned, part.cases),
                    features.of(asked),
                    inner(place),
                    part.cases.multilabel,
                )
                cell = cell_of(folder, one, part)
                cell.mkdir(parents=True, exist_ok=True)
                write(cell / CHOSEN, {READOUTS[mode].name: strength, "cases": len(learned)})
                of_shares(asked, shares, part.cases).write(cell)
        except Stopped:
            raise
        except Exception as error:
            if isinstance(error, BadInput) and isinstance(error.__cause__, OSError):
                raise  # A full disk is no fault of the model.
            failed[one.title] = reason_of(error)
            say(f"{named(one)} failed: {failed[one.title]}")
    return failed


def named(one: Contestant) -> str:
    """Return what a model is called, with its draw."""
    return f"{one.title}, draw {one.draw}" if one.draw else one.title


def tuned(
    folder: Path,
    one: Contestant,
    part: Part,
    recipe: Recipe,
    *,
    device: str,
    quiet: bool,
    say: Say,
) -> None:
    """Fine-tune one cell, or go on with it.

    Each fold has a seed of its own, the same for all models: what is random in training (a fresh
    head, the whole network of one from scratch, the order of cases) is drawn anew for each.
    """
    recipe = replace(recipe, seed=seed_of(recipe.seed, part.fold))
    asked = as_saved(recipe, one.source, part.cases)
    if one.scratch:
        asked = replace(asked, scratch=True, width=one.width or recipe.width)
    asked.check()
    run = one_run(
        one.source, one.entry, part.cases, asked, cell_of(folder, one, part),
        device=device, devices=1, quiet=quiet,
    )  # fmt: skip
    amount = share(part.fraction).replace("\u00a0", " ")
    say(f"{one.title}, {amount} of the labels, fold {part.fold}: {run.finished}")
