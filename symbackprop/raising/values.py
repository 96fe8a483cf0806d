"""The value of a formula: what is printed is checked against what it was raised from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from symbackprop.errors import UnsupportedError
from symbackprop.interpret import evaluate as interpreted
from symbackprop.ir import Graph, Opaque, Var
from symbackprop.raising.entries import EntryForm
from symbackprop.raising.shapes import form_of
from symbackprop.raising.tree import (
    Add,
    Apply,
    Big,
    Component,
    Constant,
    Delta,
    Entry,
    Eye,
    Form,
    Formula,
    Hadamard,
    Indicator,
    Inner,
    Kron,
    MatMul,
    MatrixFunction,
    Negative,
    Norm,
    Number,
    OneHot,
    Ones,
    Over,
    Power,
    Product,
    Quotient,
    Ref,
    SizeTerm,
    Transpose,
    Unnamed,
    Value,
    Whole,
)
from symbackprop.scalars import FLOAT64, evaluate, function, placeholder
from symbackprop.scalars.opaque import smooth_instance
from symbackprop.sizes import Constraint, Index, as_size, evaluate_size

Array = Any
"""A NumPy array, or what behaves as one."""


@dataclass(slots=True)
class Values:
    """What a formula is evaluated with.

    arrays : node id -> array;  sizes : size name -> integer;  xp : the array module (``numpy``)
    """

    arrays: Mapping[int, Array]
    sizes: Mapping[str, int]
    xp: Any
    axes: dict[int, int] = field(default_factory=dict)

    def index(self, term: Index) -> int:
        """The integer value of an index term at the present axes."""
        total = self.size(term.const)
        for atom, c in term.terms:
            if isinstance(atom, int):
                total += self.size(c) * self.axes[atom]
            else:
                place = tuple(self.index(t) for t in atom.index)
                total += self.size(c) * int(self.arrays[atom.source][place])
        return total

    def size(self, size: Any) -> int:
        """The value of a coefficient."""
        return int(size) if size.is_Integer else _signed_size(size, self.sizes)

    def holds(self, conditions: Sequence[Constraint]) -> bool:
        """Whether all conditions hold at the present axes."""
        values = ((self.index(c.term), c.equality) for c in conditions)
        return all(v == 0 if equality else v >= 0 for v, equality in values)


def _signed_size(size: Any, values: Mapping[str, int]) -> int:
    minus = bool(size.could_extract_minus_sign())
    found = evaluate_size(-size if minus else size, values)
    return -found if minus else found


def matrix_value(formula: Formula, values: Values) -> Array:
    """The value of a matrix form as a two-dimensional array: a scalar is 1 x 1, a column n x 1."""
    return _METHODS[type(formula)](formula, values)


def entries_by_points(form: EntryForm, values: Values, sizes: Sequence[int]) -> Array:
    """The value of an index form: the array of all its entries, one after the other."""
    shape = tuple(sizes[: len(form.target)])
    result = values.xp.zeros(shape)
    for place in product(*(range(n) for n in shape)):
        values.axes = dict(enumerate(place))
        result[place] = _scalar(form.body, values, sizes)
    return result


def _scalar(formula: Formula, values: Values, sizes: Sequence[int]) -> Array:
    """The value of an index form at the present axes."""
    if isinstance(formula, Over):
        return _over(formula, values, sizes)
    operands = children(formula)
    if isinstance(formula, Product):
        guards = [f for f in operands if isinstance(f, (Delta, Indicator))]
        if any(_scalar(g, values, sizes) == 0 for g in guards):
            return 0.0  # what stands beside it is infinite, or read out of range
    args = tuple(_scalar(child, values, sizes) for child in operands)
    match formula:
        case Entry(source=source, index=index):
            return values.arrays[source][tuple(values.index(t) for t in index)]
        case Value(index=index):
            return float(values.index(index))
        case Component():
            return _component(formula, values)
        case Delta(left=left, right=right):
            return float(values.index(left) == values.index(right))
        case Indicator(conditions=conditions):
            return float(values.holds(conditions))
    return elementwise(formula, args, values)


def _component(formula: Component, values: Values) -> Array:
    place = tuple(values.index(t) for t in formula.index)
    whole = matrix_value(formula.operand, values)
    if len(place) < 2:
        return whole.reshape(-1)[place[0] if place else 0]
    return whole[place]


def _over(formula: Over, values: Values, sizes: Sequence[int]) -> Array:
    outer = dict(values.axes)
    found: list[Array] = []
    ranges = [range(sizes[a]) for a in formula.axes]
    for place in product(*ranges):
        values.axes.update(zip(formula.axes, place, strict=True))
        if values.holds(formula.conditions):
            found.append(_scalar(formula.body, values, sizes))
        elif formula.big is Big.ARGMAX:
            found.append(float("-inf"))
    values.axes = outer
    if formula.big is Big.SUM:
        return sum(found)
    return max(found) if formula.big is Big.MAX else float(found.index(max(found)))


def children(formula: Formula) -> tuple[Formula, ...]:
    """The formulas that one is made of."""
    match formula:
        case Add(terms=terms):
            return terms
        case Product(factors=factors) | Hadamard(factors=factors):
            return factors
        case Apply(args=args) | Unnamed(args=args):
            return args
        case Negative(operand=operand):
            return (operand,)
        case Quotient(numerator=top, denominator=bottom):
            return (top, bottom)
        case Power(base=base, exponent=exponent):
            return (base, exponent)
    return ()


def _product(args: Sequence[Array], xp: Any) -> Array:
    """The product entry by entry, where 0 times infinity (in 0 log 0) is 0."""
    result = args[0]
    for arg in args[1:]:
        if getattr(arg, "ndim", 0) or getattr(result, "ndim", 0):
            with xp.errstate(invalid="ignore"):
                result = xp.where((result == 0) | (arg == 0), 0.0, result * arg)
        else:
            result = 0.0 if result == 0 or arg == 0 else result * arg
    return result


def elementwise(formula: Formula, args: Sequence[Array], values: Values) -> Array:
    """The arithmetic that both forms share."""
    match formula:
        case Number(numerator=p, denominator=q):
            return values.xp.float64(p) / q
        case Constant(name="pi"):
            return values.xp.float64(values.xp.pi)
        case SizeTerm(name=name):
            return values.xp.float64(values.sizes[name])
        case Add():
            return sum(args[1:], args[0])
        case Negative():
            return -args[0]
        case Product() | Hadamard():
            return _product(args, values.xp)
        case Quotient():
            return args[0] / args[1]
        case Power():
            return args[0] ** args[1]
        case Apply():
            return _applied(formula.function, args, values)
        case Unnamed():
            return _evaluated(smooth_instance(formula.name, formula.orders), args, values)
    raise UnsupportedError(f"no value for {type(formula).__name__}")


def _applied(name: str, args: Sequence[Array], values: Values) -> Array:
    record = function(name)
    return _evaluated(record.build(*(placeholder(k) for k in range(len(args)))), args, values)


def _evaluated(body: Any, args: Sequence[Array], values: Values) -> Array:
    arrays = values.xp.broadcast_arrays(*(values.xp.asarray(a, dtype=float) for a in args))
    return evaluate(body, tuple(arrays), {}, FLOAT64)


def _ref(formula: Ref, values: Values) -> Array:
    place = tuple(values.index(t) for t in formula.batch)
    array = values.xp.asarray(values.arrays[formula.source][place], dtype=float)
    match formula.form:
        case Form.SCALAR:
            return array.reshape(1, 1)
        case Form.COLUMN:
            return array.reshape(-1, 1)
        case Form.ROW:
            return array.reshape(1, -1)
        case Form.MATRIX:
            long = [n for n in array.shape if n != 1]
            return array.reshape(long) if array.ndim > 2 else array


def _matmul(formula: MatMul, values: Values) -> Array:
    result = matrix_value(formula.factors[0], values)
    for factor in formula.factors[1:]:
        result = result @ _conforming(result, matrix_value(factor, values))
    return result


def _conforming(left: Array, right: Array) -> Array:
    if left.shape[1] != right.shape[0]:
        raise ValueError(f"matrix product of shapes {left.shape} and {right.shape}")
    return right


def _inner(formula: Inner, values: Values) -> Array:
    left, right = (matrix_value(f, values) for f in (formula.left, formula.right))
    if left.shape != right.shape or left.shape[1] != 1:
        raise ValueError(f"inner product of shapes {left.shape} and {right.shape}")
    return _product((left, right), values.xp).sum().reshape(1, 1)


def _shared(formula: Formula, values: Values) -> Array:
    operands = children(formula)
    args = [matrix_value(f, values) for f in operands]
    if isinstance(formula, (Number, Constant, SizeTerm)):
        return values.xp.asarray(elementwise(formula, (), values)).reshape(1, 1)
    shapes = {a.shape for f, a in zip(operands, args, strict=True) if _counts(formula, f)}
    if len(shapes) > 1:
        raise ValueError(f"{type(formula).__name__} of shapes {sorted(shapes)}")
    return elementwise(formula, args, values)


def _counts(formula: Formula, operand: Formula) -> bool:
    """Whether an operand must have the shape of the others; numbers are broadcast."""
    if isinstance(formula, (Product, Quotient, Power)):
        return form_of(operand) is not Form.SCALAR
    return not isinstance(_without_sign(operand), Number)


def _without_sign(formula: Formula) -> Formula:
    return formula.operand if isinstance(formula, Negative) else formula


def _whole(formula: Whole, values: Values) -> Array:
    xp = values.xp
    operand = matrix_value(formula.operand, values)
    one = (1, 1)
    match formula.function:
        case MatrixFunction.DIAG:
            return xp.diag(operand.reshape(-1))
        case MatrixFunction.DIAGONAL:
            return xp.diag(operand).reshape(-1, 1)
        case MatrixFunction.TRACE:
            return xp.asarray(xp.trace(operand)).reshape(one)
        case MatrixFunction.INVERSE:
            return xp.linalg.inv(operand)
        case MatrixFunction.DETERMINANT:
            return xp.asarray(xp.linalg.det(operand)).reshape(one)
        case MatrixFunction.LOGDET:
            return xp.asarray(xp.linalg.slogdet(operand)[1]).reshape(one)
        case MatrixFunction.LOG_SUM_EXP:
            return xp.log(xp.sum(xp.exp(operand))).reshape(one)
        case MatrixFunction.ARGSORT:
            return xp.argsort(operand, axis=0 if operand.shape[1] == 1 else 1, kind="stable")
        case MatrixFunction.SOFTMAX_COLUMNS:
            return _softmax(operand, 0, xp)
    shifted = _softmax(operand, 0 if form_of(formula.operand) is Form.COLUMN else 1, xp)
    return xp.log(shifted) if formula.function is MatrixFunction.LOG_SOFTMAX else shifted


def _softmax(operand: Array, axis: int, xp: Any) -> Array:
    powers = xp.exp(operand - xp.max(operand, axis=axis, keepdims=True))
    return powers / xp.sum(powers, axis=axis, keepdims=True)


def _norm(formula: Norm, values: Values) -> Array:
    operand = matrix_value(formula.operand, values)
    return values.xp.sum(operand * operand).reshape(1, 1)


def _unnamed(formula: Unnamed, values: Values) -> Array:
    if formula.tensor is None:
        return _shared(formula, values)
    args = {f"x{j}": matrix_value(a, values) for j, a in enumerate(formula.args)}
    graph = Graph()
    ids = [
        graph.add(Var(name, tuple(as_size(n) for n in array.shape))) for name, array in args.items()
    ]
    shape = tuple(as_size(evaluate_size(s, values.sizes)) for s in formula.out_shape)
    node = graph.add(Opaque(formula.name, formula.orders, tuple(ids), shape))
    found = interpreted(graph, [node], args)[node]
    long = [n for n in found.shape if n != 1]
    match formula.tensor:
        case Form.MATRIX:
            return found.reshape(long)
        case Form.ROW:
            return found.reshape(1, -1)
    return found.reshape(-1, 1)


def _one_hot(formula: OneHot, values: Values) -> Array:
    labels = matrix_value(formula.labels, values).astype(int).reshape(-1)
    found = values.xp.eye(evaluate_size(formula.size, values.sizes))[labels]
    return found if form_of(formula) is Form.MATRIX else found.T


def _over_matrices(formula: Over, values: Values) -> Array:
    """A sum of matrices over steps."""
    outer = dict(values.axes)
    found: list[Array] = []
    ranges = [range(evaluate_size(size, values.sizes)) for size in formula.sizes]
    for place in product(*ranges):
        values.axes.update(zip(formula.axes, place, strict=True))
        found.append(matrix_value(formula.body, values))
    values.axes = outer
    return sum(found)


_METHODS: dict[type, Callable[..., Array]] = {
    Ref: _ref,
    Ones: lambda f, v: v.xp.ones((evaluate_size(f.size, v.sizes), 1)),
    Eye: lambda f, v: v.xp.eye(evaluate_size(f.size, v.sizes)),
    MatMul: _matmul,
    Inner: _inner,
    Transpose: lambda f, v: matrix_value(f.operand, v).T,
    Whole: _whole,
    Norm: _norm,
    Kron: lambda f, v: v.xp.kron(matrix_value(f.left, v), matrix_value(f.right, v)),
    Unnamed: _unnamed,
    Over: _over_matrices,
    OneHot: _one_hot,
    **dict.fromkeys(
        (Number, Constant, SizeTerm, Add, Negative, Product, Hadamard, Quotient, Power, Apply),
        _shared,
    ),
}

__all__ = ["Values", "children", "elementwise", "entries_by_points", "matrix_value"]
