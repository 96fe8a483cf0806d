"""What of a graph has been lowered, and what is to be lowered of a node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from symbackprop.codegen.stable import (
    POWER,
    Entry,
    Operands,
    Source,
    Stabiliser,
    compacted,
    divides,
    entries,
    is_exponential_sum,
)
from symbackprop.codegen.winners import Winner, winner_of
from symbackprop.ir import Comp, Graph, Operand, Read, Reduction
from symbackprop.ir.canonical import read_substituted
from symbackprop.ir.graph import index_sources
from symbackprop.ir.nodes import Position
from symbackprop.scalars import placeholder
from symbackprop.sizes import axis


class Stored(NamedTuple):
    """The array of a source: its axis k is dim ``dims[k]``."""

    array: int
    dims: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be computed of a node.

    A rewritten body and its operands, on the points of `comp`; where its domain only names the
    winner of a maximum, what that means.
    """

    comp: Comp
    body: Any
    found: tuple[Entry, ...]
    winner: Winner | None = None


class Tasks:
    """The tasks of a graph, each made once."""

    def __init__(
        self, stabiliser: Stabiliser, shared: frozenset[int], named: frozenset[int]
    ) -> None:
        self.stabiliser = stabiliser
        self.named = named
        self.shared = shared
        self._tasks: dict[Source, Task] = {}

    def get(self, source: Source, comp: Comp) -> Task:
        """The task of a source that is to be computed by `comp`."""
        task = self._tasks.get(source)
        if task is None:
            comp = with_unit_axes(self._inlined(self._merged(comp)), self.stabiliser.graph)
            body, found = self.stabiliser.rewrite(comp)
            winner = winner_of(self.stabiliser.graph, comp, found) if comp.domain else None
            task = self._tasks[source] = Task(comp, body, tuple(found), winner)
        return task

    def _merged(self, comp: Comp) -> Comp:
        """A multiple, or a sum of a multiple, of sums that nothing else reads, as one sum."""
        while len(comp.reads) == 1 and not comp.domain and comp.reduction in _LINEAR:
            (read,) = comp.reads
            if comp.reduction is Reduction.NONE and comp.body == placeholder(0):
                return comp
            if not isinstance(read, Read) or read.source in self.shared:
                return comp
            inner = self.stabiliser.graph[read.source]
            multiple = placeholder(0) in comp.body.args if comp.body.is_Mul else not comp.body.args
            if not multiple or not isinstance(inner, Comp) or inner.domain:
                return comp
            plain = [t.plain_axis() for t in inner.write]
            if inner.reduction is not Reduction.SUM or None in plain or is_exponential_sum(inner):
                return comp
            count = len(comp.axes)
            moves = {a: t for a, t in zip(plain, read.index, strict=True) if a is not None}
            summed = [a for a in range(len(inner.axes)) if a not in moves]
            moves.update({a: axis(count + n) for n, a in enumerate(summed)})
            reads = tuple(read_substituted(r, moves) for r in inner.reads)
            axes = (*comp.axes, *(inner.axes[a] for a in summed))
            body = comp.body.xreplace({placeholder(0): inner.body})
            comp = replace(comp, axes=axes, body=body, reads=reads, reduction=Reduction.SUM)
        return comp

    def _inlined(self, comp: Comp) -> Comp:
        """The comprehension with elementwise operands, if nothing else reads them, in its body."""
        if comp.reduction in (Reduction.MAX, Reduction.ARGMAX):
            return comp
        operands = Operands(entries(comp))
        body = comp.body
        position = 0
        while position < len(operands.entries) < _MAX_OPERANDS:
            entry = operands.entries[position]
            source = entry.source
            if source is not None:
                inner = self._definition(entry, operands)
                if inner is not None:
                    body = body.xreplace({placeholder(position): inner})
            position += 1
        body = self._without_poles(body, operands)
        if body == comp.body:
            return comp
        body, found = compacted(body, operands.entries)
        reads = tuple(
            Read(e.source.node, e.index) if e.source else Position(e.index[0]) for e in found
        )
        return replace(comp, body=body, reads=reads)

    def _without_poles(self, body: Any, operands: Operands) -> Any:
        """The body with a named factor written out where that cancels what it divides by.

        ``da a (1 - a)`` with ``da = (1-y)/(1-a) - y/a`` is 0/0 where a sigmoid saturates, ``a - y``
        is not.
        """
        if not body.is_Mul:
            return body
        for factor in body.args:
            entry = operands.entry(factor)
            inner = factor
            if entry is not None:
                if not self._has_pole(entry):
                    continue
                inner = self.stabiliser.definition(entry, operands)
            if inner is None or (not inner.is_Add and not inner.is_Mul) or not divides(inner):
                continue
            whole = self._opened(inner, operands)
            poles = {x for e in _denominators(whole) for x in e.free_symbols}
            related = [f for f in body.args if f != factor and f.free_symbols <= poles]
            made = (_product([whole, *related])).cancel()
            if not divides(made):
                rest = [f for f in body.args if f != factor and f not in related]
                return _product([made.factor(), *rest])
        return body

    def _has_pole(self, entry: Entry) -> bool:
        """Whether an operand is made by a body that divides."""
        node = self.stabiliser.graph[entry.source.node] if entry.source else None
        return isinstance(node, Comp) and divides(node.body)

    def _opened(self, body: Any, operands: Operands) -> Any:
        """The body with operands like 1 - a written out."""
        for symbol in sorted(body.free_symbols, key=str):
            entry = operands.entry(symbol)
            inner = self._definition(entry, operands) if entry and entry.source else None
            if inner is not None:
                body = body.xreplace({symbol: inner})
        return body

    def _definition(self, entry: Entry, operands: Operands) -> Any | None:
        """The definition of an anonymous operand: read once, or no more than a sum of two terms."""
        assert entry.source is not None
        if entry.source.node in self.shared:
            node = self.stabiliser.graph[entry.source.node]
            if entry.source.node in self.named or not isinstance(node, Comp):
                return None
            cheap = len(node.reads) == 1 and node.body.is_Add and node.body.count_ops() <= _CHEAP
            if not cheap:
                return None
        return self.stabiliser.definition(entry, operands)


