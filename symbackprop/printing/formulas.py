"""One printer for formulas: a table of methods by node, brackets by one table of levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from symbackprop.printing.context import Context
from symbackprop.printing.dialect import Dialect
from symbackprop.printing.functions import SPECIAL, function_word, tensor_derivative
from symbackprop.printing.indices import index_text, relations
from symbackprop.printing.levels import Level, Piece
from symbackprop.printing.names import spelling
from symbackprop.printing.numerals import decimal, power_of_ten
from symbackprop.raising.bodies import size_formula
from symbackprop.raising.build import matmul
from symbackprop.raising.shapes import form_of, is_scalar
from symbackprop.raising.transposing import transposed
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
from symbackprop.sizes import Index, Size, constant


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints formulas in one dialect."""

    dialect: Dialect
    context: Context

    def text(self, formula: Formula, level: Level = Level.SUM) -> str:
        """The formula, in brackets where it holds together less than `level`."""
        piece = _METHODS[type(formula)](self, formula)
        return piece.text if piece.level >= level else self.dialect.brackets(piece.text)

    # names and numbers

    def _number(self, formula: Number) -> Piece:
        if formula.denominator == 1:
            level = Level.ATOM if formula.numerator >= 0 else Level.SUM
            return Piece(str(formula.numerator), level)
        if formula.numerator == 1 and power_of_ten(formula) >= 4:
            return Piece(self.dialect.power("10", f"-{power_of_ten(formula)}"), Level.POWER)
        short = decimal(formula)
        if short:
            return Piece(short)
        size = self._fraction(str(abs(formula.numerator)), str(formula.denominator))
        return size if formula.numerator >= 0 else Piece("-" + size.text, Level.SUM)

    def _fraction(self, top: str, bottom: str) -> Piece:
        level = Level.ATOM if self.dialect.is_latex else Level.PRODUCT
        return Piece(self.dialect.fraction(top, bottom), level)

    def _constant(self, formula: Constant) -> Piece:
        return Piece(self.dialect.name(spelling(formula.name)))

    def _one_hot(self, formula: OneHot) -> Piece:
        word = self.dialect.word("onehot")
        return Piece(word + self.arguments((formula.labels,)), Level.CALL)

    def _component(self, formula: Component) -> Piece:
        index = ",".join(self.position(t, self.context.letters.first) for t in formula.index)
        inner = self.text(formula.operand)
        if not index:
            return Piece(inner, Level.POWER)
        simple = index.replace(",", "")
        if all(len(part) == 1 for part in index.split(",")):
            index = simple
        return Piece(self.dialect.indexed(self.dialect.brackets(inner), index), Level.POWER)

    def _size(self, formula: SizeTerm) -> Piece:
        return Piece(self.dialect.name(spelling(formula.name)))

    def size(self, size: Size) -> str:
        """A size as text."""
        return self.text(size_formula(size))

    def sizes(self, shape: Sequence[Size]) -> list[str]:
        """The sizes of a shape; those of several axes hold together: ``(n + 1)×h``."""
        level = Level.SUM if len(shape) == 1 else Level.CALL
        return [self.text(size_formula(size), level) for size in shape]

    def name(self, source: int, index: str = "") -> str:
        """The name of a node, with the index of an entry."""
        return self.dialect.name(self.context.names[source], index)

    def _ref(self, formula: Ref) -> Piece:
        source, batch = self._lagged(formula.source, formula.batch)
        return Piece(self.name(source, self.index(source, batch) if batch else ""))

    def _lagged(self, source: int, index: tuple[Index, ...]) -> tuple[int, tuple[Index, ...]]:
        """What comes in at a step is what was handed on one step before."""
        if source not in self.context.lagged:
            return source, index
        name, lag, place = self.context.lagged[source]
        if place >= len(index):
            return source, index
        return name, (*index[:place], index[place] + constant(lag), *index[place + 1 :])

    def _entry(self, formula: Entry) -> Piece:
        source, index = self._lagged(formula.source, formula.index)
        return Piece(self.name(source, self.index(source, index)))

    def index(self, source: int, index: tuple[Index, ...]) -> str:
        """The index of an entry, as it stands in a subscript."""
        shown = [self.position(t, self.context.origin(source, d)) for d, t in enumerate(index)]
        simple = all(len(s) == 1 and s.isalnum() for s in shown)
        return ("" if simple else ", " if not self.dialect.is_latex else ",").join(shown)

    def position(self, term: Index, origin: int) -> str:
        """A position (counted from 0) as it is shown on an axis that starts at `origin`."""
        return index_text(self, self.context.letters.shown(term, origin))

    def _ones(self, formula: Ones) -> Piece:
        return Piece(self.dialect.ones)

    def _eye(self, formula: Eye) -> Piece:
        return Piece(self.dialect.identity)

    # sums and products

    def _add(self, formula: Add) -> Piece:
        parts: list[str] = []
        for term in formula.terms:
            minus = isinstance(term, Negative)
            shown = self.text(term.operand if isinstance(term, Negative) else term, Level.BIG)
            if not parts:
                parts.append(f"-{shown}" if minus else shown)
            else:
                parts.append(f" - {shown}" if minus else f" + {shown}")
        return Piece("".join(parts), Level.SUM)

    def _negative(self, formula: Negative) -> Piece:
        return Piece("-" + self.text(formula.operand, Level.BIG), Level.SUM)

    def _product(self, formula: Product) -> Piece:
        *front, last = formula.factors
        if not self.dialect.is_latex and isinstance(front[0], Quotient):
            rest = self._juxtaposed([*_factors(front[0].numerator), *front[1:], last])
            if rest.level is not Level.BIG:
                # (p - y)/m rather than 1/m (p - y)
                bottom = self.text(front[0].denominator, Level.ATOM)
                top = rest.text if rest.level >= Level.PRODUCT else self.dialect.brackets(rest.text)
                return Piece(f"{top}/{bottom}", Level.PRODUCT)
        return self._juxtaposed([*front, last])

    def _juxtaposed(self, factors: list[Formula]) -> Piece:
        if len(factors) == 1:
            return _METHODS[type(factors[0])](self, factors[0])
        *front, last = factors
        parts = [self._scale(f, is_scalar(last)) for f in front]
        ends_in_big = isinstance(last, Over) and last.big is Big.SUM
        parts.append(self.text(last, Level.BIG if ends_in_big else Level.PRODUCT))
        text = _spaced(parts)
        return Piece(text, Level.BIG if ends_in_big else Level.PRODUCT)

    def _scale(self, factor: Formula, among_scalars: bool) -> str:
        """A scalar in front; an inner product there gets brackets, lest it be read on."""
        level = Level.PRODUCT if among_scalars and not isinstance(factor, Inner) else Level.POWER
        if isinstance(factor, Over) or not self.dialect.is_latex:
            level = Level.POWER
        return self.text(factor, level)

    def _matmul(self, formula: MatMul) -> Piece:
        parts = [self.text(f, Level.POWER) for f in formula.factors]
        return Piece(_spaced(parts), Level.MATMUL)

    def _inner(self, formula: Inner) -> Piece:
        left = transposed(formula.left)
        product = matmul((left, formula.right))
        if isinstance(product, MatMul):
            return self._matmul(product)
        parts = [self.text(left, Level.POWER), self.text(formula.right, Level.POWER)]
        return Piece(_spaced(parts), Level.MATMUL)

    def _hadamard(self, formula: Hadamard) -> Piece:
        parts = [self.text(f, Level.POWER) for f in formula.factors]
        return Piece(self.dialect.hadamard.join(parts), Level.HADAMARD)

    def _kron(self, formula: Kron) -> Piece:
        sides = (formula.left, formula.right)
        parts = [self.text(f, Level.POWER) for f in sides]
        return Piece(self.dialect.kron.join(parts), Level.HADAMARD)

    def _quotient(self, formula: Quotient) -> Piece:
        top, bottom = formula.numerator, formula.denominator
        if not is_scalar(bottom):
            text = self.text(top, Level.POWER) + self.dialect.divided
            return Piece(text + self.text(bottom, Level.POWER), Level.HADAMARD)
        if self.dialect.is_latex:
            return self._fraction(self.text(top), self.text(bottom))
        return self._fraction(self.text(top, Level.PRODUCT), self.text(bottom, Level.POWER))

    def _power(self, formula: Power) -> Piece:
        exponent = formula.exponent
        if exponent == Number(1, 2):
            return Piece(self.dialect.root(self.text(formula.base)))
        if form_of(formula.base) is Form.MATRIX:
            return self._entrywise_power(formula)
        base = self.text(formula.base, Level.ATOM)
        return Piece(self.dialect.power(base, self.text(exponent)), Level.POWER)

    def _entrywise_power(self, formula: Power) -> Piece:
        """A power of a matrix entry by entry, which is not its power."""
        if formula.exponent == Number(2):
            return self._hadamard(Hadamard((formula.base, formula.base)))
        base = self.text(formula.base, Level.ATOM)
        sign = self.dialect.hadamard.strip()
        return Piece(self.dialect.power(base, f"{sign} {self.text(formula.exponent)}"), Level.POWER)

    # functions

    def _apply(self, formula: Apply) -> Piece:
        special = SPECIAL.get(formula.function)
        if special is not None:
            found = special(self, formula.args)
            if found is not None:
                return found
        word = function_word(self.dialect, formula.function)
        return Piece(word + self.arguments(formula.args), Level.CALL)

    def arguments(self, args: tuple[Formula, ...]) -> str:
        """Arguments in brackets."""
        return self.dialect.brackets(", ".join(self.text(a) for a in args))

    def _unnamed(self, formula: Unnamed) -> Piece:
        word = self.dialect.word(formula.name)
        if not any(formula.orders):
            return Piece(word + self.arguments(formula.args), Level.CALL)
        if formula.tensor is not None:
            return tensor_derivative(self, formula, word)
        if len(formula.orders) == 1:
            word = self.dialect.primes(word, formula.orders[0])
            return Piece(word + self.arguments(formula.args), Level.CALL)
        signs = [self.dialect.partial(j + 1, n) for j, n in enumerate(formula.orders) if n]
        return Piece("".join(signs) + word + self.arguments(formula.args), Level.CALL)

    def _transpose(self, formula: Transpose) -> Piece:
        match formula.operand:
            case Ref(batch=()):
                name = self.context.names[formula.operand.source]
                return Piece(self.dialect.transposed_name(name), Level.POWER)
            case Ones():
                return Piece(self.dialect.transposed(self.dialect.ones), Level.POWER)
        if _is_inverse(formula.operand):
            base = self.text(formula.operand.operand, Level.ATOM)
            return Piece(self.dialect.inverse_transpose(base), Level.POWER)
        inner = self.text(formula.operand, Level.CALL)
        return Piece(self.dialect.transposed(inner), Level.POWER)

    def _whole(self, formula: Whole) -> Piece:
        operand = formula.operand
        if formula.function is MatrixFunction.INVERSE:
            if isinstance(operand, Whole) and operand.function is MatrixFunction.DIAG:
                base = self._whole(operand).text
            else:
                base = self.text(operand, Level.ATOM)
            return Piece(self.dialect.power(base, "-1"), Level.POWER)
        word = self.dialect.word(_WHOLE_WORDS[formula.function])
        if formula.function is MatrixFunction.DETERMINANT:
            word = self.dialect.determinant
        if formula.function is MatrixFunction.LOGDET:
            word = f"{self.dialect.log} {self.dialect.determinant}"
        return Piece(word + self.arguments((operand,)), Level.CALL)

    def _norm(self, formula: Norm) -> Piece:
        frobenius = form_of(formula.operand) is Form.MATRIX
        return Piece(self.dialect.norm(self.text(formula.operand), frobenius), Level.POWER)

    # index form

    def _value(self, formula: Value) -> Piece:
        text = self.position(formula.index, 0)
        return Piece(text, Level.ATOM if text.isalnum() else Level.SUM)

    def _delta(self, formula: Delta) -> Piece:
        first = self.context.letters.first
        sides = (formula.left, formula.right)
        shown = sorted((self.position(t, first) for t in sides), key=lambda s: (len(s) > 1, s))
        return Piece(self.dialect.delta(shown[0], shown[1]))

    def _indicator(self, formula: Indicator) -> Piece:
        conditions = relations(self, formula.conditions)
        return Piece(self.dialect.indicator(", ".join(conditions)))

    def _over(self, formula: Over) -> Piece:
        letters = self.context.letters
        ranges = [
            (letters.name(a), str(letters.first), self._last(formula, k))
            for k, a in enumerate(formula.axes)
        ]
        conditions = relations(self, formula.conditions)
        body = self.text(formula.body, Level.BIG)
        if formula.big is Big.SUM:
            return Piece(f"{self.dialect.summed(ranges, conditions)} {body}", Level.BIG)
        sign = self.dialect.big_max if formula.big is Big.MAX else self.dialect.big_argmax
        return Piece(f"{self.dialect.extremum(sign, ranges, conditions)} {body}", Level.BIG)

    def _last(self, formula: Over, k: int) -> str:
        """The number of the last position along the k-th axis of a range."""
        size = formula.sizes[k] if formula.sizes else self.context.sizes[formula.axes[k]]
        text = self.size(size if self.context.letters.first else size - 1)
        words = text.split(" ")
        return text if self.dialect.is_latex or len(words) > 3 else "".join(words)


