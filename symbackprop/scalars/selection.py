"""A body that takes one of two forms by the sign of an operand, as a selection of the two."""

from __future__ import annotations

from sympy import Add, Expr, Integer

from symbackprop.scalars.atoms import Step, Where


def as_selection(body: Expr) -> Expr:
    """G (α + (1 − α) Step(x)) as Where(Step(x), g, α g): one pass, and no indicator as a number.

    A body without a Step in a sum, with several, or that is 0 on one side stays as it is.

    >>> from symbackprop.scalars import placeholder
    >>> x, g = placeholder(0), placeholder(1)
    >>> as_selection(g * (1 - Step(x, 0)) / 2 + g * Step(x, 0))
    Where(Step(p0, 0), p1, p1/2)
    """
    steps = {step for total in body.atoms(Add) for step in total.atoms(Step)}
    if len(steps) != 1:
        return body
    (step,) = steps
    if step.args[1] not in (0, 1):
        return body
    above, below = (body.xreplace({step: Integer(value)}) for value in (1, 0))
    return body if above == 0 or below == 0 else Where(step, above, below)
