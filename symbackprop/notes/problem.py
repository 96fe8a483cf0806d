"""Notes as a network: their forward equations become tensors of the front end, and those a problem.

Names, definitions and shapes are those of the checker. What cannot be put as tensors is refused
with the name it concerns; nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from symbackprop import frontend
from symbackprop.errors import InvalidExpressionError, SymbackpropError, UnsupportedError
from symbackprop.frontend import ELEMENTWISE, Tensor
from symbackprop.ir import Problem
from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.document import Document, read_document
from symbackprop.notes.judge.evaluate import Env, Evaluator, NeedLetterError
from symbackprop.notes.judge.inference import Inference
from symbackprop.notes.judge.judge import Judge
from symbackprop.notes.judge.products import Readings
from symbackprop.notes.judge.scope import Key, Scope
from symbackprop.notes.judge.shapes import Dims, Sh
from symbackprop.notes.judge.values import MismatchError, OutOfRangeError, UnknownError
from symbackprop.notes.kinds import Big, ProductOp
from symbackprop.notes.printer import to_latex
from symbackprop.notes.resolve.definitions import Definition, is_loss_key
from symbackprop.notes.resolve.model import model_of
from symbackprop.notes.tensors import NUMBER, TensorOps, Value
from symbackprop.sizes import Size, as_size

__all__ = ["problem_of", "read_problem"]

_DATA = frozenset("x X y Y t T d hat:y".split())
_TARGETS = frozenset("y t".split())
_SPELLINGS = {
    "sigma": "sigmoid",
    "logistic": "sigmoid",
    "sigm": "sigmoid",
    "ReLU": "relu",
    "Relu": "relu",
    "ln": "log",
    "SiLU": "silu",
    "ELU": "elu",
}
_REFUSALS = (UnknownError, MismatchError, OutOfRangeError, NeedLetterError)


def read_problem(path: Path | str) -> Problem:
    """The problem that the forward equations of a file of notes state.

    Raises
    ------
    NotesError
        The file cannot be read.
    InvalidExpressionError, SymbackpropError, UnsupportedError
        It has no loss, or an equation that cannot be put as tensors.
    """
    return problem_of(read_document(path))


def problem_of(document: Document) -> Problem:
    """The problem that the forward equations of a document state."""
    judge = Judge(model_of(document))
    if not judge.model.definitions:
        raise InvalidExpressionError(
            f'"{document.name}" has no forward equation',
            help="write z = W x + b, L = ... as display",
        )
    first = judge.best_config().batch
    problem: SymbackpropError | None = None
    batches = dict.fromkeys((first, *judge.worlds.batches()))
    for numbers, batch in ((numbers, batch) for numbers in (False, True) for batch in batches):
        scope, inference = judge.worlds.inference(
            judge.worlds.choices(judge.model.entries[-1])[0], batch
        )
        network = _Network(scope, inference, numbers)
        try:
            loss, values = network.build(document.name)
        except SymbackpropError as error:
            problem = problem or error
        else:
            return frontend.build(loss, None, values, latex=network.latex)
    assert problem is not None
    raise problem


@dataclass(frozen=True, slots=True)
class _Entry:
    """The axes that a letter of a sum may run over."""

    letter: str


class _Network(Evaluator):
    """Evaluation on tensors of the front end; targets are numbers where `numbers` says so."""

    def __init__(self, scope: Scope, inference: Inference, numbers: bool) -> None:
        super().__init__()
        self.numbers = numbers
        self.ops = TensorOps()
        self.scope = scope
        self.inference = inference
        self.values: dict[Key, Value] = {}
        self.busy: list[Key] = []
        self.sizes: dict[int, Size] = {}
        self.taken: set[str] = set()
        self.used: set[Key] = set()
        self.latex: dict[str, str] = {}
        self.spelled: dict[Key, str] = {}

    def build(self, name: str) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and the forward values by their names."""
        wanted: list[Key] = []
        for definition in self.scope.definitions:
            if definition.late or self.inference.only_function(definition):
                continue
            wanted.extend((definition.key, labels) for labels in self._instances(definition))
        losses = []
        for key in dict.fromkeys(wanted):
            value = self.variable(key, outer=True)
            if is_loss_key(key[0]) and isinstance(value.t, Tensor) and not value.t.shape:
                losses.append(key)
        final = [key for key in losses if key not in self.used]
        if len(final) != 1:
            found = ", ".join(_identifier(key) for key in final) or "none"
            raise InvalidExpressionError(
                f'"{name}": expected one scalar loss, found {found}',
                help="write the loss as an equation, such as L = \\frac{1}{2}\\|a - y\\|^2",
            )
        made = {
            _identifier(key): value.t
            for key, value in self.values.items()
            if isinstance(value.t, Tensor) and key not in self.inference.leaves and key != final[0]
        }
        return self.values[final[0]].t, made

    def _instances(self, definition: Definition) -> list[tuple[int, ...]]:
        if any(not isinstance(label, ast.Number) for label in definition.labels):
            raise UnsupportedError(
                f"{definition.key}: a layer of a general number is no network yet",
                help="write the layers out with numbers: z^{[1]}, z^{[2]}",
            )
        return self.inference.instances(definition)

    def variable(self, key: Key, outer: bool = False) -> Value:
        """The tensor of a name."""
        if not outer:
            self.used.add(key)
        if key in self.values:
            return self.values[key]
        found = self.scope.template(*key)
        if found is None or key in self.busy:
            made = self.leaf(key)
        else:
            self.busy.append(key)
            made = self.defined(key, *found)
            self.busy.pop()
        self.values[key] = made
        return made

    def defined(self, key: Key, definition: Definition, env: Env) -> Value:
        """The tensor of a definition, under its name."""
        body = definition.body
        if definition.comps:
            raise UnsupportedError(f"{_identifier(key)}: an equation by entries is no network yet")
        try:
            made: Value = self.one(body, env)
        except _REFUSALS as error:
            reason = str(error) or type(error).__name__
            raise UnsupportedError(f"{_identifier(key)}: {reason}", where=to_latex(body)) from error
        if isinstance(made.t, Tensor) and not isinstance(body, Name):
            if not is_loss_key(key[0]):
                made = Value(made.t.named(_identifier(key), latex=self.spelling(key)), made.shape)
        return made

    def leaf(self, key: Key) -> Value:
        """A parameter or an input; the number of examples where that is meant."""
        shape = self.inference.shapes.get(key)
        if shape is None:
            shape = self.inference.variable(key)
        name = _identifier(key)
        if not shape.shape and not key[1] and key[0] in ("m", "N"):
            return Value(self.batch(), NUMBER)
        sizes = self.shape(shape, key)
        if self.numbers and key[0] in _TARGETS:
            sizes = NUMBER
        axes = [size for size in sizes if size != 1]
        base = key[0].split("_")[0]
        if base in _DATA or (_is_rate(base) and not axes):
            made = frontend.input(name, *axes, latex=self.spelling(key))
        else:
            made = frontend.param(name, *axes, latex=self.spelling(key))
        return Value(made, sizes)

    def batch(self) -> Size:
        """The number of examples."""
        return self.sizes.setdefault(Dims.BATCH, as_size("m"))

    def shape(self, shape: Sh, key: Key) -> tuple[Size, ...]:
        """The sizes of a shape."""
        return tuple(self.size(d, key) for d in shape.shape)

    def size(self, d: int, key: Key) -> Size:
        """The size of a class of dimensions, named by the notes or after the layer."""
        dims = self.inference.dims
        root = dims.find(d)
        if root == Dims.ONE:
            return as_size(1)
        if root == Dims.BATCH:
            return self.batch()
        if root not in self.sizes:
            stated = [s for s, e in self.inference.symbols.items() if dims.find(e) == root]
            label = "".join(str(number) for number in key[1])
            own = stated[0] if stated else f"n{label}" if key[0] != "x" else "n0"
            own = re.sub(r"\W", "", own)
            tries = [own, *(f"n{i}" for i in range(60))]
            free = next(t for t in tries if t.isidentifier() and t not in self.taken)
            self.taken.add(free)
            self.sizes[root] = as_size(free)
        return self.sizes[root]

    def spelling(self, key: Key) -> str | None:
        """How the notes write a name."""
        return self.spelled.get(key)

    # nodes

    def is_function(self, node: Node) -> bool:
        """Whether a name stands for a function."""
        return self.inference.is_function(node)

    def name(self, node: Name, env: Env) -> Readings:
        """Read a name."""
        if node.base == "e" and len(node.sups) == 1 and not node.subs and "e" not in env.formal:
            return self.lifted([self.read(node.sups[0].items[0], env)], self.ops.exp)
        if node.base in ("1", "mathbb1"):
            raise UnknownError("a vector of ones")
        key, labels, comps, power = self.scope.target(node, env)
        if node.primes:
            raise UnknownError(f"{node.base} with a prime")
        if key in env.formal:
            value = env.formal[key]
        else:
            if power is None and not comps:
                self.spelled.setdefault((key, labels), to_latex(node))
            value = self.variable((key, labels))
        if comps and value.shape != NUMBER:
            value = self.entry(value, comps, env)
        made: Readings = [(value, 0)]
        return made if power is None else self.raised(made, power, env)

    def entry(self, value: Value, comps: tuple[Node, ...], env: Env) -> Value:
        """A component inside a sum that runs over it: the axes take the letters' names."""
        letters = []
        for comp in comps:
            if not isinstance(comp, Name) or comp.base not in env.letters or comp.subs or comp.sups:
                raise UnknownError("an entry outside of a sum over its index")
            letters.append(comp.base)
        return value.indexed(tuple(letters))

    def apply(self, node: ast.Apply, env: Env) -> Readings:
        """Read a function of arguments, or a product that looks like one."""
        function = node.function
        if not isinstance(function, Name):
            raise UnknownError("a function that is a formula")
        if not node.certain and not self.is_function(function) and len(node.arguments) == 1:
            product = ast.Product(
                (function, node.arguments[0]), (ast.Joint(ProductOp.JUXTAPOSED),), span=node.span
            )
            return self.read(product, env)
        key = self.scope.profile.ref(function).key
        arguments = [self.one(argument, env) for argument in node.arguments]
        defined = self.scope.table.get(key, [])
        own = next((d for d in defined if len(d.formals) == len(arguments) > 0), None)
        if own is not None and _SPELLINGS.get(key, key) not in ELEMENTWISE:
            formals = {
                self.scope.profile.ref(f).key: a
                for f, a in zip(own.formals, arguments, strict=True)
            }
            return [(self.one(own.body, env.with_formal(formals)), 0)]
        return [(self.called(key, arguments, function), 0)]

    def called(self, key: str, arguments: list[Value], function: Name) -> Value:
        """A named function, or one without a definition."""
        name = _SPELLINGS.get(key, key)
        if function.primes:
            raise UnknownError(f"the derivative of {key}")
        if len(arguments) == 1 and name in ELEMENTWISE:
            made: Value = self.ops.mapped(ELEMENTWISE[name], arguments[0])
            return made
        if len(arguments) == 1 and name == "softmax":
            made = self.ops.softmax(arguments[0], self.batch())
            return made
        operands = [a.t for a in arguments if isinstance(a.t, Tensor)]
        plain = re.sub(r"\W", "", name)
        if len(operands) != len(arguments) or not plain.isidentifier():
            raise UnknownError(f"{key} of a number")
        if is_loss_key(key):
            return Value(frontend.opaque_loss(plain)(*operands), NUMBER)
        if len(arguments) == 1:
            made = self.ops.mapped(frontend.opaque(plain), arguments[0])
            return made
        raise UnknownError(f"{key} is nowhere defined")

    def big(self, node: ast.BigOperator, env: Env) -> Readings:
        """Read a sum over indices."""
        if node.op is not Big.SUM or node.body is None:
            raise UnknownError("a product or a maximum over a range")
        letters = []
        for index in node.range.indices:
            if not isinstance(index, Name) or index.subs or index.sups:
                raise UnknownError("a sum over something that is no index")
            letters.append(index.base)
        inner = env
        for letter in letters:
            inner = inner.bind(letter, _Entry(letter))
        value: Value = self.one(node.body, inner)
        return [(self.ops.summed(value, letters), 0)]

    def norm(self, node: ast.Norm, env: Env) -> Readings:
        """Read a norm: of a vector its length, of a matrix that of its entries."""
        if node.label is not None and node.label.tex.strip("{}") not in ("2", "F"):
            raise UnknownError("a norm that is not the Euclidean one")
        a: Value = self.one(node.body, env)
        if not node.double and a.shape == NUMBER:
            return [(self.ops.mapped(ELEMENTWISE["abs"], a), 0)]
        return [(self.ops.power(self.ops.total(self.ops.multiply(a, a)), 0.5), 0)]

    def power(self, node: ast.Power, env: Env) -> Readings:
        """Read a power; the square of a norm has no root."""
        if isinstance(node.base, ast.Norm) and self.exponent(node.exponent, env) == 2.0:
            a: Value = self.one(node.base.body, env)
            return [(self.ops.total(self.ops.multiply(a, a)), 0)]
        return super().power(node, env)


def _is_rate(base: str) -> bool:
    """Whether a base is a usual name for hyperparameters."""
    return base in ("lambda", "alpha", "eta", "epsilon")


def _identifier(key: Key) -> str:
    """A Python name for a name of the notes."""
    word = re.sub(r"\W", "_", key[0].replace("hat:", "hat_")).strip("_")
    text = word + "_".join(str(number) for number in key[1])
    return text if text.isidentifier() and text not in ("lambda",) else f"{text}_"
