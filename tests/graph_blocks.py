"""Blocks of random graphs: layers, windows, reshapes, diagonals."""

from __future__ import annotations

from graph_builder import MAX_CELLS, MAX_RANK, P0, P1, Builder, at, here, mixed, taps
from sympy import Expr, Integer, cos, exp, sin, tanh

from symbackprop.ir import (
    Reduction,
)
from symbackprop.scalars import Relu, Sigmoid, Softplus
from symbackprop.sizes import Constraint, axis, constant

UNARY: tuple[Expr, ...] = (
    tanh(P0),
    Sigmoid(P0),
    sin(P0) + P0 / 2,
    Softplus(P0),
    P0 * Sigmoid(P0),
    P0**2 / 3 - P0,
    exp(-(P0**2)),
    Relu(P0) + P0 / 5,
    1 / (1 + P0**2),
)
BINARY: tuple[Expr, ...] = (P0 * P1, P0 + 2 * P1, P0 / (2 + cos(P1)), P0 * tanh(P1), P0 - P1)


def unary(b: Builder) -> None:
    x = b.pick(least=0)
    shape = b.shape(x)
    body = UNARY[b.rng.integers(len(UNARY))]
    b.give(b.comp(shape, shape, body, [at(x, *here(len(shape)))]), x)


def binary(b: Builder) -> None:
    """Two operands of one shape, the second perhaps a transpose, an axis less, or a variable."""
    x = b.pick()
    shape = b.shape(x)
    kept = [a for a in range(len(shape)) if b.rng.random() < 0.7]
    wanted = tuple(shape[a] for a in kept)
    others = [n for n in b.pool if b.shape(n) == wanted and n != x]
    y = others[b.rng.integers(len(others))] if others else b.var(wanted)
    body = BINARY[b.rng.integers(len(BINARY))]
    reads = [at(x, *here(len(shape))), at(y, *(axis(a) for a in kept))]
    b.give(b.comp(shape, shape, body, reads), x, y)


def dense(b: Builder) -> None:
    x = b.pick()
    *lead, inner = b.shape(x)
    out = b.size()
    count = len(lead)
    weight = b.var((out, inner))
    reads = [at(x, *here(count), axis(count + 1)), at(weight, axis(count), axis(count + 1))]
    result = b.comp((*lead, out), (*lead, out, inner), P0 * P1 / inner, reads)
    b.give(result, x)


def contraction(b: Builder) -> None:
    """Two nodes that share a size: it is summed, or kept where the flip says so."""
    x, y = b.pick(), b.pick()
    left, right = b.shape(x), b.shape(y)
    shared = next(((i, j) for i, s in enumerate(left) for j, t in enumerate(right) if s == t), None)
    axes = [*left]
    places = []
    for j, size in enumerate(right):
        if shared is not None and j == shared[1]:
            places.append(shared[0])
        else:
            places.append(len(axes))
            axes.append(size)
    kept = [a for a in range(len(axes)) if shared is None or a != shared[0] or b.rng.random() < 0.3]
    kept = [kept[i] for i in b.rng.permutation(len(kept))][:MAX_RANK]
    if b.cells(axes) > 20 * MAX_CELLS:
        return unary(b)
    reads = [at(x, *here(len(left))), at(y, *(axis(a) for a in places))]
    write = [axis(a) for a in kept]
    body = P0 * sin(P1) / 4
    b.give(b.comp([axes[a] for a in kept], axes, body, reads, write), x, y)


def reduction(b: Builder) -> None:
    """Sum or maximum over one axis."""
    x = b.pick()
    shape = b.shape(x)
    gone = int(b.rng.integers(len(shape)))
    kept = [a for a in range(len(shape)) if a != gone]
    which = Reduction.MAX if b.rng.random() < 0.5 else Reduction.SUM
    body = P0 if which is Reduction.MAX else P0 / shape[gone]
    write = [axis(a) for a in kept]
    reads = [at(x, *here(len(shape)))]
    b.give(b.comp([shape[a] for a in kept], shape, body, reads, write, (), which), x)


def softmax(b: Builder) -> None:
    """Over the last axis; where the last two agree perhaps over k <= i only."""
    x = b.pick()
    shape = b.shape(x)
    axes = here(len(shape))
    domain: list[Constraint] = []
    if len(shape) >= 2 and shape[-1] == shape[-2] and b.rng.random() < 0.7:
        domain = [Constraint(axes[-2] - axes[-1])]
    e = b.comp(shape, shape, exp(P0), [at(x, *axes)], None, domain)
    total = b.comp(shape[:-1], shape, P0, [at(e, *axes)], axes[:-1], domain)
    reads = [at(e, *axes), at(total, *axes[:-1])]
    b.give(b.comp(shape, shape, P0 / P1, reads, None, domain), x)


