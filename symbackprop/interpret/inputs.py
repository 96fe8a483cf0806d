"""What comes from outside: shapes, kinds and ranges are checked before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from symbackprop.errors import ShapeError, UnknownNameError
from symbackprop.interpret.context import Context
from symbackprop.ir import FactKind, Graph, Kind, Var
from symbackprop.scalars.fields import Array
from symbackprop.sizes import evaluate_size


def infer_sizes(
    graph: Graph,
    ids: Iterable[int],
    values: Mapping[str, object],
    sizes: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """`sizes`, and those size symbols that are an axis of a variable among `ids`."""
    found = dict(sizes or {})
    for node_id in ids:
        node = graph[node_id]
        if isinstance(node, Var) and node.name in values:
            shape = np.asarray(values[node.name]).shape
            for size, extent in zip(node.shape, shape, strict=False):
                if size.is_Symbol:
                    found.setdefault(size.name, int(extent))
    return found


def input_value(context: Context, node_id: int, values: Mapping[str, object]) -> Array:
    """The array of variable `node_id`, checked and converted.

    Raises
    ------
    UnknownNameError
        When it has no value.
    ShapeError
        When shape, kind or range is another one.
    """
    node = context.graph[node_id]
    assert isinstance(node, Var)
    if node.name not in values:
        raise UnknownNameError("value for", node.name, values)
    return convert_input(context, node, values[node.name])


def convert_input(context: Context, node: Var, value: object) -> Array:
    """A value as an array of the variable's shape and kind."""
    given = np.asarray(value)
    expected = context.shape(node.shape)
    if given.shape != expected:
        sizes = "(" + ", ".join(str(size) for size in node.shape) + ")"
        raise ShapeError(f"{node.name}: expected shape {sizes} = {expected}, found {given.shape}")
    if node.kind is Kind.REAL:
        return _real(context, node, given)
    return _integral(context, node, given)


def _real(context: Context, node: Var, given: Array) -> Array:
    try:
        return context.numbers.array(given)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{node.name}: expected numbers, found dtype {given.dtype}") from error


def _integral(context: Context, node: Var, given: Array) -> Array:
    allowed = "b" if node.kind is Kind.BOOL else "iu"
    if given.dtype.kind not in allowed and given.size:
        raise ShapeError(
            f"{node.name}: expected {node.kind.value} entries, found dtype {given.dtype}"
        )
    result = given.astype(np.int64)
    for fact in node.facts:
        if fact.kind is FactKind.BELOW and fact.size is not None and given.size:
            size = evaluate_size(fact.size, context.sizes)
            if result.min() < 0 or result.max() >= size:
                raise ShapeError(
                    f"{node.name}: expected entries in 0 .. {size - 1} (below {fact.size}), "
                    f"found {result.min()} .. {result.max()}"
                )
    return result
