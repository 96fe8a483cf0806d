"""One training step over preallocated arrays.

The same operations as `forward` and `backward`, with `out=`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from symbackprop.codegen.arrays import Op, Padding
from symbackprop.codegen.buffers import is_fresh, own_gradients, plan_memory
from symbackprop.codegen.chunks import Chunks, chunks_of, loop_lines, scaled_last
from symbackprop.codegen.describe import described, view_name
from symbackprop.codegen.expressions import Speller
from symbackprop.codegen.layout import batch_last, transposed_logits
from symbackprop.codegen.lower import Lowering
from symbackprop.codegen.names import SIZE_NAME, Namer
from symbackprop.codegen.options import Derived, DType
from symbackprop.codegen.records import Block
from symbackprop.codegen.scatter import PlaceWrite, covers, disjoint
from symbackprop.codegen.statements import (
    Writer,
    use_counts,
)
from symbackprop.codegen.updates import place_lines, slice_lines, slice_writes
from symbackprop.errors import UnsupportedError
from symbackprop.ir import Kind
from symbackprop.ir.problem import Problem
from symbackprop.scalars.numpy_code import Code, CodePrecedence
from symbackprop.scalars.numpy_tree import Apply, Number, NumpyTree, Ufunc
from symbackprop.sizes import Size

_OPERATORS = {
    Ufunc.ADD: "+=",
    Ufunc.SUBTRACT: "-=",
    Ufunc.MULTIPLY: "*=",
    Ufunc.DIVIDE: "/=",
}
_COMMUTES = frozenset([Ufunc.ADD, Ufunc.MULTIPLY])
ATOM = CodePrecedence.ATOM
_MOST_OPERANDS = 60
_LONG = 16
_LONG_ROW = 64


class Step:
    """Loss and gradients of all parameters, under construction."""

    def __init__(
        self,
        problem: Problem,
        derived: Derived,
        dtype: DType,
        namer: Namer,
        size_names: Mapping[str, str],
    ) -> None:
        self.problem = problem
        self.size_names = size_names
        self.used_sizes: dict[str, None] = {}
        self.namer = namer.copy()
        loss = derived.outputs["loss"]
        targets = {n: derived.pullbacks[n] for n in problem.parameters}
        wanted = [loss, *targets.values()]
        lowering = Lowering(
            derived.graph,
            derived.names,
            wanted,
            layouts=batch_last(derived.graph, wanted) | transposed_logits(derived.graph, [loss]),
            dtype=dtype,
            ones=frozenset(derived.cotangents.values()),
        )
        self.program = lowering.program
        self.loss = lowering.array(loss)
        self.grads = {n: lowering.array(i) for n, i in targets.items()}
        for name, array in self.grads.items():
            base = self.program.base(array)
            if self.program[base].op is not Op.ARGUMENT:
                self.program.names.setdefault(base, f"d{name}")
        self.ids = self.program.reachable([self.loss, *self.grads.values()])
        self.chunks = chunks_of(self.program, self.ids, [self.loss, *self.grads.values()])
        if self.chunks is not None:
            self.grads = {n: scaled_last(self.program, i) for n, i in self.grads.items()}
            results = [self.loss, *self.grads.values()]
            self.chunks = chunks_of(self.program, self.program.reachable(results), results)
        if self.chunks is not None:
            self.ids = self.chunks.order
        self.constant = self._constants()
        self.speller = Speller(self.program, self._size)
        self.uses = use_counts(self.program, self.ids)
        self.code: dict[int, Code] = {}
        self.block = Block()
        self.init = Block()
        self.held: list[tuple[str, str]] = []
        self.ones: dict[str, str] = {}
        self.own = own_gradients(self.program, self.grads, self.constant)
        self.memory = plan_memory(
            self.program, self.ids, [self.grads[n] for n in self.own], self.constant
        )
        self.variables: dict[int, str] = {}
        self.rows = "" if self.chunks is None else self.namer.name("rows")
        self.wholes: dict[int, str] = {}
        """The variables of arguments that are gone through in parts."""
        self.writer = Writer(self.program, self.speller, self.namer, (), self.ids)

    def _size(self, text: str) -> str:
        return text if text.startswith("np.") else SIZE_NAME.sub(self._size_name, text)

    def _size_name(self, match: re.Match[str]) -> str:
        name = match.group()
        if name not in self.size_names:
            raise UnsupportedError(f"the size {name} is no axis of a parameter or an input")
        self.used_sizes[name] = None
        return self.size_names[name]

    def _constants(self) -> frozenset[int]:
        """The arrays that depend on sizes only, and are one expression."""
        found: set[int] = set()
        for i, array in ((i, self.program[i]) for i in self.ids):
            given = array.op in (Op.ARGUMENT, Op.SCATTER) or not array.shape
            if not given and all(a in found for a in array.args):
                found.add(i)
        return frozenset(found)

    def run(self) -> None:
        """Write all statements."""
        for i in self.ids:
            if self.program[i].op is Op.ARGUMENT:
                self.code[i] = Code(self.namer.name(str(self.program[i].detail)))
        for i in self.ids:
            if i in self.constant:
                self._constant(i)
        if self.chunks is not None:
            self._in_parts(self.chunks)
        for i in self.ids:
            if i not in self.code:
                self._emit(i)

    def _in_parts(self, chunks: Chunks) -> None:
        """Write what comes before the loop over parts, and the loop."""
        for i in chunks.arguments:
            self.wholes[i] = self.code[i].text
            self.code[i] = Code(self.namer.name(f"{self.code[i].text}_part"))
        for i in chunks.before:
            if i not in self.code:
                self._emit(i)
        outer, self.block = self.block, Block()
        for i in chunks.inside:
            if i not in self.code:
                self._emit(i)
        parts = [(self.code[i].text, self.wholes[i]) for i in chunks.arguments]
        sums = [self.code[i].text for i in chunks.inside if i in chunks.sums]
        length, buffers = self.speller.size(chunks.size).text, [name for name, _ in self.held]
        names = (self.namer.name("start"), self.rows)
        for line in loop_lines(names, length, parts, sums, buffers, self.block):
            outer.add(line)
        self.block = outer

    def _held_shape(self, shape: Sequence[Size]) -> str:
        """The shape of a buffer, which is that of a part where there are parts."""
        return self.speller.shape(shape) if self.chunks is None else f"({self.rows},)"

    # names and memory

    def hold(self, name: str, made: str) -> str:
        """Keep an array in the workspace under a name."""
        self.held.append((name, made))
        return name

    def _constant(self, i: int) -> None:
        array = self.program[i]
        code = self.speller.expression(array, [self.code[a] for a in array.args])
        if array.op is Op.VIEW:
            self.code[i] = code
            return
        name = self.namer.name(described(self.program, i))
        self.init.add(f"{name} = {code.text}")
        self.code[i] = Code(self.hold(name, name))

    def _buffer(self, i: int) -> str:
        """The variable of the buffer of an array."""
        number = self.memory.home[i]
        if number not in self.variables:
            buffer = self.memory.buffers[number]
            name = self.namer.name(buffer.wanted)
            dtype = "bool" if buffer.kind is Kind.BOOL else "DTYPE"
            shape = self._held_shape(buffer.shape)
            make = "empty"
            if self.program[i].op is Op.PAD:
                padding = self.program[i].detail
                assert isinstance(padding, Padding)
                make = "zeros" if padding.value == 0 else "full"
                shape += "" if padding.value == 0 else ", -np.inf"
            self.variables[number] = self.hold(name, f"np.{make}({shape}, {dtype})")
        return self.variables[number]

    def _ones(self, size: Size, word: str = "ones") -> str:
        """A vector of ones of a length, or of zeros."""
        text = self._held_shape([size])[1:-2]
        key = f"{word}_{text}"
        if key not in self.ones:
            self.ones[key] = self.hold(self.namer.name(key), f"np.{word}({text}, DTYPE)")
        return self.ones[key]

    def _compared(self, i: int, tree: NumpyTree, text: str) -> str:
        """The text of what is compared; a 0 as zeros along the last axis: 3 times as fast."""
        size = self.program.shape(i)[-1]
        long = self.chunks is not None or (size.is_Integer and size >= _LONG_ROW)
        return self._ones(size, "zeros") if tree == Number(0) and long else text

    # operations

    def _emit(self, i: int) -> None:
        array = self.program[i]
        if array.op not in (Op.LOOP, Op.PICK, Op.VIEW, Op.BROADCAST):
            self._name_views(i)
        args = [self.code[a] for a in array.args]
        if array.op in (Op.LOOP, Op.PICK):
            self.writer.code = self.code
            self.writer.write([i], self.block)
        elif array.op in (Op.VIEW, Op.BROADCAST):
            self.code[i] = self.speller.expression(array, args)
        elif is_fresh(self.program, i):
            self._fresh(i, args)
        else:
            _EMITTERS[array.op](self, i, args)

    def _name_views(self, i: int) -> None:
        """Give long views among the operands variables, where the line would be too long."""
        for arg in sorted(self.program[i].args, key=lambda a: -len(self.code[a].text)):
            total = sum(len(self.code[a].text) for a in self.program[i].args)
            text = self.code[arg].text
            if total > _MOST_OPERANDS and len(text) > _LONG and self.program[arg].op is Op.VIEW:
                name = self.namer.name(view_name(self.program, arg))
                self.block.add(f"{name} = {text}", self.speller.shape(self.program.shape(arg)))
                self.code[arg] = Code(name)

    def _fresh(self, i: int, args: Sequence[Code]) -> None:
        """An expression: scalars, and arrays that no `out=` can take."""
        array = self.program[i]
        code = self._scalar(i, args) or self.speller.expression(array, args)
        named = i in self.program.names or self.uses.get(i, 0) > 1 or len(code.text) > 76
        if array.op is Op.MAP and not array.args:
            named = False
        if any(self.program.shape(a) for a in array.args):
            # its operands' buffers may be written over before the expression would be evaluated
            named = True
        if named or array.shape:
            name = self.namer.name(described_or_named(self, i))
            added = self.chunks is not None and i in self.chunks.sums
            self.block.add(f"{name} {'+=' if added else '='} {code.text}")
            code = Code(name)
        self.code[i] = code

    def _scalar(self, i: int, args: Sequence[Code]) -> Code | None:
        """Sums to a scalar, as dot products where that is faster."""
        array = self.program[i]
        if array.shape:
            return None
        if array.op is Op.MATMUL:
            return Code(f"{args[0].within(ATOM)}.dot({args[1].text})")
        if array.op is Op.SUM and self.program.rank(array.args[0]) == 1:
            ones = self._ones(self.program.shape(array.args[0])[0])
            return Code(f"{args[0].within(ATOM)}.dot({ones})")
        return None

    def _map(self, i: int, args: Sequence[Code]) -> None:
        tree = self.program[i].detail
        assert isinstance(tree, Apply)
        out = self._buffer(i)
        texts = [self.speller.tree(a, args).text for a in tree.args]
        if tree.function in (Ufunc.MAXIMUM, Ufunc.MINIMUM):
            texts = [self._compared(i, a, t) for a, t in zip(tree.args, texts, strict=True)]
        if tree.function is Ufunc.CAST:
            self.block.add(f"np.copyto({out}, {texts[0]})")
            self.code[i] = Code(out)
            return
        if tree.function in _COMMUTES and texts[0] != out and texts[1] == out:
            texts.reverse()
        name = self._named(i, out)
        if tree.function in _OPERATORS and texts[0] == out and name == out:
            self.block.add(f"{out} {_OPERATORS[tree.function]} {texts[1]}")
        else:
            call = f"np.{tree.function.value}({', '.join(texts)}, out={out})"
            self.block.add(call if name == out else f"{name} = {call}")
        self.code[i] = Code(name)

    def _named(self, i: int, out: str) -> str:
        """The variable of a value: its own name where it has one, else that of its buffer."""
        wanted = self.program.names.get(i) or self.program.hints.get(i)
        buffer = self.memory.buffers[self.memory.home[i]]
        if wanted is None or wanted == buffer.wanted:
            return out
        return self.namer.name(wanted)

    def _call(self, i: int, text: str, plain: bool = True) -> None:
        """A call that fills the buffer of a value; a `plain` one gives it back."""
        out = self._buffer(i)
        name = self._named(i, out)
        shape = self.speller.shape(self.program.shape(i))
        call = text.format(out=out)
        if name != out and not plain:
            self.block.add(f"{name} = {out}")
        self.block.add(f"{name} = {call}" if name != out and plain else call, shape)
        self.code[i] = Code(name)

    def _matmul(self, i: int, args: Sequence[Code]) -> None:
        a, b = args
        first, second = self.program[i].args
        ranks = self.program.rank(first), self.program.rank(second)
        if max(ranks) <= 2:
            self._call(i, f"{a.within(ATOM)}.dot({b.text}, out={{out}})")
        elif ranks[1] == 2 and self.program[first].op is not Op.VIEW:
            inner, outer = (self.speller.size(s).text for s in self.program.shape(second))
            rows = f"{a.within(ATOM)}.reshape(-1, {inner})"
            self._call(i, f"{rows}.dot({b.text}, out={{out}}.reshape(-1, {outer}))", plain=False)
        else:
            self._call(i, f"np.matmul({a.text}, {b.text}, out={{out}})")

    def _vecdot(self, i: int, args: Sequence[Code]) -> None:
        self._call(i, f"np.vecdot({args[0].text}, {args[1].text}, out={{out}})")

    def _sum(self, i: int, args: Sequence[Code]) -> None:
        array = self.program[i]
        (operand,) = array.args
        axes = array.detail
        assert isinstance(axes, tuple)
        shape = self.program.shape(operand)
        rank, count = len(shape), len(axes)
        real = self.program[operand].kind is Kind.REAL
        text = args[0].within(ATOM)
        lead = axes == tuple(range(count)) and rank - count == 1
        if real and lead:
            length = shape[0]
            for a in axes[1:]:
                length = length * shape[a]
            flat = text if rank == 2 else f"{text}.reshape(-1, {self.speller.size(shape[-1]).text})"
            self._call(i, f"{self._ones(length)}.dot({flat}, out={{out}})")
        elif real and rank == 2:
            self._call(i, f"{text}.dot({self._ones(shape[1])}, out={{out}})")
        else:
            self._call(i, f"np.add.reduce({args[0].text}, axis={_axes(axes)}, out={{out}})")

    def _max(self, i: int, args: Sequence[Code]) -> None:
        axes = self.program[i].detail
        assert isinstance(axes, tuple)
        self._call(i, f"np.maximum.reduce({args[0].text}, axis={_axes(axes)}, out={{out}})")

    def _copy(self, i: int, args: Sequence[Code]) -> None:
        self._call(i, f"np.copyto({{out}}, {args[0].text})", plain=False)

    def _pad(self, i: int, args: Sequence[Code]) -> None:
        padding = self.program[i].detail
        assert isinstance(padding, Padding)
        out = self._buffer(i)
        inner = self.program.shape(self.program[i].args[0])
        size = self.speller.size
        items = [
            ":" if low == 0 and high == 0 else f"{size(low).text}:{size(low + n).text}"
            for (low, high), n in zip(padding.edges, inner, strict=True)
        ]
        self.block.add(f"{out}[{', '.join(items)}] = {args[0].text}")
        self.code[i] = Code(out)

    def _scatter(self, i: int, args: Sequence[Code]) -> None:
        array = self.program[i]
        out = self._buffer(i)
        if isinstance(array.detail, PlaceWrite):
            lines = [f"{out}.fill(0)", *place_lines(out, args[0], args[1:], array.detail)]
        else:
            writes = slice_writes(array)
            whole = disjoint(writes) and covers(writes, array.shape)
            lines = [] if whole else [f"{out}.fill(0)"]
            lines += slice_lines(self.speller, self.namer, out, args, writes)
        for line in lines:
            self.block.add(line)
        self.code[i] = Code(out)


def _axes(axes: tuple[int, ...]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes)


def described_or_named(step: Step, i: int) -> str:
    """The name wanted for a value."""
    names = step.program.names.get(i) or step.program.hints.get(i)
    return names or described(step.program, i)


_EMITTERS = {
    Op.MAP: Step._map,
    Op.MATMUL: Step._matmul,
    Op.VECDOT: Step._vecdot,
    Op.SUM: Step._sum,
    Op.MAX: Step._max,
    Op.COPY: Step._copy,
    Op.PAD: Step._pad,
    Op.SCATTER: Step._scatter,
}
