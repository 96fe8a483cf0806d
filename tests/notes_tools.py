"""An evaluator of notes' formulas that knows nothing of the judge: values by table, slopes by JAX.

A `Page` says what the names of one page mean: arrays, the forward steps that make them, and how
scripts are read. Everything else (products, sums over indices, derivatives) is evaluated from the
syntax tree, strictly: shapes that do not conform raise `Mismatch`, names that no table knows raise
`Unknown`. Index notation is evaluated entry by entry, one binding of the free indices at a time.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symbackprop.notes import ast
from symbackprop.notes.kinds import Big, Prefix, ProductOp, Relation, Sign
from symbackprop.notes.printer import to_latex
from symbackprop.notes.statements import Statement
from symbackprop.notes.trees import children, walk

jax.config.update("jax_enable_x64", True)

Array = Any
Env = Mapping[str, Array]
Binding = Mapping[str, int]


class Mismatch(Exception):
    """Shapes do not conform, an index is out of range, or a side has no value."""


class Unknown(Exception):
    """The table of the page does not know a name or a construct."""


@dataclass(frozen=True)
class Grad:
    """A name that stands for the loss's gradient with respect to `of`, times `scale`."""

    of: str
    scale: float = 1.0


@dataclass(frozen=True)
class View:
    """A name that picks a block of `of` by its indices, counted from 0."""

    of: str
    pick: Callable[..., Array]
    scale: float = 1.0
    grad: bool = False


Meaning = str | Grad | View | Callable[..., Array]


