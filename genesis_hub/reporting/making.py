"""How a run was made and how it is used again: recipe, data, versions, commands."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genesis_hub.page import Markup, command, details, element, facts, section, table
from genesis_hub.reporting.reading import SPLITS, Reading
from genesis_hub.show.style import quoted

ANSWERED = ("task", "report")


def recipe(reading: Reading, defaults: Mapping[str, Any]) -> Markup:
    """Return the recipe: what differs from the defaults first, then what was chosen, then all."""
    made = reading.recipe
    other = {key: value for key, value in made.items() if key not in ANSWERED}
    changed = {
        key: value
        for key, value in other.items()
        if key not in defaults or (defaults[key] is not None and value != defaults[key])
    }
    left_open = {
        key: value
        for key, value in other.items()
        if key not in changed and defaults.get(key) is None and value is not None
    }
    rest = {key: value for key, value in other.items() if key not in {**changed, **left_open}}
    rows = [[key, said(value), said(defaults.get(key))] for key, value in changed.items()]
    return section(
        "Recipe",
        table(["Key", "Value", "Default"], rows, caption="Other than the defaults", words=3)
        if rows
        else element("p", "Nothing differs from the defaults."),
        element("h3", "Chosen for this model and data, or given"),
        facts({key: said(value) for key, value in left_open.items()}),
        details("As by default", facts({key: said(value) for key, value in rest.items()})),
    )


def data(reading: Reading) -> Markup:
    """Return how many cases each split had, and what was noted of the data."""
    counts, digest = reading.run["data"]["cases"], str(reading.run["data"]["digest"])
    rows = [[name, f"{counts.get(name, 0):,}"] for name in SPLITS]
    numbers = all(quoted(name) != name for name in reading.classes)
    names = ",".join(f"{name}=NAME" for name in reading.classes[:3]) if numbers else ""
    notes = [str(note) for note in reading.run.get("notes") or ()]
    return section(
        "Data",
        table(["Split", "Cases"], rows),
        element("h3", "What was noted when the data were read"),
        element("ul", *(element("li", note) for note in notes))
        if notes
        else element("p", "Nothing was noted."),
        element("p", f"The classes are numbers; --classes {names} gives them names.")
        if names
        else None,
        facts(
            {"Classes": ", ".join(map(quoted, reading.classes)), "Digest of the list": digest[:12]}
        ),
    )


def again(reading: Reading, defaults: Mapping[str, Any]) -> Markup:
    """Return the commands that use the model and repeat the run, and what it was made with."""
    folder = reading.folder.resolve()
    model = shlex.quote(str(folder / "model"))
    versions = reading.run.get("versions") or {}
    made = {str(name): str(version) for name, version in versions.items()}
    return section(
        "Use it again",
        command(f"genesis-hub predict {model} IMAGES --out ANSWERS", "Predict with this model"),
        command(
            f"import genesis_hub\n\nmodel = genesis_hub.from_pretrained({str(folder / 'model')!r})",
            "Load it in Python",
        ),
        command(repeated(reading, defaults), "Repeat the run, in a new folder"),
        element("h3", "Made with"),
        facts({**made, "begun": str(reading.run.get("begun", "unknown"))}),
    )


def repeated(reading: Reading, defaults: Mapping[str, Any]) -> str:
    """Return the command that was given, or one that does the same, with a new folder."""
    words = [str(word) for word in reading.run.get("command") or ()]
    if (
        words
        and "finetune" in words
        and {"genesis-hub", "genesis_hub"} & {*Path(words[0]).parts, Path(words[0]).stem}
    ):
        said = ["genesis-hub", *words[words.index("finetune") :]]
        return shlex.join(elsewhere(said))
    made = {key: value for key, value in reading.recipe.items() if value != defaults.get(key)}
    where = str(reading.run.get("given", "DATA"))
    keys = ", ".join(f"{key!r}: {value!r}" for key, value in made.items())
    return (
        "import genesis_hub\n\n"
        f"genesis_hub.finetune({reading.run['model']!r}, {where!r}, 'NEW_RUN', recipe={{{keys}}})"
    )


def elsewhere(words: list[str]) -> list[str]:
    """Return a command that writes to another folder."""
    told = list(words)
    for place, word in enumerate(told):
        if word == "--out" and place + 1 < len(told):
            told[place + 1] = "NEW_RUN"
        elif word.startswith("--out="):
            told[place] = "--out=NEW_RUN"
    return told


def said(value: Any) -> str:
    """Return a value of a recipe as it is read."""
    if value is None:
        return "chosen"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " x ".join(map(str, value)) or "none"
    return str(value)
