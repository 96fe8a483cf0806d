"""Gradients, Jacobians and second order: compositions of the two modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symbackprop.calculus.adjoint import Adjoint, vjp
from symbackprop.calculus.tangent import jvp
from symbackprop.errors import ShapeError
from symbackprop.ir import Graph


def gradient(graph: Graph, loss: int, wrt: Sequence[int]) -> Adjoint:
    """∂L/∂x for each x of `wrt`, each of the shape of its x.

    Raises
    ------
    ShapeError
        When the loss is no scalar.
    """
    if graph.shape(loss) != ():
        raise ShapeError(
            f"the loss must be a scalar, found shape {graph.shape(loss)}",
            help="reduce it: sum(...) or mean(...)",
        )
    return vjp(graph, {loss: graph.full(1)}, wrt)


def jacobian(graph: Graph, of: int, wrt: Sequence[int]) -> dict[int, int]:
    """∂of/∂x for each x of `wrt`: shape of `of`, then shape of x."""
    shape = graph.shape(of)
    result = vjp(graph, {of: graph.identity(shape)}, wrt, extra=shape)
    return {x: result.cotangents[x] for x in wrt}


def hvp(graph: Graph, loss: int, vectors: Mapping[int, int], wrt: Sequence[int]) -> dict[int, int]:
    """Σ ∂²L/∂x∂v · v for each x of `wrt`: the JVP of the gradient.

    vectors : node id -> id of the direction, of the node's shape
    """
    first = gradient(graph, loss, wrt).cotangents
    tangents = jvp(graph, vectors, [first[x] for x in wrt])
    return {x: tangents[first[x]] for x in wrt}


def hessian(graph: Graph, loss: int, row: int, column: int) -> int:
    """∂²L/∂row ∂column: shape of `row`, then shape of `column`."""
    first = gradient(graph, loss, [row]).cotangents[row]
    return jacobian(graph, first, [column])[column]
