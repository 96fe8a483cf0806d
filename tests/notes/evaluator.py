"""Values of syntax trees, by a page's table: products, sums over indices, cases, calls."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.kinds import Prefix, ProductOp, Relation, Sign
from symbackprop.notes.printer import to_latex
from tests.notes.functions import FUNCTIONS, HADAMARD, READINGS, label_key, letters
from tests.notes.page import (
    Array,
    Attributes,
    Env,
    Grad,
    Meaning,
    MismatchError,
    Page,
    UnknownError,
    View,
    elementwise,
    matmul,
    slope,
    squeezed,
)


def _within(pick: Callable[..., Array], value: Array, at: Sequence[int]) -> Array:
    try:
        return pick(value, *at)
    except IndexError as error:
        raise MismatchError(str(error)) from error


@dataclass
class Entries:
    """Values of nodes for one page, one binding of the indices and one reading of products."""

    page: Page
    binding: dict[str, int]
    reading: str = READINGS[0]
    env: Env | None = None

    def __post_init__(self) -> None:
        if self.env is None:
            self.env = self.page.env

    def __call__(self, node: ast.Node) -> Array:
        method = getattr(self, f"on_{type(node).__name__.lower()}", None)
        if method is None:
            raise UnknownError(type(node).__name__)
        return method(node)

    def indices(self, items: Sequence[ast.Node]) -> list[int]:
        found: list[int] = []
        for item in items:
            if isinstance(item, ast.Product):
                found += self.indices(item.factors)
            elif isinstance(item, ast.Group) and len(item.items) == 1:
                found += self.indices(item.items)
            else:
                found.append(self.index(item))
        return found

    def index(self, node: ast.Node) -> int:
        if isinstance(node, ast.Number):
            return int(node.text)
        if isinstance(node, ast.Name):
            key = node.base + "'" * node.primes
            if key in self.binding:
                return self.binding[key]
            raise UnknownError(f"index {key}")
        if isinstance(node, ast.Add):
            signs = [1 if sign is Sign.PLUS else -1 for sign in node.signs]
            return sum(s * self.index(t) for s, t in zip(signs, node.terms, strict=True))
        raise UnknownError(f"index {node}")

    def reference(self, name: ast.Name) -> tuple[str, list[int], int]:
        """Key, indices and power of a name."""
        key = " ".join((*name.accents, name.base))
        found: list[int] = []
        power = 1
        for label, above in [(x, False) for x in name.subs] + [(x, True) for x in name.sups]:
            spelled = label_key(label, above)
            if spelled in self.page.labels:
                key += self.page.labels[spelled]
            elif above and spelled == "^2":
                power = 2
            elif above and spelled == "^-1":
                power = -1
            elif self.page.times & set(letters(label.items)):
                key += str(self.index(label.items[0]))
            else:
                key += "".join(self.page.units.get(n, "") for n in letters(label.items))
                found += self.indices(label.items)
        return key + "'" * name.primes, found, power

    def meaning(self, key: str, at: Sequence[int] = ()) -> Meaning:
        if at and f"{key}@" in self.page.names:
            return self.page.names[f"{key}@"]
        if key in self.page.names:
            return self.page.names[key]
        if self.env is not None and key in self.env:
            return key
        raise UnknownError(key)

    def meaning_or(self, key: str, at: Sequence[int]) -> Meaning:
        return self.page.names.get(f"{key}@" if at else key, self.page.names.get(key, key))

    def pick(self, value: Array, at: Sequence[int]) -> Array:
        if not at:
            return value
        where = [i - self.page.base for i in at]
        if len(where) == 1 and value.ndim == 2 and 1 in value.shape:
            where = [where[0], 0] if value.shape[1] == 1 else [0, where[0]]
        if len(where) != value.ndim:
            raise MismatchError(f"{len(at)} indices on shape {value.shape}")
        if any(not 0 <= i < n for i, n in zip(where, value.shape, strict=True)):
            if self.page.zero_outside:
                return np.float64(0.0)
            raise MismatchError(f"index {at} outside {value.shape}")
        return value[tuple(where)]

    def block(self, meaning: Meaning, at: Sequence[int]) -> Callable[[Array], Array]:
        """What the indices pick from the whole array."""
        if isinstance(meaning, View):
            where = [i - self.page.base for i in at]
            return lambda value: _within(meaning.pick, value, where)
        return lambda value: self.pick(value, at)

    def on_number(self, node: ast.Number) -> Array:
        return np.float64(node.text)

    def on_name(self, node: ast.Name) -> Array:
        if node.base == "delta" and self.page.kronecker and len(node.subs) == 1 and not node.sups:
            at = self.indices(node.subs[0].items)
            if len(at) == 2:
                return np.float64(at[0] == at[1])
        if node.base in self.binding and not node.subs and not node.sups:
            return np.float64(self.binding[node.base])
        if node.base == "e" and node.sups and not node.subs and "e" in self.page.exponential:
            return jnp.exp(self(node.sups[0].items[0]))
        key, at, power = self.reference(node)
        meaning = self.meaning(key, at)
        value = self.value(meaning, at)
        if power == -1 and value.ndim == 2 and value.shape[0] == value.shape[1]:
            return jnp.linalg.inv(value)
        return value**power if power != 1 else value

    def value(self, meaning: Meaning, at: Sequence[int]) -> Array:
        assert self.env is not None
        if isinstance(meaning, str):
            return self.pick(self.env[meaning], at)
        if isinstance(meaning, Grad):
            return self.pick(meaning.scale * self.page.gradient(meaning.of), at)
        if isinstance(meaning, View):
            of = self.page.gradient(meaning.of) if meaning.grad else self.env[meaning.of]
            return meaning.scale * self.block(meaning, at)(of)
        return meaning(Attributes(self.env), *(i - self.page.base for i in at))

    def on_prefixed(self, node: ast.Prefixed) -> Array:
        if not isinstance(node.operand, ast.Name):
            raise UnknownError("prefix of an expression")
        key, at, _ = self.reference(node.operand)
        spelled = node.prefix.value.strip().lstrip("\\")
        if f"{spelled} {key}" in self.page.names:
            return self.value(self.page.names[f"{spelled} {key}"], at)
        if node.prefix is not Prefix.D:
            raise UnknownError(f"{spelled} {key}")
        meaning = self.meaning(key, at)
        of = meaning.of if isinstance(meaning, View) else meaning
        if not isinstance(of, str):
            raise UnknownError(f"d of {key}")
        scale = self.page.adjoint_scale.get(of, 1.0)
        return self.block(meaning, at)(scale * self.page.gradient(of))

    def on_add(self, node: ast.Add) -> Array:
        total: Array = np.float64(0.0)
        for sign, term in zip(node.signs, node.terms, strict=True):
            value = self(term)
            total = elementwise(operator.add if sign is Sign.PLUS else operator.sub, total, value)
        return total

    def on_negative(self, node: ast.Negative) -> Array:
        return -self(node.operand)

    def on_product(self, node: ast.Product) -> Array:
        values = [self(factor) for factor in node.factors]
        ops = [joint.op for joint in node.joints]
        hadamard = [self.is_hadamard(op) for op in ops]
        if self.reading == "left to right":
            return self.fold(values, ops, hadamard)
        first = self.reading == "element-wise first"
        values, ops, hadamard = self.contract(values, ops, hadamard, first)
        return self.fold(values, ops, hadamard)

    def contract(
        self, values: list[Array], ops: list[ProductOp], marks: list[bool], which: bool
    ) -> tuple[list[Array], list[ProductOp], list[bool]]:
        """Do the joints of one kind, from the left."""
        left, kept, kinds = [values[0]], [], []
        for op, mark, value in zip(ops, marks, values[1:], strict=True):
            if mark is which:
                left[-1] = self.join(op, mark, left[-1], value)
            else:
                left.append(value)
                kept.append(op)
                kinds.append(mark)
        return left, kept, kinds

    def fold(self, values: list[Array], ops: list[ProductOp], marks: list[bool]) -> Array:
        made = values[0]
        for op, mark, value in zip(ops, marks, values[1:], strict=True):
            made = self.join(op, mark, made, value)
        return made

    def is_hadamard(self, op: ProductOp) -> bool:
        return (
            op in HADAMARD
            or op is ProductOp.SLASHED_CIRCLE
            or (op in (ProductOp.STAR, ProductOp.AST) and self.page.star_hadamard)
            or (op is ProductOp.TIMES and self.page.times_hadamard)
        )

    def join(self, op: ProductOp, hadamard: bool, a: Array, b: Array) -> Array:
        if op is ProductOp.SLASHED_CIRCLE:
            return elementwise(operator.truediv, a, b)
        if hadamard:
            return elementwise(operator.mul, a, b)
        if op is ProductOp.OTIMES:
            raise UnknownError("circled times")
        if self.page.dot_inner and op is ProductOp.CDOT and a.shape == b.shape and a.ndim:
            return (a * b).sum()
        return matmul(a, b)

    def on_group(self, node: ast.Group) -> Array:
        if len(node.items) != 1:
            raise UnknownError("tuple")
        return self(node.items[0])

    def on_fraction(self, node: ast.Fraction) -> Array:
        return elementwise(operator.truediv, self(node.numerator), self(node.denominator))

    def on_root(self, node: ast.Root) -> Array:
        return jnp.sqrt(self(node.body))

    def on_accented(self, node: ast.Accented) -> Array:
        key = f"{node.accent} {to_latex(node.base)}"
        return self.value(self.meaning(key), ())

    def on_power(self, node: ast.Power) -> Array:
        split = self.as_product(node.base)
        if split is not None:
            inner = replace(node, base=split[1])
            return matmul(self(split[0]), self.on_power(inner))
        base, exponent = self(node.base), squeezed(self(node.exponent))
        if base.ndim == 2 and base.shape[0] == base.shape[1] > 1 and exponent == -1:
            return jnp.linalg.inv(base)
        if exponent.ndim:
            raise MismatchError("exponent is not a number")
        with np.errstate(invalid="ignore", divide="ignore"):
            return base**exponent

    def on_indexed(self, node: ast.Indexed) -> Array:
        return self.pick(self(node.base), self.indices(node.label.items))

    def on_transposed(self, node: ast.Transposed) -> Array:
        split = self.as_product(node.base)
        if split is not None:
            return matmul(self(split[0]), self(split[1]).T)
        return self(node.base).T

    def as_product(self, node: ast.Node) -> tuple[ast.Node, ast.Node] | None:
        """Factors of `a(b)` where `a` is no function: what follows belongs to `(b)` alone."""
        if not isinstance(node, ast.Apply) or node.certain or len(node.arguments) != 1:
            return None
        if self.ignorable(node.arguments) and self.known(node.function) is None:
            return None
        if isinstance(node.function, ast.Name) and self.known(node.function) is not None:
            return None
        return node.function, node.arguments[0]

    def known(self, node: ast.Node) -> Callable[..., Array] | None:
        return self.function(node) if isinstance(node, ast.Name) else None

    def ignorable(self, arguments: Sequence[ast.Node]) -> bool:
        """Whether the arguments only say what something depends on."""
        return all(isinstance(a, ast.Name) and a.base in self.page.arguments for a in arguments)

    def on_norm(self, node: ast.Norm) -> Array:
        body = self(node.body)
        return jnp.sqrt(jnp.sum(body**2)) if node.double else jnp.abs(body)

    def on_indicator(self, node: ast.Indicator) -> Array:
        return jnp.asarray(self.condition(node.condition), dtype=float)

    def condition(self, node: ast.Node) -> Array:
        if not isinstance(node, ast.Comparison) or len(node.relations) != 1:
            raise UnknownError("condition")
        a, b = map(self.operand, node.sides)
        tests = {
            Relation.EQUAL: jnp.equal,
            Relation.NOT_EQUAL: jnp.not_equal,
            Relation.LESS: jnp.less,
            Relation.LESS_EQUAL: jnp.less_equal,
            Relation.GREATER: jnp.greater,
            Relation.GREATER_EQUAL: jnp.greater_equal,
        }
        if node.relations[0] not in tests:
            raise UnknownError("condition")
        return tests[node.relations[0]](a, b)

    def operand(self, node: ast.Node) -> Array:
        """A side of a condition: an index where it is one."""
        if isinstance(node, ast.Name) and node.base in self.binding:
            return np.float64(self.binding[node.base])
        return self(node)

    def on_cases(self, node: ast.Cases) -> Array:
        for case in node.cases:
            if case.condition is None or case.otherwise:
                return self(case.value)
            if bool(jnp.all(self.condition(case.condition))):
                return self(case.value)
        raise MismatchError("no case holds")

    def on_apply(self, node: ast.Apply) -> Array:
        if self.ignorable(node.arguments) and self.known(node.function) is None:
            return self(node.function)
        if not isinstance(node.function, ast.Name):
            return self.times_argument(node)
        name = node.function
        arguments = [a for a in node.arguments if not isinstance(a, ast.Comparison)]
        if name.base == "np.sum":
            axis = next((c for c in node.arguments if isinstance(c, ast.Comparison)), None)
            number = axis.sides[1] if axis is not None else None
            if not isinstance(number, ast.Number):
                raise UnknownError("np.sum")
            return jnp.sum(self(arguments[0]), axis=int(number.text), keepdims=True)
        function = self.function(name)
        if function is not None and function in self.page.env_functions.values():
            assert self.env is not None
            function = functools.partial(function, Attributes(self.env))
        if function is None:
            return self.times_argument(node)
        values = [self(a) for a in arguments]
        if name.primes == 1:
            return slope(function, values[0])
        made = function(*values)
        return made**2 if any(label_key(s, True) == "^2" for s in name.sups) else made

    def times_argument(self, node: ast.Apply) -> Array:
        if node.certain and not isinstance(node.function, ast.Name):
            raise UnknownError("call")
        if len(node.arguments) != 1:
            raise UnknownError(f"call of {to_latex(node.function)}")
        return matmul(self(node.function), self(node.arguments[0]))

    def function(self, name: ast.Name) -> Callable[..., Array] | None:
        own = {**self.page.functions, **self.page.env_functions}
        key = " ".join((*name.accents, name.base))
        for label in name.subs:
            if f"{key}{label_key(label, False)}" in own:
                return own[f"{key}{label_key(label, False)}"]
        whole = own.get(f"{key}@")
        if whole is not None and name.subs:
            at = self.indices(name.subs[0].items)
            return lambda *values: self.pick(whole(*values), at)
        return own.get(key) or FUNCTIONS.get(key)
