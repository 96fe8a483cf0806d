"""Layout: which letters stand for the transpose of what is stored, and what formulas become.

In the graph a gradient has the shape of its variable, examples are rows, a weight is stored one
way. A reader who holds otherwise (numerator layout, examples in columns, weights on the other side)
writes the same formulas over transposed letters. This is the only place that knows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from symbackprop.ir import Graph
from symbackprop.raising.build import (
    add,
    diag,
    hadamard,
    inner,
    matmul,
    negative,
    quotient,
    scaled,
)
from symbackprop.raising.rebuild import with_children
from symbackprop.raising.shapes import is_scalar
from symbackprop.raising.transposing import lighter, transposed
from symbackprop.raising.tree import (
    ONE,
    Add,
    Form,
    Formula,
    Hadamard,
    Inner,
    MatMul,
    MatrixFunction,
    Negative,
    Product,
    Quotient,
    Ref,
    Transpose,
    Whole,
)
from symbackprop.sizes import Size, same_size

_OTHER = {Form.COLUMN: Form.ROW, Form.ROW: Form.COLUMN, Form.MATRIX: Form.MATRIX}


def arranged(formula: Formula, flipped: Collection[int], transpose: bool = False) -> Formula:
    """The formula over the letters of another layout.

    Parameters
    ----------
    flipped : ids of the nodes whose letter stands for the transpose of what is stored
    transpose : whether the result is written transposed as well
    """
    result = _arranged(formula, frozenset(flipped)) if flipped else formula
    return transposed(result) if transpose else result


def _arranged(formula: Formula, flipped: frozenset[int]) -> Formula:
    if isinstance(formula, Ref):
        if formula.source not in flipped or formula.form is Form.SCALAR:
            return formula
        return Transpose(Ref(formula.source, _OTHER[formula.form], formula.batch))
    below = with_children(formula, lambda child: _arranged(child, flipped))
    return below if below == formula else settled(below)


def settled(formula: Formula) -> Formula:
    """The formula made anew by its constructor, so that transposes meet and cancel."""
    match formula:
        case Transpose(operand=operand):
            return transposed(operand)
        case Add(terms=terms):
            return lighter(add(terms))
        case Negative(operand=operand):
            return negative(operand)
        case MatMul(factors=factors):
            return matmul(factors)
        case Hadamard(factors=factors):
            return lighter(hadamard(factors))
        case Inner(left=left, right=right):
            return inner(left, right)
        case Quotient(numerator=top, denominator=bottom):
            return quotient(top, bottom)
        case Product(factors=factors):
            scalar = is_scalar(factors[-1])
            return scaled(factors, ONE) if scalar else scaled(factors[:-1], factors[-1])
        case Whole(function=MatrixFunction.DIAG, operand=Transpose(operand=row)):
            return diag(row)
        case Whole(function=MatrixFunction.TRACE, operand=Transpose(operand=operand)):
            return Whole(MatrixFunction.TRACE, operand)
    return lighter(formula)


def batch_sizes(graph: Graph, inputs: Iterable[int], parameters: Iterable[int]) -> list[Size]:
    """The sizes that count examples: the first axis of an input, where no parameter has it."""
    taken = [size for i in parameters for size in graph.shape(i)]
    found: list[Size] = []
    for i in inputs:
        first = graph.shape(i)[:1]
        known = [*taken, *found]
        found.extend(s for s in first if s != 1 and not any(same_size(s, t) for t in known))
    return found


def with_examples(graph: Graph, ids: Iterable[int], sizes: Sequence[Size]) -> list[int]:
    """Those of `ids` that are matrices with an example in each row."""
    return [
        i
        for i in ids
        if len(graph.shape(i)) == 2 and any(same_size(graph.shape(i)[0], s) for s in sizes)
    ]


__all__ = ["arranged", "batch_sizes", "with_examples"]
