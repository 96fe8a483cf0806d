"""A reader's habits and a network's choices, from the words of options."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from symbackprop.ir import Policy, Problem, Ties
from symbackprop.network.choices import choice
from symbackprop.printing.notation import BatchSide, Layout, Notation
from symbackprop.raising.layout import batch_sizes, with_examples
from symbackprop.scalars import KinkPolicy

if TYPE_CHECKING:
    from symbackprop.network.network import Network


def styled(
    network: Network, *, layout: object | None = None, batch: object | None = None
) -> Notation:
    """The network's notation with another layout, or with examples on the other side.

    Batch columns print every matrix with an example in each row as its transpose.
    """
    notation = network.notation
    if layout is not None:
        notation = replace(notation, layout=choice(Layout, layout))
    if batch is not None and choice(BatchSide, batch) is BatchSide.COLUMNS:
        notation = replace(notation, flipped=frozenset(_with_examples(network.problem)))
    return notation


def _with_examples(problem: Problem) -> list[str]:
    graph, named = problem.graph, problem.named()
    sizes = batch_sizes(graph, problem.inputs.values(), problem.parameters.values())
    chosen = set(with_examples(graph, named.values(), sizes))
    return [name for name, i in named.items() if i in chosen]


def with_policy(network: Network, kink: object | None, ties: object | None) -> Network:
    """The network with another slope at kinks, or another policy for equal maxima."""
    graph = network.problem.graph
    if kink is not None or ties is not None:
        policy = graph.policy
        graph.policy = Policy(
            policy.kink if kink is None else choice(KinkPolicy, kink),
            policy.ties if ties is None else choice(Ties, ties),
        )
        network.forget()
    return network
