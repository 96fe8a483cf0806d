"""Index terms: affine in the axes of a comprehension, with sizes as coefficients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from sympy import Expr, Integer, expand

ZERO: Expr = Integer(0)
ONE: Expr = Integer(1)


@dataclass(frozen=True, slots=True)
class At:
    """The value of an integer (or boolean, as 0 or 1) node at a position.

    Data that takes part in an index.

    source : id of the integer node;  index : one term for each of its dims
    """

    source: int
    index: tuple[Index, ...]


Atom = int | At
"""An axis, by its number, or a looked-up integer."""


@lru_cache(maxsize=16384)
def size_key(size: Expr) -> tuple[int, int, str]:
    """A key that orders sizes the same way in every run (SymPy's own order is slow)."""
    return (0, int(size), "") if size.is_Integer else (1, 0, str(size))


def atom_key(atom: Atom) -> tuple[object, ...]:
    """A key that orders axes by number, before look-ups."""
    if isinstance(atom, int):
        return (0, atom)
    return (1, atom.source, tuple(term.key() for term in atom.index))


@dataclass(frozen=True, slots=True)
class Index:
    """``const + sum(coefficient * atom)``; terms sorted by atom, no zero coefficient."""

    terms: tuple[tuple[Atom, Expr], ...] = ()
    const: Expr = ZERO
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Found once: index terms are looked up again and again, as parts of nodes."""
        found = self._hash
        if not found:
            found = hash((self.terms, self.const)) or 1
            object.__setattr__(self, "_hash", found)
        return found

    def key(self) -> tuple[object, ...]:
        """A total, deterministic order of index terms."""
        return (
            tuple((atom_key(atom), size_key(c)) for atom, c in self.terms),
            size_key(self.const),
        )

    def __add__(self, other: Index) -> Index:
        if not other.terms and other.const is ZERO:
            return self
        return linear([*self.terms, *other.terms], self.const + other.const)

    def __sub__(self, other: Index) -> Index:
        return self + other.scaled(Integer(-1))

    def scaled(self, factor: Expr) -> Index:
        """`factor` times this term."""
        if factor is ONE:
            return self
        return linear([(a, c * factor) for a, c in self.terms], self.const * factor)

    def shifted(self, by: Expr) -> Index:
        """This term plus the size `by`."""
        return self if by is ZERO else Index(self.terms, expand(self.const + by))

    def plain_axis(self) -> int | None:
        """The axis `i` when this term is exactly ``i``, else None."""
        # SymPy has one object for each of 0 and 1
        if len(self.terms) == 1 and self.const is ZERO:
            atom, coefficient = self.terms[0]
            if isinstance(atom, int) and coefficient is ONE:
                return atom
        return None

    def coefficient(self, atom: Atom) -> Expr:
        """The coefficient of `atom`, 0 when it does not occur at the top level."""
        return next((c for a, c in self.terms if a == atom), ZERO)

    def is_constant(self) -> bool:
        """Whether the term depends on no axis and no look-up."""
        return not self.terms

    def axes(self) -> Iterator[int]:
        """Every axis that occurs, also inside look-ups (with repetition)."""
        for atom, _ in self.terms:
            if isinstance(atom, int):
                yield atom
            else:
                for term in atom.index:
                    yield from term.axes()

    def own_axes(self) -> tuple[int, ...]:
        """The axes outside look-ups."""
        return tuple(atom for atom, _ in self.terms if isinstance(atom, int))

    def look_ups(self) -> Iterator[At]:
        """Every look-up, inner ones after the one that holds them."""
        for atom, _ in self.terms:
            if isinstance(atom, At):
                yield atom
                for term in atom.index:
                    yield from term.look_ups()

    def has_look_up(self) -> bool:
        """Whether the term depends on data."""
        for atom, _ in self.terms:
            if isinstance(atom, At):
                return True
        return False

    def substitute(self, axes: Mapping[int, Index]) -> Index:
        """This term with each axis in `axes` replaced; other axes stay."""
        if not axes or not self.terms:
            return self
        terms: list[tuple[Atom, Expr]] = []
        const = self.const
        for atom, c in self.terms:
            if isinstance(atom, At):
                inner = tuple(term.substitute(axes) for term in atom.index)
                terms.append((At(atom.source, inner), c))
            elif atom in axes:
                new = axes[atom]
                terms.extend((a, c * k) for a, k in new.terms)
                const = const + c * new.const
            else:
                terms.append((atom, c))
        return linear(terms, const)

    def renamed(self, rename: Callable[[int], int]) -> Index:
        """This term with every axis `i` called ``rename(i)``."""
        if not self.terms:
            return self
        terms: list[tuple[Atom, Expr]] = []
        for atom, c in self.terms:
            if isinstance(atom, At):
                terms.append((At(atom.source, tuple(t.renamed(rename) for t in atom.index)), c))
            else:
                terms.append((rename(atom), c))
        return linear(terms, self.const)

    def map_sources(self, sources: Mapping[int, int]) -> Index:
        """This term with every look-up's node `s` replaced by ``sources.get(s, s)``."""
        if not self.has_look_up():
            return self
        terms: list[tuple[Atom, Expr]] = []
        for atom, c in self.terms:
            if isinstance(atom, At):
                inner = tuple(t.map_sources(sources) for t in atom.index)
                atom = At(sources.get(atom.source, atom.source), inner)
            terms.append((atom, c))
        return linear(terms, self.const)


def linear(terms: list[tuple[Atom, Expr]], const: Expr) -> Index:
    """The index term with these (possibly repeated or zero) coefficients."""
    if len(terms) == 1:
        ((atom, c),) = terms
        if c is ONE and const is ZERO and isinstance(atom, int):
            return axis(atom)
        kept = ((atom, c),) if c is not ZERO else ()
        return Index(kept, const if const.is_Integer else expand(const))
    total: dict[Atom, Expr] = {}
    for atom, c in terms:
        total[atom] = total[atom] + c if atom in total else c
    every = [(a, c if c.is_Integer else expand(c)) for a, c in total.items()]
    left = [(a, c) for a, c in every if c is not ZERO]
    left.sort(key=lambda pair: atom_key(pair[0]))
    return Index(tuple(left), const if const.is_Integer else expand(const))


_AXES: tuple[Index, ...] = tuple(Index(((i, ONE),)) for i in range(32))


def axis(i: int) -> Index:
    """The index term that is axis `i`."""
    return _AXES[i] if i < len(_AXES) else Index(((i, ONE),))


def constant(value: int | Expr) -> Index:
    """The index term that is a size."""
    return Index((), Integer(value) if isinstance(value, int) else expand(value))
