"""What names refer to in one choice of a document's definitions: keys, labels, templates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.evaluate import Env, NeedLetterError
from symbackprop.notes.judge.values import OutOfRangeError, UnknownError
from symbackprop.notes.kinds import ProductOp, Sign
from symbackprop.notes.printer import to_latex
from symbackprop.notes.resolve.definitions import Definition
from symbackprop.notes.resolve.model import Model
from symbackprop.notes.resolve.profile import Profile

__all__ = ["Hypothesis", "Key", "Scope"]


def base_is_small(key: str) -> bool:
    """Whether a key is a small letter."""
    return key.split(":")[-1][:1].islower() and key.split("_")[0] in ("w", "u", "v")


Key = tuple[str, tuple[int, ...]]

_WORDS = {"o": 0, "h": -1, "out": 0, "output": 0, "hidden": -1}


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a document leaves open about its arrays.

    Attributes
    ----------
    batch : int
        0: one example; 1: capital data are batches; 2: all data are.
    scalars : bool
        Small letters are numbers.
    weights : bool
        A small `w` is a matrix.
    rows : bool
        Vectors that nothing decides are rows.
    positive : bool
        Data are positive, for logarithms.
    symmetric : frozenset of str
        Matrices that are symmetric.
    narrow : bool
        Everything is a number, whatever its letter is elsewhere.
    """

    batch: int = 0
    scalars: bool = False
    weights: bool = False
    rows: bool = False
    positive: bool = False
    symmetric: frozenset[str] = frozenset()
    narrow: bool = False


def gates(key: str) -> tuple[str, ...]:
    """The other name of a cell's update gate, which is its input gate too."""
    if key.endswith("_u") and key[:-2] in ("Gamma", "W", "b"):
        return (key[:-1] + "i",)
    return ()


def twins(definitions: tuple[Definition, ...]) -> dict[str, str]:
    """Small names of layers that are defined as their capitals are: one example and the batch."""
    texts = {
        d.key: to_latex(d.body).casefold()
        for d in definitions
        if not d.late and d.labels and not d.comps
    }
    return {
        key: key.upper()
        for key, text in texts.items()
        if len(key) == 1 and key.islower() and texts.get(key.upper()) == text
    }


