"""From a term back to nodes: elementwise comprehensions and contractions of two factors."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Add, Expr, Integer, Mul, Symbol
from sympy.core.basic import Basic

from symbackprop.ir import Graph, Operand, Position, Read, Reduction
from symbackprop.scalars import Equal, placeholder
from symbackprop.simplify.order import Group, form, kept_indices, next_index, next_pair, parted
from symbackprop.simplify.sums import expanded_terms, make_sum, solved
from symbackprop.simplify.terms import Dl, Look, Rd, Sm, from_expr, text_key
from symbackprop.sizes import Constraint, Index, Size, axis

Axes = Sequence[tuple[Symbol, Size]]


class Rebuild:
    """Writes terms into a graph.

    Parameters
    ----------
    graph : where the nodes go
    sizes : the size of every index symbol that is free in the terms, in the order of the axes
    """

    def __init__(self, graph: Graph, sizes: dict[Symbol, Size]) -> None:
        self.graph = graph
        self.sizes = sizes

    def node(self, expr: Expr, axes: Axes, shape: Sequence[Size] | None = None) -> int:
        """The node whose entry at `axes` is the term.

        shape : default: the sizes of the axes; a dim of size 1 has no axis
        """
        full = tuple(n for _, n in axes) if shape is None else tuple(shape)
        if not expr.has(Dl):
            return self._plain(expr, axes, full)
        scattered, rest = _split_deltas(expr)
        if not scattered:
            return self._plain(expr, axes, full)
        made = [self._scatter(t, axes, full, ()) for t in scattered]
        if rest:
            made.insert(0, self._plain(Add(*rest), axes, full))
        return self.graph.total(made)

    def _plain(self, expr: Expr, axes: Axes, shape: tuple[Size, ...]) -> int:
        if isinstance(expr, Sm):
            return self._sum(expr, axes, shape)
        return self._comp(self._flat(expr), axes, shape, _full_write(axes, shape))

    def _flat(self, expr: Expr) -> Expr:
        """The term with every sum in it read from a node of its own."""
        sums = _outer_sums(expr)
        made: dict[Basic, Basic] = {}
        for total in sums:
            free = total.free_symbols
            here = [(s, n) for s, n in self.sizes.items() if s in free]
            made[total] = Rd(Integer(self.node(total, here)), *(s for s, _ in here))
        return expr.xreplace(made) if made else expr

    def _comp(
        self,
        expr: Expr,
        axes: Axes,
        shape: tuple[Size, ...],
        write: tuple[Index, ...],
        domain: Sequence[Constraint] = (),
    ) -> int:
        place = {s: k for k, (s, _) in enumerate(axes)}
        operands: list[Operand] = []
        values: dict[Basic, Basic] = {}
        # a delta that fixes no position is a number: 1 where its sides agree
        deltas = {d: Equal(*d.args[:2]) for d in expr.atoms(Dl)}
        expr = expr.xreplace(deltas) if deltas else expr
        for atom in sorted(_operand_atoms(expr, place), key=text_key):
            values[atom] = placeholder(len(operands))
            if isinstance(atom, Rd):
                index = tuple(from_expr(e, place) for e in atom.index)
                operands.append(Read(atom.node, index))
            else:
                operands.append(Position(from_expr(atom, place)))
        body = expr.xreplace(values)
        sizes = [n for _, n in axes]
        return self.graph.comp(shape, sizes, body, operands, write, domain, Reduction.SUM)

    def _scatter(self, expr: Expr, axes: Axes, shape: tuple[Size, ...], bound: Axes) -> int:
        """A product with deltas: the positions that they fix become the write."""
        deltas = [f for f in Mul.make_args(expr) if isinstance(f, Dl)]
        rest = Mul(*(f for f in Mul.make_args(expr) if not isinstance(f, Dl)))
        fixed: dict[Basic, Basic] = {}
        open_deltas: list[Expr] = []
        for delta in deltas:
            now = delta.xreplace(fixed)
            found = solved(now, axes) if isinstance(now, Dl) else None
            if found is None:
                open_deltas.append(delta)
                continue
            fixed = {k: v.xreplace(dict([found])) for k, v in fixed.items()}
            fixed[found[0]] = found[1]
        left = [(s, n) for s, n in (*axes, *bound) if s not in fixed]
        place = {s: k for k, (s, _) in enumerate(left)}
        write = tuple(
            Index() if s is None else from_expr(fixed.get(s, s), place) for s in _dims(axes, shape)
        )
        body = self._flat(rest.xreplace(fixed))
        domain = []
        for delta in open_deltas:
            now = delta.xreplace(fixed)
            if isinstance(now, Dl):
                gap = from_expr(now.args[0], place) - from_expr(now.args[1], place)
                domain.append(Constraint(gap, equality=True))
            else:
                body = body * now
        return self._comp(body, left, shape, write, domain)

    def _sum(self, total: Sm, axes: Axes, shape: tuple[Size, ...]) -> int:
        inner = Rebuild(self.graph, {**self.sizes, **dict(total.binders)})
        scattered, rest = _split_deltas(total.body)
        if scattered:
            made = [inner._scatter(t, axes, shape, total.binders) for t in scattered]
            if rest:
                made.insert(0, self._plain(make_sum(Add(*rest), total.binders), axes, shape))
            return self.graph.total(made)
        body = inner._flat(total.body)
        body = inner._paired(body, [s for s, _ in total.binders])
        bound = [(s, n) for s, n in total.binders if s in body.free_symbols]
        write = _full_write(axes, shape)
        return inner._comp(body, [*axes, *bound], shape, write)

    def _paired(self, body: Expr, bound: list[Symbol]) -> Expr:
        """A product with at most two different index sets.

        The others contracted or multiplied in first.
        """
        known = set(self.sizes)
        numbers = [f for f in Mul.make_args(body) if not f.free_symbols & known]
        groups: list[Group] = []
        for factor in Mul.make_args(body):
            here = frozenset(factor.free_symbols & known)
            if not here:
                continue
            match = next((g for g in groups if g[0] == here), None)
            if match is None:
                groups.append((here, [factor]))
            else:
                match[1].append(factor)
        everything = frozenset().union(*(g[0] for g in groups)) if groups else frozenset()
        if any(g[0] == everything for g in groups):
            return body
        groups = self._merged_subsets(groups)
        done: set[str] = set()
        while len(groups) > 2:
            groups = self._contracted(groups, bound, done)
        return Mul(*numbers, *(self._operand(g) for g in groups))

    def _merged_subsets(self, groups: list[Group]) -> list[Group]:
        """Each group whose indices are all in another one multiplied into the smallest such."""
        kept = sorted(groups, key=lambda g: (-len(g[0]), str(g[1])))
        done: list[Group] = []
        for here, factors in kept:
            hosts = [g for g in done if here < g[0]]
            if hosts:
                host = min(hosts, key=lambda g: (len(g[0]), len(g[1]), str(g[1])))
                host[1].extend(factors)
            else:
                done.append((here, list(factors)))
        return done

    def _operand(self, group: Group) -> Expr:
        """One entry that is the product of a group."""
        here, factors = group
        product = Mul(*factors)
        if isinstance(product, Rd):
            return product
        axes = [(s, n) for s, n in self.sizes.items() if s in here]
        made = self.node(product, axes)
        return Rd(Integer(made), *(s for s, _ in axes))

    def _contracted(self, groups: list[Group], bound: list[Symbol], done: set[str]) -> list[Group]:
        """Everything that has one bound index multiplied, and summed over it."""
        inside, outside = parted(groups, next_index(groups, bound, done))
        done.add(form(inside))
        if len(inside) == 1:
            inside = [self._product(inside, outside, bound)]
        while len(inside) > 1 and len(inside) + len(outside) > 2:
            pair = next_pair(inside, outside, bound)
            rest = [g for k, g in enumerate(inside) if k not in pair]
            made = self._product([inside[k] for k in pair], [*rest, *outside], bound)
            inside = self._merged_subsets([*rest, made])
        return self._merged_subsets([*inside, *outside])

    def _product(self, inside: list[Group], outside: list[Group], bound: list[Symbol]) -> Group:
        """The product of groups, summed over the bound indices that nothing outside has."""
        result = kept_indices(inside, outside, bound)
        product = Mul(*(self._operand(g) for g in inside))
        gone = frozenset().union(*(g[0] for g in inside)) - result
        binders = [part for s, n in self.sizes.items() if s in gone for part in (s, n)]
        total = Sm(product, *binders) if binders else product
        axes = [(s, n) for s, n in self.sizes.items() if s in result]
        return result, [Rd(Integer(self.node(total, axes)), *(s for s, _ in axes))]


def _split_deltas(expr: Expr) -> tuple[list[Expr], list[Expr]]:
    """The summands with a delta as a factor, and the others; without the former all stays whole."""
    if not expr.has(Dl):
        return [], [expr]
    terms = expanded_terms(expr)
    scattered = [t for t in terms if any(isinstance(f, Dl) for f in Mul.make_args(t))]
    if not scattered:
        return [], [expr]
    return scattered, [t for t in terms if t not in scattered]


def _dims(axes: Axes, shape: tuple[Size, ...]) -> list[Symbol | None]:
    """The axis of each dim, None where it has size 1 and none."""
    if len(axes) == len(shape):
        return [s for s, _ in axes]
    pending = list(axes)
    found: list[Symbol | None] = []
    for n in shape:
        found.append(pending.pop(0)[0] if n != 1 else None)
    return found


def _full_write(axes: Axes, shape: tuple[Size, ...]) -> tuple[Index, ...]:
    place = {s: k for k, (s, _) in enumerate(axes)}
    return tuple(Index() if s is None else axis(place[s]) for s in _dims(axes, shape))


def _outer_sums(expr: Expr) -> list[Sm]:
    """The sums that stand in no other sum, in a fixed order."""
    found: dict[Sm, None] = {}
    pending: list[Basic] = [expr]
    while pending:
        here = pending.pop()
        if isinstance(here, Sm):
            found[here] = None
        elif not isinstance(here, (Rd, Dl, Look)):
            pending.extend(here.args)
    return sorted(found, key=text_key)


def _operand_atoms(expr: Expr, place: dict[Symbol, int]) -> set[Expr]:
    """Entries, and index values that stand as numbers."""
    found: set[Expr] = set()
    pending: list[Basic] = [expr]
    while pending:
        here = pending.pop()
        if isinstance(here, (Rd, Look)) or here in place:
            found.add(here)
        else:
            pending.extend(here.args)
    return found
