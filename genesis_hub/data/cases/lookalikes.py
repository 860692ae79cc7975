"""Cases whose images look alike: near-duplicates among them, and those that weights have seen."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genesis_hub.data.alike import Pairs, groups, nearest_of, nearest_pair
from genesis_hub.data.cases.facts import SPLITS, Case, CaseList, Problem, classes_of
from genesis_hub.data.hashes import KEPT, perceptual_hash, signs
from genesis_hub.data.image import Array, Image
from genesis_hub.data.readers.boxes import is_box
from genesis_hub.data.readers.parts import parted

ALIKE_SPLITS = "lookalikes in two splits"
ALIKE_LABELS = "lookalikes with different labels"
ALIKE_NOTE = "lookalikes"
SEEN = "seen by the weights"
LEARNT = "nothing need be done: what is learnt from again is no leak"
BLIND = "not compared by looks"
MOST_NAMED = 50
LIMITS = (
    "copies that were coded again, resized, brightened or inverted are found by their looks; "
    "copies that were mirrored, turned, or cropped by more than a hundredth are not, nor is a "
    "slice in its volume, nor two images of one patient that look different"
)


def look(image: Image) -> str:
    """Return an image's hash; empty where a hash cannot tell it from others.

    Flat images all look alike. Shapes of two values do, too: of 1,254,000 pairs of different
    adrenal glands 8,071 do, but of 17 million pairs of X-rays of 28 pixels one.
    """
    if is_box(parted(image.path)[1]):
        return ""  # Neighbouring boxes overlap.
    if image.ndim not in KEPT or min(image.shape[1:]) < KEPT[image.ndim]:
        return ""
    values = image.array
    if ((values == values.min()) | (values == values.max())).all():
        return ""
    found = perceptual_hash(image)
    return found if found.strip("0") else ""


class Looks(NamedTuple):
    """The hashes of a list's images, each with the place of its case."""

    places: Array
    hashes: tuple[str, ...]


def looks_of(looks: Sequence[Sequence[str]]) -> Looks:
    """Return the hashes that there are, of each case's images."""
    pairs = [(place, one) for place, own in enumerate(looks) for one in own if one]
    return Looks(np.array([place for place, _ in pairs], int), tuple(one for _, one in pairs))


def not_compared(cases: CaseList, looks: Sequence[Sequence[str]]) -> Iterator[Problem]:
    """Give a note where there are images without a hash; what could not be read has none at all."""
    blind = [case for case, own in zip(cases, looks, strict=True) if own and not all(own)]
    if blind:
        what = (
            f"{len(blind)} of {len(cases)} cases, {blind[0].name} among them, hold images that a "
            "hash cannot tell apart: flat, of two values only, very small, or boxes of a volume"
        )
        remedy = "exact copies of them are found all the same"
        yield Problem("images", what, remedy, BLIND, note=True, others=names_of(blind))


def lookalikes(
    cases: CaseList, looks: Sequence[Sequence[str]], twins: Sequence[Sequence[Case]]
) -> Iterator[Problem]:
    """Give a problem for lookalikes in two splits or with two labels, a note for any others.

    twins: groups of cases whose images are the same byte for byte; they were told already.
    """
    known = looks_of(looks)
    # Images of one case, of one file, and exact copies are not compared with each other.
    first: dict[tuple[Path, ...], int] = {}
    for place, case in enumerate(cases):
        first.setdefault(case.images, place)
    for group in twins:
        first.update(dict.fromkeys((case.images for case in group), first[group[0].images]))
    own = np.array([first[case.images] for case in cases], int)
    told: set[frozenset[int]] = set()
    for members in groups(known.hashes):
        places = known.places[members]
        whose = frozenset(places.tolist())
        if len(np.unique(own[places])) < 2 or whose in told:
            continue
        told.add(whose)
        bits = signs([known.hashes[member] for member in members])
        yield from judged([cases.cases[place] for place in places], own[places], bits, cases)