@dataclass
class Page:
    """What the names of a page stand for.

    `names` maps a base (accents before it, resolved labels behind it) to its meaning, `labels` a
    script as spelled to what it adds to the base, `ranges` an index to how many values it takes.
    """

    inputs: dict[str, Array]
    steps: list[tuple[str, Callable[[Any], Array]]]
    loss: str = "L"
    names: dict[str, Meaning] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, int] = field(default_factory=dict)
    functions: dict[str, Callable[..., Array]] = field(default_factory=dict)
    adjoint_scale: dict[str, float] = field(default_factory=dict)
    base: int = 1
    rate: str = "eta"
    star_hadamard: bool = True
    times_hadamard: bool = False
    dot_inner: bool = False
    rows: bool = False
    kronecker: bool = True
    zero_outside: bool = False
    exponential: str = "e"
    units: dict[str, str] = field(default_factory=dict)
    times: frozenset[str] = frozenset()
    pinned: dict[str, tuple[int, ...]] = field(default_factory=dict)
    fixed: dict[str, int] = field(default_factory=dict)
    differ: dict[int, tuple[str, str]] = field(default_factory=dict)
    env_functions: dict[str, Callable[..., Array]] = field(default_factory=dict)
    alternatives: tuple[Page, ...] = ()
    arguments: frozenset[str] = frozenset()
    skip: frozenset[str] = frozenset()
    by_hand: dict[int, str] = field(default_factory=dict)

    def run(self, given: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """All values, with those in `given` in place of what the steps would make."""
        given = given or {}
        env: dict[str, Array] = {**self.inputs, **given}
        for name, step in self.steps:
            if name not in given:
                env[name] = jnp.asarray(step(_Attributes(env)))
        return env

    @functools.cached_property
    def env(self) -> dict[str, Array]:
        """All values."""
        return {name: np.asarray(value) for name, value in self.run().items()}

    def jacobian(self, target: str, variable: str) -> Array:
        """Total derivative, of shape target.shape + variable.shape; cached."""
        cache = self.__dict__.setdefault("_jacobians", {})
        if (target, variable) not in cache:
            made = jax.jacrev(lambda v: jnp.asarray(self.run({variable: v})[target]))
            cache[target, variable] = np.asarray(made(self.env[variable]))
        return cache[target, variable]

    def gradient(self, variable: str) -> Array:
        """Gradient of the loss, in the variable's own shape."""
        return self.jacobian(self.loss, variable)


class _Attributes:
    """Values as attributes, so that steps read as formulas do."""

    def __init__(self, env: Env) -> None:
        self._env = env

    def __getattr__(self, name: str) -> Array:
        return self._env[name]


def scalar(value: Array) -> bool:
    """Whether a value acts as a number."""
    return np.size(value) == 1


def squeezed(value: Array) -> Array:
    return value.reshape(()) if scalar(value) and np.ndim(value) else value


def matmul(a: Array, b: Array) -> Array:
    if scalar(a) or scalar(b):
        return squeezed(a) * b if scalar(a) else a * squeezed(b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise Mismatch(f"{a.shape} times {b.shape}")
    return a @ b


def elementwise(function: Callable[[Array, Array], Array], a: Array, b: Array) -> Array:
    a, b = squeezed(a), squeezed(b)
    if a.ndim and b.ndim and a.shape != b.shape:
        raise Mismatch(f"{a.shape} against {b.shape}")
    return function(a, b)


def slope(function: Callable[[Array], Array], value: Array) -> Array:
    """Element-wise derivative."""
    flat = jax.vmap(jax.grad(lambda t: jnp.reshape(function(t), ())))(jnp.ravel(value))
    return jnp.reshape(flat, jnp.shape(value))


def softmax(z: Array, axis: int | None = None) -> Array:
    if axis is None:
        axis = 0 if z.ndim == 2 and z.shape[1] == 1 else -1
    return jax.nn.softmax(z, axis=axis)


def _diag(value: Array) -> Array:
    if value.ndim == 2 and 1 in value.shape:
        return jnp.diag(jnp.ravel(value))
    return jnp.diag(jnp.diag(value))


_FUNCTIONS: dict[str, Callable[..., Array]] = {
    "exp": jnp.exp,
    "log": jnp.log,
    "ln": jnp.log,
    "tanh": jnp.tanh,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "sgn": jnp.sign,
    "sign": jnp.sign,
    "relu": jax.nn.relu,
    "ReLU": jax.nn.relu,
    "softmax": softmax,
    "diag": _diag,
    "tr": jnp.trace,
    "det": jnp.linalg.det,
    "sum": jnp.sum,
    "max": lambda *a: functools.reduce(jnp.maximum, a),
}
_HADAMARD = frozenset({ProductOp.ODOT, ProductOp.CIRC, ProductOp.BULLET})
READINGS = ("matrix first", "left to right", "element-wise first")


def label_key(label: ast.Label, above: bool) -> str:
    """How `Page.labels` spells a script: `^[l-1]`, `_t`."""
    left, right = label.bracket.value
    inner = ",".join(to_latex(item) for item in label.items).replace(" ", "")
    mark = "^" if above else "_"
    spelled = f"{mark}{left}{inner}{right}"
    return spelled.replace("\\langle ", "<").replace("\\rangle ", ">")


def _letters(items: Sequence[ast.Node]) -> list[str]:
    """The names among the items of a script, juxtaposed ones apart."""
    flat: list[ast.Node] = []
    for item in items:
        if isinstance(item, ast.Add):
            flat += item.terms
        else:
            flat += item.factors if isinstance(item, ast.Product) else (item,)
    return [item.base for item in flat if isinstance(item, ast.Name)]


@dataclass
class Evaluator:
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
            raise Unknown(type(node).__name__)
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
            raise Unknown(f"index {key}")
        if isinstance(node, ast.Add):
            signs = [1 if sign is Sign.PLUS else -1 for sign in node.signs]
            return sum(s * self.index(t) for s, t in zip(signs, node.terms, strict=True))
        raise Unknown(f"index {node}")

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
            elif self.page.times & set(_letters(label.items)):
                key += str(self.index(label.items[0]))
            else:
                key += "".join(self.page.units.get(n, "") for n in _letters(label.items))
                found += self.indices(label.items)
        return key + "'" * name.primes, found, power

    def meaning(self, key: str, at: Sequence[int] = ()) -> Meaning:
        if at and f"{key}@" in self.page.names:
            return self.page.names[f"{key}@"]
        if key in self.page.names:
            return self.page.names[key]
        if self.env is not None and key in self.env:
            return key
        raise Unknown(key)

    def pick(self, value: Array, at: Sequence[int]) -> Array:
        if not at:
            return value
        where = [i - self.page.base for i in at]
        if len(where) == 1 and value.ndim == 2 and 1 in value.shape:
            where = [where[0], 0] if value.shape[1] == 1 else [0, where[0]]
        if len(where) != value.ndim:
            raise Mismatch(f"{len(at)} indices on shape {value.shape}")
        if any(not 0 <= i < n for i, n in zip(where, value.shape, strict=True)):
            if self.page.zero_outside:
                return np.float64(0.0)
            raise Mismatch(f"index {at} outside {value.shape}")
        return value[tuple(where)]

    def block(self, meaning: Meaning, at: Sequence[int]) -> Callable[[Array], Array]:
        """What the indices pick from the whole array."""
        if isinstance(meaning, View):
            where = [i - self.page.base for i in at]
            return lambda value: meaning.pick(value, *where)
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
        return meaning(_Attributes(self.env), *(i - self.page.base for i in at))

    def on_prefixed(self, node: ast.Prefixed) -> Array:
        if not isinstance(node.operand, ast.Name):
            raise Unknown("prefix of an expression")
        key, at, _ = self.reference(node.operand)
        spelled = node.prefix.value.strip().lstrip("\\")
        if f"{spelled} {key}" in self.page.names:
            return self.value(self.page.names[f"{spelled} {key}"], at)
        if node.prefix is not Prefix.D:
            raise Unknown(f"{spelled} {key}")
        meaning = self.meaning(key, at)
        of = meaning.of if isinstance(meaning, View) else meaning
        if not isinstance(of, str):
            raise Unknown(f"d of {key}")
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
            return self.fold(values, ops, hadamard, lambda i: True)
        first = self.reading == "element-wise first"
        values, ops, hadamard = self.contract(values, ops, hadamard, first)
        return self.fold(values, ops, hadamard, lambda i: True)

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

    def fold(
        self,
        values: list[Array],
        ops: list[ProductOp],
        marks: list[bool],
        _: Callable[[int], bool],
    ) -> Array:
        made = values[0]
        for op, mark, value in zip(ops, marks, values[1:], strict=True):
            made = self.join(op, mark, made, value)
        return made

    def is_hadamard(self, op: ProductOp) -> bool:
        return (
            op in _HADAMARD
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
            raise Unknown("circled times")
        if self.page.dot_inner and op is ProductOp.CDOT and a.shape == b.shape and a.ndim:
            return (a * b).sum()
        return matmul(a, b)

    def on_group(self, node: ast.Group) -> Array:
        if len(node.items) != 1:
            raise Unknown("tuple")
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
            raise Mismatch("exponent is not a number")
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
            raise Unknown("condition")
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
            raise Unknown("condition")
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
        raise Mismatch("no case holds")

    def on_bigoperator(self, node: ast.BigOperator) -> Array:
        if node.op is not Big.SUM or node.body is None:
            raise Unknown("big operator")
        names = [i.base for i in node.range.indices if isinstance(i, ast.Name)]
        if not names:
            raise Unknown("sum without an index")
        kept = {name: self.binding.get(name) for name in names}
        total: Array = np.float64(0.0)
        for at in itertools.product(*(self.span(node.range, name) for name in names)):
            self.binding.update(zip(names, at, strict=True))
            if all(bool(self.condition(c)) for c in node.range.conditions if self.tests(c)):
                total = elementwise(operator.add, total, self(node.body))
        for name, value in kept.items():
            if value is None:
                del self.binding[name]
            else:
                self.binding[name] = value
        return total

    def tests(self, node: ast.Node) -> bool:
        return isinstance(node, ast.Comparison) and node.relations[0] is Relation.NOT_EQUAL

    def span(self, given: ast.Range, name: str) -> range:
        if given.lower is not None and given.upper is not None:
            return range(self.bound(given.lower), self.bound(given.upper) + 1)
        if name not in self.page.ranges:
            raise Unknown(f"range of {name}")
        return range(self.page.base, self.page.base + self.page.ranges[name])

    def bound(self, node: ast.Node) -> int:
        value = self(node)
        if not scalar(value):
            raise Unknown("bound of a sum")
        return round(float(squeezed(value)))

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
                raise Unknown("np.sum")
            return jnp.sum(self(arguments[0]), axis=int(number.text), keepdims=True)
        function = self.function(name)
        if function is not None and function in self.page.env_functions.values():
            assert self.env is not None
            function = functools.partial(function, _Attributes(self.env))
        if function is None:
            return self.times_argument(node)
        values = [self(a) for a in arguments]
        if name.primes == 1:
            return slope(function, values[0])
        made = function(*values)
        return made**2 if any(label_key(s, True) == "^2" for s in name.sups) else made

    def times_argument(self, node: ast.Apply) -> Array:
        if node.certain and not isinstance(node.function, ast.Name):
            raise Unknown("call")
        if len(node.arguments) != 1:
            raise Unknown(f"call of {to_latex(node.function)}")
        return matmul(self(node.function), self(node.arguments[0]))

    def function(self, name: ast.Name) -> Callable[..., Array] | None:
        own = {**self.page.functions, **self.page.env_functions}
        key = " ".join((*name.accents, name.base))
        for label in name.subs:
            if f"{key}{label_key(label, False)}" in own:
                return own[f"{key}{label_key(label, False)}"]
        return own.get(key) or _FUNCTIONS.get(key)

    def on_derivative(self, node: ast.Derivative) -> Array:
        if node.target is None or not node.variables:
            raise Unknown("operator without operand")
        if len(node.variables) == 2 and node.order == 2:
            return self.second(node)
        if len(node.variables) != 1:
            raise Unknown("derivative")
        variable, at = self.variable(node.variables[0])
        of = variable.of if isinstance(variable, View) else variable
        assert isinstance(of, str)
        full, shape = self.slopes(node.target, of)
        block = self.block(variable, at)
        return self.arranged(full, shape, block)

    def variable(self, node: ast.Node) -> tuple[Meaning, list[int]]:
        node = node.items[0] if isinstance(node, ast.Group) and len(node.items) == 1 else node
        if isinstance(node, ast.Apply) and self.ignorable(node.arguments):
            node = node.function
        if isinstance(node, ast.Transposed):
            node = node.base
        if not isinstance(node, ast.Name):
            raise Unknown("derivative with respect to an expression")
        key, at, _ = self.reference(node)
        meaning = self.meaning(key, at)
        if not isinstance(meaning, str | View):
            raise Unknown(f"derivative with respect to {key}")
        return meaning, at

    def slopes(self, target: ast.Node, of: str) -> tuple[Array, tuple[int, ...]]:
        """Derivative of the target by the whole array, and the target's shape."""
        while isinstance(target, ast.Apply) and self.ignorable(target.arguments):
            if self.known(target.function) is not None:
                break
            target = target.function
        if isinstance(target, ast.Name):
            key, at, power = self.reference(target)
            meaning = self.page.names.get(key, key)
            if isinstance(meaning, str) and meaning in self.page.env and power == 1:
                full = self.page.jacobian(meaning, of)
                shape = self.page.env[meaning].shape
                if not at:
                    return full, shape
                return self.entry(full, shape, at), ()
        assert self.env is not None

        def value(v: Array) -> Array:
            inner = replace(self, env=self.page.run({of: v}), binding=dict(self.binding))
            return squeezed(inner(target))

        given = jnp.asarray(self.env[of])
        shape = jax.eval_shape(value, given).shape
        full = jax.jacrev(value)(given)
        return (full if isinstance(full, jax.core.Tracer) else np.asarray(full)), shape

    def entry(self, full: Array, shape: tuple[int, ...], at: list[int]) -> Array:
        """The part of a derivative that belongs to one entry of the target."""
        rest = full.shape[len(shape) :]
        places = np.arange(int(np.prod(shape))).reshape(shape)
        place = self.pick(places, at)
        if np.ndim(place):
            raise Mismatch("a row of a target")
        if isinstance(place, np.float64):
            return np.zeros(rest)
        return full.reshape(-1, *rest)[int(place)]

    def arranged(
        self, full: Array, shape: tuple[int, ...], block: Callable[[Array], Array]
    ) -> Array:
        if not shape or shape == (1, 1):
            made = block(full.reshape(full.shape[len(shape) :]))
            return made.T if self.page.rows else made
        count = int(np.prod(shape))
        parts = [block(part) for part in full.reshape(count, *full.shape[len(shape) :])]
        stack = np.stack if isinstance(full, np.ndarray) else jnp.stack
        if np.ndim(parts[0]) == 0:
            return stack(parts).reshape(shape)
        vectors = 1 in shape and 1 in parts[0].shape
        if len(shape) == 2 and vectors and parts[0].ndim == 2:
            return stack([part.reshape(-1) for part in parts])
        raise Mismatch("derivative of more than two indices")

    def second(self, node: ast.Derivative) -> Array:
        (one, at_one), (two, at_two) = map(self.variable, node.variables)
        if not isinstance(one, str) or not isinstance(two, str) or node.target is None:
            raise Unknown("second derivative")
        target = node.target
        assert self.env is not None

        def value(a: Array, b: Array) -> Array:
            given = {one: a, two: b} if one != two else {one: a + b - self.page.env[two]}
            inner = replace(self, env=self.page.run(given), binding=dict(self.binding))
            return jnp.reshape(inner(target), ())

        full = jax.jacrev(jax.grad(value), argnums=1)(self.env[one], self.env[two])
        if not at_one and not at_two:
            return jnp.reshape(full, (self.env[one].size, self.env[two].size))
        shape = self.env[one].shape
        return self.pick(self.entry(full, shape, at_one), at_two)


def free_indices(node: ast.Node, known: Mapping[str, int], bound: frozenset[str]) -> set[str]:
    """The known indices of a tree that no sum binds where they stand."""
    if isinstance(node, ast.BigOperator):
        own = {i.base for i in node.range.indices if isinstance(i, ast.Name)}
        inner = bound | own
        found = set() if node.body is None else free_indices(node.body, known, inner)
        for part in (node.range.lower, node.range.upper, *node.range.conditions):
            if part is not None:
                found |= free_indices(part, known, inner)
        return found
    found: set[str] = set()
    if isinstance(node, ast.Label | ast.Comparison):
        for _, here in walk(node):
            if isinstance(here, ast.Name):
                found |= {here.base + "'" * here.primes} & (set(known) - bound)
    for child in children(node):
        found |= free_indices(child, known, bound)
    return found


def bindings(page: Page, sides: Sequence[ast.Node], most: int = 9) -> list[dict[str, int]]:
    """Values for the free indices: all, or a spread with equal and unequal ones."""
    names: set[str] = set()
    for side in sides:
        names |= free_indices(side, page.ranges, frozenset())
    order = sorted(names)
    spans = [
        page.pinned.get(n) or tuple(range(page.base, page.base + page.ranges[n])) for n in order
    ]
    whole = list(itertools.product(*spans))
    if len(whole) > most:
        step = len(whole) / most
        equal = [v for v in whole if len(set(v)) < len(v)][:2]
        whole = equal + [whole[int(i * step)] for i in range(most)]
    return [{**page.fixed, **dict(zip(order, values, strict=True))} for values in whole]


def close(a: Array, b: Array) -> bool:
    a, b = np.asarray(squeezed(a)), np.asarray(squeezed(b))
    if a.shape != b.shape and not (b.ndim == 0 and b == 0) and not (a.ndim == 0 and a == 0):
        return False
    return bool(np.allclose(a, b, rtol=1e-7, atol=1e-9))


def _updated(page: Page, statement: Statement, sides: list[Array], binding: Binding) -> list[Array]:
    """The sides with the left one of an update rule replaced by what it should become."""
    left = statement.sides[0]
    moving = statement.relations[0] in (Relation.ASSIGNED, Relation.DEFINED, Relation.TO)
    if not moving or not isinstance(left, ast.Name | ast.Prefixed):
        return sides
    if not any(left == here for _, here in walk(statement.sides[1])):
        return sides
    if not isinstance(left, ast.Name):
        return sides
    evaluator = Evaluator(page, dict(binding))
    key, at, _ = evaluator.reference(left)
    meaning = evaluator.meaning(key, at)
    of = meaning.of if isinstance(meaning, View) else meaning
    assert isinstance(of, str)
    slope_ = evaluator.block(meaning, at)(page.gradient(of))
    return [sides[0] - page.env[page.rate] * slope_, *sides[1:]]


def _true_of(page: Page, statement: Statement, reading: str, differ: Sequence[str]) -> bool:
    for binding in bindings(page, statement.sides):
        if differ and binding.get(differ[0]) == binding.get(differ[1]):
            continue
        sides: list[Array] = []
        for side in statement.sides:
            if isinstance(side, ast.Space):
                continue
            value = Evaluator(page, dict(binding), reading)(side)
            sides.append(value)
        sides = _updated(page, statement, sides, binding)
        if any(not close(sides[0], other) for other in sides[1:]):
            return False
    return True


def truth(page: Page, statement: Statement, differ: Sequence[str] = ()) -> bool:
    """Whether a statement holds in some reading of its products, on the page or an alternative.

    Raises
    ------
    Unknown
        No table of the page knows all of its names.
    """
    missing: Unknown | None = None
    known = False
    for one in (page, *page.alternatives):
        for reading in READINGS:
            try:
                if _true_of(one, statement, reading, differ):
                    return True
                known = True
            except Mismatch:
                known = True
            except Unknown as error:
                missing = missing or error
    if not known and missing is not None:
        raise missing
    return False


def index_names(node: ast.Node) -> Iterator[str]:
    """Names that stand in scripts, and the indices that sums bind."""
    for _, here in walk(node):
        if isinstance(here, ast.Label):
            for _, inner in walk(here):
                if isinstance(inner, ast.Name):
                    yield inner.base + "'" * inner.primes
