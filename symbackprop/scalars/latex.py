"""Bodies as LaTeX that KaTeX and MathJax render."""

from __future__ import annotations

from collections.abc import Sequence

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

_UPRIGHT = tuple(f"\\{name}" for name in ("log", "sin", "cos", "tan", "sinh", "cosh", "tanh"))
_TALL = ("\\frac", "\\sum", "\\begin", "\\left")
_RELATIONS = {">=": "\\ge", "<=": "\\le", "!=": "\\ne"}


def latex(body: Expr, operands: Sequence[Spelled], style: MathStyle | None = None) -> Spelled:
    r"""Spell a body in LaTeX over the LaTeX of its operands.

    >>> from symbackprop.scalars import Sigmoid, placeholder
    >>> latex(Sigmoid(placeholder(0)), [Spelled("W x + b", Binding.SUM)]).text
    '\\sigma(W x + b)'
    """
    return _LatexPrinter(operands, style or MathStyle()).spell(body)


class _LatexPrinter(BodyPrinter):
    def __init__(self, operands: Sequence[Spelled], style: MathStyle, inline: bool = False) -> None:
        super().__init__(operands, style)
        self.inline = inline

    def parentheses(self, text: str) -> str:
        if any(tall in text for tall in _TALL):
            return rf"\left( {text} \right)"
        return f"({text})"

    def name(self, record: FunctionRecord) -> str:
        return record.latex

    def juxtaposed(self, parts: Sequence[str]) -> str:
        return " ".join(parts)

    def rational(self, value: Rational) -> Spelled:
        decimal, tens = short_decimal(value), power_of_ten(value)
        if decimal is not None:
            return Spelled(decimal)
        if tens is not None:
            return Spelled(f"10^{{-{tens}}}", Binding.POWER)
        whole = self.fraction(Spelled(str(value.p)), Spelled(str(value.q)))
        return whole if self.inline else Spelled(whole.text)

    def constant(self, value: Expr) -> Spelled:
        return Spelled(r"\pi" if value == pi else "e")

    def quotient(self, product: Product) -> Spelled:
        """A fraction; one with a scalar denominator stands in front of a long numerator."""
        number, above, below = product.number, product.numerator, product.denominator
        decimal = None if number.q == 1 else short_decimal(number)
        top = number if decimal else Integer(number.p)
        over = self.factors(Integer(1) if decimal else Integer(number.q), below)
        front = [f for f in above if self.is_scalar(f.base)]
        rest = [f for f in above if f not in front]
        if not all(self.is_scalar(f.base) for f in below) or (
            len(above) < 2 and not _has_sum(above)
        ):
            front, rest = list(above), []
        head = self.fraction(self.factors(top, front), over)
        if not rest:
            return head
        tail = self.within(self.factors(Integer(1), rest), Binding.PRODUCT)
        return Spelled(f"{head.text} {tail}", Binding.PRODUCT)

    def factors(self, number: Rational, factors: Sequence[Factor]) -> Spelled:
        """As everywhere, but in an exponent a fraction in front goes behind: z^{2}/2."""
        if self.inline and factors and number.q != 1 and short_decimal(number) is None:
            top = super().factors(Integer(number.p), factors)
            return self.fraction(top, Spelled(str(number.q)))
        return super().factors(number, factors)

    def fraction(self, above: Spelled, below: Spelled) -> Spelled:
        """A quotient; in an exponent with a slash."""
        if not self.inline:
            return Spelled(rf"\frac{{{above.text}}}{{{below.text}}}", Binding.PRODUCT)
        top = self.within(above, Binding.PRODUCT)
        return Spelled(f"{top}/{self.within(below, Binding.POWER)}", Binding.PRODUCT)

    def power(self, factor: Factor) -> Spelled:
        if factor.exponent == Rational(1, 2):
            return Spelled(rf"\sqrt{{{self.spell(factor.base).text}}}")
        if isinstance(factor.exponent, Rational):
            value = factor.exponent
            exponent = str(value) if value.q == 1 else f"{value.p}/{value.q}"
        else:
            exponent = self.spell(factor.exponent).text
        base = self.spell(factor.base)
        if base.binding is Binding.ATOM and _named_call(base.text):
            head, argument = base.text.split("(", 1)
            return Spelled(rf"{head}^{{{exponent}}}({argument}", Binding.POWER)
        bare = base.binding is Binding.ATOM and not _scripted(base.text)
        text = base.text if bare else self.parentheses(base.text)
        return Spelled(rf"{text}^{{{exponent}}}", Binding.POWER)

    def exponential(self, argument: Expr) -> Spelled:
        exponent = _LatexPrinter(self.operands, self.style, inline=True).spell(argument)
        return Spelled(rf"e^{{{exponent.text}}}", Binding.POWER)

    def absolute(self, argument: Expr) -> Spelled:
        return Spelled(rf"\lvert {self.spell(argument).text} \rvert")

    def relation(self, left: str, symbol: str, right: str) -> str:
        return f"{left} {_RELATIONS.get(symbol, symbol)} {right}"

    def indicator(self, relation: str) -> Spelled:
        return Spelled(rf"\mathbb{{1}}[{relation}]")

    def cases(self, condition: str, a: str, b: str) -> Spelled:
        lines = rf"{a} & \text{{if }} {condition} \\ {b} & \text{{otherwise}}"
        return Spelled(rf"\begin{{cases}} {lines} \end{{cases}}", Binding.SUM)

    def opaque(self, function: Opaque) -> Spelled:
        name = self.style.names.get(function.name, function.name)
        if len(function.orders) == 1:
            (n,) = function.orders
            head = name + ("'" * n if n <= 3 else f"^{{({n})}}")
        else:
            marks = (
                rf"\partial_{{{k + 1}}}" + (f"^{{{n}}}" if n > 1 else "")
                for k, n in enumerate(function.orders)
                if n
            )
            head = " ".join([*marks, name])
        call = head + self.arguments([self.spell(a) for a in function.operands])
        return Spelled(call)


def _has_sum(factors: Sequence[Factor]) -> bool:
    return any(f.base.is_Add and f.exponent == 1 for f in factors)


def _named_call(text: str) -> bool:
    r"""Whether the text is one of \tanh(…), \sin(…): their powers are written \tanh^{2}(…)."""
    head, found, rest = text.partition("(")
    return bool(found) and head in _UPRIGHT and rest.endswith(")")


def _scripted(text: str) -> bool:
    """Whether a second superscript would clash: a ^ or ' outside braces, and no call at the end."""
    if text.endswith(")"):
        return text.startswith("\\partial")
    depth = 0
    for character in text:
        depth += (character in "{([") - (character in "})]")
        if depth == 0 and character in "^'":
            return True
    return False
