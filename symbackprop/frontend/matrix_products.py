"""Products and entrywise functions of matrices, each made once, whatever its orientation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from sympy import Basic, Expr, Integer

from symbackprop.errors import ShapeError
from symbackprop.frontend.comprehend import elementwise
from symbackprop.frontend.contraction import contract
from symbackprop.frontend.importer import Importer, Matrix, short
from symbackprop.frontend.record import Computed, Record
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Reduction
from symbackprop.sizes import Index, Size, axis, same_size


def place(matrix: Matrix, row: Index, column: Index) -> tuple[Index, ...]:
    """How the tensor of a matrix is read at a row and a column."""
    found = []
    if matrix.rows != 1:
        found.append(row)
    if matrix.columns != 1:
        found.append(column)
    return tuple(reversed(found)) if matrix.flipped else tuple(found)


def shape_of(rows: Size, columns: Size) -> list[Size]:
    """The shape of the tensor of a matrix: axes of size 1 are left out."""
    return [size for size in (rows, columns) if size != 1]


def constants(value: Expr, rows: Size, columns: Size) -> Matrix:
    """The matrix whose every entry is `value`."""
    shape = shape_of(rows, columns)
    here = tuple(axis(k) for k in range(len(shape)))
    made = Computed((), tuple(shape), value, (), here, (), Reduction.NONE, pointwise=True)
    return Matrix(Tensor(shape, made), rows, columns)


def mapped(
    importer: Importer,
    what: str,
    body: Expr,
    matrices: Sequence[Matrix],
    scalars: Sequence[Tensor] = (),
) -> Matrix:
    """`body` of matrices of one shape, then of numbers; equal ones are made once."""
    flipped = next((m.flipped for m in matrices if len(m.tensor.shape) == 2), False)
    tensors = [m.tensor if m.flipped == flipped else m.tensor.T for m in matrices]
    key = ("map", body, tuple((m.tensor, m.flipped != flipped) for m in matrices), tuple(scalars))
    known = importer.letters.made
    if key not in known:
        known[key] = elementwise(what, body, [*tensors, *scalars])
    return Matrix(known[key], matrices[0].rows, matrices[0].columns, flipped)


def check_inner(expression: Basic, matrices: Sequence[Matrix]) -> None:
    """Refuse factors whose inner sizes differ.

    Raises
    ------
    ShapeError
        With both shapes.
    """
    for a, b in pairwise(matrices):
        if not same_size(a.columns, b.rows):
            raise ShapeError(
                f"product: inner sizes differ: {shape(a)} times {shape(b)}",
                where=short(expression),
                help=f"{a.columns} and {b.rows} are unrelated sizes; SymPy does not check symbols",
            )


def shape(matrix: Matrix) -> str:
    """Rows and columns as text."""
    return f"({matrix.rows}, {matrix.columns})"


def product(importer: Importer, matrices: Sequence[Matrix]) -> Matrix:
    """The contraction of the factors; ones only stretch or sum. A transposed one is found again."""
    rows, columns = matrices[0].rows, matrices[-1].columns
    if len(matrices) == 1:
        return matrices[0]
    known = importer.letters.made
    back = _product_key([m.transposed() for m in reversed(matrices)])
    if back in known and len(known[back].shape) == 2:
        return Matrix(known[back], rows, columns, flipped=True)
    key = _product_key(matrices)
    if key not in known:
        known[key] = _contracted(matrices)
    return Matrix(known[key], rows, columns)


def _product_key(matrices: Sequence[Matrix]) -> tuple[object, ...]:
    factors = tuple(m.rows if _is_ones(m.tensor) else (m.tensor, m.flipped) for m in matrices)
    return ("product", factors, matrices[0].rows, matrices[-1].columns)


def _contracted(matrices: Sequence[Matrix]) -> Tensor:
    sizes = [matrices[0].rows, *(m.columns for m in matrices)]
    factors = [
        (m.tensor, place(m, axis(k), axis(k + 1)))
        for k, m in enumerate(matrices)
        if not _is_ones(m.tensor)
    ]
    out = [k for k in (0, len(matrices)) if sizes[k] != 1]
    inner = [k for k in range(1, len(matrices)) if sizes[k] != 1]
    if not factors:
        total = Integer(1)
        for k in inner:
            total = total * sizes[k]
        return constants(total, sizes[0], sizes[-1]).tensor
    local = {k: n for n, k in enumerate([*out, *inner])}
    moved = [(t, tuple(i.renamed(local.__getitem__) for i in index)) for t, index in factors]
    return contract(moved, [sizes[k] for k in local], list(range(len(out))))


def _is_ones(tensor: Record) -> bool:
    definition = tensor.definition
    return (
        isinstance(definition, Computed)
        and not definition.operands
        and (definition.body == 1 and definition.pointwise)
    )
