"""Writes that are no plain axes: slices, diagonals, taps, flattened positions and look-ups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.codegen.arrays import Op
from symbackprop.codegen.gather import Gatherer
from symbackprop.codegen.views import Aligned, Viewer, radix
from symbackprop.ir import Comp
from symbackprop.sizes import Index, Size


@dataclass(frozen=True, slots=True)
class Place:
    """``out[terms] += values`` for the axes of the values, in their order.

    terms : the written position of each dim;  axes : of the values;  sizes : of all axes
    unique : whether no entry is written twice
    """

    terms: tuple[Index, ...]
    axes: tuple[int, ...]
    sizes: tuple[Size, ...]
    unique: bool


class Scatterer:
    """Lowers writes."""

    def __init__(self, viewer: Viewer, gatherer: Gatherer) -> None:
        self.viewer = viewer
        self.gatherer = gatherer

    def scatter(self, comp: Comp, values: Aligned) -> int:
        """Zeros of the shape of `comp` with values added where it writes."""
        flattened = self._flattened(comp, values)
        if flattened is not None:
            return flattened
        raise NotImplementedError

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


__all__ = ["Op", "Place", "Scatterer"]


def _unused(values: Sequence[int]) -> None:
    return None
