"""Functions that a user wrote out, recognised at one level: 1/(1 + e^{−z}) is σ(z).

Each rule takes an expression whose arguments have been through the rules, and gives the shorter
form or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from sympy import Add, Expr, Integer, Mul, Pow, cosh, erf, exp, log, sinh, sqrt, tanh

from symbackprop.scalars.atoms import (
    Absolute,
    Clip,
    LeakyRelu,
    Maximum,
    Minimum,
    Relu,
    Step,
    Where,
)
from symbackprop.scalars.smooth import (
    Composite,
    Elu,
    Gelu,
    GeluTanh,
    Mish,
    Phi,
    Sigmoid,
    Silu,
    Softplus,
    Softsign,
)

_ROUNDS = 8
Rule = Callable[[Expr], Expr | None]


def recognised(body: Expr) -> Expr:
    """Apply the rules at the head of a body until none applies."""
    for _ in range(_ROUNDS):
        rules = _RULES.get(type(body), ())
        shorter = next((found for rule in rules if (found := rule(body)) is not None), None)
        if shorter is None:
            return body
        body = shorter
    return body


def _sigmoid_of_reciprocal(body: Expr) -> Expr | None:
    """(1 + e^u)^{−n} = σ(−u)^n."""
    base, exponent = body.args
    if exponent.is_Integer and exponent < 0:
        u = _one_plus_exp(base)
        if u is not None:
            return Sigmoid(-u) ** -exponent
    return None


def _one_plus_exp(body: Expr) -> Expr | None:
    """The u of 1 + e^u."""
    if isinstance(body, Add) and len(body.args) == 2 and body.args[0] == 1:
        return body.args[1].args[0] if isinstance(body.args[1], exp) else None
    return None


def _softplus(body: Expr) -> Expr | None:
    """log(1 + e^u) = softplus(u)."""
    u = _one_plus_exp(body.args[0])
    return None if u is None else Softplus(u)


def _exp_times_sigmoid(body: Expr) -> Expr | None:
    """e^u σ(−u) = σ(u)."""
    for factor in body.args:
        if isinstance(factor, exp):
            u = factor.args[0]
            for other in body.args:
                if _base(other) == Sigmoid(-u) and _exponent(other) >= 1:
                    return body / factor / Sigmoid(-u) * Sigmoid(u)
    return None


def _tanh_of_exponentials(body: Expr) -> Expr | None:
    """(e^u − e^{−u})/(e^u + e^{−u}) = tanh u, and (e^u − 1) σ(−u) = tanh(u/2)."""
    for above in body.args:
        if not isinstance(above, Add) or len(above.args) != 2:
            continue
        signs = {term.as_coeff_Mul() for term in above.args}
        plus = [rest for c, rest in signs if c == 1]
        minus = [rest for c, rest in signs if c == -1]
        if len(plus) != 1 or len(minus) != 1:
            continue
        u, v = (_log(x) for x in (*plus, *minus))
        if u is None or v is None:
            continue
        rest = body / above
        if v == -u and (Add(exp(u), exp(v)) ** -1) in rest.as_ordered_factors():
            return rest * Add(exp(u), exp(v)) * tanh(u)
        if v == 0 and Sigmoid(-u) in Mul.make_args(rest):
            return rest / Sigmoid(-u) * tanh(u / 2)
        if u == 0 and Sigmoid(-v) in Mul.make_args(rest):
            return -rest / Sigmoid(-v) * tanh(v / 2)
    return None


def _log(body: Expr) -> Expr | None:
    """The u of e^u; 0 for 1."""
    if body == 1:
        return Integer(0)
    return body.args[0] if isinstance(body, exp) else None


def _sinh_over_cosh(body: Expr) -> Expr | None:
    """Sinh u / cosh u = tanh u."""
    for factor in body.args:
        if isinstance(factor, sinh) and 1 / cosh(factor.args[0]) in body.args:
            u = factor.args[0]
            return body / factor * cosh(u) * tanh(u)
    return None


def _softsign(body: Expr) -> Expr | None:
    """x/(1 + |x|) = softsign(x)."""
    for x in body.args:
        reciprocal = 1 / (1 + Absolute(x))
        if reciprocal in body.args:
            return body / x / reciprocal * Softsign(x)
    return None


def _composite(body: Expr) -> Expr | None:
    """X σ(x) = silu(x), and whatever else is a product with its own operand."""
    factors = set(body.args)
    for head, part in _PRODUCTS:
        if not any(part in (type(f), *(type(t) for t in f.args)) for f in factors):
            continue
        for x in (f for f in body.args if not f.is_number):
            pattern = head.define(x)
            coefficient, rest = pattern.as_coeff_Mul()
            if factors.issuperset(Mul.make_args(rest)):
                return body / rest / coefficient * head(x)
    return None


_PRODUCTS: Final[tuple[tuple[type[Composite], type[Any]], ...]] = (
    (Silu, Sigmoid),
    (Mish, tanh),
    (GeluTanh, tanh),
    (Gelu, Phi),
)


def _normal_cdf(body: Expr) -> Expr | None:
    """1 ± erf(x/√2) = 2 Φ(±x), 1 − Φ(x) = Φ(−x)."""
    if len(body.args) != 2 or body.args[0] != 1:
        return None
    sign, rest = body.args[1].as_coeff_Mul()
    if sign == -1 and isinstance(rest, Phi):
        return Phi(-rest.args[0])
    if abs(sign) != 1 or not isinstance(rest, erf):
        return None
    x = sign * rest.args[0] * sqrt(2)
    plain = not any(p.is_Pow and p.base == 2 for p in Mul.make_args(x))
    return 2 * Phi(x) if plain else None


def _where(body: Expr) -> Expr | None:
    """Relu, leaky relu, elu and abs written as a selection by the sign of their operand."""
    c, a, b = body.args
    if isinstance(1 - c, Step):
        c, a, b = 1 - c, b, a
    if not isinstance(c, Step):
        return None
    if c.args[0].could_extract_minus_sign():
        x, a, b = -c.args[0], b, a
    else:
        x = c.args[0]
    if a == x:
        return _by_negative_branch(x, b)
    return Minimum(x, Integer(0)) if b == x and a == 0 else None


def _by_negative_branch(x: Expr, below: Expr) -> Expr | None:
    """The function that is x above 0 and `below` under it."""
    if below == 0:
        return Relu(x)
    if below == -x:
        return Absolute(x)
    slope = below / x
    if x not in slope.free_symbols and not slope.has(x):
        return LeakyRelu(x, slope)
    alpha = below / (exp(x) - 1)
    if not alpha.has(x):
        return Elu(x, alpha)
    distributed = below.coeff(exp(x)) if isinstance(below, Add) else Integer(0)
    if distributed != 0 and below == distributed * exp(x) - distributed:
        return Elu(x, distributed)
    return None


def _leaky_maximum(body: Expr) -> Expr | None:
    """max(x, αx) = leaky_relu(x, α) for 0 < α < 1."""
    a, b = body.args
    for x, other in ((a, b), (b, a)):
        slope = other / x
        if slope.is_Rational and 0 < slope < 1:
            return LeakyRelu(x, slope)
    return None


def _clip(body: Expr) -> Expr | None:
    """min(max(x, lo), hi) = clip(x, lo, hi) for numbers lo <= hi, and the other way round."""
    inner, bound = body.args
    other = Maximum if isinstance(body, Minimum) else Minimum
    x, end = (inner.args[0], Integer(0)) if isinstance(inner, Relu) else (None, None)
    if isinstance(inner, other):
        x, end = inner.args
    if x is None or end is None or not (end.is_Rational and bound.is_Rational):
        return None
    low, high = (end, bound) if isinstance(body, Minimum) else (bound, end)
    valid = low <= high and (other is Maximum or not isinstance(inner, Relu))
    return Clip(x, low, high) if valid else None


def _clip_at_zero(body: Expr) -> Expr | None:
    """max(min(x, hi), 0) = clip(x, 0, hi)."""
    inner = body.args[0]
    if isinstance(inner, Minimum) and inner.args[1].is_Rational and inner.args[1] >= 0:
        return Clip(inner.args[0], Integer(0), inner.args[1])
    return None


def _base(body: Expr) -> Expr:
    return body.base if isinstance(body, Pow) else body


def _exponent(body: Expr) -> Expr:
    return body.exp if isinstance(body, Pow) and body.exp.is_Integer else Integer(1)


_RULES: Final[Mapping[type[Expr], tuple[Rule, ...]]] = MappingProxyType(
    {
        Pow: (_sigmoid_of_reciprocal,),
        log: (_softplus,),
        Mul: (_exp_times_sigmoid, _tanh_of_exponentials, _sinh_over_cosh, _softsign, _composite),
        Add: (_normal_cdf,),
        Where: (_where,),
        Maximum: (_leaky_maximum, _clip),
        Minimum: (_clip,),
        Relu: (_clip_at_zero,),
    }
)
