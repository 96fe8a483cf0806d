"""Recurrent cells, and their sequences as loops."""

from __future__ import annotations

from collections.abc import Sequence

from symbackprop.errors import ShapeError
from symbackprop.frontend.contraction import matmul
from symbackprop.frontend.functions import ELEMENTWISE, Elementwise
from symbackprop.frontend.loops import scan
from symbackprop.frontend.record import describe
from symbackprop.frontend.structure import zeros
from symbackprop.frontend.tensor import Tensor

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
    if given is not None:
        return given
    if len(X.shape) not in (2, 3) or len(U.shape) != 2:
        raise ShapeError(
            f"{what}: expected a sequence (T, n) or (T, batch, n), found {describe(X)}"
        )
    return zeros(*X.shape[1:-1], U.shape[0])


def rnn(
    X: Tensor,
    W: Tensor,
    U: Tensor,
    b: Tensor | None = None,
    *,
    init: Tensor | None = None,
    activation: Elementwise = TANH,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """All states (T, ...) and the last one of h_t = φ(W x_t + U h_{t−1} + b)."""

    def step(h: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        new = _rnn(h, z, U, activation).relabel(hint="h")
        return new, new

    last, states = scan(step, _start("rnn", X, U, init), affine(W, X, b), reverse=reverse)
    return states, last


def lstm(
    X: Tensor,
    W: Sequence[Tensor],
    U: Sequence[Tensor],
    b: Sequence[Tensor],
    *,
    init: tuple[Tensor, Tensor] | None = None,
    reverse: bool = False,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """All states h (T, ...) and the last (h, c) of an LSTM; see `lstm_cell`."""
    _gates("lstm", 4, W, U, b)

    def step(
        carry: tuple[Tensor, Tensor], z: Sequence[Tensor]
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        h, c = _lstm(*carry, z, U)
        return (h, c), h

    start = _start("lstm", X, U[0], None) if init is None else None
    given = init if start is None else (start, start)
    last, states = scan(step, given, _inputs(W, X, b), reverse=reverse)
    return states, last


def gru(
    X: Tensor,
    W: Sequence[Tensor],
    U: Sequence[Tensor],
    b: Sequence[Tensor],
    *,
    init: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """All states (T, ...) and the last one of a GRU; see `gru_cell`."""
    _gates("gru", 3, W, U, b)

    def step(h: Tensor, z: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        new = _gru(h, z, U)
        return new, new

    start = _start("gru", X, U[0], init)
    last, states = scan(step, start, _inputs(W, X, b), reverse=reverse)
    return states, last
