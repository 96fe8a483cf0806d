"""Plain SymPy in matrix notation: MatrixSymbol, products, sums, transposes, applyfunc, traces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sympy import (
    Basic,
    Determinant,
    Expr,
    Identity,
    Integer,
    Inverse,
    Lambda,
    MatAdd,
    MatMul,
    MatPow,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Trace,
    Transpose,
    ZeroMatrix,
)
from sympy.matrices.expressions import HadamardPower, HadamardProduct
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop.errors import ShapeError
from symbackprop.frontend.contraction import contract
from symbackprop.frontend.importer import (
    Environment,
    Importer,
    Job,
    Matrix,
    Rule,
    short,
    unsupported,
)
from symbackprop.frontend.linear_algebra import det, diag, inverse
from symbackprop.frontend.matrix_products import (
    check_inner,
    constants,
    mapped,
    place,
    product,
    shape,
    shape_of,
)
from symbackprop.frontend.record import Computed
from symbackprop.frontend.scalar_terms import Term
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Reduction
from symbackprop.scalars import Power, placeholder
from symbackprop.scalars.adopt import adopt
from symbackprop.sizes import as_size, axis, implied, same_size

_P0 = placeholder(0)


def parts(importer: Importer, expression: Basic, env: Environment) -> Iterable[Job]:
    """The matrices and numbers that an expression is made of."""
    return [(a, env) for a in expression.args if isinstance(a, Expr)]


def no_parts(importer: Importer, expression: Basic, env: Environment) -> Iterable[Job]:
    """Nothing: the expression is a leaf."""
    return []


def make_symbol(importer: Importer, expression: MatrixSymbol, env: Environment) -> Matrix:
    """A variable."""
    rows, columns = (as_size(size) for size in expression.shape)
    tensor = importer.arrays.variable(expression.name, shape_of(rows, columns))
    return Matrix(tensor, rows, columns)


def make_one(importer: Importer, expression: OneMatrix, env: Environment) -> Matrix:
    """Ones."""
    return constants(Integer(1), *(as_size(size) for size in expression.shape))


def make_zero(importer: Importer, expression: ZeroMatrix, env: Environment) -> Matrix:
    """Zeros."""
    return constants(Integer(0), *(as_size(size) for size in expression.shape))


def make_identity(importer: Importer, expression: Identity, env: Environment) -> Matrix:
    """The identity matrix: a diagonal write of 1."""
    size = as_size(expression.shape[0])
    if size == 1:
        return constants(Integer(1), size, size)
    made = Computed(
        (), (size,), Integer(1), (), (axis(0), axis(0)), (), Reduction.SUM, pointwise=False
    )
    return Matrix(Tensor((size, size), made), size, size)


def make_transpose(importer: Importer, expression: Transpose, env: Environment) -> Matrix:
    """Rows and columns swapped; a vector needs no entry moved."""
    return importer.matrix(expression.args[0], env).transposed()


def make_product(importer: Importer, expression: MatMul, env: Environment) -> Matrix:
    """A product of matrices and numbers, two factors at a time."""
    matrices: list[Matrix] = []
    scalars: list[Tensor] = []
    body: Expr = _P0
    for part in expression.args:
        value = importer.value(part, env)
        if isinstance(value, Matrix):
            matrices.append(value)
            continue
        # the number stays an expression, so that A * (1/s) is the quotient A / s
        number, tensors = _number(importer, value)
        moves = {placeholder(k): placeholder(len(scalars) + 1 + k) for k in range(len(tensors))}
        body = body * number.xreplace(moves)
        scalars.extend(tensors)
    check_inner(expression, matrices)
    made = product(importer, matrices)
    return made if body == _P0 else mapped(importer, "*", body, [made], scalars)


def _number(importer: Importer, term: Term) -> tuple[Expr, list[Tensor]]:
    """A scalar as a body over scalar tensors; where it reads entries, it is stored as one."""
    tensors = [tensor for tensor, place in term.reads if tensor is not None and not place]
    if len(tensors) == len(term.reads):
        return term.body, tensors
    return _P0, [importer.letters.stored(term).reads[0][0] or _never()]


def _never() -> Tensor:
    raise AssertionError("a stored term reads a tensor")


def entrywise(importer: Importer, expression: Basic, env: Environment, body: Expr) -> Matrix:
    """`body` of the parts, entry by entry; all have one shape."""
    matrices = [importer.matrix(a, env) for a in expression.args]
    first = matrices[0]
    for other in matrices[1:]:
        if not (same_size(first.rows, other.rows) and same_size(first.columns, other.columns)):
            raise ShapeError(
                f"{type(expression).__name__}: shapes differ: {shape(first)} and {shape(other)}",
                where=short(expression),
                help="SymPy does not check symbolic sizes; a bias is added to every row by "
                "OneMatrix(m, 1)*b.T",
            )
    return mapped(importer, type(expression).__name__, body, matrices)


def make_sum(importer: Importer, expression: MatAdd, env: Environment) -> Matrix:
    """The sum of matrices of one shape."""
    body = sum((placeholder(k) for k in range(len(expression.args))), Integer(0))
    return entrywise(importer, expression, env, body)


def make_hadamard(importer: Importer, expression: HadamardProduct, env: Environment) -> Matrix:
    """The product entry by entry."""
    body: Expr = Integer(1)
    for k in range(len(expression.args)):
        body = body * placeholder(k)
    return entrywise(importer, expression, env, body)


def make_hadamard_power(importer: Importer, expression: HadamardPower, env: Environment) -> Matrix:
    """A power entry by entry, of a number or of a matrix of the same shape."""
    exponent = importer.value(expression.args[1], env)
    if isinstance(exponent, Matrix):
        return entrywise(importer, expression, env, Power(_P0, placeholder(1)))
    base = importer.matrix(expression.args[0], env)
    if exponent.reads:
        (read,) = importer.letters.stored(exponent).reads
        power = Power(_P0, placeholder(1))
        return mapped(importer, "HadamardPower", power, [base], [read[0] or _never()])
    return mapped(importer, "HadamardPower", Power(_P0, exponent.body), [base])


def apply_needs(
    importer: Importer, expression: ElementwiseApplyFunction, env: Environment
) -> Iterable[Job]:
    """The matrix that a function is applied to."""
    return [(expression.expr, env)]


def make_apply(
    importer: Importer, expression: ElementwiseApplyFunction, env: Environment
) -> Matrix:
    """A function of every entry."""
    inner = importer.matrix(expression.expr, env)
    function = expression.function
    body = (
        function(_P0)
        if not isinstance(function, Lambda)
        else function.expr.xreplace({function.variables[0]: _P0})
    )
    return mapped(importer, "applyfunc", adopt(body, short(expression)), [inner])


def make_inverse(importer: Importer, expression: Any, env: Environment) -> Matrix:
    """A⁻¹, of a matrix of one entry 1/a."""
    inner = importer.matrix(expression.args[0], env)
    _square(expression, inner)
    if inner.rows == 1:
        return mapped(importer, "inverse", 1 / _P0, [inner])
    key = ("inverse", inner.tensor)
    known = importer.letters.made
    if key not in known:
        known[key] = inverse(inner.tensor)
    return Matrix(known[key], inner.rows, inner.columns, inner.flipped)


def make_power(importer: Importer, expression: MatPow, env: Environment) -> Matrix:
    """A product of a matrix with itself, or of its inverse."""
    inner = importer.matrix(expression.args[0], env)
    exponent = expression.args[1]
    _square(expression, inner)
    if not exponent.is_Integer or abs(exponent) > 8:
        raise unsupported(expression, "an integer power up to 8; entrywise: HadamardPower(A, p)")
    if exponent == 0:
        return make_identity(importer, Identity(inner.rows), env)
    base = inner if exponent > 0 else make_inverse(importer, expression, env)
    return product(importer, [base] * abs(int(exponent)))


def _square(expression: Basic, matrix: Matrix) -> None:
    if not same_size(matrix.rows, matrix.columns):
        raise ShapeError(
            f"{type(expression).__name__}: expected a square matrix, found {shape(matrix)}",
            where=short(expression),
        )


def make_trace(importer: Importer, expression: Trace, env: Environment) -> Term:
    """Tr A = Σ A_ii."""
    inner = importer.matrix(expression.args[0], env)
    _square(expression, inner)
    made = inner.tensor
    if inner.rows != 1:
        made = _trace(importer, expression.args[0], inner, env)
    return Term(_P0, ((made, ()),))


def _trace(importer: Importer, expression: Basic, inner: Matrix, env: Environment) -> Tensor:
    """The trace of a product contracts its ends as well."""
    if isinstance(expression, MatMul):
        values = [importer.value(a, env) for a in expression.args]
        matrices = [v for v in values if isinstance(v, Matrix)]
        if len(matrices) == len(values) == 2:
            first, second = matrices
            return contract(
                [
                    (first.tensor, place(first, axis(0), axis(1))),
                    (second.tensor, place(second, axis(1), axis(0))),
                ],
                [inner.rows, first.columns],
                [],
            )
    return contract([(inner.tensor, (axis(0), axis(0)))], [inner.rows], [])


def make_determinant(importer: Importer, expression: Determinant, env: Environment) -> Term:
    """Det A."""
    inner = importer.matrix(expression.args[0], env)
    _square(expression, inner)
    made = det(inner.tensor) if inner.rows != 1 else inner.tensor
    return Term(_P0, ((made, ()),))


def make_diagonal(importer: Importer, expression: Any, env: Environment) -> Matrix:
    """The diagonal matrix of a vector."""
    inner = importer.matrix(expression.args[0], env)
    if len(inner.tensor.shape) != 1:
        raise ShapeError(f"{type(expression).__name__}: expected a vector, found {shape(inner)}")
    size = inner.tensor.shape[0]
    return Matrix(diag(inner.tensor), size, size)


def element_needs(importer: Importer, expression: MatrixElement, env: Environment) -> Iterable[Job]:
    """The matrix of an entry."""
    return [(expression.parent, env)]


class Elements:
    """Entries of matrices; `index` turns an index expression into an index term."""

    def __init__(self, index: Any) -> None:
        self.index = index

    def make(self, importer: Importer, expression: MatrixElement, env: Environment) -> Term:
        """One entry: indices count from 0, as SymPy's do."""
        inner = importer.matrix(expression.parent, env)
        row, column = (self.index(importer, k, env) for k in (expression.i, expression.j))
        box = [letter.size for letter in importer.letters.known]
        for term, size in ((row, inner.rows), (column, inner.columns)):
            inside = implied(term, box) and implied(term.scaled(Integer(-1)).shifted(size - 1), box)
            if not inside:
                raise ShapeError(
                    f"an entry of {shape(inner)} is outside: {short(expression)}",
                    help="indices of a MatrixSymbol count from 0",
                )
        return Term(_P0, ((inner.tensor, place(inner, row, column)),))


