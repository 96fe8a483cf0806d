"""Which memory each array of a step lives in: reuse at last use, in place where an operand dies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from symbackprop.codegen.arrays import ArrayProgram, Op
from symbackprop.codegen.describe import described
from symbackprop.codegen.running import running_sums
from symbackprop.codegen.statements import use_counts
from symbackprop.ir import Kind
from symbackprop.scalars.numpy_helpers import HELPERS
from symbackprop.scalars.numpy_tree import Apply, Ufunc
from symbackprop.sizes import Size

_FRESH_FUNCTIONS = frozenset([*HELPERS, Ufunc.OPAQUE, Ufunc.WHERE])
_FRESH = frozenset(
    [Op.GATHER, Op.ARGMAX, Op.PRIM, Op.LOOP, Op.PICK, Op.OPAQUE, Op.RANGE, Op.FULL, Op.EYE]
)


@dataclass(slots=True)
class Buffer:
    """An array of the workspace.

    wanted : name;  shape, kind : of its entries;  fixed : whether it belongs to one value for good
    """

    wanted: str
    shape: tuple[Size, ...]
    kind: Kind
    fixed: bool = False


@dataclass(slots=True)
class Memory:
    """The buffers of a step, and the buffer of each array that lives in one."""

    buffers: list[Buffer] = field(default_factory=list)
    home: dict[int, int] = field(default_factory=dict)


def is_fresh(program: ArrayProgram, i: int) -> bool:
    """Whether an operation makes its own array each time."""
    array = program[i]
    if array.op in _FRESH or not array.shape or array.kind is Kind.INT:
        return True
    return isinstance(array.detail, Apply) and array.detail.function in _FRESH_FUNCTIONS


def plan_memory(
    program: ArrayProgram, ids: Sequence[int], results: Iterable[int], constant: frozenset[int]
) -> Memory:
    """Give every array of `ids` a buffer, except views, arguments, scalars and fresh arrays.

    results : arrays that keep their buffers until the next step
    """
    memory = Memory()
    kept = {program.base(r) for r in results}
    last = last_uses(program, ids)
    free: dict[tuple[tuple[Size, ...], Kind], list[int]] = {}
    names = _wanted_names(program, ids)
    sums = _sums(program, ids, kept, constant)
    places: dict[int, int] = {}
    for i in ids:
        array = program[i]
        if array.op in (Op.ARGUMENT, Op.VIEW, Op.BROADCAST) or i in constant:
            continue
        dying = _dying(program, i, last, kept, memory)
        if not is_fresh(program, i):
            key = (array.shape, array.kind)
            inside = _in_place(program, i, dying, memory)
            fixed = i in kept or array.op is Op.PAD
            if i in sums:
                memory.home[i] = places.setdefault(sums[i], len(memory.buffers))
                if memory.home[i] == len(memory.buffers):
                    wanted = names[sums[i]]
                    memory.buffers.append(Buffer(wanted, array.shape, array.kind, fixed=True))
            elif inside is not None and not fixed:
                memory.home[i] = memory.home[inside]
                dying.remove(inside)
            elif free.get(key) and not fixed:
                memory.home[i] = free[key].pop()
            else:
                memory.home[i] = len(memory.buffers)
                memory.buffers.append(Buffer(names[i], array.shape, array.kind, fixed))
        for base in dying:
            buffer = memory.buffers[memory.home[base]]
            if not buffer.fixed:
                free.setdefault((buffer.shape, buffer.kind), []).append(memory.home[base])
    return memory


def own_gradients(
    program: ArrayProgram, grads: Mapping[str, int], constant: frozenset[int]
) -> list[str]:
    """The gradients that are arrays of their own, not views shared with others or arguments."""
    taken: set[int] = set()
    own: list[str] = []
    for name, i in grads.items():
        base = program.base(i)
        scalar = not program.shape(base)
        plain = program[i].op is not Op.BROADCAST and not is_fresh(program, base)
        outside = program[base].op is Op.ARGUMENT or base in constant
        if plain and not scalar and not outside and base not in taken:
            taken.add(base)
            own.append(name)
    return own


def _sums(
    program: ArrayProgram, ids: Sequence[int], kept: set[int], constant: frozenset[int]
) -> dict[int, int]:
    """The running sums, each of which has a buffer of its own: array -> what it grows to."""

    def is_free(i: int) -> bool:
        own = i in kept or i in constant or i in program.names
        return not own and not is_fresh(program, i)

    return running_sums(program, ids, use_counts(program, ids), is_free)


def last_uses(program: ArrayProgram, ids: Sequence[int]) -> dict[int, int]:
    """The last operation that reads each array, views looked through."""
    last: dict[int, int] = {}
    for i in ids:
        if program[i].op in (Op.VIEW, Op.BROADCAST):
            continue
        for arg in program[i].args:
            last[program.base(arg)] = i
    return last


def _dying(
    program: ArrayProgram, i: int, last: dict[int, int], kept: set[int], memory: Memory
) -> list[int]:
    """The arrays in buffers that operation `i` is the last to read."""
    bases = dict.fromkeys(program.base(arg) for arg in program[i].args)
    return [b for b in bases if last[b] == i and b in memory.home and b not in kept]


def _in_place(program: ArrayProgram, i: int, dying: list[int], memory: Memory) -> int | None:
    """A dying operand that an elementwise operation can be written over."""
    array = program[i]
    if array.op is not Op.MAP:
        return None
    for arg in array.args:
        if arg not in dying:
            continue
        same = program.shape(arg) == array.shape and program[arg].kind is array.kind
        others = [a for a in array.args if a != arg and program.base(a) == arg]
        if same and not others:
            return arg
    return None


def _wanted_names(program: ArrayProgram, ids: Sequence[int]) -> dict[int, str]:
    """A name for each array: its own, else that of the named value it flows into entry by entry."""
    uses = use_counts(program, ids)
    reader: dict[int, int] = {}
    for i in ids:
        for arg in program[i].args:
            reader[arg] = i
    names: dict[int, str] = {}
    terms: dict[int, str] = {}
    for i in reversed(ids):
        own = program.names.get(i) or program.hints.get(i)
        into = reader.get(i)
        if own is None and into is not None and uses.get(i) == 1:
            here = program[into]
            if here.op is Op.MAP and here.shape == program.shape(i):
                own = names.get(into)
                if into in program.running:
                    terms[i] = f"{own}_term"
        names[i] = own or described(program, i)
    return names | terms
