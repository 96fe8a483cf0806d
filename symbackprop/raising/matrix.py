"""From a node to matrix form: the product, the transposes and the broadcasts that its indices mean.

Anonymous nodes are inlined, named ones stay. What has no honest matrix form gives None; it is
printed in index form instead.
"""

from __future__ import annotations

from collections.abc import Collection

from symbackprop.ir import Comp, Graph, Hist, Loop, Node, Opaque, Prim, PrimOp, Var
from symbackprop.raising.build import matmul
from symbackprop.raising.numbers import MEMBER_AXIS, MEMBER_LETTERS, STEP_AXIS, STEPS_OF_A_DEPTH
from symbackprop.raising.patterns import Patterns
from symbackprop.raising.points import Points, matrix_form
from symbackprop.raising.recognise import recognised
from symbackprop.raising.tree import Formula, MatrixFunction, Ref, Unnamed, Whole
from symbackprop.sizes import Index, axis

_PRIMITIVES = {
    PrimOp.INVERSE: MatrixFunction.INVERSE,
    PrimOp.DETERMINANT: MatrixFunction.DETERMINANT,
    PrimOp.LOGDET: MatrixFunction.LOGDET,
    PrimOp.ARGSORT: MatrixFunction.ARGSORT,
}


class Raiser:
    """Raises nodes of one graph; what has been raised is remembered.

    Parameters
    ----------
    graph : Graph
    kept : ids
        The nodes that stay by name; variables stay always.
    """

    def __init__(self, graph: Graph, kept: Collection[int]) -> None:
        self.graph = graph
        self.kept = frozenset(kept)
        self._laws: dict[int, Formula | None] = {}
        self._patterns = Patterns(graph, self.stays)
        self._axes = 0

    def law(self, node_id: int) -> Formula | None:
        """What the node is, in matrix form, over named nodes; None where there is no such form.

        A vector is a column; a node of shape ``(1, n)`` is a row.
        """
        if node_id not in self._laws:
            found = self._patterns.key(node_id)
            known = found and self._patterns.get(*found)
            self._laws[node_id] = known or self._from_below(node_id)
            law = self._laws[node_id]
            if found and law and not known:
                self._patterns.put(*found, law)
        return self._laws[node_id]

    def _from_below(self, node_id: int) -> Formula | None:
        """The law of a node, after the laws of the unnamed nodes below it."""
        pending = [node_id]
        while pending:
            here = pending[-1]
            needed = [
                s for s in self.graph.operands(here) if not self.stays(s) and s not in self._laws
            ]
            if needed:
                pending.extend(needed)
                continue
            pending.pop()
            if here not in self._laws:
                raised = self._raise(self.graph[here], here)
                self._laws[here] = None if raised is None else recognised(raised, self._is_given)
        return self._laws[node_id]

    def _is_given(self, node_id: int) -> bool:
        return isinstance(self.graph[node_id], Var)

    def stays(self, node_id: int) -> bool:
        """Whether a node is read by its name."""
        return node_id in self.kept or isinstance(self.graph[node_id], Var)

    def operand(self, node_id: int, fixed: tuple[Index, ...] = ()) -> Formula | None:
        """The node as an operand, its first axes fixed: its name, or its law."""
        if not self.stays(node_id):
            return self.slice_law(node_id, fixed) if fixed else self._laws[node_id]
        form = matrix_form(self.graph.shape(node_id)[len(fixed) :])
        return None if form is None else Ref(node_id, form, fixed)

    def slice_law(self, node_id: int, fixed: tuple[Index, ...]) -> Formula | None:
        """What the node is with its first axes fixed, as at one step of a recurrence."""
        node = self.graph[node_id]
        self.law(node_id)
        if not isinstance(node, Comp):
            return None
        raised = Points(self, node).raised(fixed)
        return None if raised is None else recognised(raised, self._is_given)

    def steps(self, node_id: int) -> int:
        """How many first axes of a node count steps of recurrences, one inside the other."""
        found, graph, node = 0, self.graph, self.graph[node_id]
        while isinstance(node, Hist):
            found += 1
            loop = graph[node.loop]
            if not isinstance(loop, Loop) or not isinstance(loop.body, Graph):
                break
            graph, node = loop.body, loop.body[node.value]
        return found

    def stack_law(self, node_id: int) -> Formula | None:
        """What each matrix of a stack is, by its number; None of what is no stack of matrices.

        A stack of stacks has a number for each.
        """
        shape = self.graph.shape(node_id)
        if sum(size != 1 for size in shape) < 3 or len(shape) > 2 + len(MEMBER_LETTERS):
            return None
        members = range(len(shape) - 2)
        return self.slice_law(
            node_id, tuple(axis(MEMBER_AXIS + n * STEPS_OF_A_DEPTH) for n in members)
        )

    def fresh_axis(self, step: bool, depth: int) -> int:
        """A number for an axis that no other in the same formula has."""
        self._axes = self._axes % (STEPS_OF_A_DEPTH - 1) + 1
        return (STEP_AXIS if step else MEMBER_AXIS) + depth * STEPS_OF_A_DEPTH + self._axes

    def _raise(self, node: Node, node_id: int) -> Formula | None:
        match node:
            case Comp():
                return Points(self, node).raised()
            case Opaque():
                return self._opaque(node, node_id)
            case Prim():
                return self._primitive(node)
            case Var():
                return self.operand(node_id)
        return None

    def _opaque(self, node: Opaque, node_id: int) -> Formula | None:
        args = tuple(self.operand(a) for a in node.args)
        form = matrix_form(self.graph.shape(node_id))
        found = tuple(a for a in args if a is not None)
        if form is None or len(found) < len(args):
            return None
        return Unnamed(node.name, node.orders, found, form, node.out_shape)

    def _primitive(self, node: Prim) -> Formula | None:
        args = [self.operand(a) for a in node.args]
        first = args[0]
        if first is None:
            return None
        if node.op is PrimOp.SOLVE:
            right = args[1]
            if right is None:
                return None
            return matmul((Whole(MatrixFunction.INVERSE, first), right))
        return Whole(_PRIMITIVES[node.op], first)


__all__ = ["Raiser"]
