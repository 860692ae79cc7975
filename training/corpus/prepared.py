"""Cubes that were cut before, as a corpus: files of cubes, and discovered patterns."""

from pathlib import Path
from typing import Any

from genesis_hub.errors import BadInput
from training.corpus.cubefiles import CubeItems, all_in, one_kind
from training.corpus.folds import VALID
from training.corpus.material import Material, Source, as_cases, with_phantoms
from training.corpus.patterns import PatternItems
from training.kinds import VolumeRecipe


def cubes(data: Path, recipe: VolumeRecipe) -> Source:
    """Return files of cubes: the folds to learn from and, where they are, those to validate on."""
    train = CubeItems(data, size=recipe.size)
    there = {bat.fold for bat in one_kind(all_in(data), data, None, recipe.size)}
    folds = [fold for fold in VALID if fold in there]
    kept = CubeItems(data, size=recipe.size, folds=folds) if folds else None
    rows = [(name, who, "train") for name, who in zip(train.names, train.patients, strict=True)]
    if kept is not None:
        rows += [(name, who, "val") for name, who in zip(kept.names, kept.patients, strict=True)]
    cases = as_cases(rows)
    note = "" if folds else "no fold for validation (5, 6) is there: the last weights are kept"

    def seen() -> list[dict[str, Any]]:
        return looks_of(train)

    def read(spare: Path, *, shared: bool, quiet: bool) -> Material:
        return with_phantoms(Material(train, kept, seen=seen), ["cube"], 1, recipe)

    return Source(cases, len(train) + recipe.phantoms, tuple(filter(None, [note])), read)


def patterns(data: str | Path, recipe: VolumeRecipe) -> Source:
    """Return discovered patterns: cubes with a class each, to learn from and to validate on."""
    train = PatternItems(data, classes=recipe.classes)
    if train.size != recipe.size:
        sides = zip(("rows", "cols", "deps"), train.size, strict=True)
        raise BadInput(
            f"{data}: its patterns are {'x'.join(map(str, train.size))}, but the recipe asks for "
            f"{'x'.join(map(str, recipe.size))}; give "
            f"{' '.join(f'input_{name}={side}' for name, side in sides)}"
        )
    if recipe.phantoms:
        raise BadInput(
            f"phantoms={recipe.phantoms}, but made-up scans belong to no class of {data}; leave it "
            "away, or discover patterns in phantoms, too"
        )
    kept = PatternItems(data, "val", classes=recipe.classes) if "val" in train.splits else None
    both = [train] if kept is None else [train, kept]
    rows = [
        (name, who, items.split)
        for items in both
        for name, who in zip(items.names, items.patients, strict=True)
    ]
    notes = () if kept else ("no pattern is for validation: the last weights are kept",)

    def seen() -> list[dict[str, Any]]:
        return looks_of(train)

    def read(spare: Path, *, shared: bool, quiet: bool) -> Material:
        return Material(train, kept, seen=seen)

    told = {"patterns": len(train), "classes": train.classes, "discovered": train.digest}
    return Source(as_cases(rows), len(train), notes, read, train.classes, told)


def looks_of(items: CubeItems | PatternItems) -> list[dict[str, Any]]:
    """Return what files of cubes say of the scans they are of: case, patient, hashes."""
    looks = items.looks
    return [
        {"case": name, "patient": who, "hashes": [looks[name]] if name in looks else []}
        for name, who in zip(items.names, items.patients, strict=True)
    ]
