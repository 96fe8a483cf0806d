"""Functions written out by hand, recognised at the head of an expression."""

from __future__ import annotations

from functools import lru_cache

from sympy import Expr, Mul, Pow, log

from symbackprop.scalars import XLogY
from symbackprop.scalars.recognise import recognised


@lru_cache(maxsize=16384)
def recognise(body: Expr) -> Expr:
    """The expression with its head as the function it is; ``x log y`` with 0 log 0 = 0.

    >>> from sympy import Symbol, exp
    >>> recognise(1 / (1 + exp(-Symbol("z", real=True))))
    Sigmoid(z)
    """
    found: Expr = recognised(body)
    return _x_log_y(found) if isinstance(found, Mul) else found


def _x_log_y(body: Expr) -> Expr:
    """X log y with 0 log 0 = 0, where x is no number and holds neither logarithm nor quotient."""
    factors = Mul.make_args(body)
    logs = [f for f in factors if isinstance(f, log)]
    numbers = [f for f in factors if f.is_number or _is_size(f)]
    others = [f for f in factors if f not in logs and f not in numbers]
    if len(logs) != 1 or not others or logs[0].is_number:
        return body
    if any(isinstance(f, Pow) and f.args[1].is_negative for f in others):
        return body
    return Mul(*numbers) * XLogY(Mul(*others), logs[0].args[0])


def _is_size(factor: Expr) -> bool:
    base = factor.args[0] if isinstance(factor, Pow) else factor
    return bool(base.is_Symbol and base.is_integer)
