"""Folds: read a forward value where its definition stands in a formula.

A definition is a monomial, with rational exponents, over entries of other values (e / S), a
function of one (log p), or a sum of those (Σ e). ``e_i S^-1`` becomes ``p_i``, also when the
factors stand in and outside a sum.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from sympy import Expr, Integer, Mul, Pow, Symbol, floor
from sympy.core.basic import Basic

from symbackprop.ir import Comp, Graph
from symbackprop.simplify.sums import make_sum
from symbackprop.simplify.terms import Fresh, Rd, Sm, definition, text_key

Powers = dict[Expr, Expr]
ONE = Integer(1)


def powers(expr: Expr) -> tuple[Expr, Powers]:
    """A product as (number and sizes, base -> rational exponent)."""
    coefficient: Expr = ONE
    found: Powers = {}
    for factor in Mul.make_args(expr):
        if not factor.has(Rd, Sm) and not _indexed(factor):
            coefficient = coefficient * factor
            continue
        base, exponent = factor.as_base_exp()
        if not exponent.is_Rational:
            base, exponent = factor, ONE
        found[base] = found.get(base, Integer(0)) + exponent
    return coefficient, found


def _indexed(factor: Expr) -> bool:
    return any(s.name.startswith("_") for s in factor.free_symbols)


def product_of(coefficient: Expr, factors: Powers) -> Expr:
    """The product with these powers."""
    return Mul(coefficient, *(Pow(base, e) for base, e in factors.items() if e != 0))


@dataclass(frozen=True, slots=True)
class Template:
    """The definition of a node as a pattern.

    axes : the symbols that stand for its index;  binders : its bound symbols with sizes
    anchors : the entries in it;  needs : their nodes, without which nothing is to fold
    """

    node: int
    axes: tuple[Symbol, ...]
    coefficient: Expr
    factors: tuple[tuple[Expr, Expr], ...]
    binders: tuple[tuple[Symbol, Expr], ...]
    anchors: tuple[Rd, ...]
    needs: frozenset[int]

    @property
    def is_product(self) -> bool:
        """Whether it is a pointwise product of whole positive powers.

        Which folds only when a factor stays.
        """
        return not self.binders and all(e.is_Integer and e > 0 for _, e in self.factors)


def template(graph: Graph, node_id: int, kept: Container[int]) -> Template | None:
    """The pattern of a node, or None where a fold by it would not shorten anything.

    A scaled copy (a mean of an unnamed sum) stands for its source only where that is not `kept` by
    name.
    """
    node = graph[node_id]
    assert isinstance(node, Comp)
    fresh = Fresh()
    axes = tuple(Symbol(f"_t{k}", integer=True) for k in range(len(node.shape)))
    index = [Integer(0) if n == 1 else a for a, n in zip(axes, node.shape, strict=True)]
    expr = definition(graph, node_id, index, fresh, lambda s, at: Rd(Integer(s), *at))
    rename = {s: Symbol(f"_b{k}", integer=True) for k, s in enumerate(fresh.sizes)}
    expr = expr.xreplace(rename)
    binders: tuple[tuple[Symbol, Expr], ...] = ()
    if isinstance(expr, Sm):
        expr = make_sum(expr.body, expr.binders)
    coefficient, factors = powers(expr)
    if len(factors) == 1:
        ((base, exponent),) = factors.items()
        if isinstance(base, Sm) and exponent == 1:
            binders = base.binders
            inner, factors = powers(base.body)
            coefficient = coefficient * inner
        elif isinstance(base, Rd) and exponent == 1 and (base.node in kept or coefficient == 1):
            return None
    if any(isinstance(b, Sm) for b in factors) or not factors:
        return None
    anchors = sorted(
        {rd for base in factors for rd in base.atoms(Rd)},
        key=lambda rd: (-len(rd.free_symbols), text_key(rd)),
    )
    covered = {s for rd in anchors for s in rd.free_symbols}
    wanted = {a for a, n in zip(axes, node.shape, strict=True) if n != 1}
    if not anchors or not wanted <= covered:
        return None
    ordered = sorted(factors.items(), key=lambda item: text_key(item[0]))
    needs = frozenset(rd.node for rd in anchors)
    return Template(node_id, axes, coefficient, tuple(ordered), binders, tuple(anchors), needs)


def _unify(pattern: Rd, target: Rd, known: Mapping[Basic, Basic]) -> dict[Basic, Basic] | None:
    """Bind the symbols of a pattern entry so that it is the target entry."""
    if pattern.args[0] != target.args[0]:
        return None
    binding = dict(known)
    for p, t in zip(pattern.index, target.index, strict=True):
        if isinstance(p, Symbol) and p.name.startswith(("_t", "_b")):
            if binding.setdefault(p, t) != t:
                return None
        elif p.xreplace(binding) != t:
            return None
    return binding


def _bindings(
    pattern: Template, targets: Iterable[Rd], symbols: set[Basic]
) -> Iterable[dict[Basic, Basic]]:
    """Every way to bind all of `symbols` by entries among the targets."""
    targets = list(targets)
    stack: list[tuple[int, dict[Basic, Basic]]] = [(0, {})]
    while stack:
        position, known = stack.pop()
        if symbols <= known.keys():
            yield known
            continue
        if position == len(pattern.anchors):
            continue
        anchor = pattern.anchors[position]
        if not (anchor.free_symbols & symbols) - known.keys():
            stack.append((position + 1, known))
            continue
        for target in reversed(targets):
            binding = _unify(anchor, target, known)
            if binding is not None:
                stack.append((position + 1, binding))


def fold_product(expr: Expr, pattern: Template) -> Expr:
    """The product with a pointwise definition folded as often as it occurs."""
    coefficient, factors = powers(expr)
    outer = [b for b in factors if not isinstance(b, Sm)]
    targets = sorted({rd for b in outer for rd in b.atoms(Rd)}, key=text_key)
    symbols: set[Basic] = {
        a for a in pattern.axes if any(a in r.free_symbols for r in pattern.anchors)
    }
    for binding in _bindings(pattern, targets, symbols):
        inst = [(base.xreplace(binding), e) for base, e in pattern.factors]
        times = _multiplicity(factors, inst)
        if times is None:
            continue
        for base, e in inst:
            factors[base] = factors[base] - times * e
        index = [binding.get(a, Integer(0)) for a in pattern.axes]
        made = Rd(Integer(pattern.node), *index)
        factors[made] = factors.get(made, Integer(0)) + times
        coefficient = coefficient / pattern.coefficient.xreplace(binding) ** times
        factors = {b: e for b, e in factors.items() if e != 0}
    return product_of(coefficient, factors)


def _multiplicity(factors: Powers, wanted: list[tuple[Expr, Expr]]) -> Expr | None:
    """How often the wanted powers are in the factors, or None."""
    ratios = [factors[base] / e if base in factors else Integer(0) for base, e in wanted]
    if len(wanted) == 1:
        return ratios[0] if ratios[0].is_Integer and ratios[0] != 0 else None
    least = floor(min(ratios))
    return least if least >= 1 else None


def fold_sum(expr: Expr, pattern: Template) -> Expr:
    """The product with a sum in it read as the value that it defines."""
    coefficient, factors = powers(expr)
    for base in sorted((b for b in factors if isinstance(b, Sm)), key=text_key):
        folded = _fold_one_sum(base, pattern)
        if folded is not None:
            e = factors.pop(base)
            rest = product_of(coefficient, factors)
            return rest * folded**e
    return expr


def _fold_one_sum(total: Sm, pattern: Template) -> Expr | None:
    if len(total.binders) < len(pattern.binders):
        return None
    inner, factors = powers(total.body)
    targets = sorted({rd for b in factors for rd in b.atoms(Rd)}, key=text_key)
    axes = {a for a in pattern.axes if any(a in r.free_symbols for r in pattern.anchors)}
    bound = {s for s, _ in pattern.binders}
    sizes = dict(total.binders)
    for binding in _bindings(pattern, targets, axes | bound):
        images = [binding[s] for s in bound]
        if len(set(images)) < len(images) or any(i not in sizes for i in images):
            continue
        if any(sizes[binding[s]] != n for s, n in pattern.binders):
            continue
        if any(image in binding[a].free_symbols for image in images for a in axes):
            continue
        inst = [(base.xreplace(binding), e) for base, e in pattern.factors]
        if any(factors.get(base) != e for base, e in inst):
            continue
        rest = {b: e for b, e in factors.items() if b not in dict(inst)}
        if any(b.free_symbols & set(images) for b in rest):
            continue
        index = [binding.get(a, Integer(0)) for a in pattern.axes]
        made = Rd(Integer(pattern.node), *index)
        left = [(s, n) for s, n in total.binders if s not in images]
        body = product_of(inner / pattern.coefficient.xreplace(binding), rest) * made
        return make_sum(body, left) if left else body
    return None


def fold_into_sum(expr: Expr, pattern: Template) -> Expr:
    """A factor outside a sum and one inside it, together a definition.

    ``S^-1 Σ g e`` becomes ``Σ g p``.
    """
    coefficient, factors = powers(expr)
    for base in sorted((b for b in factors if isinstance(b, Sm)), key=text_key):
        if factors[base] != 1:
            continue
        inner, inside = powers(base.body)
        outside = {b: e for b, e in factors.items() if not isinstance(b, Sm)}
        for b, e in outside.items():
            inside[b] = inside.get(b, Integer(0)) + e
        before = product_of(inner, inside)
        after = fold_product(before, pattern)
        if after == before:
            continue
        left_coefficient, left = powers(after)
        bound = {s for s, _ in base.binders}
        others = [Pow(b, e) for b, e in factors.items() if isinstance(b, Sm) and b != base]
        if any(b.free_symbols & bound for b in left):
            new = make_sum(product_of(left_coefficient, left), base.binders)
            return Mul(coefficient, new, *others)
    return expr
