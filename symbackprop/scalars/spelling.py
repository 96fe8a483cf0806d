"""What LaTeX and plain text share: the walk over a body, and the precedence table.

Operands come as text with a binding, so a body prints over whatever they are: ``x_i``, ``z^{[1]}``
or ``W x + b``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from sympy import Abs, Add, Expr, Integer, Mul, Pow, Rational, Symbol

from symbackprop.errors import InternalError, UnsupportedError
from symbackprop.scalars.atoms import Absolute, Equal, Sign, Step, Where
from symbackprop.scalars.functions import FUNCTIONS, record_of
from symbackprop.scalars.opaque import Opaque
from symbackprop.scalars.records import FunctionRecord
from symbackprop.scalars.structure import Factor, Product, product_of, terms_of
from symbackprop.scalars.symbols import placeholder_index

_EXP = FUNCTIONS["exp"].head
_COMMON_DENOMINATORS = 12


class Binding(IntEnum):
    """How tightly the outermost operation of a formula binds, loosest first."""

    SUM = 1
    PRODUCT = 2
    POWER = 3
    ATOM = 4


@dataclass(frozen=True, slots=True)
class Spelled:
    """A formula as text, and how tightly it binds."""

    text: str
    binding: Binding = Binding.ATOM


@dataclass(frozen=True, slots=True)
class MathStyle:
    r"""How products and names are written.

    Parameters
    ----------
    times : str
        Between operands that are no scalars: " " in index form, ``" \\\\odot "`` over whole arrays.
    scalars : frozenset of int, optional
        The operands that are scalars: they stand in front and are juxtaposed. None: no operand
        is, or all are where `times` is a space.
    names : mapping of str to str
        The spelling of sizes and of opaque functions, where it is not their name.
    """

    times: str = " "
    scalars: frozenset[int] | None = None
    names: Mapping[str, str] = field(default_factory=dict)


class BodyPrinter(ABC):
    """Spells bodies; recurses only through itself, and only as deep as a body."""

    def __init__(self, operands: Sequence[Spelled], style: MathStyle) -> None:
        self.operands = operands
        self.style = style

    # What the targets differ in.

    @abstractmethod
    def parentheses(self, text: str) -> str:
        """The text in parentheses."""

    @abstractmethod
    def name(self, record: FunctionRecord) -> str:
        """The name of a function."""

    @abstractmethod
    def juxtaposed(self, parts: Sequence[str]) -> str:
        """A product of scalars."""

    @abstractmethod
    def rational(self, value: Rational) -> Spelled:
        """A positive number that is no integer."""

    @abstractmethod
    def constant(self, value: Expr) -> Spelled:
        """π or e."""

    @abstractmethod
    def quotient(self, product: Product) -> Spelled:
        """A product with a denominator."""

    @abstractmethod
    def power(self, factor: Factor) -> Spelled:
        """A base to an exponent other than 1."""

    @abstractmethod
    def exponential(self, argument: Expr) -> Spelled:
        """e^x."""

    @abstractmethod
    def absolute(self, argument: Expr) -> Spelled:
        """|x|."""

    @abstractmethod
    def relation(self, left: str, symbol: str, right: str) -> str:
        """A comparison; `symbol` is >, >=, <, <=, = or !=."""

    @abstractmethod
    def indicator(self, relation: str) -> Spelled:
        """1 where the relation holds, else 0."""

    @abstractmethod
    def cases(self, condition: str, a: str, b: str) -> Spelled:
        """A where the condition holds, else b."""

    @abstractmethod
    def opaque(self, function: Opaque) -> Spelled:
        """An unknown function or a derivative of it."""

    # What they share.

    def spell(self, body: Expr) -> Spelled:
        """Spell a body."""
        if isinstance(body, Symbol):
            return self.symbol(body)
        if isinstance(body, Add):
            return self.sum(body)
        if isinstance(body, (Mul, Rational)):
            return self.product(body)
        if isinstance(body, Pow):
            return self._power_or_quotient(body)
        if body.is_NumberSymbol:
            return self.constant(body)
        return self._special(body) or self.function(body)

    def symbol(self, symbol: Symbol) -> Spelled:
        """An operand, or a size."""
        k = placeholder_index(symbol)
        if k is None:
            return Spelled(self.style.names.get(symbol.name, symbol.name))
        if k >= len(self.operands):
            raise InternalError(f"the body reads p{k}, but has {len(self.operands)} operands")
        return self.operands[k]

    def sum(self, body: Expr) -> Spelled:
        """Terms joined by their signs, after an integer that divides them all."""
        content, rest = body.primitive()
        if content.q == 1 and content != 1:
            return self.factors(content, [Factor(rest, Integer(1))])
        text = ""
        for negative, term in terms_of(body):
            spelled = self.spell(term)
            part = self.within(spelled, Binding.SUM, strict=negative)
            if text:
                text += f" {'-' if negative else '+'} {part}"
            else:
                text = f"-{self.within(spelled, Binding.PRODUCT)}" if negative else part
        return Spelled(text, Binding.SUM)

    def product(self, body: Expr) -> Spelled:
        """A sign, then a quotient or factors."""
        parts = product_of(body)
        if parts.negative:
            positive = self.spell(-body)
            return Spelled("-" + self.within(positive, Binding.PRODUCT), Binding.SUM)
        if parts.denominator:
            return self.quotient(parts)
        return self.factors(parts.number, parts.numerator)

    def factors(self, number: Rational, factors: Sequence[Factor]) -> Spelled:
        """A product without denominator: numbers and scalars juxtaposed, then the rest."""
        scalars, others = self.split(factors)
        front = [] if number == 1 and factors else [self.number(number)]
        front.extend(self.factor(f) for f in scalars)
        rest = [self.factor(f) for f in others]
        spelled = front + rest
        if len(spelled) == 1:
            return spelled[0]
        texts = [self.within(s, Binding.PRODUCT) for s in front]
        if rest:
            texts.append(self.style.times.join(self.within(s, Binding.PRODUCT) for s in rest))
        return Spelled(self.juxtaposed(texts), Binding.PRODUCT)

    def split(self, factors: Sequence[Factor]) -> tuple[list[Factor], list[Factor]]:
        """The factors that are scalars, and the others."""
        if self.style.scalars is None and self.style.times == " ":
            return list(factors), []
        scalars = [f for f in factors if self.is_scalar(f.base)]
        return scalars, [f for f in factors if f not in scalars]

    def is_scalar(self, body: Expr) -> bool:
        """Whether a subexpression reads sizes and declared scalars only."""
        found = [placeholder_index(s) for s in body.free_symbols]
        known = self.style.scalars or frozenset()
        return all(k is None or k in known for k in found)

    def factor(self, factor: Factor) -> Spelled:
        """One factor of a product."""
        return self.spell(factor.base) if factor.exponent == 1 else self.power(factor)

    def number(self, value: Rational) -> Spelled:
        """A positive number."""
        return Spelled(str(value)) if isinstance(value, Integer) else self.rational(value)

    def _power_or_quotient(self, body: Pow) -> Spelled:
        parts = product_of(body)
        return self.quotient(parts) if parts.denominator else self.power(parts.numerator[0])

    def _special(self, body: Expr) -> Spelled | None:
        """The functions that are not written as a name with operands."""
        if isinstance(body, _EXP):
            return self.exponential(body.args[0])
        if isinstance(body, (Absolute, Abs)):
            return self.absolute(body.args[0])
        if isinstance(body, Step) and body.args[1] == Rational(1, 2):
            return self.product(Mul(Rational(1, 2), 1 + Sign(body.args[0]), evaluate=False))
        if isinstance(body, (Step, Equal)):
            return self.indicator(self.comparison(body))
        if isinstance(body, Where):
            c, a, b = body.args
            return self.cases(self.condition(c), self.spell(a).text, self.spell(b).text)
        return self.opaque(body) if isinstance(body, Opaque) else None

    def comparison(self, body: Expr, holds: bool = True) -> str:
        """The relation that an indicator tests, or its opposite."""
        if isinstance(body, Equal):
            left, right = (self.spell(a).text for a in body.args)
            return self.relation(left, "=" if holds else "!=", right)
        strict = body.args[1] != 1
        symbol = (">" if strict else ">=") if holds else ("<=" if strict else "<")
        return self.relation(*self._sides(body.args[0], symbol))

    def _sides(self, difference: Expr, symbol: str) -> tuple[str, str, str]:
        """The difference compared with 0, by its positive and negative terms; −x > 0 as x < 0."""
        added = Add(*(term for negative, term in terms_of(difference) if not negative))
        taken = Add(*(term for negative, term in terms_of(difference) if negative))
        if added.is_number and not taken.is_number:
            mirrored = {">": "<", ">=": "<=", "<": ">", "<=": ">="}[symbol]
            return self.spell(taken).text, mirrored, self.spell(added).text
        return self.spell(added).text, symbol, self.spell(taken).text

    def condition(self, body: Expr) -> str:
        """An indicator as a condition."""
        if isinstance(body, (Step, Equal)):
            return self.comparison(body)
        if isinstance(body, Mul) and all(isinstance(a, (Step, Equal)) for a in body.args):
            return ", ".join(self.comparison(a) for a in body.args)
        if isinstance(1 - body, (Step, Equal)):
            return self.comparison(1 - body, holds=False)
        return self.relation(self.spell(body).text, "!=", "0")

    def function(self, body: Expr) -> Spelled:
        """A named function of its operands."""
        record = record_of(body)
        if record is None:
            raise UnsupportedError(f"cannot print {type(body).__name__}: no known function")
        if record.reading is not None:
            return self.spell(record.reading(*body.args))
        shown = body.args[: len(record.domains)] if self._is_default(record, body) else body.args
        return Spelled(self.name(record) + self.arguments([self.spell(a) for a in shown]))

    @staticmethod
    def _is_default(record: FunctionRecord, body: Expr) -> bool:
        return bool(record.defaults) and body.args[len(record.domains) :] == record.defaults

    def arguments(self, spelled: Sequence[Spelled]) -> str:
        """The operands of a function, in parentheses."""
        return self.parentheses(", ".join(s.text for s in spelled))

    def within(self, spelled: Spelled, outer: Binding, strict: bool = False) -> str:
        """The text as an operand of `outer`, in parentheses where it binds less, or no more."""
        enough = spelled.binding > outer or (spelled.binding == outer and not strict)
        return spelled.text if enough else self.parentheses(spelled.text)


def short_decimal(value: Rational) -> str | None:
    """The decimal of a number such as 0.044715; None where a fraction reads better."""
    rest = value.q
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1 or value.q <= _COMMON_DENOMINATORS or abs(value) < Rational(1, 10**4):
        return None
    return repr(float(value))


def power_of_ten(value: Rational) -> int | None:
    """The n of 10^{−n}, n > 4; None for other numbers."""
    n = len(str(value.q)) - 1
    return n if n > 4 and value.p == 1 and value.q == 10**n else None
