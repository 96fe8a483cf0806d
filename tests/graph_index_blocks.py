"""Blocks of random graphs: look-ups, masks, shifts, maxima of several axes, norms."""

from __future__ import annotations

from graph_blocks import unary
from graph_builder import MAX_CELLS, P0, P1, Builder, at, here, mixed, taps
from sympy import Integer, cos, sin

from symbackprop.ir import (
    Kind,
    Opaque,
    Position,
    Reduction,
)
from symbackprop.sizes import At, Constraint, Index, axis, constant


def gather(b: Builder) -> None:
    x = b.pick()
    first, *rest = b.shape(x)
    rows = b.size()
    index = b.integers((rows,), first)
    where = Index(((At(index, (axis(0),)), Integer(1)),))
    shape = (rows, *rest)
    if b.cells(shape) > MAX_CELLS:
        return unary(b)
    b.give(b.comp(shape, shape, P0, [at(x, where, *here(len(rest), 1))]), x)
    return None


def scatter(b: Builder) -> None:
    x = b.pick()
    first, *rest = b.shape(x)
    rows = b.size()
    index = b.integers((first,), rows)
    where = Index(((At(index, (axis(0),)), Integer(1)),))
    if b.cells([rows, *rest]) > MAX_CELLS:
        return unary(b)
    write = [where, *here(len(rest), 1)]
    b.give(b.comp((rows, *rest), b.shape(x), P0, [at(x, *here(1 + len(rest)))], write), x)
    return None


def masked(b: Builder) -> None:
    """A boolean mask in the domain, over what would be infinite outside."""
    x = b.pick()
    shape = b.shape(x)
    mask = b.var(shape[-1:], Kind.BOOL)
    axes = here(len(shape))
    chosen = Index(((At(mask, axes[-1:]), Integer(1)),), Integer(-1))
    domain = [Constraint(chosen, equality=True)]
    b.give(b.comp(shape, shape, P0 * cos(P0), [at(x, *axes)], None, domain), x)


def ragged(b: Builder) -> None:
    """A sum over the first ``len[i]`` entries of each row."""
    x = b.pick(rank=2)
    rows, columns = b.shape(x)
    lengths = b.integers((rows,), columns + 1)
    limit = Index(((At(lengths, (axis(0),)), Integer(1)),), Integer(-1)) - axis(1)
    reads = [at(x, *here(2))]
    b.give(b.comp((rows,), (rows, columns), sin(P0), reads, None, [Constraint(limit)]), x)


def slide(b: Builder) -> None:
    """Pad at the front, drop the first entry, or reverse."""
    x = b.pick()
    *lead, n = b.shape(x)
    count = len(lead)
    axes = here(count)
    choice = int(b.rng.integers(3))
    if choice == 0:
        write = [*axes, axis(count).shifted(Integer(1))]
        result = b.comp((*lead, n + 2), (*lead, n), P0, [at(x, *axes, axis(count))], write)
    elif choice == 1:
        read = at(x, *axes, axis(count).shifted(Integer(1)))
        result = b.comp((*lead, n - 1), (*lead, n - 1), sin(P0), [read])
    else:
        read = at(x, *axes, constant(n - 1) - axis(count))
        result = b.comp((*lead, n), (*lead, n), P0, [read])
    b.give(result, x)


def concat(b: Builder) -> None:
    x, y = b.pick(rank=1), b.pick(rank=1)
    (n,), (m,) = b.shape(x), b.shape(y)
    whole = (n + m,)
    first = b.comp(whole, (n,), P0, [at(x, axis(0))])
    second = b.comp(whole, (m,), P0, [at(y, axis(0))], [axis(0).shifted(n)])
    b.give(b.comp(whole, whole, P0 + P1, [at(first, axis(0)), at(second, axis(0))]), x, y)


def cumulative(b: Builder) -> None:
    x = b.pick()
    *lead, n = b.shape(x)
    count = len(lead)
    below = Constraint(axis(count) - axis(count + 1))
    read = at(x, *here(count), axis(count + 1))
    b.give(b.comp((*lead, n), (*lead, n, n), P0 / 3, [read], None, [below]), x)


def positional(b: Builder) -> None:
    """A factor that grows with the position."""
    x = b.pick()
    shape = b.shape(x)
    axes = here(len(shape))
    body = P0 * cos(P1 / 3)
    b.give(b.comp(shape, shape, body, [at(x, *axes), Position(axes[-1])]), x)