def judged(group: list[Case], own: Array, bits: Array, cases: CaseList) -> Iterator[Problem]:
    """Give what is wrong with a group that looks alike, by the nearest pair that is wrong."""
    splits = np.array([SPLITS.index(case.split) if case.split else -1 for case in group])
    labels = np.array([labels_of(case, cases) for case in group])
    tell = partial(said, group)
    across = nearest_pair(bits, lambda rows: differ(own, rows) & known_differ(splits, rows))
    if across is not None:
        pair = (group[across.one], group[across.other])
        ends = " and ".join(s for s in SPLITS if s in (pair[0].split, pair[1].split))
        remedy = "keep copies, and slices side by side, in one split: give them one patient"
        yield tell(across, f", in {ends}", remedy, ALIKE_SPLITS)
    unlike = nearest_pair(
        bits,
        lambda rows: (
            differ(own, rows) & np.any([known_differ(row, rows) for row in labels.T], axis=0)
        ),
    )
    if unlike is not None:
        pair = (group[unlike.one], group[unlike.other])
        names = " and ".join(label_words(case, cases) for case in pair)
        remedy = "look at them; of copies, keep the label that is right"
        yield tell(unlike, f", but labelled {names}", remedy, ALIKE_LABELS)
    nearest = nearest_pair(bits, lambda rows: differ(own, rows))
    if across is None and unlike is None and nearest is not None:
        remedy = "of copies keep one, or give all one patient, so that no split parts them"
        more = ""
        if len({case.patient for case in group}) == 1:
            more, remedy = ", of one patient", "nothing need be done"
        yield tell(nearest, more, remedy, ALIKE_NOTE, note=True)


def said(
    group: list[Case], pair: Pairs, more: str, remedy: str, kind: str, *, note: bool = False
) -> Problem:
    """Return a problem of a group, by one pair of it: the others are counted, few are named."""
    one, other = group[pair.one], group[pair.other]
    if one.split and other.split and SPLITS.index(one.split) > SPLITS.index(other.split):
        one, other = other, one
    how = "inverted, " if pair.inverted else ""
    what = f"looks like {other.name} ({how}{pair.share:.1%} of the hash differs){more}"
    members = {case.name: case for case in (one, other, *group)}
    if len(members) > 2:
        counts = Counter(case.split for case in members.values())
        where = ", ".join(f"{counts[split]} in {split}" for split in SPLITS if counts[split])
        what += f"; {len(members)} are joined by their looks{f': {where}' if where else ''}"
        what += f"; {pair.many} such pairs" * (pair.many > 1)
    others = names_of([case for case in members.values() if case is not one])
    return Problem(one.name, what, remedy, kind, note, others, pair.share)


def seen_before(
    cases: CaseList, looks: Sequence[Sequence[str]], hashes: Sequence[str], weights: str
) -> Iterator[Problem]:
    """Give a problem for each case whose image the weights saw, a note for one to be learnt from.

    hashes: of what the weights saw. weights: what they are called.
    """
    known = looks_of(looks)
    shares: dict[int, float] = {}
    for place, far in zip(known.places.tolist(), nearest_of(known.hashes, hashes), strict=True):
        if far is not None:
            shares[place] = min(far, shares.get(place, far))
    for place, far in sorted(shares.items()):
        case = cases.cases[place]
        what = f"{weights} saw it, or what looks like it ({far:.1%} of the hash differs)"
        if case.split == "train":
            yield Problem(case.name, what, LEARNT, f"{SEEN}, and in train", True, (), far)
            continue
        where = f", and in {case.split}" if case.split else ""
        remedy = "do not measure these weights on it"
        yield Problem(case.name, what, remedy, f"{SEEN}{where}", False, (), far)


def names_of(cases: Sequence[Case]) -> tuple[str, ...]:
    """Return the names of cases, the first where there are many."""
    return tuple(case.name for case in cases[:MOST_NAMED])


def labels_of(case: Case, cases: CaseList) -> tuple[int, ...]:
    """Return what is known of a case's classes: numbers of one length, -1 where nothing is."""
    if isinstance(case.label, tuple):
        return case.label
    unknown = (-1,) * (len(cases.classes) if cases.multilabel else 1)
    return unknown if case.label is None else (case.label,)


def label_words(case: Case, cases: CaseList) -> str:
    """Return a case's label in words."""
    classes = [cases.classes[index] for index in classes_of(replace(case, present=None))]
    return " + ".join(classes) or "none of the classes"


def differ(values: Array, rows: slice) -> Array:
    """Say of which of all values some differ."""
    unequal: Array = values[rows, None] != values
    return unequal


def known_differ(values: Array, rows: slice) -> Array:
    """Say of which of all values some differ, where both are known."""
    return differ(values, rows) & (values[rows, None] >= 0) & (values >= 0)