def _denominators(body: Any) -> list[Any]:
    """What a body divides by."""
    return [e.base for e in body.atoms(POWER) if e.exp.could_extract_minus_sign()]


def _product(factors: Sequence[Any]) -> Any:
    total: Any = 1
    for factor in factors:
        total = total * factor
    return total


_LINEAR = (Reduction.SUM, Reduction.NONE)
_MAX_OPERANDS = 24
_CHEAP = 2


def with_unit_axes(comp: Comp, graph: Graph) -> Comp:
    """The comprehension with an axis for each written dim of size 1.

    What it reads there is aligned from the right.
    """
    places = [
        d
        for d, (term, size) in enumerate(zip(comp.write, comp.shape, strict=True))
        if size == 1 and term.is_constant()
    ]
    if not places:
        return comp
    count, rank = len(comp.axes), len(comp.shape)
    units = {d: axis(count + n) for n, d in enumerate(places)}
    write = tuple(units.get(d, term) for d, term in enumerate(comp.write))
    reads: list[Operand] = []
    for read in comp.reads:
        if isinstance(read, Read):
            shape = graph.shape(read.source)
            index = list(read.index)
            for d, term in enumerate(read.index):
                place = rank - len(shape) + d
                if term.is_constant() and shape[d] == 1 and place in units:
                    index[d] = units[place]
            read = Read(read.source, tuple(index))
        reads.append(read)
    axes = (*comp.axes, *(comp.shape[d] for d in places))
    return replace(comp, axes=axes, write=write, reads=tuple(reads))


def look_ups(task: Task) -> Iterator[Source]:
    """The integer nodes looked up by a task, or what decides instead of them."""
    comp = task.comp
    for entry in task.found:
        yield from map(Source, index_sources(entry.index))
    yield from map(Source, index_sources(comp.write))
    if task.winner is not None:
        yield from (task.winner.largest, task.winner.compared)
        return
    yield from map(Source, index_sources(c.term for c in comp.domain))
