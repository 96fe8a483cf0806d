"""Shapes of everything that a selection of definitions mentions."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.evaluate import Env, Evaluator, NeedLetter
from symbackprop.notes.judge.products import Readings
from symbackprop.notes.judge.scope import Key, Scope
from symbackprop.notes.judge.shapes import NUMBER, Dims, Sh, ShapeOps
from symbackprop.notes.judge.values import Mismatch, OutOfRange, Unknown
from symbackprop.notes.kinds import Big, Prefix
from symbackprop.notes.lexicon import FUNCTIONS
from symbackprop.notes.resolve.definitions import Definition, is_loss_key
from symbackprop.notes.trees import walk

__all__ = ["Extent", "Inference"]

_WEIGHTS = frozenset({"W", "U", "V", "Theta", "w", "u", "v", "omega", "M", "R"})
_SCALARS = frozenset(
    """eta alpha lambda epsilon tau rho kappa gamma mu m n N k T d r lr c_1 c_2 Delta zeta nu pi
    lambda_1 lambda_2 H""".split()
)
_PRIMES = (4, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43)


class Extent(int):
    """A dimension that an index runs over, while shapes are inferred."""


class Inference(Evaluator):
    """Evaluation on shapes; `shapes` has those of all names, leaves and defined ones."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.ops = ShapeOps()
        self.scope = scope
        self.shapes: dict[Key, Sh] = {}
        self.leaves: list[Key] = []
        self.open: list[tuple[Key, Sh]] = []
        self.symbols: dict[str, int] = {}
        self.conflicts = 0
        self.consumed: set[Key] = set()
        self.targets: set[str] = set()
        self.busy: list[Key] = []
        self.sizes: dict[int, int] = {}

    @property
    def dims(self) -> Dims:
        """The classes of dimensions."""
        dims: Dims = self.ops.dims
        return dims

    def run(self) -> None:
        """Infer the shapes of all definitions."""
        self.scope.leaves.clear()
        for definition in self.scope.definitions:
            if definition.late or self.only_function(definition):
                continue
            if definition.comps and all(isinstance(c, ast.Number) for c in definition.comps):
                continue
            for labels in self.instances(definition):
                try:
                    self.variable((definition.key, labels))
                except (Unknown, OutOfRange, NeedLetter):
                    continue
                except Mismatch:
                    self.conflicts += 1
        self.settle()
        self.scope.leaves.update(key for key, _ in self.shapes)

    def only_function(self, definition: Definition) -> bool:
        """Whether a definition defines a function and no value."""
        base = definition.key.split("_")[0]
        plain = self.scope.profile.plain
        return bool(definition.formals) and (
            base in self.scope.profile.functions
            and (plain[base] == 0 or base in ("sigma", "phi") or base in FUNCTIONS)
            and not is_loss_key(definition.key)
        )

    def instances(self, definition: Definition) -> list[tuple[int, ...]]:
        """The labels for which a template is used."""
        depth = self.scope.model.depth
        found = []
        for labels in product(range(depth + 1), repeat=len(definition.labels)):
            if self.scope.matched(definition, labels) is not None:
                found.append(labels)
        return found

    def variable(self, key: Key) -> Sh:
        """The shape of a name; what nothing defines becomes a leaf."""
        if self.busy:
            self.consumed.add(key)
        if key in self.shapes:
            return self.shapes[key]
        self.scope.in_range(key[1])
        found = self.scope.template(*key)
        if found is None or key in self.busy:
            return self.leaf(key)
        definition, env = found
        self.busy.append(key)
        try:
            shape = self.defined(definition, env)
        except (Unknown, OutOfRange):
            shape = None
        finally:
            self.busy.pop()
        if shape is None:
            return self.leaf(key)
        self.shapes[key] = shape
        return shape

    def defined(self, definition: Definition, env: Env) -> Sh:
        """The shape of a definition's body; components give the dimensions."""
        body = definition.body
        if isinstance(body, ast.Apply) and is_loss_key(definition.key) and self.opaque(body):
            shapes = [self.one(argument, env) for argument in body.arguments]
            if len(shapes) == 2 and all(sh.shape for sh in shapes):
                try:
                    self.ops.trying(self.ops.equal, shapes[0], shapes[1])
                except Mismatch:
                    return NUMBER
            return NUMBER
        letters = [c.base for c in definition.comps if isinstance(c, Name)]
        if not letters:
            made: Sh = self.body(body, env)
            return made
        dims: dict[str, int] = {}
        while True:
            try:
                self.body(body, env)
                break
            except NeedLetter as need:
                if need.letter not in letters or need.extent is None:
                    raise
                dims[need.letter] = need.extent
                env = env.bind(need.letter, Extent(need.extent))
        used = [dims[letter] for letter in letters if letter in dims]
        if not used:
            return NUMBER
        return Sh((used[0], Dims.ONE) if len(used) == 1 else (used[0], used[1]))

    def body(self, body: Node, env: Env) -> Sh:
        """The shape of a body with its label sums run through."""
        made: Sh = self.one(body, env)
        return made

    def opaque(self, node: ast.Apply) -> bool:
        """Whether a call is of a function that nothing defines."""
        function = node.function
        if not isinstance(function, Name):
            return False
        key = self.scope.profile.ref(function).key
        return key not in self.scope.table and (
            key not in FUNCTIONS or is_loss_key(key) or len(node.arguments) > 1
        )

    def leaf(self, key: Key) -> Sh:
        """A new leaf, its shape by what its name is."""
        kind = self.kind(key[0])
        shape = self.hinted(key) if kind != "scalar" else None
        dims = self.dims
        if shape is not None:
            pass
        elif kind == "scalar":
            shape = NUMBER
        elif kind == "matrix":
            sure = key[0].split("_")[0] in _WEIGHTS
            shape = Sh((dims.new(feature=sure), dims.new(feature=sure)))
            if not sure:
                self.open.append((key, shape))
        else:
            shape = Sh((dims.new(), dims.new()))
            if kind == "column":
                dims.feature.add(shape.shape[0])
                dims.join(shape.shape[1], Dims.ONE)
            self.open.append((key, shape))
        self.shapes[key] = shape
        self.leaves.append(key)
        return shape

    def hinted(self, key: Key) -> Sh | None:
        """The shape that the document states."""
        pair = self.pair(key[0], key[1])
        if pair is None:
            return None
        square = any(a == b for a, b in self.scope.model.shapes.values())
        weight = key[0].split("_")[0] in _WEIGHTS
        made = []
        for size in pair:
            many = size in ("m", "N", "B") and not square and not weight
            many = many and key[0].split("_")[0] not in ("b", "B")
            made.append(Dims.BATCH if many else self.symbol(size))
        return Sh(tuple(made))

    def pair(self, key: str, labels: tuple[int, ...]) -> tuple[str, str] | None:
        """The two sizes that the document states for a name."""
        shapes = self.scope.model.shapes
        marked = shapes.get(key + "".join(f"[{label}]" for label in labels))
        found = marked or (shapes.get(key) if not labels or self.scope.profile.timed else None)
        if found is None or any("[" in size or "^" in size for size in found):
            return None
        return found

    def symbol(self, size: str) -> int:
        """The dimension that a size symbol stands for."""
        if size == "1":
            return Dims.ONE
        if size.isdigit():
            return self.dims.new(feature=True)
        if size not in self.symbols:
            self.symbols[size] = self.dims.new(feature=True)
        return self.symbols[size]

    def kind(self, key: str) -> str:
        """scalar, matrix, column, bias, or data in capital or small letters."""
        hypothesis = self.scope.hypothesis
        base = key.split(":")[-1].split("_")[0].split("^")[0]
        rank = self.scope.profile.ranks.get(base, 0)
        if not rank and self.scope.profile.ranks.get(base.lower(), 0) == 2:
            rank = 2
        capital = base[:1].isupper() and len(base) == 1
        if rank >= 2:
            return "matrix"
        if rank == 1 and base in _SCALARS | {"beta"}:
            return "column"
        if base in _SCALARS or key in _SCALARS or (base == "beta" and "gamma" in self.letters()):
            return "scalar"
        if hypothesis.scalars and not capital and not rank:
            return "scalar"
        if base in ("b", "B"):
            return "bias"
        if base in _WEIGHTS:
            if capital or base == "Theta" or hypothesis.weights:
                return "matrix"
            return "small"
        if rank == 1 and not capital and not hypothesis.rows:
            return "small"
        return "capital" if capital else "small"

    def letters(self) -> set[str]:
        """Bases of the document's plain names."""
        return set(self.scope.profile.plain)

    def settle(self) -> None:
        """Decide what unification left open: which dimension is one, which the batch."""
        dims, batch = self.dims, self.scope.hypothesis.batch
        for key, shape in self.open:
            kind = self.kind(key[0])
            if kind in ("bias", "matrix"):
                continue
            many = batch == 2 or (batch == 1 and kind == "capital")
            size = Dims.BATCH if many and kind != "column" else Dims.ONE
            if self.kind(key[0]) == "small" and key[0].split("_")[0] in _WEIGHTS | {"theta"}:
                size = Dims.ONE
            self.decide(shape, size)
        for bias, other in self.ops.biases:
            for d, e in zip(bias.shape, other.shape, strict=True):
                if dims.find(e) == Dims.BATCH:
                    dims.join(d, Dims.ONE)
                else:
                    self.joined_or_not(d, e)
        for _, shape in self.open:
            for d in shape.shape:
                if not dims.is_one(d) and not dims.is_feature(d):
                    dims.feature.add(dims.find(d))
        self.number_dims()

    def joined_or_not(self, d: int, e: int) -> None:
        """Join two dimensions unless that is impossible."""
        try:
            self.dims.join(d, e)
        except Mismatch:
            self.conflicts += 1

    def decide(self, shape: Sh, size: int) -> None:
        dims = self.dims
        first, second = shape.shape
        if dims.is_one(first) or dims.is_one(second):
            return
        if Dims.BATCH in (dims.find(first), dims.find(second)):
            return
        if dims.is_feature(first) and dims.is_feature(second):
            return
        across = dims.is_feature(second) or (
            self.scope.hypothesis.rows and not dims.is_feature(first)
        )
        self.joined_or_not(first if across else second, size)
        other = second if across else first
        if not dims.is_one(other):
            dims.feature.add(dims.find(other))

    def number_dims(self) -> None:
        """Give every class of dimensions a size of its own."""
        dims = self.dims
        used: list[int] = []
        for d in range(2, len(dims.parent)):
            root = dims.find(d)
            if root not in used and root > 1 and root not in dims.sums:
                used.append(root)
        self.sizes = {Dims.ONE: 1, Dims.BATCH: 6}
        for i, root in enumerate(used):
            self.sizes[root] = _PRIMES[i] if i < len(_PRIMES) else 43 + 2 * i
        for made, parts in dims.sums.items():
            self.sizes[dims.find(made)] = sum(self.size(p) for p in parts)

    def size(self, d: int) -> int:
        """The size of a dimension."""
        return self.sizes.get(self.dims.find(d), 1)

    def is_function(self, node: Node) -> bool:
        name = node
        return isinstance(name, Name) and name.base in self.scope.profile.functions

    def plus(self, a: Any, b: Any, term: Node, env: Env) -> Any:
        if isinstance(term, Name) and b.shape and a.shape:
            key = self.scope.profile.ref(term).key
            if self.scope.template(self.scope.canonical(key), ()) is None:
                if self.kind(key) == "bias" and not self.scope.profile.ref(term).comps:
                    return self.ops.add_bias(a, b)
        return self.ops.trying(self.ops.add, a, b)

    def name(self, node: Name, env: Env) -> Readings:
        key, labels, comps, _ = self.scope.target(node, env)
        if node.base == "e" and node.sups and not node.subs:
            label = node.sups[0].items[0]
            return self.read(label, env)
        if key in env.formal:
            shape = env.formal[key]
        elif not labels and not comps and self.is_index(node, env):
            return [(NUMBER, 0)]
        elif self.is_function(node):
            raise Unknown(f"the function {node.base} without argument")
        else:
            shape = self.variable((key, labels))
        if comps and shape.shape:
            self.component(shape, comps, env)
            return [(NUMBER, 0)]
        return [(shape, 0)]

    def is_index(self, node: Name, env: Env) -> bool:
        return node.base in env.letters or node.base in ("pi", "e", "infty")

    def component(self, shape: Sh, comps: tuple[Node, ...], env: Env) -> None:
        dims = self.dims
        where = list(shape.shape)
        if len(comps) == 1:
            first, second = where
            if dims.is_one(first) and not dims.is_one(second):
                where = [second]
            else:
                if not dims.is_feature(second):
                    dims.join(second, Dims.ONE)
                where = [first]
        for comp, dim in zip(comps, where, strict=False):
            if isinstance(comp, Name) and not comp.subs and not comp.sups:
                letter = comp.base + "'" * comp.primes
                if letter in self.targets or (len(letter) == 1 and letter in "yY"):
                    continue
                if letter not in env.letters:
                    raise NeedLetter(letter, dim)
                bound = env.letters[letter]
                if isinstance(bound, Extent):
                    dims.join(bound, dim)

    def apply(self, node: ast.Apply, env: Env) -> Readings:
        function = node.function
        while isinstance(function, ast.Power | ast.Primed):
            function = function.base
        if not isinstance(function, Name):
            raise Unknown("a call of a formula")
        arguments = [self.one(a, env) for a in node.arguments if not isinstance(a, ast.Comparison)]
        key = self.scope.profile.ref(function).key
        if function.base in FUNCTIONS or key in self.scope.profile.functions:
            return [(self.called(function.base, arguments), 0)]
        definition = self.scope.table.get(key)
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
        raise Unknown(f"{function.base} of several arguments")

    def depends(self, node: ast.Apply, env: Env) -> bool:
        """Whether `y(z)` says that y depends on z."""
        function = node.function
        return isinstance(function, Name) and (self.scope.profile.ref(function).key in (
            self.scope.table
        ) and isinstance(node.arguments[0], Name))  # fmt: skip

    def times(self, a: Sh, b: Sh) -> Sh:
        if not a.shape or not b.shape:
            made: Sh = self.ops.scale(a, b) if not a.shape else self.ops.scale(b, a)
            return made
        try:
            made = self.ops.trying(self.ops.matmul, a, b)
        except Mismatch:
            made = self.ops.multiply(a, b)
        return made

    def called(self, name: str, arguments: list[Sh]) -> Sh:
        if name in ("sum", "mean", "tr", "trace", "norm", "logsumexp", "np.sum", "np.mean", "det",
                    "Tr", "LSE", "CE", "KL", "MSE", "BCE", "NLL", "Loss", "loss", "Div", "div",
                    "cost", "Cost"):  # fmt: skip
            return NUMBER
        if name in ("rot", "flatten", "reshape", "vec", "Vec", "argmax", "concat", "Concat"):
            raise Unknown(f"{name} is not known")
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
            raise Unknown(f"{name} without argument")
        if len(arguments) > 1 and name not in FUNCTIONS:
            raise Unknown(f"{name} of several arguments")
        return arguments[0]

    def big(self, node: ast.BigOperator, env: Env) -> Readings:
        if node.op not in (Big.SUM, Big.MAX, Big.PROD) or node.body is None:
            raise Unknown("a big operator")
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
            except NeedLetter as need:
                if need.letter not in letters:
                    raise
                bound: int = 1 if need.extent is None else Extent(need.extent)
                if need.extent is not None and isinstance(node.range.upper, Name):
                    self.symbols.setdefault(node.range.upper.base, need.extent)
                if need.extent is not None and need.letter in sets:
                    self.symbols.setdefault(sets[need.letter], need.extent)
                inner = inner.bind(need.letter, bound)
        else:
            raise Unknown("a sum whose index is not understood")
        if not letters and made.shape:
            return [(NUMBER, 0)]
        return [(made, 0)]

    def norm(self, node: ast.Norm, env: Env) -> Readings:
        self.one(node.body, env)
        return [(NUMBER, 0)]

    def cases(self, node: ast.Cases, env: Env) -> Readings:
        return [(self.ops.maximum([self.one(case.value, env) for case in node.cases]), 0)]

    def indicator(self, node: ast.Indicator, env: Env) -> Readings:
        for _, part in walk(node.condition):
            if isinstance(part, Name) and part.base not in env.letters:
                try:
                    return [(self.one(part, env), 0)]
                except Unknown:
                    continue
        return [(NUMBER, 0)]

    def indexed(self, node: ast.Indexed, env: Env) -> Readings:
        base = self.one(node.base, env)
        if node.superscript or not base.shape:
            return [(base, 0)]
        self.component(base, node.label.items, env)
        return [(NUMBER, 0)]

    def prefixed(self, node: ast.Prefixed, env: Env) -> Readings:
        if node.prefix is Prefix.BIG_DELTA:
            return self.read(node.operand, env)
        raise Unknown("a gradient in a definition")

    def exponent(self, node: Node, env: Env) -> float:
        return 1.0
