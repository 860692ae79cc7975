"""`benchmark`: several weights and labelled images in, which of them help out."""

import argparse
from typing import TYPE_CHECKING, Any

from genesis_hub.cli.spoken import spoken
from genesis_hub.cli.training import add_data, between, recipe_of
from genesis_hub.errors import BadInput

if TYPE_CHECKING:
    from genesis_hub.benchmarking.benchmark import Benchmark


def add(verbs: Any) -> None:
    """Add the verb to the command."""
    verb = verbs.add_parser("benchmark", help="which weights help on your data")
    verb.add_argument("--data", required=True, help="as finetune takes them")
    verb.add_argument(
        "--models", required=True,
        help="A,B,C: names, folders, names of timm's, scratch or scratch:NAME",
    )  # fmt: skip
    verb.add_argument("--out", required=True, help="a folder; the same call goes on there")
    verb.add_argument("--mode", default="probe", help="probe (default), knn or finetune")
    verb.add_argument("--fractions", help="of the labels (0.05,0.1,0.25,1)")
    verb.add_argument("--shots", help="numbers of training cases in their place: 3,6,12,24")
    verb.add_argument("--folds", type=int, default=5, help="of patients; 1 for a single split")
    verb.add_argument(
        "--draws",
        type=int,
        default=3,
        help="of random weights; a gain is over each",
    )
    verb.add_argument("--reference", help="whom the others are compared with; scratch or the first")
    verb.add_argument("--measure", help="that is compared: auc, or dice of a segmentation")
    verb.add_argument("--config", help="a recipe, as finetune takes it")
    verb.add_argument("--seed", type=int, help="of folds, fractions and random weights")
    add_data(verb)
    verb.set_defaults(run=run_benchmark)


FRACTIONS = "0.05,0.1,0.25,1"
NAMES = ("task", "reader", "mask", "patient", "modality", "no_check", "seed")


def run_benchmark(options: argparse.Namespace) -> int:
    """Compare, and say what was found; 1 if a model failed."""
    from genesis_hub.benchmarking.benchmark import benchmark
    from genesis_hub.engine.stopping import Stopped

    if options.shots and options.fractions:
        raise BadInput("--shots and --fractions were both given; give one")
    try:
        fractions = [float(word) for word in (options.fractions or FRACTIONS).split(",")]
    except ValueError:
        raise BadInput(f"--fractions {options.fractions!r}; give shares, 0.05,0.1,1") from None
    try:
        shots = [int(word) for word in (options.shots or "").split(",") if word]
    except ValueError:
        raise BadInput(f"--shots {options.shots!r}; give numbers, 3,6,12,24") from None
    try:
        done = benchmark(
            options.models, options.data, options.out, fractions=fractions, shots=shots,
            folds=options.folds, draws=options.draws, mode=options.mode,
            reference=options.reference, measure=options.measure,
            config=options.config, recipe=recipe_of(options, NAMES), device=options.device,
            quiet=options.quiet,
        )  # fmt: skip
    except Stopped as stopped:
        print(f"{options.out}: {stopped}; the same command goes on from there")
        return stopped.status
    tell(done)
    return done.status


def tell(done: "Benchmark") -> None:
    """Print a line for each model and label fraction, and where the rest lies."""
    width = max((len(row.model) for row in done.standings), default=0)
    for row in done.standings:
        one = row.numbers[done.measure]
        amount = f"{row.fraction:g} cases" if row.fraction > 1 else f"{row.fraction:.1%}"
        said = drawn = ""
        if row.against is not None:
            ends = between((row.against.low, row.against.high))
            said = f"  {row.against.difference:+.4f}{ends} {row.against.said}"
        if row.draws:
            drawn = f"  {len(row.draws)} draws: {min(row.draws):.2f} to {max(row.draws):.2f}"
        print(
            f"{row.model:<{width}}  {amount:>6}  {done.measure} {one.value:.4f}"
            f"{between((one.low, one.high))}{said}{drawn}"
        )
    for model, reason in done.failed.items():
        print(f"{model}: failed: {spoken(reason)}")
    print(f"{done.page}: {ending(done)}")


def ending(done: "Benchmark") -> str:
    """Return what was made of it, in a line."""
    if not done.standings:
        return "no model could take part, so there are no numbers"
    table = f"{done.table.name} has all numbers"
    if all(row.against is None for row in done.standings):
        return f"nothing was compared; {table}"
    return f"compared with {done.reference}; {table}"
