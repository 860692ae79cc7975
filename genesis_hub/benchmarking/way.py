"""How a benchmark was made, in words: what was learnt, tested, drawn, and what the test covers."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genesis_hub.benchmarking.amounts import share
from genesis_hub.benchmarking.cells import FINETUNE
from genesis_hub.data.cases import CaseList
from genesis_hub.evaluate import METHOD, RESAMPLES
from genesis_hub.evaluate.comparison import PERMUTATIONS
from genesis_hub.page import Markup, command, element, facts

HOW = {
    "probe": "A logistic regression on features of the frozen encoder; its penalty is chosen by "
    "the log loss in three folds within the training cases.",
    "knn": "The nearest training cases by cosine of the frozen encoder's features; how many is "
    "chosen by the log loss in three folds within the training cases.",
    "finetune": "The whole network is trained; the validation cases, of which the same share is "
    "used, choose which weights are kept.",
}


def way(begun: Mapping[str, Any], cases: CaseList, same: Mapping[float, float]) -> list[Markup]:
    """Return how the benchmark was made; same: fractions that are the same cases as another."""
    versions = begun.get("versions", {})
    pairs = {
        "folds": begun["folds"],
        "label fractions": ", ".join(share(fraction) for fraction in begun["fractions"]),
        "draws of random weights": begun["draws"] or "one in each fold",
        "seed": begun["recipe"]["seed"],
        "interval": f"{RESAMPLES:,} resamples, {METHOD}",
        "genesis_hub": versions.get("genesis_hub", ""),
        "torch": versions.get("torch", ""),
    }
    said = (
        f"{HOW[begun['mode']]} {tested(begun, cases)} All models see the same splits; patients "
        "stay together, and smaller shares of labels are part of larger ones."
    )
    merged = [f"{share(less)} are the same cases as {share(more)}" for less, more in same.items()]
    return [
        element("p", said),
        *([element("p", f"Of so few patients {'; '.join(merged)}: taken once.")] * bool(merged)),
        unchecked(begun),
        facts(pairs),
        command(repeated(begun), "Begun by"),
    ]


def tested(begun: Mapping[str, Any], cases: CaseList) -> str:
    """Return what is tested on what, and of what a label fraction is a share."""
    if max(begun["fractions"]) > 1:
        return "Numbers of labels are of cases for training, drawn by patient; as many choose."
    given = any(case.split == "test" for case in cases)
    if begun["folds"] == 1:
        return "One split, without folds; label fractions are shares of its training cases."
    if not given:
        return (
            "Each fold is tested on its own part of the patients, so that each is tested once; "
            f"label fractions are shares of what is left in a fold, {share(1)} being all of it."
        )
    return (
        f"The data's own test cases are tested in every fold; the {begun['folds']} folds learn "
        "from different patients, each from a part of the training cases; label fractions are "
        f"shares of a fold's part, so {share(1)} is not all that the data have."
    )


def unchecked(begun: Mapping[str, Any]) -> Markup:
    """Return what the reader must check by himself: that nothing has leaked."""
    code = element("code", "genesis-hub audit DATA --against NAME")
    said = (
        "Whether copies of an image lie on both sides of a split, or weights saw test images in "
        "pre-training, was not looked into here: "
    )
    return element("p", said, code, " does so.")


def covered(begun: Mapping[str, Any], comparisons: int) -> str:
    """Return what the test does, and which chance it covers."""
    said = (
        f"A paired permutation test over patients, {PERMUTATIONS:,} exchanges; p is adjusted by "
        f"Holm for all {comparisons} comparisons. Significant: below 0.05. "
    )
    if begun["mode"] != FINETUNE:
        number = begun["draws"]
        if not any(one["scratch"] for one in begun["models"]):
            return said.rstrip()
        if number == 1:
            return said + (
                "Random weights were drawn once: a gain over them is one over that draw, and "
                "another might do better. Take --draws 3."
            )
        return said + (
            f"The test covers patients, not the luck of random weights, so these were drawn "
            f"{number} times: the difference is that to the mean over the draws, p the greatest "
            "over all of them, and 1 where they do not agree on who is ahead. A gain is thus one "
            "over each draw."
        )
    if begun["folds"] == 1:
        return said + (
            "The test covers patients, not the luck of training: each model was trained once, and "
            "other random numbers may say otherwise. Take --folds 5."
        )
    return said + (
        "The test covers patients, not the luck of training. Each fold is a run of its own with "
        "its own random numbers, the same for all models, from scratch a random network each; p "
        "is 1 where the folds do not agree on who is ahead."
    )


def repeated(begun: Mapping[str, Any]) -> str:
    """Return the command that began it, as it is typed."""
    words = [str(word) for word in begun.get("command", [])]
    if words and "benchmark" in words and named_as_ours(words[0]):
        words = ["genesis-hub", *words[words.index("benchmark") :]]
    return shlex.join(words)


def named_as_ours(word: str) -> bool:
    """Say whether a program is the command, or our package run as one."""
    return bool({"genesis-hub", "genesis_hub"} & {*Path(word).parts, Path(word).stem})
