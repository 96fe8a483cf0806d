"""Sizes and first indices of the arrays of an index expression, from the ranges of its indices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sympy import (
    Basic,
    Derivative,
    Expr,
    Idx,
    Indexed,
    IndexedBase,
    Integral,
    Limit,
    MatrixSymbol,
    Product,
    Subs,
    Sum,
    Symbol,
    expand,
)
from sympy.matrices import MatrixBase

from symbackprop.errors import InvalidExpressionError, ShapeError, UnsupportedError
from symbackprop.frontend.importer import short, unsupported
from symbackprop.frontend.record import shape_text
from symbackprop.sizes import Size, as_size, same_size, size_symbol

Range = tuple[Expr, Expr]
"""First and last value of an index."""
Ranges = tuple[tuple[Symbol, Range | None], ...]


REFUSED: dict[type[Basic], str] = {
    Derivative: "declare the loss only; derivatives are what this program finds",
    Integral: "write a finite Sum",
    Product: "write exp(Sum(log(f), ...)), or a comprehension",
    Limit: "write the value itself",
    Subs: "substitute before: expression.doit()",
    MatrixBase: "an explicit matrix or blocks: write IndexedBase or MatrixSymbol; blocks are put "
    "together by sb.concatenate on handles",
    IndexedBase: "an array without indices: write A[i, j]",
}
"""What SymPy has and a network cannot use, and what to write instead."""


def check_construct(expression: Basic) -> None:
    """Refuse what a network cannot use.

    Raises
    ------
    UnsupportedError
        With its name and what to write instead.
    """
    for kind, advice in REFUSED.items():
        if isinstance(expression, kind):
            raise unsupported(expression, advice)


@dataclass(slots=True)
class Axis:
    """What is known of one axis of an array."""

    size: Size | None = None
    lowest: list[Expr] = field(default_factory=list)
    highest: list[Expr] = field(default_factory=list)

    def origin(self) -> int:
        """Its first index: 1 where every index starts at 1 or the last one equals the size."""
        if any(low == 0 for low in self.lowest):
            return 0
        if any(low == 1 for low in self.lowest):
            return 1
        return int(any(self.size is not None and same_size(h, self.size) for h in self.highest))


@dataclass(slots=True)
class Survey:
    """What the ranges of an expression tell.

    arrays : name -> axes;  matrices : name -> shape without axes of size 1
    sizes : names of symbols that are sizes;  free : ranges of free index symbols
    """

    arrays: dict[str, list[Axis]] = field(default_factory=dict)
    matrices: dict[str, tuple[Size, ...]] = field(default_factory=dict)
    sizes: set[str] = field(default_factory=set)
    free: dict[Symbol, Range] = field(default_factory=dict)
    occurrences: list[tuple[Indexed, Ranges]] = field(default_factory=list)

    def shape(self, name: str) -> tuple[Size, ...]:
        """The shape of an array.

        Raises
        ------
        ShapeError
            Where nothing tells a size.
        """
        sizes: list[Size] = []
        for k, axis in enumerate(self.arrays[name]):
            if axis.size is None:
                raise ShapeError(
                    f'the size of axis {k} of "{name}" is not known',
                    help=f'give it: IndexedBase("{name}", shape=(...)), or an index with a range: '
                    'Idx("i", n)',
                )
            sizes.append(axis.size)
        return tuple(sizes)

    def origins(self, name: str) -> tuple[int, ...]:
        """The first index of each axis of an array."""
        return tuple(axis.origin() for axis in self.arrays[name])


def survey(expression: Basic, out: Sequence[Any]) -> Survey:
    """The sizes of all arrays of an expression with the free indices `out`."""
    found = Survey()
    start: list[tuple[Symbol, Range | None]] = []
    for index in out:
        symbol, limits = _free_index(index)
        start.append((symbol, limits))
        if limits is not None:
            found.free[symbol] = limits
    _walk(found, expression, tuple(start))
    for indexed, ranges in found.occurrences:
        _declare(found, indexed, ranges)
    for _ in range(2):
        for indexed, ranges in found.occurrences:
            _spread(found, indexed, ranges)
    for symbol, limits in start:
        if limits is None and symbol not in found.free:
            raise ShapeError(
                f"the range of the index {symbol} is not known",
                help=f'declare it as Idx("{symbol}", n), or give the array it runs over a shape',
            )
    for low, high in found.free.values():
        found.sizes.update(s.name for s in (low - high).free_symbols)
    return found


def _free_index(index: Any) -> tuple[Symbol, Range | None]:
    if isinstance(index, Idx):
        known = index.lower is not None and index.upper is not None
        return index, (index.lower, index.upper) if known else None
    if isinstance(index, Symbol):
        return index, None
    if isinstance(index, tuple) and len(index) == 3 and isinstance(index[0], Symbol | Idx):
        low, high = (as_size_or_int(v) for v in index[1:])
        return index[0], (low, high)
    raise InvalidExpressionError(
        f"a free index is a symbol, an Idx or (symbol, first, last), found {index!r}"
    )


def as_size_or_int(value: Any) -> Expr:
    """A bound of an index: an integer, or an expression in sizes."""
    return expand(value) if isinstance(value, Expr) else as_size(value)


def sum_ranges(expression: Sum) -> list[tuple[Symbol, Range]]:
    """The indices of a sum and their first and last values, outermost last as SymPy has them.

    Raises
    ------
    UnsupportedError
        Where a bound is missing.
    """
    found: list[tuple[Symbol, Range]] = []
    for limit in expression.limits:
        if len(limit) == 3:
            found.append((limit[0], (limit[1], limit[2])))
            continue
        _, bounds = _free_index(limit[0])
        if bounds is None:
            raise UnsupportedError(
                f"a sum without bounds: {short(expression)}",
                help="write Sum(f, (k, 1, n)), or use an index with a range: Idx('k', n)",
            )
        found.append((limit[0], bounds))
    return found


def _walk(found: Survey, expression: Basic, ranges: Ranges) -> None:
    pending: list[tuple[Basic, Ranges]] = [(expression, ranges)]
    seen: set[tuple[int, Ranges]] = set()
    while pending:
        here, inside = pending.pop()
        if (id(here), inside) in seen:
            continue
        seen.add((id(here), inside))
        check_construct(here)
        if isinstance(here, Indexed):
            found.occurrences.append((here, inside))
            pending.extend((a, inside) for a in reversed(here.indices))
        elif isinstance(here, Sum):
            new = dict(inside)
            for symbol, limits in sum_ranges(here):
                new[symbol] = limits
                found.sizes.update(s.name for bound in limits for s in bound.free_symbols)
            pending.append((here.function, tuple(sorted(new.items(), key=lambda p: str(p[0])))))
        elif isinstance(here, MatrixSymbol):
            found.sizes.update(s.name for size in here.shape for s in size.free_symbols)
            shape = tuple(size for size in map(as_size, here.shape) if size != 1)
            known = found.matrices.setdefault(here.name, shape)
            if known != shape:
                raise ShapeError(
                    f'"{here.name}" has two shapes: {shape_text(known)} and {shape_text(shape)}'
                )
        else:
            pending.extend((a, inside) for a in reversed(here.args))


def _declare(found: Survey, indexed: Indexed, ranges: Ranges) -> None:
    name = str(indexed.base.label)
    shape = indexed.base.shape
    axes = found.arrays.setdefault(name, [Axis() for _ in indexed.indices])
    if len(axes) != len(indexed.indices):
        raise ShapeError(
            f'"{name}" is used with {len(axes)} and with {len(indexed.indices)} indices'
        )
    if shape is not None:
        if len(shape) != len(axes):
            raise ShapeError(f'"{name}" has {len(shape)} axes, found {len(axes)} in {indexed}')
        for axis, size in zip(axes, shape, strict=True):
            axis.size = as_size(size)
            found.sizes.update(s.name for s in axis.size.free_symbols)


def _spread(found: Survey, indexed: Indexed, ranges: Ranges) -> None:
    """Sizes from plain indices to axes, and from axes to indices without a range."""
    known = {symbol: limits for symbol, limits in ranges if limits is not None}
    known.update({s: r for s, r in found.free.items() if s not in known})
    for axis, index in zip(found.arrays[str(indexed.base.label)], indexed.indices, strict=True):
        limits = known.get(index) or _own_range(index)
        if limits is not None:
            if axis.size is None:
                axis.size = as_size(limits[1] - limits[0] + 1)
        elif axis.size is not None and isinstance(index, Symbol | Idx):
            found.free[index] = (size_zero(), axis.size - 1)
        low, high = _extremes(index, known)
        axis.lowest.extend(low)
        axis.highest.extend(high)


def size_zero() -> Expr:
    """The first index where none is told."""
    return as_size(0)


def _own_range(index: Expr) -> Range | None:
    return _free_index(index)[1] if isinstance(index, Idx) else None


def _extremes(index: Expr, known: dict[Symbol, Range]) -> tuple[list[Expr], list[Expr]]:
    """The least and greatest value of an affine index, where they are known."""
    low = high = expand(index)
    for symbol in _symbols(index):
        limits = known.get(symbol) or _own_range(symbol)
        if limits is None:
            continue
        slope = expand(index).coeff(symbol)
        ends = limits if not slope.could_extract_minus_sign() else limits[::-1]
        low, high = low.subs(symbol, ends[0]), high.subs(symbol, ends[1])
    return [expand(low)], [as_size(expand(high))]


def _symbols(index: Expr) -> Iterator[Symbol]:
    yield from sorted(index.free_symbols, key=str)


def size_names(found: Survey) -> Iterable[str]:
    """The names of all sizes, sorted."""
    return sorted(found.sizes)


def is_size(found: Survey, symbol: Symbol) -> bool:
    """Whether a symbol is a size rather than a variable."""
    return symbol.name in found.sizes or symbol == size_symbol(symbol.name)
