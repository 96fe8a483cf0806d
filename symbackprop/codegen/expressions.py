"""Array operations as Python expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symbackprop.codegen.arrays import (
    Array,
    ArrayProgram,
    Diagonal,
    Fixed,
    Item,
    NewAxis,
    Op,
    Padding,
    Reshape,
    Slice,
    Subscript,
    Transpose,
    Whole,
    Windows,
)
from symbackprop.codegen.bodies import size_tree
from symbackprop.errors import InternalError, UnsupportedError
from symbackprop.ir import Kind
from symbackprop.ir.nodes import PrimOp
from symbackprop.scalars.numpy_code import Code, CodePrecedence, numpy_code
from symbackprop.scalars.numpy_tree import NumpyTree
from symbackprop.sizes import Size, same_size

PRODUCT = CodePrecedence.PRODUCT


class Speller:
    """Spells operations of a program.

    Parameters
    ----------
    program : ArrayProgram
    size_name : from the name of a size to the variable that holds it
    """

    def __init__(self, program: ArrayProgram, size_name: Callable[[str], str] = str) -> None:
        self.program = program
        self.size_name = size_name

    def size(self, size: Size) -> Code:
        """A size."""
        return numpy_code(size_tree(size), (), self.size_name)

    def tree(self, tree: NumpyTree, operands: Sequence[Code] = ()) -> Code:
        """A tree."""
        return numpy_code(tree, operands, self.size_name)

    def shape(self, shape: Sequence[Size]) -> str:
        """A shape as a tuple."""
        texts = [self.size(s).text for s in shape]
        return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"

    def expression(self, array: Array, args: Sequence[Code]) -> Code:
        """An operation on spelled operands."""
        spell = _SPELLERS.get(array.op)
        if spell is None:
            raise UnsupportedError(f"code for {array.op.value} is not written yet")
        return spell(self, array, args)

    def _map(self, array: Array, args: Sequence[Code]) -> Code:
        assert not isinstance(array.detail, type(None))
        return self.tree(array.detail, args)  # type: ignore[arg-type]

    def _matmul(self, array: Array, args: Sequence[Code]) -> Code:
        """``a @ b``: bound as loosely as a sum, since ``s * a @ b`` would be ``(s * a) @ b``."""
        a, b = args
        text = f"{a.within(PRODUCT)} @ {b.within(PRODUCT, strict=True)}"
        return Code(text, CodePrecedence.SUM)

    def _function(self, array: Array, args: Sequence[Code]) -> Code:
        return Code(f"np.{array.op.value}({', '.join(a.text for a in args)})")

    def _reduction(self, array: Array, args: Sequence[Code]) -> Code:
        axes = array.detail
        assert isinstance(axes, tuple)
        operand = self.program[array.args[0]]
        if len(axes) == len(operand.shape):
            inner = ""
        else:
            inner = f"axis={axes[0] if len(axes) == 1 else axes}"
        if array.op is Op.MAX and array.kind is Kind.REAL and operand.op is Op.MAP:
            pass
        return Code(f"{args[0].within(CodePrecedence.ATOM)}.{array.op.value}({inner})")

    def _argmax(self, array: Array, args: Sequence[Code]) -> Code:
        return Code(f"{args[0].within(CodePrecedence.ATOM)}.argmax(axis=-1)")

    def _copy(self, array: Array, args: Sequence[Code]) -> Code:
        return Code(f"np.ascontiguousarray({args[0].text})")

    def _full(self, array: Array, args: Sequence[Code]) -> Code:
        value = self.tree(array.detail).text  # type: ignore[arg-type]
        if value in ("0", "1"):
            return Code(
                f"np.{'zeros' if value == '0' else 'ones'}({self.shape(array.shape)}, DTYPE)"
            )
        return Code(f"np.full({self.shape(array.shape)}, {value}, DTYPE)")

    def _broadcast(self, array: Array, args: Sequence[Code]) -> Code:
        return Code(f"np.broadcast_to({args[0].text}, {self.shape(array.shape)})")

    def _range(self, array: Array, args: Sequence[Code]) -> Code:
        dtype = ", dtype=DTYPE" if array.kind is Kind.REAL else ""
        return Code(f"np.arange({self.size(array.shape[0]).text}{dtype})")

    def _gather(self, array: Array, args: Sequence[Code]) -> Code:
        places = ", ".join(a.text for a in args[1:])
        return Code(f"{args[0].within(CodePrecedence.ATOM)}[{places}]")

    def _view(self, array: Array, args: Sequence[Code]) -> Code:
        view, operand = array.detail, args[0]
        atom = operand.within(CodePrecedence.ATOM)
        match view:
            case Transpose(order=order):
                if len(order) == 2 and atom.endswith(".T"):
                    return Code(atom[:-2])
                if len(order) == 2:
                    return Code(f"{atom}.T")
                return Code(f"{atom}.transpose{order}")
            case Subscript(items=items):
                return Code(f"{atom}[{', '.join(self._items(items))}]")
            case Reshape():
                texts = [self.size(s).text for s in array.shape]
                if sum(not s.is_Integer for s in array.shape) > 1:
                    return Code(f"{atom}.reshape({', '.join(texts)})")
                texts = [
                    t if s.is_Integer else "-1" for t, s in zip(texts, array.shape, strict=True)
                ]
                return Code(f"{atom}.reshape({', '.join(texts) if texts else '()'})")
            case Diagonal(first=first, second=second):
                axes = "" if (first, second) == (0, 1) else f", axis1={first}, axis2={second}"
                return Code(f"np.diagonal({operand.text}{axes})")
            case Windows(axes=axes, widths=widths):
                sizes = [self.size(w).text for w in widths]
                width = sizes[0] if len(sizes) == 1 else f"({', '.join(sizes)})"
                places = str(axes[0]) if len(axes) == 1 else str(axes)
                return Code(f"sliding_window_view({operand.text}, {width}, axis={places})")
            case _:
                raise InternalError(f"no spelling of the view {view}")

    def _items(self, items: Sequence[Item]) -> list[str]:
        texts = [self._item(item) for item in items]
        while len(texts) > 1 and texts[-1] == ":":
            texts.pop()
        return texts

    def shifted_items(
        self,
        items: Sequence[Item],
        shifts: Sequence[tuple[int, Size] | None],
        taps: Sequence[str],
    ) -> list[str]:
        """Subscripts whose starts move with loop variables."""
        texts: list[str] = []
        for item, shift in zip(items, shifts, strict=True):
            if shift is None or not isinstance(item, Slice):
                texts.append(self._item(item))
                continue
            number, by = shift
            tap = taps[number] if by == 1 else f"{self.size(by).within(PRODUCT)} * {taps[number]}"
            first = tap if item.start == 0 else f"{tap} + {self.size(item.start).text}"
            stop = self.size(item.start + item.step * (item.count - 1) + 1).text
            step = "" if item.step == 1 else f":{self.size(item.step).text}"
            texts.append(f"{first}:{tap} + {stop}{step}")
        return texts

    def _pad(self, array: Array, args: Sequence[Code]) -> Code:
        padding = array.detail
        assert isinstance(padding, Padding)
        edges, value = padding.edges, padding.value
        pairs = ", ".join(f"({self.size(a).text}, {self.size(b).text})" for a, b in edges)
        pairs = f"({pairs},)" if len(edges) == 1 else f"({pairs})"
        filled = "" if value == 0 else ", constant_values=-np.inf"
        return Code(f"np.pad({args[0].text}, {pairs}{filled})")

    def _opaque(self, array: Array, args: Sequence[Code]) -> Code:
        return Code(f"{array.detail}({', '.join(a.text for a in args)})")

    def _prim(self, array: Array, args: Sequence[Code]) -> Code:
        assert isinstance(array.detail, PrimOp)
        return Code(_PRIMS[array.detail].format(", ".join(a.text for a in args)))

    def _item(self, item: Item) -> str:
        match item:
            case Whole():
                return ":"
            case NewAxis():
                return "None"
            case Fixed(position=position):
                return self.size(position).text
            case Slice(start=start, count=count, step=step):
                return self._slice(start, count, step)

    def _slice(self, start: Size, count: Size, step: Size) -> str:
        """``start:stop:step``; a falling slice stops one before 0 by leaving the stop out."""
        last = start + step * (count - 1)
        falling = step.could_extract_minus_sign()
        stop = (
            ""
            if falling and same_size(last, last * 0)
            else self.size(last - 1 if falling else last + 1).text
        )
        first = "" if start == 0 and not falling else self.size(start).text
        return f"{first}:{stop}" + ("" if step == 1 else f":{self.size(step).text}")


_PRIMS: dict[PrimOp, str] = {
    PrimOp.INVERSE: "np.linalg.inv({})",
    PrimOp.DETERMINANT: "np.linalg.det({})",
    PrimOp.LOGDET: "np.linalg.slogdet({})[1]",
    PrimOp.SOLVE: "np.linalg.solve({})",
    PrimOp.ARGSORT: 'np.argsort({}, kind="stable")',
}

_SPELLERS: dict[Op, Callable[[Speller, Array, Sequence[Code]], Code]] = {
    Op.MAP: Speller._map,
    Op.MATMUL: Speller._matmul,
    Op.VDOT: Speller._function,
    Op.VECDOT: Speller._function,
    Op.SUM: Speller._reduction,
    Op.MAX: Speller._reduction,
    Op.ARGMAX: Speller._argmax,
    Op.VIEW: Speller._view,
    Op.FULL: Speller._full,
    Op.BROADCAST: Speller._broadcast,
    Op.RANGE: Speller._range,
    Op.GATHER: Speller._gather,
    Op.COPY: Speller._copy,
    Op.PAD: Speller._pad,
    Op.PRIM: Speller._prim,
    Op.OPAQUE: Speller._opaque,
}
