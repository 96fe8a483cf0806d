"""Random graphs of comprehensions, by seed: what every pass, derivative and printer is tried on.

`random_graph(seed)` gives a scalar loss over real variables through dense layers, windows (strided,
padded, dilated), reshapes, diagonals, gathers and scatters, masks, maxima and softmaxes.
`joined=False` makes the same computation without canonical form and without joins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from sympy import Expr, Integer, cos, exp, sin, tanh

from symbackprop.interpret import coprime_sizes, free_sizes, random_values
from symbackprop.ir import (
    DEFAULT_POLICY,
    Comp,
    Fact,
    FactKind,
    Graph,
    Kind,
    Opaque,
    Operand,
    Policy,
    Position,
    Read,
    Reduction,
    Role,
    Var,
    product,
    reachable,
    substituted,
)
from symbackprop.scalars import Relu, Sigmoid, Softplus, placeholder
from symbackprop.sizes import At, Constraint, Index, Size, axis, constant, dims, evaluate_size

P0, P1, P2 = (placeholder(k) for k in range(3))
SYMBOLS = dims("n h k m")
MAX_RANK = 3
MAX_CELLS = 400


@dataclass(frozen=True, slots=True)
class RandomGraph:
    """A graph with a scalar loss.

    nodes : the results of the blocks, in order;  wrt : its real variables
    """

    seed: int
    graph: Graph
    nodes: tuple[int, ...]
    loss: int
    wrt: tuple[int, ...]
    sizes: dict[str, int]
    blocks: tuple[str, ...]

    def values(self, salt: int = 0) -> dict[str, np.ndarray]:
        """A random value for each variable that the loss reaches."""
        rng = np.random.default_rng([self.seed, salt])
        return random_values(self.graph, reachable(self.graph, [self.loss]), self.sizes, rng)


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


UNARY: tuple[Expr, ...] = (
    tanh(P0),
    Sigmoid(P0),
    sin(P0) + P0 / 2,
    Softplus(P0),
    P0 * Sigmoid(P0),
    P0**2 / 3 - P0,
    exp(-(P0**2)),
    Relu(P0) + P0 / 5,
    1 / (1 + P0**2),
)
BINARY: tuple[Expr, ...] = (P0 * P1, P0 + 2 * P1, P0 / (2 + cos(P1)), P0 * tanh(P1), P0 - P1)


def unary(b: Builder) -> None:
    x = b.pick(least=0)
    shape = b.shape(x)
    body = UNARY[b.rng.integers(len(UNARY))]
    b.give(b.comp(shape, shape, body, [at(x, *here(len(shape)))]), x)


def binary(b: Builder) -> None:
    """Two operands of one shape, the second perhaps a transpose, an axis less, or a variable."""
    x = b.pick()
    shape = b.shape(x)
    kept = [a for a in range(len(shape)) if b.rng.random() < 0.7]
    wanted = tuple(shape[a] for a in kept)
    others = [n for n in b.pool if b.shape(n) == wanted and n != x]
    y = others[b.rng.integers(len(others))] if others else b.var(wanted)
    body = BINARY[b.rng.integers(len(BINARY))]
    reads = [at(x, *here(len(shape))), at(y, *(axis(a) for a in kept))]
    b.give(b.comp(shape, shape, body, reads), x, y)


def dense(b: Builder) -> None:
    x = b.pick()
    *lead, inner = b.shape(x)
    out = b.size()
    count = len(lead)
    weight = b.var((out, inner))
    reads = [at(x, *here(count), axis(count + 1)), at(weight, axis(count), axis(count + 1))]
    result = b.comp((*lead, out), (*lead, out, inner), P0 * P1 / inner, reads)
    b.give(result, x)


def contraction(b: Builder) -> None:
    """Two nodes that share a size: it is summed, or kept where the flip says so."""
    x, y = b.pick(), b.pick()
    left, right = b.shape(x), b.shape(y)
    shared = next(((i, j) for i, s in enumerate(left) for j, t in enumerate(right) if s == t), None)
    axes = [*left]
    places = []
    for j, size in enumerate(right):
        if shared is not None and j == shared[1]:
            places.append(shared[0])
        else:
            places.append(len(axes))
            axes.append(size)
    kept = [a for a in range(len(axes)) if shared is None or a != shared[0] or b.rng.random() < 0.3]
    kept = [kept[i] for i in b.rng.permutation(len(kept))][:MAX_RANK]
    if b.cells(axes) > 20 * MAX_CELLS:
        return unary(b)
    reads = [at(x, *here(len(left))), at(y, *(axis(a) for a in places))]
    write = [axis(a) for a in kept]
    body = P0 * sin(P1) / 4
    b.give(b.comp([axes[a] for a in kept], axes, body, reads, write), x, y)


def reduction(b: Builder) -> None:
    """Sum or maximum over one axis."""
    x = b.pick()
    shape = b.shape(x)
    gone = int(b.rng.integers(len(shape)))
    kept = [a for a in range(len(shape)) if a != gone]
    which = Reduction.MAX if b.rng.random() < 0.5 else Reduction.SUM
    body = P0 if which is Reduction.MAX else P0 / shape[gone]
    write = [axis(a) for a in kept]
    reads = [at(x, *here(len(shape)))]
    b.give(b.comp([shape[a] for a in kept], shape, body, reads, write, (), which), x)


def softmax(b: Builder) -> None:
    """Over the last axis; where the last two agree perhaps over k <= i only."""
    x = b.pick()
    shape = b.shape(x)
    axes = here(len(shape))
    domain: list[Constraint] = []
    if len(shape) >= 2 and shape[-1] == shape[-2] and b.rng.random() < 0.7:
        domain = [Constraint(axes[-2] - axes[-1])]
    e = b.comp(shape, shape, exp(P0), [at(x, *axes)], None, domain)
    total = b.comp(shape[:-1], shape, P0, [at(e, *axes)], axes[:-1], domain)
    reads = [at(e, *axes), at(total, *axes[:-1])]
    b.give(b.comp(shape, shape, P0 / P1, reads, None, domain), x)


def window(b: Builder) -> None:
    """``out[i] = Σ_k x[s i + d k − p] w[k]`` with padding by the domain, perhaps of a maximum."""
    x = b.pick()
    *lead, length = b.shape(x)
    stride, dilation, pad = (int(b.rng.integers(lo, hi)) for lo, hi in ((1, 3), (1, 3), (0, 2)))
    out, taps_count = b.size(), Integer(int(b.rng.integers(2, 4)))
    count = len(lead)
    if b.cells([*lead, out]) > MAX_CELLS:
        return unary(b)
    position = taps((count, stride), (count + 1, dilation), const=-pad)
    domain = [Constraint(position), Constraint(constant(length - 1) - position)]
    w = b.var((taps_count,))
    reads = [at(x, *here(count), position), at(w, axis(count + 1))]
    b.give(b.comp((*lead, out), (*lead, out, taps_count), P0 * P1, reads, None, domain), x)
    return None


def valid_window(b: Builder) -> None:
    """A window or pool whose input has just the length it needs."""
    stride, dilation = (int(b.rng.integers(1, 3)) for _ in range(2))
    out, reach = b.size(), Integer(int(b.rng.integers(2, 4)))
    x = b.var((stride * (out - 1) + dilation * (reach - 1) + 1,))
    position = taps((0, stride), (1, dilation))
    body = tanh(P0)
    y = b.comp(b.shape(x), b.shape(x), body, [at(x, axis(0))])
    if b.rng.random() < 0.5:
        b.give(b.comp((out,), (out, reach), P0, [at(y, position)], None, (), Reduction.MAX))
    else:
        w = b.var((reach,))
        b.give(b.comp((out,), (out, reach), P0 * P1, [at(y, position), at(w, axis(1))]))


def transposed_window(b: Builder) -> None:
    """``out[s i + k] += x[i] w[k]``."""
    x = b.pick()
    *lead, length = b.shape(x)
    stride, reach = int(b.rng.integers(1, 3)), Integer(int(b.rng.integers(2, 4)))
    count = len(lead)
    out = stride * (length - 1) + reach
    if b.cells([*lead, out]) > MAX_CELLS:
        return unary(b)
    w = b.var((reach,))
    reads = [at(x, *here(count), axis(count)), at(w, axis(count + 1))]
    write = [*here(count), taps((count, stride), (count + 1, 1))]
    result = b.comp((*lead, out), (*lead, length, reach), P0 * P1, reads, write)
    b.give(result, x)
    return None


def reshape(b: Builder) -> None:
    """Flatten two axes; perhaps a function; then back in the other order."""
    x = b.pick(rank=2)
    rows, columns = b.shape(x)
    flat = b.comp((rows * columns,), (rows, columns), P0, [at(x, *here(2))], [mixed(0, columns, 1)])
    if b.rng.random() < 0.5:
        flat = b.comp((rows * columns,), (rows * columns,), tanh(P0), [at(flat, axis(0))])
    if b.rng.random() < 0.7:
        back = (columns, rows) if b.rng.random() < 0.5 else (rows, columns)
        b.give(b.comp(back, back, P0, [at(flat, mixed(0, back[1], 1))]), x)
    else:
        b.give(flat, x)


def mixed(high: int, size: Size, low: int) -> Index:
    """``high * size + low``."""
    return axis(high).scaled(size) + axis(low)


def permute(b: Builder) -> None:
    x = b.pick(least=2)
    shape = b.shape(x)
    order = [int(a) for a in b.rng.permutation(len(shape))]
    new = [shape[a] for a in order]
    index = [axis(order.index(a)) for a in range(len(shape))]
    b.give(b.comp(new, new, P0, [at(x, *index)]), x)


def diagonal(b: Builder) -> None:
    """A vector into a diagonal, or out of one."""
    if b.rng.random() < 0.5:
        x = b.pick(rank=1)
        (n,) = b.shape(x)
        b.give(b.comp((n, n), (n,), P0, [at(x, axis(0))], [axis(0), axis(0)]), x)
    else:
        n = b.size()
        squares = [node for node in b.pool if b.shape(node) == (n, n)]
        x = squares[0] if squares else b.var((n, n))
        b.give(b.comp((n,), (n,), P0**2 + P0, [at(x, axis(0), axis(0))]), x)


def gather(b: Builder) -> None:
    x = b.pick()
    first, *rest = b.shape(x)
    rows = b.size()
    index = b.integers((rows,), first)
    where = Index(((At(index, (axis(0),)), Integer(1)),))
    shape = (rows, *rest)
    if b.cells(shape) > MAX_CELLS:
        return unary(b)
    b.give(b.comp(shape, shape, P0, [at(x, where, *here(len(rest), 1))]), x)
    return None


def scatter(b: Builder) -> None:
    x = b.pick()
    first, *rest = b.shape(x)
    rows = b.size()
    index = b.integers((first,), rows)
    where = Index(((At(index, (axis(0),)), Integer(1)),))
    if b.cells([rows, *rest]) > MAX_CELLS:
        return unary(b)
    write = [where, *here(len(rest), 1)]
    b.give(b.comp((rows, *rest), b.shape(x), P0, [at(x, *here(1 + len(rest)))], write), x)
    return None


def masked(b: Builder) -> None:
    """A boolean mask in the domain, over what would be infinite outside."""
    x = b.pick()
    shape = b.shape(x)
    mask = b.var(shape[-1:], Kind.BOOL)
    axes = here(len(shape))
    chosen = Index(((At(mask, axes[-1:]), Integer(1)),), Integer(-1))
    domain = [Constraint(chosen, equality=True)]
    b.give(b.comp(shape, shape, P0 * cos(P0), [at(x, *axes)], None, domain), x)


def ragged(b: Builder) -> None:
    """A sum over the first ``len[i]`` entries of each row."""
    x = b.pick(rank=2)
    rows, columns = b.shape(x)
    lengths = b.integers((rows,), columns + 1)
    limit = Index(((At(lengths, (axis(0),)), Integer(1)),), Integer(-1)) - axis(1)
    reads = [at(x, *here(2))]
    b.give(b.comp((rows,), (rows, columns), sin(P0), reads, None, [Constraint(limit)]), x)


def slide(b: Builder) -> None:
    """Pad at the front, drop the first entry, or reverse."""
    x = b.pick()
    *lead, n = b.shape(x)
    count = len(lead)
    axes = here(count)
    choice = int(b.rng.integers(3))
    if choice == 0:
        write = [*axes, axis(count).shifted(Integer(1))]
        result = b.comp((*lead, n + 2), (*lead, n), P0, [at(x, *axes, axis(count))], write)
    elif choice == 1:
        read = at(x, *axes, axis(count).shifted(Integer(1)))
        result = b.comp((*lead, n - 1), (*lead, n - 1), sin(P0), [read])
    else:
        read = at(x, *axes, constant(n - 1) - axis(count))
        result = b.comp((*lead, n), (*lead, n), P0, [read])
    b.give(result, x)


def concat(b: Builder) -> None:
    x, y = b.pick(rank=1), b.pick(rank=1)
    (n,), (m,) = b.shape(x), b.shape(y)
    whole = (n + m,)
    first = b.comp(whole, (n,), P0, [at(x, axis(0))])
    second = b.comp(whole, (m,), P0, [at(y, axis(0))], [axis(0).shifted(n)])
    b.give(b.comp(whole, whole, P0 + P1, [at(first, axis(0)), at(second, axis(0))]), x, y)


def cumulative(b: Builder) -> None:
    x = b.pick()
    *lead, n = b.shape(x)
    count = len(lead)
    below = Constraint(axis(count) - axis(count + 1))
    read = at(x, *here(count), axis(count + 1))
    b.give(b.comp((*lead, n), (*lead, n, n), P0 / 3, [read], None, [below]), x)


def positional(b: Builder) -> None:
    """A factor that grows with the position."""
    x = b.pick()
    shape = b.shape(x)
    axes = here(len(shape))
    body = P0 * cos(P1 / 3)
    b.give(b.comp(shape, shape, body, [at(x, *axes), Position(axes[-1])]), x)


def unknown(b: Builder) -> None:
    """An unknown tensor function."""
    x = b.pick(rank=1)
    b.give(b.graph.add(Opaque("f", (0,), (x,), (b.size(),))), x)


BLOCKS: tuple[Callable[[Builder], None], ...] = (
    unary,
    unary,
    binary,
    binary,
    dense,
    dense,
    contraction,
    reduction,
    softmax,
    window,
    valid_window,
    transposed_window,
    reshape,
    permute,
    diagonal,
    gather,
    scatter,
    masked,
    ragged,
    slide,
    concat,
    cumulative,
    positional,
    unknown,
)


def random_graph(
    seed: int,
    steps: int = 6,
    blocks: Sequence[Callable[[Builder], None]] = BLOCKS,
    policy: Policy = DEFAULT_POLICY,
    joined: bool = True,
) -> RandomGraph:
    """The graph of this seed: `steps` blocks, and a scalar loss of all that nothing reads."""
    rng = np.random.default_rng(seed)
    sizes = coprime_sizes(SYMBOLS)
    builder = Builder(rng, Graph(policy), sizes)
    names = []
    builder.give(builder.var([builder.size() for _ in range(int(rng.integers(1, 3)))]))
    for _ in range(steps):
        block = blocks[rng.integers(len(blocks))]
        names.append(block.__name__)
        block(builder)
    loss = _loss(builder)
    graph, nodes = builder.graph, builder.pool
    if joined:
        graph, places = rebuilt(graph)
        nodes, loss = [places[node] for node in nodes], places[loss]
    reached = reachable(graph, [loss])
    wrt = [i for i in reached if isinstance(graph[i], Var) and graph.kind(i) is Kind.REAL]
    found = {name: sizes[name] for name in free_sizes(graph, range(len(graph)))}
    return RandomGraph(seed, graph, tuple(nodes), loss, tuple(wrt), found, tuple(names))


def rebuilt(raw: Graph) -> tuple[Graph, dict[int, int]]:
    """The same computation through `Graph.comp`, and where each node went."""
    graph = Graph(raw.policy, raw.facts)
    places: dict[int, int] = {}
    for old, node in enumerate(raw):
        if isinstance(node, Comp):
            d = substituted(node, places)
            places[old] = graph.comp(
                d.shape, d.axes, d.body, d.reads, d.write, d.domain, d.reduction
            )
        elif isinstance(node, Opaque):
            places[old] = graph.add(replace(node, args=tuple(places[a] for a in node.args)))
        else:
            places[old] = graph.add(node)
    return graph, places


def _loss(b: Builder) -> int:
    parts = []
    for node in b.fresh:
        shape = b.shape(node)
        reads = [at(node, *here(len(shape)))]
        parts.append(b.comp((), shape, tanh(P0 / 2) + P0 / 7, reads, ()))
    scalars = [at(part) for part in parts]
    body = sum((placeholder(k) for k in range(len(parts))), Integer(0))
    return b.comp((), (), body, scalars)