def window(b: Builder) -> None:
    """``out[i] = Σ_k x[s i + d k − p] w[k]`` with padding by the domain, perhaps of a maximum."""
    x = b.pick()
    *lead, length = b.shape(x)
    stride, dilation, pad = (int(b.rng.integers(lo, hi)) for lo, hi in ((1, 3), (1, 3), (0, 2)))
    out, taps_count = b.size(), Integer(int(b.rng.integers(2, 4)))
    count = len(lead)
    if b.cells([*lead, out]) > MAX_CELLS:
        return unary(b)
    position = taps((count, stride), (count + 1, dilation), const=-pad)
    domain = [Constraint(position), Constraint(constant(length - 1) - position)]
    w = b.var((taps_count,))
    reads = [at(x, *here(count), position), at(w, axis(count + 1))]
    b.give(b.comp((*lead, out), (*lead, out, taps_count), P0 * P1, reads, None, domain), x)
    return None


def valid_window(b: Builder) -> None:
    """A window or pool whose input has just the length it needs."""
    stride, dilation = (int(b.rng.integers(1, 3)) for _ in range(2))
    out, reach = b.size(), Integer(int(b.rng.integers(2, 4)))
    x = b.var((stride * (out - 1) + dilation * (reach - 1) + 1,))
    position = taps((0, stride), (1, dilation))
    body = tanh(P0)
    y = b.comp(b.shape(x), b.shape(x), body, [at(x, axis(0))])
    if b.rng.random() < 0.5:
        b.give(b.comp((out,), (out, reach), P0, [at(y, position)], None, (), Reduction.MAX))
    else:
        w = b.var((reach,))
        b.give(b.comp((out,), (out, reach), P0 * P1, [at(y, position), at(w, axis(1))]))


def transposed_window(b: Builder) -> None:
    """``out[s i + k] += x[i] w[k]``."""
    x = b.pick()
    *lead, length = b.shape(x)
    stride, reach = int(b.rng.integers(1, 3)), Integer(int(b.rng.integers(2, 4)))
    count = len(lead)
    out = stride * (length - 1) + reach
    if b.cells([*lead, out]) > MAX_CELLS:
        return unary(b)
    w = b.var((reach,))
    reads = [at(x, *here(count), axis(count)), at(w, axis(count + 1))]
    write = [*here(count), taps((count, stride), (count + 1, 1))]
    result = b.comp((*lead, out), (*lead, length, reach), P0 * P1, reads, write)
    b.give(result, x)
    return None


def reshape(b: Builder) -> None:
    """Flatten two axes; perhaps a function; then back in the other order."""
    x = b.pick(rank=2)
    rows, columns = b.shape(x)
    flat = b.comp((rows * columns,), (rows, columns), P0, [at(x, *here(2))], [mixed(0, columns, 1)])
    if b.rng.random() < 0.5:
        flat = b.comp((rows * columns,), (rows * columns,), tanh(P0), [at(flat, axis(0))])
    if b.rng.random() < 0.7:
        back = (columns, rows) if b.rng.random() < 0.5 else (rows, columns)
        b.give(b.comp(back, back, P0, [at(flat, mixed(0, back[1], 1))]), x)
    else:
        b.give(flat, x)


def permute(b: Builder) -> None:
    x = b.pick(least=2)
    shape = b.shape(x)
    order = [int(a) for a in b.rng.permutation(len(shape))]
    new = [shape[a] for a in order]
    index = [axis(order.index(a)) for a in range(len(shape))]
    b.give(b.comp(new, new, P0, [at(x, *index)]), x)


def diagonal(b: Builder) -> None:
    """A vector into a diagonal, or out of one."""
    if b.rng.random() < 0.5:
        x = b.pick(rank=1)
        (n,) = b.shape(x)
        b.give(b.comp((n, n), (n,), P0, [at(x, axis(0))], [axis(0), axis(0)]), x)
    else:
        n = b.size()
        squares = [node for node in b.pool if b.shape(node) == (n, n)]
        x = squares[0] if squares else b.var((n, n))
        b.give(b.comp((n,), (n,), P0**2 + P0, [at(x, axis(0), axis(0))]), x)
