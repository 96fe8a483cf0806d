"""Networks of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from symbackprop import frontend as sb
from symbackprop.frontend import Tensor
from symbackprop.models.dense import BATCH, activation
from symbackprop.models.spec import Choice, Dim, Model, Spec
from symbackprop.network import Network
from symbackprop.sizes import Size, as_size

LENGTH: Final = Choice("length", (), "T", "the number of steps")


def _weights(letters: Sequence[str], before: Dim, after: Dim) -> list[list[Tensor]]:
    """W, U and b of each gate."""
    return [
        [sb.param(f"W{g}", after, before) for g in letters],
        [sb.param(f"U{g}", after, after) for g in letters],
        [sb.param(f"b{g}", after) for g in letters],
    ]


def _recurrent(spec: Spec) -> Network:
    before, hidden, classes = spec.sizes
    batch, length = spec.size("batch"), spec.size("length")
    X = sb.input("X", length, batch, before)
    match spec.name:
        case "rnn":
            (W,), (U,), (b,) = _weights([""], before, hidden)
            states, last = sb.rnn(X, W, U, b)
        case "lstm":
            states, (last, _) = sb.lstm(X, *_weights("ifgo", before, hidden))
        case _:
            states, last = sb.gru(X, *_weights("rzn", before, hidden))
    V, c = sb.param("V", hidden, classes), sb.param("c", classes)
    if spec.options["targets"] == "last":
        Z = (last @ V + c).named("Z")
        Y = sb.input("Y", batch, classes, one_hot=True)
        return Network(loss=sb.cross_entropy(sb.softmax(Z), Y))
    Z = (states @ V + c).named("Z")
    Y = sb.input("Y", length, batch, classes, one_hot=True)
    return Network(loss=sb.cross_entropy(sb.softmax(Z), Y))


def _recurrent_model(name: str, summary: str) -> Model:
    return Model(
        name,
        f"{summary} over a sequence of any length, cross entropy",
        ("input", "hidden", "classes"),
        _recurrent,
        ("n", "h", "k"),
        f"{name}:32-64-10",
        choices=(
            Choice("targets", ("last", "all"), "last", "whether the last state is classified"),
            LENGTH,
            BATCH,
        ),
    )


def _transformer_block(spec: Spec) -> Network:
    heads, width = spec.sizes
    batch, length = spec.size("batch"), spec.size("length")
    d = _times(heads, width)
    X = sb.input("X", batch, length, d)
    norm = sb.layer_norm(X, sb.param("gamma1", d), sb.param("beta1", d))
    N = norm.named("N")
    # one matrix for each head, so that a formula is one of matrices
    into = [sb.param(f"W{letter}", heads, d, width) for letter in "qkv"]
    Q, K, V = (sb.einsum("mtd,hde->mhte", N, W).named(x) for W, x in zip(into, "QKV", strict=True))
    heads_out = sb.attention(Q, K, V, causal=spec.options["mask"] == "causal").named("C")
    Wo = sb.param("Wo", heads, width, d)
    H = (X + sb.einsum("mhte,hed->mtd", heads_out, Wo)).named("H")
    inner = sb.layer_norm(H, sb.param("gamma2", d), sb.param("beta2", d)).named("R")
    wide = _times(4, d)
    Z = (inner @ sb.param("W1", d, wide) + sb.param("b1", wide)).named("Z")
    A = activation(spec.options["activation"], Z).named("A")
    Out = (H + A @ sb.param("W2", wide, d) + sb.param("b2", d)).named("O")
    return Network(loss=sb.mse(Out, sb.input("Y", batch, length, d)))


def _times(a: Dim | Size, b: Dim | Size) -> Size:
    return as_size(a) * as_size(b)


def _word2vec(spec: Spec) -> Network:
    words, d = spec.sizes
    batch = spec.size("batch")
    U, V = sb.param("U", words, d), sb.param("V", words, d)
    centre = sb.input("c", batch, kind="labels", classes=words)
    context = sb.input("o", batch, kind="labels", classes=words)
    h = sb.embedding(V, centre).named("H")
    if spec.options["loss"] == "softmax":
        return Network(loss=sb.cross_entropy(sb.softmax((h @ U.T).named("S")), context))
    count = spec.size("negatives")
    noise = sb.input("r", batch, count, kind="labels", classes=words)
    seen = sb.sum(h * sb.embedding(U, context), 1).named("s")
    unseen = sb.einsum("md,mqd->mq", h, sb.embedding(U, noise)).named("R")
    each = sb.ELEMENTWISE["softplus"](-seen) + sb.sum(sb.ELEMENTWISE["softplus"](unseen), 1)
    return Network(loss=sb.mean(each))


def _matrix_factorisation(spec: Spec) -> Network:
    rows, columns, rank = spec.sizes
    U, V = sb.param("U", rows, rank), sb.param("V", columns, rank)
    R = sb.input("R", rows, columns)
    E = (U @ V.T - R).named("E")
    if spec.options["mask"] == "yes":
        return Network(loss=sb.sum(sb.input("M", rows, columns) * E**2))
    return Network(loss=sb.sum(E**2))


MODELS: Final = (
    _recurrent_model("rnn", "a plain recurrent layer"),
    _recurrent_model("lstm", "a layer of long short-term memory"),
    _recurrent_model("gru", "a layer of gated recurrent units"),
    Model(
        "transformer-block",
        "pre-norm attention and a dense part of four times the width, residuals, squared error",
        ("heads", "head-width"),
        _transformer_block,
        ("a", "d"),
        "transformer-block:4-16",
        choices=(
            Choice("activation", ("gelu_tanh", "gelu", "relu"), "gelu_tanh", "of the dense part"),
            Choice("mask", ("none", "causal"), "none", "which positions are seen"),
            LENGTH,
            BATCH,
        ),
    ),
    Model(
        "matrix-factorisation",
        "squared error of U Vᵀ, on all entries or on those of a mask",
        ("rows", "columns", "rank"),
        _matrix_factorisation,
        ("n", "m", "r"),
        "matrix-factorisation:200-200-5",
        choices=(Choice("mask", ("yes", "no"), "yes", "whether a mask M weighs the entries"),),
    ),
    Model(
        "word2vec",
        "skip-gram: a word predicts its neighbours",
        ("words", "width"),
        _word2vec,
        ("v", "d"),
        "word2vec:1000-50",
        choices=(
            Choice("loss", ("softmax", "negative"), "softmax", "full softmax or negative sampling"),
            Choice("negatives", (), "q", "the number of negative samples"),
            BATCH,
        ),
    ),
)
