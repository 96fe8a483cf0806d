"""NumPy trees as Python text. Parentheses are decided by the precedence table alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from symbackprop.scalars.numpy_helpers import HELPERS, opaque_name
from symbackprop.scalars.numpy_tree import Apply, Number, NumpyTree, Operand, SizeName, Ufunc


class CodePrecedence(IntEnum):
    """How tightly Python binds, loosest first."""

    COMPARISON = 1
    SUM = 2
    PRODUCT = 3
    SIGN = 4
    POWER = 5
    ATOM = 6


@dataclass(frozen=True, slots=True)
class Code:
    """Python text and how tightly its outermost operation binds."""

    text: str
    precedence: CodePrecedence = CodePrecedence.ATOM

    def within(self, outer: CodePrecedence, strict: bool = False) -> str:
        """The text as an operand of `outer`, in parentheses where it binds less, or no more."""
        enough = self.precedence > outer or (self.precedence == outer and not strict)
        return self.text if enough else f"({self.text})"


@dataclass(frozen=True, slots=True)
class _Infix:
    symbol: str
    precedence: CodePrecedence
    associative: bool


_INFIX: Final[Mapping[Ufunc, _Infix]] = MappingProxyType(
    {
        Ufunc.ADD: _Infix("+", CodePrecedence.SUM, True),
        Ufunc.SUBTRACT: _Infix("-", CodePrecedence.SUM, False),
        Ufunc.MULTIPLY: _Infix("*", CodePrecedence.PRODUCT, True),
        Ufunc.DIVIDE: _Infix("/", CodePrecedence.PRODUCT, False),
        Ufunc.GREATER: _Infix(">", CodePrecedence.COMPARISON, False),
        Ufunc.GREATER_EQUAL: _Infix(">=", CodePrecedence.COMPARISON, False),
        Ufunc.LESS: _Infix("<", CodePrecedence.COMPARISON, False),
        Ufunc.LESS_EQUAL: _Infix("<=", CodePrecedence.COMPARISON, False),
        Ufunc.EQUAL: _Infix("==", CodePrecedence.COMPARISON, False),
        Ufunc.NOT_EQUAL: _Infix("!=", CodePrecedence.COMPARISON, False),
    }
)


def numpy_code(
    tree: NumpyTree, operands: Sequence[Code], sizes: Callable[[str], str] = str
) -> Code:
    """Spell a tree.

    Parameters
    ----------
    tree : NumpyTree
        Settled (`settle_indicators`), so that no Boolean is taken for a number of another dtype.
    operands : sequence of Code
        The text of each operand.
    sizes : callable
        From the name of a size to the name of the variable that holds it.
    """
    if isinstance(tree, Operand):
        return operands[tree.index]
    if isinstance(tree, SizeName):
        return Code(sizes(tree.name))
    if isinstance(tree, Number):
        return number_code(tree.value)
    return _applied(tree, [numpy_code(a, operands, sizes) for a in tree.args])


def number_code(value: int | float) -> Code:
    """A Python number."""
    return Code(repr(value), CodePrecedence.SIGN if value < 0 else CodePrecedence.ATOM)


def _applied(tree: Apply, args: list[Code]) -> Code:
    function = tree.function
    if function in _INFIX:
        return _infix(_INFIX[function], *args)
    if function is Ufunc.NEGATIVE:
        return Code("-" + args[0].within(CodePrecedence.SIGN), CodePrecedence.SIGN)
    if function is Ufunc.POWER:
        base = args[0].within(CodePrecedence.POWER, strict=True)
        return Code(f"{base} ** {args[1].within(CodePrecedence.POWER)}", CodePrecedence.POWER)
    if function is Ufunc.CAST:
        return Code(f"{args[0].within(CodePrecedence.ATOM)}.astype(DTYPE)")
    if function is Ufunc.SQUARE and args[0].text.isidentifier():
        return _infix(_INFIX[Ufunc.MULTIPLY], args[0], args[0])
    return Code(f"{_callee(tree)}({', '.join(a.text for a in args)})")


def _infix(operator: _Infix, a: Code, b: Code) -> Code:
    comparison = operator.precedence is CodePrecedence.COMPARISON
    left = a.within(operator.precedence, strict=comparison)
    right = b.within(operator.precedence, strict=not operator.associative)
    return Code(f"{left} {operator.symbol} {right}", operator.precedence)


def _callee(tree: Apply) -> str:
    if tree.function is Ufunc.OPAQUE:
        return opaque_name(tree.name, tree.orders)
    if tree.function in HELPERS:
        return HELPERS[tree.function].name
    return f"np.{tree.function.value}"
