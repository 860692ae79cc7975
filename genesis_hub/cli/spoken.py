"""What an error says to Python, said to a shell: flags instead of arguments; lists keep lines."""

import re

WORDS = (
    (r"\w+=(?:True|False) \((--[\w-]+)\)", r"\1"),
    (r"\brange=\(([^()]+), ([^()]+)\)", r"--range \1,\2"),
    (r"\brange='image'", "--range image"),
    (r"\brange=(?=[\s,;)]|$)", "--range LO,HI"),
    (r"\b(modality|format|view|device|precision|task)='(\w[\w-]*)'", r"--\1 \2"),
    (r"\b(classes|labels|mask|patient|reader)=(?=[\s,;.)]|$)", r"--\1"),
    (r"\b(multilabel|overwrite|uneven|probabilities)=True\b", r"--\1"),
)


def spoken(text: str) -> str:
    """Return an error as the command says it."""
    lines = text.splitlines()
    # Many problems are a list; anything shorter is a sentence that some library broke.
    listed = len(lines) > 2 and all(line[:2] == "  " or line[-1:] == ":" for line in lines[1:])
    said = "\n".join(line.rstrip() for line in lines) if listed else " ".join(text.split())
    return flagged(said)


def flagged(text: str) -> str:
    """Return text with flags in place of Python's arguments, its lines as they are."""
    for pattern, flag in WORDS:
        text = re.sub(pattern, flag, text)
    return text
