"""Names for values that the network does not name: what is computed, of what."""

from __future__ import annotations

from symbackprop.codegen.arrays import Array, ArrayProgram, Op, Windows
from symbackprop.ir import Kind
from symbackprop.scalars.numpy_tree import Apply, Number, Ufunc

_LONGEST = 18
_WORDS = {
    Op.MATMUL: "product",
    Op.VDOT: "dot",
    Op.VECDOT: "dots",
    Op.SUM: "sum",
    Op.MAX: "max",
    Op.ARGMAX: "winner",
    Op.RANGE: "index",
    Op.GATHER: "picked",
    Op.SCATTER: "placed",
    Op.PAD: "padded",
    Op.COPY: "last",
    Op.PRIM: "solved",
}
_OF = {
    Ufunc.SQUARE: "{}_squared",
    Ufunc.NEGATIVE: "minus_{}",
    Ufunc.SQRT: "root_{}",
    Ufunc.CAST: "{}_real",
}
_NOUNS = {
    Ufunc.ADD: "total",
    Ufunc.SUBTRACT: "difference",
    Ufunc.MULTIPLY: "scaled",
    Ufunc.DIVIDE: "ratio",
    Ufunc.WHERE: "chosen",
}


def described(program: ArrayProgram, i: int) -> str:
    """A name made of what is computed of what: `tanh_z1`, `x_sum`, `one_minus_a`."""
    array = program[i]
    given = program.names.get(i) or program.hints.get(i)
    if given or array.op is Op.ARGUMENT:
        return given or str(array.detail)
    operands = [_own_name(program, arg) for arg in array.args]
    if array.kind is Kind.BOOL:
        return _joined("mask_{}", operands)
    if array.op is not Op.MAP or not isinstance(array.detail, Apply):
        return _joined(_WORDS.get(array.op, "value") + "_{}", operands)
    inner = _sigmoid_argument(program, array)
    if inner is not None:
        return _joined("sigmoid_{}", [_own_name(program, inner)])
    tree = array.detail
    if tree.function is Ufunc.SUBTRACT and tree.args[0] == Number(1):
        return _joined("one_minus_{}", operands)
    if tree.function is Ufunc.SUBTRACT and _is_log_sum(program, array.args[-1]):
        return _joined("log_softmax_{}", operands)
    if not array.shape and tree.function in (Ufunc.MULTIPLY, Ufunc.DIVIDE):
        return "scale"
    if tree.function in _OF:
        return _joined(_OF[tree.function], operands)
    return _joined(_NOUNS.get(tree.function, tree.function.value) + "_{}", operands)


def view_name(program: ArrayProgram, i: int) -> str:
    """A name for a view: `windows_x`, `W_view`."""
    current, windows = i, False
    while program[current].op is Op.VIEW:
        windows = windows or isinstance(program[current].detail, Windows)
        (current,) = program[current].args
    owner = _own_name(program, current)
    if windows:
        return f"windows_{owner}" if owner else "windows"
    return f"{owner}_view" if owner else "view"


def _joined(form: str, operands: list[str]) -> str:
    """The form with the first operand that has a short name, or without."""
    short = next((name for name in operands if name and len(name) <= _LONGEST), None)
    if short is not None:
        return form.format(short)
    bare = form.format("").strip("_").replace("__", "_")
    return {"minus": "opposite", "one_minus": "rest"}.get(bare, bare)


def _own_name(program: ArrayProgram, i: int) -> str:
    base = program.base(i)
    if program[base].op is Op.ARGUMENT:
        return program.names.get(base, str(program[base].detail))
    return program.names.get(base) or program.hints.get(base) or ""


def _is_log_sum(program: ArrayProgram, i: int) -> bool:
    return program.hints.get(program.base(i), "").startswith("logsumexp")


def _sigmoid_argument(program: ArrayProgram, array: Array) -> int | None:
    """The x of 1/(1 + e^-x) or (tanh(x/2) + 1)/2."""
    exact = [(Ufunc.DIVIDE, 1), (Ufunc.ADD, 1), (Ufunc.EXP, None), (Ufunc.MINIMUM, None)]
    quick = [(Ufunc.ADD, 0.5), (Ufunc.MULTIPLY, 0.5), (Ufunc.TANH, None), (Ufunc.MULTIPLY, 0.5)]
    for steps in (exact, quick):
        current, found = array, None
        for function, number in steps:
            tree = current.detail
            if not isinstance(tree, Apply) or tree.function is not function:
                break
            numbers = [a.value for a in tree.args if isinstance(a, Number)]
            if (number is not None and number not in numbers) or len(current.args) != 1:
                break
            found = current.args[0]
            current = program[program.base(found)]
        else:
            if isinstance(current.detail, Apply) and current.detail.function is Ufunc.NEGATIVE:
                return current.args[0]
            return found
    return None
