"""Recurrent cells, and their sequences as loops."""

from __future__ import annotations

from collections.abc import Sequence

from symbackprop.errors import ShapeError
from symbackprop.frontend.contraction import matmul
from symbackprop.frontend.functions import ELEMENTWISE, Elementwise
from symbackprop.frontend.loops import scan
from symbackprop.frontend.record import describe, shape_text
from symbackprop.frontend.structure import reshape, zeros
from symbackprop.frontend.tensor import Tensor
from symbackprop.sizes import same_size

TANH, SIGMOID = ELEMENTWISE["tanh"], ELEMENTWISE["sigmoid"]


def affine(W: Tensor, x: Tensor, b: Tensor | None) -> Tensor:
    """W x + b, for a vector or for rows: x Wᵀ + b."""
    total = matmul(x, W.T) if len(x.shape) > 1 else matmul(W, x)
    return total if b is None else total + b


def rnn_cell(
    h: Tensor,
    x: Tensor,
    W: Tensor,
    U: Tensor,
    b: Tensor | None = None,
    activation: Elementwise = TANH,
) -> Tensor:
    """The next state φ(W x + U h + b).   x : (n,) or (batch, n);  h : (d,) or (batch, d)."""
    return _rnn(h, affine(W, x, b), U, activation)


def _rnn(h: Tensor, z: Tensor, U: Tensor, activation: Elementwise) -> Tensor:
    """The next state, from what the input says."""
    return activation(z + affine(U, h, None))