def refuse(importer: Importer, expression: Basic, env: Environment) -> Matrix:
    """A matrix construct without a rule."""
    raise unsupported(
        expression,
        "matrix notation takes MatrixSymbol, +, *, .T, .I, HadamardProduct, HadamardPower, "
        ".applyfunc, Trace, Determinant, OneMatrix, ZeroMatrix and Identity; blocks, Kronecker "
        "products and the like are functions of handles: sb.concatenate, sb.kron",
    )


def matrix_rules(index: Any) -> dict[type[Basic], Rule]:
    """The rules of matrix notation."""
    return {
        MatrixSymbol: Rule(no_parts, make_symbol),
        OneMatrix: Rule(no_parts, make_one),
        ZeroMatrix: Rule(no_parts, make_zero),
        Identity: Rule(no_parts, make_identity),
        Transpose: Rule(parts, make_transpose),
        MatMul: Rule(parts, make_product),
        MatAdd: Rule(parts, make_sum),
        HadamardProduct: Rule(parts, make_hadamard),
        HadamardPower: Rule(parts, make_hadamard_power),
        ElementwiseApplyFunction: Rule(apply_needs, make_apply),
        Inverse: Rule(parts, make_inverse),
        MatPow: Rule(parts, make_power),
        Trace: Rule(parts, make_trace),
        Determinant: Rule(parts, make_determinant),
        DiagMatrix: Rule(parts, make_diagonal),
        DiagonalMatrix: Rule(parts, make_diagonal),
        MatrixElement: Rule(element_needs, Elements(index).make),
        MatrixExpr: Rule(no_parts, refuse),
    }


__all__ = ["matrix_rules"]
