"""The cheapest of a few equal forms of a body.

Function values, roots and symbolic powers are atoms here: nothing is known of them, so nothing is
lost of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from sympy import Add, Expr, Integer, Mul, Pow, Rational, Symbol, cancel, expand_mul, factor_terms

_MAX_ATOMS: Final = 10
_MAX_COST: Final = 120
"""Larger bodies are left as they are: `cancel` is polynomial algebra in all atoms."""


@lru_cache(maxsize=16384)
def normal(body: Expr) -> Expr:
    """The cheapest of: the body, its common factors taken out, multiplied out, and cancelled.

    Denominators are never multiplied out, so that a named 1/(v + ε) is still seen. Ties go to the
    earlier form.

    >>> from symbackprop.scalars import placeholder
    >>> a, y = placeholder(0), placeholder(1)
    >>> normal(((1 - y) / (1 - a) - y / a) * a * (1 - a))
    p0 - p1
    """
    bare, atoms = _hidden(body)
    if len(bare.free_symbols) > _MAX_ATOMS or cost(bare) > _MAX_COST:
        return body
    forms = [bare, factor_terms(bare), _multiplied_out(bare)]
    if any(isinstance(p, Pow) and p.exp.is_negative for p in bare.atoms(Pow)):
        forms.append(factor_terms(cancel(bare)))
    best: Expr = min(forms, key=cost)
    return best.xreplace(atoms)


def _hidden(body: Expr) -> tuple[Expr, dict[Expr, Expr]]:
    """The body with a symbol for each function value, root and symbolic power; the way back."""
    names: dict[Expr, Symbol] = {}

    def walk(part: Expr) -> Expr:
        rational = isinstance(part, Pow) and isinstance(part.exp, Integer)
        if isinstance(part, (Symbol, Rational)):
            return part
        if isinstance(part, (Add, Mul)) or rational:
            return part.func(*(walk(a) for a in part.args))
        if part not in names:
            names[part] = Symbol(f"atom{len(names)}", real=True)
        return names[part]

    bare = walk(body)
    return bare, {symbol: part for part, symbol in names.items()}


def _multiplied_out(bare: Expr) -> Expr:
    """Products of sums written out, but no denominator."""
    below: dict[Expr, Expr] = {}
    for power in sorted(bare.atoms(Pow), key=str):
        if isinstance(power.base, Add) and power.exp.is_negative:
            below[power] = Symbol(f"below{len(below)}", real=True)
    hidden = expand_mul(bare.xreplace(below))
    return factor_terms(hidden).xreplace({symbol: power for power, symbol in below.items()})


@lru_cache(maxsize=65536)
def cost(body: Expr) -> int:
    """The number of operations: + − * / and powers one each, a function three."""
    if not body.args:
        return 0
    inner: int = sum(cost(a) for a in body.args)
    if isinstance(body, (Add, Mul)):
        signs: int = sum(bool(a == -1) for a in body.args)
        return inner + len(body.args) - 1 - signs
    return inner + (1 if isinstance(body, Pow) else 3)
