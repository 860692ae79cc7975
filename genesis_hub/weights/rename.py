"""From the authors' keys to ours and back, by the catalog's rules; each key meets one rule."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from genesis_hub.entry import Layout, Rename
from genesis_hub.errors import KeyMismatch


@dataclass(frozen=True)
class Renamed:
    """What the rules made of a file's keys.

    names: the file's key -> ours. dropped: the file's key -> why it is left out.
    unmatched: keys that no rule knows. idle: rules that no key met.
    """

    names: Mapping[str, str]
    dropped: Mapping[str, str]
    unmatched: tuple[str, ...]
    idle: tuple[Rename, ...]


def rename(keys: Iterable[str], layout: Layout) -> Renamed:
    """Apply a layout's prefixes and rules to a file's keys.

    Two keys that would become one raise `KeyMismatch`: one of them would be lost in silence.
    """
    rules = [(re.compile(rule.pattern), rule) for rule in layout.renames]
    names: dict[str, str] = {}
    dropped: dict[str, str] = {}
    unmatched, met = [], set()
    owner: dict[str, str] = {}
    for key in keys:
        bare = strip(key, layout.prefixes)
        hit = next(((pattern, rule) for pattern, rule in rules if pattern.match(bare)), None)
        if hit is None:
            unmatched.append(key)
            continue
        pattern, rule = hit
        met.add(rule.pattern)
        if rule.to is None:
            dropped[key] = rule.why
            continue
        name = pattern.sub(rule.to, bare, count=1)
        if name in owner:
            raise KeyMismatch(
                f"the file's tensors {owner[name]!r} and {key!r} both stand for {name!r}; it "
                "holds two networks; keep one of them in the file and try again"
            )
        owner[name], names[key] = key, name
    idle = tuple(rule for rule in layout.renames if rule.pattern not in met)
    return Renamed(names, dropped, tuple(unmatched), idle)


def strip(key: str, prefixes: Iterable[str]) -> str:
    """Take the prefixes off the start of a key, each at most once, in order."""
    for prefix in prefixes:
        key = key.removeprefix(prefix)
    return key


def authors_name(name: str, layout: Layout) -> str | None:
    """Return how the authors spell one of our names, without prefixes; None if they have none."""
    for rule in layout.renames:
        if rule.to is None:
            continue
        found = re.match(backward(rule), name)
        if found:
            return spelled(rule.pattern, found.groups()) + name[found.end() :]
    return None


def backward(rule: Rename) -> str:
    """Return the pattern that finds what a rule wrote: its text, with the groups it copied."""
    groups = [part for part in parts(rule.pattern) if part.startswith("(")]
    assert rule.to is not None
    pieces = re.split(r"\\(\d)", rule.to)
    copied = [groups[int(piece) - 1] for piece in pieces[1::2]]
    text = [re.escape(piece) for piece in pieces[::2]]
    return "^" + "".join(a + b for a, b in zip(text, [*copied, ""], strict=True))


def spelled(pattern: str, groups: tuple[str, ...]) -> str:
    """Return the text that a pattern stands for, its groups filled in."""
    filled = iter(groups)
    text = ""
    for part in parts(pattern):
        if part.startswith("("):
            text += next(filled)
        elif part.startswith("?:"):
            text += part[2:].split("|")[0]
        else:
            text += part.replace("\\", "")
    return text


def parts(pattern: str) -> list[str]:
    """Cut a rule's pattern into literal text, copied groups "(...)", and choices "?:...".

    The catalog's rules use no more of the language of patterns than this; of a choice the first
    spelling is the one written back, and an optional tail is left out.
    """
    cut = re.split(r"(\((?:\?:)?(?:[^()]|\([^()]*\))*\)\??)", pattern.removeprefix("^"))
    found = []
    for piece in filter(None, cut):
        if piece.startswith("(?:"):
            found.append("?:" if piece.endswith("?") else "?:" + piece[3:-1])
        else:
            found.append(piece)
    return found
