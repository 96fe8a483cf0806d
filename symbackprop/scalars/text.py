"""Bodies as plain text, Unicode or ASCII."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Expr, Integer, Rational, pi

from symbackprop.scalars.opaque import Opaque
from symbackprop.scalars.records import FunctionRecord
from symbackprop.scalars.spelling import (
    Binding,
    BodyPrinter,
    MathStyle,
    Spelled,
    power_of_ten,
    short_decimal,
)
from symbackprop.scalars.structure import Factor, Product

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_RELATIONS = {">=": "≥", "<=": "≤", "!=": "≠"}


@dataclass(frozen=True, slots=True)
class TextStyle(MathStyle):
    """How plain text is written.

    Parameters
    ----------
    unicode : bool
        False where the terminal knows ASCII only.
    """

    unicode: bool = True


def text(body: Expr, operands: Sequence[Spelled], style: TextStyle | None = None) -> Spelled:
    """Spell a body in plain text over the text of its operands.

    >>> from symbackprop.scalars import placeholder
    >>> a, g = placeholder(0), placeholder(1)
    >>> text((1 - a**2) * g, [Spelled("a"), Spelled("g")], TextStyle(times=" ⊙ ")).text
    '(1 - a²) ⊙ g'
    """
    return _TextPrinter(operands, style or TextStyle()).spell(body)


class _TextPrinter(BodyPrinter):
    style: TextStyle

    def parentheses(self, text: str) -> str:
        return f"({text})"

    def name(self, record: FunctionRecord) -> str:
        return record.unicode if self.style.unicode else record.name

    def juxtaposed(self, parts: Sequence[str]) -> str:
        return (" " if self.style.unicode else "*").join(parts)

    def rational(self, value: Rational) -> Spelled:
        decimal, tens = short_decimal(value), power_of_ten(value)
        if tens is not None:
            return Spelled(f"1e-{tens}")
        return Spelled(decimal) if decimal else Spelled(f"{value.p}/{value.q}", Binding.PRODUCT)

    def factors(self, number: Rational, factors: Sequence[Factor]) -> Spelled:
        """As everywhere, but a fraction in front goes behind: x/2."""
        if factors and number.q != 1 and short_decimal(number) is None:
            return self.quotient(Product(False, number, tuple(factors), ()))
        return super().factors(number, factors)

    def constant(self, value: Expr) -> Spelled:
        return Spelled(("π" if self.style.unicode else "pi") if value == pi else "e")

    def quotient(self, product: Product) -> Spelled:
        number, below = product.number, product.denominator
        decimal = None if number.q == 1 else short_decimal(number)
        coefficient = number if decimal else Integer(number.p)
        above = self.factors(coefficient, product.numerator)
        over = self.factors(Integer(1) if decimal else Integer(number.q), below)
        top = self.within(above, Binding.PRODUCT)
        return Spelled(f"{top}/{self.within(over, Binding.PRODUCT, strict=True)}", Binding.PRODUCT)

    def power(self, factor: Factor) -> Spelled:
        value = factor.exponent
        base = self.spell(factor.base)
        if value == Rational(1, 2):
            return Spelled(("√" if self.style.unicode else "sqrt") + self.parentheses(base.text))
        body = self.within(base, Binding.ATOM)
        if self.style.unicode and isinstance(value, Integer) and "^" not in body:
            return Spelled(body + str(value).translate(_SUPERSCRIPTS), Binding.POWER)
        exponent = self.within(self.spell(value), Binding.ATOM)
        if "^" in body and base.binding is Binding.ATOM and not body.endswith(")"):
            body = self.parentheses(body)
        return Spelled(f"{body}^{exponent}", Binding.POWER)

    def exponential(self, argument: Expr) -> Spelled:
        return Spelled("exp" + self.parentheses(self.spell(argument).text))

    def absolute(self, argument: Expr) -> Spelled:
        inner = self.spell(argument).text
        return Spelled(f"|{inner}|" if self.style.unicode else f"abs({inner})")

    def relation(self, left: str, symbol: str, right: str) -> str:
        shown = _RELATIONS.get(symbol, symbol) if self.style.unicode else symbol
        return f"{left} {shown} {right}"

    def indicator(self, relation: str) -> Spelled:
        return Spelled(f"[{relation}]")

    def cases(self, condition: str, a: str, b: str) -> Spelled:
        return Spelled(f"({a} if {condition} else {b})")

    def opaque(self, function: Opaque) -> Spelled:
        name = self.style.names.get(function.name, function.name)
        if len(function.orders) == 1:
            (n,) = function.orders
            head = name + "'" * n
        else:
            sign = "∂" if self.style.unicode else "d"
            marks = (sign + str(k + 1) for k, n in enumerate(function.orders) for _ in range(n))
            head = " ".join([*marks, name])
        return Spelled(head + self.arguments([self.spell(a) for a in function.operands]))
