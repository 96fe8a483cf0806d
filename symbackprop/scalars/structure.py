"""Sums and products as a printer wants them: signs, numerators, denominators, in reading order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sympy import Add, Expr, Integer, Mul, Pow, Rational, Symbol

from symbackprop.scalars.symbols import placeholder_index

_LAST = 1 << 30


@dataclass(frozen=True, slots=True)
class Factor:
    """base^exponent, with a positive rational or symbolic exponent."""

    base: Expr
    exponent: Expr


@dataclass(frozen=True, slots=True)
class Product:
    """± number · constants · Π numerator / Π denominator.

    Parameters
    ----------
    negative : bool
        Whether a minus sign stands in front.
    number : Rational
        The positive rational coefficient.
    constant : Expr
        The product of irrational constants such as √2/√π; 1 if there are none.
    numerator, denominator : tuple of Factor
        In reading order: sizes, then by the first placeholder, simple before compound.
    """

    negative: bool
    number: Rational
    constant: Expr
    numerator: tuple[Factor, ...]
    denominator: tuple[Factor, ...]


@lru_cache(maxsize=65536)
def product_of(body: Expr) -> Product:
    """Split any expression as a product."""
    number: Expr = Integer(1)
    constant: Expr = Integer(1)
    above: list[Factor] = []
    below: list[Factor] = []
    for arg in Mul.make_args(body):
        if isinstance(arg, Rational):
            number *= arg
        elif not arg.free_symbols and arg.is_number:
            constant *= arg
        else:
            base, exponent = (arg.base, arg.exp) if isinstance(arg, Pow) else (arg, Integer(1))
            if isinstance(exponent, Rational) and exponent < 0:
                below.append(Factor(base, -exponent))
            else:
                above.append(Factor(base, exponent))
    return Product(bool(number < 0), abs(number), constant, _in_order(above), _in_order(below))


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
    number = term.is_number
    return negative, number if negative else not number, *reading_key(term)


@lru_cache(maxsize=65536)
def reading_key(body: Expr) -> tuple[int, int, int, str]:
    """Sizes first, then by the first placeholder; simple before compound; then by text."""
    first, simple = _first_placeholder(body), 0 if isinstance(body, Symbol) else 1
    return first, simple, 1 if isinstance(body, Add) else 0, str(body)


def _first_placeholder(body: Expr) -> int:
    """−1 for an expression in sizes only."""
    found = (placeholder_index(s) for s in body.free_symbols)
    return min((k for k in found if k is not None), default=-1 if body.free_symbols else _LAST)
