"""From handles to a graph of nodes.

Arithmetic that has no name and one use becomes part of the node that uses it, so that `a*b - c` is
one node however it was written; functions, sums and named values are nodes of their own.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field

from sympy import Add, Expr, Mul, Pow

from symbackprop.errors import InvalidExpressionError
from symbackprop.frontend.affine import with_layer_apart
from symbackprop.frontend.names import fresh
from symbackprop.frontend.record import (
    Computed,
    Declared,
    Definition,
    Looped,
    Primitive,
    Record,
    Result,
    Unknown,
    describe,
)
from symbackprop.ir import (
    Carry,
    Feed,
    Final,
    Graph,
    Hist,
    Loop,
    Opaque,
    Operand,
    Policy,
    Position,
    Prim,
    Read,
    Reduction,
    Role,
    Var,
)
from symbackprop.scalars import placeholder
from symbackprop.sizes import Constraint, Index, Size, axis

BODY_LIMIT = 40
"""Operations in a body up to which arithmetic is put together."""
READ_LIMIT = 8


@dataclass(slots=True)
class Open:
    """A comprehension not yet made: its reads are of handles."""

    axes: tuple[Size, ...]
    body: Expr
    reads: tuple[tuple[Record | None, tuple[Index, ...]], ...]


@dataclass(slots=True)
class Lowered:
    """The graph, and the node of each handle that became one."""

    graph: Graph
    ids: dict[Record, int] = field(default_factory=dict)
    order: list[Record] = field(default_factory=list)
    bodies: dict[Record, Lowered] = field(default_factory=dict)


def operands_of(record: Record) -> tuple[Record, ...]:
    """The handles a handle was made from."""
    definition = record.definition
    return () if isinstance(definition, Declared) else definition.operands


def ancestors(roots: Iterable[Record], known: Container[Record] = ()) -> list[Record]:
    """The handles that `roots` were made from, themselves included, in the order they were made.

    known : handles at which the search stops
    """
    found: dict[int, Record] = {}
    pending = list(roots)
    while pending:
        record = pending.pop()
        if record.serial not in found and record not in known:
            found[record.serial] = record
            pending.extend(operands_of(record))
    return [found[serial] for serial in sorted(found)]


def lower(roots: Sequence[Record], policy: Policy) -> Lowered:
    """The graph of everything that `roots` depend on, with ids in the order of making."""
    order = ancestors(roots)
    facts = tuple(dict.fromkeys(fact for record in order for fact in record.facts))
    lowered = Lowered(Graph(policy, facts), order=order)
    _fill(lowered, order, roots)
    return lowered


def _fill(lowered: Lowered, order: Sequence[Record], roots: Sequence[Record]) -> None:
    """Make the nodes of `order`."""
    inner = _absorbed(order, roots)
    opened: dict[Record, Open] = {}
    for record in order:
        if record in inner:
            opened[record] = _expanded(record, opened)
        else:
            lowered.ids[record] = _lower_one(record, lowered, opened)


def _absorbed(order: Sequence[Record], roots: Sequence[Record]) -> set[Record]:
    """The handles that become part of their only user."""
    # a value with two labels is two handles with one definition
    users: dict[Definition, list[Record]] = {}
    kept: dict[Definition, None] = dict.fromkeys(root.definition for root in roots)
    for record in order:
        for operand in dict.fromkeys(x.definition for x in operands_of(record)):
            users.setdefault(operand, []).append(record)
        if _is_labelled(record):
            kept[record.definition] = None
    size: dict[Record, _Size] = {}
    found: set[Record] = set()
    for record in order:
        definition = record.definition
        if not isinstance(definition, Computed):
            continue
        size[record] = _size_of(
            record, definition, {x: size[x] for x in found & {*definition.operands}}
        )
        using = users.get(definition, [])
        if definition in kept or not _is_arithmetic(definition) or len(using) != 1:
            continue
        (user,) = using
        if size[record].fits() and _can_take(user, record, size[record]):
            found.add(record)
    return found


@dataclass(frozen=True, slots=True)
class _Size:
    """How large a body gets: its operations, its reads, whether every read is at every axis."""

    operations: int
    reads: int
    uniform: bool

    def fits(self) -> bool:
        return self.operations < BODY_LIMIT and self.reads <= READ_LIMIT


def _size_of(record: Record, definition: Computed, inside: dict[Record, _Size]) -> _Size:
    operations = int(definition.body.count_ops())
    reads, uniform = 0, True
    for operand in definition.operands:
        inner = inside.get(operand)
        if inner is None:
            reads += 1
            uniform = uniform and operand.shape == record.shape
        else:
            operations += inner.operations
            reads += inner.reads
            uniform = uniform and inner.uniform
    return _Size(operations, reads, uniform)


def _is_labelled(record: Record) -> bool:
    label = record.label
    return bool(label.name or label.hint or label.family or label.block)


def _is_arithmetic(definition: Computed) -> bool:
    return definition.pointwise and is_arithmetic(definition.body)


def is_arithmetic(body: Expr) -> bool:
    """Whether a body has sums, products and powers only, and is more than one operand."""
    if body.is_Symbol:
        return False
    pending = [body]
    while pending:
        part = pending.pop()
        if isinstance(part, Pow):
            if not part.args[1].is_number:
                return False
            pending.append(part.args[0])
        elif isinstance(part, (Add, Mul)):
            pending.extend(part.args)
        elif part.args and not part.is_number:
            return False
    return True


def _can_take(user: Record, record: Record, size: _Size) -> bool:
    """Whether `record` may become part of `user`: arithmetic of the same shape, or a sum of it.

    A sum takes no product of more than two factors with different indices: those are
    contracted in pairs.
    """
    definition = user.definition
    if not isinstance(definition, Computed) or definition.domain:
        return False
    if definition.reduction in (Reduction.MAX, Reduction.ARGMAX):
        return False
    position = definition.operands.index(record)
    places = [r for r in definition.reads if isinstance(r, Read) and r.source == position]
    if any(_looks_up(r, position) for r in definition.reads):
        return False
    if definition.pointwise:
        here = tuple(axis(i) for i in range(len(record.shape)))
        same = record.shape == user.shape and all(r.index == here for r in places)
        return same and is_arithmetic_or_one(definition.body)
    if len(definition.reads) > 1 or len(places) != 1 or definition.body != placeholder(0):
        return False
    if size.reads > 2 and not size.uniform:
        return False
    plain = [t.plain_axis() for t in places[0].index]
    return None not in plain and sorted(plain) == list(range(len(definition.axes)))  # type: ignore[type-var]


def is_arithmetic_or_one(body: Expr) -> bool:
    """Whether a body is arithmetic or a lone operand."""
    return bool(body.is_Symbol) or is_arithmetic(body)


def _looks_up(read: Operand, position: int) -> bool:
    terms = read.index if isinstance(read, Read) else (read.index,)
    return any(look_up.source == position for t in terms for look_up in t.look_ups())


def _expanded(record: Record, opened: dict[Record, Open]) -> Open:
    """The definition with what it absorbs put in."""
    definition = record.definition
    assert isinstance(definition, Computed)
    reads: list[tuple[Record | None, tuple[Index, ...]]] = []
    moves: dict[Expr, Expr] = {}
    for k, read in enumerate(definition.reads):
        source = definition.operands[read.source] if isinstance(read, Read) else None
        inner = opened.get(source) if source is not None else None
        if inner is None or source is None:
            index = read.index if isinstance(read, Read) else (read.index,)
            moves[placeholder(k)] = placeholder(len(reads))
            reads.append((source, index))
            continue
        assert isinstance(read, Read)
        axes = dict(enumerate(read.index))
        shift = {placeholder(j): placeholder(len(reads) + j) for j in range(len(inner.reads))}
        moves[placeholder(k)] = inner.body.xreplace(shift)
        reads.extend((s, tuple(t.substitute(axes) for t in index)) for s, index in inner.reads)
    return Open(definition.axes, definition.body.xreplace(moves), tuple(reads))


def _lower_one(record: Record, lowered: Lowered, opened: dict[Record, Open]) -> int:
    graph, definition = lowered.graph, record.definition
    match definition:
        case Declared(role=Role.BODY):
            raise InvalidExpressionError(
                f"{describe(record)} belongs to the inside of a loop and is used outside",
                help="return it from the step: return carry, value",
            )
        case Declared():
            name = record.label.name or ""
            return graph.add(
                Var(name, record.shape, record.kind, definition.role, definition.facts)
            )
        case Unknown():
            args = tuple(lowered.ids[x] for x in definition.operands)
            return graph.add(Opaque(definition.name, (0,) * len(args), args, record.shape))
        case Primitive():
            args = tuple(lowered.ids[x] for x in definition.operands)
            return graph.add(Prim(definition.op, args, record.shape))
        case Looped():
            return _lower_loop(record, definition, lowered)
        case Result():
            return graph.add(_result(record, definition, lowered))
        case Computed():
            return _lower_comprehension(record, definition, lowered, opened)


def _lower_loop(record: Record, definition: Looped, lowered: Lowered) -> int:
    """The body as a graph of its own, and the loop around it."""
    graph = lowered.graph
    inner = Lowered(Graph(graph.policy, graph.facts))
    taken: list[str] = []

    def variable(inside: Record, name: str) -> int:
        taken.append(fresh(name, taken))
        declared = inside.definition
        facts = declared.facts if isinstance(declared, Declared) else ()
        node = Var(taken[-1], inside.shape, inside.kind, Role.BODY, facts)
        inner.ids[inside] = inner.graph.add(node)
        return inner.ids[inside]

    for c in definition.carries:
        variable(c.var, f"{_name_of(c.out, c.init)}_prev")
    stacked = tuple(
        Feed(lowered.ids[outer], variable(inside, f"{_name_of(outer)}_t"))
        for outer, inside in definition.stacked
    )
    constants = tuple(
        Feed(lowered.ids[outer], variable(outer, _name_of(outer))) for outer in definition.constants
    )
    roots = [*(c.out for c in definition.carries), *definition.values]
    inner.order = ancestors(roots, inner.ids)
    _fill(inner, inner.order, roots)
    lowered.bodies[record] = inner
    carries = tuple(
        Carry(lowered.ids[c.init], inner.ids[c.var], inner.ids[c.out]) for c in definition.carries
    )
    loop = Loop(definition.length, carries, stacked, constants, inner.graph, definition.reverse)
    return graph.add(loop)


def _result(record: Record, definition: Result, lowered: Lowered) -> Hist | Final:
    loop = lowered.ids[definition.loop]
    if definition.value is None:
        return Final(loop, definition.carry, record.shape)
    return Hist(loop, lowered.bodies[definition.loop].ids[definition.value], record.shape)


def _name_of(*records: Record) -> str:
    names = (record.label.name or record.label.hint for record in records)
    return next((name for name in names if name), "s")


def _lower_comprehension(
    record: Record, definition: Computed, lowered: Lowered, opened: dict[Record, Open]
) -> int:
    sources = {k: lowered.ids[x] for k, x in enumerate(definition.operands) if x in lowered.ids}
    whole = _expanded(record, opened)
    reads: list[Operand] = []
    for source, index in whole.reads:
        moved = tuple(t.map_sources(sources) for t in index)
        reads.append(Position(moved[0]) if source is None else Read(lowered.ids[source], moved))
    body = whole.body
    if not definition.domain and definition.reduction in (Reduction.NONE, Reduction.SUM):
        body, reads = with_layer_apart(lowered.graph, body, reads, definition.pointwise)
    return lowered.graph.comp(
        record.shape,
        definition.axes,
        body,
        reads,
        tuple(t.map_sources(sources) for t in definition.write),
        tuple(Constraint(c.term.map_sources(sources), c.equality) for c in definition.domain),
        Reduction.SUM if definition.reduction is Reduction.NONE else definition.reduction,
    )


__all__ = ["Lowered", "ancestors", "lower"]