def lstm_cell(
    h: Tensor,
    c: Tensor,
    x: Tensor,
    W: Sequence[Tensor],
    U: Sequence[Tensor],
    b: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """The next state: c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh c'.

    W, U, b : four each, of the gates i, f, g, o (g with tanh, the others with σ)
    """
    _gates("lstm_cell", 4, W, U, b)
    return _lstm(h, c, _inputs(W, x, b), U)


def _inputs(W: Sequence[Tensor], x: Tensor, b: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What the input says to each gate."""
    return tuple(affine(weights, x, bias) for weights, bias in zip(W, b, strict=True))


def _lstm(h: Tensor, c: Tensor, z: Sequence[Tensor], U: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The next state and cell state, from what the input says."""
    names = ("i", "f", "g", "o")
    heads = (SIGMOID, SIGMOID, TANH, SIGMOID)
    gates: list[Tensor] = [head(z[k] + affine(U[k], h, None)) for k, head in enumerate(heads)]
    i, f, g, o = (gate.relabel(hint=name) for gate, name in zip(gates, names, strict=True))
    new = (f * c + i * g).relabel(hint="c")
    return (o * TANH(new)).relabel(hint="h"), new


def gru_cell(
    h: Tensor, x: Tensor, W: Sequence[Tensor], U: Sequence[Tensor], b: Sequence[Tensor]
) -> Tensor:
    """The next state (1 − z) ⊙ n + z ⊙ h, n = tanh(W x + U (r ⊙ h) + b).

    W, U, b : three each, of the gates r, z and of the candidate n
    """
    _gates("gru_cell", 3, W, U, b)
    return _gru(h, _inputs(W, x, b), U)


def _gru(h: Tensor, z: Sequence[Tensor], U: Sequence[Tensor]) -> Tensor:
    """The next state, from what the input says."""
    r = SIGMOID(z[0] + affine(U[0], h, None)).relabel(hint="r")
    u = SIGMOID(z[1] + affine(U[1], h, None)).relabel(hint="u")
    new = TANH(z[2] + affine(U[2], r * h, None)).relabel(hint="n")
    return ((-u + 1) * new + u * h).relabel(hint="h")


def _gates(what: str, count: int, *groups: Sequence[Tensor]) -> None:
    for group in groups:
        if len(group) != count:
            raise ShapeError(f"{what}: expected {count} of each of W, U, b, found {len(group)}")


def _start(what: str, X: Tensor, U: Tensor, given: Tensor | None) -> Tensor:
    """The state before the first step: zeros where none is given."""
    if len(X.shape) not in (2, 3):
        raise ShapeError(
            f"{what}: expected a sequence (T, n) or (T, batch, n), found {describe(X)}"
        )
    if len(U.shape) != 2:
        raise ShapeError(f"{what}: expected a matrix U, found {describe(U)}")
    if given is not None:
        return given
    return zeros(*X.shape[1:-1], U.shape[0])


def _masked(mask: Sequence[Tensor], new: Tensor, old: Tensor) -> Tensor:
    """The new state where the mask is 1, the old one where it is 0."""
    if not mask:
        return new
    (here,) = mask
    if here.shape and len(here.shape) < len(new.shape):
        here = reshape(here, *here.shape, 1)
    return (here * new + (-here + 1) * old).relabel(hint=new.label.hint)


def _masks(what: str, X: Tensor, mask: Tensor | None) -> tuple[Tensor, ...]:
    """The mask as a sequence, where there is one."""
    if mask is None:
        return ()
    fits = len(mask.shape) == len(X.shape) - 1
    if not fits or not all(map(same_size, mask.shape, X.shape)):
        raise ShapeError(
            f"{what}: expected a mask {shape_text(X.shape[:-1])}, found {describe(mask)}",
            help="1 where a sequence goes on, 0 where it has ended: one entry for each step",
        )
    return (mask,)


def rnn(
    X: Tensor,
    W: Tensor,
    U: Tensor,
    b: Tensor | None = None,
    *,
    init: Tensor | None = None,
    activation: Elementwise = TANH,
    reverse: bool = False,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """All states (T, ...) and the last one of h_t = φ(W x_t + U h_{t−1} + b).

    mask : (T,) or (T, batch), 1 where a sequence goes on and 0 where it has ended: there the state
    stays. With `reverse` the sequence runs from its end.
    """

    def step(h: Tensor, given: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        new = _rnn(h, given[0], U, activation).relabel(hint="h")
        new = _masked(given[1:], new, h)
        return new, new

    start = _start("rnn", X, U, init)
    sequences = (affine(W, X, b), *_masks("rnn", X, mask))
    last, states = scan(step, start, sequences, reverse=reverse)
    return states, last


def lstm(
    X: Tensor,
    W: Sequence[Tensor],
    U: Sequence[Tensor],
    b: Sequence[Tensor],
    *,
    init: tuple[Tensor, Tensor] | None = None,
    reverse: bool = False,
    mask: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """All states h (T, ...) and the last (h, c) of an LSTM; see `lstm_cell`, and `rnn` for mask."""
    _gates("lstm", 4, W, U, b)

    def step(
        carry: tuple[Tensor, Tensor], z: Sequence[Tensor]
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        h, c = _lstm(*carry, z[:4], U)
        h, c = _masked(z[4:], h, carry[0]), _masked(z[4:], c, carry[1])
        return (h, c), h

    start = _start("lstm", X, U[0], None) if init is None else None
    given = init if start is None else (start, start)
    sequences = (*_inputs(W, X, b), *_masks("lstm", X, mask))
    last, states = scan(step, given, sequences, reverse=reverse)
    return states, last


def gru(
    X: Tensor,
    W: Sequence[Tensor],
    U: Sequence[Tensor],
    b: Sequence[Tensor],
    *,
    init: Tensor | None = None,
    reverse: bool = False,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """All states (T, ...) and the last one of a GRU; see `gru_cell`, and `rnn` for mask."""
    _gates("gru", 3, W, U, b)

    def step(h: Tensor, z: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        new = _masked(z[3:], _gru(h, z[:3], U), h)
        return new, new

    start = _start("gru", X, U[0], init)
    sequences = (*_inputs(W, X, b), *_masks("gru", X, mask))
    last, states = scan(step, start, sequences, reverse=reverse)
    return states, last
