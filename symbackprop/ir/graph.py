"""The graph: an append-only, hash-consed list of nodes whose ids increase along edges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from sympy import Add, Expr, Integer

from symbackprop.errors import InternalError, ShapeError
from symbackprop.ir.canonical import Draft, canonical, is_identity
from symbackprop.ir.join import join
from symbackprop.ir.nodes import (
    Comp,
    Final,
    Hist,
    Kind,
    Loop,
    Node,
    Opaque,
    Operand,
    Policy,
    Prim,
    Read,
    Reduction,
    Var,
)
from symbackprop.scalars import placeholder
from symbackprop.sizes import Constraint, Index, Size, axis, constant

DEFAULT_POLICY = Policy()


class Graph:
    """Nodes by id. Equal nodes are one node; an id never changes its meaning.

    Parameters
    ----------
    policy : Policy
        Value at kinks and tie policy: data that the calculus reads.
    facts : tuple of size expressions known to be >= 0
    """

    def __init__(self, policy: Policy = DEFAULT_POLICY, facts: tuple[Size, ...] = ()) -> None:
        self.policy = policy
        self.facts = facts
        self._nodes: list[Node] = []
        self._ids: dict[Node, int] = {}
        self._shapes: list[tuple[Size, ...]] = []
        self._operands: list[tuple[int, ...]] = []

    def __len__(self) -> int:
        return len(self._nodes)

    def __getitem__(self, node_id: int) -> Node:
        return self._nodes[node_id]

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes)

    def shape(self, node_id: int) -> tuple[Size, ...]:
        """The shape of a node (of a loop: its results have shapes, it has none)."""
        return self._shapes[node_id]

    def operands(self, node_id: int) -> tuple[int, ...]:
        """The ids that a node reads, look-ups included, each once, in order of first use."""
        return self._operands[node_id]

    def kind(self, node_id: int) -> Kind:
        """Whether the entries of a node are reals, integers or booleans."""
        counted = False
        while True:
            node = self._nodes[node_id]
            match node:
                case Var():
                    # a sum of booleans counts them
                    return Kind.INT if counted and node.kind is Kind.BOOL else node.kind
                case Comp(reduction=Reduction.ARGMAX):
                    return Kind.INT
                case Comp(reads=(Read(source=source),), body=body) if body == placeholder(0):
                    counted = counted or node.reduction is Reduction.SUM
                    node_id = source
                case Prim():
                    return Kind.INT if node.op.value == "argsort" else Kind.REAL
                case Hist():
                    return self._body_kind(node.loop, node.value)
                case Final():
                    return self._body_kind(node.loop, self._loop(node.loop).carries[node.carry].out)
                case _:
                    return Kind.REAL

    def _loop(self, loop_id: int) -> Loop:
        loop = self._nodes[loop_id]
        if not isinstance(loop, Loop):
            raise InternalError(f"%{loop_id} is no loop: {loop}")
        return loop

    def _body_kind(self, loop_id: int, value: int) -> Kind:
        body = self._loop(loop_id).body
        return body.kind(value) if isinstance(body, Graph) else Kind.REAL

    def add(self, node: Node) -> int:
        """The id of `node`, made if there is no equal one. Comprehensions come through `comp`."""
        new = len(self._nodes)
        found = self._ids.setdefault(node, new)
        if found < new:
            return found
        sources = operands(node)
        if any(source >= new for source in sources):
            del self._ids[node]
            raise InternalError(f"node {new} reads a node that does not exist yet: {node}")
        self._nodes.append(node)
        self._operands.append(sources)
        self._shapes.append(self._shape_of(node))
        return new

    def find(self, node: Node) -> int | None:
        """The id of a node equal to `node`, if there is one."""
        return self._ids.get(node)

    def _shape_of(self, node: Node) -> tuple[Size, ...]:
        match node:
            case Loop():
                return ()
            case Opaque():
                extra = tuple(
                    size
                    for arg, order in zip(node.args, node.orders, strict=True)
                    for _ in range(order)
                    for size in self._shapes[arg]
                )
                return node.out_shape + extra
            case _:
                return node.shape

    def comp(
        self,
        shape: Sequence[Size],
        axes: Sequence[Size],
        body: Expr,
        reads: Sequence[Operand],
        write: Sequence[Index] | None = None,
        domain: Sequence[Constraint] = (),
        reduction: Reduction = Reduction.SUM,
    ) -> int:
        """The id of the comprehension in canonical form; reads of plain re-index nodes are joined.

        write : default: the first ``len(shape)`` axes. A SUM whose write is injective becomes NONE.
        """
        if write is None:
            write = tuple(axis(i) for i in range(len(shape)))
        draft = Draft(
            tuple(shape),
            tuple(axes),
            body,
            tuple(reads),
            tuple(write),
            tuple(domain),
            reduction,
        )
        comp = canonical(draft, self.facts)
        while (joined := self._joined(comp)) is not None:
            comp = canonical(joined, self.facts)
        if is_identity(comp):
            (read,) = comp.reads
            if isinstance(read, Read) and self._shapes[read.source] == comp.shape:
                return read.source
        return self.add(comp)

    def _joined(self, comp: Comp) -> Draft | None:
        """`comp` with one read of a re-index or constant node replaced by what that node reads."""
        for k, read in enumerate(comp.reads):
            if isinstance(read, Read):
                producer = self._nodes[read.source]
                if not isinstance(producer, Comp):
                    continue
                if producer.body == 0 and comp.reduction in (Reduction.NONE, Reduction.SUM):
                    return _with_zero(comp, k)
                if is_reindex(producer):
                    joined = join(comp, k, producer, self.facts)
                    if joined is not None and not joined.restricted:
                        return joined.draft
        return None

    def full(self, value: Expr | int, shape: Sequence[Size] = ()) -> int:
        """The node of this shape whose every entry is `value`."""
        body = Integer(value) if isinstance(value, int) else value
        return self.comp(shape, shape, body, ())

    def elementwise(self, body: Expr, sources: Sequence[int]) -> int:
        """`body` of nodes of one and the same shape, entry by entry."""
        shape = self._shapes[sources[0]]
        here = tuple(axis(i) for i in range(len(shape)))
        for source in sources:
            if self._shapes[source] != shape:
                raise ShapeError(f"elementwise: shapes differ: {shape} and {self._shapes[source]}")
        return self.comp(shape, shape, body, [Read(source, here) for source in sources])

    def total(self, sources: Sequence[int]) -> int:
        """The sum of nodes of one shape."""
        if len(sources) == 1:
            return sources[0]
        return self.elementwise(_sum_of(len(sources)), sources)

    def identity(self, shape: Sequence[Size]) -> int:
        """The Kronecker delta of shape ``shape + shape``: 1 where both halves agree."""
        here = tuple(axis(i) for i in range(len(shape)))
        return self.comp((*shape, *shape), shape, Integer(1), (), write=here + here)


@lru_cache(maxsize=1024)
def _sum_of(count: int) -> Expr:
    """``p0 + p1 + ...``: one after another they would be put in order again and again."""
    return Add(*(placeholder(k) for k in range(count)))


def _with_zero(comp: Comp, k: int) -> Draft:
    """The comprehension with operand `k` replaced by the number 0."""
    reduction = Reduction.SUM if comp.reduction is Reduction.NONE else comp.reduction
    body = comp.body.xreplace({placeholder(k): Integer(0)})
    return Draft(comp.shape, comp.axes, body, comp.reads, comp.write, comp.domain, reduction)


def is_reindex(comp: Comp) -> bool:
    """Whether the node only moves entries of one operand, or is constant where it is written."""
    if comp.reduction is not Reduction.NONE:
        return False
    if not comp.reads:
        return bool(comp.body.is_number)
    return comp.body == placeholder(0) and isinstance(comp.reads[0], Read)


def index_sources(terms: Iterable[Index]) -> Iterator[int]:
    """The integer nodes looked up in index terms."""
    for term in terms:
        if term.has_look_up():
            for look_up in term.look_ups():
                yield look_up.source


def operands(node: Node) -> tuple[int, ...]:
    """The ids a node reads, look-ups included, each once, in order of first use.

    For a node of a graph `Graph.operands` has them ready.
    """
    match node:
        case Var():
            return ()
        case Comp():
            return tuple(_comp_operands(node))
        case Opaque() | Prim():
            return tuple(dict.fromkeys(node.args))
        case Loop():
            outer = [c.init for c in node.carries]
            outer += [f.outer for f in (*node.stacked, *node.constants)]
            return tuple(dict.fromkeys(outer))
        case Hist() | Final():
            return (node.loop,)


def _comp_operands(node: Comp) -> dict[int, None]:
    found: dict[int, None] = {}
    for read in node.reads:
        if isinstance(read, Read):
            found[read.source] = None
            _add_look_ups(found, read.index)
        else:
            _add_look_ups(found, (read.index,))
    _add_look_ups(found, node.write)
    _add_look_ups(found, [c.term for c in node.domain])
    return found


def _add_look_ups(found: dict[int, None], terms: Sequence[Index]) -> None:
    for term in terms:
        if term.has_look_up():
            found.update(dict.fromkeys(look_up.source for look_up in term.look_ups()))


def reachable(graph: Graph, roots: Iterable[int]) -> list[int]:
    """The ids that `roots` depend on, roots included, ascending."""
    wanted = set(roots)
    pending = sorted(wanted, reverse=True)
    while pending:
        for source in graph.operands(pending.pop()):
            if source not in wanted:
                wanted.add(source)
                pending.append(source)
    return sorted(wanted)


def consumers(graph: Graph, ids: Iterable[int]) -> dict[int, list[int]]:
    """For each id, the ids among `ids` that read it, ascending."""
    found: dict[int, list[int]] = {}
    for node_id in ids:
        for source in graph.operands(node_id):
            found.setdefault(source, []).append(node_id)
    return found


def substituted(node: Comp, sources: Mapping[int, int]) -> Draft:
    """`node` with every operand `s` replaced by ``sources.get(s, s)``."""

    def moved(read: Operand) -> Operand:
        if isinstance(read, Read):
            index = tuple(t.map_sources(sources) for t in read.index)
            return Read(sources.get(read.source, read.source), index)
        return type(read)(read.index.map_sources(sources))

    return Draft(
        node.shape,
        node.axes,
        node.body,
        tuple(moved(read) for read in node.reads),
        tuple(t.map_sources(sources) for t in node.write),
        tuple(Constraint(c.term.map_sources(sources), c.equality) for c in node.domain),
        node.reduction,
    )


def with_operands(node: Node, moved: Mapping[int, int]) -> Node:
    """A node that is no comprehension, reading ``moved.get(s, s)`` for each operand s."""
    match node:
        case Opaque() | Prim():
            return replace(node, args=tuple(moved.get(a, a) for a in node.args))
        case Loop():
            return replace(
                node,
                carries=tuple(replace(c, init=moved.get(c.init, c.init)) for c in node.carries),
                stacked=tuple(replace(f, outer=moved.get(f.outer, f.outer)) for f in node.stacked),
                constants=tuple(
                    replace(f, outer=moved.get(f.outer, f.outer)) for f in node.constants
                ),
            )
        case Hist() | Final():
            return replace(node, loop=moved.get(node.loop, node.loop))
        case _:
            return node


__all__ = [
    "DEFAULT_POLICY",
    "Graph",
    "constant",
    "consumers",
    "index_sources",
    "is_reindex",
    "operands",
    "reachable",
    "substituted",
    "with_operands",
]
