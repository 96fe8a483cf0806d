"""What an evaluation under way knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from symbackprop.errors import ShapeError
from symbackprop.ir import Graph, Kind
from symbackprop.ir.dump import dump_node
from symbackprop.scalars import Field
from symbackprop.scalars.fields import Array
from symbackprop.sizes import Size, evaluate_size, size_symbols


@dataclass(slots=True)
class Context:
    """One evaluation of one graph.

    values : node id -> its array; reals of the field's dtype, integers and booleans as int64
    """

    graph: Graph
    sizes: Mapping[str, int]
    numbers: Field
    values: dict[int, Array] = field(default_factory=dict)
    known: dict[Size, int] = field(default_factory=dict)

    def integer(self, size: Size) -> int:
        """The value of a size expression, which may be negative (a coefficient)."""
        found = self.known.get(size)
        if found is None:
            found = self.known[size] = self._integer(size)
        return found

    def _integer(self, size: Size) -> int:
        symbols = size_symbols(size)
        if not symbols:
            return int(size)
        missing = [str(s) for s in symbols if str(s) not in self.sizes]
        if missing:
            raise ShapeError(f"size {size}: no value for {', '.join(missing)}")
        found = size.subs({s: self.sizes[str(s)] for s in symbols})
        if not found.is_Integer:
            raise ShapeError(f"size {size} is {found} here, expected an integer")
        return int(found)

    def shape(self, sizes: Iterable[Size]) -> tuple[int, ...]:
        """The values of the sizes of a shape."""
        return tuple(self._length(size) for size in sizes)

    def _length(self, size: Size) -> int:
        found = self.known.get(size)
        if found is None or found < 0:
            found = self.known[size] = evaluate_size(size, self.sizes)
        return found

    def is_integral(self, node_id: int) -> bool:
        """Whether the entries of a node are integers or booleans."""
        return self.graph.kind(node_id) is not Kind.REAL

    def zeros(self, shape: tuple[int, ...], integral: bool) -> Array:
        """An array of zeros of the field, or of integers."""
        if integral:
            return np.zeros(shape, dtype=np.int64)
        return np.full(shape, self.numbers.convert(0), dtype=self.numbers.dtype)

    def where(self, node_id: int) -> str:
        """The node on one line, for messages."""
        return dump_node(self.graph, node_id)
