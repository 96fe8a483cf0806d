"""Sum rules: what holds for Σ whatever is summed."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Add, Expr, Integer, Mul, Pow, Symbol

from symbackprop.simplify.terms import Dl, Sm, summed

ONE = Integer(1)
MOST_TERMS = 160
"""Products are not expanded beyond this many summands: no person would write them out."""


class TooManyTermsError(Exception):
    """An expansion grew past `MOST_TERMS`: the candidate is given up."""


def make_sum(body: Expr, binders: Sequence[tuple[Symbol, Expr]]) -> Expr:
    """Σ body in normal form.

    Σ Σ is one sum; Σ_i δ(i, e) f(i) = f(e); Σ_i f = n f where i does not occur; free factors leave
    the sum; sums of δ's are distributed.
    """
    binders = list(binders)
    if isinstance(body, Sm):
        binders += body.binders
        body = body.body
    factors = list(Mul.make_args(body))
    nested = [f for f in factors if isinstance(f, Sm)]
    if len(nested) == 1 and len(factors) > 1:
        factors.remove(nested[0])
        return make_sum(Mul(*factors, nested[0].body), [*binders, *nested[0].binders])
    if any(isinstance(f, Add) and f.has(Dl) for f in factors):
        return Add(*(make_sum(part, binders) for part in expanded_terms(body)))
    body, binders = _without_deltas(body, binders)
    free = body.free_symbols
    size: Expr = ONE
    kept = []
    for symbol, n in binders:
        if symbol in free:
            kept.append((symbol, n))
        else:
            size = size * n
    if not kept:
        return size * body
    bound = {symbol for symbol, _ in kept}
    outer = [f for f in Mul.make_args(body) if not f.free_symbols & bound]
    inner = [f for f in Mul.make_args(body) if f.free_symbols & bound]
    return Mul(size, *outer, _split(inner, kept))


def _split(factors: list[Expr], binders: list[tuple[Symbol, Expr]]) -> Expr:
    """Σ of a product, as a product of sums over groups of factors without a common index."""
    groups: list[tuple[set[Symbol], list[Expr]]] = []
    for factor in factors:
        here = {symbol for symbol, _ in binders if symbol in factor.free_symbols}
        touching = [g for g in groups if g[0] & here]
        merged: tuple[set[Symbol], list[Expr]] = (here, [factor])
        for group in touching:
            groups.remove(group)
            merged = (merged[0] | group[0], group[1] + merged[1])
        groups.append(merged)
    return Mul(
        *(summed(Mul(*parts), [b for b in binders if b[0] in symbols]) for symbols, parts in groups)
    )


def _without_deltas(
    body: Expr, binders: list[tuple[Symbol, Expr]]
) -> tuple[Expr, list[tuple[Symbol, Expr]]]:
    changed = True
    while changed:
        changed = False
        for factor in Mul.make_args(body):
            if not isinstance(factor, Dl):
                continue
            found = solved(factor, binders)
            if found is not None:
                symbol, value = found
                body = body.xreplace({symbol: value})
                binders = [b for b in binders if b[0] != symbol]
                changed = True
                break
    return body, binders


def solved(delta: Dl, symbols: Sequence[tuple[Symbol, Expr]]) -> tuple[Symbol, Expr] | None:
    """A symbol and its value, from a delta with one side that is the bare symbol.

    Only a symbol that takes all the values that the delta compares: else its value may be out of
    its range.
    """
    a, b, size = delta.args
    for one, other in ((a, b), (b, a)):
        if (one, size) in symbols and one not in other.free_symbols:
            return one, other
    return None


def aligned(expr: Expr) -> Expr:
    """A product with δ_ij, every other factor with i where it has j."""
    if not isinstance(expr, Mul):
        return expr
    for delta in expr.args:
        if isinstance(delta, Dl) and all(isinstance(a, Symbol) for a in delta.args[:2]):
            first, second = delta.args[:2]
            others = Mul(*(f for f in expr.args if f != delta))
            if second in others.free_symbols:
                return aligned(delta * others.xreplace({second: first}))
    return expr


def rebuilt(expr: Expr) -> Expr:
    """The expression with every sum in normal form, innermost first."""
    if not expr.has(Sm, Dl):
        return expr
    if isinstance(expr, Sm):
        return make_sum(rebuilt(expr.body), expr.binders)
    if isinstance(expr, (Dl,)) or not expr.args:
        return expr
    return expr.func(*(rebuilt(arg) for arg in expr.args))


def expanded_terms(expr: Expr) -> list[Expr]:
    """The summands of the expression multiplied out.

    Functions, quotients and other powers stay whole.
    """
    if isinstance(expr, Add):
        return _bounded([t for arg in expr.args for t in expanded_terms(arg)])
    if isinstance(expr, Mul):
        terms: list[Expr] = [ONE]
        for factor in expr.args:
            options = expanded_terms(factor)
            terms = _bounded([t * o for t in terms for o in options])
        return terms
    if isinstance(expr, Pow) and expr.exp.is_Integer and 1 < expr.exp <= 4:
        if isinstance(expr.base, (Add, Mul)):
            return expanded_terms(Mul(*[expr.base] * int(expr.exp), evaluate=False))
    if isinstance(expr, Sm):
        return _bounded([make_sum(t, expr.binders) for t in expanded_terms(expr.body)])
    return [expr]


def _bounded(terms: list[Expr]) -> list[Expr]:
    if len(terms) > MOST_TERMS:
        raise TooManyTermsError
    return terms


def expanded(expr: Expr) -> Expr:
    """The expression multiplied out, sums distributed."""
    return Add(*expanded_terms(expr))
