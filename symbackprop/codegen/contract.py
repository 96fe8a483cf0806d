"""Sums of products: as matrix products, dot products and sums along axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symbackprop.codegen.arrays import Item, NewAxis, Op, Subscript, Whole
from symbackprop.codegen.views import ONE, Aligned, Viewer
from symbackprop.ir.canonical import product
from symbackprop.scalars.numpy_tree import Operand, Ufunc, apply
from symbackprop.sizes import Size

_SOME_LENGTH = 64
_FEW_ROWS = 8
TIMES = apply(Ufunc.MULTIPLY, Operand(0), Operand(1))


class Contractor:
    """Contracts operands over the axes of one comprehension.

    Parameters
    ----------
    viewer : Viewer
    sizes : of the axes
    flat : whether products with several rows are always those of two matrices
    batch_last : whether patches are copied in runs of the batch
    """

    def __init__(
        self,
        viewer: Viewer,
        sizes: Sequence[Size],
        flat: bool = False,
        batch_last: bool = False,
    ) -> None:
        self.viewer = viewer
        self.flat = flat
        self.batch_last = batch_last
        self.program = viewer.program
        self.sizes = tuple(sizes)

    def shape(self, axes: Sequence[int]) -> list[Size]:
        """The sizes of axes."""
        return [self.sizes[a] for a in axes]

    def total(self, operand: Aligned, summed: Sequence[int]) -> Aligned:
        """The operand summed over axes that it has."""
        gone = tuple(k for k, a in enumerate(operand.axes) if a in summed)
        if not gone:
            return operand
        kept = tuple(a for a in operand.axes if a not in summed)
        array = self.program.add(Op.SUM, (operand.array,), gone, self.shape(kept))
        return Aligned(array, kept)

    def multiply(self, a: Aligned, b: Aligned, order: Sequence[int]) -> Aligned:
        """The product entry by entry, its axes in the order of `order`."""
        axes = tuple(x for x in order if x in a.axes or x in b.axes)
        args = [self.viewer.ordered(a, axes), self.viewer.ordered(b, axes)]
        if len(a.axes) < len(b.axes):
            args.reverse()
        return Aligned(self.program.map(TIMES, args, self.shape(axes)), axes)

    def contract(self, operands: Sequence[Aligned], out: Sequence[int]) -> Aligned:
        """The product of operands summed over every axis not in `out`.

        The result has the axes that occur, in the order of `out`
        where that is free.
        """
        left = [self._own(o, operands, out) for o in operands]
        while len(left) > 1:
            first, second = self._pair(left, out)
            a, b = left[first], left[second]
            rest = [o for k, o in enumerate(left) if k not in (first, second)]
            needed = set(out).union(*(o.axes for o in rest))
            left = [self._product(a, b, needed, out), *rest]
            left = [self._own(o, left, out) for o in left]
        return left[0]

    def _own(self, operand: Aligned, operands: Sequence[Aligned], out: Sequence[int]) -> Aligned:
        """Sum what only this operand has."""
        others = {a for o in operands if o is not operand for a in o.axes}
        own = [a for a in operand.axes if a not in out and a not in others]
        return self.total(operand, own)

    def _pair(self, operands: Sequence[Aligned], out: Sequence[int]) -> tuple[int, int]:
        """The two operands to take first.

        Elementwise ones, then those whose product has the fewest axes.
        """

        def cost(pair: tuple[int, int]) -> tuple[bool, float, int, int, tuple[int, int]]:
            a, b = operands[pair[0]], operands[pair[1]]
            others = {x for k, o in enumerate(operands) if k not in pair for x in o.axes}
            union = set(a.axes) | set(b.axes)
            wider = union not in (set(a.axes), set(b.axes))
            kept = len(union & (others | set(out)))
            return wider, self.work(union), kept, len(union), pair

        count = len(operands)
        pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
        return min(pairs, key=cost)

    def work(self, axes: Iterable[int]) -> float:
        """How many points axes have, a symbolic size being some length."""
        total = 1.0
        for a in axes:
            total *= int(self.sizes[a]) if self.sizes[a].is_Integer else _SOME_LENGTH
        return total

    def _product(self, a: Aligned, b: Aligned, needed: set[int], out: Sequence[int]) -> Aligned:
        shared = [x for x in a.axes if x in b.axes]
        summed = [x for x in shared if x not in needed]
        order = [*out, *sorted({*a.axes, *b.axes} - set(out))]
        if not summed:
            covering = next((o for o in (a, b) if len(o.axes) == len({*a.axes, *b.axes})), None)
            if covering is None and out and out[0] not in {*a.axes, *b.axes}:
                order = [*order[len(out) :], *out]  # the right operand of a product to come
            return self.multiply(a, b, order if covering is None else covering.axes)
        batch = [x for x in order if x in shared and x not in summed]
        rows = [x for x in order if x in a.axes and x not in shared]
        columns = [x for x in order if x in b.axes and x not in shared]
        if not rows and not columns:
            return self._dot(a, b, batch, summed)
        if columns and (not rows or order.index(columns[0]) < order.index(rows[0])):
            a, b, rows, columns = b, a, columns, rows
        return self._matmul(a, b, batch, rows, columns, summed)

    def _dot(self, a: Aligned, b: Aligned, batch: Sequence[int], summed: Sequence[int]) -> Aligned:
        if batch and a.axes[0] in summed and a.axes == b.axes:
            return self.total(self.multiply(a, b, a.axes), summed)
        axes = [*batch, *(x for x in a.axes if x in summed)]
        first, second = self.viewer.ordered(a, axes), self.viewer.ordered(b, axes)
        if batch and len(summed) > 1:
            shape = [*self.shape(batch), product(self.shape(summed))]
            first, second = self.viewer.reshape(first, shape), self.viewer.reshape(second, shape)
        if batch:
            op = Op.VECDOT
        else:
            op = Op.MATMUL if len(summed) == 1 else Op.VDOT
        array = self.program.add(op, (first, second), None, self.shape(batch))
        return Aligned(array, tuple(batch))

    def _matmul(
        self,
        a: Aligned,
        b: Aligned,
        batch: Sequence[int],
        rows: Sequence[int],
        columns: Sequence[int],
        summed: Sequence[int],
    ) -> Aligned:
        """``a[batch, rows, summed] @ b[batch, summed, columns]``.

        Several rows without a batch stay axes of their own.
        """
        if self.batch_last:
            a, b = self.viewer.patches(a), self.viewer.patches(b)
        summed = [x for x in a.axes if x in summed]
        several = len(summed) > 1 and not batch
        if self.batch_last and several:
            return self._two_matrices(a, b, rows, columns, summed)
        if several and (a.axes == (*summed, *rows) or b.axes == (*summed, *columns)):
            return self._flat_matmul(a, b, rows, columns, summed)
        first = self.viewer.ordered(a, [*batch, *rows, *summed])
        second = self.viewer.ordered(b, [*batch, *summed, *columns])
        inner, lead = self.shape(summed), self.shape(batch)
        row_shape, column_shape = self.shape(rows), self.shape(columns)
        several_rows = len(rows) > 1 and (self.flat or bool(batch) or len(summed) > 1)
        if len(rows) > 1 and row_shape[-1].is_Integer and int(row_shape[-1]) <= _FEW_ROWS:
            several_rows = True
        if len(summed) > 1 or several_rows:
            flat = [product(row_shape)] if several_rows else row_shape
            first = self.viewer.reshape(first, [*lead, *flat, product(inner)])
            row_axes = flat
        else:
            row_axes = row_shape
        if len(summed) > 1 or len(columns) > 1:
            flat_columns = [product(column_shape)] if len(columns) > 1 else column_shape
            second = self.viewer.reshape(second, [*lead, product(inner), *flat_columns])
        else:
            flat_columns = column_shape
        result = self._at(first, second, lead, row_axes, flat_columns)
        result = self.viewer.reshape(result, [*lead, *row_shape, *column_shape])
        return Aligned(result, (*batch, *rows, *columns))

    def _two_matrices(
        self,
        a: Aligned,
        b: Aligned,
        rows: Sequence[int],
        columns: Sequence[int],
        summed: Sequence[int],
    ) -> Aligned:
        """The product of two matrices, each as it lies in memory if that is possible."""
        rows = [x for x in a.axes if x in rows]
        columns = [x for x in b.axes if x in columns]
        first = self.viewer.matrix(a, rows, summed)
        second = self.viewer.matrix(b, summed, columns)
        flat = [self.program.shape(first)[0], self.program.shape(second)[1]]
        made = self.program.add(Op.MATMUL, (first, second), None, flat)
        whole = self.viewer.reshape(made, [*self.shape(rows), *self.shape(columns)])
        return Aligned(whole, (*rows, *columns))

    def _flat_matmul(
        self,
        a: Aligned,
        b: Aligned,
        rows: Sequence[int],
        columns: Sequence[int],
        summed: Sequence[int],
    ) -> Aligned:
        """``a.reshape(-1, rows).T @ b.reshape(-1, columns)``, both as they lie in memory."""
        inner = product(self.shape(summed))
        shapes = [self.shape(rows), self.shape(columns)]
        first = self.viewer.ordered(a, [*summed, *rows])
        second = self.viewer.ordered(b, [*summed, *columns])
        left = self.viewer.reshape(first, [inner, product(shapes[0])])
        right = self.viewer.reshape(second, [inner, product(shapes[1])])
        flat = [product(shapes[0]), product(shapes[1])]
        made = self.program.add(Op.MATMUL, (self.viewer.transpose(left, (1, 0)), right), None, flat)
        return Aligned(self.viewer.reshape(made, [*shapes[0], *shapes[1]]), (*rows, *columns))

    def _at(
        self,
        first: int,
        second: int,
        lead: Sequence[Size],
        rows: Sequence[Size],
        columns: Sequence[Size],
    ) -> int:
        """``@``; with a batch, a vector operand is made a matrix of one column."""
        if not lead or columns:
            return self.program.add(Op.MATMUL, (first, second), None, [*lead, *rows, *columns])
        items: tuple[Item, ...] = (*(Whole() for _ in self.program.shape(second)), NewAxis())
        column = self.viewer.view(second, Subscript(items), [*self.program.shape(second), ONE])
        made = self.program.add(Op.MATMUL, (first, column), None, [*lead, *rows, ONE])
        return self.viewer.reshape(made, [*lead, *rows])