def _is_inverse(formula: Formula) -> TypeGuard[Whole]:
    return isinstance(formula, Whole) and formula.function is MatrixFunction.INVERSE


def _factors(formula: Formula) -> tuple[Formula, ...]:
    """The factors of a numerator; none of 1."""
    if isinstance(formula, Product):
        return formula.factors
    return () if formula == Number(1) else (formula,)


def _spaced(parts: list[str]) -> str:
    """Factors side by side; two numbers never touch."""
    return " ".join(parts)


_WHOLE_WORDS = {
    MatrixFunction.DIAG: "diag",
    MatrixFunction.DIAGONAL: "diag",
    MatrixFunction.TRACE: "tr",
    MatrixFunction.DETERMINANT: "det",
    MatrixFunction.LOGDET: "log det",
    MatrixFunction.SOFTMAX: "softmax",
    MatrixFunction.SOFTMAX_COLUMNS: "softmax",
    MatrixFunction.LOG_SOFTMAX: "log_softmax",
    MatrixFunction.LOG_SUM_EXP: "logsumexp",
    MatrixFunction.ARGSORT: "argsort",
}

_METHODS: dict[type, Callable[..., Piece]] = {
    Number: Printer._number,
    Constant: Printer._constant,
    SizeTerm: Printer._size,
    Ref: Printer._ref,
    Entry: Printer._entry,
    Ones: Printer._ones,
    OneHot: Printer._one_hot,
    Component: Printer._component,
    Eye: Printer._eye,
    Add: Printer._add,
    Negative: Printer._negative,
    Product: Printer._product,
    MatMul: Printer._matmul,
    Inner: Printer._inner,
    Hadamard: Printer._hadamard,
    Kron: Printer._kron,
    Quotient: Printer._quotient,
    Power: Printer._power,
    Apply: Printer._apply,
    Unnamed: Printer._unnamed,
    Transpose: Printer._transpose,
    Whole: Printer._whole,
    Norm: Printer._norm,
    Value: Printer._value,
    Delta: Printer._delta,
    Indicator: Printer._indicator,
    Over: Printer._over,
}

__all__ = ["Context", "Level", "Piece", "Printer"]
