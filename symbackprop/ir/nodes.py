"""The nodes of a computation: variables, comprehensions, primitives, loops and opaque functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from sympy import Expr

from symbackprop.scalars import KinkPolicy
from symbackprop.sizes import Constraint, Index, Size


class Kind(Enum):
    """What the entries of a node are."""

    REAL = "real"
    INT = "int"
    BOOL = "bool"


class Role(Enum):
    """What a variable stands for."""

    PARAMETER = "parameter"
    INPUT = "input"
    COTANGENT = "cotangent"
    TANGENT = "tangent"
    BODY = "body"
    """A carry, a slice or a constant inside the body of a loop."""


class Reduction(Enum):
    """How the points that write the same entry are combined."""

    NONE = "none"
    SUM = "sum"
    MAX = "max"
    ARGMAX = "argmax"


class FactKind(Enum):
    """What may be declared of a variable."""

    SUMS_TO_ONE = "sums to one"
    """Along `axis`: probabilities."""
    ONE_HOT = "one-hot"
    """Along `axis`: one 1, the rest 0 (so it sums to one)."""
    BELOW = "below"
    """Integers in ``0 .. size - 1``; checked at run time."""
    POSITIVE = "positive"
    NONNEGATIVE = "nonnegative"


@dataclass(frozen=True, slots=True)
class Fact:
    """A declared fact of a variable."""

    kind: FactKind
    axis: int | None = None
    size: Size | None = None


class Ties(Enum):
    """Which maximal entries get the gradient of a maximum."""

    FIRST = "first"
    SHARE = "share"
    ALL = "all"
    """Every maximal entry gets the whole gradient: not a subgradient."""


@dataclass(frozen=True, slots=True)
class Var:
    """A named array that comes from outside."""

    name: str
    shape: tuple[Size, ...]
    kind: Kind = Kind.REAL
    role: Role = Role.INPUT
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """The entry of node `source` at `index`, one term for each dim of the node."""

    source: int
    index: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """The value of an index term, as a number."""

    index: Index


Operand = Read | Position


@dataclass(frozen=True, slots=True)
class Comp:
    """``out[write] red= body(p0, p1, ...)`` for every point of `axes` that satisfies `domain`.

    `body` is a scalar SymPy expression over the placeholders ``p0 ..`` (one for each of `reads`),
    sizes and rationals. An entry that no point writes is 0; under MAX and ARGMAX every entry is
    written. MAX and ARGMAX have body ``p0``. ARGMAX gives the winner as the mixed-radix number of
    the reduction axes, in their order. NONE: the write is injective.
    """

    shape: tuple[Size, ...]
    axes: tuple[Size, ...]
    body: Expr
    reads: tuple[Operand, ...]
    write: tuple[Index, ...]
    domain: tuple[Constraint, ...] = ()
    reduction: Reduction = Reduction.NONE
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Found once: nodes are looked up again and again."""
        found = self._hash
        if not found:
            what = (self.body, self.reads, self.write, self.shape, self.axes, self.domain)
            found = hash((what, self.reduction)) or 1
            object.__setattr__(self, "_hash", found)
        return found


@dataclass(frozen=True, slots=True)
class Opaque:
    """An unknown tensor function of `args`, differentiated ``orders[j]`` times by argument j.

    `out_shape` is the shape of the function itself; the node's shape is `out_shape` followed by
    the axes of argument 1 once for each of its orders, then those of argument 2, and so on.
    """

    name: str
    orders: tuple[int, ...]
    args: tuple[int, ...]
    out_shape: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Prim:
    """An operation that is no comprehension; its laws stand in `primitives` under `op`."""

    op: PrimOp
    args: tuple[int, ...]
    shape: tuple[Size, ...]


class PrimOp(Enum):
    """The primitive operations."""

    INVERSE = "inverse"
    DETERMINANT = "determinant"
    LOGDET = "logdet"
    SOLVE = "solve"
    ARGSORT = "argsort"


@dataclass(frozen=True, slots=True)
class Carry:
    """A value handed from step to step.

    init : outer node, the value before the first step;  var : body variable it is read by;
    out : body node, the value after the step
    """

    init: int
    var: int
    out: int


@dataclass(frozen=True, slots=True)
class Feed:
    """An outer node seen inside the body.

    outer : outer node;  var : body variable. A stacked feed gives the slice ``outer[t]`` at step
    t, a constant feed the whole of it.
    """

    outer: int
    var: int


@dataclass(frozen=True, slots=True)
class Loop:
    """A recurrence over t = 0 ..

    Length - 1 (falling where `reverse`); its results are `Hist` and `Final`.

    `body` is a graph of its own (compared by identity): append-only while the loop is in use.
    """

    length: Size
    carries: tuple[Carry, ...]
    stacked: tuple[Feed, ...]
    constants: tuple[Feed, ...]
    body: object
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Hist:
    """The values of body node `value` at every step, stacked: shape (length, ...)."""

    loop: int
    value: int
    shape: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Final:
    """Carry number `carry` after the last step."""

    loop: int
    carry: int
    shape: tuple[Size, ...]


Node = Var | Comp | Opaque | Prim | Loop | Hist | Final


@dataclass(frozen=True, slots=True)
class Policy:
    """Choices where mathematics leaves one; stated in every output that depends on them.

    kink : the value of a step at its jump (relu' at 0)
    """

    kink: KinkPolicy = KinkPolicy.ZERO
    ties: Ties = Ties.FIRST
