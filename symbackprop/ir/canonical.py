"""The canonical form of a comprehension: equal computations become equal nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sympy import Expr, Integer, expand

from symbackprop.ir.nodes import Comp, Operand, Position, Read, Reduction
from symbackprop.scalars import placeholder, placeholders
from symbackprop.sizes import Constraint, Index, Size, axis, implied, same_size
from symbackprop.sizes.index import ONE, ZERO


@dataclass(frozen=True, slots=True)
class Draft:
    """A comprehension not yet in canonical form; the fields of `Comp`."""

    shape: tuple[Size, ...]
    axes: tuple[Size, ...]
    body: Expr
    reads: tuple[Operand, ...]
    write: tuple[Index, ...]
    domain: tuple[Constraint, ...]
    reduction: Reduction


@lru_cache(maxsize=65536)
def used_placeholders(body: Expr) -> tuple[int, ...]:
    """The numbers of the placeholders in a body, ascending."""
    return placeholders(body)


@lru_cache(maxsize=65536)
def renumbered(body: Expr, new: tuple[int, ...]) -> Expr:
    """The body with placeholder `k` called ``new[k]``."""
    moves = {placeholder(k): placeholder(n) for k, n in enumerate(new) if k != n}
    return body.xreplace(moves) if moves else body


def index_terms(reads: Iterable[Operand]) -> Iterable[Index]:
    """All index terms of operands, in order."""
    for read in reads:
        if isinstance(read, Read):
            yield from read.index
        else:
            yield read.index


def read_substituted(read: Operand, axes: dict[int, Index]) -> Operand:
    """The operand with axes replaced."""
    if isinstance(read, Read):
        return Read(read.source, tuple(t.substitute(axes) for t in read.index))
    return Position(read.index.substitute(axes))


def determined_axes(write: Sequence[Index], axes: Sequence[Size]) -> frozenset[int]:
    """The axes that the written position determines.

    A position determines an axis when it is the only undetermined one in it, or when the
    undetermined ones form a telescoping mixed radix (``i * size(j) + j``). A look-up determines
    nothing.
    """
    known: set[int] = set()
    changed = True
    while changed:
        changed = False
        for term in write:
            if term.has_look_up():
                continue
            open_axes = [(a, c) for a, c in term.terms if isinstance(a, int) and a not in known]
            if open_axes and (len(open_axes) == 1 or _telescopes(open_axes, axes)):
                known.update(a for a, _ in open_axes)
                changed = True
    return frozenset(known)


def _telescopes(terms: Sequence[tuple[int, Expr]], axes: Sequence[Size]) -> bool:
    """Whether ``sum(c * a)`` is a mixed-radix number.

    Each stride is the product of the lower sizes.
    """
    stride: Expr = ONE
    left = list(terms)
    while left:
        found = next((t for t in left if same_size(t[1], stride)), None)
        if found is None:
            return False
        left.remove(found)
        stride = expand(stride * axes[found[0]])
    return True


def canonical(draft: Draft, facts: tuple[Size, ...]) -> Comp:
    """The comprehension in canonical form.

    Unused operands and axes are gone (an unused sum axis multiplies by its size), axes of size 1
    are 0, axes are numbered by first use in the write, then in the reads, reads are sorted,
    implied constraints dropped.

    It is found once for each pattern: what the operands are is of no account, their order is.
    """
    sources: list[int] = []
    for read in draft.reads:
        if isinstance(read, Position):
            return _canonical(draft, facts)
        sources.append(read.source)
    places = sorted(set(sources))
    number = {source: n for n, source in enumerate(places)}
    reads = tuple(
        Read(number[source], read.index)
        for source, read in zip(sources, draft.reads, strict=True)
        if isinstance(read, Read)
    )
    write, domain = draft.write, draft.domain
    if any(t.has_look_up() for read in reads for t in read.index) or any(
        t.has_look_up() for t in (*write, *(c.term for c in domain))
    ):
        return _canonical(draft, facts)
    found = _pattern(
        draft.shape, draft.axes, draft.body, reads, write, domain, draft.reduction, facts
    )
    named = [Read(places[r.source], r.index) for r in found.reads if isinstance(r, Read)]
    return Comp(
        found.shape,
        found.axes,
        found.body,
        tuple(named),
        found.write,
        found.domain,
        found.reduction,
    )


@lru_cache(maxsize=65536)
def _pattern(
    shape: tuple[Size, ...],
    axes: tuple[Size, ...],
    body: Expr,
    reads: tuple[Operand, ...],
    write: tuple[Index, ...],
    domain: tuple[Constraint, ...],
    reduction: Reduction,
    facts: tuple[Size, ...],
) -> Comp:
    return _canonical(Draft(shape, axes, body, reads, write, domain, reduction), facts)


def _canonical(draft: Draft, facts: tuple[Size, ...]) -> Comp:
    draft = _without_unit_axes(draft)
    while (fewer := _without_unused_reads(draft)) is not draft:
        # equal operands that become one may cancel others
        draft = fewer
    if draft.body is ZERO and draft.reduction in (Reduction.SUM, Reduction.NONE):
        zeros = tuple(Index() for _ in draft.shape)
        return Comp(draft.shape, (), ZERO, (), zeros)
    draft = _without_implied(draft, facts)
    draft = _without_unused_axes(draft)
    draft = _sorted(draft)
    reduction = draft.reduction
    if reduction is Reduction.SUM:
        if len(determined_axes(draft.write, draft.axes)) == len(draft.axes):
            reduction = Reduction.NONE
    return Comp(
        draft.shape, draft.axes, draft.body, draft.reads, draft.write, draft.domain, reduction
    )


def _without_unused_reads(draft: Draft) -> Draft:
    used = used_placeholders(draft.body)
    place: dict[Operand, int] = {}
    new = [0] * len(draft.reads)
    for k in used:
        new[k] = place.setdefault(draft.reads[k], len(place))
    if len(place) == len(draft.reads):
        return draft
    return replace(draft, body=renumbered(draft.body, tuple(new)), reads=tuple(place))


def _substituted(draft: Draft, axes: dict[int, Index]) -> Draft:
    return replace(
        draft,
        reads=tuple(read_substituted(read, axes) for read in draft.reads),
        write=tuple(t.substitute(axes) for t in draft.write),
        domain=tuple(c.substitute(axes) for c in draft.domain),
    )


def _without_unit_axes(draft: Draft) -> Draft:
    units = {i: Index() for i, size in enumerate(draft.axes) if size == 1}
    return _substituted(draft, units) if units else draft


def _without_implied(draft: Draft, facts: tuple[Size, ...]) -> Draft:
    if not draft.domain:
        return draft
    kept = sorted(set(draft.domain), key=Constraint.key)
    position = 0
    while position < len(kept):
        here = kept[position]
        others = kept[:position] + kept[position + 1 :]
        trivial = here.term.is_constant() and here.term.const == 0
        if trivial or (not here.equality and implied(here.term, draft.axes, others, facts)):
            kept = others
        else:
            position += 1
    return replace(draft, domain=tuple(kept))


def _without_unused_axes(draft: Draft) -> Draft:
    used = {a for t in draft.write for a in t.axes()}
    used.update(a for t in index_terms(draft.reads) for a in t.axes())
    used.update(a for c in draft.domain for a in c.term.axes())
    if len(used) == len(draft.axes) or draft.reduction is Reduction.ARGMAX:
        # the number of a winner counts all its axes
        return draft
    body = draft.body
    if draft.reduction is Reduction.SUM:
        for i, size in enumerate(draft.axes):
            if i not in used:
                body = body * size
    kept = sorted(used)
    place = {a: n for n, a in enumerate(kept)}
    return _renamed(replace(draft, body=body), place)


def _renamed(draft: Draft, place: dict[int, int]) -> Draft:
    """The draft with axis `a` called ``place[a]``; axes not in `place` are gone."""
    axes: list[Size] = [ONE] * len(place)
    for old, new in place.items():
        axes[new] = draft.axes[old]
    if all(old == new for old, new in place.items()):
        return replace(draft, axes=tuple(axes))
    get = place.__getitem__

    def moved(read: Operand) -> Operand:
        if isinstance(read, Read):
            return Read(read.source, tuple(t.renamed(get) for t in read.index))
        return Position(read.index.renamed(get))

    return replace(
        draft,
        axes=tuple(axes),
        reads=tuple(moved(read) for read in draft.reads),
        write=tuple(t.renamed(get) for t in draft.write),
        domain=tuple(Constraint(c.term.renamed(get), c.equality) for c in draft.domain),
    )


def operand_key(read: Operand) -> tuple[object, ...]:
    """A total, deterministic order of operands."""
    if isinstance(read, Read):
        return (0, read.source, tuple(t.key() for t in read.index))
    return (1, 0, (read.index.key(),))


def _sorted(draft: Draft) -> Draft:
    """Axes numbered by first use in the write, then in the reads; reads and constraints sorted."""
    draft = _renamed(draft, _axis_places(draft))
    order = sorted(range(len(draft.reads)), key=lambda k: operand_key(draft.reads[k]))
    if order != list(range(len(order))):
        new = [0] * len(order)
        for n, k in enumerate(order):
            new[k] = n
        draft = replace(
            draft,
            body=renumbered(draft.body, tuple(new)),
            reads=tuple(draft.reads[k] for k in order),
        )
    if len(draft.domain) > 1:
        draft = replace(draft, domain=tuple(sorted(draft.domain, key=Constraint.key)))
    return draft


def _axis_places(draft: Draft) -> dict[int, int]:
    """The new number of every axis."""
    place: dict[int, int] = {}

    def number(terms: Iterable[Index]) -> None:
        for term in terms:
            for a in term.axes():
                place.setdefault(a, len(place))

    number(draft.write)
    if draft.reduction is Reduction.ARGMAX:
        # the number of a winner counts them in this order
        number(axis(a) for a in range(len(draft.axes)))
    if len(place) == len(draft.axes):
        return place
    # reads are sorted with the axes that are not numbered yet alike, then number those
    known = {a: axis(n) for a, n in place.items()}
    alike = {a: axis(len(draft.axes)) for a in range(len(draft.axes)) if a not in place}

    def rough(k: int) -> tuple[object, ...]:
        return (operand_key(read_substituted(draft.reads[k], known | alike)), k)

    number(index_terms(draft.reads[k] for k in sorted(range(len(draft.reads)), key=rough)))
    number(c.term for c in draft.domain)
    return place


def is_identity(comp: Comp) -> bool:
    """Whether the node is its only operand, entry by entry (the shapes must still be compared)."""
    if comp.domain or len(comp.reads) != 1 or comp.body != placeholder(0):
        return False
    if comp.reduction is not Reduction.NONE:
        return False
    read = comp.reads[0]
    return isinstance(read, Read) and read.index == comp.write and fully_written(comp)


def fully_written(comp: Comp) -> bool:
    """Whether every entry is written.

    Each by one point (of an injective write without a domain).
    """
    if comp.domain or len(determined_axes(comp.write, comp.axes)) < len(comp.axes):
        return False
    return same_size(product(comp.axes), product(comp.shape))


def product(sizes: Iterable[Size]) -> Size:
    """The product of sizes."""
    total: Expr = Integer(1)
    for size in sizes:
        total = total * size
    return expand(total)
