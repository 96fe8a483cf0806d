"""Values of functions that nobody has defined: smooth waves, or random oracles."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from symbackprop.interpret.context import Context
from symbackprop.ir import Opaque
from symbackprop.scalars import (
    DigitsField,
    Field,
    FloatField,
    Residue,
    evaluate,
    function,
    placeholder,
)
from symbackprop.scalars.fields import Array, Scalar, seeded_integer

_WAVES = 3
_SCALE = 1 << 20
_SIN = function("sin").head(placeholder(0))
_COS = function("cos").head(placeholder(0))


def opaque_value(context: Context, node: Opaque) -> Array:
    """The function `node.name`, differentiated as `node.orders` says.

    Over the reals f = Σ_m A_m sin(Σ_j ⟨w_jm, x_j⟩ + φ_m), whose derivatives add a quarter turn
    and a factor w_j each. In an exact field an entry is a hash of name, orders, position and
    operands; derivatives by one operand commute, as partial derivatives do.
    """
    args = [context.values[arg] for arg in node.args]
    out_shape = context.shape(node.out_shape)
    if isinstance(context.numbers, (FloatField, DigitsField)):
        return _wave(node, args, out_shape, context.numbers)
    return _oracle(node, args, out_shape, context.numbers)


def _coefficients(label: str, shape: tuple[int, ...], field: Field) -> Array:
    """Numbers in -1 .. 1 that depend on the label only, and are exact in every field."""
    rng = np.random.default_rng(seeded_integer(label))
    drawn = rng.integers(-_SCALE, _SCALE, size=shape, endpoint=True)
    exact = [Fraction(int(n), _SCALE) for n in drawn.reshape(-1)]
    return field.array(np.array(exact, dtype=object)).reshape(shape)


def _wave(node: Opaque, args: Sequence[Array], out_shape: tuple[int, ...], field: Field) -> Array:
    kind = f"{node.name}/{len(args)}"
    amplitudes = _coefficients(f"{kind} amplitudes", (_WAVES, *out_shape), field)
    phase = _coefficients(f"{kind} phases", (_WAVES,), field)
    directions = [
        _coefficients(f"{kind} direction {j}", (_WAVES, *arg.shape), field)
        for j, arg in enumerate(args)
    ]
    for arg, direction in zip(args, directions, strict=True):
        phase = phase + (direction * arg).reshape(_WAVES, -1).sum(axis=1)
    turns = sum(node.orders)
    wave = evaluate(_COS if turns % 2 else _SIN, (phase,), {}, field)
    wave = -wave if turns % 4 >= 2 else wave
    parts = []
    for m in range(_WAVES):
        part = amplitudes[m] * wave[m]
        for direction, order in zip(directions, node.orders, strict=True):
            for _ in range(order):
                part = np.multiply.outer(part, direction[m])
        parts.append(part)
    return np.asarray(sum(parts[1:], parts[0]), dtype=field.dtype)


def _oracle(node: Opaque, args: Sequence[Array], out_shape: tuple[int, ...], field: Field) -> Array:
    operands = ";".join(",".join(_exact_text(x) for x in arg.reshape(-1)) for arg in args)
    seed = seeded_integer(f"{node.name}({operands})")
    shape = out_shape
    for arg, order in zip(args, node.orders, strict=True):
        shape += arg.shape * order
    out = np.empty(shape, dtype=object)
    for position in np.ndindex(shape):
        label = f"{seed}^{node.orders}{_commuted(position, node, args, len(out_shape))}"
        number = seeded_integer(label)
        out[position] = field.convert(Fraction(number % (2 * _SCALE) - _SCALE, 97))
    return out


def _commuted(
    position: tuple[int, ...], node: Opaque, args: Sequence[Array], start: int
) -> tuple[object, ...]:
    """The position, with the entries of one operand it is differentiated by in ascending order."""
    found: list[object] = [position[:start]]
    for arg, order in zip(args, node.orders, strict=True):
        ends = range(start, start + order * arg.ndim, arg.ndim) if arg.ndim else []
        found.append(tuple(sorted(position[end : end + arg.ndim] for end in ends)))
        start += order * arg.ndim
    return tuple(found)


def _exact_text(value: Scalar) -> str:
    return str(int(value)) if isinstance(value, Residue) else str(value)
