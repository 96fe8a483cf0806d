"""Handles: immutable leaves that stand for a value of a network, each with its definition.

A handle holds the handles it was made from, so a network is a graph of small records; `lower`
turns it into a graph of nodes. Handles are SymPy leaves: no SymPy expression ever spans more than
one of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, Self, TypeVar

from sympy import Expr, Symbol
from sympy.core.basic import Atom

from symbackprop.errors import InvalidExpressionError
from symbackprop.ir import Fact, Kind, Operand, PrimOp, Reduction, Role
from symbackprop.sizes import Constraint, Index, Size

_SERIALS = itertools.count()


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """A parameter or an input."""

    role: Role
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """A comprehension; source `k` of its reads and look-ups is ``operands[k]``."""

    operands: tuple[Record, ...]
    axes: tuple[Size, ...]
    body: Expr
    reads: tuple[Operand, ...]
    write: tuple[Index, ...]
    domain: tuple[Constraint, ...]
    reduction: Reduction
    pointwise: bool
    """Whether this is a body of operands at positions of the result, and nothing else."""


@dataclass(frozen=True, slots=True, eq=False)
class Unknown:
    """An opaque tensor function of its operands."""

    name: str
    operands: tuple[Record, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """One of the few operations that are no comprehension."""

    op: PrimOp
    operands: tuple[Record, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A value handed from step to step: before the first, inside the body, after a step."""

    init: Record
    var: Record
    out: Record


@dataclass(frozen=True, slots=True, eq=False)
class Looped:
    """A recurrence; `stacked` pairs a sequence with its slice in the body, `values` are kept.

    constants : what the body reads from outside
    """

    length: Size
    carries: tuple[Carried, ...]
    stacked: tuple[tuple[Record, Record], ...]
    constants: tuple[Record, ...]
    values: tuple[Record, ...]
    reverse: bool

    @property
    def operands(self) -> tuple[Record, ...]:
        """What the loop is made from."""
        inits = tuple(c.init for c in self.carries)
        return (*inits, *(outer for outer, _ in self.stacked), *self.constants)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a loop gives: the values of a body value at every step, or a carry after the last."""

    loop: Record
    value: Record | None = None
    carry: int = 0

    @property
    def operands(self) -> tuple[Record, ...]:
        """The loop."""
        return (self.loop,)


Definition = Declared | Computed | Unknown | Primitive | Looped | Result


@dataclass(frozen=True, slots=True)
class Label:
    """What a value is called.

    name : chosen by the user, or None;  hint : the name it gets where the user chose none
    latex : how the name is spelled;  family : explicit roles, as (family, index)
    origin : first index of each axis, for printing;  alias : (letter, axes) views of a parameter
    block : what composite made it
    """

    name: str | None = None
    hint: str | None = None
    latex: str | None = None
    family: tuple[tuple[str, int], ...] = ()
    origin: tuple[int, ...] | None = None
    alias: tuple[tuple[str, tuple[int, ...]], ...] = ()
    block: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """A value as one scalar expression through several definitions: what recognition sees."""

    body: Expr
    leaves: tuple[Record, ...] = field(default=())


class Record(Atom):
    """An immutable leaf: a shape and a definition. `Tensor` adds the operators."""

    __slots__ = ("definition", "facts", "formula", "kind", "label", "row", "serial", "shape")
    __array_ufunc__ = None

    shape: tuple[Size, ...]
    definition: Definition
    kind: Kind
    label: Label
    facts: tuple[Size, ...]
    formula: Formula | None
    row: bool
    serial: int

    def __new__(
        cls,
        shape: Sequence[Size],
        definition: Definition,
        *,
        kind: Kind = Kind.REAL,
        label: Label | None = None,
        facts: tuple[Size, ...] = (),
        formula: Formula | None = None,
        row: bool = False,
    ) -> Self:
        """Make a handle; `row` marks a transposed vector, `facts` are sizes known to be >= 0."""
        self: Self = Atom.__new__(cls)
        self.shape = tuple(shape)
        self.definition = definition
        self.kind = kind
        self.label = Label() if label is None else label
        self.facts = facts
        self.formula = formula
        self.row = row
        self.serial = next(_SERIALS)
        return self

    def again(self, *, label: Label | None = None, row: bool | None = None) -> Self:
        """The same value under another label, or as a row."""
        return type(self)(
            self.shape,
            self.definition,
            kind=self.kind,
            label=self.label if label is None else label,
            facts=self.facts,
            formula=self.formula,
            row=self.row if row is None else row,
        )

    def relabel(self, **changes: Any) -> Self:
        """The same value with parts of its label changed."""
        return self.again(label=replace(self.label, **changes))

    @property
    def name(self) -> str | None:
        """The name that the user gave, or None."""
        return self.label.name

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return describe(self)

    def _sympystr(self, printer: object) -> str:
        return describe(self)

    def _latex(self, printer: object) -> str:
        return self.label.latex or describe(self)

    def _hashable_content(self) -> tuple[int, ...]:
        return (self.serial,)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = Atom.__hash__

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise InvalidExpressionError(
            f"{describe(self)}: a handle cannot be pickled",
            help="pickle what is derived from the network, or declare it again",
        )

    def diff(self, *symbols: Any, **options: Any) -> NoReturn:
        """Refuse: SymPy's derivative of a leaf would be 0."""
        raise InvalidExpressionError(
            f"SymPy cannot differentiate {describe(self)}, which stands for a whole array",
            help='wrap the loss: sb.Network(loss=L).gradient("W")',
        )

    def _eval_derivative(self, symbol: Symbol) -> NoReturn:
        self.diff(symbol)


T = TypeVar("T", bound=Record)


def shape_text(shape: Sequence[Size]) -> str:
    """A shape the way messages show it: ``(h, n)``."""
    return "(" + ", ".join(str(size) for size in shape) + ")"


def describe(record: Record) -> str:
    """A short text for a handle: its name and shape."""
    name = record.label.name or record.label.hint
    return f"{name} {shape_text(record.shape)}" if name else f"tensor {shape_text(record.shape)}"
