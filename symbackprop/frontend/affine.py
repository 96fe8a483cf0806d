"""Layers in arithmetic: in ``W2 a1 + b2 - y`` the layer ``W2 a1 + b2`` is a value of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Integer

from symbackprop.ir import Comp, Graph, Node, Operand, Read, Reduction, Role, Var
from symbackprop.scalars import placeholder, placeholder_index
from symbackprop.sizes import Index, axis


def is_product_with_parameter(graph: Graph, node: Node) -> bool:
    """Whether a node is a sum of products of two, one of them a parameter."""
    return (
        isinstance(node, Comp)
        and node.reduction is Reduction.SUM
        and node.body == placeholder(0) * placeholder(1)
        and any(isinstance(r, Read) and is_parameter(graph[r.source]) for r in node.reads)
    )


def is_parameter(node: Node) -> bool:
    """Whether a node is a parameter."""
    return isinstance(node, Var) and node.role is Role.PARAMETER


def of_computed_value(graph: Graph, node: Node) -> bool:
    """Whether a node is a product of a parameter with a value that is itself computed."""
    if not is_product_with_parameter(graph, node) or not isinstance(node, Comp):
        return False
    return any(isinstance(r, Read) and not isinstance(graph[r.source], Var) for r in node.reads)


@dataclass(frozen=True, slots=True)
class _Layer:
    """The terms of a sum that are a layer, with the number they have in common."""

    whole: Expr
    scale: Expr
    terms: tuple[int, ...]
    first: Read

    def rest(self) -> list[Expr]:
        """The other terms of the sum."""
        own = {self.scale * placeholder(k) for k in self.terms}
        return [term for term in self.whole.args if term not in own]


def with_layer_apart(
    graph: Graph, body: Expr, reads: Sequence[Operand], alone: bool
) -> tuple[Expr, list[Operand]]:
    """The body with a layer in it as a node of its own, and the reads with that node.

    alone : whether a body that is the layer and nothing else stays as it is
    """
    layer = next(_layers(graph, body, reads), None)
    if layer is None or (alone and layer.whole == body and not layer.rest()):
        return body, list(reads)
    place = {t.plain_axis(): k for k, t in enumerate(layer.first.index)}
    moved: list[Operand] = []
    for k in layer.terms:
        read = reads[k]
        assert isinstance(read, Read)
        moved.append(Read(read.source, tuple(_moved(t, place) for t in read.index)))
    shape = graph.shape(layer.first.source)
    total = sum((placeholder(k) for k in range(len(moved))), Integer(0))
    made = Read(graph.comp(shape, shape, total, moved), layer.first.index)
    new = Add(*layer.rest(), layer.scale * placeholder(len(reads)))
    return body.xreplace({layer.whole: new}), [*reads, made]


def _moved(term: Index, place: dict[int | None, int]) -> Index:
    plain = term.plain_axis()
    return term if plain is None else axis(place[plain])


def _layers(graph: Graph, body: Expr, reads: Sequence[Operand]) -> Iterator[_Layer]:
    pending = [body]
    while pending:
        part = pending.pop()
        if isinstance(part, Add):
            layer = _layer(graph, part, reads)
            if layer is not None:
                yield layer
        pending.extend(reversed(part.args))


def _layer(graph: Graph, whole: Expr, reads: Sequence[Operand]) -> _Layer | None:
    """The layer in a sum: a product of a parameter with a computed value, and its biases."""
    terms: list[tuple[Expr, int, Read]] = []
    for term in whole.args:
        scale, rest = term.as_coeff_Mul()
        k = placeholder_index(rest)
        read = None if k is None else reads[k]
        if k is not None and isinstance(read, Read):
            terms.append((scale, k, read))
    first = next((t for t in terms if of_computed_value(graph, graph[t[2].source])), None)
    if first is None:
        return None
    axes = [t.plain_axis() for t in first[2].index]
    if None in axes or len(set(axes)) < len(axes):
        return None
    chosen = [
        (k, read)
        for scale, k, read in terms
        if scale == first[0] and _belongs(graph, read) and _within(read, axes)
    ]
    return _Layer(whole, first[0], tuple(k for k, _ in chosen), first[2])


def _belongs(graph: Graph, read: Read) -> bool:
    node = graph[read.source]
    return is_parameter(node) or is_product_with_parameter(graph, node)


def _within(read: Read, axes: Sequence[int | None]) -> bool:
    return all(t.is_constant() or t.plain_axis() in axes for t in read.index)
