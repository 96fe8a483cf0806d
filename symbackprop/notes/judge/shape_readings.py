"""Readings of formulas as shapes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.dots import dotted
from symbackprop.notes.judge.evaluate import Env, NeedLetterError
from symbackprop.notes.judge.maps import OPAQUE, TWIN
from symbackprop.notes.judge.products import Readings
from symbackprop.notes.judge.scope import Key, Scope
from symbackprop.notes.judge.shape_indices import Extent, ShapeIndices
from symbackprop.notes.judge.shape_slopes import ShapeSlopes
from symbackprop.notes.judge.shapes import NUMBER, Dims, Sh
from symbackprop.notes.judge.values import MismatchError, OutOfRangeError, UnknownError
from symbackprop.notes.kinds import Big, Prefix
from symbackprop.notes.lexicon import FUNCTIONS
from symbackprop.notes.resolve.definitions import Definition
from symbackprop.notes.trees import unwrapped, walk

__all__ = ["ShapeReadings"]


class ShapeReadings(ShapeSlopes, ShapeIndices):
    """Readings of formulas as shapes: the part of `Inference` that walks formulas."""

    scope: Scope
    inside: set[str]
    targets: set[str]
    symbols: dict[str, int]
    speaking: bool
    shapes: dict[Key, Sh]
    by_entry: set[Key]
    whole: set[Key]
    dims: Any
    kind: Any
    symbol: Any
    variable: Any
    ones: dict[tuple[int, str], Sh]
    busy: Any

    def is_function(self, node: Node) -> bool:
        """Whether a node is a function here."""
        name = node
        return isinstance(name, Name) and name.base in self.scope.profile.functions

    def plus(self, a: Any, b: Any, term: Node, env: Env) -> Any:
        """Add a term; a bias may have fewer axes."""
        if isinstance(term, Name) and b.shape and a.shape:
            key = self.scope.profile.ref(term).key
            if self.scope.template(self.scope.canonical(key), ()) is None:
                if self.kind(key) == "bias" and not self.scope.profile.ref(term).comps:
                    return self.ops.add_bias(a, b)
        return self.ops.trying(self.ops.add, a, b)

    def product(self, node: ast.Product, env: Env) -> Readings:
        """Read a product; a target times a logarithm is meant entry by entry."""
        if any(map(is_log, node.factors)) and not any(map(is_turned, node.factors)):
            parts = [self.one(factor, env) for factor in node.factors]
            made = parts[0]
            for part in parts[1:]:
                made = self.ops.trying(self.ops.multiply, made, part)
            return [(made, 0)]
        return super().product(dotted(node, self.together), env)

    def together(self, first: Node, second: Node) -> bool:
        """Whether two neighbours are vectors, of which nothing says that one is a matrix."""
        names = [n for n in (first, second) if isinstance(n, Name)]
        refs = [self.scope.profile.ref(name) for name in names]
        return all(not ref.comps and self.kind(ref.key) == "small" for ref in refs)

    def same_at_all_times(self) -> None:
        """Join the shapes of a name that its own past defines: a state keeps its shape."""
        for definition in self.scope.definitions:
            labels = definition.labels
            if len(labels) != 1 or not isinstance(labels[0], Name) or labels[0].base != "t":
                continue
            found = [s for (key, _), s in self.shapes.items() if key == definition.key and s.shape]
            for other in found[1:]:
                try:
                    self.ops.trying(self.ops.equal, found[0], other)
                except MismatchError:
                    continue

    def twin(self, key: Any) -> Sh | None:
        """The shape of a name that another is compared with, if that is defined."""
        try:
            defined = key in self.shapes or self.scope.template(*key) is not None
            found: Sh | None = self.variable(key) if defined and key not in self.busy else None
            return found
        except (UnknownError, OutOfRangeError, MismatchError, NeedLetterError):
            return None

    def one_number(self, shape: Sh) -> None:
        """A loss is one number where that is still open."""
        for d in shape.shape:
            if not self.dims.is_feature(d) and self.dims.find(d) != Dims.BATCH:
                self.dims.join(d, Dims.ONE)

    def name(self, node: Name, env: Env) -> Readings:
        """Read a name."""
        key, labels, comps, power = self.scope.target(node, env)
        if self.is_delta(node, key, labels, comps):
            self.equal_letters(comps[0], comps[1], env)
            return [(NUMBER, 0)]
        if node.base == "e" and node.sups and not node.subs:
            label = node.sups[0].items[0]
            return self.read(label, env)
        if node.base in ("1", "0") and not comps and key not in self.scope.table:
            place = id(node), str(sorted(env.letters.items()))
            shape = Sh((self.dims.new(), Dims.ONE))
            return [(self.ones.setdefault(place, shape), 0)]
        if comps and key not in env.formal:
            self.by_entry.add((key, labels))
        elif key not in env.formal:
            self.whole.add((key, labels))
        if key in env.formal:
            shape = env.formal[key]
        elif not labels and not comps and self.is_index(node, env):
            return [(NUMBER, 0)]
        elif self.is_function(node):
            raise UnknownError(f"the function {node.base} without argument")
        else:
            shape = self.variable((key, labels))
        if comps and shape.shape:
            self.component(shape, comps, env)
            return [(NUMBER, 0)]
        if power is not None:
            self.inverted(shape, power)
        return [(shape, 0)]

    def raised(self, base: Readings, exponent: Node, env: Env) -> Readings:
        """A power of readings; what is inverted is square."""
        self.inverted(base[0][0], exponent)
        return super().raised(base, exponent, env)

    def inverted(self, shape: Sh, exponent: Node) -> None:
        """Note that a matrix with an inverse is square."""
        exponent = unwrapped(exponent)
        if isinstance(exponent, ast.Negative) and exponent.operand == ast.Number("1"):
            self.squared(shape)

    def squared(self, shape: Sh) -> None:
        """Note that a matrix is square."""
        if shape.shape and not any(self.dims.is_one(d) for d in shape.shape):
            self.dims.join(*shape.shape)

    def is_index(self, node: Name, env: Env) -> bool:
        """Whether a name is an index letter or a constant."""
        return node.base in env.letters or node.base in ("pi", "e", "infty")

    def apply(self, node: ast.Apply, env: Env) -> Readings:
        """Read a function of arguments, or a product that looks like one."""
        function = node.function
        while isinstance(function, ast.Power | ast.Primed):
            function = function.base
        if not isinstance(function, Name):
            raise UnknownError("a call of a formula")
        arguments = [self.one(a, env) for a in node.arguments if not isinstance(a, ast.Comparison)]
        key = self.scope.profile.ref(function).key
        if function.base == OPAQUE:
            return [(self.some_shape(), 0)]
        if function.base == TWIN:
            return [(arguments[0], 0)]
        if function.base == "d" and len(arguments) == 1 and "d" not in self.scope.table:
            return [(arguments[0], 0)]
        mapped = self.mapped(key, arguments)
        if mapped is not None:
            return [(mapped, 0)]
        definition = self.scope.table.get(key)
        if function.base in FUNCTIONS or key in self.scope.profile.functions:
            self.constants_of(definition, arguments, env)
            return [(self.called(function.base, arguments), 0)]
        if definition and definition[0].formals:
            formals = [self.scope.profile.ref(f).key for f in definition[0].formals]
            if len(formals) == len(arguments):
                inner = env.with_formal(dict(zip(formals, arguments, strict=True)))
                return self.read(definition[0].body, replace(inner, letters={}))
        if not node.certain and len(node.arguments) == 1:
            shape = self.one(function, env)
            if not self.depends(node, env):
                return [(self.times(shape, arguments[0]), 0)]
            return [(shape, 0)]
        raise UnknownError(f"{function.base} of several arguments")

    def constants_of(
        self, definitions: list[Definition] | None, arguments: list[Sh], env: Env
    ) -> None:
        """Give the names in a function's formula shapes, those that are no arguments too."""
        if not definitions or not len(definitions[0].formals) == len(arguments) == 1:
            return
        definition, argument = definitions[0], arguments[0]
        formal = {self.scope.profile.ref(definition.formals[0]).key: argument}
        inner = replace(env, formal={**env.formal, **formal}, letters={})
        if definition.key in self.inside:
            return
        self.inside.add(definition.key)
        try:
            self.one(definition.body, inner)
        except (UnknownError, MismatchError, NeedLetterError, OutOfRangeError):
            return
        finally:
            self.inside.discard(definition.key)

    def depends(self, node: ast.Apply, env: Env) -> bool:
        """Whether `y(z)` says that y depends on z."""
        function = node.function
        return isinstance(function, Name) and (self.scope.profile.ref(function).key in (
            self.scope.table
        ) and isinstance(node.arguments[0], Name))  # fmt: skip

    def times(self, a: Sh, b: Sh) -> Sh:
        """Multiply two shapes."""
        if not a.shape or not b.shape:
            made: Sh = self.ops.scale(a, b) if not a.shape else self.ops.scale(b, a)
            return made
        try:
            made = self.ops.trying(self.ops.matmul, a, b)
        except MismatchError:
            made = self.ops.multiply(a, b)
        return made

    def called(self, name: str, arguments: list[Sh]) -> Sh:
        """Give the shape of a known function of arguments."""
        if name in ("det", "tr", "Tr", "trace") and len(arguments) == 1:
            self.squared(arguments[0])
        if name in ("sum", "mean", "tr", "trace", "norm", "logsumexp", "np.sum", "np.mean", "det",
                    "Tr", "LSE", "CE", "KL", "MSE", "BCE", "NLL", "Loss", "loss", "Div", "div",
                    "cost", "Cost"):  # fmt: skip
            if name in ("tr", "trace", "Tr", "det") and arguments and arguments[0].shape:
                self.dims.join(*arguments[0].shape)
            return NUMBER
        if name in ("rot", "flatten", "reshape", "vec", "Vec", "argmax", "concat", "Concat"):
            raise UnknownError(f"{name} is not known")
        if name in ("diag", "Diag"):
            made: Sh = self.ops.diagonal(arguments[0])
            return made
        if name in ("max", "min"):
            made = self.ops.maximum(arguments) if len(arguments) > 1 else NUMBER
            return made
        if name in ("np.dot", "dot", "matmul", "np.matmul") and len(arguments) == 2:
            made = self.ops.matmul(*arguments)
            return made
        if not arguments:
            raise UnknownError(f"{name} without argument")
        if len(arguments) > 1 and name not in FUNCTIONS:
            raise UnknownError(f"{name} of several arguments")
        return arguments[0]

    def big(self, node: ast.BigOperator, env: Env) -> Readings:
        """Read a sum, product or maximum."""
        if node.op not in (Big.SUM, Big.MAX, Big.PROD) or node.body is None:
            raise UnknownError("a big operator")
        letters = [n.base + "'" * n.primes for n in node.range.indices if isinstance(n, Name)]
        sets: dict[str, str] = {}
        for condition in node.range.conditions:
            if isinstance(condition, ast.Comparison) and isinstance(condition.sides[0], Name):
                letters.append(condition.sides[0].base)
                if isinstance(condition.sides[1], Name) and not condition.sides[1].subs:
                    sets[condition.sides[0].base] = condition.sides[1].base
        inner = replace(env, letters={k: v for k, v in env.letters.items() if k not in letters})
        for _ in range(4):
            try:
                made = self.one(node.body, inner)
                break
            except NeedLetterError as need:
                if need.letter not in letters:
                    raise
                bound: int = 1 if need.extent is None else Extent(need.extent)
                if need.extent is not None and isinstance(node.range.upper, Name):
                    self.symbols.setdefault(node.range.upper.base, need.extent)
                if need.extent is not None and need.letter in sets:
                    self.symbols.setdefault(sets[need.letter], need.extent)
                inner = inner.bind(need.letter, bound)
        else:
            raise UnknownError("a sum whose index is not understood")
        if not letters and made.shape:
            return [(NUMBER, 0)]
        return [(made, 0)]

    def norm(self, node: ast.Norm, env: Env) -> Readings:
        """Read a norm; bars around a matrix are its determinant."""
        inner = self.one(node.body, env)
        if self.speaking and not node.double and isinstance(node.body, Name):
            if node.body.base.isupper():
                self.squared(inner)
        return [(NUMBER, 0)]

    def cases(self, node: ast.Cases, env: Env) -> Readings:
        """Read a definition by cases."""
        return [(self.ops.maximum([self.one(case.value, env) for case in node.cases]), 0)]

    def indexed(self, node: ast.Indexed, env: Env) -> Readings:
        """Read an index on a formula."""
        base = self.one(node.base, env)
        if node.superscript or not base.shape:
            return [(base, 0)]
        self.component(base, node.label.items, env)
        return [(NUMBER, 0)]

    def prefixed(self, node: ast.Prefixed, env: Env) -> Readings:
        """Read a gradient or a differential."""
        if node.prefix is Prefix.BIG_DELTA:
            return self.read(node.operand, env)
        if self.speaking and isinstance(node.operand, Name):
            return self.read(node.operand, env)
        raise UnknownError("a gradient in a definition")

    def exponent(self, node: Node, env: Env) -> float:
        """Give an exponent as a number."""
        return 1.0


def is_log(node: Node) -> bool:
    """Whether a factor is a logarithm."""
    return (
        isinstance(node, ast.Apply)
        and isinstance(node.function, Name)
        and node.function.base in ("log", "ln", "lg")
    )


def is_turned(node: Node) -> bool:
    """Whether a transpose stands in a factor: a product with it is a matrix product."""
    return any(
        isinstance(n, ast.Transposed | ast.Matrix) or (isinstance(n, Name) and n.primes > 0)
        for _, n in walk(node)
    )
