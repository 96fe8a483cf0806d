"""Stable lowerings.

Logarithms, quotients of exponentials and their sums, chosen here and never differentiated
through.

A sum of exponentials ``S = sum exp(u)`` is kept as its shift, its shifted terms and their sum;
log S, exp(u)/S and log(exp(u)/S) are made of these and never overflow. log of a sigmoid becomes a
softplus of its logit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

from symbackprop.ir import Comp, Graph, Read, Reduction
from symbackprop.ir.nodes import Position
from symbackprop.scalars import (
    FUNCTIONS,
    Sigmoid,
    Softplus,
    XLogY,
    placeholder,
    placeholder_index,
    placeholders,
)
from symbackprop.sizes import Index, same_size

Body = Any

EXP = FUNCTIONS["exp"].head
LOG = FUNCTIONS["log"].head
_DEPTH = 6


class Aspect(IntEnum):
    """What is wanted of a node; of those of one node each needs only earlier ones."""

    EXPONENT = 1
    """The u of a sum of exponentials.

    Its dims are the axes of the comprehension, summed ones last.
    """
    SHIFT = 2
    """The maximum of u, for each sum."""
    TERMS = 3
    """exp(u - shift)."""
    SUM = 4
    """The sum of the terms."""
    LOG = 5
    """shift + log(sum)."""
    VALUE = 6


class Source(NamedTuple):
    """An aspect of a node."""

    node: int
    aspect: Aspect = Aspect.VALUE


@dataclass(frozen=True, slots=True)
class Entry:
    """An operand of a body.

    An entry of a source, or (source None) the value of the one index term.
    """

    source: Source | None
    index: tuple[Index, ...]


def entries(comp: Comp) -> list[Entry]:
    """The operands of a comprehension."""
    found: list[Entry] = []
    for read in comp.reads:
        if isinstance(read, Read):
            found.append(Entry(Source(read.source), read.index))
        else:
            assert isinstance(read, Position)
            found.append(Entry(None, (read.index,)))
    return found


class Operands:
    """The operands of a body under rewriting: the place of an entry is its placeholder."""

    def __init__(self, found: Sequence[Entry]) -> None:
        self.entries = list(found)
        self._place = {entry: k for k, entry in enumerate(self.entries)}

    def symbol(self, entry: Entry) -> Body:
        """The placeholder of an entry."""
        k = self._place.setdefault(entry, len(self.entries))
        if k == len(self.entries):
            self.entries.append(entry)
        return placeholder(k)

    def entry(self, symbol: Body) -> Entry | None:
        """The entry of a placeholder."""
        k = placeholder_index(symbol)
        return None if k is None else self.entries[k]


def is_exponential_sum(comp: object) -> bool:
    """Whether a node is a sum over axes of exp(u), without a coefficient."""
    return (
        isinstance(comp, Comp)
        and comp.reduction is Reduction.SUM
        and isinstance(comp.body, EXP)
        and all(term.plain_axis() is not None for term in comp.write)
    )


class Stabiliser:
    """Rewrites bodies of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def exponential_sum(self, entry: Entry) -> Comp | None:
        """The comprehension of a sum of exponentials that an entry reads.

        Also where exp(u) is a node of its own.
        """
        if entry.source is None or entry.source.aspect is not Aspect.VALUE:
            return None
        node = self.graph[entry.source.node]
        if is_exponential_sum(node):
            assert isinstance(node, Comp)
            return node
        if (
            isinstance(node, Comp)
            and node.reduction is Reduction.SUM
            and node.body == placeholder(0)
            and isinstance(node.reads[0], Read)
            and all(term.plain_axis() is not None for term in node.write)
        ):
            operands = Operands(entries(node))
            inner = self.definition(operands.entries[0], operands)
            if isinstance(inner, EXP):
                return expanded(node, inner, operands)
        return None

    def definition(self, entry: Entry, operands: Operands) -> Body | None:
        """The body that makes an entry, over the operands.

        None where it is not elementwise and whole.
        """
        if entry.source is None or entry.source.aspect is not Aspect.VALUE:
            return None
        node = self.graph[entry.source.node]
        if not isinstance(node, Comp) or node.reduction is not Reduction.NONE or node.domain:
            return None
        moves: dict[int, Index] = {}
        for term, at, size in zip(node.write, entry.index, node.shape, strict=True):
            plain = term.plain_axis()
            if plain is None and size == 1 and term.is_constant():
                continue
            if plain is None or plain in moves or not same_size(node.axes[plain], size):
                return None
            moves[plain] = at
        new = {}
        for k, inner in enumerate(entries(node)):
            moved = tuple(term.substitute(moves) for term in inner.index)
            new[placeholder(k)] = operands.symbol(Entry(inner.source, moved))
        return node.body.xreplace(new)

    def rewrite(self, comp: Comp) -> tuple[Body, list[Entry]]:
        """The body of a comprehension and its operands.

        With stable forms in place of the plain ones.
        """
        operands = Operands(entries(comp))
        body = comp.body
        if divides(body):
            body = self._quotients(body, operands)
        if body.has(LOG, XLogY):
            body = merged_softplus(self._logarithms(body, operands))
        return compacted(body, operands.entries)

    def _logarithms(self, body: Body, operands: Operands) -> Body:
        new = {}
        for log in sorted(body.atoms(LOG), key=str):
            stable = self.log_form(log.args[0], operands, 0)
            if stable is not None:
                new[log] = stable
        for log in sorted(body.atoms(XLogY), key=str):
            stable = self.log_form(log.args[1], operands, 0)
            if stable is not None:
                new[log] = log.args[0] * stable
        return body.xreplace(new) if new else body

    def log_form(self, x: Body, operands: Operands, depth: int) -> Body | None:
        """A stable form of log x, where there is one better than the logarithm of the value."""
        if depth > _DEPTH:
            return None
        if isinstance(x, EXP):
            return x.args[0]
        if isinstance(x, Sigmoid):
            return -Softplus(-x.args[0])
        if x.is_Pow and x.exp.is_Rational:
            inner = self.log_form(x.base, operands, depth + 1)
            return None if inner is None else x.exp * inner
        if x.is_Mul:
            return self._log_of_product(x, operands, depth)
        if x.is_Add:
            return self._log_of_complement(x, operands, depth)
        entry = operands.entry(x)
        if entry is None:
            return None
        if self.exponential_sum(entry) is not None:
            assert entry.source is not None
            return operands.symbol(Entry(Source(entry.source.node, Aspect.LOG), entry.index))
        inner = self.definition(entry, operands)
        if inner is None or inner.is_Symbol:
            return None
        return self.log_form(inner, operands, depth + 1)

    def _log_of_product(self, x: Body, operands: Operands, depth: int) -> Body | None:
        """The sum of the logarithms, where one has its own form and the others are positive."""
        parts = [(f, self.log_form(f, operands, depth + 1)) for f in x.args]
        if all(part is None for _, part in parts):
            return None
        total = 0
        for factor, part in parts:
            if part is None and not factor.is_positive:
                return None
            total = total + (LOG(factor) if part is None else part)
        return total

    def _log_of_complement(self, x: Body, operands: Operands, depth: int) -> Body | None:
        """log(1 - sigmoid(u)) = -softplus(u)."""
        rest = 1 - x
        if isinstance(rest, Sigmoid):
            return -Softplus(rest.args[0])
        entry = operands.entry(rest)
        if entry is None:
            return None
        inner = self.definition(entry, operands)
        if inner is None or inner.is_Symbol:
            return None
        return self.log_form(1 - inner, operands, depth + 1)

    def _quotients(self, body: Body, operands: Operands) -> Body:
        """exp(u)/S becomes a quotient of shifted values."""
        new = {}
        for symbol in sorted(body.free_symbols, key=str):
            entry = operands.entry(symbol)
            if entry is None:
                continue
            comp = self.exponential_sum(entry)
            if comp is None:
                continue
            for product in _products(body):
                made = self._softmax(product, symbol, entry, comp, operands)
                if made is not None:
                    new[product] = made
        return body.xreplace(new) if new else body

    def _softmax(
        self, product: Body, symbol: Body, entry: Entry, comp: Comp, operands: Operands
    ) -> Body | None:
        if 1 / symbol not in product.args:
            return None
        assert entry.source is not None
        for factor in product.args:
            if factor == 1 / symbol:
                continue
            shown: Body | None = factor
            at = operands.entry(factor)
            if at is not None:
                shown = self.definition(at, operands)
            if not isinstance(shown, EXP):
                continue
            index = self._term_index(shown, comp, entry, operands)
            if index is None:
                continue
            term = operands.symbol(Entry(Source(entry.source.node, Aspect.TERMS), index))
            total = operands.symbol(Entry(Source(entry.source.node, Aspect.SUM), entry.index))
            return product / factor * symbol * term / total
        return None

    def _term_index(
        self, shown: Body, comp: Comp, entry: Entry, operands: Operands
    ) -> tuple[Index, ...] | None:
        """Where among the terms of the sum `comp` (read at `entry`) exp(u) is found."""
        fixed: dict[int, Index] = {}
        for term, at in zip(comp.write, entry.index, strict=True):
            plain = term.plain_axis()
            assert plain is not None
            fixed[plain] = at
        if comp.domain:
            return None
        found, here = compacted(shown, operands.entries)
        theirs, inner = compacted(comp.body, entries(comp))
        if found != theirs or len(here) != len(inner):
            return None
        for mine, other in zip(here, inner, strict=True):
            if mine.source != other.source:
                return None
            for a, b in zip(mine.index, other.index, strict=True):
                plain = b.plain_axis()
                if plain is not None and plain not in fixed:
                    fixed[plain] = a
                elif b.substitute(fixed) != a:
                    return None
        if len(fixed) < len(comp.axes):
            return None
        return tuple(fixed[a] for a in range(len(comp.axes)))


