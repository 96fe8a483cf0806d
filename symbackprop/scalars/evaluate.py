"""The value of a body, by its definition, over a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sympy import Add, Expr, Mul, Pow, Rational, Symbol

from symbackprop.errors import InternalError, UnsupportedError
from symbackprop.scalars.atoms import Where
from symbackprop.scalars.fields import (
    FLOAT64,
    Array,
    Field,
    FractionField,
    ResidueField,
    oracle,
)
from symbackprop.scalars.functions import FUNCTIONS, record_of
from symbackprop.scalars.opaque import Opaque, polynomial_instance, smooth_instance
from symbackprop.scalars.records import FunctionRecord
from symbackprop.scalars.smooth import Composite
from symbackprop.scalars.symbols import placeholder, placeholder_index


def evaluate(
    body: Expr,
    values: Sequence[Any],
    sizes: Mapping[str, int] | None = None,
    field: Field = FLOAT64,
) -> Array:
    """The value of a body at ``p{k} = values[k]`` and sizes ``n = sizes["n"]``.

    Parameters
    ----------
    body : Expr
        A scalar body; its depth is bounded, so the walk may recurse.
    values : sequence of array_like
        Arrays that broadcast against each other.
    sizes : mapping of str to int
        A value for each size symbol of the body.
    field : Field
        The numbers to compute with.

    Returns
    -------
    ndarray
        Broadcast from the arrays that the body reads, of the field's dtype; 0-dimensional for a
        constant body.

    Raises
    ------
    UndefinedValueError
        Where an exact field has no such value.
    """
    with np.errstate(all="ignore"):
        arrays = tuple(field.array(value) for value in values)
        return _Evaluation(arrays, sizes or {}, field).value(body)


def instantiate(
    name: str, orders: tuple[int, ...], values: Sequence[Any], field: Field = FLOAT64
) -> Array:
    """The value of the derivative `orders` of the seeded function that stands for an unknown one.

    Over the residues it is a random oracle, over the fractions a polynomial, else a sum of waves.
    """
    if isinstance(field, ResidueField):
        key = f"{name}{list(orders)}"
        return field.map(lambda *args: oracle(key, *args), *(field.array(v) for v in values))
    rational = isinstance(field, FractionField)
    formula = polynomial_instance if rational else smooth_instance
    return evaluate(formula(name, orders), values, field=field)


class _Evaluation:
    """One body at one point: remembers the values of shared subexpressions."""

    def __init__(self, operands: tuple[Array, ...], sizes: Mapping[str, int], field: Field) -> None:
        self.operands = operands
        self.sizes = sizes
        self.field = field
        self.known: dict[Expr, Array] = {}

    def value(self, body: Expr) -> Array:
        found = self.known.get(body)
        if found is None:
            found = self.known[body] = np.asarray(self._compute(body), dtype=self.field.dtype)
        return found

    def _compute(self, body: Expr) -> Any:
        if isinstance(body, Rational):
            return self.field.number(body)
        if isinstance(body, Symbol):
            return self._symbol(body)
        if isinstance(body, (Add, Mul)):
            return self._fold(body)
        if isinstance(body, Pow):
            return self._power(body)
        if isinstance(body, Where):
            return self._where(*body.args)
        if isinstance(body, Opaque):
            given = [self.value(x) for x in body.operands]
            return instantiate(body.name, body.orders, given, self.field)
        if body.is_NumberSymbol:
            return self.field.constant(body)
        record = record_of(body)
        if record is None:
            raise UnsupportedError(
                f"cannot evaluate {type(body).__name__}: no function of the table"
            )
        return self._function(record, body)

    def _symbol(self, symbol: Symbol) -> Any:
        k = placeholder_index(symbol)
        if k is None:
            if symbol.name not in self.sizes:
                raise InternalError(f"no value for the size {symbol.name}")
            return self.field.number(Rational(self.sizes[symbol.name]))
        if k >= len(self.operands):
            raise InternalError(f"the body reads p{k}, but has {len(self.operands)} operands")
        return self.operands[k]

    def _fold(self, body: Expr) -> Any:
        combine = np.add if isinstance(body, Add) else np.multiply
        first, *rest = (self.value(arg) for arg in body.args)
        total: Any = first
        for term in rest:
            total = combine(total, term)
        return total

    def _power(self, body: Pow) -> Any:
        base, exponent = body.args
        if isinstance(exponent, Rational):
            return self.field.powers(self.value(base), exponent)
        return self._apply(FUNCTIONS["pow"], [self.value(base), self.value(exponent)])

    def _function(self, record: FunctionRecord, body: Expr) -> Any:
        args = [self.value(a) for a in body.args]
        if isinstance(body, Composite):
            formal = body.define(*(placeholder(k) for k in range(len(args))))
            return _Evaluation(tuple(args), self.sizes, self.field).value(formal)
        return self._apply(record, args)

    def _apply(self, record: FunctionRecord, args: list[Array]) -> Array:
        field = self.field
        if field.dtype is np.float64 and record.floats is not None:
            return np.asarray(record.floats(*args))
        if record.exact is not None:
            return field.map(record.exact, *args)
        return field.map(field.transcendental(record.name, record.digits), *args)

    def _where(self, c: Expr, a: Expr, b: Expr) -> Any:
        """Each branch is evaluated at its own points only."""
        chosen = self.value(c) != 0
        chosen = np.asarray(chosen, dtype=bool)
        if chosen.all():
            return self._expand(a, chosen)
        if not chosen.any():
            return self._expand(b, chosen)
        shape = np.broadcast_shapes(chosen.shape, *(x.shape for x in self.operands))
        mask = np.broadcast_to(chosen, shape)
        out: Array = np.empty(shape, dtype=self.field.dtype)
        for branch, where in ((a, mask), (b, ~mask)):
            points = tuple(np.broadcast_to(x, shape)[where] for x in self.operands)
            out[where] = _Evaluation(points, self.sizes, self.field).value(branch)
        return out

    def _expand(self, branch: Expr, chosen: Array) -> Array:
        value = self.value(branch)
        return np.broadcast_to(value, np.broadcast_shapes(value.shape, chosen.shape))
