"""Making handles: comprehensions over operands, and elementwise bodies with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from sympy import Add, Expr, Integer, Mul, Pow, Symbol

from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.frontend.recognise import recognise
from symbackprop.frontend.record import Computed, Formula, Record, T, describe, shape_text
from symbackprop.ir import Kind, Operand, Read, Reduction
from symbackprop.scalars import Where, placeholder, placeholder_index
from symbackprop.sizes import Constraint, Index, Size, axis, constant, same_size

FORMULA_LIMIT = 24
"""Operations up to which a value is also kept as one expression, for recognition."""


def comprehend(
    operands: Sequence[T],
    shape: Sequence[Size],
    axes: Sequence[Size],
    body: Expr,
    reads: Sequence[Operand],
    write: Sequence[Index] | None = None,
    domain: Sequence[Constraint] = (),
    reduction: Reduction = Reduction.SUM,
    facts: Sequence[Size] = (),
) -> T:
    """``out[write] red= body(reads)`` as a handle; reads and look-ups count the operands."""
    target = positions(len(shape)) if write is None else tuple(write)
    kind = Kind.INT if reduction is Reduction.ARGMAX else _kind(operands, body, reads)
    definition = Computed(
        tuple(operands),
        tuple(axes),
        body,
        tuple(reads),
        target,
        tuple(domain),
        reduction,
        pointwise=False,
    )
    return type(operands[0])(shape, definition, kind=kind, facts=tuple(facts))


def positions(count: int, first: int = 0) -> tuple[Index, ...]:
    """The axes ``first .. first + count - 1`` as index terms."""
    return tuple(axis(first + i) for i in range(count))


def _kind(operands: Sequence[Record], body: Expr, reads: Sequence[Operand]) -> Kind:
    if len(reads) == 1 and body == placeholder(0) and isinstance(reads[0], Read):
        return operands[reads[0].source].kind
    return Kind.REAL


def broadcast_shape(what: str, operands: Sequence[Record]) -> tuple[Size, ...]:
    """The common shape, right-aligned: an axis stretches only where it is literally 1 or missing.

    Raises
    ------
    ShapeError
        When two sizes differ; different names are different sizes.
    """
    rank = max((len(x.shape) for x in operands), default=0)
    shape: list[Size] = [Integer(1)] * rank
    for operand in operands:
        for k, size in enumerate(operand.shape, rank - len(operand.shape)):
            if shape[k] == 1:
                shape[k] = size
            elif size != 1 and not same_size(shape[k], size):
                raise _mismatch(what, operands, shape[k], size)
    return tuple(shape)


def _mismatch(what: str, operands: Sequence[Record], a: Size, b: Size) -> ShapeError:
    shapes = " and ".join(describe(x) for x in operands if x.shape)
    symbolic = not (a.is_Integer and b.is_Integer)
    reason = f"{a} and {b} are unrelated sizes" if symbolic else f"{a} is not {b}"
    return ShapeError(
        f"{what}: shapes do not fit: {shapes}",
        help=f"{reason}; axes are aligned from the right, and only an axis of size 1 or a "
        "missing one is stretched",
    )


def aligned(operand: Record, rank: int) -> tuple[Index, ...]:
    """The index terms by which `operand` is read at a position of `rank` axes."""
    first = rank - len(operand.shape)
    return tuple(
        constant(0) if size == 1 else axis(first + k) for k, size in enumerate(operand.shape)
    )


def pointwise(what: str, body: Expr, operands: Sequence[T]) -> T:
    """One node: `body` of the operands, entry by entry, with broadcasting."""
    body, operands = _distinct(body, operands)
    row = _row(what, operands)
    shape = broadcast_shape(what, operands)
    definition = Computed(
        tuple(operands),
        shape,
        body,
        tuple(Read(k, aligned(x, len(shape))) for k, x in enumerate(operands)),
        positions(len(shape)),
        (),
        Reduction.NONE,
        pointwise=True,
    )
    kind = _kind(operands, body, definition.reads)
    return type(operands[0])(
        shape, definition, kind=kind, formula=_formula(body, operands), row=row
    )


def body_at(
    operands: Sequence[T],
    shape: Sequence[Size],
    body: Expr,
    reads: Sequence[Operand],
    facts: Sequence[Size] = (),
) -> T:
    """One node: `body` of reads anywhere, for every position of `shape`."""
    definition = Computed(
        tuple(operands),
        tuple(shape),
        body,
        tuple(reads),
        positions(len(shape)),
        (),
        Reduction.NONE,
        pointwise=True,
    )
    kind = _kind(operands, body, reads)
    return type(operands[0])(shape, definition, kind=kind, facts=tuple(facts))


def _distinct(body: Expr, operands: Sequence[T]) -> tuple[Expr, tuple[T, ...]]:
    """Each operand that the body uses once, in order."""
    used = [placeholder_index(s) for s in body.free_symbols]
    place: dict[T, int] = {}
    for k in sorted(k for k in used if k is not None):
        place.setdefault(operands[k], len(place))
    if not place:
        return body, tuple(operands[:1])
    moves = {placeholder(k): placeholder(place[x]) for k, x in enumerate(operands) if x in place}
    return body.xreplace(moves), tuple(place)


def _row(what: str, operands: Sequence[Record]) -> bool:
    """Whether the result is a row: a column and a row do not mix."""
    vectors = [x for x in operands if len(x.shape) == 1]
    rows = [x for x in vectors if x.row]
    others = [x for x in operands if len(x.shape) > 1]
    if rows and len(rows) < len(vectors) and not others:
        raise ShapeError(
            f"{what}: a row and a column do not fit: {' and '.join(describe(x) for x in vectors)}",
            help="v.T is a row; use sb.outer(u, v) or u @ v.T for the matrix of products",
        )
    return bool(rows) and not others


def _formula(body: Expr, operands: Sequence[Record]) -> Formula | None:
    """The value as one expression through its anonymous operands, unless that grows long."""
    leaves: dict[Record, int] = {}
    moves: dict[Expr, Expr] = {}
    for k, operand in enumerate(operands):
        inner = operand.formula if operand.label.name is None else None
        if inner is None:
            moves[placeholder(k)] = placeholder(leaves.setdefault(operand, len(leaves)))
        else:
            places = tuple(leaves.setdefault(leaf, len(leaves)) for leaf in inner.leaves)
            moves[placeholder(k)] = _renumbered(inner.body, places)
    whole = _substituted(body, tuple(moves.items()))
    return None if whole is None else Formula(whole, tuple(leaves))


@lru_cache(maxsize=8192)
def _renumbered(body: Expr, places: tuple[int, ...]) -> Expr:
    return body.xreplace({placeholder(k): placeholder(n) for k, n in enumerate(places)})


@lru_cache(maxsize=8192)
def _substituted(body: Expr, moves: tuple[tuple[Expr, Expr], ...]) -> Expr | None:
    whole = body.xreplace(dict(moves))
    return whole if whole.count_ops() <= FORMULA_LIMIT else None


def elementwise(what: str, body: Expr, operands: Sequence[T]) -> T:
    """`body` of the operands, entry by entry: recognised, then one node for each function in it.

    A function's operand and its value are nodes of their own; sums, products and powers between
    them are one node.
    """
    if not operands:
        raise InvalidExpressionError(f"{what}: no tensor among the operands")
    check_body(what, body, len(operands))
    known: list[T] = list(operands)

    def store(part: Expr) -> Expr:
        known.append(pointwise(what, part, known))
        return placeholder(len(known) - 1)

    rest = split(recognise(body), store)
    if (k := placeholder_index(rest)) is not None and k >= len(operands):
        return known[k]
    return _recognised(what, pointwise(what, rest, known))


def _recognised(what: str, made: T) -> T:
    """The handle, or a simpler one of the same value that its formula shows."""
    formula = made.formula
    definition = made.definition
    if formula is None or (isinstance(definition, Computed) and formula.body == definition.body):
        return made
    better = recognise(formula.body)
    if better == formula.body:
        return made
    leaves: list[T] = [x for x in formula.leaves if isinstance(x, type(made))]

    def store(part: Expr) -> Expr:
        leaves.append(pointwise(what, part, leaves))
        return placeholder(len(leaves) - 1)

    return pointwise(what, split(better, store), leaves)


Store = Callable[[Expr], Expr]
"""Makes a node of a body and gives the placeholder that reads it."""


def split(body: Expr, store: Store) -> Expr:
    """The body with each function application below its head as a stored node.

    Bodies are shallow (their length is bounded), so this recurses.
    """
    if not body.args or not _reads(body) or isinstance(body, Where):
        return body
    if _is_arithmetic_head(body):
        return body.func(*(_stored_functions(part, store) for part in body.args))
    return body.func(*(_argument(part, store) for part in body.args))


def _is_arithmetic_head(body: Expr) -> bool:
    return isinstance(body, Add | Mul) or (isinstance(body, Pow) and body.args[1].is_number)


def _stored_functions(part: Expr, store: Store) -> Expr:
    """Part of a sum, product or power: arithmetic stays, a function is stored."""
    if not part.args or not _reads(part):
        return part
    part = recognise(part)
    inner = split(part, store)
    return inner if _is_arithmetic_head(part) else store(inner)


def _argument(part: Expr, store: Store) -> Expr:
    """The operand of a function: a read, a constant, or a stored node."""
    if not part.args or not _reads(part):
        return part
    return store(split(recognise(part), store))


def _reads(body: Expr) -> bool:
    return any(placeholder_index(s) is not None for s in body.free_symbols)


def check_body(what: str, body: Expr, count: int) -> None:
    """Refuse a body with symbols that are neither placeholders nor sizes.

    Raises
    ------
    InvalidExpressionError
        With the symbol and what to write instead.
    """
    for symbol in sorted(body.free_symbols, key=str):
        k = placeholder_index(symbol)
        if k is None and not is_size_symbol(symbol):
            raise InvalidExpressionError(
                f"{what}: the symbol {symbol} is neither a size nor a tensor",
                help=f'declare sb.input("{symbol}") or sb.param("{symbol}"), or a size by '
                f'sb.dims("{symbol}")',
            )
        if k is not None and k >= count:
            raise InvalidExpressionError(f"{what}: the body reads operand {k} of {count}")


def refuse_tensors(what: str, body: Expr) -> None:
    """Refuse a SymPy expression that holds a tensor: SymPy's functions take numbers.

    Raises
    ------
    InvalidExpressionError
        With the tensor.
    """
    held = sorted(body.atoms(Record), key=str) if body.args else []
    if held:
        raise InvalidExpressionError(
            f"{what}: the SymPy expression {body} holds {describe(held[0])}",
            help="apply sb.exp and its like to tensors, not SymPy's functions",
        )


def is_size_symbol(symbol: Symbol) -> bool:
    """Whether `symbol` comes from the factory of sizes."""
    return bool(symbol.is_Symbol and symbol.is_integer and symbol.is_positive)


__all__ = [
    "aligned",
    "broadcast_shape",
    "comprehend",
    "elementwise",
    "pointwise",
    "positions",
    "recognise",
    "shape_text",
]
