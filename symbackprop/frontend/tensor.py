"""`Tensor`: the handle that users write networks with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NoReturn

from sympy import Expr, Integer

from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.frontend.comprehend import elementwise, refuse_tensors
from symbackprop.frontend.contraction import matmul
from symbackprop.frontend.entries import entry, is_symbolic
from symbackprop.frontend.indexing import take, transpose
from symbackprop.frontend.names import check_name
from symbackprop.frontend.record import Record, describe
from symbackprop.scalars import Power, Step, exact_number, placeholder

Scalar = int | float | Expr
"""A number or an expression in sizes."""

_P0, _P1 = placeholder(0), placeholder(1)


class _Op(Enum):
    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    POW = "**"
    GT = ">"
    GE = ">="


_BODIES: dict[_Op, Callable[[Expr, Expr], Expr]] = {
    _Op.ADD: lambda a, b: a + b,
    _Op.SUB: lambda a, b: a - b,
    _Op.MUL: lambda a, b: a * b,
    _Op.DIV: lambda a, b: a / b,
    _Op.POW: lambda a, b: Power(a, b),
    _Op.GT: lambda a, b: Step(a - b, Integer(0)),
    _Op.GE: lambda a, b: Step(a - b, Integer(1)),
}


class Tensor(Record):
    """A value of a network: a parameter, an input, or computed from others.

    Made by `input`, `param` and the functions of this package. Operators work entry by
    entry with right-aligned broadcasting; ``@`` is the matrix product, ``.T`` the transpose, ``[]``
    takes integers and slices. Sizes are checked when a tensor is made.

    Examples
    --------
    >>> import symbackprop as sb
    >>> n, h = sb.dims("n h")
    >>> W, x = sb.param("W", h, n), sb.input("x", n)
    >>> (W @ x).shape
    (h,)
    """

    __slots__ = ()

    def named(
        self, name: str, latex: str | None = None, origin: Sequence[int] | None = None
    ) -> Tensor:
        """This value with a name of its own: it is kept by name in formulas and in code.

        latex : how the name is spelled;  origin : first index of each axis, in printed formulas
        """
        check_name(name, "value")
        if origin is not None and len(origin) != len(self.shape):
            raise ShapeError(f'"{name}" has {len(self.shape)} axes and {len(origin)} origins')
        return self.relabel(
            name=name,
            latex=latex if latex is not None else self.label.latex,
            origin=tuple(origin) if origin is not None else self.label.origin,
        )

    @property
    def T(self) -> Tensor:  # noqa: N802
        """The transpose: the last two axes swapped; a vector becomes a row."""
        if len(self.shape) == 1:
            return self.again(row=not self.row)
        return transpose(self)

    def __getitem__(self, key: Any) -> Any:
        """Part of the tensor; with index symbols an entry, for comprehensions."""
        keys = key if isinstance(key, tuple) else (key,)
        return entry(self, keys) if is_symbolic(keys) else take(self, key)

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{describe(self)} cannot be iterated over: its sizes are symbols")

    def __matmul__(self, other: Any) -> Tensor:
        return matmul(self, _tensor(_tensor_or_refuse("@", self, other)))

    def __rmatmul__(self, other: Any) -> Tensor:
        return matmul(_tensor(_tensor_or_refuse("@", self, other)), self)

    def __add__(self, other: Any) -> Tensor:
        return _binary(_Op.ADD, self, other)

    def __radd__(self, other: Any) -> Tensor:
        return _binary(_Op.ADD, other, self)

    def __sub__(self, other: Any) -> Tensor:
        return _binary(_Op.SUB, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return _binary(_Op.SUB, other, self)

    def __mul__(self, other: Any) -> Tensor:
        return _binary(_Op.MUL, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return _binary(_Op.MUL, other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return _binary(_Op.DIV, self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return _binary(_Op.DIV, other, self)

    def __pow__(self, other: Any) -> Tensor:
        return _binary(_Op.POW, self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return _binary(_Op.POW, other, self)

    def __neg__(self) -> Tensor:
        return elementwise("-", -_P0, [self])

    def __pos__(self) -> Tensor:
        return self

    def __gt__(self, other: Any) -> Tensor:
        return _binary(_Op.GT, self, other)

    def __ge__(self, other: Any) -> Tensor:
        return _binary(_Op.GE, self, other)

    def __lt__(self, other: Any) -> Tensor:
        return _binary(_Op.GT, other, self)

    def __le__(self, other: Any) -> Tensor:
        return _binary(_Op.GE, other, self)


def _binary(op: _Op, a: Any, b: Any) -> Tensor:
    body = _BODIES[op]
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return elementwise(op.value, body(_P0, _P1), [a, b])
    if isinstance(a, Tensor):
        return elementwise(op.value, body(_P0, scalar(op.value, a, b)), [a])
    assert isinstance(b, Tensor)
    return elementwise(op.value, body(scalar(op.value, b, a), _P0), [b])


def scalar(what: str, beside: Record, value: Any) -> Expr:
    """A number, or an expression in sizes, as it stands in a body; anything else is refused.

    Raises
    ------
    InvalidExpressionError
        With what to write instead.
    """
    if isinstance(value, Expr):
        refuse_tensors(what, value)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(what, beside, value)
    return exact_number(value)


def _refused(what: str, beside: Record, value: Any) -> InvalidExpressionError:
    return InvalidExpressionError(
        f"{describe(beside)} {what} {type(value).__name__}: expected a tensor or a number",
        help="an array is a value of an input: declare sb.input(name, *shape) and give the array "
        "when the network is evaluated",
    )


def _tensor_or_refuse(what: str, beside: Record, value: Any) -> Any:
    if isinstance(value, int | float) or (isinstance(value, Expr) and not value.args):
        raise ShapeError(
            f"matmul: a scalar has no rows or columns: {describe(beside)} @ {value}",
            help="scale with *",
        )
    if not isinstance(value, Tensor):
        raise _refused(what, beside, value)
    return value


def _tensor(value: Any) -> Tensor:
    assert isinstance(value, Tensor)
    return value
