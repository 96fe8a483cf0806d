"""What plain SymPy can say and a network cannot use: named, with what to write instead."""

import pytest
import sympy as sp
from sympy import HadamardProduct, IndexedBase, MatrixSymbol, Sum, exp

from symbackprop import frontend as sb
from symbackprop.errors import InvalidExpressionError, ShapeError, UnsupportedError

n, h, k, m = sb.dims("n h k m")
i, j = sp.symbols("i j", integer=True)
t = sp.Symbol("t")

REFUSED = {
    "sizes of a product": (
        lambda: MatrixSymbol("W", h, n) * MatrixSymbol("x", k, 1),
        ShapeError,
        "(h, n) times (k, 1)",
    ),
    "sizes of a sum": (
        lambda: MatrixSymbol("a", h, 1) + MatrixSymbol("b", k, 1),
        ShapeError,
        "(h, 1) and (k, 1)",
    ),
    "sizes of an entrywise product": (
        lambda: HadamardProduct(MatrixSymbol("A", h, n), MatrixSymbol("B", k, n)),
        ShapeError,
        "(h, n) and (k, n)",
    ),
    "a batch without ones": (
        lambda: MatrixSymbol("X", m, n) * MatrixSymbol("W", n, h) + MatrixSymbol("b", 1, h),
        ShapeError,
        "OneMatrix(m, 1)*b.T",
    ),
    "inverse": (
        lambda: sp.Inverse(MatrixSymbol("A", n, n)) * MatrixSymbol("B", k, k),
        ShapeError,
        "(n, n) times (k, k)",
    ),
    "a function of a matrix": (
        lambda: exp(MatrixSymbol("A", n, n)),
        InvalidExpressionError,
        ".applyfunc(f)",
    ),
    "blocks": (
        lambda: sp.BlockMatrix([[MatrixSymbol("A", n, n), MatrixSymbol("B", n, n)]]),
        UnsupportedError,
        "sb.concatenate",
    ),
    "kronecker product": (
        lambda: sp.KroneckerProduct(MatrixSymbol("A", n, n), MatrixSymbol("B", n, n)),
        UnsupportedError,
        "KroneckerProduct",
    ),
    "index ranges": (
        lambda: Sum(IndexedBase("W", shape=(h, n))[0, i] * IndexedBase("x")[i], (i, 0, k - 1)),
        ShapeError,
        "k and n are unrelated sizes",
    ),
    "two ranges": (
        lambda: Sum(IndexedBase("x")[i], (i, 0, n - 1)) + Sum(IndexedBase("x")[i], (i, 0, h - 1)),
        ShapeError,
        "unrelated sizes",
    ),
    "unknown size": (lambda: IndexedBase("x")[0], ShapeError, "shape=(...)"),
    "ranks": (
        lambda: Sum(IndexedBase("x")[i] + IndexedBase("x")[i, i], (i, 0, n - 1)),
        ShapeError,
        "with 1 and with 2 indices",
    ),
    "triangle": (
        lambda: Sum(IndexedBase("x")[i], (i, 0, j), (j, 0, n - 1)),
        UnsupportedError,
        "cumsum",
    ),
    "product": (
        lambda: sp.Product(IndexedBase("x")[i], (i, 0, n - 1)),
        UnsupportedError,
        "exp(Sum(log(f), ...))",
    ),
    "integral": (lambda: sp.Integral(t**2, (t, 0, 1)), UnsupportedError, "finite Sum"),
    "derivative": (
        lambda: sp.Derivative(sp.Function("f")(t), t),
        UnsupportedError,
        "declare the loss only",
    ),
    "an unknown function": (
        lambda: Sum(sp.gamma(IndexedBase("x")[i]), (i, 0, n - 1)),
        UnsupportedError,
        "gamma",
    ),
    "an index that is not affine": (
        lambda: Sum(IndexedBase("x", shape=(n,))[i**2], (i, 0, n - 1)),
        UnsupportedError,
        "not affine",
    ),
    "an explicit matrix": (lambda: sp.Matrix([[1, 2]]), InvalidExpressionError, "SymPy expression"),
    "text": (lambda: "x + 1", InvalidExpressionError, "found str"),
    "complex numbers": (lambda: t * sp.I, InvalidExpressionError, "complex"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_is_refused_says_what_to_write(case):
    make, error, words = REFUSED[case]
    with pytest.raises(error) as caught:
        sb.from_sympy(make())
    assert words in str(caught.value)


def test_a_deep_scalar_expression_is_refused_in_words():
    e = t
    for _ in range(150):
        e = sp.sin(e)
    with pytest.raises(UnsupportedError, match="handles"):
        sb.from_sympy(e)
