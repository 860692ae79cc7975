"""Our docstrings, read: sentences, and paragraphs of `name: what it means.` one after another."""

import re
from collections.abc import Collection

BEGINNING = re.compile(r"(?:^|(?<=[.;)] ))(\w+(?:(?:,\s| or | and )\w+)*):\s", re.M)
Entry = tuple[tuple[str, ...], str]


def entries(paragraph: str, names: Collection[str]) -> tuple[str, list[Entry]]:
    """Return what a paragraph says first, then names of arguments or fields with what each means.

    An entry begins a line or follows a sentence: `lr: the peak.`, `steps or epochs: how long.`
    """
    found = []
    for match in BEGINNING.finditer(paragraph):
        said = tuple(re.split(r",\s| or | and ", match[1]))
        if set(said) <= set(names):
            found.append((match, said))
    if not found:
        return paragraph, []
    first = paragraph[: found[0][0].start()]
    ends = [match.start() for match, _ in found[1:]] + [len(paragraph)]
    told = [
        (said, " ".join(paragraph[match.end() : end].split()).rstrip(";"))
        for (match, said), end in zip(found, ends, strict=True)
    ]
    return first.strip(), told


def listed(docstring: str, names: Collection[str]) -> str:
    """Return a docstring as Markdown: what it means by each name becomes a list."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", docstring):
        first, told = entries(paragraph, names)
        rows = [f"- {', '.join(f'`{name}`' for name in said)}: {text}" for said, text in told]
        parts += [part for part in (first, "\n".join(rows)) if part]
    return "\n\n".join(parts)
