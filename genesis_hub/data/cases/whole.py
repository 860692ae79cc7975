"""The whole audit of a list: what is wrong with its cases, and which of them look alike."""

from dataclasses import dataclass

from genesis_hub.data.cases.auditing import Audited, audited
from genesis_hub.data.cases.facts import CaseList, Problem
from genesis_hub.data.cases.lookalikes import look, lookalikes, not_compared, seen_before


@dataclass(frozen=True)
class Seen:
    """What a set of weights saw: its name, and the hashes that it carries."""

    weights: str
    hashes: tuple[str, ...]


def whole_audit(
    cases: CaseList, *, workers: int = 2, seen: Seen | None = None
) -> tuple[Audited, list[Problem]]:
    """Return what was seen of the cases, and all problems, notes last.

    seen: which of the images did weights see?
    """
    found = audited(cases, values=True, workers=workers, training=False, look=look)
    problems = [*found.problems, *lookalikes(cases, found.looks, found.twins)]
    if seen is not None:
        problems += seen_before(cases, found.looks, seen.hashes, seen.weights)
    problems += not_compared(cases, found.looks)
    problems += alone(cases)
    problems.sort(key=lambda problem: problem.note)
    return found, problems


def alone(cases: CaseList) -> list[Problem]:
    """Return a note where there is one class, so that nothing can be told apart."""
    if cases.task != "classification" or len(cases.classes) != 1 or cases.multilabel:
        return []
    what, remedy = f"there is one class only: {cases.classes[0]}", "add cases of another"
    return [Problem("labels", what, remedy, "classes", note=True)]
