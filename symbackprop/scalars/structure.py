"""Sums and products as a printer wants them: signs, numerators, denominators, in reading order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sympy import Add, Expr, Integer, Mul, Pow, Rational, Symbol, factorint, fraction, pi

from symbackprop.scalars.atoms import Equal, Step
from symbackprop.scalars.symbols import placeholder_index

_LAST = 1 << 30
_COMMON_DENOMINATORS = 12


@dataclass(frozen=True, slots=True)
class Factor:
    """base^exponent, with a positive rational or symbolic exponent."""

    base: Expr
    exponent: Expr


@dataclass(frozen=True, slots=True)
class Product:
    """± number · Π numerator / Π denominator.

    Parameters
    ----------
    negative : bool
        Whether a minus sign stands in front.
    number : Rational
        The positive rational coefficient.
    numerator, denominator : tuple of Factor
        In reading order: constants, sizes, then by the first placeholder, simple before compound.
    """

    negative: bool
    number: Rational
    numerator: tuple[Factor, ...]
    denominator: tuple[Factor, ...]


@lru_cache(maxsize=65536)
def product_of(body: Expr) -> Product:
    """Split any expression as a product."""
    number: Expr = Integer(1)
    square: Expr = Integer(1)
    above: list[Factor] = []
    below: list[Factor] = []
    for arg in Mul.make_args(body):
        base, exponent = (arg.base, arg.exp) if isinstance(arg, Pow) else (arg, Integer(1))
        if isinstance(base, Add) and isinstance(exponent, Integer):
            content, base = _without_content(base)
            number *= content**exponent
        if isinstance(arg, Rational):
            number *= arg
        elif abs(exponent) == Rational(1, 2) and (base == pi or isinstance(base, Rational)):
            square *= arg**2
        elif isinstance(exponent, Rational) and exponent < 0:
            below.append(Factor(base, -exponent))
        else:
            above.append(Factor(base, exponent))
    size = _with_root(abs(number), square, above, below)
    return Product(bool(number < 0), size, _in_order(above), _in_order(below))


def _without_content(body: Add) -> tuple[Rational, Expr]:
    """2a − 2y as 2 and a − y; nothing is taken out where odd numbers would be left."""
    content, rest = body.primitive()
    plain = content.q <= _COMMON_DENOMINATORS
    ones = any(abs(term.as_coeff_Mul()[0]) == 1 for term in rest.args)
    return (content, rest) if plain or ones else (Rational(1), body)


def _with_root(
    number: Rational, square: Expr, above: list[Factor], below: list[Factor]
) -> Rational:
    """Write number · √square with one root, √2/(2√π) as 1/√(2π); give the number that is left."""
    if square == 1:
        return number
    whole = number**2 * square
    top, bottom = (part.subs(pi, 1) for part in fraction(whole))
    roots = [
        Mul(*(p ** (n // 2) for p, n in factorint(int(part)).items())) for part in (top, bottom)
    ]
    rest = whole / Rational(roots[0], roots[1]) ** 2
    over, under = fraction(rest)
    if over != 1 and under != 1:
        above.append(Factor(rest, Rational(1, 2)))
    elif over != 1:
        above.append(Factor(over, Rational(1, 2)))
    elif under != 1:
        below.append(Factor(under, Rational(1, 2)))
    return Rational(roots[0], roots[1])


def _in_order(factors: list[Factor]) -> tuple[Factor, ...]:
    return tuple(sorted(factors, key=lambda f: reading_key(f.base)))


@lru_cache(maxsize=65536)
def terms_of(body: Expr) -> tuple[tuple[bool, Expr], ...]:
    """The terms of a sum with their signs: a positive number, what is added, what is taken away."""
    signed = []
    for term in Add.make_args(body):
        negative = product_of(term).negative
        signed.append((negative, -term if negative else term))
    return tuple(sorted(signed, key=_term_key))


def _term_key(signed: tuple[bool, Expr]) -> tuple[object, ...]:
    negative, term = signed
    number = 0 if term == 1 else 2 if term.is_number else 1
    return negative, number, *reading_key(term)


@lru_cache(maxsize=65536)
def reading_key(body: Expr) -> tuple[int, int, int, str]:
    """Sizes, then by the first placeholder; simple before compound; indicators last."""
    first = _LAST if isinstance(body, (Equal, Step)) else _first_placeholder(body)
    simple = 0 if isinstance(body, Symbol) else 1
    return first, simple, 1 if isinstance(body, Add) else 0, str(body)


def _first_placeholder(body: Expr) -> int:
    """The index of the first placeholder; −1 for sizes only, −2 for a constant."""
    found = (placeholder_index(s) for s in body.free_symbols)
    return min((k for k in found if k is not None), default=-1 if body.free_symbols else -2)
