"""A scalar expression of the user becomes a body: known heads, exact numbers, functions recognised.

The rules are structural and look at one level of an expression whose arguments are adopted already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import sympy
from sympy import Add, Basic, Expr, Float, Integer, Mul, Pow, Rational, Symbol
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, BooleanFalse, BooleanTrue, Not, Or

from symbackprop.errors import InvalidExpressionError, UnsupportedError
from symbackprop.scalars.atoms import Absolute, Equal, Maximum, Minimum, Sign, Step, Where
from symbackprop.scalars.functions import record_of
from symbackprop.scalars.limits import check_extent
from symbackprop.scalars.opaque import Opaque
from symbackprop.scalars.recognise import recognised
from symbackprop.scalars.records import exact_number
from symbackprop.scalars.smooth import Power

ONE = Integer(1)
ZERO = Integer(0)


def adopt(expression: Any, where: str | None = None) -> Expr:
    """Make a body of a user's scalar expression.

    ``1/(1 + exp(-z))`` becomes ``Sigmoid(z)``, ``Max(0, z)`` becomes ``Relu(z)``, SymPy's ``Abs``,
    ``sign``, ``Heaviside``, ``Piecewise`` and comparisons become functions of ours, floats the
    decimals they are written as. Symbols stay what they are.

    Parameters
    ----------
    expression : Expr, int or float
        Not text.
    where : str, optional
        The place for an error.

    Raises
    ------
    UnsupportedError
        For a function that is not in the table, named, and for an expression that is too deep.
    InvalidExpressionError
        For infinities, complex numbers, relations where a number should be, and text.
    """
    given = exact_number(expression)
    check_extent(given, where)
    known: dict[Basic, Expr] = {}
    try:
        return _adopted(given, known)
    except (UnsupportedError, InvalidExpressionError) as error:
        raise error if where is None else error.at(where)  # noqa: B904  # the same error


def _adopted(given: Basic, known: dict[Basic, Expr]) -> Expr:
    found = known.get(given)
    if found is None:
        found = known[given] = _convert(given, known)
    return found


def _convert(given: Basic, known: dict[Basic, Expr]) -> Expr:
    if isinstance(given, (Symbol, Rational)) or given in (sympy.pi, sympy.E):
        return given
    if isinstance(given, Float):
        return exact_number(float(given))
    if isinstance(given, Opaque):
        return Opaque(given.args[0], given.args[1], *(_adopted(a, known) for a in given.operands))
    if isinstance(given, AppliedUndef):
        operands = [_adopted(a, known) for a in given.args]
        return Opaque(str(given.func), [0] * len(operands), *operands)
    if isinstance(given, sympy.Piecewise):
        return _piecewise(given, known)
    args = [_adopted(a, known) for a in given.args]
    rule = _HEADS.get(type(given))
    if rule is not None:
        return recognised(rule(*args))
    if isinstance(given, Expr) and args and record_of(given) is not None:
        return recognised(given.func(*args))
    raise _refusal(given)


def _piecewise(given: Basic, known: dict[Basic, Expr]) -> Expr:
    """Nested selections, the first condition that holds deciding."""
    *cases, last = given.args
    if not isinstance(last.args[1], BooleanTrue):
        raise InvalidExpressionError(
            "a Piecewise without a last (value, True) has no value elsewhere",
            help="add a last piece with the condition True",
        )
    value = _adopted(last.args[0], known)
    for case in reversed(cases):
        branch, condition = case.args
        value = recognised(Where(_indicator(condition, known), _adopted(branch, known), value))
    return value


def _indicator(condition: Basic, known: dict[Basic, Expr]) -> Expr:
    """A condition as a number: 1 where it holds, else 0."""
    if isinstance(condition, (BooleanTrue, BooleanFalse)):
        return ONE if isinstance(condition, BooleanTrue) else ZERO
    if isinstance(condition, Not):
        return 1 - _indicator(condition.args[0], known)
    if isinstance(condition, And):
        return Mul(*(_indicator(c, known) for c in condition.args))
    if isinstance(condition, Or):
        return 1 - Mul(*(1 - _indicator(c, known) for c in condition.args))
    if isinstance(condition, Relational):
        left, right = (_adopted(a, known) for a in condition.args)
        return _RELATIONS[type(condition)](left, right)
    raise UnsupportedError(
        f"{type(condition).__name__} is no supported condition",
        help="compare with <, <=, >, >=, Eq or Ne, and combine with And, Or and Not",
    )


def _nested(binary: type[Expr]) -> Callable[..., Expr]:
    """A two-operand function for one of any number of operands; a number comes last."""

    def build(*args: Expr) -> Expr:
        ordered = sorted(args, key=lambda a: bool(a.is_number))
        value = ordered[0]
        for arg in ordered[1:]:
            value = binary(value, arg)
        return value

    return build


def _power(base: Expr, exponent: Expr) -> Expr:
    return base**exponent if exponent.is_number or base == sympy.E else Power(base, exponent)


_RELATIONS: Final[Mapping[type[Basic], Callable[[Expr, Expr], Expr]]] = MappingProxyType(
    {
        sympy.Gt: lambda a, b: Step(a - b, ZERO),
        sympy.Ge: lambda a, b: Step(a - b, ONE),
        sympy.Lt: lambda a, b: Step(b - a, ZERO),
        sympy.Le: lambda a, b: Step(b - a, ONE),
        sympy.Eq: Equal,
        sympy.Ne: lambda a, b: 1 - Equal(a, b),
    }
)

_HEADS: Final[Mapping[type[Basic], Callable[..., Expr]]] = MappingProxyType(
    {
        Add: Add,
        Mul: Mul,
        Pow: _power,
        sympy.Max: _nested(Maximum),
        sympy.Min: _nested(Minimum),
        sympy.Abs: Absolute,
        sympy.sign: Sign,
        sympy.Heaviside: Step,
        sympy.KroneckerDelta: Equal,
        sympy.cot: lambda x: 1 / sympy.tan(x),
        sympy.sec: lambda x: 1 / sympy.cos(x),
        sympy.csc: lambda x: 1 / sympy.sin(x),
        sympy.coth: lambda x: 1 / sympy.tanh(x),
        sympy.sech: lambda x: 1 / sympy.cosh(x),
        sympy.csch: lambda x: 1 / sympy.sinh(x),
        sympy.erfc: lambda x: 1 - sympy.erf(x),
    }
)
"""SymPy's heads, and what becomes of them."""


def _refusal(given: Basic) -> UnsupportedError | InvalidExpressionError:
    if given.is_number and isinstance(given, Expr) and not given.is_finite:
        return InvalidExpressionError(f"{given} is no number that a formula can hold")
    if given.is_number and isinstance(given, Expr) and not given.is_real:
        return InvalidExpressionError(f"{given} is complex; every value must be real")
    if isinstance(given, Relational):
        return InvalidExpressionError(
            f"the relation {type(given).__name__} is no number",
            help="use it as a condition, Piecewise((a, x > 0), (b, True))",
        )
    return UnsupportedError(
        f"{type(given).__name__} is no supported scalar function",
        help="use +, -, *, /, **, a function of the table, or an unnamed function Function('g')(x)",
    )
