"""What can be proved about sizes and index terms.

Decided by the box of the axes and at most two constraints of the domain; a failed proof never
changes a value, it costs a missed join or a guard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from sympy import Expr, Integer, Poly, expand

from symbackprop.sizes.index import ONE, ZERO, Atom, Index
from symbackprop.sizes.symbols import size_symbols

Box = Sequence[Expr]
"""The sizes of the axes: axis `i` runs over ``0 .. box[i] - 1``."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """``term = 0`` where `equality`, else ``term >= 0``."""

    term: Index
    equality: bool = False

    def substitute(self, axes: dict[int, Index]) -> Constraint:
        """The same constraint with axes replaced."""
        return Constraint(self.term.substitute(axes), self.equality)

    def key(self) -> tuple[object, ...]:
        """A total, deterministic order of constraints."""
        return (self.equality, self.term.key())


@lru_cache(maxsize=65536)
def is_nonnegative(size: Expr, facts: tuple[Expr, ...] = ()) -> bool:
    """Whether ``size >= 0`` for all positive values of its symbols (True is a proof.

    False is "not proved").

    Substitutes ``n := n' + 1`` and looks for non-negative coefficients; each of `facts` (sizes
    known to be >= 0) may be subtracted once.
    """
    if size.is_Integer:
        return bool(size >= 0)
    if _nonnegative_coefficients(size):
        return True
    return any(_nonnegative_coefficients(size - fact) for fact in facts)


@lru_cache(maxsize=65536)
def is_positive(size: Expr, facts: tuple[Expr, ...] = ()) -> bool:
    """Whether ``size >= 1`` is proved."""
    return is_nonnegative(size - 1, facts)


def _nonnegative_coefficients(size: Expr) -> bool:
    symbols = size_symbols(size)
    if not symbols:
        return bool(size.is_nonnegative)
    if not size.is_polynomial(*symbols):
        return False
    shifted = Poly(size.xreplace({s: s + 1 for s in symbols}), *symbols)
    return all(c.is_nonnegative for c in shifted.coeffs())


def lower_bound(term: Index, box: Box, ranges: dict[Atom, Expr]) -> Expr | None:
    """The least value of `term` over the box, or None where a coefficient has no sign.

    ranges : for each look-up the size that bounds it (it runs over ``0 .. size - 1``)
    """
    total = term.const
    for atom, c in term.terms:
        if is_nonnegative(c):
            continue
        if not is_nonnegative(-c):
            return None
        size = box[atom] if isinstance(atom, int) else ranges.get(atom)
        if size is None:
            return None
        total = total + c * (size - 1)
    return total


def implied(
    goal: Index,
    box: Box,
    domain: Sequence[Constraint] = (),
    facts: tuple[Expr, ...] = (),
    ranges: dict[Atom, Expr] | None = None,
) -> bool:
    """Whether ``goal >= 0`` is proved on the domain inside the box.

    Tries the box alone, then the goal less one constraint, less two (an equality in both signs),
    and less a multiple of one that cancels an atom.
    """
    known = ranges or {}
    if _bounded(goal, box, facts, known):
        return True
    options = [s for c in domain for s in _signed(c)]
    for count in (1, 2):
        for chosen in combinations(options, count):
            rest = goal
            for term in chosen:
                rest = rest - term
            if _bounded(rest, box, facts, known):
                return True
    return any(
        _bounded(goal - multiple, box, facts, known)
        for term in options
        for multiple in _multiples(term, goal)
    )


def _multiples(term: Index, goal: Index) -> Iterator[Index]:
    """`term` times each factor > 0 with which it has a coefficient of `goal`."""
    for atom, c in term.terms:
        wanted = goal.coefficient(atom)
        if wanted in (0, c):
            continue
        factor = expand(wanted / c)
        if factor.is_polynomial(*size_symbols(factor)) and is_nonnegative(factor):
            yield term.scaled(factor)


def _bounded(goal: Index, box: Box, facts: tuple[Expr, ...], ranges: dict[Atom, Expr]) -> bool:
    bound = lower_bound(goal, box, ranges)
    return bound is not None and is_nonnegative(bound, facts)


def _signed(constraint: Constraint) -> tuple[Index, ...]:
    if constraint.equality:
        return (constraint.term, constraint.term.scaled(Integer(-1)))
    return (constraint.term,)


__all__ = ["ONE", "ZERO", "Box", "Constraint", "implied", "is_nonnegative", "is_positive"]
