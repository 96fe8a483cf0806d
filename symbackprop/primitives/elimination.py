"""Gaussian elimination over any field: the reference behind inverse, determinant and solve."""

from __future__ import annotations

from symbackprop.scalars import Field, UndefinedValueError
from symbackprop.scalars.fields import Array, Scalar


def _magnitude(value: Scalar) -> Scalar:
    """|x| where the field has one, else whether x is not 0: any pivot does in an exact field."""
    return abs(value) if hasattr(value, "__abs__") else int(value != 0)


def _pivot(matrix: Array, column: int) -> int:
    """The row at or below `column` with the largest entry in it.

    Raises
    ------
    UndefinedValueError
        When all of them are 0: the matrix is singular.
    """
    rows = range(column, len(matrix))
    best = max(rows, key=lambda row: _magnitude(matrix[row, column]))
    if _magnitude(matrix[best, column]) == 0:
        raise UndefinedValueError("a singular matrix has no inverse")
    return best


def solve(matrix: Array, right: Array) -> Array:
    """X with A X = B.   matrix: (n, n), right: (n, m)."""
    a, b = matrix.copy(), right.copy()
    count = len(a)
    for column in range(count):
        pivot = _pivot(a, column)
        a[[column, pivot]], b[[column, pivot]] = a[[pivot, column]], b[[pivot, column]]
        scale = 1 / a[column, column]
        a[column], b[column] = a[column] * scale, b[column] * scale
        for row in range(count):
            if row != column:
                factor = a[row, column]
                a[row] = a[row] - a[column] * factor
                b[row] = b[row] - b[column] * factor
    return b


def determinant(matrix: Array, field: Field) -> Scalar:
    """The determinant: the product of the pivots, with a sign for each exchange of rows."""
    a = matrix.copy()
    result = field.convert(1)
    for column in range(len(a)):
        try:
            pivot = _pivot(a, column)
        except UndefinedValueError:
            return field.convert(0)
        if pivot != column:
            a[[column, pivot]] = a[[pivot, column]]
            result = -result
        result = result * a[column, column]
        scale = 1 / a[column, column]
        for row in range(column + 1, len(a)):
            a[row] = a[row] - a[column] * (a[row, column] * scale)
    return result


def identity(count: int, matrix: Array, field: Field) -> Array:
    """The identity, as an array like `matrix`."""
    result = matrix.copy()
    for i in range(count):
        for j in range(count):
            result[i, j] = field.convert(int(i == j))
    return result