@dataclass(slots=True)
class Scope:
    """A model with a selection of its definitions, the preferred ones first."""

    model: Model
    definitions: tuple[Definition, ...]
    hypothesis: Hypothesis
    aliases: dict[str, str] = field(default_factory=dict)
    table: dict[str, list[Definition]] = field(default_factory=dict)
    leaves: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.aliases.update(twins(self.definitions))
        for definition in self.definitions:
            if not definition.late and definition.key not in self.aliases:
                self.table.setdefault(definition.key, []).append(definition)

    @property
    def profile(self) -> Profile:
        """How the document uses its names."""
        return self.model.profile

    def last(self, letter: str) -> bool:
        """Whether a letter means the last layer or step."""
        return letter in self.model.lasts

    def label(self, node: Node, env: Env) -> int:
        """The number that a label stands for."""
        if isinstance(node, Name) and not node.subs and not node.sups:
            base = node.base + "'" * node.primes
            if base in env.letters:
                value = env.letters[base]
                if isinstance(value, int):
                    return value
                raise UnknownError(f"{base} is a label and counts entries")
            if self.last(node.base):
                return self.model.depth
            if node.base in _WORDS:
                return self.model.depth + _WORDS[node.base]
            if len(node.base) == 1 or node.base == "ell":
                raise NeedLetterError(base, None)
        return self.arithmetic(node, env, self.label)

    def arithmetic(self, node: Node, env: Env, leaf: Any) -> int:
        """Sums, differences and products of whole numbers."""
        if isinstance(node, ast.Number) and node.text.isdigit():
            return int(node.text)
        if isinstance(node, ast.Add):
            total = 0
            for sign, term in zip(node.signs, node.terms, strict=True):
                value = leaf(term, env)
                total += -value if sign is Sign.MINUS else value
            return total
        if isinstance(node, ast.Negative):
            return -int(leaf(node.operand, env))
        if isinstance(node, ast.Group) and len(node.items) == 1:
            return int(leaf(node.items[0], env))
        if isinstance(node, ast.Product) and all(
            joint.op in (ProductOp.JUXTAPOSED, ProductOp.CDOT) for joint in node.joints
        ):
            made = 1
            for factor in node.factors:
                made *= leaf(factor, env)
            return made
        if isinstance(node, Name) and node.base == "n" and node.subs:
            return self.model.depth
        raise UnknownError("a label that is not understood")

    def target(
        self, name: Name, env: Env
    ) -> tuple[str, tuple[int, ...], tuple[Node, ...], Node | None]:
        """Key, labels, components and power of a name."""
        ref = self.profile.ref(name)
        labels = [self.label(node, env) for node in ref.labels]
        if ref.shift is not None and not labels:
            labels = [env.letters.get("t", self.model.depth) + ref.shift]
        key = ref.key
        power = ref.power
        if power is not None and isinstance(power, ast.Number):
            fused = f"{key}^{power.text}"
            if fused in self.table:
                key, power = fused, None
        return self.canonical(key, whole=not ref.comps), tuple(labels), ref.comps, power

    def canonical(self, key: str, whole: bool = False) -> str:
        """The key that a key is another spelling of; `whole` when no entry of it is meant."""
        if key in self.table:
            return key
        if key in self.aliases:
            return self.aliases[key]
        base = key.split(":")[-1]
        if key in self.leaves:
            return key
        if key in self.model.straight and not self.table.get(key):
            return key.upper()
        if key in self.model.mentioned and base_is_small(key) and not (whole and self.leaves):
            return key
        other = key[: len(key) - len(base)] + base[:1].swapcase() + base[1:]
        for found in (other, *gates(other), *gates(key)):
            if found in self.table or found in self.leaves:
                return found
        return key

    def template(self, key: str, labels: tuple[int, ...]) -> tuple[Definition, Env] | None:
        """The definition of a name with labels, and what its label letters are."""
        found: tuple[Definition, Env] | None = None
        for definition in self.table.get(key, ()):
            for used in (labels, labels[:-1]) if len(labels) > 1 else (labels,):
                env = self.matched(definition, used)
                if env is not None:
                    if not env.letters:
                        return definition, env
                    found = found or (definition, env)
        return found

    def matched(self, definition: Definition, labels: tuple[int, ...]) -> Env | None:
        """The letters with which a definition is about these labels."""
        if len(definition.labels) != len(labels):
            return None
        letters: dict[str, Any] = {}
        for pattern, value in zip(definition.labels, labels, strict=True):
            if not self.solve(pattern, value, letters):
                return None
        return Env(letters=letters, every=False)

    def solve(self, pattern: Node, value: int, letters: dict[str, Any]) -> bool:
        """Find the letter of a label pattern."""
        if isinstance(pattern, ast.Number):
            return pattern.text == str(value)
        if isinstance(pattern, Name):
            if self.last(pattern.base) or pattern.base in _WORDS:
                shift = _WORDS.get(pattern.base, 0)
                return value == self.model.depth + shift
            if not 1 <= value <= self.model.depth:
                return False
            return bool(letters.setdefault(pattern.base, value) == value)
        if isinstance(pattern, ast.Add) and len(pattern.terms) == 2:
            first, second = pattern.terms
            if isinstance(first, Name) and isinstance(second, ast.Number) and second.text.isdigit():
                step = int(second.text) * (-1 if pattern.signs[1] is Sign.MINUS else 1)
                if self.last(first.base):
                    return value == self.model.depth + step
                if not 1 <= value <= self.model.depth or not 0 <= value - step:
                    return False
                return bool(letters.setdefault(first.base, value - step) == value - step)
        return False

    def in_range(self, labels: tuple[int, ...]) -> None:
        """Refuse labels that no layer has."""
        if any(not 0 <= label <= self.model.depth for label in labels):
            raise OutOfRangeError(f"there is nothing at {labels}")
