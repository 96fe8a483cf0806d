"""Writes that are no plain axes: slices, diagonals, taps, flattened positions and look-ups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.codegen.arrays import Fixed, Item, Op, Slice, Subscript, Whole
from symbackprop.codegen.gather import Gatherer
from symbackprop.codegen.padding import Margin, margins
from symbackprop.codegen.views import ONE, Aligned, Viewer, radix
from symbackprop.ir import Comp, Reduction
from symbackprop.ir.canonical import product
from symbackprop.sizes import Index, Size, is_positive, same_size


@dataclass(frozen=True, slots=True)
class Tap:
    """A loop variable of a scatter: ``name`` runs over the last axis of the values that is left."""

    name: str
    count: Size


@dataclass(frozen=True, slots=True)
class SliceWrite:
    """``out[items] += values[..., taps]`` for every tap.

    Positions in `items` may add ``step * tap``.

    shifts : for each dim the (tap number, step) that is added to its start, or None
    unique : whether no entry is written twice, so that ``=`` will do
    """

    items: tuple[Item, ...]
    shifts: tuple[tuple[int, Size] | None, ...]
    taps: tuple[Size, ...]
    unique: bool


def disjoint(writes: Sequence[SliceWrite]) -> bool:
    """Whether no entry is written by two of the writes, proved by the slices of one dim."""
    for k, first in enumerate(writes):
        for second in writes[k + 1 :]:
            pairs = zip(first.items, second.items, strict=True)
            if not any(_apart(a, b) for a, b in pairs):
                return False
    return all(w.unique for w in writes)


def _apart(a: Item, b: Item) -> bool:
    """Whether two items of one dim have no position in common."""
    if isinstance(a, Slice) and isinstance(b, Slice) and a.step == b.step:
        gap = a.start - b.start
        if gap.is_Integer and a.step.is_Integer and gap % a.step != 0:
            return True
    ranges = []
    for item in (a, b):
        if isinstance(item, Fixed):
            ranges.append((item.position, item.position))
        elif isinstance(item, Slice):
            ranges.append((item.start, item.start + item.step * (item.count - 1)))
        else:
            return False
    (low, high), (start, stop) = ranges
    return is_positive(start - high) or is_positive(low - stop)


def covers(writes: Sequence[SliceWrite], shape: Sequence[Size]) -> bool:
    """Whether disjoint writes without taps reach every entry."""
    total: Size = ONE * 0
    for write in writes:
        count: Size = ONE
        for item, size in zip(write.items, shape, strict=True):
            count = count * (item.count if isinstance(item, Slice) else size)
            if isinstance(item, Fixed):
                count = count / size
        total = total + count
    return same_size(total, product(shape))


@dataclass(frozen=True, slots=True)
class PlaceWrite:
    """Values written at index arrays.

    ``out[places] = values`` or ``np.add.at(out, places, values)``; places: operands 1, ...

    pattern : for each dim whether it is an index array, else the whole axis
    """

    unique: bool
    pattern: tuple[bool, ...]


class Scatterer:
    """Lowers writes."""

    def __init__(self, viewer: Viewer, gatherer: Gatherer) -> None:
        self.viewer = viewer
        self.program = viewer.program
        self.gatherer = gatherer

    def scatter(self, comp: Comp, values: Aligned, cropped: bool) -> int:
        """Zeros of the shape of `comp` with values added where it writes.

        cropped : whether positions outside are to be dropped (a domain said so)
        """
        flattened = None if cropped else self._flattened(comp, values)
        if flattened is not None:
            return flattened
        found = margins(comp.write, comp.shape, comp.axes) if cropped else ()
        if found is not None:
            sliced = self._sliced(comp, values, found)
            if sliced is not None:
                return sliced
        return self._placed(comp, values, cropped)

    def _flattened(self, comp: Comp, values: Aligned) -> int | None:
        """A write of whole mixed-radix numbers is a reshape."""
        order: list[int] = []
        for term, size in zip(comp.write, comp.shape, strict=True):
            parts = [(a, c, comp.axes[a]) for a, c in term.terms if isinstance(a, int)]
            digits = radix(parts, term, size) if len(parts) == len(term.terms) else None
            if digits is None:
                return None
            order.extend(digits)
        if len(set(order)) < len(order):
            return None
        full = self.viewer.spread(values, order, comp.axes)
        return self.viewer.reshape(full, comp.shape)

    def _sliced(self, comp: Comp, values: Aligned, edges: Sequence[Margin]) -> int | None:
        """Slices, one for each tap of the short axes.

        Into a wider buffer where positions fall outside.
        """
        items: list[Item] = []
        order: list[int] = []
        taps: list[int] = []
        shifts: list[tuple[int, Size] | None] = []
        for d, (term, size) in enumerate(zip(comp.write, comp.shape, strict=True)):
            if term.has_look_up() or len(term.terms) > 2:
                return None
            start = term.const + (edges[d].low if edges else 0)
            if not term.terms:
                items.append(Fixed(start))
                shifts.append(None)
                continue
            own = [(a, c) for a, c in term.terms if isinstance(a, int)]
            parts = sorted(own, key=lambda t: _length(comp.axes[t[0]]))
            axis, step = parts[-1]
            assert isinstance(axis, int)
            if not is_positive(step) or axis in order or axis in taps:
                return None
            order.append(axis)
            shift: tuple[int, Size] | None = None
            if len(parts) == 2:
                tap, by = parts[0]
                assert isinstance(tap, int)
                if not is_positive(by) or tap in order or tap in taps:
                    return None
                shift = (len(taps), by)
                taps.append(tap)
            shifts.append(shift)
            whole = start == 0 and step == 1 and same_size(comp.axes[axis], size) and not edges
            items.append(Whole() if whole and not shift else Slice(start, comp.axes[axis], step))
        full = self.viewer.spread(values, [*order, *taps], comp.axes)
        wide = tuple(
            s + (edges[d].low + edges[d].high if edges else 0) for d, s in enumerate(comp.shape)
        )
        write = SliceWrite(tuple(items), tuple(shifts), tuple(comp.axes[t] for t in taps), not taps)
        made = self.program.add(Op.SCATTER, (full,), (write,), wide)
        if not edges or all(e.low == 0 and e.high == 0 for e in edges):
            return made
        crop = tuple(
            Whole() if e.low == 0 and e.high == 0 else Slice(e.low, s, ONE)
            for e, s in zip(edges, comp.shape, strict=True)
        )
        return self.viewer.view(made, Subscript(crop), comp.shape)

    def _placed(self, comp: Comp, values: Aligned, clip: bool) -> int:
        """Index arrays; repeated positions add up."""
        plain = [self._whole_axis(comp, d) for d in range(len(comp.write))]
        pattern = tuple(a is None for a in plain)
        terms = [t for t, placed in zip(comp.write, pattern, strict=True) if placed]
        lengths = [n for n, placed in zip(comp.shape, pattern, strict=True) if placed]
        order = sorted({a for term in terms for a in term.axes()})
        first = pattern.index(True)
        together = all(pattern[first : first + len(terms)])
        before = [a for a in plain[:first] if a is not None] if together else []
        after = [a for a in plain if a is not None and a not in before]
        full = self.viewer.spread(values, [*before, *order, *after], comp.axes)
        places = [
            self.viewer.ordered(place, order)
            for place in self.gatherer.places(terms, lengths, comp.axes, clip)
        ]
        alone = {term.plain_axis() for term in comp.write}
        once = comp.reduction is Reduction.NONE or all(a in alone for t in terms for a in t.axes())
        unique = once and not clip
        write = PlaceWrite(unique, pattern)
        return self.program.add(Op.SCATTER, (full, *places), write, comp.shape)

    def _whole_axis(self, comp: Comp, d: int) -> int | None:
        """The axis that alone writes the whole of dim `d` and no other dim, or None."""
        a = comp.write[d].plain_axis()
        if a is None or not same_size(comp.axes[a], comp.shape[d]):
            return None
        elsewhere = any(a in term.axes() for k, term in enumerate(comp.write) if k != d)
        return None if elsewhere else a


def taps_before_positions(comp: Comp) -> list[int]:
    """The axes of a write in the order of its dims, the short ones of sums before all positions."""
    terms = [t.own_axes() for t in comp.write]
    first = next((d for d, axes in enumerate(terms) if len(axes) > 1), len(terms))
    order = [a for axes in terms[:first] for a in axes]
    rest = [sorted(axes, key=lambda a: _length(comp.axes[a])) for axes in terms[first:]]
    order += [a for axes in rest for a in axes[:-1]]
    order += [a for axes in rest for a in axes[-1:]]
    return list(dict.fromkeys(order))


def _length(size: Size) -> tuple[int, int]:
    """Symbolic sizes after all literal ones."""
    return (0, int(size)) if size.is_Integer else (1, 0)


__all__ = ["Index", "PlaceWrite", "Scatterer", "SliceWrite", "taps_before_positions"]
