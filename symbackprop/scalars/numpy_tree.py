"""NumPy expressions as data: what a body becomes before it is spelled or scheduled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias


class Ufunc(Enum):
    """The functions of lowered bodies: NumPy's, and the helpers that are emitted with them."""

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    NEGATIVE = "negative"
    POWER = "power"
    GREATER = "greater"
    GREATER_EQUAL = "greater_equal"
    LESS = "less"
    LESS_EQUAL = "less_equal"
    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    SQUARE = "square"
    SQRT = "sqrt"
    EXP = "exp"
    EXPM1 = "expm1"
    LOG = "log"
    LOG1P = "log1p"
    ABS = "abs"
    SIGN = "sign"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    SIN = "sin"
    COS = "cos"
    TAN = "tan"
    ARCSIN = "arcsin"
    ARCCOS = "arccos"
    ARCTAN = "arctan"
    SINH = "sinh"
    COSH = "cosh"
    TANH = "tanh"
    ARCSINH = "arcsinh"
    ARCCOSH = "arccosh"
    ARCTANH = "arctanh"
    WHERE = "where"
    CAST = "cast"
    """An indicator as numbers of the module's dtype."""
    ERF = "erf"
    ERFC = "erfc"
    XLOGY = "xlogy"
    OPAQUE = "opaque"
    """A function that the user supplies, with the orders of its derivative."""


INDICATORS: Final = frozenset(
    {
        Ufunc.GREATER,
        Ufunc.GREATER_EQUAL,
        Ufunc.LESS,
        Ufunc.LESS_EQUAL,
        Ufunc.EQUAL,
        Ufunc.NOT_EQUAL,
    }
)
"""Functions whose results are Booleans."""


@dataclass(frozen=True, slots=True)
class Operand:
    """The k-th operand of the body."""

    index: int


@dataclass(frozen=True, slots=True)
class SizeName:
    """A symbolic size: a Python int at run time."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """A Python number: no NumPy scalar, so that float32 stays float32."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of trees; `name` and `orders` belong to an opaque function."""

    function: Ufunc
    args: tuple[NumpyTree, ...]
    name: str = ""
    orders: tuple[int, ...] = ()
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Found once: trees are parts of the keys of operations."""
        found = self._hash
        if not found:
            found = hash((self.function, self.args, self.name, self.orders)) or 1
            object.__setattr__(self, "_hash", found)
        return found


NumpyTree: TypeAlias = Operand | SizeName | Number | Apply


def apply(function: Ufunc, *args: NumpyTree) -> Apply:
    """A function of trees."""
    return Apply(function, args)


def subtrees(tree: NumpyTree) -> Iterator[NumpyTree]:
    """Every subtree, each as often as it occurs, the whole tree first."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Apply):
            stack.extend(reversed(node.args))


def is_indicator(tree: NumpyTree) -> bool:
    """Whether the tree's value is Boolean: a comparison, or a product of them."""
    if not isinstance(tree, Apply):
        return False
    if tree.function is Ufunc.MULTIPLY:
        return all(is_indicator(a) for a in tree.args)
    return tree.function in INDICATORS


def is_array(tree: NumpyTree) -> bool:
    """Whether the tree's value has the module's dtype and is no Python number or Boolean."""
    if isinstance(tree, Operand):
        return True
    if not isinstance(tree, Apply) or is_indicator(tree):
        return False
    if tree.function is Ufunc.WHERE:
        return any(is_array(a) for a in tree.args[1:])
    return tree.function is Ufunc.CAST or any(is_array(a) for a in tree.args)


def repeated(tree: NumpyTree) -> tuple[Apply, ...]:
    """The compound subtrees that occur more than once, smallest first: worth a name."""
    seen = Counter(node for node in subtrees(tree) if isinstance(node, Apply))
    often = [node for node, times in seen.items() if times > 1]
    return tuple(sorted(often, key=lambda node: sum(1 for _ in subtrees(node))))


def helpers_used(tree: NumpyTree) -> tuple[Ufunc, ...]:
    """The helper functions that the spelled tree calls."""
    wanted = (Ufunc.ERF, Ufunc.ERFC, Ufunc.XLOGY)
    found = {node.function for node in subtrees(tree) if isinstance(node, Apply)}
    return tuple(function for function in wanted if function in found)
