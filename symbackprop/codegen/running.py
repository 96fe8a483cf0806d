"""Sums of many arrays, added up in one place as soon as each is there.

The gradient of a weight that all layers share is a sum of as many products: kept until the last of
them is there they would fill the memory, and as one expression they would fill a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from symbackprop.codegen.arrays import ArrayProgram, Op
from symbackprop.codegen.storage import Stored
from symbackprop.codegen.views import Viewer
from symbackprop.ir import Comp, Graph, Kind, Node, Read, Reduction
from symbackprop.scalars.numpy_tree import Operand, Ufunc, apply

FEWEST = 6
"""Terms from which on a sum is added up one by one."""

PLUS = apply(Ufunc.ADD, Operand(0), Operand(1))
_OUTSIDE = (Op.ARGUMENT, Op.VIEW, Op.BROADCAST, Op.PAD, Op.SCATTER, Op.PICK)


def is_wide_sum(node: Node) -> bool:
    """Whether a node adds up many real arrays of its shape, entry by entry."""
    return (
        isinstance(node, Comp)
        and node.reduction is Reduction.NONE
        and len(node.reads) >= FEWEST
        and node.body.is_Add
        and not node.domain
        and all(term.is_Symbol for term in node.body.args)
        and all(isinstance(read, Read) and read.index == node.write for read in node.reads)
        and tuple(t.plain_axis() for t in node.write) == tuple(range(len(node.axes)))
        and node.axes == node.shape
        and bool(node.shape)
    )


class RunningSums:
    """The wide sums among the nodes that are lowered, as far as they have got."""

    def __init__(self, graph: Graph, nodes: Iterable[int], viewer: Viewer) -> None:
        self.viewer = viewer
        self.program = viewer.program
        self.waiting: dict[int, list[int]] = {}
        self.sums: dict[int, Stored] = {}
        for i in nodes:
            if is_wide_sum(graph[i]):
                sources = graph.operands(i)
                if all(graph.kind(s) is Kind.REAL for s in sources):
                    for source in sources:
                        self.waiting.setdefault(source, []).append(i)

    def made(self, node: int, stored: Stored) -> None:
        """Add an array that has been lowered to the sums that wait for it."""
        for total in self.waiting.get(node, ()):
            before = self.sums.get(total)
            if before is None:
                self.sums[total] = stored
                continue
            order = [stored.dims.index(d) for d in before.dims]
            term = self.viewer.transpose(stored.array, order)
            shape = self.program.shape(before.array)
            after = self.program.add(Op.MAP, (before.array, term), PLUS, shape)
            self.program.running[after] = before.array
            self.sums[total] = Stored(after, before.dims)


def running_sums(
    program: ArrayProgram,
    ids: Iterable[int],
    uses: Mapping[int, int],
    is_free: Callable[[int], bool],
) -> dict[int, int]:
    """For each array that is a running sum, or the first term of one: the sum it grows to.

    uses : how often each array is read
    is_free : whether an array is its own, and no name or result of the network
    """
    later = {before: after for after, before in program.running.items()}
    found: dict[int, int] = {}
    for i in reversed(list(ids)):
        after = later.get(i)
        if after in found and uses.get(i) == 1 and is_free(i):
            if program[i].op not in _OUTSIDE and program[i].args:
                found[i] = found[after]
        elif i in program.running:
            found[i] = i
    return found
