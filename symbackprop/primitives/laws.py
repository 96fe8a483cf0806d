"""The laws of inverse, determinant, log-determinant, solve and argsort.

Cotangents and tangents carry leading axes `extra`; primals do not. Every derivative is built of
comprehensions and primitives, so it has derivatives of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from symbackprop.errors import InternalError, ShapeError
from symbackprop.ir import Graph, Prim, PrimOp, Read
from symbackprop.primitives import elimination
from symbackprop.scalars import Absolute, Field, evaluate, function, placeholder
from symbackprop.scalars.fields import Array
from symbackprop.sizes import Index, Size, axis, same_size

Shape = tuple[Size, ...]
Forward = Callable[[Sequence[Array], Field], Array]
Vjp = Callable[[Graph, int, int, Shape], tuple[int | None, ...]]
Jvp = Callable[[Graph, int, tuple[int | None, ...], Shape], int]

P0, P1 = placeholder(0), placeholder(1)
_LOG_MAGNITUDE = function("log").head(Absolute(P0))


@dataclass(frozen=True, slots=True)
class Law:
    """All that is known of a primitive.

    shape : shapes of the operands -> shape of the result; raises ShapeError
    forward : values of the operands, field -> value, an array of the field (integers for argsort)
    vjp : graph, node, its cotangent, extra -> a cotangent of each operand, `extra` leading
    jvp : graph, node, a tangent or None for each operand, extra -> tangent of the result
    source : where the derivative comes from, or why there is none
    """

    shape: Callable[[Sequence[Shape]], Shape]
    forward: Forward
    vjp: Vjp | None
    jvp: Jvp | None
    source: str


def primitive(graph: Graph, op: PrimOp, args: Sequence[int]) -> int:
    """The id of `op` of `args`.

    Raises
    ------
    ShapeError
        When the operands do not have the shapes that `op` needs.
    """
    shapes = [graph.shape(arg) for arg in args]
    return graph.add(Prim(op, tuple(args), LAWS[op].shape(shapes)))


# Shapes


def _operands(op: str, shapes: Sequence[Shape], count: int) -> None:
    if len(shapes) != count:
        raise ShapeError(f"{op}: expected {count} operand(s), found {len(shapes)}")


def _square(op: str, shape: Shape) -> None:
    if len(shape) != 2 or not same_size(shape[0], shape[1]):
        raise ShapeError(f"{op}: expected a square matrix, found shape {_text(shape)}")


def _text(shape: Shape) -> str:
    return "(" + ", ".join(str(size) for size in shape) + ")"


def _matrix_shape(op: str) -> Callable[[Sequence[Shape]], Shape]:
    def shape(shapes: Sequence[Shape]) -> Shape:
        _operands(op, shapes, 1)
        _square(op, shapes[0])
        return shapes[0]

    return shape


def _scalar_shape(op: str) -> Callable[[Sequence[Shape]], Shape]:
    def shape(shapes: Sequence[Shape]) -> Shape:
        _operands(op, shapes, 1)
        _square(op, shapes[0])
        return ()

    return shape


def _solve_shape(shapes: Sequence[Shape]) -> Shape:
    _operands("solve", shapes, 2)
    matrix, right = shapes
    _square("solve", matrix)
    if not right or not same_size(matrix[1], right[0]):
        raise ShapeError(f"solve: shapes do not fit: {_text(matrix)} and {_text(right)}")
    return right


def _argsort_shape(shapes: Sequence[Shape]) -> Shape:
    _operands("argsort", shapes, 1)
    if not shapes[0]:
        raise ShapeError("argsort: a scalar has no axis to sort along")
    return shapes[0]


# Values


def _inverse_forward(values: Sequence[Array], field: Field) -> Array:
    (matrix,) = values
    return elimination.solve(matrix, elimination.identity(len(matrix), matrix, field))


def _determinant_forward(values: Sequence[Array], field: Field) -> Array:
    return field.array(elimination.determinant(values[0], field))


def _logdet_forward(values: Sequence[Array], field: Field) -> Array:
    found = field.array(elimination.determinant(values[0], field))
    return evaluate(_LOG_MAGNITUDE, (found,), {}, field)


def _solve_forward(values: Sequence[Array], field: Field) -> Array:
    matrix, right = values
    return elimination.solve(matrix, right.reshape(len(matrix), -1)).reshape(right.shape)


def _argsort_forward(values: Sequence[Array], field: Field) -> Array:
    return values[0].argsort(axis=-1, kind="stable")


# Derivatives


def _axes(start: int, count: int) -> tuple[Index, ...]:
    return tuple(axis(start + i) for i in range(count))


def _contract(
    graph: Graph, extra: Shape, left: tuple[int, str], right: tuple[int, str], out: str
) -> int:
    """``out = Σ left right``, a letter for each axis; ``*`` before them stands for `extra`."""
    sizes: dict[str, Size] = {}
    reads = []
    for source, letters in (left, right):
        plain = letters.lstrip("*")
        shape = graph.shape(source)[len(extra) if "*" in letters else 0 :]
        sizes.update(zip(plain, shape, strict=True))
    order = out + "".join(letter for letter in sizes if letter not in out)
    place = {letter: axis(len(extra) + n) for n, letter in enumerate(order)}
    for source, letters in (left, right):
        lead = _axes(0, len(extra)) if "*" in letters else ()
        reads.append(Read(source, (*lead, *(place[c] for c in letters.lstrip("*")))))
    shape = (*extra, *(sizes[c] for c in out))
    return graph.comp(shape, (*extra, *(sizes[c] for c in order)), P0 * P1, reads)


def _negated(graph: Graph, node_id: int) -> int:
    return graph.elementwise(-P0, [node_id])


def _operand(graph: Graph, node_id: int, k: int = 0) -> int:
    node = graph[node_id]
    if not isinstance(node, Prim):
        raise InternalError(f"%{node_id} is no primitive: {node}")
    return node.args[k]


def _inverse_vjp(graph: Graph, y: int, ct: int, extra: Shape) -> tuple[int | None, ...]:
    """X̄ = −Yᵀ ȳ Yᵀ,   Y = X⁻¹."""
    left = _contract(graph, extra, (y, "ki"), (ct, "*kl"), "il")
    return (_negated(graph, _contract(graph, extra, (left, "*il"), (y, "jl"), "ij")),)


def _inverse_jvp(graph: Graph, y: int, tangents: tuple[int | None, ...], extra: Shape) -> int:
    """Ẏ = −Y Ẋ Y."""
    left = _contract(graph, extra, (y, "ik"), (_given(tangents[0]), "*kl"), "il")
    return _negated(graph, _contract(graph, extra, (left, "*il"), (y, "lj"), "ij"))


def _determinant_vjp(graph: Graph, y: int, ct: int, extra: Shape) -> tuple[int | None, ...]:
    """X̄ = ȳ y X⁻ᵀ."""
    inverse = primitive(graph, PrimOp.INVERSE, (_operand(graph, y),))
    scaled = _contract(graph, extra, (ct, "*"), (y, ""), "")
    return (_contract(graph, extra, (scaled, "*"), (inverse, "ji"), "ij"),)


def _determinant_jvp(graph: Graph, y: int, tangents: tuple[int | None, ...], extra: Shape) -> int:
    """ẏ = y tr(X⁻¹ Ẋ)."""
    return _contract(graph, extra, (_logdet_jvp(graph, y, tangents, extra), "*"), (y, ""), "")


def _logdet_vjp(graph: Graph, y: int, ct: int, extra: Shape) -> tuple[int | None, ...]:
    """X̄ = ȳ X⁻ᵀ."""
    inverse = primitive(graph, PrimOp.INVERSE, (_operand(graph, y),))
    return (_contract(graph, extra, (ct, "*"), (inverse, "ji"), "ij"),)


def _logdet_jvp(graph: Graph, y: int, tangents: tuple[int | None, ...], extra: Shape) -> int:
    """ẏ = tr(X⁻¹ Ẋ)."""
    inverse = primitive(graph, PrimOp.INVERSE, (_operand(graph, y),))
    return _contract(graph, extra, (inverse, "ji"), (_given(tangents[0]), "*ij"), "")


def _solve_vjp(graph: Graph, y: int, ct: int, extra: Shape) -> tuple[int | None, ...]:
    """B̄ = A⁻ᵀ ȳ,   Ā = −B̄ Yᵀ."""
    matrix = _operand(graph, y)
    transposed = graph.comp(
        graph.shape(matrix), graph.shape(matrix), P0, [Read(matrix, (axis(1), axis(0)))]
    )
    right = _solved(graph, transposed, ct, extra)
    rest = _letters(len(graph.shape(y)) - 1)
    product = _contract(graph, extra, (right, f"*i{rest}"), (y, f"j{rest}"), "ij")
    return _negated(graph, product), right


def _solve_jvp(graph: Graph, y: int, tangents: tuple[int | None, ...], extra: Shape) -> int:
    """Ẏ = A⁻¹ (Ḃ − Ȧ Y)."""
    matrix_tangent, right_tangent = tangents
    parts: list[int] = [] if right_tangent is None else [right_tangent]
    if matrix_tangent is not None:
        rest = _letters(len(graph.shape(y)) - 1)
        product = _contract(graph, extra, (matrix_tangent, "*ij"), (y, f"j{rest}"), f"i{rest}")
        parts.append(_negated(graph, product))
    return _solved(graph, _operand(graph, y), graph.total(parts), extra)


def _solved(graph: Graph, matrix: int, right: int, extra: Shape) -> int:
    """A⁻¹ of a right side with leading axes `extra`: they go behind its first axis and back."""
    shape = graph.shape(right)
    count = len(extra)
    rest = _axes(1 + count, len(shape) - count - 1)
    inside = (shape[count], *extra, *shape[count + 1 :])
    first = graph.comp(inside, inside, P0, [Read(right, (*_axes(1, count), axis(0), *rest))])
    found = primitive(graph, PrimOp.SOLVE, (matrix, first))
    back = (axis(count), *_axes(0, count), *rest)
    return graph.comp(shape, shape, P0, [Read(found, back)])


def _letters(count: int) -> str:
    return "abcdefgh"[:count]


def _given(tangent: int | None) -> int:
    if tangent is None:
        raise InternalError("a tangent was asked for that does not depend on the operand")
    return tangent


_TRACE = "matrix calculus: d log det X = tr(X⁻¹ dX)"

LAWS: Final[Mapping[PrimOp, Law]] = MappingProxyType(
    {
        PrimOp.INVERSE: Law(
            _matrix_shape("inverse"),
            _inverse_forward,
            _inverse_vjp,
            _inverse_jvp,
            "matrix calculus: d(X⁻¹) = −X⁻¹ dX X⁻¹",
        ),
        PrimOp.DETERMINANT: Law(
            _scalar_shape("determinant"),
            _determinant_forward,
            _determinant_vjp,
            _determinant_jvp,
            f"{_TRACE}; at a singular X there is no X⁻¹, and no value",
        ),
        PrimOp.LOGDET: Law(
            _scalar_shape("logdet"), _logdet_forward, _logdet_vjp, _logdet_jvp, _TRACE
        ),
        PrimOp.SOLVE: Law(
            _solve_shape, _solve_forward, _solve_vjp, _solve_jvp, "d(A⁻¹B) = A⁻¹(dB − dA A⁻¹B)"
        ),
        PrimOp.ARGSORT: Law(
            _argsort_shape,
            _argsort_forward,
            None,
            None,
            "integers: constant wherever they have a derivative; equal entries keep their order",
        ),
    }
)
