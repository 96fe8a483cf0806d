"""From a node to matrix form: the product, the transposes and the broadcasts that its indices mean.

Anonymous nodes are inlined, named ones stay. What has no honest matrix form gives None; it is
printed in index form instead.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from symbackprop.ir import Comp, Graph, Node, Opaque, Prim, PrimOp, Read, Reduction, Var, operands
from symbackprop.raising.bodies import Body, body_axes, factored, leaf_of, size_formula
from symbackprop.raising.build import add, diag, hadamard, matmul, quotient, scaled
from symbackprop.raising.contraction import Block, contract
from symbackprop.raising.recognise import recognised
from symbackprop.raising.shapes import form_of, is_scalar
from symbackprop.raising.transposing import outer, transposed
from symbackprop.raising.tree import (
    ONE,
    Apply,
    Form,
    Formula,
    MatrixFunction,
    Number,
    Ones,
    Power,
    Quotient,
    Ref,
    Unnamed,
    Whole,
    form_of_shape,
)
from symbackprop.scalars import placeholder_index, record_of
from symbackprop.scalars.opaque import Opaque as OpaqueFunction
from symbackprop.sizes import Index, Size, same_size

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

    def law(self, node_id: int) -> Formula | None:
        """What the node is, in matrix form, over named nodes; None where there is no such form.

        A vector is a column; a node of shape ``(1, n)`` is a row.
        """
        pending = [node_id]
        while pending:
            here = pending[-1]
            needed = [
                s for s in operands(self.graph[here]) if not self.stays(s) and s not in self._laws
            ]
            if needed:
                pending.extend(needed)
                continue
            pending.pop()
            if here not in self._laws:
                raised = self._raise(self.graph[here], here)
                self._laws[here] = None if raised is None else recognised(raised)
        return self._laws[node_id]

    def stays(self, node_id: int) -> bool:
        """Whether a node is read by its name."""
        return node_id in self.kept or isinstance(self.graph[node_id], Var)

    def operand(self, node_id: int) -> Formula | None:
        """The node as an operand: its name, or its law."""
        if not self.stays(node_id):
            return self._laws[node_id]
        form = _form(self.graph.shape(node_id))
        return None if form is None else Ref(node_id, form)

    def _raise(self, node: Node, node_id: int) -> Formula | None:
        match node:
            case Comp():
                return _Points(self, node).raised()
            case Opaque():
                return self._opaque(node, node_id)
            case Prim():
                return self._primitive(node)
            case Var():
                return self.operand(node_id)
        return None

    def _opaque(self, node: Opaque, node_id: int) -> Formula | None:
        args = tuple(self.operand(a) for a in node.args)
        form = _form(self.graph.shape(node_id))
        found = tuple(a for a in args if a is not None)
        if form is None or len(found) < len(args):
            return None
        return Unnamed(node.name, node.orders, found, form)

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


def _form(shape: Sequence[Size]) -> Form | None:
    return form_of_shape(shape) if sum(size != 1 for size in shape) <= 2 else None


@dataclass(slots=True)
class _Points:
    """One comprehension on its way to matrix form."""

    raiser: Raiser
    comp: Comp

    def raised(self) -> Formula | None:
        """The comprehension as a formula of its shape."""
        comp = self.comp
        if comp.domain or comp.reduction in (Reduction.MAX, Reduction.ARGMAX):
            return None
        form = _form(comp.shape)
        written = _plain(comp.write, comp.shape)
        if form is None or written is None:
            return None
        if any(not same_size(comp.axes[a], size) for a, size in written):
            return None
        out = tuple(a for a, _ in written)
        if len(out) == 2 and out[0] == out[1]:
            column = self._over((out[0],))
            return None if column is None else diag(column)
        if len(set(out)) < len(out):
            return None
        result = self._over(out)
        if result is None:
            return None
        return transposed(result) if form is Form.ROW else result

    def _over(self, out: tuple[int, ...]) -> Formula | None:
        """The body summed over all axes but `out`, rows first."""
        comp = self.comp
        if len(out) == len(comp.axes):
            result = self.lifted(comp.body, out)
        else:
            result = self._summed(comp.body, out)
        if result is None:
            return None
        return self._broadcast(result, (), out) if isinstance(result, Number) else result

    def _summed(self, body: Body, out: tuple[int, ...]) -> Formula | None:
        axes = body_axes(body, self.comp)
        if body.is_Add and len(axes) > 2:
            return _all(add, [self._summed(term, out) for term in body.args])
        if body.is_Add and any(body_axes(term, self.comp) != axes for term in body.args):
            split = [self._summed(term, out) for term in body.args]
            if all(term is not None for term in split):
                return _all(add, split)
        return self._product(body, out, self.comp.axes)

    def _own_axes(self, body: Body, want: tuple[int, ...]) -> tuple[int, ...]:
        """The axes of a body, in the order of `want`, then ascending."""
        found = body_axes(body, self.comp)
        kept = tuple(a for a in want if a in found)
        return (*kept, *sorted(found.difference(kept)))

    def lifted(self, body: Body, want: tuple[int, ...]) -> Formula | None:
        """The body at each point of `want`; a rational number stays a number."""
        own = self._own_axes(body, want)
        if len(own) > 2 or any(a not in want for a in own):
            return None
        leaf = leaf_of(body)
        if leaf is not None:
            return leaf if isinstance(leaf, Number) else self._broadcast(leaf, (), want)
        if body.is_Add:
            # numbers beside a vector are broadcast by themselves
            return self._sum(body, own, want)
        result = self._without_sum(body, own)
        return None if result is None else self._broadcast(result, own, want)

    def _sum(self, body: Body, own: tuple[int, ...], want: tuple[int, ...]) -> Formula | None:
        result = _all(add, [self.lifted(term, own) for term in body.args])
        return None if result is None else self._broadcast(result, own, want)

    def _without_sum(self, body: Body, own: tuple[int, ...]) -> Formula | None:
        if body.is_Symbol:
            block = self._read(body)
            return None if block is None else _oriented(block, own)
        if body.is_Mul or (body.is_Pow and body.exp.is_Rational and body.exp < 0):
            return self._product(body, own)
        if body.is_Pow:
            base = self.lifted(body.base, own)
            exponent = self.lifted(body.exp, ())
            return None if base is None or exponent is None else Power(base, exponent)
        if isinstance(body, OpaqueFunction):
            args = self._arguments(body.operands, own)
            return None if args is None else Unnamed(body.name, body.orders, args)
        record = record_of(body)
        if record is None:
            return None
        args = self._arguments(body.args, own)
        return None if args is None else Apply(record.name, args)

    def _arguments(self, args: Sequence[Body], own: tuple[int, ...]) -> tuple[Formula, ...] | None:
        raised = [self.lifted(arg, own) for arg in args]
        found = tuple(arg for arg in raised if arg is not None)
        return found if len(found) == len(raised) else None

    def _product(
        self, body: Body, out: tuple[int, ...], summed: Sequence[Size] = ()
    ) -> Formula | None:
        """A product over its axes, summed over those of `summed` that are not in `out`."""
        split = factored(body)
        above: dict[tuple[int, ...], list[Formula]] = {}
        below: dict[tuple[int, ...], list[Formula]] = {}
        for group, factors in ((above, split.above), (below, split.below)):
            for factor in factors:
                block = self._factor(factor, out)
                if block is None:
                    return None
                group.setdefault(block.axes, []).append(block.formula)
        blocks = [Block(split.number, ())]
        for axes in dict.fromkeys((*above, *below)):
            if axes in below:
                blocks.append(Block(_ratio(above.get(axes, []), below[axes]), axes))
            else:
                blocks.extend(Block(formula, axes) for formula in above[axes])
        used = {a for block in blocks for a in block.axes}
        for a, size in enumerate(summed):
            if a not in used and a not in out:
                blocks.append(Block(size_formula(size), ()))
        sizes = dict(enumerate(self.comp.axes))
        return contract(blocks, out, sizes)

    def _factor(self, factor: Body, out: tuple[int, ...]) -> Block | None:
        """One factor over its own axes."""
        if factor.is_Symbol and placeholder_index(factor) is not None:
            block = self._read(factor)
            if block is None or len(block.axes) < 2:
                return block
            a, b = block.axes
            return block if a < b else Block(transposed(block.formula), (b, a))
        own = tuple(sorted(body_axes(factor, self.comp)))
        formula = self.lifted(factor, own)
        return None if formula is None else Block(formula, own)

    def _read(self, symbol: Body) -> Block | None:
        """An operand as a block over the axes it is read at."""
        k = placeholder_index(symbol)
        read = None if k is None else self.comp.reads[k]
        if not isinstance(read, Read):
            return None
        shape = self.raiser.graph.shape(read.source)
        formula = self.raiser.operand(read.source)
        used = _plain(read.index, shape)
        if formula is None or used is None:
            return None
        if any(not same_size(self.comp.axes[a], size) for a, size in used):
            return None  # a part of the operand
        axes = tuple(a for a, _ in used)
        if form_of(formula) is Form.ROW:
            formula = transposed(formula)
        if len(axes) == 2 and axes[0] == axes[1]:
            return Block(Whole(MatrixFunction.DIAGONAL, formula), axes[:1])
        return Block(formula, axes)

    def _broadcast(
        self, formula: Formula, own: tuple[int, ...], want: tuple[int, ...]
    ) -> Formula | None:
        """A formula over `own`, repeated along the other axes of `want`."""
        if own == want:
            return formula
        sizes = self.comp.axes
        if not own:
            ones = [Ones(sizes[a]) for a in want]
            repeated = ones[0] if len(want) == 1 else outer(ones[0], ones[1])
            return scaled([formula], repeated)
        other = Ones(sizes[next(a for a in want if a not in own)])
        return outer(formula, other) if want[0] == own[0] else outer(other, formula)


def _plain(index: Sequence[Index], shape: Sequence[Size]) -> list[tuple[int, Size]] | None:
    """The axis at each dim that is longer than 1; None where a position is no plain axis."""
    found: list[tuple[int, Size]] = []
    for term, size in zip(index, shape, strict=True):
        a = term.plain_axis()
        if a is not None and size != 1:
            found.append((a, size))
        elif size != 1 or term.has_look_up():
            return None
    return found


def _oriented(block: Block, own: tuple[int, ...]) -> Formula:
    return block.formula if block.axes == own else transposed(block.formula)


def _ratio(above: list[Formula], below: list[Formula]) -> Formula:
    """The product of `above` through that of `below`, entry by entry."""
    top = hadamard(above) if above else ONE
    bottom = hadamard(below)
    if is_scalar(bottom):
        return scaled([top, Quotient(ONE, bottom)], ONE) if is_scalar(top) else top
    return Power(bottom, Number(-1)) if top == ONE else quotient(top, bottom)


def _all(build: object, formulas: Sequence[Formula | None]) -> Formula | None:
    """``build(formulas)`` where none is missing."""
    found = [f for f in formulas if f is not None]
    if len(found) < len(formulas):
        return None
    return build(found)  # type: ignore[operator,no-any-return]


__all__ = ["Raiser"]
