"""Random graphs of comprehensions, by seed: what every pass, derivative and printer is tried on.

`random_graph(seed)` gives a scalar loss over real variables through dense layers, windows (strided,
padded, dilated), reshapes, diagonals, gathers and scatters, masks, maxima and softmaxes.
`joined=False` makes the same computation without canonical form and without joins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from graph_blocks import (
    binary,
    contraction,
    dense,
    diagonal,
    permute,
    reduction,
    reshape,
    softmax,
    transposed_window,
    unary,
    valid_window,
    window,
)
from graph_builder import P0, SYMBOLS, Builder, at, here
from graph_index_blocks import (
    concat,
    cumulative,
    gather,
    gather_twice,
    heads,
    masked,
    maximum_of_two_axes,
    normalise,
    pool,
    positional,
    ragged,
    scatter,
    slide,
    triangle,
    unknown,
    winner,
)
from sympy import Integer, tanh

from symbackprop.interpret import coprime_sizes, free_sizes, random_values
from symbackprop.ir import (
    DEFAULT_POLICY,
    Comp,
    Graph,
    Kind,
    Opaque,
    Policy,
    Var,
    reachable,
    substituted,
)
from symbackprop.scalars import placeholder


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
    maximum_of_two_axes,
    pool,
    winner,
    gather_twice,
    heads,
    normalise,
    triangle,
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
