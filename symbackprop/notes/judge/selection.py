"""Selections of definitions that can all hold at once."""

from __future__ import annotations

from collections.abc import Sequence

from symbackprop.notes import ast
from symbackprop.notes.ast import Name
from symbackprop.notes.judge.claims import Claim
from symbackprop.notes.resolve.definitions import ADJOINTS, Definition, is_loss_key, reached
from symbackprop.notes.resolve.hypotheses import OPAQUE
from symbackprop.notes.resolve.model import Entry, Model
from symbackprop.notes.resolve.profile import Profile
from symbackprop.notes.statements import Statement
from symbackprop.notes.trees import children, values_in, walk

__all__ = ["acyclic", "distance", "general", "hypothetical", "self_contained"]

SUPPOSED = 6
"""Formulas for which what a display supposes is taken to hold."""

ERA = 12
"""Formulas after which an older definition by number no longer goes with a newer general one."""


def distance(definition: Definition, position: int) -> tuple[int, int]:
    """How far a definition is from a claim; those before it are nearer."""
    if definition.local:
        return (-1, 0)
    step = position - definition.position
    return (0, step) if step >= 0 else (1, -step)


def acyclic(
    choice: tuple[int, ...], everything: Sequence[Definition], profile: Profile, position: int
) -> tuple[int, ...]:
    """The selection without what would define a name by itself: the nearer definition stays.

    `z = W y + b` in one place and `y = f(z)` in another speak of two maps, and not of a loop.
    """
    uses: dict[str, frozenset[str]] = {}
    dropped: set[int] = set()
    for number in sorted(
        (m for m in choice if m >= 0), key=lambda m: distance(everything[m], position)
    ):
        definition = everything[number]
        if definition.late or definition.labels:
            continue
        names = unlabelled(definition, profile)
        if definition.key in reached(names, uses):
            dropped.add(number)
        else:
            uses.setdefault(definition.key, names)
    if not dropped:
        return choice
    return tuple(-1 if m in dropped else m for m in choice)


def unlabelled(definition: Definition, profile: Profile) -> frozenset[str]:
    """The names without label in the body of a definition, its arguments left out."""
    function = definition.key in profile.functions
    formals = {profile.ref(name).key for name in definition.formals} if function else set()
    refs = (profile.ref(n) for n in values_in(definition.body) if isinstance(n, Name))
    return frozenset(ref.key for ref in refs if not ref.labels) - formals


def general(
    choice: tuple[int, ...],
    patterns: Sequence[tuple[str, tuple[object, ...]]],
    everything: Sequence[Definition],
    position: int,
) -> tuple[tuple[int, ...], bool]:
    """The selection without older definitions for single labels that a nearer general one covers.

    The flag says that the older ones are so far away that they belong to another part.
    """
    newest: dict[str, int] = {}
    for number, (key, labels) in zip(choice, patterns, strict=True):
        if number >= 0 and not everything[number].local and "letter" in labels:
            newest[key] = number
    dropped: set[int] = set()
    far = False
    for number, (key, labels) in zip(choice, patterns, strict=True):
        if number < 0 or key not in newest or not labels or "letter" in labels:
            continue
        other = everything[newest[key]]
        here = everything[number]
        if here.position < other.position <= position and not here.late:
            dropped.add(number)
            far = far or other.position - here.position > ERA
    return tuple(-1 if m in dropped else m for m in choice), far


def self_contained(
    choice: tuple[int, ...], everything: Sequence[Definition], profile: Profile, entry: Entry
) -> tuple[int, ...] | None:
    """The definitions that stand beside a display alone, when it speaks of nothing else."""
    local = tuple(
        m
        if m >= 0
        and (
            everything[m].local
            or (everything[m].formals and everything[m].key in profile.functions)
        )
        else -1
        for m in choice
    )
    known: set[str] = set()
    for number in local:
        if number >= 0 and everything[number].local:
            names = (n for _, n in walk(everything[number].body) if isinstance(n, Name))
            known |= {everything[number].key, *(profile.ref(n).key for n in names)}
    if not known:
        return None
    for part in entry.parsed.parts:
        for side in part.sides if isinstance(part, Statement) else ():
            for name in spoken_of(side):
                key = profile.ref(name).key
                if key in known or is_loss_key(key) or key in profile.functions:
                    continue
                if key.split("_")[0] not in ADJOINTS and name.base not in ("I", "1", "0", "e"):
                    return None
    return local


def spoken_of(node: ast.Node) -> list[Name]:
    """The names in a formula that are no labels and no functions."""
    found: list[Name] = []
    waiting: list[ast.Node] = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Name):
            found.append(here)
        elif isinstance(here, ast.Apply):
            waiting.extend(here.arguments)
            if not isinstance(here.function, Name):
                waiting.append(here.function)
        elif not isinstance(here, ast.Label | ast.Range):
            waiting.extend(children(here))
    return found


def hypothetical(
    nearest: Sequence[int], everything: Sequence[Definition], entry: Entry
) -> list[tuple[int, ...]]:
    """The selection with what a display shortly before supposed, if one did."""
    supposed = {
        definition.key: number
        for number, definition in enumerate(everything)
        if 0 < entry.position - definition.position <= SUPPOSED and is_supposed(definition)
    }
    if not supposed:
        return []
    kept = tuple(-1 if m >= 0 and everything[m].key in supposed else m for m in nearest)
    return [(*kept, *supposed.values())]


def is_supposed(definition: Definition) -> bool:
    """Whether a definition says only what a name depends on."""
    body = definition.body
    return isinstance(body, ast.Apply) and body.function == Name(OPAQUE)


def of_one_example(claim: Claim, model: Model) -> bool:
    """Whether a claim has small letters only, where capitals mean a batch of the same."""
    keys = {
        model.profile.ref(node).key
        for side in claim.sides
        for node in values_in(side)
        if isinstance(node, Name)
    }
    plain = model.profile.plain
    small = {key for key in keys if key in ("a", "z", "x", "h", "y") and plain[key]}
    large = {key for key in keys if key in ("A", "Z", "X", "H", "Y")}
    return not large and any(plain[key.upper()] for key in small)
