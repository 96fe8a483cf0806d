"""What the program knows of an elementwise function, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer, Rational

from symbackprop.errors import InvalidExpressionError
from symbackprop.scalars.numpy_tree import NumpyTree


@dataclass(frozen=True, slots=True)
class Domain:
    """An interval from which samplers draw an operand; `low` and `high` are themselves in it.

    Parameters
    ----------
    low, high : float
        The ends.
    closed : bool
        False where the function has no finite value or slope at an end of its true domain, so that
        samplers should keep within the ends.
    """

    low: float = -3.0
    high: float = 3.0
    closed: bool = True


REAL = Domain()


@dataclass(frozen=True, slots=True)
class FunctionRecord:
    """One elementwise function: how it is named, built, sampled, evaluated, lowered and spelled.

    Parameters
    ----------
    name : str
        Its name in the language, in plain text and in the registry.
    head : type
        The SymPy class of its values.
    domains : tuple of Domain
        One per operand that must be given.
    defaults : tuple of Expr
        Values of the operands that may be left out, the last ones.
    kinks : tuple of Expr
        Expressions in the placeholders whose zeros are the kinks.
    latex, unicode : str
        How the name is spelled; the name itself in ASCII.
    reading : callable, optional
        An expression by which it is printed, log(1 + x) for log1p(x).
    floats : callable, optional
        Its value over float64 arrays. A composite has none: it is evaluated by its definition.
    digits : callable, optional
        Its value over mpmath, called with the context first.
    exact : callable, optional
        Its value by + − * / and comparisons, over any exact number type.
    lower : callable, optional
        Its NumPy form from those of its operands. A composite has none: its definition is lowered.
    """

    name: str
    head: type[Expr]
    domains: tuple[Domain, ...]
    defaults: tuple[Expr, ...] = ()
    kinks: tuple[Expr, ...] = ()
    latex: str = ""
    unicode: str = ""
    reading: Callable[..., Expr] | None = None
    floats: Callable[..., Any] | None = None
    digits: Callable[..., Any] | None = None
    exact: Callable[..., Any] | None = None
    lower: Callable[..., NumpyTree] | None = None

    @property
    def arity(self) -> tuple[int, int]:
        """Least and greatest number of operands."""
        return len(self.domains), len(self.domains) + len(self.defaults)

    def build(self, *operands: Expr | int) -> Expr:
        """The function of `operands`, with defaults for those left out.

        Raises
        ------
        InvalidExpressionError
            When there are too few or too many operands.
        """
        least, most = self.arity
        if not least <= len(operands) <= most:
            expected = str(least) if least == most else f"{least} to {most}"
            raise InvalidExpressionError(
                f"{self.name}: expected {expected} operands, found {len(operands)}"
            )
        given = tuple(exact_number(x) for x in operands)
        return self.head(*given, *self.defaults[len(given) - least :])


def exact_number(value: Any) -> Expr:
    """A number as the decimal it is written as (0.1 is 1/10); an expression as itself.

    Raises
    ------
    InvalidExpressionError
        For anything else, text above all.
    """
    if isinstance(value, Expr):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidExpressionError(
            f"expected a number or a scalar expression, found {type(value).__name__}"
        )
    if isinstance(value, int):
        return Integer(value)
    if value != value or value in (float("inf"), float("-inf")):
        raise InvalidExpressionError(f"{value} is no number that a formula can hold")
    return Rational(repr(float(value)))
