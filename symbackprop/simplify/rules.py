"""The rewriter: folds.

Facts and sum rules to a fixed point, and the choice of the cheapest form.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from sympy import Add, Dummy, Expr, Integer, Mul, Pow, cancel, factor_terms
from sympy.core.basic import Basic

from symbackprop.ir import Comp, FactKind, Graph, Reduction, Var
from symbackprop.simplify.folds import (
    Template,
    fold_into_sum,
    fold_product,
    fold_sum,
    template,
)
from symbackprop.simplify.sums import TooManyTermsError, aligned, expanded, make_sum, rebuilt
from symbackprop.simplify.terms import Dl, Fresh, Look, Rd, Sm, definition, inlinable, nodes_in

ROUNDS = 12
"""Rounds to a fixed point; every rule makes the term smaller, so few are ever needed."""

CANCEL_ATOMS = 10
"""Rational bodies with more atoms are not handed to `cancel`."""

SIMPLEX = (FactKind.SUMS_TO_ONE, FactKind.ONE_HOT)


class Rules:
    """The rewrites that hold in one local graph.

    Parameters
    ----------
    graph : the local graph: variables stand for what is kept, comprehensions are definitions
    folds : the nodes whose definitions may be folded
    kept : the nodes that have a name
    fresh : source of bound indices
    """

    def __init__(
        self, graph: Graph, folds: Iterable[int], kept: Container[int], fresh: Fresh
    ) -> None:
        self.graph = graph
        self.fresh = fresh
        self.patterns: list[Template] = []
        for node_id in folds:
            found = template(graph, node_id, kept)
            if found is not None:
                self.patterns.append(found)

    # -- one expression -------------------------------------------------------------------------
    def normal(self, expr: Expr) -> Expr:
        """Sum rules, folds and facts until nothing changes; nothing is multiplied out."""
        for _ in range(ROUNDS):
            before = expr
            expr = self._everywhere(rebuilt(expr), self._fold)
            expr = self._without_products(before, expr)
            if expr == before:
                break
        return expr

    def _everywhere(self, expr: Expr, rule: Callable[[Expr], Expr]) -> Expr:
        """Apply a rule to every product and sum, innermost first."""
        if isinstance(expr, (Rd, Dl, Look)) or not expr.args or not isinstance(expr, Expr):
            return expr
        if isinstance(expr, Sm):
            return rule(make_sum(self._everywhere(expr.body, rule), expr.binders))
        args = [self._everywhere(arg, rule) for arg in expr.args]
        changed = any(a is not b for a, b in zip(args, expr.args, strict=True))
        made: Expr = expr.func(*args) if changed else expr
        if isinstance(made, Add):
            return made
        return rule(made)

    def _fold(self, expr: Expr) -> Expr:
        expr = aligned(expr)
        nodes = nodes_in(expr)
        for pattern in self.patterns:
            if not pattern.needs <= nodes:
                continue
            before = expr
            if pattern.binders:
                expr = fold_sum(expr, pattern)
            else:
                expr = fold_into_sum(fold_product(expr, pattern), pattern)
            if expr != before:
                nodes = nodes_in(expr)
        return self._facts(expr)

    def _facts(self, expr: Expr) -> Expr:
        """Σ of probabilities is 1.

        A sum of one value whose definition sums to something without a sum.
        """
        if not expr.has(Sm):
            return expr
        factors = []
        for factor in Mul.make_args(expr):
            base, e = factor.as_base_exp()
            if isinstance(base, Sm):
                base = self._unfold(self._simplex(base), 4)
            factors.append(Pow(base, e))
        return Mul(*factors)

    def _simplex(self, total: Expr) -> Expr:
        if not isinstance(total, Sm):
            return total
        for factor in Mul.make_args(total.body):
            if not isinstance(factor, Rd):
                continue
            node = self.graph[factor.node]
            if not isinstance(node, Var):
                continue
            for fact in node.facts:
                if fact.kind not in SIMPLEX or fact.axis is None:
                    continue
                symbol = factor.index[fact.axis]
                others = [f for f in Mul.make_args(total.body) if f is not factor]
                rest = [i for k, i in enumerate(factor.index) if k != fact.axis]
                used = any(symbol in e.free_symbols for e in (*others, *rest))
                if symbol in dict(total.binders) and not used:
                    left = [b for b in total.binders if b[0] != symbol]
                    return make_sum(Mul(*others), left)
        return total

    def _unfold(self, total: Expr, depth: int) -> Expr:
        """Σ v with v's definition put in, where no sum is left then (Σ p = 1, Σ (x - mean) = 0)."""
        if not isinstance(total, Sm) or not isinstance(total.body, Rd) or depth == 0:
            return total
        node = self.graph[total.body.node]
        if not isinstance(node, Comp) or not inlinable(node) or node.reduction is Reduction.SUM:
            return total
        inner = definition(
            self.graph,
            total.body.node,
            total.body.index,
            self.fresh,
            lambda s, at: Rd(Integer(s), *at),
        )
        try:
            opened = expanded(make_sum(inner, total.binders))
        except TooManyTermsError:
            return total
        terms = [self._close(term, depth - 1) for term in Add.make_args(opened)]
        result = Add(*terms)
        return total if result.has(Sm) else result

    def _close(self, term: Expr, depth: int) -> Expr:
        for pattern in self.patterns:
            if pattern.binders:
                term = fold_sum(term, pattern)
        factors = []
        for factor in Mul.make_args(term):
            base, e = factor.as_base_exp()
            if isinstance(base, Sm):
                base = self._unfold(self._simplex(base), depth)
            factors.append(Pow(base, e))
        closed = Mul(*factors)
        for pattern in self.patterns:
            if not pattern.binders:
                closed = fold_product(closed, pattern)
        return closed

    def _without_products(self, before: Expr, after: Expr) -> Expr:
        """`after`, or `before` where all factors of a folded product stay beside it."""
        left = {rd.node for rd in after.atoms(Rd)}
        made = left - {rd.node for rd in before.atoms(Rd)}
        for pattern in self.patterns:
            if pattern.node in made and pattern.is_product:
                if {rd.node for rd in pattern.anchors} <= left:
                    self.patterns = [p for p in self.patterns if p is not pattern]
                    return before
        return after

    # -- candidates -----------------------------------------------------------------------------
    def candidates(self, expr: Expr) -> list[Expr]:
        """The forms to choose from: folds only; multiplied out; common denominators cancelled."""
        folded = self.normal(expr)
        found = [folded, collected(folded)]
        for opened in (self._opened(expr), self._opened(folded), self._cancelled(folded)):
            if opened is not None:
                closed = self.normal(opened)
                again = self._cancelled(closed)
                found += [closed, collected(closed)]
                if again is not None and again != closed:
                    last = self.normal(again)
                    found += [last, collected(last)]
        return found

    def _opened(self, expr: Expr) -> Expr | None:
        try:
            opened = expanded(rebuilt(expr))
        except TooManyTermsError:
            return None
        return opened

    def _cancelled(self, expr: Expr) -> Expr | None:
        return cancelled(expr)

    def best(self, expr: Expr) -> Expr:
        """The cheapest form; of equally cheap ones the first."""
        return min(self.candidates(expr), key=cost)


