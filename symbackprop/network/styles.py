"""A reader's habits and a network's choices, from the words of options."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from symbackprop.ir import Policy, Ties
from symbackprop.network.choices import choice
from symbackprop.printing.notation import BatchSide, Layout, Notation
from symbackprop.scalars import KinkPolicy

if TYPE_CHECKING:
    from symbackprop.network.network import Network


def styled(
    network: Network, *, layout: object | None = None, batch: object | None = None
) -> Notation:
    """The network's notation with another layout, or with examples on the other side.

    Batch columns print every matrix of the network as its transpose, so that examples stand in
    columns and weights at the left of what they multiply.
    """
    notation = network.notation
    if layout is not None:
        notation = replace(notation, layout=choice(Layout, layout))
    if batch is not None and choice(BatchSide, batch) is BatchSide.COLUMNS:
        notation = replace(notation, flipped=frozenset(_matrices(network)))
    return notation


def _matrices(network: Network) -> list[str]:
    problem = network.problem
    return [n for n, i in problem.named().items() if len(problem.graph.shape(i)) == 2]


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
