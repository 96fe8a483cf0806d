"""Formulas with parts exchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from symbackprop.raising.tree import (
    Add,
    Apply,
    Component,
    Delta,
    Entry,
    Formula,
    Hadamard,
    Indicator,
    Inner,
    Kron,
    MatMul,
    Negative,
    Norm,
    OneHot,
    Over,
    Power,
    Product,
    Quotient,
    Ref,
    Transpose,
    Unnamed,
    Value,
    Whole,
)
from symbackprop.sizes import Constraint, Index


def with_children(formula: Formula, change: Callable[[Formula], Formula]) -> Formula:
    """The formula with every formula directly below it changed; nothing is put in another order."""
    match formula:
        case Add(terms=terms):
            return Add(tuple(change(t) for t in terms))
        case Product(factors=factors) | MatMul(factors=factors) | Hadamard(factors=factors):
            return type(formula)(tuple(change(f) for f in factors))
        case Apply(args=args) | Unnamed(args=args):
            return replace(formula, args=tuple(change(a) for a in args))
        case Negative() | Transpose() | Norm() | Whole() | Component():
            return replace(formula, operand=change(formula.operand))
        case Inner(left=left, right=right) | Kron(left=left, right=right):
            return type(formula)(change(left), change(right))
        case Quotient(numerator=top, denominator=bottom):
            return Quotient(change(top), change(bottom))
        case Power(base=base, exponent=exponent):
            return Power(change(base), change(exponent))
        case OneHot():
            return replace(formula, labels=change(formula.labels))
        case Over(body=body):
            return replace(formula, body=change(body))
    return formula


def substituted(formula: Formula, axes: Mapping[int, Index]) -> Formula:
    """The formula with axes replaced by index terms."""
    return with_terms(formula, lambda term: term.substitute(axes))


def with_terms(formula: Formula, change: Callable[[Index], Index]) -> Formula:
    """The formula with every index term in it changed."""

    def terms(index: tuple[Index, ...]) -> tuple[Index, ...]:
        return tuple(change(t) for t in index)

    def constraints(conditions: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
        return tuple(Constraint(change(c.term), c.equality) for c in conditions)

    below = with_children(formula, lambda child: with_terms(child, change))
    match below:
        case Entry():
            return Entry(below.source, terms(below.index))
        case Component():
            return replace(below, index=terms(below.index))
        case Ref():
            return replace(below, batch=terms(below.batch))
        case Value():
            return Value(change(below.index))
        case Delta():
            return Delta(*terms((below.left, below.right)))
        case Indicator():
            return Indicator(constraints(below.conditions))
        case Over():
            return replace(below, conditions=constraints(below.conditions))
    return below
