import numpy as np
import pytest

from symbackprop.scalars.numpy_code import Code, CodePrecedence, numpy_code
from symbackprop.scalars.numpy_indicators import condition, settle_indicators
from symbackprop.scalars.numpy_tree import (
    Number,
    Operand,
    SizeName,
    Ufunc,
    apply,
    helpers_used,
    is_array,
    repeated,
)

A, B, C = Operand(0), Operand(1), Operand(2)
NAMES = [Code("a"), Code("b"), Code("x + y", CodePrecedence.SUM)]


def add(x, y):
    return apply(Ufunc.ADD, x, y)


def sub(x, y):
    return apply(Ufunc.SUBTRACT, x, y)


def mul(x, y):
    return apply(Ufunc.MULTIPLY, x, y)


def div(x, y):
    return apply(Ufunc.DIVIDE, x, y)


POSITIVE = apply(Ufunc.GREATER, A, Number(0))


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (add(add(A, B), C), "a + b + x + y"),
        (sub(A, C), "a - (x + y)"),
        (sub(sub(A, B), A), "a - b - a"),
        (sub(A, sub(B, A)), "a - (b - a)"),
        (mul(A, C), "a * (x + y)"),
        (div(A, mul(B, A)), "a / (b * a)"),
        (div(mul(A, B), SizeName("m")), "a * b / m"),
        (apply(Ufunc.NEGATIVE, mul(A, B)), "-(a * b)"),
        (mul(apply(Ufunc.NEGATIVE, A), B), "-a * b"),
        (apply(Ufunc.POWER, C, Number(-0.5)), "(x + y) ** (-0.5)"),
        (apply(Ufunc.SQUARE, A), "a * a"),
        (apply(Ufunc.SQUARE, C), "np.square(x + y)"),
        (apply(Ufunc.SQUARE, add(A, B)), "np.square(a + b)"),
        (apply(Ufunc.WHERE, POSITIVE, A, B), "np.where(a > 0, a, b)"),
        (mul(B, POSITIVE), "b * (a > 0)"),
        (apply(Ufunc.CAST, POSITIVE), "(a > 0).astype(DTYPE)"),
        (apply(Ufunc.ERF, mul(Number(0.5), A)), "erf(0.5 * a)"),
    ],
)
def test_spelling(tree, text: str) -> None:
    assert numpy_code(tree, NAMES).text == text


def test_an_indicator_becomes_a_number_of_the_right_dtype() -> None:
    product = mul(B, POSITIVE)
    assert settle_indicators(product) == product, "float32 * bool is float32"
    assert settle_indicators(mul(Number(0.5), POSITIVE)) == mul(
        Number(0.5), apply(Ufunc.CAST, POSITIVE)
    )
    assert settle_indicators(sub(Number(1), POSITIVE)) == sub(
        Number(1), apply(Ufunc.CAST, POSITIVE)
    )
    assert settle_indicators(mul(POSITIVE, POSITIVE)) == apply(Ufunc.CAST, mul(POSITIVE, POSITIVE))
    assert settle_indicators(apply(Ufunc.WHERE, POSITIVE, Number(1), Number(0.01))) == apply(
        Ufunc.CAST, apply(Ufunc.WHERE, POSITIVE, Number(1), Number(0.01))
    )
    assert not is_array(POSITIVE)


def test_numpy_agrees_about_the_dtypes() -> None:
    x = np.float32([1, -1])
    assert (x * (x > 0)).dtype == np.float32
    assert (0.5 * (x > 0)).dtype == np.float64
    assert np.where(x > 0, 1.0, 0.01).dtype == np.float64


def test_conditions() -> None:
    assert condition(POSITIVE) == POSITIVE
    assert condition(sub(Number(1), POSITIVE)) == apply(Ufunc.LESS_EQUAL, A, Number(0))
    assert condition(A) == apply(Ufunc.NOT_EQUAL, A, Number(0))


def test_repeated_and_helpers() -> None:
    compound = apply(Ufunc.ERF, add(A, B))
    assert repeated(mul(compound, compound)) == (add(A, B), compound)
    assert repeated(mul(A, A)) == ()
    assert helpers_used(mul(compound, compound)) == (Ufunc.ERF,)
