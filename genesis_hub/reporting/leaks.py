"""What an audit finds in the data of a run: broken files, patients in two splits, copies."""

import time
from collections.abc import Sequence
from dataclasses import replace

from genesis_hub.data.cases import CaseList, Problem
from genesis_hub.data.cases.lookalikes import LIMITS
from genesis_hub.data.cases.whole import whole_audit
from genesis_hub.page import Markup, command, element, joined, section
from genesis_hub.reporting.reading import Reading

SECONDS = 20.0
TRIED = 24  # Cases by which the time of all is told.
SHOWN = 5


def leaks(reading: Reading, cases: CaseList) -> Markup:
    """Return the section that says what the audit found, or that it was left out."""
    title = "Audit of the data"
    whole = command(f"genesis-hub audit {reading.folder.resolve()} --out FINDINGS.csv", "All of it")
    needs = seconds_of(cases)
    if needs > SECONDS:
        said = (
            f"Left out: to read all {len(cases):,} cases would take about {needs:,.0f} s here. "
            "Whether copies of an image lie on both sides of the split is not known."
        )
        return section(title, element("p", said), whole)
    _, problems = whole_audit(cases)
    grave = [problem for problem in problems if not problem.note]
    notes = [problem for problem in problems if problem.note]
    lead = (
        f"All {len(cases):,} cases in the splits of this run: {counted(grave, 'problem')}, "
        f"{counted(notes, 'note')}."
    )
    lists = [part for some in (grave, notes) for part in listed(some)]
    return section(title, *lists, element("p", f"Of the limits: {LIMITS}."), whole, lead=lead)


def seconds_of(cases: CaseList) -> float:
    """Return about how long an audit takes, by the time of a few cases from all over the list."""
    begin, number = time.monotonic(), 0
    for case in cases.cases[:: max(1, len(cases) // TRIED)]:
        whole_audit(replace(cases, cases=(case,), problems=()))
        number += 1
        if time.monotonic() - begin > SECONDS / 4:
            break
    return (time.monotonic() - begin) * len(cases) / max(1, number)


def counted(problems: Sequence[Problem], noun: str) -> str:
    """Return how many there are, in words."""
    return f"{len(problems)} {noun}{'s' * (len(problems) != 1)}"


def listed(problems: Sequence[Problem]) -> list[Markup]:
    """Return problems by kind, the first of each shown."""
    parts = []
    for kind in dict.fromkeys(problem.kind for problem in problems):
        own = [problem for problem in problems if problem.kind == kind]
        lines = [
            element("li", element("strong", one.case), f": {one.what}. ", element("em", one.remedy))
            for one in own[:SHOWN]
        ]
        if len(own) > SHOWN:
            lines.append(element("li", f"and {len(own) - SHOWN:,} more"))
        name = f"{kind} ({len(own):,})"
        parts.append(joined(element("h3", name[0].upper() + name[1:]), element("ul", *lines)))
    return parts
