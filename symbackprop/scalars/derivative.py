"""Derivatives of bodies."""

from __future__ import annotations

from functools import lru_cache

import sympy
from sympy import Expr

from symbackprop.scalars.atoms import Absolute, Sign
from symbackprop.scalars.symbols import KINK, KinkPolicy, placeholder


@lru_cache(maxsize=65536)
def body_derivative(body: Expr, k: int, policy: KinkPolicy = KinkPolicy.ZERO) -> Expr:
    """∂body/∂p_k, with the policy's value at kinks. Depends on its arguments only.

    >>> from symbackprop.scalars import Sigmoid
    >>> body_derivative(Sigmoid(placeholder(0)), 0)
    (1 - Sigmoid(p0))*Sigmoid(p0)
    """
    slope = _ours(_ours(body).diff(placeholder(k)))
    return slope.xreplace({KINK: policy.number}) if slope.has(KINK) else slope


def _ours(body: Expr) -> Expr:
    """SymPy makes its own Abs of √(x²), and differentiates its sign to a delta function."""
    if body.has(sympy.Abs, sympy.sign):
        return body.replace(sympy.Abs, Absolute).replace(sympy.sign, Sign)
    return body
