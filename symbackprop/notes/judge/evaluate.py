"""Evaluate syntax trees in a world: every reading of a formula, or the most natural one.

The same walk serves numbers and shapes: a world brings its operations, its variables and what an
index means. Letters that are not bound yet are asked for by an exception, with the extent that
their place gives them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.products import MOST, Readings, distinct, natural, readings
from symbackprop.notes.judge.values import MismatchError, OutOfRangeError, UnknownError
from symbackprop.notes.kinds import Delimiter, Sign

__all__ = ["Env", "Evaluator", "NeedLetterError"]


class NeedLetterError(Exception):
    """A letter that nothing binds yet; its extent when it counts entries, None for a label."""

    def __init__(self, letter: str, extent: int | None) -> None:
        super().__init__(letter)
        self.letter = letter
        self.extent = extent


@dataclass(frozen=True, slots=True)
class Env:
    """What letters and formal arguments stand for; `every` asks for all readings."""

    letters: dict[str, Any] = field(default_factory=dict)
    formal: dict[str, Any] = field(default_factory=dict)
    every: bool = True
    frozen: bool = False
    broadcast: bool = True

    def bind(self, letter: str, value: Any) -> Env:
        """The environment with one more letter."""
        letters = {**self.letters, letter: value}
        return Env(letters, self.formal, self.every, self.frozen, self.broadcast)

    def with_formal(self, more: dict[str, Any]) -> Env:
        """The environment with formal arguments."""
        return replace(self, formal={**self.formal, **more})


class Evaluator:
    """The walk; a subclass brings operations, names, sums and derivatives."""

    ops: Any
    strict: bool = False
    """Whether entrywise products have a sign of their own in what is evaluated."""

    def __init__(self) -> None:
        self.table: dict[type[Node], Callable[[Any, Env], Readings]] = {
            ast.Number: self.number,
            ast.Name: self.name,
            ast.Add: self.add,
            ast.Negative: self.negative,
            ast.Product: self.product,
            ast.Fraction: self.fraction,
            ast.Power: self.power,
            ast.Transposed: self.transposed,
            ast.Apply: self.apply,
            ast.Group: self.group,
            ast.BigOperator: self.big,
            ast.Matrix: self.matrix,
            ast.Root: self.root,
            ast.Norm: self.norm,
            ast.Cases: self.cases,
            ast.Indicator: self.indicator,
            ast.Indexed: self.indexed,
            ast.Derivative: self.derivative,
            ast.Prefixed: self.prefixed,
            ast.Differential: self.differential,
            ast.Primed: self.primed,
            ast.Accented: self.accented,
        }

    def read(self, node: Node, env: Env) -> Readings:
        """The readings of a node, natural ones first; one of them unless `every` is asked."""
        method = self.table.get(type(node))
        if method is None:
            raise UnknownError(self.unread(node))
        return method(node, env)

    def unread(self, node: Node) -> str:
        """Why a node has no value."""
        if isinstance(node, ast.Opaque):
            return f"not understood: {node.reason}"
        if isinstance(node, ast.Dots):
            return "dots stand for something"
        if isinstance(node, ast.Text):
            return f"prose inside the formula: {node.text!r}"
        return f"no value is known for this ({type(node).__name__.lower()})"

    def one(self, node: Node, env: Env) -> Any:
        """The most natural reading."""
        if env.every:
            env = Env(env.letters, env.formal, False, env.frozen, env.broadcast)
        return self.read(node, env)[0][0]

    def lifted(self, operands: list[Readings], combine: Callable[..., Any]) -> Readings:
        """An operation on all combinations of readings of its operands."""
        found: Readings = []
        problem: MismatchError | None = None
        combinations: list[tuple[list[Any], int]] = [([], 0)]
        for operand in operands:
            combinations = [
                ([*chosen, value], max(cost, more))
                for chosen, cost in combinations
                for value, more in operand
            ][: 3 * MOST]
        for chosen, cost in combinations:
            try:
                found.append((combine(*chosen), cost))
            except MismatchError as error:
                problem = problem or error
        if not found:
            raise problem or MismatchError("nothing conforms")
        return distinct(found) if len(found) > 1 else found

    def number(self, node: ast.Number, env: Env) -> Readings:
        """Read a numeral."""
        return [(self.ops.number(float(node.text)), 0)]

    def add(self, node: ast.Add, env: Env) -> Readings:
        """Read a sum."""
        terms = [self.read(term, env) for term in node.terms]

        def combine(*values: Any) -> Any:
            made = None
            for sign, value, term in zip(node.signs, values, node.terms, strict=True):
                if sign is Sign.PLUS_MINUS:
                    raise UnknownError("a sign that is plus or minus")
                signed = self.ops.negative(value) if sign is Sign.MINUS else value
                made = signed if made is None else self.plus(made, signed, term, env)
            return made

        return self.lifted(terms, combine)

    def plus(self, a: Any, b: Any, term: Node, env: Env) -> Any:
        """The sum of two terms, the second of which may be a bias."""
        return self.ops.add(a, b)

    def negative(self, node: ast.Negative, env: Env) -> Readings:
        """Read a term with a minus."""
        return self.lifted([self.read(node.operand, env)], self.ops.negative)

    def product(self, node: ast.Product, env: Env) -> Readings:
        """Read a product, by every grouping that its joints allow."""
        factors = [self.read(factor, env) for factor in node.factors]
        joints = [joint.op for joint in node.joints]
        if not env.every:
            return [(natural(self.ops, [f[0][0] for f in factors], joints), 0)]
        return readings(self.ops, factors, joints, self.strict)

    def fraction(self, node: ast.Fraction, env: Env) -> Readings:
        """Read a quotient."""
        above = self.read(node.numerator, env)
        below = self.read(node.denominator, env)
        return self.lifted([above, below], self.ops.divide)

    def power(self, node: ast.Power, env: Env) -> Readings:
        """Read a power."""
        base = node.base
        if isinstance(base, ast.Norm):
            inner = self.read(base, env)
            return self.raised(inner, node.exponent, env)
        if isinstance(base, Name | ast.Primed) and self.is_function(base):
            raise UnknownError("a power of a function without argument")
        return self.raised(self.read(base, env), node.exponent, env)

    def raised(self, base: Readings, exponent: Node, env: Env) -> Readings:
        """A power of readings by a number."""
        n = self.exponent(exponent, env)
        return self.lifted([base], lambda a: self.ops.power(a, n))

    def exponent(self, node: Node, env: Env) -> float:
        """A fixed exponent."""
        sign = 1.0
        while isinstance(node, ast.Negative | ast.Group):
            if isinstance(node, ast.Negative):
                sign, node = -sign, node.operand
            elif len(node.items) == 1:
                node = node.items[0]
            else:
                break
        if isinstance(node, ast.Number):
            return sign * float(node.text)
        if isinstance(node, ast.Fraction):
            return sign * self.exponent(node.numerator, env) / self.exponent(node.denominator, env)
        raise UnknownError("an exponent that is not a number")

    def transposed(self, node: ast.Transposed, env: Env) -> Readings:
        """Read a transpose."""
        return self.lifted([self.read(node.base, env)], self.ops.transpose)

    def root(self, node: ast.Root, env: Env) -> Readings:
        """Read a root."""
        n = 2.0 if node.degree is None else self.exponent(node.degree, env)
        return self.lifted([self.read(node.body, env)], lambda a: self.ops.power(a, 1 / n))

    def group(self, node: ast.Group, env: Env) -> Readings:
        """Read a bracket."""
        if len(node.items) == 1:
            return self.read(node.items[0], env)
        if node.delimiter in (Delimiter.SQUARE, Delimiter.ROUND):
            return self.joined([self.read(item, env) for item in node.items], env)
        raise UnknownError("a list has no value")

    def joined(self, parts: list[Readings], env: Env) -> Readings:
        """Items between commas: stacked as rows or columns."""
        found: Readings = []
        problem: MismatchError | None = None
        for axis in (0, 1):
            try:
                found.extend(self.lifted(parts, lambda *a, axis=axis: self.ops.stack(a, axis)))
            except MismatchError as error:
                problem = problem or error
            if found and not env.every:
                return found[:1]
        if not found:
            raise problem or MismatchError("the parts cannot be stacked")
        return found

    def matrix(self, node: ast.Matrix, env: Env) -> Readings:
        """Read a matrix written out."""
        rows = []
        for row in node.rows:
            if any(isinstance(entry, ast.Dots) for entry in row.entries):
                return self.elided(node, env)
            rows.append([self.read(entry, env) for entry in row.entries])
        if any(len(row) != len(rows[0]) for row in rows):
            raise MismatchError("the rows of the matrix are not of one length")
        wide = [
            row[0] if len(row) == 1 else self.lifted(row, lambda *a: self.ops.stack(a, 1))
            for row in rows
        ]
        if len(wide) == 1:
            return wide[0]
        return self.lifted(wide, lambda *a: self.ops.stack(a, 0))

    def elided(self, node: ast.Matrix, env: Env) -> Readings:
        """A matrix with dots."""
        raise UnknownError("dots stand for entries of the matrix")

    def primed(self, node: ast.Primed, env: Env) -> Readings:
        """Read primes on something that is no name."""
        raise UnknownError("a prime on something that is no name")

    def accented(self, node: ast.Accented, env: Env) -> Readings:
        """Read an accent on something that is no name."""
        if node.accent in ("vec", "boldsymbol"):
            return self.read(node.base, env)
        raise UnknownError(f"\\{node.accent} on a formula")

    def is_function(self, node: Node) -> bool:
        """Whether a name stands for a function."""
        raise NotImplementedError

    def name(self, node: Name, env: Env) -> Readings:
        """Read a name."""
        raise NotImplementedError

    def apply(self, node: ast.Apply, env: Env) -> Readings:
        """Read a function of arguments, or a product that looks like one."""
        raise NotImplementedError

    def big(self, node: ast.BigOperator, env: Env) -> Readings:
        """Read a sum, product or maximum."""
        raise NotImplementedError

    def norm(self, node: ast.Norm, env: Env) -> Readings:
        """Read a norm."""
        raise UnknownError("a norm")

    def cases(self, node: ast.Cases, env: Env) -> Readings:
        """Read a definition by cases."""
        raise UnknownError("a definition by cases")

    def indicator(self, node: ast.Indicator, env: Env) -> Readings:
        """Read an indicator."""
        raise UnknownError("an indicator")

    def indexed(self, node: ast.Indexed, env: Env) -> Readings:
        """Read an index on a formula."""
        raise UnknownError("an index on a formula")

    def derivative(self, node: ast.Derivative, env: Env) -> Readings:
        """Read a derivative."""
        raise UnknownError("a derivative")

    def prefixed(self, node: ast.Prefixed, env: Env) -> Readings:
        """Read a gradient or a differential."""
        raise UnknownError("a gradient")

    def differential(self, node: ast.Differential, env: Env) -> Readings:
        """Read a differential."""
        raise UnknownError("a differential")


__all__ += ["OutOfRangeError"]
