"""Shapes of everything that a selection of definitions mentions."""

from __future__ import annotations

from itertools import product

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.evaluate import Env, NeedLetterError
from symbackprop.notes.judge.scope import Key, Scope
from symbackprop.notes.judge.shape_indices import Extent
from symbackprop.notes.judge.shape_readings import ShapeReadings, is_log
from symbackprop.notes.judge.shapes import NUMBER, Dims, Sh, ShapeOps
from symbackprop.notes.judge.values import MismatchError, OutOfRangeError, UnknownError
from symbackprop.notes.lexicon import FUNCTIONS
from symbackprop.notes.resolve.definitions import Definition, is_loss_key
from symbackprop.notes.resolve.explicit import is_explicit
from symbackprop.notes.trees import walk

__all__ = ["Inference"]

_WEIGHTS = frozenset({"W", "U", "V", "Theta", "w", "u", "v", "omega", "M", "R"})
_SCALARS = frozenset(
    """eta alpha lambda epsilon tau rho kappa gamma mu m n N k T d r lr c_1 c_2 Delta zeta nu pi
    lambda_1 lambda_2 H""".split()
)
_MATRICES = frozenset("ACGKMPQRS")
_COUNTS = frozenset({"m", "n", "N", "k", "T", "d", "r"})
_PRIMES = (4, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43)