def maximum_of_two_axes(b: Builder) -> None:
    """Perhaps with the axes exchanged, perhaps over k <= i only."""
    x = b.pick(rank=2)
    rows, columns = b.shape(x)
    below = [Constraint(axis(0) - axis(1))] if rows == columns and b.rng.random() < 0.5 else []
    if b.rng.random() < 0.5:
        read, axes = at(x, axis(1), axis(0)), (columns, rows)
        below = [Constraint(c.term.scaled(Integer(-1))) for c in below]
    else:
        read, axes = at(x, axis(0), axis(1)), (rows, columns)
    b.give(b.comp((), axes, P0, [read], (), below, Reduction.MAX), x)


def pool(b: Builder) -> None:
    """A maximum over windows of two axes, padded in front."""
    x = b.pick(rank=2)
    rows, columns = b.shape(x)
    reach = Integer(2)
    high = taps((0, 1), (2, 1), const=-1)
    low = taps((1, 1), (3, 1), const=0)
    inside = [Constraint(high), Constraint(constant(columns - 1) - low)]
    axes = (rows, columns, reach, reach)
    node = b.comp((rows, columns), axes, P0, [at(x, high, low)], None, inside, Reduction.MAX)
    b.give(node, x)


def winner(b: Builder) -> None:
    """The entries of one array where another one is largest, row by row."""
    x = b.pick(rank=2)
    rows, columns = b.shape(x)
    y = b.var((rows, columns))
    reads = [at(x, axis(0), axis(1))]
    best = b.comp((rows,), (rows, columns), P0, reads, None, (), Reduction.ARGMAX)
    where = Index(((At(best, (axis(0),)), Integer(1)),))
    b.give(b.comp((rows,), (rows,), P0**2, [at(y, axis(0), where)]), x)


def gather_twice(b: Builder) -> None:
    """A look-up in a look-up: ``x[i[j[a]]]``."""
    x = b.pick(rank=1)
    (n,) = b.shape(x)
    middle, last = b.size(), b.size()
    first, second = b.integers((middle,), n), b.integers((last,), middle)
    inner = Index(((At(second, (axis(0),)), Integer(1)),))
    outer = Index(((At(first, (inner,)), Integer(1)),))
    b.give(b.comp((last,), (last,), P0, [at(x, outer)]), x)


def heads(b: Builder) -> None:
    """Split the last axis into heads, mix them, and merge the other way."""
    parts, width = b.size(), b.size()
    rows = b.size()
    x = b.var((rows, parts * width))
    split = b.comp(
        (parts, rows, width), (parts, rows, width), P0, [at(x, axis(1), mixed(0, width, 2))]
    )
    if b.rng.random() < 0.6:
        split = b.comp(b.shape(split), b.shape(split), sin(P0), [at(split, *here(3))])
    write = [axis(1), mixed(2, parts, 0) if b.rng.random() < 0.5 else mixed(0, width, 2)]
    read = [at(split, *here(3))]
    b.give(b.comp((rows, parts * width), (parts, rows, width), P0, read, write))


def normalise(b: Builder) -> None:
    x = b.pick()
    *lead, n = b.shape(x)
    axes = here(len(lead) + 1)
    mean = b.comp(lead, (*lead, n), P0 / n, [at(x, *axes)], axes[:-1])
    centred = b.comp((*lead, n), (*lead, n), P0 - P1, [at(x, *axes), at(mean, *axes[:-1])])
    spread = b.comp(lead, (*lead, n), P0**2 / n, [at(centred, *axes)], axes[:-1])
    reads = [at(centred, *axes), at(spread, *axes[:-1])]
    scale = Integer(1) / 7
    b.give(b.comp((*lead, n), (*lead, n), P0 / (P1 + scale) ** (Integer(1) / 2), reads), x)


def triangle(b: Builder) -> None:
    """``Σ_{l <= k <= i} x_k w_l``."""
    x = b.pick(rank=1)
    (n,) = b.shape(x)
    w = b.var((n,))
    order = [Constraint(axis(0) - axis(1)), Constraint(axis(1) - axis(2))]
    body = P0 * sin(P1) / n
    b.give(b.comp((n,), (n, n, n), body, [at(x, axis(1)), at(w, axis(2))], None, order), x)


def unknown(b: Builder) -> None:
    """An unknown tensor function."""
    x = b.pick(rank=1)
    b.give(b.graph.add(Opaque("f", (0,), (x,), (b.size(),))), x)
