"""Array operations as statements.

One expression for each named or shared value, the rest written in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symbackprop.codegen.arrays import Array, ArrayProgram, Op
from symbackprop.codegen.bodies import size_names
from symbackprop.codegen.describe import described, view_name
from symbackprop.codegen.expressions import Speller
from symbackprop.codegen.hoist import for_all_steps
from symbackprop.codegen.loops import CarryIn, Constant, LoopPlan
from symbackprop.codegen.loops import Slice as StepSlice
from symbackprop.codegen.names import Namer
from symbackprop.codegen.records import Block, Line
from symbackprop.codegen.running import running_sums
from symbackprop.codegen.scatter import PlaceWrite, SliceWrite, covers, disjoint
from symbackprop.codegen.updates import place_lines, slice_lines, slice_writes
from symbackprop.scalars.numpy_code import Code, CodePrecedence
from symbackprop.scalars.numpy_tree import Apply, Ufunc, subtrees
from symbackprop.sizes import size_symbols

_MAX_INLINE = 76
_MAX_LINE = 76
_WORTH_A_NAME = 16
_LONG_VALUES = 60
ATOM = CodePrecedence.ATOM
_TRANSPARENT = (Op.VIEW, Op.BROADCAST)


class Writer:
    """Writes the operations of a program, in order of their ids, into blocks.

    Parameters
    ----------
    program : ArrayProgram
    speller : Speller
    namer : Namer
        What it has handed out is not used again.
    roots : ids that must have names of their own
    ids : all ids that will be written, ascending
    """

    def __init__(
        self,
        program: ArrayProgram,
        speller: Speller,
        namer: Namer,
        roots: Iterable[int],
        ids: Sequence[int],
    ) -> None:
        self.program = program
        self.speller = speller
        self.namer = namer
        self.code: dict[int, Code] = {}
        self.picked: dict[int, list[Code]] = {}
        self.local_views: list[int] = []
        """Views that have a variable for one statement: the next one may stand in another block."""
        self.places: dict[int, str] = {}
        """Where values are kept: what is written piece by piece is written there at once."""
        self.roots = frozenset(program.base(r) for r in roots)
        self.uses = use_counts(program, ids)
        self.sums = running_sums(program, ids, self.uses, self._is_free)

    def _is_free(self, i: int) -> bool:
        return i not in self.program.names and i not in self.roots

    def write(self, ids: Iterable[int], block: Block) -> None:
        """Add the statements of `ids` (ascending) to a block."""
        for i in ids:
            if i not in self.code:
                self._write(i, block)

    def argument(self, i: int) -> str:
        """The variable of an argument, chosen when first asked for."""
        if i not in self.code:
            wanted = self.program.names.get(i, str(self.program[i].detail))
            self.code[i] = Code(self.namer.name(wanted))
        return self.code[i].text

    def _write(self, i: int, block: Block) -> None:
        array = self.program[i]
        if array.op is Op.ARGUMENT:
            self.argument(i)
            return
        if array.op is Op.SCATTER:
            self._scatter(i, block)
            return
        if array.op is Op.LOOP:
            self._loop(i, block)
            return
        if array.op is Op.PICK:
            assert isinstance(array.detail, int)
            self.code[i] = self.picked[array.args[0]][array.detail]
            return
        code = self.speller.expression(array, [self.operand(a) for a in array.args])
        if array.op in _TRANSPARENT:
            self.code[i] = code
            return
        code = self._shortened(i, code, block)
        before = self.program.running.get(i)
        if before in self.sums:
            self._add_to(before, i, block)
            return
        for view in self.local_views:
            self.code.pop(view, None)
        self.local_views.clear()
        if self._is_statement(i, code) or i in self.sums:
            self._assign(i, code, block)
        else:
            self.code[i] = code

    def operand(self, i: int) -> Code:
        """The code of an array; that of a view is made anew when what it shows got a name."""
        if i not in self.code:
            array = self.program[i]
            self.code[i] = self.speller.expression(array, [self.operand(a) for a in array.args])
        return self.code[i]

    def text(self, i: int) -> str:
        """The text of an array."""
        return self.operand(i).text

    def result(self, i: int, block: Block) -> str:
        """The text of an array that is handed over, in a variable where it is long."""
        text = self.text(i)
        base = self.program.base(i)
        if len(text) > _LONG_VALUES and not self.text(base).isidentifier():
            self._assign(base, self.operand(base), block)
            self._forget(i)
        return self.text(i)

    def _add_to(self, before: int, i: int, block: Block) -> None:
        """A running sum grows by one term."""
        (term,) = (a for a in self.program[i].args if a != before)
        block.add(f"{self.code[before].text} += {self.operand(term).text}")
        self.code[i] = self.code[before]

    def _assign(self, i: int, code: Code, block: Block) -> None:
        """Give an array a variable."""
        array = self.program[i]
        name = self.namer.name(self._wanted(self.sums.get(i, i)))
        shape = self.speller.shape(array.shape) if array.shape else ""
        block.add(f"{name} = {code.text}", shape)
        self.code[i] = Code(name)

    def _shortened(self, i: int, code: Code, block: Block) -> Code:
        """The code of an operation.

        With its longest operands in variables until a line holds it.
        """
        array = self.program[i]
        while len(code.text) > _MAX_LINE:
            bases = {self.program.base(a) for a in array.args}
            inline = [b for b in bases if not self.code[b].text.isidentifier()]
            inline = [b for b in inline if self.program[b].op is not Op.ARGUMENT]
            longest = max(inline, key=lambda b: (len(self.code[b].text), b), default=None)
            if longest is not None and len(self.code[longest].text) >= _WORTH_A_NAME:
                self._assign(longest, self.code[longest], block)
                for arg in array.args:
                    self._forget(arg)
            elif not self._view_named(array, block):
                break
            code = self.speller.expression(array, [self.operand(a) for a in array.args])
        return code

    def _view_named(self, array: Array, block: Block) -> bool:
        """Give the longest view among the operands a variable, where it is worth one."""
        views = [a for a in array.args if not self.operand(a).text.isidentifier()]
        longest = max(views, key=lambda a: (len(self.operand(a).text), a), default=None)
        if longest is None or len(self.operand(longest).text) < _WORTH_A_NAME:
            return False
        name = self.namer.name(view_name(self.program, longest))
        shape = self.speller.shape(self.program.shape(longest))
        block.add(f"{name} = {self.operand(longest).text}", shape)
        self.code[longest] = Code(name)
        self.local_views.append(longest)
        return True

    def _forget(self, i: int) -> None:
        """Drop the code of views on the way to an array."""
        while self.program[i].op in _TRANSPARENT:
            self.code.pop(i, None)
            (i,) = self.program[i].args

    def _scatter(self, i: int, block: Block) -> None:
        """Zeros, then what is written into them."""
        array = self.program[i]
        name = self.namer.name(self._wanted(i))
        shape = self.speller.shape(array.shape)
        values, *places = (self.operand(a) for a in array.args)
        if isinstance(array.detail, PlaceWrite):
            if len(values.text) + sum(len(p.text) for p in places) > _LONG_VALUES:
                held_name = self.namer.name(f"{name}_values")
                block.add(f"{held_name} = {values.text}")
                values = Code(held_name)
            block.add(f"{name} = np.zeros({shape}, DTYPE)", shape)
            for line in place_lines(name, values, places, array.detail):
                block.add(line)
        else:
            writes = slice_writes(array)
            whole = disjoint(writes) and covers(writes, array.shape)
            if i in self.places:
                block.add(f"{name} = {self.places[i]}", shape)
                if not whole:
                    block.add(f"{name}.fill(0)")
            else:
                block.add(f"{name} = np.{'empty' if whole else 'zeros'}({shape}, DTYPE)", shape)
            held = [
                self._held(name, v, w, block)
                for v, w in zip((values, *places), writes, strict=True)
            ]
            for line in slice_lines(self.speller, self.namer, name, held, writes):
                block.add(line)
        self.code[i] = Code(name)

    def _held(self, name: str, values: Code, write: SliceWrite, block: Block) -> Code:
        """The values of a write in a variable, where a loop would compute them again and again."""
        if values.text.isidentifier() or not (write.taps or len(values.text) > _LONG_VALUES):
            return values
        held = self.namer.name(f"{name}_parts")
        block.add(f"{held} = {values.text}")
        return Code(held)

    def _loop(self, i: int, block: Block) -> None:
        """First values, arrays for what is stored, then the steps."""
        plan = self.program[i].detail
        assert isinstance(plan, LoopPlan)
        for arg in self.program[i].args:
            base = self.program.base(arg)
            if self.program.shape(base) and not self.text(base).isidentifier():
                self._assign(base, self.operand(base), block)  # not computed in every step
                self._forget(arg)
        operands = [self.operand(a) for a in self.program[i].args]
        picks = self._pick_names(i)
        count = len(plan.carries)
        carries, stores = [], []
        for k in range(count):
            wanted = picks.get(k) or carry_name(plan, k)
            carries.append(self.namer.name(wanted))
            block.add(f"{carries[-1]} = {operands[k].text}")
        for k, value in enumerate(plan.stored):
            wanted = picks.get(count + k) or f"{described(plan.body, plan.body.base(value))}_all"
            stores.append(self.namer.name(wanted))
            shape = self.speller.shape((plan.length, *plan.shapes[count + k]))
            block.add(f"{stores[-1]} = np.empty({shape}, DTYPE)", shape)
        t = self.namer.name("t")
        length = self.speller.size(plan.length).text
        steps = f"reversed(range({length}))" if plan.reverse else f"range({length})"
        lines = self._step(plan, t, operands, carries, stores, block)
        block.add(f"for {t} in {steps}:")
        for line in lines:
            block.add("    " + line.text, line.comment)
        self.code[i] = Code("None")
        self.picked[i] = [Code(name) for name in (*carries, *stores)]

    def _pick_names(self, i: int) -> dict[int, str]:
        """The names wanted for results of a loop."""
        found: dict[int, str] = {}
        for k in range(len(self.program)):
            array = self.program[k]
            if array.op is Op.PICK and array.args == (i,) and k in self.program.names:
                assert isinstance(array.detail, int)
                found[array.detail] = self.program.names[k]
        return found

    def _step(
        self,
        plan: LoopPlan,
        t: str,
        operands: Sequence[Code],
        carries: Sequence[str],
        stores: Sequence[str],
        before: Block,
    ) -> list[Line]:
        """The statements of one step; what needs no carry is added to the block before the loop."""
        body = plan.body
        wanted = [*plan.carries, *plan.stored]
        ids = body.reachable(wanted)
        speller = Speller(body, self.speller.size_name)
        inner = Writer(body, speller, self.namer, wanted, ids)
        for argument, what in plan.arguments.items():
            if isinstance(what, CarryIn):
                inner.code[argument] = Code(carries[what.number])
            elif isinstance(what, StepSlice):
                inner.code[argument] = Code(f"{operands[what.operand].within(ATOM)}[{t}]")
            else:
                inner.code[argument] = operands[what.operand]
        ahead = for_all_steps(plan, ids, operands, speller, self.namer, before)
        inner.code.update({i: Code(f"{name}[{t}]") for i, name in ahead.items()})
        for i in ids:
            product = self._all_steps(plan, i, inner, operands)
            if product is not None:
                name = self.namer.name(described(body, i))
                shape = self.speller.shape((plan.length, *body.shape(i)))
                before.add(f"{name} = {product}", shape)
                inner.code[i] = Code(f"{name}[{t}]")
        for name, value in zip(stores, plan.stored, strict=True):
            inner.places.setdefault(value, f"{name}[{t}]")
        block = Block()
        inner.write(ids, block)
        for name, value in zip(stores, plan.stored, strict=True):
            placed = body[value].op is Op.SCATTER and isinstance(body[value].detail, tuple)
            if not placed or inner.places[value] != f"{name}[{t}]":
                block.add(f"{name}[{t}] = {inner.text(value)}")
        values = [inner.text(value) for value in plan.carries]
        changed = [(c, v) for c, v in zip(carries, values, strict=True) if c != v]
        if changed:
            names, texts = zip(*changed, strict=True)
            block.add(f"{', '.join(names)} = {', '.join(texts)}")
        return block.lines

    def _all_steps(
        self, plan: LoopPlan, i: int, inner: Writer, operands: Sequence[Code]
    ) -> str | None:
        """A product of the slice of an operand with a constant, for all steps at once."""
        array = plan.body[i]
        if array.op is not Op.MATMUL or len(array.shape) != 2:
            return None
        first, second = array.args
        what, other = plan.arguments.get(first), plan.arguments.get(plan.body.base(second))
        if not isinstance(what, StepSlice) or not isinstance(other, Constant):
            return None
        product = Array(Op.MATMUL, array.args, None, array.shape)
        factors = [operands[what.operand], inner.operand(second)]
        return self.speller.expression(product, factors).text

    def _is_statement(self, i: int, code: Code) -> bool:
        if not self.program[i].args and self.program[i].op is Op.MAP:
            return False
        if i in self.program.names or i in self.roots:
            return True
        return self.uses.get(i, 0) > 1 or len(code.text) > _MAX_INLINE

    def _wanted(self, i: int) -> str:
        found = self.program.names.get(i) or self.program.hints.get(i)
        return found if found is not None else described(self.program, i)


def use_counts(program: ArrayProgram, ids: Sequence[int]) -> dict[int, int]:
    """How often each array is read by `ids`, views counted as what they show."""
    uses: dict[int, int] = {}
    for i in ids:
        if program[i].op in _TRANSPARENT:
            continue
        for arg in program[i].args:
            base = program.base(arg)
            uses[base] = uses.get(base, 0) + 1
    return uses


def carry_name(plan: LoopPlan, k: int) -> str:
    """The name of a carry inside the body."""
    for argument, what in plan.arguments.items():
        if what == CarryIn(k):
            return plan.body.names.get(argument, str(plan.body[argument].detail))
    return "carry"


def functions_used(program: ArrayProgram, ids: Iterable[int]) -> list[Ufunc]:
    """The functions of the operations, those of loop bodies included."""
    found: dict[Ufunc, None] = {}
    pending = [(program, list(ids))]
    while pending:
        current, some = pending.pop()
        for i in some:
            detail = current[i].detail
            if isinstance(detail, Apply):
                found[detail.function] = None
            elif isinstance(detail, LoopPlan):
                wanted = [*detail.carries, *detail.stored]
                pending.append((detail.body, detail.body.reachable(wanted)))
    return list(found)


def sizes_above_zero(program: ArrayProgram, ids: Iterable[int]) -> list[str]:
    """The sizes that are divided by, or are lengths of loops, so that they cannot be 0."""
    found: dict[str, None] = {}
    pending = [(program, list(ids))]
    while pending:
        current, some = pending.pop(0)
        for i in some:
            detail = current[i].detail
            if isinstance(detail, LoopPlan):
                found.update(dict.fromkeys(str(s) for s in size_symbols(detail.length)))
                wanted = [*detail.carries, *detail.stored]
                pending.append((detail.body, detail.body.reachable(wanted)))
            elif isinstance(detail, Apply):
                for tree in subtrees(detail):
                    if isinstance(tree, Apply) and tree.function is Ufunc.DIVIDE:
                        found.update(dict.fromkeys(size_names(tree.args[1])))
    return list(found)