class Inference(ShapeReadings):
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
        self.inside: set[str] = set()
        self.sizes: dict[int, int] = {}
        self.ones: dict[tuple[int, str], Sh] = {}
        self.speaking = False
        self.spoken: set[str] = set()
        self.misfits = 0
        self.by_entry: set[Key] = set()
        self.whole: set[Key] = set()

    @property
    def dims(self) -> Dims:
        """The classes of dimensions."""
        dims: Dims = self.ops.dims
        return dims

    def run(self, sides: tuple[Node, ...] = ()) -> None:
        """Infer the shapes of all definitions, and of the names of a claim that stands alone."""
        self.scope.leaves.clear()
        for definition in sorted(self.scope.definitions, key=lambda d: is_explicit(d.key)):
            if definition.late or self.only_function(definition):
                continue
            self.speaking = is_explicit(definition.key)
            if self.speaking:
                self.scope.leaves.update(key for key, _ in self.shapes)
            if definition.comps and all(isinstance(c, ast.Number) for c in definition.comps):
                continue
            for labels in self.instances(definition):
                try:
                    self.variable((definition.key, labels))
                except (UnknownError, OutOfRangeError, NeedLetterError):
                    continue
                except MismatchError:
                    self.conflicts += 1
        self.same_at_all_times()
        self.stated()
        self.speak(sides)
        self.settle()
        self.scope.leaves.update(key for key, _ in self.shapes)

    def speak(self, sides: tuple[Node, ...]) -> None:
        """Infer the shapes of a claim's names from its sides, each by itself."""
        self.speaking = True
        found: list[Sh] = []
        for side in sides:
            env = Env(every=False)
            for _ in range(8):
                try:
                    found.append(self.one(side, env))
                except NeedLetterError as need:
                    if need.letter not in env.letters:
                        bound = 1 if need.extent is None else Extent(need.extent)
                        env = env.bind(need.letter, bound)
                        continue
                except MismatchError:
                    self.misfits += 1
                except (UnknownError, OutOfRangeError):
                    pass
                break
        self.speaking = False

    def stated(self) -> None:
        """Make leaves of what has a stated shape and occurs in claims only."""
        for key in self.scope.model.shapes:
            if "[" not in key and key not in self.scope.table:
                same = {key, self.scope.canonical(key)}
                known = same & {k for k, _ in self.shapes} or key in _SCALARS
                if not known and self.pair(key, ()) is not None:
                    self.leaf((key, ()))

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
        except (UnknownError, OutOfRangeError):
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
                except MismatchError:
                    return NUMBER
            return NUMBER
        letters = [c.base for c in definition.comps if isinstance(c, Name)]
        if not letters:
            made: Sh = self.one(body, env)
            if made.shape and is_loss_key(definition.key) and any(is_log(n) for _, n in walk(body)):
                self.one_number(made)
            return made
        dims: dict[str, int] = {}
        while True:
            try:
                entry = self.one(body, env)
                break
            except NeedLetterError as need:
                if need.letter not in letters or need.extent is None:
                    raise
                dims[need.letter] = need.extent
                env = env.bind(need.letter, Extent(need.extent))
        self.one_number(entry)
        used = [dims[letter] for letter in letters if letter in dims]
        return Sh((*used, Dims.ONE)[:2]) if used else NUMBER

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
        if self.speaking:
            self.spoken.add(key[0])
        kind = self.kind(key[0])
        if kind == "scalar" and key[1] and key[0] in _COUNTS:
            kind = "small"
        shape = self.hinted(key) if kind != "scalar" else None
        if shape is None and key[0] in ("y", "Y"):
            shape = self.twin(("hat:" + key[0], key[1]))
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
        if not pair[1]:
            rows = self.scope.hypothesis.rows or self.scope.model.rows
            pair = ("1", pair[0]) if rows else (pair[0], "1")
        stated = self.scope.model.shapes.values()
        square = any(a == b for a, b in stated)
        lengths = {size for shape in stated if set(shape) & {"1", ""} for size in shape}
        weight = key[0].split("_")[0] in _WEIGHTS
        made = []
        for size in pair:
            many = size in ("m", "N", "B") and not square and not weight and size not in lengths
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
        if hypothesis.narrow:
            return "scalar"
        base = key.split(":")[-1].split("_")[0].split("^")[0]
        rank = self.scope.profile.ranks.get(base, 0)
        if not rank and self.scope.profile.ranks.get(base.lower(), 0) == 2:
            rank = 2
        capital = base[:1].isupper() and len(base) == 1
        if rank >= 2:
            return "matrix"
        if rank == 1 and base in _SCALARS | {"beta"}:
            return "column"
        added = key in _COUNTS and key in self.scope.model.biases
        if not added and self.is_number(base, key):
            return "scalar"
        if hypothesis.scalars and not capital and not rank:
            return "scalar"
        if base in ("b", "B") or added:
            return "bias"
        if base in _WEIGHTS:
            if capital or base == "Theta" or hypothesis.weights:
                return "matrix"
            return "small"
        if rank == 1 and not capital and not hypothesis.rows:
            return "small"
        matrix = base in _MATRICES or key in self.spoken
        if capital and matrix and not self.labelled(base):
            return "matrix"
        return "capital" if capital else "small"

    def labelled(self, base: str) -> bool:
        """Whether a document counts layers of a name, which then stands for data."""
        profile = self.scope.profile
        return bool({base, base + "!"} & (profile.label_subs | profile.label_sups))

    def is_number(self, base: str, key: str) -> bool:
        """Whether a name is one that everybody gives to a number."""
        return bool({base, key} & _SCALARS) or (
            base == "beta" and "gamma" in self.scope.profile.plain
        )

    def settle(self) -> None:
        """Decide what unification left open: which dimension is one, which the batch."""
        dims, batch = self.dims, self.scope.hypothesis.batch
        added = [bias.shape for bias, _ in self.ops.biases]
        for key, shape in self.open:
            kind = self.kind(key[0])
            if kind == "bias" and shape.shape not in added and not key[0][:1].isupper():
                kind = "small"
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
                    self.joined_or_not(d, Dims.ONE)
                else:
                    self.joined_or_not(d, e)
        for _, shape in self.open:
            for d in shape.shape:
                if not dims.is_one(d) and not dims.is_feature(d):
                    dims.feature.add(dims.find(d))
        self.turn()
        self.number_dims()

    def turn(self) -> None:
        """Turn vectors of which only entries are named into rows, where all their like are rows."""
        dims = self.dims
        free = {key for key in self.by_entry - self.whole if key in self.leaves}
        rows, columns = set(), set()
        for key, given in self.shapes.items():
            if len(given.shape) == 2 and key not in free:
                first, second = (dims.find(d) for d in given.shape)
                if first == Dims.ONE != second:
                    rows.add(second)
                elif second == Dims.ONE != first:
                    columns.add(first)
        for key in free:
            shape = self.shapes[key].shape
            if len(shape) == 2 and dims.is_one(shape[1]) and dims.find(shape[0]) in rows - columns:
                self.shapes[key] = Sh(shape[::-1])

    def joined_or_not(self, d: int, e: int) -> None:
        """Join two dimensions unless that is impossible."""
        try:
            self.dims.join(d, e)
        except MismatchError:
            self.conflicts += 1

    def decide(self, shape: Sh, size: int) -> None:
        """Decide which axis of a matrix has a size."""
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
        whole = {dims.find(d): parts for d, parts in dims.windows}
        for d in range(2, len(dims.parent)):
            root = dims.find(d)
            if root not in used and root > 1 and root not in dims.sums and root not in whole:
                used.append(root)
        self.sizes = {Dims.ONE: 1, Dims.BATCH: 6}
        for i, root in enumerate(used):
            size = _PRIMES[i] if i < len(_PRIMES) else 43 + 2 * i
            self.sizes[root] = 2 + i % 3 if whole else size
        dims.fit_windows(self.sizes)
        for made, parts in dims.sums.items():
            self.sizes[dims.find(made)] = sum(self.size(p) for p in parts)

    def size(self, d: int) -> int:
        """The size of a dimension."""
        return self.sizes.get(self.dims.find(d), 1)
