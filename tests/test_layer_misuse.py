"""Layers that cannot be are refused where they are declared."""

import pytest

import symbackprop as sb

n, m, k, T, h = sb.dims("n m k T h")


def x(*shape, name="x"):
    return sb.param(name, *shape)


def kernel(*shape):
    return sb.param("K", *shape)


CASES = {
    "larger than an axis of size 3": lambda: sb.conv2d(x(1, 2, 3, 3), kernel(3, 2, 5, 5)),
    "3 groups do not divide 4": lambda: sb.conv2d(x(1, 4, 5, 5), kernel(3, 2, 3, 3), groups=3),
    "has 3 channels": lambda: sb.conv2d(x(1, 4, 5, 5), kernel(3, 3, 3, 3)),
    "stride must be positive": lambda: sb.conv2d(x(1, 2, 5, 5), kernel(3, 2, 3, 3), stride=0),
    "window of 4": lambda: sb.max_pool(x(1, 1, 3, 3), (4, 4)),
    "more than half of a window": lambda: sb.max_pool(x(1, 1, 6, 6), (2, 2), padding=3),
    "4 heads do not divide": lambda: sb.multi_head_attention(
        x(T, 6), *(x(6, 6, name=f"W{c}") for c in "qkvo"), heads=4
    ),
    "shapes do not fit": lambda: sb.masked_softmax(x(m, n), mask=sb.input("M", n, m, kind="bool")),
    "does not hold booleans": lambda: sb.masked_softmax(x(m, n), mask=sb.input("M", m, n)),
    "has no step": lambda: sb.rnn(sb.input("X", 0, n), x(h, n), x(h, h, name="U")),
    "expected a mask": lambda: sb.rnn(
        sb.input("X", T, n), x(h, n), x(h, h, name="U"), mask=sb.input("M", n)
    ),
    "square matrix": lambda: sb.inverse(x(m, n)),
    "has no entry": lambda: sb.max(x(0)),
}


@pytest.mark.parametrize("said", CASES)
def test_a_layer_that_cannot_be_is_refused(said):
    with pytest.raises(sb.SymbackpropError, match=said):
        CASES[said]()
