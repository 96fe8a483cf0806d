"""One comprehension on its way to matrix form: its body taken apart, its reads as blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from symbackprop.ir import Comp, Read, Reduction
from symbackprop.raising.bodies import Body, body_axes, factored, is_product, leaf_of, size_formula
from symbackprop.raising.build import add, diag, hadamard, inner, matmul, negative, quotient, scaled
from symbackprop.raising.contraction import Block, contract
from symbackprop.raising.numbers import MEMBER_AXIS, STEP_AXIS
from symbackprop.raising.operands import Operands
from symbackprop.raising.shapes import form_of, is_scalar
from symbackprop.raising.transposing import outer, transposed
from symbackprop.raising.tree import (
    ONE,
    Apply,
    Big,
    Form,
    Formula,
    MatrixFunction,
    Negative,
    Number,
    OneHot,
    Ones,
    Over,
    Power,
    Quotient,
    Unnamed,
    Whole,
    form_of_shape,
)
from symbackprop.scalars import placeholder_index, record_of
from symbackprop.scalars.opaque import Opaque as OpaqueFunction
from symbackprop.sizes import Index, Size, axis, same_size


def matrix_form(shape: Sequence[Size]) -> Form | None:
    """How an array of this shape is written; None where it has more than two axes."""
    return form_of_shape(shape) if sum(size != 1 for size in shape) <= 2 else None


@dataclass(slots=True)
class Points:
    """One comprehension on its way to matrix form."""

    raiser: Operands
    comp: Comp
    sizes: dict[int, Size] = field(default_factory=dict)
    scattered: list[Block] = field(default_factory=list)
    fixed: dict[int, Index] = field(default_factory=dict)

    def raised(self, slices: tuple[Index, ...] = ()) -> Formula | None:
        """The comprehension as a formula of its shape, its first axes fixed at `slices`."""
        comp = self.comp
        if comp.domain or comp.reduction in (Reduction.MAX, Reduction.ARGMAX):
            return None
        self.sizes = dict(enumerate(comp.axes))
        for term, index, size in zip(comp.write, slices, comp.shape, strict=False):
            a = term.plain_axis()
            if a is None or a in self.fixed or not same_size(comp.axes[a], size):
                return None
            self.fixed[a] = index
        form = matrix_form(comp.shape[len(slices) :])
        written = self._written(len(slices))
        if form is None or written is None:
            return None
        if any(not same_size(self.sizes[a], size) for a, size in written):
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
        if len(out) + len(self.fixed) == len(comp.axes) and not self.scattered:
            result = self.lifted(comp.body, out)
        else:
            result = self._over_steps(out) or self._summed(comp.body, out)
        if result is None:
            return None
        return self._broadcast(result, (), out) if isinstance(result, Number) else result

    def _over_steps(self, out: tuple[int, ...]) -> Formula | None:
        """A sum over steps of a recurrence or members of a stack: ``Σ_t δ_t x_t^T``."""
        comp = self.comp
        summed = [a for a in range(len(comp.axes)) if a not in out and a not in self.fixed]
        steps = [a for a in summed if self._counts_steps(a)]
        members = [] if steps else [a for a in summed if self._counts_members(a)]
        if not (steps or members) or self.scattered:
            return None
        a = (steps or members)[0]
        outer = [t.plain_axis() for t in self.fixed.values()]
        first = STEP_AXIS if steps else MEMBER_AXIS
        depth = sum(b is not None and first <= b < first + STEP_AXIS for b in outer)
        fresh = self.raiser.fresh_axis(bool(steps), depth)
        inner = replace(self, fixed={**self.fixed, a: axis(fresh)})
        body = inner._over(out)
        if body is None:
            return None
        size = (comp.axes[a],)
        if isinstance(body, Negative):
            return negative(over_first(fresh, size, body.operand))
        return over_first(fresh, size, body)

    def _counts_steps(self, a: int) -> bool:
        """Whether an axis counts the steps of a recurrence: the outermost not yet fixed."""
        for read in self.comp.reads:
            if isinstance(read, Read):
                place = next(
                    (n for n, t in enumerate(read.index) if t.plain_axis() not in self.fixed), None
                )
                counts = place is not None and place < self.raiser.steps(read.source)
                if place is not None and counts and read.index[place].plain_axis() == a:
                    return True
        return False

    def _counts_members(self, a: int) -> bool:
        """Whether an axis counts the matrices of a stack."""
        for read in self.comp.reads:
            if isinstance(read, Read):
                first = [t.plain_axis() in self.fixed for t in read.index]
                place = first.index(False) if False in first else len(first)
                shape = self.raiser.graph.shape(read.source)[place:]
                deep = sum(size != 1 for size in shape) > 2
                if deep and read.index[place].plain_axis() == a:
                    return True
        return False

    def _axes(self, body: Body) -> frozenset[int]:
        """The axes a body depends on, without the fixed ones."""
        return body_axes(body, self.comp) - self.fixed.keys()

    def _summed(self, body: Body, out: tuple[int, ...]) -> Formula | None:
        axes = self._axes(body)
        if body.is_Add and len(axes) > 2:
            return _all(add, [self._summed(term, out) for term in body.args])
        if body.is_Add and any(self._axes(term) != axes for term in body.args):
            split = [self._summed(term, out) for term in body.args]
            if all(term is not None for term in split):
                return _all(add, split)
        return self._product(body, out, self.comp.axes)

    def _written(self, skipped: int) -> list[tuple[int, Size]] | None:
        """The axis written at each dim that is longer than 1; a label is an axis of its own."""
        found: list[tuple[int, Size]] = []
        dims = list(zip(self.comp.write, self.comp.shape, strict=True))
        for term, size in dims[skipped:]:
            labels = self._labels(term, size)
            if labels is None:
                plain = plain_axes((term,), (size,))
                if plain is None:
                    return None
                found.extend(plain)
            else:
                new = len(self.sizes)
                self.sizes[new] = size
                self.scattered.append(Block(labels.formula, (*labels.axes, new)))
                found.append((new, size))
        return found

    def _labels(self, term: Index, size: Size) -> Block | None:
        """Where an index is a label and nothing else: the labels, one-hot, over their axis."""
        if len(term.terms) != 1 or term.const != 0 or size == 1:
            return None
        atom, coefficient = term.terms[0]
        if isinstance(atom, int) or coefficient != 1:
            return None
        used = plain_axes(atom.index, self.raiser.graph.shape(atom.source))
        if used is None or len(used) > 1 or not self.raiser.stays(atom.source):
            return None
        labels = self.raiser.operand(atom.source)
        if labels is None or any(not same_size(self.sizes[a], n) for a, n in used):
            return None
        return Block(OneHot(labels, size), tuple(a for a, _ in used))

    def _own_axes(self, body: Body, want: tuple[int, ...]) -> tuple[int, ...]:
        """The axes of a body, in the order of `want`, then ascending."""
        found = self._axes(body)
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
        if is_product(body):
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
        self, body: Body, out: tuple[int, ...], summed: Sequence[Size] | None = None
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
        if summed is not None:
            blocks.extend(self.scattered)
        for axes in dict.fromkeys((*above, *below)):
            if axes in below:
                blocks.append(Block(_ratio(above.get(axes, []), below[axes]), axes))
            else:
                blocks.extend(Block(formula, axes) for formula in above[axes])
        used = {a for block in blocks for a in block.axes}
        for a, size in enumerate(summed or ()):
            if a not in used and a not in out and a not in self.fixed:
                blocks.append(Block(size_formula(size), ()))
        return contract(blocks, out, self.sizes)

    def _factor(self, factor: Body, out: tuple[int, ...]) -> Block | None:
        """One factor over its own axes."""
        if factor.is_Symbol and placeholder_index(factor) is not None:
            block = self._read(factor)
            if block is None or len(block.axes) < 2:
                return block
            a, b = block.axes
            return block if a < b else Block(transposed(block.formula), (b, a))
        own = tuple(sorted(self._axes(factor)))
        formula = self.lifted(factor, own)
        return None if formula is None else Block(formula, own)

    def _read(self, symbol: Body) -> Block | None:
        """An operand as a block over the axes it is read at."""
        k = placeholder_index(symbol)
        read = None if k is None else self.comp.reads[k]
        if not isinstance(read, Read):
            return None
        shape = self.raiser.graph.shape(read.source)
        slices = self._slices(read)
        if slices is None:
            return None
        formula = self.raiser.operand(read.source, slices)
        read = Read(read.source, read.index[len(slices) :])
        shape = shape[len(slices) :]
        if formula is not None and form_of(formula) is Form.ROW:
            formula = transposed(formula)
        if formula is not None and any(t.has_look_up() for t in read.index):
            return self._gathered(read, formula, shape)
        used = plain_axes(read.index, shape)
        if formula is None or used is None:
            return None
        if any(not same_size(self.sizes[a], size) for a, size in used):
            return None  # a part of the operand
        axes = tuple(a for a, _ in used)
        if len(axes) == 2 and axes[0] == axes[1]:
            return Block(Whole(MatrixFunction.DIAGONAL, formula), axes[:1])
        return Block(formula, axes)

    def _slices(self, read: Read) -> tuple[Index, ...] | None:
        """The fixed first indices of an operand; None where a later one is fixed."""
        first: list[Index] = []
        for d, term in enumerate(read.index):
            a = term.plain_axis()
            if a in self.fixed and d == len(first):
                shape = self.raiser.graph.shape(read.source)
                if not same_size(self.comp.axes[a], shape[d]):
                    return None
                first.append(self.fixed[a])
            elif any(b in self.fixed for b in term.axes()):
                return None
        return tuple(first)

    def _gathered(self, read: Read, formula: Formula, shape: Sequence[Size]) -> Block | None:
        """An operand read at labels along one axis: the product with the labels, one-hot."""
        long = [(t, size) for t, size in zip(read.index, shape, strict=True) if size != 1]
        labels = [self._labels(term, size) for term, size in long]
        found = [block for block in labels if block is not None]
        if len(long) > 2 or len(found) != 1:
            return None
        rest = [(t, size) for (t, size), b in zip(long, labels, strict=True) if b is None]
        others = plain_axes([t for t, _ in rest], [size for _, size in rest])
        block = found[0]
        if others is None or {a for a, _ in others} & set(block.axes):
            return None
        if any(not same_size(self.sizes[a], size) for a, size in others):
            return None
        if len(long) == 2 and labels[1] is not None:
            formula = transposed(formula)
        axes = (*block.axes, *(a for a, _ in others))
        if block.axes:
            return Block(matmul((block.formula, formula)), axes)
        if others:
            return Block(matmul((transposed(formula), block.formula)), axes)
        return Block(inner(block.formula, formula), axes)

    def _broadcast(
        self, formula: Formula, own: tuple[int, ...], want: tuple[int, ...]
    ) -> Formula | None:
        """A formula over `own`, repeated along the other axes of `want`."""
        if own == want:
            return formula
        sizes = self.sizes
        if not own:
            ones = [Ones(sizes[a]) for a in want]
            repeated = ones[0] if len(want) == 1 else outer(ones[0], ones[1])
            return scaled([formula], repeated)
        other = Ones(sizes[next(a for a in want if a not in own)])
        return outer(formula, other) if want[0] == own[0] else outer(other, formula)


def over_first(fresh: int, size: tuple[Size, ...], body: Formula) -> Formula:
    """A sum over steps or members; of such a sum, one over both."""
    if isinstance(body, Over) and body.big is Big.SUM and body.sizes and not body.conditions:
        return Over(Big.SUM, (fresh, *body.axes), (), body.body, (*size, *body.sizes))
    return Over(Big.SUM, (fresh,), (), body, size)


def plain_axes(index: Sequence[Index], shape: Sequence[Size]) -> list[tuple[int, Size]] | None:
    """The axis at each dim that is longer than 1; None where a position is no plain axis."""
    found: list[tuple[int, Size]] = []
    for term, size in zip(index, shape, strict=True):
        a = term.plain_axis()
        if a is not None and size != 1:
            found.append((a, size))
        elif size != 1 or not term.is_constant():
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


def _all(
    build: Callable[[Sequence[Formula]], Formula], formulas: Sequence[Formula | None]
) -> Formula | None:
    """``build(formulas)`` where none is missing."""
    found = [f for f in formulas if f is not None]
    if len(found) < len(formulas):
        return None
    return build(found)


__all__ = ["Operands", "Points", "matrix_form", "plain_axes"]
