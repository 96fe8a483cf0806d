"""Taking a scalar body apart: its terms, its factors, the axes it depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.ir import Comp, Operand, Read
from symbackprop.raising.build import quotient, reduced, scaled
from symbackprop.raising.tree import ONE, Add, Constant, Formula, Negative, Number, Power, SizeTerm
from symbackprop.scalars import function, placeholder_index, placeholders, record_of
from symbackprop.sizes import Index, Size

_LOG = function("log").build

Body = Size
"""A scalar SymPy expression."""


@dataclass(frozen=True, slots=True)
class Factored:
    """``number · Π above / Π below``."""

    number: Number
    above: tuple[Body, ...]
    below: tuple[Body, ...]


def factored(body: Body) -> Factored:
    """The factors of a product; what has a negative number as exponent stands below."""
    p, q = 1, 1
    above: list[Body] = []
    below: list[Body] = []
    pending = list(body.args if body.is_Mul else (body,))[::-1]
    while pending:
        factor = pending.pop()
        if is_log_product(factor):
            # x log y, and 0 log 0 = 0, as everybody writes it
            pending.extend((_LOG(factor.args[1]), factor.args[0]))
        elif factor.is_Mul:
            pending.extend(reversed(factor.args))
        elif factor.is_Rational:
            p, q = p * int(factor.p), q * int(factor.q)
        elif factor.is_Pow and factor.exp.is_Rational and factor.exp < 0:
            below.append(factor.base**-factor.exp)
        else:
            above.append(factor)
    return Factored(reduced(p, q), tuple(above), tuple(below))


def is_log_product(body: Body) -> bool:
    """Whether a body is ``xlogy(x, y)``."""
    record = record_of(body)
    return record is not None and record.name == "xlogy"


def is_product(body: Body) -> bool:
    """Whether a body is taken apart into factors."""
    quotient = body.is_Pow and body.exp.is_Rational and body.exp < 0
    return bool(body.is_Mul or quotient or is_log_product(body))


def number_of(value: Body) -> Number:
    """A SymPy rational as a number of the tree."""
    return Number(int(value.p), int(value.q))


def leaf_of(body: Body) -> Formula | None:
    """The formula of a number, a named constant or a size symbol; None for anything else."""
    if body.is_Rational:
        return number_of(body)
    if body.is_Symbol and placeholder_index(body) is None:
        return SizeTerm(str(body))
    if body.is_NumberSymbol:
        return Constant(str(body))
    return None


def size_formula(size: Size) -> Formula:
    """A size as a formula, in lowest terms."""
    leaf = leaf_of(size)
    if leaf is not None:
        return leaf
    if size.is_Pow:
        return Power(size_formula(size.base), size_formula(size.exp))
    if size.is_Add:
        return _sum(size)
    split = factored(size)
    top = _times([split.number, *(size_formula(f) for f in split.above)])
    bottom = _times([size_formula(f) for f in split.below])
    return quotient(top, bottom)


def _sum(size: Size) -> Formula:
    """Symbols before numbers, what is added before what is subtracted."""
    ordered = sorted(size.args, key=lambda t: (bool(t.is_Integer), str(t)))
    minus = [bool(t.could_extract_minus_sign()) for t in ordered]
    added = [size_formula(t) for t, below in zip(ordered, minus, strict=True) if not below]
    taken = [size_formula(-t) for t, below in zip(ordered, minus, strict=True) if below]
    return Add((*added, *(Negative(t) for t in taken)))


def operand_axes(read: Operand) -> tuple[int, ...]:
    """The axes an operand depends on, in order of use."""
    terms: Sequence[Index] = read.index if isinstance(read, Read) else (read.index,)
    return tuple(dict.fromkeys(a for term in terms for a in term.axes()))


def body_axes(body: Body, comp: Comp) -> frozenset[int]:
    """The axes a body (or a part of it) depends on through its operands."""
    return frozenset(a for k in placeholders(body) for a in operand_axes(comp.reads[k]))


def _times(factors: list[Formula]) -> Formula:
    return scaled(factors, ONE)
