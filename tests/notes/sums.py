"""Sums over indices, condition by condition."""

from __future__ import annotations

import itertools
import operator

import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.kinds import Big, Relation
from tests.notes.evaluator import Entries
from tests.notes.page import Array, UnknownError, elementwise, scalar, squeezed


class Values(Entries):
    """Values of nodes, sums included."""

    def on_bigoperator(self, node: ast.BigOperator) -> Array:
        if node.op is not Big.SUM or node.body is None:
            raise UnknownError("big operator")
        names = [i.base for i in node.range.indices if isinstance(i, ast.Name)]
        if not names:
            raise UnknownError("sum without an index")
        kept = {name: self.binding.get(name) for name in names}
        total: Array = np.float64(0.0)
        for at in itertools.product(*(self.span(node.range, name) for name in names)):
            self.binding.update(zip(names, at, strict=True))
            if all(bool(self.condition(c)) for c in node.range.conditions if self.tests(c)):
                total = elementwise(operator.add, total, self(node.body))
        for name, value in kept.items():
            if value is None:
                self.binding.pop(name, None)
            else:
                self.binding[name] = value
        return total

    def tests(self, node: ast.Node) -> bool:
        return isinstance(node, ast.Comparison) and node.relations[0] is Relation.NOT_EQUAL

    def span(self, given: ast.Range, name: str) -> range:
        if given.lower is not None and given.upper is not None:
            return range(self.bound(given.lower), self.bound(given.upper) + 1)
        if name not in self.page.ranges:
            raise UnknownError(f"range of {name}")
        return range(self.page.base, self.page.base + self.page.ranges[name])

    def bound(self, node: ast.Node) -> int:
        value = self(node)
        if not scalar(value):
            raise UnknownError("bound of a sum")
        return round(float(squeezed(value)))
