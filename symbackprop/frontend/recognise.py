"""Functions written out by hand, recognised: ``1/(1 + exp(-z))`` is the sigmoid of z.

Works at the head of any scalar expression, whatever stands in it.
"""

from __future__ import annotations

from functools import lru_cache

from sympy import Add, Expr, Integer, Mul, Pow, exp, log, tanh

from symbackprop.scalars import Sigmoid, Softplus, XLogY

ONE = Integer(1)


@lru_cache(maxsize=16384)
def recognise(body: Expr) -> Expr:
    """The expression with its head as the function it is.

    >>> from sympy import Symbol, exp
    >>> recognise(1 / (1 + exp(-Symbol("z", real=True))))
    Sigmoid(z)
    """
    if isinstance(body, log):
        return _log(body)
    if isinstance(body, Pow) and body.args[1].is_negative:
        return _quotient(body)
    if isinstance(body, Mul):
        found = _quotient(body)
        return _x_log_y(body) if found == body else found
    return body


def _log(body: Expr) -> Expr:
    """log(1 + e^u) = softplus(u)."""
    exponents = _two_exponents(body.args[0])
    if exponents is None:
        return body
    (a, sign_a), (b, sign_b) = exponents
    if sign_a == sign_b == 1 and 0 in (a, b):
        return Softplus(a + b)
    return body


def _quotient(body: Expr) -> Expr:
    """(e^a − e^b)/(e^a + e^b) = tanh((a − b)/2);  1/(1 + e^u) = σ(−u);  e^u/(1 + e^u) = σ(u)."""
    factors = list(Mul.make_args(body))
    for k, factor in enumerate(factors):
        if not isinstance(factor, Pow) or factor.args[1] != -1:
            continue
        below = _two_exponents(factor.args[0])
        if below is None or any(sign != 1 for _, sign in below):
            continue
        rest = factors[:k] + factors[k + 1 :]
        found = _tanh(rest, below[0][0], below[1][0])
        if found is None:
            found = _sigmoid(rest, below[0][0], below[1][0])
        if found is not None:
            return found
    return body


def _tanh(rest: list[Expr], a: Expr, b: Expr) -> Expr | None:
    for k, factor in enumerate(rest):
        above = _two_exponents(factor)
        if above is None or {above[0][0], above[1][0]} != {a, b}:
            continue
        if above[0][1] * above[1][1] != -1:
            continue
        plus, minus = (above[0], above[1]) if above[0][1] == 1 else (above[1], above[0])
        return Mul(*rest[:k], *rest[k + 1 :]) * tanh((plus[0] - minus[0]) / 2)
    return None


def _sigmoid(rest: list[Expr], a: Expr, b: Expr) -> Expr | None:
    if 0 not in (a, b):
        return None
    u = a + b
    above = exp(u)
    if above in rest:
        others = list(rest)
        others.remove(above)
        return Mul(*others) * Sigmoid(u)
    return Mul(*rest) * Sigmoid(-u)


def _x_log_y(body: Expr) -> Expr:
    """X log y with 0 log 0 = 0, where x is no number and holds no logarithm."""
    factors = Mul.make_args(body)
    logs = [f for f in factors if isinstance(f, log)]
    numbers = [f for f in factors if f.is_number]
    others = [f for f in factors if not f.is_number and not isinstance(f, log)]
    if len(logs) != 1 or not others or any(_is_size(f) for f in others):
        return body
    if any(isinstance(f, Pow) and f.args[1].is_negative for f in others):
        return body
    return Mul(*numbers) * XLogY(Mul(*others), logs[0].args[0])


def _is_size(factor: Expr) -> bool:
    base = factor.args[0] if isinstance(factor, Pow) else factor
    return bool(base.is_Symbol and base.is_integer)


def _two_exponents(body: Expr) -> tuple[tuple[Expr, Expr], tuple[Expr, Expr]] | None:
    """``±e^a ± e^b`` as ((a, ±1), (b, ±1)), where 1 is e^0."""
    if not isinstance(body, Add) or len(body.args) != 2:
        return None
    found: list[tuple[Expr, Expr]] = []
    for term in body.args:
        sign, rest = (-ONE, -term) if term.could_extract_minus_sign() else (ONE, term)
        if rest == 1:
            found.append((Integer(0), sign))
        elif isinstance(rest, exp):
            found.append((rest.args[0], sign))
        else:
            return None
    return found[0], found[1]
