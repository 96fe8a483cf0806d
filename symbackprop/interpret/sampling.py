"""Sizes and values to evaluate at: such that a transposed, dropped or confused axis cannot pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from math import gcd

import numpy as np

from symbackprop.errors import ShapeError
from symbackprop.ir import Comp, Fact, FactKind, Graph, Kind, Loop, Read, Var
from symbackprop.scalars import body_sizes
from symbackprop.scalars.fields import Array
from symbackprop.sizes import Index, Size, evaluate_size, size_symbols

_ATTEMPTS = 1000

MANY_SIZES = 16
"""Size symbols from which on only those that meet get coprime values: others would be too long."""


def coprime_sizes(
    symbols: Iterable[object], start: int = 3, facts: Sequence[Size] = ()
) -> dict[str, int]:
    """A value >= `start` for each symbol, by name: pairwise coprime, the same in every run.

    Parameters
    ----------
    symbols : size symbols or their names, in the order in which they are to grow
    facts : size expressions that must come out >= 0

    Raises
    ------
    ShapeError
        When no such values are found.
    """
    found: dict[str, int] = {}
    for name in dict.fromkeys(str(symbol) for symbol in symbols):
        found[name] = _next_coprime(start, found.values())
    for _ in range(_ATTEMPTS):
        broken = next((fact for fact in facts if _at(fact, found) < 0), None)
        if broken is None:
            return found
        _mend(broken, found)
    raise ShapeError(f"found no sizes with {broken} >= 0")


def sizes_to_test(graph: Graph, ids: Iterable[int]) -> dict[str, int]:
    """Values for the size symbols of some nodes, such that no two axes can be confused.

    Pairwise coprime; of very many symbols (each layer of a deep network has its own) those that
    meet in one node, or that both meet a third (that does not meet nearly all, as a batch does).
    """
    chosen = list(ids)
    names = free_sizes(graph, chosen)
    if len(names) <= MANY_SIZES or graph.facts:
        return coprime_sizes(names, facts=graph.facts)
    meets: dict[str, set[str]] = {name: {name} for name in names}
    for i in chosen:
        together = free_sizes(graph, (i,))
        for name in together:
            meets[name].update(together)
    found: dict[str, int] = {}
    for name in names:
        links = [middle for middle in meets[name] if len(meets[middle]) <= MANY_SIZES]
        near = meets[name].union(*(meets[middle] for middle in links))
        found[name] = _next_coprime(3, [found[other] for other in near if other in found])
    return found


def _next_coprime(start: int, others: Iterable[int]) -> int:
    taken = list(others)
    return next(
        n for n in count(start) if all(gcd(n, other) == 1 and n != other for other in taken)
    )


def _at(fact: Size, sizes: Mapping[str, int]) -> int:
    return int(fact.subs({s: sizes[str(s)] for s in size_symbols(fact)}))


def _mend(fact: Size, sizes: dict[str, int]) -> None:
    """Raise the one symbol that raises the fact most."""
    options = []
    for symbol in size_symbols(fact):
        name = str(symbol)
        others = [value for other, value in sizes.items() if other != name]
        value = _next_coprime(sizes[name] + 1, others)
        options.append((_at(fact, {**sizes, name: value}), name, value))
    gain, name, value = max(options)
    if gain <= _at(fact, sizes):
        raise ShapeError(f"no larger size makes {fact} >= 0")
    sizes[name] = value


def free_sizes(graph: Graph, ids: Iterable[int]) -> tuple[str, ...]:
    """The names of all size symbols in the nodes `ids`, sorted."""
    distinct = set(_sizes_of(graph, ids))
    found = {symbol.name for size in distinct for symbol in size_symbols(size)}
    return tuple(sorted(found))


def _sizes_of(graph: Graph, ids: Iterable[int]) -> Iterator[Size]:
    pending = [(graph, tuple(ids))]
    while pending:
        here, chosen = pending.pop()
        for node_id in chosen:
            node = here[node_id]
            yield from here.shape(node_id)
            if isinstance(node, Comp):
                yield from _comp_sizes(node)
            elif isinstance(node, Var):
                yield from (fact.size for fact in node.facts if fact.size is not None)
            elif isinstance(node, Loop) and isinstance(node.body, Graph):
                yield node.length
                pending.append((node.body, tuple(range(len(node.body)))))


def _comp_sizes(node: Comp) -> Iterator[Size]:
    yield from node.axes
    yield from body_sizes(node.body)
    terms: list[Index] = [*node.write, *(c.term for c in node.domain)]
    for read in node.reads:
        terms.extend(read.index if isinstance(read, Read) else (read.index,))
    for term in terms:
        yield term.const
        yield from (c for _, c in term.terms)
        if term.has_look_up():
            for look_up in term.look_ups():
                yield from (t.const for t in look_up.index)


def random_values(
    graph: Graph, ids: Iterable[int], sizes: Mapping[str, int], rng: np.random.Generator
) -> dict[str, Array]:
    """A value for each variable among `ids`, by name, that respects its declared facts.

    Reals are normal, or drawn from 0.5 .. 2 where positive; integers without a range are 0 or 1.
    """
    found: dict[str, Array] = {}
    for node_id in ids:
        node = graph[node_id]
        if isinstance(node, Var) and node.name not in found:
            found[node.name] = _draw(node, sizes, rng)
    return found


def _draw(node: Var, sizes: Mapping[str, int], rng: np.random.Generator) -> Array:
    shape = tuple(evaluate_size(size, sizes) for size in node.shape)
    facts = {fact.kind: fact for fact in node.facts}
    if node.kind is Kind.BOOL:
        return rng.random(shape) < 0.6
    if node.kind is Kind.INT:
        below = facts.get(FactKind.BELOW)
        top = 2 if below is None or below.size is None else evaluate_size(below.size, sizes)
        return rng.integers(0, max(top, 1), size=shape)
    if FactKind.ONE_HOT in facts:
        return _one_hot(shape, _axis(facts[FactKind.ONE_HOT]), rng)
    if FactKind.SUMS_TO_ONE in facts:
        axis = _axis(facts[FactKind.SUMS_TO_ONE])
        weights = rng.uniform(0.2, 1.0, size=shape)
        return np.asarray(weights / weights.sum(axis=axis, keepdims=True))
    if FactKind.POSITIVE in facts or FactKind.NONNEGATIVE in facts:
        return rng.uniform(0.5, 2.0, size=shape)
    return rng.standard_normal(shape)


def _axis(fact: Fact) -> int:
    return -1 if fact.axis is None else fact.axis


def _one_hot(shape: tuple[int, ...], axis: int, rng: np.random.Generator) -> Array:
    scores = rng.random(shape)
    return np.asarray(scores == scores.max(axis=axis, keepdims=True), dtype=np.float64)
