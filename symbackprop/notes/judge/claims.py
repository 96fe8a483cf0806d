"""One claim in one world under one reading of the conventions: right, wrong, or not known."""

from __future__ import annotations

import enum
import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.ast import Node
from symbackprop.notes.judge import values
from symbackprop.notes.judge.evaluate import Env, NeedLetterError
from symbackprop.notes.judge.numbers import Numbers
from symbackprop.notes.judge.products import IMPLICIT, Readings
from symbackprop.notes.judge.values import MismatchError, OutOfRangeError, UnknownError, Val, same
from symbackprop.notes.resolve.profile import names_in
from symbackprop.notes.trees import unwrapped, walk

__all__ = ["NOTHING", "Claim", "Outcome", "Status", "evaluate_claim"]

NOTHING = "nothing in the notes is of this kind"
"""Why a claim is open of which every sample is trivial."""

SAMPLES = 6
"""Choices of the free letters at which a claim is evaluated."""


class Status(enum.Enum):
    """What came of evaluating a claim."""

    RIGHT = "right"
    UNNATURAL = "unnatural"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Claim:
    """Sides that should have one value, where the conditions hold."""

    sides: tuple[Node, ...]
    conditions: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A status with its reason; `side` is the side that is at fault.

    `sure` when the claim brings all that it speaks of, so that nothing can have been misread.
    """

    status: Status
    reason: str = ""
    side: int = 0
    example: str = ""
    notes: frozenset[str] = frozenset()
    letters: tuple[tuple[str, int], ...] = ()
    conforms: bool = True
    sure: bool = False


@dataclass(slots=True)
class _Free:
    """The free letters of a claim with how far they run."""

    extents: dict[str, int] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    sides: dict[int, set[str]] = field(default_factory=dict)


def evaluate_claim(claim: Claim, numbers: Numbers, hasty: bool = False) -> Outcome:
    """Evaluate a claim at sampled choices of its free letters.

    Parameters
    ----------
    claim : Claim
        The sides; an edited side gives the outcome of the edited claim.
    numbers : Numbers
        The world with its conventions and bindings.
    hasty : bool, optional
        Stop where the claim is not right, whatever else may be said of it.
    """
    try:
        return _evaluated(claim, numbers, hasty)
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError) as error:
        return Outcome(Status.UNKNOWN, f"not understood: {error}")


def _evaluated(claim: Claim, numbers: Numbers, hasty: bool) -> Outcome:
    numbers.families = numbers.families_of(claim.sides)
    numbers.strict = numbers.scope.model.signed and not of_functions(claim)
    try:
        free = free_letters(claim, numbers)
    except UnknownError as error:
        return Outcome(Status.UNKNOWN, str(error))
    except MismatchError as error:
        return Outcome(Status.WRONG, str(error), conforms=False)
    stray = stray_letter(free, claim)
    if stray is not None:
        return stray
    outcomes = []
    for letters in assignments(free, numbers):
        try:
            outcome = at(claim, numbers, letters)
        except OutOfRangeError:
            continue
        except NeedLetterError as need:
            return Outcome(Status.UNKNOWN, f"nothing says what {need.letter} is")
        if outcome is not None:
            outcomes.append(outcome)
            if outcome.status is Status.WRONG or (hasty and outcome.status is not Status.RIGHT):
                return outcome
    return combined(outcomes)


def of_functions(claim: Claim) -> bool:
    """Whether a claim is about a function of one number, whatever array its argument is."""
    left = claim.sides[0]
    if isinstance(left, ast.Derivative) and len(left.variables) == 1:
        return isinstance(left.target, ast.Apply)
    return isinstance(left, ast.Apply)


def stray_letter(free: _Free, claim: Claim) -> Outcome | None:
    """An index that is free on one side only, next to a fixed entry on the left."""
    left = free.sides.get(0)
    if left is None:
        return None
    for number, letters in free.sides.items():
        extra = sorted(letters - left)
        if number and extra and not claim.conditions and fixed_entry(claim.sides[0]):
            reason = f"the index {extra[0]} is free on the right side only"
            return Outcome(Status.WRONG, reason, number, conforms=False)
    return None


def fixed_entry(node: Node) -> bool:
    """Whether a side speaks of one entry by its number."""
    return any(
        isinstance(n, ast.Name) and any(isinstance(i, ast.Number) for s in n.subs for i in s.items)
        for _, n in walk(node)
    )


def combined(outcomes: list[Outcome]) -> Outcome:
    """What the outcomes at several choices of letters say together."""
    if not outcomes:
        return Outcome(Status.UNKNOWN, NOTHING)
    for status in (Status.WRONG, Status.UNKNOWN, Status.UNNATURAL):
        for outcome in outcomes:
            if outcome.status is status:
                return outcome
    notes = frozenset().union(*(o.notes for o in outcomes))
    return replace(outcomes[0], notes=notes)


def free_letters(claim: Claim, numbers: Numbers) -> _Free:
    """Find the free letters by evaluating the sides until nothing is asked for."""
    free = _Free()
    letters: dict[str, int] = {}
    extents: dict[str, int] = {}
    pending: Exception | None = None
    for number, side in enumerate(claim.sides):
        wanted = probe_letters(side, numbers, letters)
        if wanted is not None:
            free.sides[number] = wanted
        tries = 0
        while tries < 12:
            tries += 1
            try:
                numbers.read(side, Env(letters=dict(letters)))
            except NeedLetterError as need:
                if need.letter in letters:
                    break
                if need.extent is None:
                    free.labels.add(need.letter)
                    letters[need.letter] = middle(numbers, need.letter)
                else:
                    extents[need.letter] = need.extent
                    letters[need.letter] = 0
                continue
            except OutOfRangeError:
                changed = False
                for label in sorted(free.labels):
                    if letters[label] > 1:
                        letters[label] -= 1
                        changed = True
                if changed:
                    continue
            except (UnknownError, MismatchError) as error:
                pending = pending or error
            break
    free.extents = extents
    return free


def probe_letters(side: Node, numbers: Numbers, known: dict[str, int]) -> set[str] | None:
    """The letters that count entries in a side; None when it cannot be evaluated."""
    found: set[str] = set()
    letters: dict[str, int] = {}
    for _ in range(12):
        try:
            numbers.read(side, Env(letters=dict(letters)))
        except NeedLetterError as need:
            if need.letter in letters:
                return None
            if need.extent is not None:
                found.add(need.letter)
                letters[need.letter] = 0
            else:
                letters[need.letter] = known.get(need.letter, middle(numbers, need.letter))
            continue
        except (UnknownError, MismatchError, OutOfRangeError):
            return None
        return found
    return None


def middle(numbers: Numbers, letter: str) -> int:
    """A label for which neighbours exist."""
    return max(1, numbers.scope.model.depth - 1)


def assignments(free: _Free, numbers: Numbers) -> list[dict[str, int]]:
    """Choices of the free letters: every label, several entries, equal and different ones."""
    labels = sorted(free.labels)
    depth = numbers.scope.model.depth
    label_choices = [
        dict(zip(labels, chosen, strict=True))
        for chosen in itertools.product(range(depth + 1), repeat=len(labels))
    ]
    if len(label_choices) > 2 * SAMPLES:
        label_choices = label_choices[:: len(label_choices) // (2 * SAMPLES)]
    counted = sorted(free.extents)
    if not counted:
        return label_choices
    random = np.random.default_rng(3)
    entries: list[dict[str, int]] = []
    for k in range(3):
        entries.append({c: min(k, free.extents[c] - 1) for c in counted})
    while len(entries) < SAMPLES:
        entries.append({c: int(random.integers(free.extents[c])) for c in counted})
    unique = {tuple(e.items()): e for e in entries}
    return [{**a, **b} for a in label_choices for b in unique.values()]


def at(claim: Claim, numbers: Numbers, letters: dict[str, int]) -> Outcome | None:
    """The outcome at one choice of letters; None where the conditions do not hold."""
    env = Env(letters=letters)
    for condition in claim.conditions:
        if condition_is_about(condition, numbers, env) and not numbers.holds(condition, env):
            return None
    sides: list[Readings | None] = []
    reasons: list[str] = []
    broken: tuple[int, str] | None = None
    for i, side in enumerate(claim.sides):
        try:
            sides.append(numbers.read(side, env))
        except UnknownError as error:
            sides.append(None)
            reasons.append(str(error))
        except MismatchError as error:
            sides.append(None)
            broken = broken or (i, str(error))
    given = tuple(sorted(letters.items()))
    if broken is not None:
        return Outcome(Status.WRONG, broken[1], broken[0], letters=given, conforms=False)
    known = [(i, s) for i, s in enumerate(sides) if s is not None]
    if len(known) < 2:
        return Outcome(Status.UNKNOWN, reasons[0] if reasons else "nothing to compare")
    if not all(finite(s) for _, s in known):
        return Outcome(Status.UNKNOWN, "a value is not finite here")
    made = compared(known, letters)
    if made is not None and made.status is Status.RIGHT and sides[0] is None:
        return Outcome(Status.UNKNOWN, reasons[0])
    return made


def condition_is_about(condition: Node, numbers: Numbers, env: Env) -> bool:
    """Whether a condition restricts positions that the claim speaks of."""
    condition = unwrapped(condition)
    if not isinstance(condition, ast.Comparison):
        return False
    try:
        return bool(numbers.about_positions(condition, env)) and all(
            _bound(side, env) for side in condition.sides
        )
    except (UnknownError, NeedLetterError):
        return False


def _bound(side: Node, env: Env) -> bool:
    return names_in(side) <= set(env.letters) | {"y"}


def finite(readings: Readings) -> bool:
    """Whether all readings are finite."""
    return all(bool(np.all(np.isfinite(v.v))) for v, _ in readings)


def zero(value: Val) -> bool:
    """Whether a value is zero everywhere."""
    return not np.any(np.abs(value.v) > 1e-13)


def beyond(cost: int, side: Readings) -> int:
    """How far a reading is from the most natural one of its side that conforms."""
    return cost if cost >= IMPLICIT else cost - side[0][1]


def compared(known: list[tuple[int, Readings]], letters: dict[str, int]) -> Outcome | None:
    """Whether the known sides have one value; the cheapest readings count first."""
    _, first = known[0]
    notes: frozenset[str] = frozenset()
    best: tuple[int, int] | None = None
    fault: tuple[int, Val, Val] | None = None
    for reference, cost in first:
        level, failing = beyond(cost, first), None
        for i, side in known[1:]:
            match = min((beyond(c, side) for v, c in side if same(reference, v)), default=None)
            if match is None:
                failing = (i, reference, side[0][0])
                break
            level = max(level, match)
        if failing is None:
            best = min(best or (level, 0), (level, 0))
        else:
            fault = fault or failing
    given = tuple(sorted(letters.items()))
    if best is not None:
        if all(zero(s[0][0]) for _, s in known) and len(known) > 0:
            if not any(_literal_zero(s) for _, s in known):
                return None
        status = Status.RIGHT if best[0] == 0 else Status.UNNATURAL
        return Outcome(status, notes=notes, letters=given)
    assert fault is not None
    place, expected, found = fault
    reason = "the two sides differ"
    conforms = expected.shape == found.shape or (expected.is_scalar and found.is_scalar)
    if not conforms:
        reason = (
            f"the left side has shape {values.shown(expected.shape)}, "
            f"the right side {values.shown(found.shape)}"
        )
    example = f"expected {numbers_shown(expected)}, found {numbers_shown(found)}"
    return Outcome(Status.WRONG, reason, place, example, letters=given, conforms=conforms)


def _literal_zero(side: Readings) -> bool:
    value: Any = side[0][0]
    return value.d is None and value.v.ndim == 0


def numbers_shown(value: Val) -> str:
    """A few numbers of a value."""
    flat = value.v.reshape(-1)[:4]
    made = ", ".join(f"{x:.4g}" for x in flat)
    return made if value.v.size <= 1 else f"[{made}{', ...' if value.v.size > 4 else ''}]"
