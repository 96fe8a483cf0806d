"""Operands as views: an index tuple becomes slices, transposes, diagonals, windows and reshapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.codegen.arrays import (
    Array,
    ArrayProgram,
    Diagonal,
    Fixed,
    Item,
    NewAxis,
    Op,
    Reshape,
    Slice,
    Subscript,
    Transpose,
    View,
    Whole,
    Windows,
)
from symbackprop.codegen.bodies import folded, operand_indices, with_operands
from symbackprop.ir import Kind
from symbackprop.ir.canonical import product
from symbackprop.scalars.numpy_tree import (
    Apply,
    Number,
    NumpyTree,
    Operand,
    SizeName,
    Ufunc,
    is_indicator,
)
from symbackprop.sizes import Index, Size, as_size, is_positive, same_size

ONE = as_size(1)
ZERO = as_size(0)


@dataclass(frozen=True, slots=True)
class Aligned:
    """An array whose axis k runs over axis ``axes[k]`` of a comprehension."""

    array: int
    axes: tuple[int, ...]


class Viewer:
    """Makes views in a program."""

    def __init__(self, program: ArrayProgram) -> None:
        self.program = program

    def view(self, array: int, view: View, shape: Sequence[Size]) -> int:
        """A view of an array; a view that changes nothing is the array."""
        here = self.program[array]
        if isinstance(view, Transpose):
            if here.op is Op.VIEW and isinstance(here.detail, Transpose):
                order = tuple(here.detail.order[k] for k in view.order)
                return self.view(here.args[0], Transpose(order), shape)
            if view.order == tuple(range(len(view.order))):
                return array
        if isinstance(view, Subscript) and all(isinstance(i, Whole) for i in view.items):
            return array
        if isinstance(view, Subscript) and here.op is Op.VIEW:
            restored = self._restored(here, view)
            if restored is not None:
                return restored
        if isinstance(view, Windows) and isinstance(here.detail, Windows):
            both = Windows(here.detail.axes + view.axes, here.detail.widths + view.widths)
            return self.view(here.args[0], both, shape)
        if isinstance(view, Reshape) and same_shape(here.shape, shape):
            return array
        return self.program.add(Op.VIEW, (array,), view, shape, here.kind)

    def _restored(self, here: Array, view: Subscript) -> int | None:
        """``x[:, 0][:, None]`` of an axis of size 1 is x."""
        if not isinstance(here.detail, Subscript):
            return None
        (inner,) = here.args
        shape = self.program.shape(inner)
        outer = iter(view.items)
        for item, size in zip(here.detail.items, shape, strict=True):
            now = next(outer, None)
            dropped = isinstance(item, Fixed) and size == 1 and isinstance(now, NewAxis)
            if not dropped and not (isinstance(item, Whole) and isinstance(now, Whole)):
                return None
        return inner if next(outer, None) is None else None

    def transpose(self, array: int, order: Sequence[int]) -> int:
        """Axis k of the result is axis ``order[k]``."""
        shape = self.program.shape(array)
        return self.view(array, Transpose(tuple(order)), [shape[k] for k in order])

    def reshape(self, array: int, shape: Sequence[Size]) -> int:
        """The same entries in another shape."""
        return self.view(array, Reshape(), shape)

    def entry(self, array: int, terms: Sequence[Index], sizes: Sequence[Size]) -> Aligned | None:
        """The operand whose axis k is read at ``terms[k]``, or None where that is no view.

        sizes : of the axes of the comprehension. Positions must be in range.
        """
        shape = self.program.shape(array)
        split: list[list[tuple[int, Size, Size]]] = []
        for term, size in zip(terms, shape, strict=True):
            parts = self._parts(term, size, sizes)
            if parts is None:
                return None
            split.append(parts)
        array, lengths, pending = self._digits(array, split, terms, sizes)
        return self._subscripted(array, lengths, pending, sizes)

    def _parts(
        self, term: Index, size: Size, sizes: Sequence[Size]
    ) -> list[tuple[int, Size, Size]] | None:
        """The (axis, coefficient, size) of a term, or None where it is no view."""
        found: list[tuple[int, Size, Size]] = []
        for atom, c in term.terms:
            if not isinstance(atom, int):
                return None
            found.append((atom, c, sizes[atom]))
        if len(found) <= 1 or radix(found, term, size) is not None:
            return found
        return found if len(found) == 2 and all(is_positive(c) for _, c, _ in found) else None

    def _digits(
        self,
        array: int,
        split: list[list[tuple[int, Size, Size]]],
        terms: Sequence[Index],
        sizes: Sequence[Size],
    ) -> tuple[int, list[Size], list[Index]]:
        """Mixed-radix terms become axes of their own, by a reshape.

        Others with two axes become windows.
        """
        shape: list[Size] = []
        pending: list[Index] = []
        windows: list[tuple[int, Index]] = []
        reshaped = False
        for term, parts, size in zip(terms, split, self.program.shape(array), strict=True):
            order = radix(parts, term, size) if len(parts) > 1 else None
            if order is not None:
                reshaped = True
                for a in order:
                    shape.append(sizes[a])
                    pending.append(Index(((a, ONE),)))
            else:
                if len(parts) > 1:
                    windows.append((len(shape), term))
                shape.append(size)
                pending.append(term)
        if reshaped:
            array = self.reshape(array, shape)
        for place, term in windows:
            own = [(a, c) for a, c in term.terms if isinstance(a, int)]
            (a, c), (b, d) = sorted(own, key=lambda t: (self._width(sizes[t[0]]), t[0]))
            width = c * (sizes[a] - 1) + 1
            shape[place] = shape[place] - width + 1
            shape.append(width)
            pending[place] = Index(((b, d),), term.const)
            pending.append(Index(((a, c),)))
            array = self.view(array, Windows((place,), (width,)), shape)
        return array, shape, pending

    def _width(self, size: Size) -> tuple[int, int]:
        """Literal, small axes first: they are the window."""
        return (0, int(size)) if size.is_Integer else (1, 0)

    def _subscripted(
        self, array: int, shape: list[Size], terms: Sequence[Index], sizes: Sequence[Size]
    ) -> Aligned | None:
        items: list[Item] = []
        axes: list[int] = []
        left: list[Size] = []
        for term, size in zip(terms, shape, strict=True):
            if term.is_constant():
                items.append(Fixed(term.const))
                continue
            ((atom, c),) = term.terms
            assert isinstance(atom, int)
            count = sizes[atom]
            if c is ONE and term.const is ZERO and same_size(count, size):
                items.append(Whole())
            else:
                items.append(Slice(term.const, count, c))
            axes.append(atom)
            left.append(count)
        array = self.view(array, Subscript(tuple(items)), left)
        while len(set(axes)) < len(axes):
            first = next(k for k, a in enumerate(axes) if a in axes[k + 1 :])
            second = axes.index(axes[first], first + 1)
            a, size = axes[first], left[first]
            axes = [x for k, x in enumerate(axes) if k not in (first, second)] + [a]
            left = [x for k, x in enumerate(left) if k not in (first, second)] + [size]
            array = self.view(array, Diagonal(first, second), left)
        return Aligned(array, tuple(axes))

    def patches(self, operand: Aligned) -> Aligned:
        """Windows over leading axes copied: positions in the window first, runs of the rest last.

        The copy serves every product that reads these windows.
        """
        array, axes = operand.array, operand.axes
        here = self.program[array]
        if here.op is Op.VIEW and isinstance(here.detail, Transpose):
            axes = tuple(axes[here.detail.order.index(k)] for k in range(len(axes)))
            (array,) = here.args
            here = self.program[array]
        items: tuple[Item, ...] = tuple(Whole() for _ in axes)
        if here.op is Op.VIEW and isinstance(here.detail, Subscript):
            items = here.detail.items
            (array,) = here.args
            here = self.program[array]
        plain = all(isinstance(item, Whole | Fixed) for item in items)
        if here.op is not Op.VIEW or not isinstance(here.detail, Windows) or not plain:
            return operand
        count, first = len(here.detail.axes), min(here.detail.axes)
        rank = len(here.shape) - count
        if rank - 1 in here.detail.axes:
            return operand
        order = [*range(first), *range(rank, rank + count), *range(first, rank)]
        view = self.transpose(array, order)
        copy = self.program.add(Op.COPY, (view,), None, self.program.shape(view), here.kind)
        self.program.hints.setdefault(copy, "patches")
        left = iter(axes)
        place = {k: next(left) for k, item in enumerate(items) if isinstance(item, Whole)}
        kept = [k for k in order if k in place]
        shape = [here.shape[k] for k in kept]
        made = self.view(copy, Subscript(tuple(items[k] for k in order)), shape)
        return Aligned(made, tuple(place[k] for k in kept))

    def matrix(self, operand: Aligned, rows: Sequence[int], columns: Sequence[int]) -> int:
        """The operand with two axes, over all of `rows` and all of `columns`.

        As it lies in memory where both groups do.
        """
        shape = self.program.shape(operand.array)
        sizes = dict(zip(operand.axes, shape, strict=True))
        flat = [product([sizes[a] for a in group]) for group in (rows, columns)]
        if operand.axes == (*columns, *rows) and rows:
            return self.transpose(self.reshape(operand.array, flat[::-1]), (1, 0))
        return self.reshape(self.ordered(operand, [*rows, *columns]), flat)

    def ordered(self, operand: Aligned, axes: Sequence[int]) -> int:
        """The operand with its axes in the order of `axes` (a superset).

        Missing ones as axes of size 1.

        Missing leading axes are left out: they broadcast.
        """
        present = [a for a in axes if a in operand.axes]
        array = self.transpose(operand.array, [operand.axes.index(a) for a in present])
        first = next((k for k, a in enumerate(axes) if a in operand.axes), len(axes))
        tail = axes[first:]
        if len(present) == len(tail):
            return array
        shape = self.program.shape(array)
        items: list[Item] = []
        full: list[Size] = []
        for a in tail:
            if a in operand.axes:
                items.append(Whole())
                full.append(shape[present.index(a)])
            else:
                items.append(NewAxis())
                full.append(ONE)
        return self.view(array, Subscript(tuple(items)), full)

    def map(
        self,
        tree: NumpyTree,
        operands: Sequence[Aligned],
        order: Sequence[int],
        sizes: Sequence[Size],
        kind: Kind = Kind.REAL,
    ) -> Aligned:
        """A tree over operands, one operation for each of its functions.

        Equal subtrees are one array.

        The result has the axes of `order` that an operand has.
        """
        tree = folded(with_operands(tree, [self._inlined(k, o) for k, o in enumerate(operands)]))
        return self._mapped(tree, operands, order, sizes, kind)

    def _inlined(self, k: int, operand: Aligned) -> NumpyTree:
        """An operand, or the tree over sizes that it is."""
        here = self.program[operand.array]
        if here.op is Op.MAP and not here.args:
            assert isinstance(here.detail, Number | SizeName | Apply)
            return here.detail
        return Operand(k)

    def _mapped(
        self,
        tree: NumpyTree,
        operands: Sequence[Aligned],
        order: Sequence[int],
        sizes: Sequence[Size],
        kind: Kind,
    ) -> Aligned:
        if isinstance(tree, Operand):
            return operands[tree.index]
        scalar = not operand_indices(tree)
        args: dict[int, NumpyTree] = {}
        parts: list[Aligned] = []
        if isinstance(tree, Apply) and not scalar:
            for k, arg in enumerate(tree.args):
                if operand_indices(arg):
                    parts.append(self._mapped(arg, operands, order, sizes, kind))
                    args[k] = Operand(len(parts) - 1)
                else:
                    args[k] = arg
            tree = Apply(
                tree.function, tuple(args[k] for k in range(len(args))), tree.name, tree.orders
            )
        have = {a for part in parts for a in part.axes}
        axes = tuple(a for a in order if a in have)
        arrays = [self.ordered(part, axes) for part in parts]
        distinct = list(dict.fromkeys(arrays))
        tree = with_operands(tree, [Operand(distinct.index(a)) for a in arrays])
        shape = [sizes[a] for a in axes]
        merged = self._merged(tree, arrays)
        if merged is not None:
            return Aligned(merged, axes)
        made = Kind.BOOL if is_indicator(tree) else kind
        if isinstance(tree, Apply) and tree.function is Ufunc.CAST:
            made = Kind.REAL
        return Aligned(self.program.add(Op.MAP, distinct, tree, shape, made), axes)

    def _merged(self, tree: NumpyTree, arrays: Sequence[int]) -> int | None:
        """The sum of slices written into zeros, as all slices written into one array."""
        if not isinstance(tree, Apply) or tree.function is not Ufunc.ADD or len(arrays) != 2:
            return None
        first, second = (self.program[a] for a in arrays)
        if first.op is not Op.SCATTER or second.op is not Op.SCATTER:
            return None
        if not isinstance(first.detail, tuple) or not isinstance(second.detail, tuple):
            return None
        if tree.args != (Operand(0), Operand(1)) or first.shape != second.shape:
            return None
        writes = first.detail + second.detail
        if any(w.taps for w in writes):
            return None
        return self.program.add(Op.SCATTER, first.args + second.args, writes, first.shape)

    def spread(self, operand: Aligned, order: Sequence[int], sizes: Sequence[Size]) -> int:
        """The operand with every axis of `order`."""
        shape = [sizes[a] for a in order]
        here = self.program[operand.array]
        if here.op is Op.MAP and not here.args:
            return self.program.add(Op.FULL, (), here.detail, shape)
        array = self.ordered(operand, order)
        if len(operand.axes) == len(order):
            return array
        return self.program.add(Op.BROADCAST, (array,), None, shape, here.kind)


def radix(parts: Sequence[tuple[int, Size, Size]], term: Index, size: Size) -> list[int] | None:
    """The axes of a term that is a whole mixed-radix number, most significant first.

    None where it is none.
    """
    if term.const != 0:
        return None
    stride = ONE
    left = list(parts)
    order: list[int] = []
    while left:
        found = next((p for p in left if same_size(p[1], stride)), None)
        if found is None:
            return None
        left.remove(found)
        order.insert(0, found[0])
        stride = stride * found[2]
    return order if same_size(stride, size) else None


def same_shape(a: Sequence[Size], b: Sequence[Size]) -> bool:
    """Whether two shapes are equal."""
    return len(a) == len(b) and all(same_size(x, y) for x, y in zip(a, b, strict=True))
