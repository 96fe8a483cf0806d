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


def affine(W: Tensor, x: Tensor, U: Tensor, h: Tensor, b: Tensor | None) -> Tensor:
    """W x + U h + b, for vectors or for rows of a batch: x Wᵀ + h Uᵀ + b."""
    if len(x.shape) > 1:
        total = matmul(x, W.T) + matmul(h, U.T)
    else:
        total = matmul(W, x) + matmul(U, h)
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
    return activation(affine(W, x, U, h, b))


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
    names = ("i", "f", "g", "o")
    heads = (SIGMOID, SIGMOID, TANH, SIGMOID)
    gates: list[Tensor] = [head(affine(W[k], x, U[k], h, b[k])) for k, head in enumerate(heads)]
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
    r = SIGMOID(affine(W[0], x, U[0], h, b[0])).relabel(hint="r")
    z = SIGMOID(affine(W[1], x, U[1], h, b[1])).relabel(hint="u")
    new = TANH(affine(W[2], x, U[2], r * h, b[2])).relabel(hint="n")
    return ((-z + 1) * new + z * h).relabel(hint="h")


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

    def step(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        new = rnn_cell(h, x, W, U, b, activation).relabel(hint="h")
        return new, new

    last, states = scan(step, _start("rnn", X, U, init), X, reverse=reverse)
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

    def step(carry: tuple[Tensor, Tensor], x: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        h, c = lstm_cell(*carry, x, W, U, b)
        return (h, c), h

    start = _start("lstm", X, U[0], None) if init is None else None
    given = init if start is None else (start, start)
    last, states = scan(step, given, X, reverse=reverse)
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

    def step(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        new = gru_cell(h, x, W, U, b)
        return new, new

    last, states = scan(step, _start("gru", X, U[0], init), X, reverse=reverse)
    return states, last
