"""Walking a plain SymPy expression without recursion: what both notations share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sympy import Basic, Expr, IndexedBase, MatrixSymbol, Symbol

from symbackprop.errors import InvalidExpressionError, ShapeError, UnsupportedError
from symbackprop.frontend.declare import declared
from symbackprop.frontend.record import describe, shape_text
from symbackprop.frontend.scalar_terms import Letters, Term
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Kind, Role
from symbackprop.scalars import placeholder
from symbackprop.sizes import Size, same_size

_P0 = placeholder(0)
Environment = tuple[tuple[Symbol, int], ...]
"""Index symbol -> number of its letter, sorted by symbol."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix expression: a tensor without the axes of size 1, and its rows and columns.

    flipped : whether the tensor holds the transpose (only where it has both axes)
    """

    tensor: Tensor
    rows: Size
    columns: Size
    flipped: bool = False

    def transposed(self) -> Matrix:
        """Rows and columns swapped: no entry moves."""
        flipped = self.flipped != (len(self.tensor.shape) == 2)
        return Matrix(self.tensor, self.columns, self.rows, flipped)

    def upright(self) -> Tensor:
        """The tensor with rows before columns."""
        return self.tensor.T if self.flipped else self.tensor


Value = Term | Matrix
Job = tuple[Basic, Environment]


@dataclass(slots=True)
class Arrays:
    """The variables of an expression, by name.

    given : handles that the user declared;  inputs : names that are no parameters
    """

    given: dict[str, Tensor]
    inputs: frozenset[str]
    found: dict[str, Tensor] = field(default_factory=dict)
    origins: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def variable(self, name: str, shape: Sequence[Size]) -> Tensor:
        """The handle of a variable, declared when it is first met.

        Raises
        ------
        ShapeError
            When it has two shapes.
        """
        known = self.found.get(name) or self.given.get(name)
        if known is None:
            role = Role.INPUT if name in self.inputs else Role.PARAMETER
            origin = self.origins.get(name)
            origin = origin if origin and any(o != 1 for o in origin) else None
            known = declared(name, shape, role, Kind.REAL, (), None, origin, None)
        if len(known.shape) != len(shape) or not all(map(same_size, known.shape, shape)):
            raise ShapeError(
                f'"{name}" has two shapes: {shape_text(known.shape)} and {shape_text(shape)}'
            )
        self.found[name] = known
        return known


@dataclass(frozen=True, slots=True)
class Rule:
    """How a construct is imported.

    needs : the parts that must be known first;  make : its value, given that they are
    """

    needs: Callable[[Importer, Any, Environment], Iterable[Job]]
    make: Callable[[Importer, Any, Environment], Value]


@dataclass(slots=True)
class Importer:
    """An import under way: values by expression object, so that shared parts are done once."""

    rules: Mapping[type[Basic], Rule]
    default: Rule
    arrays: Arrays
    letters: Letters = field(default_factory=Letters)
    values: dict[tuple[int, Environment], Value] = field(default_factory=dict)
    alive: list[Basic] = field(default_factory=list)

    def value(self, expression: Basic, env: Environment) -> Value:
        """The value of a part that is known already."""
        return self.values[id(expression), env]

    def term(self, expression: Basic, env: Environment) -> Term:
        """The value of a scalar part."""
        found = self.value(expression, env)
        if isinstance(found, Term):
            return found
        if found.tensor.shape:
            raise InvalidExpressionError(
                f"a matrix of shape ({found.rows}, {found.columns}) stands where a number should: "
                f"{short(expression)}",
                help="apply functions entry by entry with .applyfunc(f); sum entries with "
                "Trace or OneMatrix",
            )
        return Term(_P0, ((found.tensor, ()),))

    def matrix(self, expression: Basic, env: Environment) -> Matrix:
        """The value of a matrix part."""
        found = self.value(expression, env)
        if isinstance(found, Matrix):
            return found
        raise InvalidExpressionError(f"a number stands where a matrix should: {short(expression)}")

    def run(self, expression: Basic, env: Environment) -> Value:
        """The value of an expression: parts first, by an explicit stack."""
        stack: list[tuple[Basic, Environment, bool]] = [(expression, env, False)]
        while stack:
            here, inside, ready = stack.pop()
            if (id(here), inside) in self.values:
                continue
            rule = self.rule(here)
            if ready:
                self.values[id(here), inside] = rule.make(self, here, inside)
                # ids stay unique while the objects live
                self.alive.append(here)
                continue
            stack.append((here, inside, True))
            needed = list(rule.needs(self, here, inside))
            stack.extend((part, below, False) for part, below in reversed(needed))
        return self.value(expression, env)

    def run_term(self, expression: Basic, env: Environment) -> Term:
        """The value of a scalar expression."""
        self.run(expression, env)
        return self.term(expression, env)

    def rule(self, expression: Basic) -> Rule:
        """The rule for the nearest class of an expression."""
        for kind in type(expression).__mro__:
            if kind in self.rules:
                return self.rules[kind]
        return self.default


def short(expression: Basic, limit: int = 60) -> str:
    """An expression as text for a message; deep ones by their head only."""
    depth, level = 0, [expression]
    while level and depth < 12:
        depth, level = depth + 1, [a for e in level[:8] for a in e.args]
    text = type(expression).__name__ if level else str(expression)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def unsupported(expression: Basic, advice: str) -> UnsupportedError:
    """The error for a construct, by its name, with what to write instead."""
    return UnsupportedError(
        f"{type(expression).__name__} is not supported: {short(expression)}", help=advice
    )


def arrays_of(inputs: Iterable[Any]) -> Arrays:
    """The declared inputs: SymPy symbols, names, or handles that say more than a symbol can.

    Raises
    ------
    InvalidExpressionError
        For anything else.
    """
    names: list[str] = []
    given: dict[str, Tensor] = {}
    for item in inputs:
        if isinstance(item, Tensor) and item.name is not None:
            given[item.name] = item
        elif isinstance(item, str):
            names.append(item)
        elif isinstance(item, IndexedBase):
            names.append(str(item.label))
        elif isinstance(item, MatrixSymbol | Symbol):
            names.append(item.name)
        else:
            raise InvalidExpressionError(
                f"inputs: expected symbols, names or tensors, found {_what(item)}"
            )
    return Arrays(given, frozenset(names))


def _what(item: object) -> str:
    return describe(item) if isinstance(item, Tensor) else type(item).__name__


def check_expression(expression: object) -> Expr | Basic:
    """Refuse what is no SymPy expression."""
    if isinstance(expression, Tensor) or not isinstance(expression, Basic):
        raise InvalidExpressionError(
            f"from_sympy: expected a SymPy expression, found {_what(expression)}"
        )
    return expression
