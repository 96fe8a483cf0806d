"""One pattern: the cheapest form of a quantity in its neighbourhood."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from sympy import Add, Expr, Integer, Pow, Symbol

from symbackprop.ir import Comp, Graph, Node, Reduction
from symbackprop.simplify.heads import has_quotient
from symbackprop.simplify.local import Local, Recipe, recipe
from symbackprop.simplify.rebuild import Rebuild
from symbackprop.simplify.rules import Rules, cost
from symbackprop.simplify.sums import make_sum, rebuilt
from symbackprop.simplify.terms import Fresh, Rd, Sm, definition, text_key


@dataclass(frozen=True, slots=True)
class Step:
    """A checkpoint of a derivation: the whole term after a phase.

    phase : "chain rule", "fold", "result";  made : the nodes that are the term
    """

    phase: str
    made: Recipe
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What was found for one canonical neighbourhood."""

    made: Recipe
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What is looked at when one quantity is rewritten.

    cluster : the quantity and the anonymous ones it is made of;  quantities : named ones it reads
    openings : for each of those the nodes of its simplified form, where it may be opened
    products : named ones that are a matrix product: they may be opened inside a sum
    forward : forward nodes around it, of which `definitions` may be folded;  made : simplified
    nodes around it
    """

    head: int
    cluster: list[int]
    quantities: list[int]
    openings: dict[int, list[int]]
    products: list[int]
    forward: list[int]
    made: list[int]
    definitions: set[int]

    def roles(self, ids: Mapping[int, int], kept: Container[int]) -> tuple[object, ...]:
        """What each node is here, over local ids: with the nodes, all that a form depends on."""

        def local(nodes: Iterable[int]) -> tuple[int, ...]:
            return tuple(ids[i] for i in nodes)

        def marked(nodes: Iterable[int]) -> tuple[int, ...]:
            return tuple(ids[i] if i in kept else -1 for i in nodes)

        return (
            ids[self.head],
            local(self.cluster),
            tuple((ids[q], local(opening)) for q, opening in self.openings.items()),
            local(self.products),
            marked(self.forward),
            marked(self.made),
            local(sorted(self.definitions)),
        )


def solve(
    graph: Graph,
    local: Local,
    key: tuple[Node, ...],
    place: Neighbourhood,
    kept: set[int],
) -> Pattern:
    """Find the cheapest form of a quantity in its local graph.

    Named quantities that it reads are opened where that shortens it (p - y hides in the cotangent
    of p), as are unnamed sums of forward values (1 - a).
    """
    inner = Graph(graph.policy, graph.facts)
    for node in key:
        inner.add(node)
    search = _Search(inner, local, place, {i for i in (*place.forward, *place.made) if i in kept})
    best, opened = search.run()
    inputs = 1 + max((local.ids[i] for i in (*place.forward, *place.made)), default=-1)
    build = Rebuild(inner, dict(search.axes))
    steps: list[Step] = []
    chain = search.term(opened)
    folded = search.rules.normal(chain)
    for phase, expr in (("chain rule", chain), ("fold", folded), ("result", best)):
        made = recipe(inner, inputs, build.node(rebuilt(expr), search.axes, search.shape))
        if not steps or steps[-1].made != made:
            steps.append(Step(phase, made, ()))
    return Pattern(steps[-1].made, tuple(steps))


POLE = 3.0
"""What it may cost to be rid of a quotient: (a - y)/m for a (1 - a) da."""


class _Search:
    """The forms of one quantity, by what is opened in it."""

    def __init__(self, graph: Graph, local: Local, place: Neighbourhood, kept: set[int]) -> None:
        self.graph = graph
        self.head = local.ids[place.head]
        self.cluster = {local.ids[i] for i in place.cluster}
        self.products = {local.ids[q] for q in place.products}
        self.openings = [{local.ids[i] for i in o} for o in place.openings.values()]
        names = {local.ids[i] for i in kept}
        folds = sorted(local.ids[i] for i in place.definitions)
        self.sums = {i for i in folds if i not in names and _is_sum(graph[i])}
        self.fresh = Fresh()
        self.shape = graph.shape(self.head)
        self.index = [Integer(0) if n == 1 else self.fresh.index(n) for n in self.shape]
        self.axes = [(s, self.fresh.sizes[s]) for s in self.index if isinstance(s, Symbol)]
        self.rules = Rules(graph, [i for i in folds if i not in self.sums], names, self.fresh)

    def term(self, opened: set[int]) -> Expr:
        """The quantity over the entries of everything that is not opened."""

        def entry(source: int, at: tuple[Expr, ...]) -> Expr:
            if source in opened:
                return definition(self.graph, source, at, self.fresh, entry)
            return _entry(source, at)

        return definition(self.graph, self.head, self.index, self.fresh, entry)

    def run(self) -> tuple[Expr, set[int]]:
        """The cheapest form, and what is opened in it."""
        starts: list[Iterable[int]] = [()]
        if self.sums & self._read():
            starts.append(self.sums)
        found = [self._greedy(self.cluster | set(start)) for start in starts]
        best, opened = min(found, key=lambda pair: self._price(*pair))
        return self._reassociated(best), opened

    def _reassociated(self, best: Expr) -> Expr:
        """Σ_k p_k (Σ_d g_d v_kd) as Σ_d g_d o_d where o = Σ_k p_k v_k is there already."""
        for total in sorted(best.atoms(Sm), key=text_key):
            inner = [rd for rd in total.body.atoms(Rd) if rd.node in self.products]
            if not inner or total not in best.atoms(Sm):
                continue
            found = {
                rd: definition(self.graph, rd.node, rd.index, self.fresh, _entry) for rd in inner
            }
            folded = self.rules.normal(make_sum(total.body.xreplace(found), total.binders))
            if cost(folded) <= cost(total):
                best = best.xreplace({total: folded})
        return best

    def _read(self) -> set[int]:
        """Every node read by the quantity, opened as far as possible."""
        everything = self.cluster.union(*self.openings)
        return {rd.node for rd in self.term(everything).atoms(Rd)}

    def _price(self, expr: Expr, opened: set[int]) -> float:
        """The cost of a form; a quotient that has gone altogether by opening is worth something."""
        gone = any(o <= opened and self._divides(o) for o in self.openings)
        return cost(expr) - (POLE if gone and not has_pole(expr) else 0.0)

    def _divides(self, nodes: set[int]) -> bool:
        found = (self.graph[i] for i in nodes)
        return any(isinstance(node, Comp) and has_quotient(node.body) for node in found)

    def _greedy(self, opened: set[int]) -> tuple[Expr, set[int]]:
        best = self.rules.best(self.term(opened))
        for opening in self.openings:
            candidate = self.rules.best(self.term(opened | opening))
            if self._price(candidate, opened | opening) < self._price(best, opened):
                best, opened = candidate, opened | opening
        return best, opened


def has_pole(expr: Expr) -> bool:
    """Whether a term divides by an entry of a node."""
    return any(p.exp.is_negative and p.base.has(Rd) for p in expr.atoms(Pow))


def _entry(source: int, index: tuple[Expr, ...]) -> Expr:
    return Rd(Integer(source), *index)


def _is_sum(node: Node) -> bool:
    """Whether a node is a pointwise sum of a few values (1 - a, x - mean)."""
    return (
        isinstance(node, Comp)
        and node.reduction is Reduction.NONE
        and isinstance(node.body, Add)
        and len(node.body.args) <= 3
    )
