"""The neighbourhood of a quantity as a small graph, in which layers of one kind look alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from sympy import Expr, Rational, Symbol

from symbackprop.ir import Comp, Graph, Node, Operand, Position, Read, Var
from symbackprop.sizes import At, Constraint, Index, Size, size_symbol
from symbackprop.sizes.index import linear
from symbackprop.sizes.symbols import size_symbols


@dataclass(slots=True)
class Local:
    """A piece of a graph with its own ids and size symbols.

    ids : outer id -> local id;  symbols : outer size symbol, or whole number, -> local symbol
    literal : whole numbers that stay what they are; None: all of them
    """

    graph: Graph
    ids: dict[int, int] = field(default_factory=dict)
    symbols: dict[Expr, Expr] = field(default_factory=dict)
    literal: frozenset[int] | None = None

    def size(self, size: Size) -> Size:
        """A size with its symbols renamed in order of first appearance, as are most numbers."""
        if size.is_Integer:
            if self.literal is None or size < 2 or int(size) in self.literal:
                return size
            return self._symbol(size)
        if isinstance(size, Symbol):
            return self._symbol(size)
        return size.xreplace({symbol: self._symbol(symbol) for symbol in size_symbols(size)})

    def _symbol(self, outer: Expr) -> Expr:
        if outer not in self.symbols:
            self.symbols[outer] = size_symbol(f"s{len(self.symbols)}")
        return self.symbols[outer]


@cache
def sizes_in(body: Expr) -> tuple[Symbol, ...]:
    """The size symbols that a body is written with, by name."""
    return tuple(sorted((s for s in body.free_symbols if s.is_integer), key=str))


@cache
def numbers_in(body: Expr) -> frozenset[int]:
    """The whole numbers from 2 that a body is written with: a size among them may be meant."""
    found = {part for r in body.atoms(Rational) for part in (abs(r.p), r.q)}
    return frozenset(n for n in found if n > 1)


def extract(
    graph: Graph, ids: Sequence[int], opened: set[int], aliases: Mapping[int, int]
) -> tuple[Local, tuple[Node, ...]]:
    """The nodes `ids` (operands first) as a local piece, and its nodes, which are its key.

    Nodes in `opened` keep their definition, the others become variables. Two pieces with equal
    keys are the same up to names of nodes and sizes. A whole number is a size like any other, what
    holds for all sizes holds for it, unless a body has it too: then it may be meant (a mean over 32
    is 1/32 of a sum).

    aliases : id -> the id among `ids` that stands for it
    """
    nodes = (graph[i] for i in ids if i in opened)
    numbers = [numbers_in(node.body) for node in nodes if isinstance(node, Comp)]
    local = Local(graph, literal=frozenset().union(*numbers))
    found: dict[Node, int] = {}
    waiting: dict[int, list[int]] = {}
    for alias, i in aliases.items():
        waiting.setdefault(i, []).append(alias)
    for i in ids:
        node = graph[i]
        if i in opened and isinstance(node, Comp):
            moved: Node = translated(node, local.ids, local)
        else:
            shape = tuple(local.size(n) for n in graph.shape(i))
            facts = node.facts if isinstance(node, Var) else ()
            moved = Var(f"v{len(found)}", shape, graph.kind(i), facts=facts)
        local.ids[i] = found.setdefault(moved, len(found))
        for alias in waiting.get(i, ()):
            local.ids[alias] = local.ids[i]
    return local, tuple(found)


def translated(comp: Comp, ids: dict[int, int], local: Local) -> Comp:
    """The comprehension with sources and sizes renamed."""
    return _Rename(ids, local.size).comp(comp)


@dataclass(slots=True)
class _Rename:
    """Sources and sizes of a comprehension replaced."""

    ids: dict[int, int]
    size: Callable[[Size], Size]

    def comp(self, comp: Comp) -> Comp:
        shape = tuple(self.size(n) for n in comp.shape)
        axes = tuple(self.size(n) for n in comp.axes)
        reads = tuple(self.operand(read) for read in comp.reads)
        write = tuple(self.index(t) for t in comp.write)
        domain = tuple(Constraint(self.index(c.term), c.equality) for c in comp.domain)
        return Comp(shape, axes, self.body(comp.body), reads, write, domain, comp.reduction)

    def body(self, body: Expr) -> Expr:
        sizes = sizes_in(body)
        return body.xreplace({s: self.size(s) for s in sizes}) if sizes else body

    def operand(self, read: Operand) -> Operand:
        if isinstance(read, Read):
            return Read(self.ids[read.source], tuple(self.index(t) for t in read.index))
        return Position(self.index(read.index))

    def index(self, term: Index) -> Index:
        if term.plain_axis() is not None:
            return term
        terms = []
        for atom, c in term.terms:
            if isinstance(atom, At):
                atom = At(self.ids[atom.source], tuple(self.index(t) for t in atom.index))
            terms.append((atom, self.size(c)))
        return linear(terms, self.size(term.const))


@dataclass(frozen=True, slots=True)
class Recipe:
    """Nodes to be made in a graph: comprehensions over local ids.

    inputs : how many local ids exist before;  nodes : in order, the next local ids
    """

    inputs: int
    nodes: tuple[Comp, ...]
    result: int


def recipe(graph: Graph, inputs: int, result: int) -> Recipe:
    """What has to be made, beyond the first `inputs` ids of a local graph, to get `result`."""
    if result < inputs:
        return Recipe(inputs, (), result)
    wanted = {result}
    for i in range(result, inputs - 1, -1):
        if i in wanted:
            wanted.update(s for s in graph.operands(i) if s >= inputs)
    order = sorted(wanted)
    ids = {i: i for i in range(inputs)} | {i: inputs + n for n, i in enumerate(order)}
    plain = _Rename(ids, lambda size: size)
    nodes = []
    for i in order:
        node = graph[i]
        assert isinstance(node, Comp)
        nodes.append(plain.comp(node))
    return Recipe(inputs, tuple(nodes), ids[result])


def replay(made: Recipe, graph: Graph, local: Local) -> int:
    """Make the recipe's nodes in the outer graph; the id of its result."""
    back = Local(graph, symbols={new: old for old, new in local.symbols.items()})
    ids: dict[int, int] = {}
    for outer, inner in local.ids.items():
        # an alias comes after the id that stands for it
        ids.setdefault(inner, outer)
    for n, comp in enumerate(made.nodes, start=made.inputs):
        moved = _Rename(ids, back.size).comp(comp)
        ids[n] = graph.comp(
            moved.shape,
            moved.axes,
            moved.body,
            moved.reads,
            moved.write,
            moved.domain,
            moved.reduction,
        )
    return ids[made.result]
