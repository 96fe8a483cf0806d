"""What the blocks of random graphs are made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sympy import Expr, Integer

from symbackprop.ir import (
    Comp,
    Fact,
    FactKind,
    Graph,
    Kind,
    Operand,
    Read,
    Reduction,
    Role,
    Var,
    product,
)
from symbackprop.scalars import placeholder
from symbackprop.sizes import Constraint, Index, Size, axis, constant, dims, evaluate_size

P0, P1, P2 = (placeholder(k) for k in range(3))
SYMBOLS = dims("n h k m")
MAX_RANK = 3
MAX_CELLS = 400


@dataclass(slots=True)
class Builder:
    """A graph under way.   pool: the nodes so far;  fresh: those that nothing reads yet."""

    rng: np.random.Generator
    graph: Graph
    sizes: dict[str, int]
    pool: list[int] = field(default_factory=list)
    fresh: list[int] = field(default_factory=list)
    count: int = 0

    def var(
        self, shape: Sequence[Size], kind: Kind = Kind.REAL, facts: tuple[Fact, ...] = ()
    ) -> int:
        self.count += 1
        role = Role.INPUT if kind is not Kind.REAL else Role.PARAMETER
        return self.graph.add(Var(f"v{self.count}", tuple(shape), kind, role, facts))

    def integers(self, shape: Sequence[Size], below: Size) -> int:
        return self.var(shape, Kind.INT, (Fact(FactKind.BELOW, size=below),))

    def comp(
        self,
        shape: Sequence[Size],
        axes: Sequence[Size],
        body: Expr,
        reads: Sequence[Operand],
        write: Sequence[Index] | None = None,
        domain: Sequence[Constraint] = (),
        reduction: Reduction = Reduction.SUM,
    ) -> int:
        if write is None:
            write = [axis(i) for i in range(len(shape))]
        raw = Comp(
            tuple(shape),
            tuple(axes),
            body,
            tuple(reads),
            tuple(write),
            tuple(domain),
            reduction,
        )
        return self.graph.add(raw)

    def shape(self, node: int) -> tuple[Size, ...]:
        return self.graph.shape(node)

    def cells(self, shape: Sequence[Size]) -> int:
        return evaluate_size(product(shape), self.sizes)

    def size(self) -> Size:
        """A symbol, now and then a small number (an axis of size 1 too)."""
        if self.rng.random() < 0.1:
            return Integer(int(self.rng.integers(1, 4)))
        return SYMBOLS[self.rng.integers(len(SYMBOLS))]

    def pick(self, rank: int | None = None, least: int = 1) -> int:
        """A node so far, mostly one that nothing reads yet, or a new variable."""

        def fits(node: int) -> bool:
            found = len(self.shape(node))
            return found >= least if rank is None else found == rank

        for candidates, chance in ((self.fresh, 0.8), (self.pool, 0.7)):
            options = [node for node in candidates if fits(node)]
            if options and self.rng.random() < chance:
                return options[self.rng.integers(len(options))]
        count = rank if rank is not None else max(least, int(self.rng.integers(1, 3)))
        return self.var([self.size() for _ in range(count)])

    def give(self, node: int, *read: int) -> None:
        self.pool.append(node)
        self.fresh = [*(n for n in self.fresh if n not in read), node]


def at(node: int, *index: Index) -> Read:
    return Read(node, tuple(index))


def here(count: int, start: int = 0) -> tuple[Index, ...]:
    return tuple(axis(start + i) for i in range(count))


def taps(*terms: tuple[int, int], const: int | Expr = 0) -> Index:
    """``const + sum(coefficient * axis)`` from pairs (axis, coefficient)."""
    total = constant(const)
    for a, c in terms:
        total = total + axis(a).scaled(Integer(c))
    return total


def mixed(high: int, size: Size, low: int) -> Index:
    """``high * size + low``."""
    return axis(high).scaled(size) + axis(low)
