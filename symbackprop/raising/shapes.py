"""What can be asked of a formula: its form, its parts, what it reads, how large it is."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache

from symbackprop.raising.tree import (
    SCALAR_VALUED,
    Component,
    Constant,
    Delta,
    Entry,
    Eye,
    Form,
    Formula,
    Indicator,
    Inner,
    Kron,
    MatMul,
    MatrixFunction,
    Norm,
    Number,
    OneHot,
    Ones,
    Over,
    Ref,
    SizeTerm,
    Transpose,
    Unnamed,
    Value,
    Whole,
)
from symbackprop.sizes import Index

_SCALARS = (
    Number,
    Constant,
    SizeTerm,
    Inner,
    Norm,
    Entry,
    Component,
    Value,
    Delta,
    Indicator,
)
_TRANSPOSED = {Form.COLUMN: Form.ROW, Form.ROW: Form.COLUMN}


@lru_cache(maxsize=65536)
def form_of(formula: Formula) -> Form:
    """Whether a formula is a scalar, a column, a row or a matrix."""
    if isinstance(formula, _SCALARS):
        return Form.SCALAR
    match formula:
        case Ref(form=form) | Unnamed(tensor=Form() as form):
            return form
        case Ones():
            return Form.COLUMN
        case OneHot(labels=labels):
            return Form.COLUMN if form_of(labels) is Form.SCALAR else Form.MATRIX
        case Transpose(operand=operand):
            inner = form_of(operand)
            return _TRANSPOSED.get(inner, inner)
        case MatMul(factors=factors):
            return _product_form(form_of(factors[0]), form_of(factors[-1]))
        case Whole():
            return _whole_form(formula)
        case Eye() | Kron():
            return Form.MATRIX
    forms = {form_of(child) for child in children(formula)} - {Form.SCALAR}
    return min(forms, key=lambda f: f.value) if forms else Form.SCALAR


def _product_form(left: Form, right: Form) -> Form:
    if left is Form.ROW:
        return Form.ROW
    return Form.COLUMN if right is Form.COLUMN else Form.MATRIX


def _whole_form(formula: Whole) -> Form:
    match formula.function:
        case MatrixFunction.DIAG:
            return Form.MATRIX
        case MatrixFunction.DIAGONAL:
            return Form.COLUMN
        case function if function in SCALAR_VALUED:
            return Form.SCALAR
    return form_of(formula.operand)


def is_scalar(formula: Formula) -> bool:
    """Whether the formula is a scalar."""
    return form_of(formula) is Form.SCALAR


def children(formula: Formula) -> tuple[Formula, ...]:
    """The formulas directly below a formula, in order."""
    found: list[Formula] = []
    for name in _CHILD_FIELDS[type(formula)]:
        value = getattr(formula, name)
        if isinstance(value, tuple):
            found.extend(value)
        else:
            found.append(value)
    return tuple(found)


_HOLDS = ("operand", "labels", "left", "right", "numerator", "base", "exponent", "body")
_NO_CHILDREN = (Number, Delta)


def _child_fields(kind: type) -> tuple[str, ...]:
    if kind in _NO_CHILDREN:
        return ()
    many = ("terms", "factors", "args")
    single = (*_HOLDS, "denominator")
    return tuple(f.name for f in fields(kind) if f.name in (*many, *single))


_CHILD_FIELDS: dict[type, tuple[str, ...]] = {
    kind: _child_fields(kind) for kind in Formula.__args__
}


def sources(formula: Formula) -> tuple[int, ...]:
    """The named nodes a formula reads, ascending."""
    found: set[int] = set()
    pending = [formula]
    while pending:
        here = pending.pop()
        match here:
            case Ref():
                found.add(here.source)
                found.update(_looked_up(here.batch))
            case Entry():
                found.add(here.source)
                found.update(_looked_up(here.index))
            case Component():
                found.update(_looked_up(here.index))
            case Value():
                found.update(_looked_up((here.index,)))
            case Delta():
                found.update(_looked_up((here.left, here.right)))
            case Over() | Indicator():
                found.update(_looked_up(tuple(c.term for c in here.conditions)))
        pending.extend(children(here))
    return tuple(sorted(found))


def _looked_up(terms: tuple[Index, ...]) -> set[int]:
    return {look_up.source for term in terms for look_up in term.look_ups()}


@lru_cache(maxsize=65536)
def weight(formula: Formula) -> int:
    """How many nodes a formula has."""
    return 1 + sum(weight(child) for child in children(formula))
