"""Scatters as statements: slice updates, and updates at index arrays."""

from __future__ import annotations

from collections.abc import Sequence

from symbackprop.codegen.arrays import Array
from symbackprop.codegen.expressions import Speller
from symbackprop.codegen.names import Namer
from symbackprop.codegen.scatter import PlaceWrite, SliceWrite, disjoint
from symbackprop.scalars.numpy_code import Code, CodePrecedence

ATOM = CodePrecedence.ATOM


def slice_writes(array: Array) -> list[SliceWrite]:
    """The writes of a scatter by slices."""
    assert isinstance(array.detail, tuple)
    return [write for write in array.detail if isinstance(write, SliceWrite)]


def place_lines(name: str, values: Code, places: Sequence[Code], write: PlaceWrite) -> list[str]:
    """One update by index arrays."""
    left = iter(places)
    items = [next(left).text if placed else ":" for placed in write.pattern]
    while items[-1] == ":":
        items.pop()
    where = ", ".join(items)
    if write.unique:
        return [f"{name}[{where}] = {values.text}"]
    return [f"np.add.at({name}, {_index_tuple(items)}, {values.text})"]


def _index_tuple(items: Sequence[str]) -> str:
    """Subscripts as a tuple that can be passed on."""
    texts = ["slice(None)" if item == ":" else item for item in items]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def slice_lines(
    speller: Speller, namer: Namer, name: str, values: Sequence[Code], writes: Sequence[SliceWrite]
) -> list[str]:
    """One slice update for each write, or for each tap of it."""
    apart = disjoint(writes)
    lines: list[str] = []
    for value, write in zip(values, writes, strict=True):
        taps: list[str] = []
        for count in write.taps:
            indent = "    " * len(taps)
            taps.append(namer.name("tap"))
            lines.append(f"{indent}for {taps[-1]} in range({speller.size(count).text}):")
        items = speller.shifted_items(write.items, write.shifts, taps)
        here = f"{value.within(ATOM)}[..., {', '.join(taps)}]" if taps else value.text
        update = "=" if apart or (not lines and write.unique) else "+="
        lines.append(f"{'    ' * len(taps)}{name}[{', '.join(items) or '()'}] {update} {here}")
    return lines
