"""Operations on whole arrays: what a comprehension is lowered to before it is spelled.

An `ArrayProgram` is an append-only, hash-consed list of array operations. Views cost nothing; every
other operation makes an array (or a scalar).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from symbackprop.ir import Kind
from symbackprop.scalars.numpy_tree import NumpyTree
from symbackprop.sizes import Size


class Op(Enum):
    """What an operation does; `Array.detail` holds what it needs besides its operands."""

    ARGUMENT = "argument"
    """detail: the name."""
    MAP = "map"
    """detail: a tree over the operands, which broadcast."""
    MATMUL = "matmul"
    """a @ b."""
    VDOT = "vdot"
    """The sum of a * b over all entries."""
    VECDOT = "vecdot"
    """The sum of a * b over the last axis."""
    SUM = "sum"
    """detail: the axes."""
    MAX = "max"
    """detail: the axes."""
    ARGMAX = "argmax"
    """detail: the axes, all of them last."""
    VIEW = "view"
    """detail: a `View`."""
    FULL = "full"
    """detail: the value, as a tree over sizes."""
    EYE = "eye"
    """Ones on the diagonal of the last two axes."""
    BROADCAST = "broadcast"
    """The operand at the shape of the result, read-only."""
    RANGE = "range"
    """0 .. n - 1."""
    GATHER = "gather"
    """Operand 0 at integer arrays; detail: `Gather`."""
    SCATTER = "scatter"
    """Zeros with operand 0 added at places; detail: a `SliceWrite` or `PlaceWrite`."""
    COPY = "copy"
    """The operand, contiguous."""
    PAD = "pad"
    """detail: a `Padding`."""
    PRIM = "prim"
    """detail: a `PrimOp`."""
    LOOP = "loop"
    """detail: a loop; several arrays at once."""
    PICK = "pick"
    """Result number `detail` of an operation that has several."""
    OPAQUE = "opaque"
    """detail: name and orders."""


@dataclass(frozen=True, slots=True)
class Transpose:
    """Axis k of the result is axis ``order[k]`` of the operand."""

    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole of an axis: ``:``."""


@dataclass(frozen=True, slots=True)
class NewAxis:
    """An axis of length 1 that was not there: ``None``."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """One position; the axis vanishes."""

    position: Size


@dataclass(frozen=True, slots=True)
class Slice:
    """``start, start + step, ...``: `count` positions, the step an integer (negative: falling)."""

    start: Size
    count: Size
    step: Size


Item = Whole | NewAxis | Fixed | Slice


@dataclass(frozen=True, slots=True)
class Subscript:
    """``operand[items]``."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same entries, row-major, in the shape of the result."""


@dataclass(frozen=True, slots=True)
class Diagonal:
    """Entries with equal positions on two axes; the axis goes last."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Windows:
    """Sliding windows of `widths` along `axes`; the window axes go last."""

    axes: tuple[int, ...]
    widths: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Padding:
    """(low, high) margins of each axis, and the value in them."""

    edges: tuple[tuple[Size, Size], ...]
    value: float


View = Transpose | Subscript | Reshape | Diagonal | Windows


@dataclass(frozen=True, slots=True)
class Array:
    """One operation and its result."""

    op: Op
    args: tuple[int, ...]
    detail: object
    shape: tuple[Size, ...]
    kind: Kind = Kind.REAL


class ArrayProgram:
    """Array operations by id; equal operations are one operation."""

    def __init__(self) -> None:
        self._arrays: list[Array] = []
        self._ids: dict[Array, int] = {}
        self.names: dict[int, str] = {}
        """Names wanted for results: those of the network."""
        self.late: set[int] = set()
        """What a loop knows only step by step: carries, and what depends on them."""
        self.hints: dict[int, str] = {}
        """Names for results that the network does not name."""
        self.running: dict[int, int] = {}
        """A running sum -> the one that it adds a term to."""
        self._recordings: list[list[tuple[Array, int]]] = []

    def __len__(self) -> int:
        return len(self._arrays)

    def __getitem__(self, array_id: int) -> Array:
        return self._arrays[array_id]

    def add(
        self,
        op: Op,
        args: Sequence[int],
        detail: object,
        shape: Sequence[Size],
        kind: Kind = Kind.REAL,
    ) -> int:
        """The id of an operation, made if there is no equal one."""
        array = Array(op, tuple(args), detail, tuple(shape), kind)
        found = self._ids.get(array)
        if found is None:
            found = self._ids[array] = len(self._arrays)
            self._arrays.append(array)
            if not self.late.isdisjoint(array.args):
                self.late.add(found)
        for recording in self._recordings:
            recording.append((array, found))
        return found

    @contextmanager
    def recording(self) -> Iterator[list[tuple[Array, int]]]:
        """The operations asked for inside the `with`, and their ids, in order."""
        made: list[tuple[Array, int]] = []
        self._recordings.append(made)
        try:
            yield made
        finally:
            self._recordings.remove(made)

    def shape(self, array_id: int) -> tuple[Size, ...]:
        """The shape of a result."""
        return self._arrays[array_id].shape

    def rank(self, array_id: int) -> int:
        """The number of axes of a result."""
        return len(self._arrays[array_id].shape)

    def map(self, tree: NumpyTree, args: Sequence[int], shape: Sequence[Size]) -> int:
        """A tree over operands that broadcast to `shape`."""
        return self.add(Op.MAP, args, tree, shape)

    def base(self, array_id: int) -> int:
        """The array behind views."""
        while self._arrays[array_id].op in (Op.VIEW, Op.BROADCAST):
            array_id = self._arrays[array_id].args[0]
        return array_id

    def reachable(self, roots: Iterable[int], stop: frozenset[int] = frozenset()) -> list[int]:
        """The operations that `roots` need, ascending.

        Those in `stop` are given and not entered.
        """
        wanted = set(roots)
        pending = list(wanted)
        while pending:
            current = pending.pop()
            if current in stop:
                continue
            for arg in self._arrays[current].args:
                if arg not in wanted:
                    wanted.add(arg)
                    pending.append(arg)
        return sorted(wanted)