def cancelled(expr: Expr) -> Expr | None:
    """The expression with common denominators cancelled, atoms standing for themselves.

    None if too large.
    """
    atoms: dict[Basic, Dummy] = {}

    def hidden(e: Expr) -> Expr:
        if e.is_Rational or e.is_Symbol:
            return e
        if isinstance(e, (Add, Mul)):
            return e.func(*(hidden(a) for a in e.args))
        if isinstance(e, Pow) and e.exp.is_Integer:
            return Pow(hidden(e.base), e.exp)
        return atoms.setdefault(e, Dummy(f"d{len(atoms)}", real=True))

    rational = hidden(expr)
    if len(atoms) > CANCEL_ATOMS or not _has_denominator(rational):
        return None
    back = {dummy: atom for atom, dummy in atoms.items()}
    result: Expr = cancel(rational).xreplace(back)
    return result


def _has_denominator(expr: Expr) -> bool:
    return any(p.exp.is_negative and isinstance(p.base, (Add, Dummy)) for p in expr.atoms(Pow))


def collected(expr: Expr) -> Expr:
    """The expression with common factors in front, in sums too."""
    if not isinstance(expr, (Add, Mul)) or not expr.has(Add):
        return expr
    atoms: dict[Basic, Dummy] = {}
    names: dict[Dummy, Basic] = {}

    def hidden(e: Expr) -> Expr:
        if isinstance(e, (Add, Mul)):
            return e.func(*(hidden(a) for a in e.args))
        if isinstance(e, Pow) and e.exp.is_Integer:
            return Pow(hidden(e.base), e.exp)
        if e.is_Number or e.is_Symbol:
            return e
        if e not in atoms:
            atoms[e] = Dummy(f"d{len(atoms):03}", real=True)
            names[atoms[e]] = e
        return atoms[e]

    result: Expr = factor_terms(hidden(expr)).xreplace(names)
    return result


def cost(expr: Expr) -> float:
    """How long a person finds the formula: entries, operations, sums; a number counts half."""
    if isinstance(expr, (Rd, Look)):
        return 1.0
    if isinstance(expr, Dl):
        return 1.0
    if isinstance(expr, Sm):
        return 1.5 + cost(expr.body)
    if isinstance(expr, (Add, Mul)):
        parts = [a for a in expr.args if a != -1]
        return sum(cost(a) for a in parts) + 0.5 * (len(parts) - 1)
    if isinstance(expr, Pow):
        power = 0.5 if expr.exp in (-1, 2) else 1.5
        return cost(expr.base) + power
    if not expr.args:
        return 0.5 if expr.is_Number or expr.is_Symbol else 1.0
    return 1.0 + sum(cost(a) for a in expr.args)