def expanded(node: Comp, body: Body, operands: Operands) -> Comp:
    """`node` with its body replaced by one over other operands."""
    body, found = compacted(body, operands.entries)
    reads = tuple(
        Read(entry.source.node, entry.index) if entry.source else Position(entry.index[0])
        for entry in found
    )
    return Comp(node.shape, node.axes, body, reads, node.write, node.domain, node.reduction)


def compacted(body: Body, found: Sequence[Entry]) -> tuple[Body, list[Entry]]:
    """The body and only the operands it uses, in their order."""
    used = placeholders(body)
    if used == tuple(range(len(found))):
        return body, list(found)
    moves: Mapping[Body, Body] = {placeholder(k): placeholder(n) for n, k in enumerate(used)}
    return body.xreplace(moves), [found[k] for k in used]


def _products(body: Body) -> list[Body]:
    return sorted(body.atoms(_MUL), key=str)


@lru_cache(maxsize=16384)
def divides(body: Body) -> bool:
    """Whether a body divides by an operand."""
    return any(e.exp.could_extract_minus_sign() and placeholders(e.base) for e in body.atoms(POWER))


@lru_cache(maxsize=4096)
def merged_softplus(body: Body) -> Body:
    """softplus(u) and softplus(-u) in one sum become one.

    Y softplus(-u) + (1-y) softplus(u) = softplus(u) - y u.
    """
    arguments = {h.args[0] for h in body.atoms(Softplus)}
    mirrored = [u for u in arguments if u.could_extract_minus_sign() and -u in arguments]
    for u in sorted(mirrored, key=str):
        pair = (Softplus(u), Softplus(-u))
        sums = [a for a in body.atoms(_ADD) if all(a.has(head) for head in pair)]
        for term in sorted(sums, key=lambda a: (a.count_ops(), str(a)))[:1]:
            merged = term.xreplace({pair[0]: pair[1] + u}).expand()
            body = body.xreplace({term: merged})
    return body


_MUL = type(placeholder(0) * placeholder(1))
POWER = type(placeholder(0) ** 2)
_ADD = type(placeholder(0) + placeholder(1))

__all__ = [
    "Aspect",
    "Entry",
    "Source",
    "Stabiliser",
    "compacted",
    "entries",
    "is_exponential_sum",
]
