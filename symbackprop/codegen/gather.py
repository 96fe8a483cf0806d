"""What is no view: positions as numbers, look-ups, masks of domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symbackprop.codegen.arrays import Op
from symbackprop.codegen.bodies import size_tree
from symbackprop.codegen.stable import Source
from symbackprop.codegen.storage import Stored
from symbackprop.codegen.views import Aligned, Viewer
from symbackprop.ir import Comp, Kind
from symbackprop.scalars.numpy_tree import Number, NumpyTree, Operand, SizeName, Ufunc, apply
from symbackprop.sizes import At, Constraint, Index, Size, constant, implied

ZERO = Number(0)
LEAST = apply(Ufunc.NEGATIVE, SizeName("np.inf"))


class Gatherer:
    """Makes index arrays, gathered operands and masks."""

    def __init__(self, viewer: Viewer, stored: Mapping[Source, Stored]) -> None:
        self.viewer = viewer
        self.program = viewer.program
        self.stored = stored

    def in_range(self, array: int, terms: Sequence[Index], sizes: Sequence[Size]) -> bool:
        """Whether every position is in range on the whole box of the axes, proved."""
        for term, size in zip(terms, self.program.shape(array), strict=True):
            top = constant(size - 1) - term
            if not (implied(term, sizes) and implied(top, sizes)):
                return False
        return True

    def position(self, term: Index, comp: Comp) -> Aligned:
        """The value of an index term, as real numbers."""
        return self._affine(term, comp.axes, Kind.REAL)

    def _affine(self, term: Index, sizes: Sequence[Size], kind: Kind) -> Aligned:
        """An index term as an array over its axes."""
        operands: list[Aligned] = []
        total: NumpyTree | None = None
        for atom, c in term.terms:
            if isinstance(atom, int):
                size = sizes[atom]
                array = self.program.add(Op.RANGE, (), None, (size,), kind)
                operands.append(Aligned(array, (atom,)))
            else:
                operands.append(self._look_up(atom, sizes))
            tree: NumpyTree = Operand(len(operands) - 1)
            negative = c.could_extract_minus_sign()
            if (-c if negative else c) != 1:
                tree = apply(Ufunc.MULTIPLY, size_tree(-c if negative else c), tree)
            if total is None:
                total = apply(Ufunc.NEGATIVE, tree) if negative else tree
            else:
                total = apply(Ufunc.SUBTRACT if negative else Ufunc.ADD, total, tree)
        if total is None:
            total = size_tree(term.const)
        elif term.const.could_extract_minus_sign():
            total = apply(Ufunc.SUBTRACT, total, size_tree(-term.const))
        elif term.const != 0:
            total = apply(Ufunc.ADD, total, size_tree(term.const))
        if isinstance(total, Operand):
            return operands[0]
        order = sorted({a for o in operands for a in o.axes})
        return self.viewer.map(total, operands, order, sizes, kind)

    def _look_up(self, at: At, sizes: Sequence[Size]) -> Aligned:
        stored = self.stored[Source(at.source)]
        terms = [at.index[d] for d in stored.dims]
        found = self.viewer.entry(stored.array, terms, sizes)
        return self._gathered(stored.array, terms, sizes, False) if found is None else found

    def gather(
        self, array: int, terms: Sequence[Index], sizes: Sequence[Size], clip: bool
    ) -> Aligned:
        """The operand at index arrays.

        With `clip`, positions outside (off the domain) are moved inside.
        """
        return self._gathered(array, terms, sizes, clip)

    def _gathered(
        self, array: int, terms: Sequence[Index], sizes: Sequence[Size], clip: bool
    ) -> Aligned:
        shape = self.program.shape(array)
        tail: list[int] = []
        count = len(terms)
        while count:
            plain = terms[count - 1].plain_axis()
            others = {a for t in terms[: count - 1] for a in t.axes()}
            if plain is None or plain in others or plain in tail:
                break
            if sizes[plain] != shape[count - 1]:
                break
            tail.insert(0, plain)
            count -= 1
        places = self.places(terms[:count], shape[:count], sizes, clip)
        axes = sorted({a for p in places for a in p.axes})
        args = [array, *(self.viewer.ordered(p, axes) for p in places)]
        result = [*(sizes[a] for a in axes), *(sizes[a] for a in tail)]
        made = self.program.add(Op.GATHER, args, None, result, self.program[array].kind)
        return Aligned(made, (*axes, *tail))

    def places(
        self, terms: Sequence[Index], shape: Sequence[Size], sizes: Sequence[Size], clip: bool
    ) -> list[Aligned]:
        """Index terms as integer arrays, moved inside where `clip` asks for it."""
        found = [self._affine(term, sizes, Kind.INT) for term in terms]
        if not clip:
            return found
        return [
            self._clipped(place, term, size, sizes)
            for place, term, size in zip(found, terms, shape, strict=True)
        ]

    def _clipped(self, place: Aligned, term: Index, size: Size, sizes: Sequence[Size]) -> Aligned:
        low = implied(term, sizes)
        high = implied(constant(size - 1) - term, sizes)
        tree: NumpyTree = Operand(0)
        if not low:
            tree = apply(Ufunc.MAXIMUM, tree, ZERO)
        if not high:
            tree = apply(Ufunc.MINIMUM, tree, size_tree(size - 1))
        if low and high:
            return place
        return self.viewer.map(tree, [place], place.axes, sizes, Kind.INT)

    def mask(self, comp: Comp) -> Aligned:
        """Where the domain holds."""
        total: Aligned | None = None
        for constraint in comp.domain:
            here = self._holds(constraint, comp)
            if total is None:
                total = here
            else:
                order = sorted({*total.axes, *here.axes})
                both = apply(Ufunc.MULTIPLY, Operand(0), Operand(1))
                total = self.viewer.map(both, [total, here], order, comp.axes, Kind.BOOL)
        assert total is not None
        return total

    def _holds(self, constraint: Constraint, comp: Comp) -> Aligned:
        """``left = right`` or ``left >= right``, with no minus sign on either side."""
        left: list[tuple[int | At, Size]] = []
        right: list[tuple[int | At, Size]] = []
        for atom, c in constraint.term.terms:
            if c.could_extract_minus_sign():
                right.append((atom, -c))
            else:
                left.append((atom, c))
        const = constraint.term.const
        below = const.could_extract_minus_sign()
        zero = constant(0).const
        sides = [
            Index(tuple(left), zero if below else const),
            Index(tuple(right), -const if below else zero),
        ]
        arrays = [self._affine(side, comp.axes, Kind.INT) for side in sides]
        function = Ufunc.EQUAL if constraint.equality else Ufunc.GREATER_EQUAL
        order = sorted({a for o in arrays for a in o.axes})
        return self.viewer.map(
            apply(function, Operand(0), Operand(1)), arrays, order, comp.axes, Kind.BOOL
        )

    def choose(
        self,
        mask: Aligned,
        tree: NumpyTree,
        operands: Sequence[Aligned],
        order: Sequence[int],
        sizes: Sequence[Size],
        other: float,
    ) -> Aligned:
        """The tree where the mask holds, else `other`."""
        here = Operand(len(operands))
        if other == 0 and not _has_operand(tree):
            number = apply(Ufunc.CAST, here)
            chosen = number if tree == Number(1) else apply(Ufunc.MULTIPLY, number, tree)
        else:
            fill = Number(other) if other == 0 else LEAST
            chosen = apply(Ufunc.WHERE, here, tree, fill)
        return self.viewer.map(chosen, [*operands, mask], order, sizes)


def _has_operand(tree: NumpyTree) -> bool:
    return isinstance(tree, Operand) or any(_has_operand(a) for a in getattr(tree, "args", ()))
