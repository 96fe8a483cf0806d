"""Lower one comprehension.

Operands as views, then an elementwise map, a contraction or a reduction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from symbackprop.codegen.arrays import Op, Padding
from symbackprop.codegen.bodies import body_tree, with_operands
from symbackprop.codegen.contract import Contractor
from symbackprop.codegen.extremes import maximum_of_slices, winner_number, written_to_winner
from symbackprop.codegen.gather import Gatherer
from symbackprop.codegen.padding import Margin, Plan, plan
from symbackprop.codegen.scatter import Scatterer, taps_before_positions
from symbackprop.codegen.stable import Entry, Source
from symbackprop.codegen.storage import Stored, Task
from symbackprop.codegen.views import ZERO, Aligned, Viewer
from symbackprop.codegen.winners import Winner
from symbackprop.ir import Comp, Graph, Kind, Reduction
from symbackprop.scalars import placeholder, placeholder_index, placeholders
from symbackprop.scalars.numpy_indicators import settle_indicators
from symbackprop.scalars.numpy_tree import Number, NumpyTree, Operand, Ufunc, apply
from symbackprop.sizes import Size, as_size, same_size


class Comprehensions:
    """Lowers comprehensions of one graph.

    stored : the arrays there are;  layouts : node -> order of its dims in memory
    flat : whether products with several rows are always those of two matrices
    """

    def __init__(
        self,
        graph: Graph,
        viewer: Viewer,
        stored: Mapping[Source, Stored],
        layouts: Mapping[int, tuple[int, ...]],
        cap: float,
        flat: bool = False,
    ) -> None:
        self.cap = cap
        self.flat = flat
        self.batch_last = any(len(order) > 2 for order in layouts.values())
        self.graph = graph
        self.viewer = viewer
        self.program = viewer.program
        self.stored = stored
        self.layouts = layouts
        self.gatherer = Gatherer(viewer, stored)
        self.scatterer = Scatterer(viewer, self.gatherer)

    def lower(self, source: Source, task: Task) -> Stored:
        """The array of a task."""
        comp = task.comp
        if task.body is ZERO and comp.reduction in (Reduction.SUM, Reduction.NONE):
            zeros = self.program.add(Op.FULL, (), Number(0), comp.shape)
            return Stored(zeros, tuple(range(len(comp.shape))))
        if task.winner is not None:
            return self._to_winner(source, task, task.winner)
        chosen = self._plan(task)
        operands = self.operands(task, chosen)
        mask = self.gatherer.mask(comp) if chosen.masked else None
        plain = [term.plain_axis() for term in comp.write]
        written = [a for a in plain if a is not None]
        whole = len(written) == len(plain) == len(set(written)) and all(
            same_size(comp.axes[a], size) for a, size in zip(written, comp.shape, strict=True)
        )
        order = self._order(source, comp, written, operands) if whole else None
        layout = None if whole else self.layouts.get(source.node)
        if layout is not None:
            shape = tuple(comp.shape[d] for d in layout)
            comp = replace(comp, shape=shape, write=tuple(comp.write[d] for d in layout))
            order = taps_before_positions(comp)
        elif order is None:
            order = sorted({a for term in comp.write for a in term.axes()})
        result = self.compute(task, operands, mask, order)
        if whole:
            full = self.viewer.spread(result, order, comp.axes)
            dims = tuple(written.index(a) for a in order)
            return Stored(full, dims)
        array = self.scatterer.scatter(comp, result, chosen.cropped)
        return Stored(array, layout or tuple(range(len(comp.shape))))

    def _to_winner(self, source: Source, task: Task, winner: Winner) -> Stored:
        """The array of a task that writes to the winner of a maximum."""
        comp = task.comp
        layout = self.stored[winner.compared].dims
        order = [a for d in layout for a in winner.windows[0].write[d].own_axes()]
        operands = [self._read(e, comp) for e in task.found]
        value = self.map(task.body, operands, order, comp.axes)
        largest = self._read(Entry(winner.largest, winner.place), comp)
        compared = [self._read(Entry(winner.compared, w.read), comp) for w in winner.windows]
        places = [w.write for w in winner.windows]
        full = Aligned(self.viewer.spread(value, order, comp.axes), tuple(order))
        array = written_to_winner(self.viewer, comp, full, largest, compared, places, layout)
        return Stored(array, layout)

    def _read(self, entry: Entry, comp: Comp) -> Aligned:
        """An operand where no position is outside."""
        if entry.source is None:
            return self.gatherer.position(entry.index[0], comp)
        held = self.stored[entry.source]
        terms = [entry.index[d] for d in held.dims]
        found = self.viewer.entry(held.array, terms, comp.axes)
        return found or self.gatherer.gather(held.array, terms, comp.axes, False)

    def _order(
        self, source: Source, comp: Comp, written: Sequence[int], operands: Sequence[Aligned]
    ) -> list[int]:
        """The order of the written axes in memory.

        The layout asked for, or that of the largest operand.
        """
        layout = self.layouts.get(source.node)
        if layout is not None and len(layout) == len(written):
            return [written[d] for d in layout]
        if comp.reduction is Reduction.NONE:
            for operand in operands:
                base = self.program[self.program.base(operand.array)]
                if set(operand.axes) == set(written) and base.op is not Op.ARGUMENT:
                    return list(operand.axes)
        return list(written)

    def _plan(self, task: Task) -> Plan:
        shapes: list[tuple[Size, ...] | None] = []
        for entry in task.found:
            if entry.source is None:
                shapes.append(None)
                continue
            stored = self.stored[entry.source]
            held = dict(zip(stored.dims, self.program.shape(stored.array), strict=True))
            shapes.append(tuple(held[d] for d in range(len(held))))
        return plan(task, shapes)

    def operands(self, task: Task, chosen: Plan) -> list[Aligned]:
        """The operands of a task, as views or gathered."""
        found: list[Aligned] = []
        sizes = task.comp.axes
        for k, entry in enumerate(task.found):
            if entry.source is None:
                found.append(self.gatherer.position(entry.index[0], task.comp))
                continue
            stored = self.stored[entry.source]
            array = stored.array
            terms = [entry.index[d] for d in stored.dims]
            if k in chosen.padded:
                edges = [chosen.padded[k][d] for d in stored.dims]
                low = task.comp.reduction is Reduction.MAX
                array = self._padded(array, edges, float("-inf") if low else 0.0)
                terms = [t.shifted(e.low) for t, e in zip(terms, edges, strict=True)]
            aligned = None
            if not chosen.masked or self.gatherer.in_range(array, terms, sizes):
                aligned = self.viewer.entry(array, terms, sizes)
            if aligned is None:
                aligned = self.gatherer.gather(array, terms, sizes, chosen.masked)
            found.append(aligned)
        return found

    def _padded(self, array: int, edges: Sequence[Margin], value: float) -> int:
        """The array with margins of a value."""
        if all(e.low == 0 and e.high == 0 for e in edges):
            return array
        shape = [
            size + e.low + e.high for size, e in zip(self.program.shape(array), edges, strict=True)
        ]
        padding = Padding(tuple((e.low, e.high) for e in edges), value)
        return self.program.add(Op.PAD, (array,), padding, shape)

    def compute(
        self, task: Task, operands: Sequence[Aligned], mask: Aligned | None, order: Sequence[int]
    ) -> Aligned:
        """The body combined over every axis not in `order`."""
        comp = task.comp
        summed = [a for a in range(len(comp.axes)) if a not in order]
        if comp.reduction in (Reduction.MAX, Reduction.ARGMAX):
            return self._extreme(task, operands, mask, order, summed)
        if mask is not None:
            full = [*order, *summed]
            value = self.masked(task.body, operands, mask, full, comp.axes)
            return Contractor(self.viewer, comp.axes).total(value, summed)
        if not summed:
            return self.map(task.body, operands, order, comp.axes)
        return self._contraction(task.body, operands, order, comp.axes)

    def masked(
        self,
        body: Any,
        operands: Sequence[Aligned],
        mask: Aligned,
        order: Sequence[int],
        sizes: Sequence[Size],
        other: float = 0.0,
    ) -> Aligned:
        """The body where the mask holds, else another value."""
        from_tree = self._tree(body, operands)
        return self.gatherer.choose(mask, from_tree, operands, order, sizes, other)

    def _tree(self, body: Any, operands: Sequence[Aligned]) -> NumpyTree:
        late = self.program.late
        ranks = tuple(len(o.axes) + (0.5 if o.array in late else 0) for o in operands)
        tree = body_tree(body, ranks, self.cap)
        casts: list[NumpyTree] = []
        for k, operand in enumerate(operands):
            real = self.program[operand.array].kind is Kind.REAL
            casts.append(Operand(k) if real else apply(Ufunc.CAST, Operand(k)))
        return settle_indicators(with_operands(tree, casts))

    def map(
        self, body: Any, operands: Sequence[Aligned], order: Sequence[int], sizes: Sequence[Size]
    ) -> Aligned:
        """An elementwise body; the result has the axes of `order` that an operand has."""
        k = placeholder_index(body)
        if k is not None:
            axes = tuple(a for a in order if a in operands[k].axes)
            return Aligned(self.viewer.ordered(operands[k], axes), axes)
        tree = self._tree(body, operands)
        return self.viewer.map(tree, operands, order, sizes)

    def _extreme(
        self,
        task: Task,
        operands: Sequence[Aligned],
        mask: Aligned | None,
        order: Sequence[int],
        summed: Sequence[int],
    ) -> Aligned:
        comp = task.comp
        if mask is not None:
            full = [*order, *summed]
            value = self.masked(task.body, operands, mask, full, comp.axes, float("-inf"))
        else:
            value = operands[0]
        if comp.reduction is Reduction.ARGMAX:
            return winner_number(self.viewer, value, order, summed, comp.axes)
        few = maximum_of_slices(self.viewer, value, summed, comp.axes)
        if few is not None:
            return few
        gone = tuple(k for k, a in enumerate(value.axes) if a in summed)
        kept = tuple(a for a in value.axes if a not in summed)
        shape = [comp.axes[a] for a in kept]
        kind = self.program[value.array].kind
        return Aligned(self.program.add(Op.MAX, (value.array,), gone, shape, kind), kept)

    def _contraction(
        self, body: Any, operands: Sequence[Aligned], order: Sequence[int], sizes: Sequence[Size]
    ) -> Aligned:
        """A sum: the factors of a product with equal axes are one operand of the contraction."""
        terms = self._terms(body, operands)
        if len(terms) > 1:
            summed = self._axes(body, operands) - set(order)
            counted = [t * self._times(t, operands, summed, sizes) for t in terms]
            summands = [self._contraction(t, operands, order, sizes) for t in counted]
            total = sum(placeholder(k) for k in range(len(summands)))
            return self.map(total, summands, order, sizes)
        contractor = Contractor(self.viewer, sizes, self.flat, self.batch_last)
        scale, groups = self._groups(body, operands)
        light = min(range(len(groups)), key=lambda g: self._weight(groups[g], operands, sizes))
        weight = self._weight(groups[light], operands, sizes)
        if scale != 1 and weight < contractor.work(order) and len(groups) > 1:
            groups[light] = [scale, *groups[light]]
            scale = 1
        parts: list[Aligned] = []
        for factors in groups:
            if len(groups) == 1 and len(factors) > 1:
                half = [factors[:1], factors[1:]]
            else:
                half = [factors]
            for some in half:
                union = sorted({a for f in some for a in self._axes(f, operands)})
                axes = self._natural(some, operands, union, order)
                parts.append(self._real(self.map(_product(some), operands, axes, sizes), sizes))
        result = contractor.contract(parts, order)
        if scale == 1:
            return result
        body = scale * placeholder(len(operands))
        return self.map(body, [*operands, result], result.axes, sizes)

    def _terms(self, body: Any, operands: Sequence[Aligned]) -> list[Any]:
        """The terms of a sum that are products of operands with different axes.

        Each a product of its own.
        """
        factors = body.args if body.is_Mul else (body,)
        for factor in factors:
            if not factor.is_Add:
                continue
            whole = self._axes(factor, operands)
            if any(self._splits(t, operands, whole) for t in factor.args):
                rest = _product([f for f in factors if f != factor])
                return [rest * t for t in factor.args]
        return [body]

    def _times(
        self, term: Any, operands: Sequence[Aligned], summed: set[int], sizes: Sequence[Size]
    ) -> Any:
        """How often a term is summed over the axes that it does not have."""
        missing = sorted(summed - self._axes(term, operands))
        return math.prod((sizes[a] for a in missing), start=as_size(1))

    def _splits(self, term: Any, operands: Sequence[Aligned], whole: set[int]) -> bool:
        """Whether a term is a product in which no factor has all axes."""
        parts = [self._axes(f, operands) for f in (term.args if term.is_Mul else (term,))]
        return sum(map(bool, parts)) > 1 and all(p != whole for p in parts)

    def _weight(
        self, factors: Sequence[Any], operands: Sequence[Aligned], sizes: Sequence[Size]
    ) -> float:
        """How many entries a group of factors has."""
        axes = {a for f in factors for a in self._axes(f, operands)}
        return Contractor(self.viewer, sizes).work(axes)

    def _real(self, operand: Aligned, sizes: Sequence[Size]) -> Aligned:
        """The operand as numbers of the module's dtype."""
        if self.program[operand.array].kind is Kind.REAL:
            return operand
        cast = apply(Ufunc.CAST, Operand(0))
        return self.viewer.map(cast, [operand], operand.axes, sizes)

    def _natural(
        self,
        factors: Sequence[Any],
        operands: Sequence[Aligned],
        union: list[int],
        order: Sequence[int],
    ) -> list[int]:
        """The order of axes of the largest operand of some factors."""
        for k in sorted({k for f in factors for k in _used(f)}):
            if set(operands[k].axes) == set(union):
                return list(operands[k].axes)
        return [a for a in order if a in union] + [a for a in union if a not in order]

    def _axes(self, factor: Any, operands: Sequence[Aligned]) -> set[int]:
        return {a for k in _used(factor) for a in operands[k].axes}

    def _groups(self, body: Any, operands: Sequence[Aligned]) -> tuple[Any, list[list[Any]]]:
        """What has no axes, and the other factors by their axes."""
        scale: Any = 1
        groups: dict[tuple[int, ...], list[Any]] = {}
        for factor in _factors(body):
            axes = tuple(sorted(self._axes(factor, operands)))
            if axes:
                groups.setdefault(axes, []).append(factor)
            else:
                scale = scale * factor
        return scale, list(groups.values())


@lru_cache(maxsize=16384)
def _factors(body: Any) -> tuple[Any, ...]:
    """The factors of a product, by the operands they read."""
    factors = body.args if body.is_Mul else (body,)
    return tuple(sorted(factors, key=lambda f: (_used(f), str(f))))


@lru_cache(maxsize=16384)
def _used(factor: Any) -> tuple[int, ...]:
    return tuple(placeholders(factor))


def _product(factors: Sequence[Any]) -> Any:
    total: Any = 1
    for factor in factors:
        total = total * factor
    return total
