"""Sums of products: matrix products, einsum, and the split of longer products into pairs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from sympy import Expr, Integer

from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.frontend.comprehend import comprehend, positions
from symbackprop.frontend.record import Record, T, describe
from symbackprop.ir import Read
from symbackprop.scalars import placeholder
from symbackprop.sizes import Index, Size, axis, constant, same_size

Factor = tuple[T, tuple[Index, ...]]
"""A tensor and the index terms at which it is read, over the axes of the contraction."""


def contract(
    factors: Sequence[Factor[T]],
    sizes: Sequence[Size],
    out: Sequence[int],
    coefficient: Expr | None = None,
    facts: Sequence[Size] = (),
) -> T:
    """The sum over all axes but `out` of a product, at most two factors a node.

    Where there are more than two, the pair whose product removes most axes goes first; of those
    the one that leaves fewest, and the leftmost.

    sizes : the size of each axis;  out : the axes of the result, in order
    """
    left = list(factors)
    done: set[int] = set()
    while len(left) > 2:
        a, b = _best_pair(left, out)
        others = [f for k, f in enumerate(left) if k not in (a, b)]
        wanted = {*out, *(i for f in others for i in _axes_of(f))}
        pair = (left[a], left[b])
        kept = sorted(wanted & {*_axes_of(pair[0]), *_axes_of(pair[1])})
        done.update({*_axes_of(pair[0]), *_axes_of(pair[1])} - wanted)
        merged = _sum_of_product(pair, sizes, kept, None, facts)
        left = [(merged, tuple(axis(i) for i in kept)), *others]
    everything = [i for i in range(len(sizes)) if i not in out and i not in done]
    return _sum_of_product(left, sizes, out, coefficient, facts, everything)


def _axes_of(factor: Factor[T]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(i for term in factor[1] for i in term.axes()))


def _best_pair(factors: Sequence[Factor[T]], out: Sequence[int]) -> tuple[int, int]:
    best: tuple[int, int] = (0, 1)
    most = (-1, 0)
    for a, b in combinations(range(len(factors)), 2):
        rest = {i for k, f in enumerate(factors) if k not in (a, b) for i in _axes_of(f)}
        inside = {*_axes_of(factors[a]), *_axes_of(factors[b])}
        removed = inside - rest - set(out)
        score = (len(removed), -len(inside - removed))
        if score > most:
            best, most = (a, b), score
    return best


def _sum_of_product(
    factors: Sequence[Factor[T]],
    sizes: Sequence[Size],
    out: Sequence[int],
    coefficient: Expr | None,
    facts: Sequence[Size],
    summed: Sequence[int] | None = None,
) -> T:
    if summed is None:
        found = dict.fromkeys(i for f in factors for i in _axes_of(f))
        summed = [i for i in found if i not in out]
    order = [*out, *summed]
    place = {a: n for n, a in enumerate(order)}
    operands = tuple(dict.fromkeys(f[0] for f in factors))
    reads = [
        Read(operands.index(tensor), tuple(t.renamed(place.__getitem__) for t in index))
        for tensor, index in factors
    ]
    body: Expr = Integer(1) if coefficient is None else coefficient
    for k in range(len(reads)):
        body = body * placeholder(k)
    return comprehend(
        operands,
        [sizes[a] for a in out],
        [sizes[a] for a in order],
        body,
        reads,
        positions(len(out)),
        facts=facts,
    )


def matmul(a: T, b: T) -> T:
    """``a @ b`` over the last two axes, with leading axes broadcast; vectors as in NumPy.

    A row vector ``v.T`` on the right of a column gives their outer product.

    Raises
    ------
    ShapeError
        When the inner sizes differ, or an operand is a scalar.
    """
    if not a.shape or not b.shape:
        raise ShapeError(
            f"matmul: a scalar has no rows or columns: {describe(a)} @ {describe(b)}",
            help="scale with *",
        )
    if len(b.shape) == 1 and b.row:
        return _times_row(a, b)
    inner_a, inner_b = a.shape[-1], b.shape[-2] if len(b.shape) > 1 else b.shape[0]
    if not same_size(inner_a, inner_b):
        raise _inner_mismatch(a, b, inner_a, inner_b)
    batch_a = a.shape[:-2] if len(a.shape) > 1 else ()
    batch_b = b.shape[:-2] if len(b.shape) > 1 else ()
    batch, index_a, index_b = _batches(a, b, batch_a, batch_b)
    sizes = list(batch)
    out = list(range(len(batch)))
    if len(a.shape) > 1:
        out.append(len(sizes))
        index_a.append(axis(len(sizes)))
        sizes.append(a.shape[-2])
    index_a.append(axis(len(sizes)))
    index_b.append(axis(len(sizes)))
    sizes.append(inner_a)
    if len(b.shape) > 1:
        out.append(len(sizes))
        index_b.append(axis(len(sizes)))
        sizes.append(b.shape[-1])
    made = contract([(a, tuple(index_a)), (b, tuple(index_b))], sizes, out)
    return made.again(row=True) if len(a.shape) == 1 and a.row and len(b.shape) == 2 else made


def _times_row(a: T, b: T) -> T:
    if len(a.shape) == 1 and not a.row:
        return contract([(a, (axis(0),)), (b, (axis(1),))], [a.shape[0], b.shape[0]], [0, 1])
    raise ShapeError(
        f"matmul: nothing multiplies a row from the left here: {describe(a)} @ {describe(b)}.T",
        help="u @ v.T is the outer product of two vectors; M @ v takes the column v",
    )


def _inner_mismatch(a: Record, b: Record, left: Size, right: Size) -> ShapeError:
    advice = f"{left} and {right} are unrelated sizes"
    if left.is_Integer and right.is_Integer:
        advice = f"{left} is not {right}"
    if len(b.shape) == 2 and same_size(left, b.shape[1]):
        advice += f"; the transpose of the right operand has shape ({b.shape[1]}, {b.shape[0]})"
    elif len(a.shape) == 2 and same_size(a.shape[0], right):
        advice += f"; the transpose of the left operand has shape ({a.shape[1]}, {a.shape[0]})"
    return ShapeError(f"matmul: inner sizes differ: {describe(a)} @ {describe(b)}", help=advice)


def _batches(
    a: Record, b: Record, batch_a: Sequence[Size], batch_b: Sequence[Size]
) -> tuple[list[Size], list[Index], list[Index]]:
    """The broadcast leading axes of a matrix product, and how each operand is read there."""
    rank = max(len(batch_a), len(batch_b))
    sizes: list[Size] = []
    reads: tuple[list[Index], list[Index]] = ([], [])
    for k in range(rank):
        found: list[Size] = []
        for batch, index in zip((batch_a, batch_b), reads, strict=True):
            j = k - (rank - len(batch))
            if j < 0:
                continue
            index.append(constant(0) if batch[j] == 1 else axis(k))
            if batch[j] != 1:
                found.append(batch[j])
        if len(found) == 2 and not same_size(*found):
            raise ShapeError(
                f"matmul: leading sizes differ: {describe(a)} @ {describe(b)}",
                help=f"{found[0]} and {found[1]} are unrelated; leading axes stretch only from 1",
            )
        sizes.append(found[0] if found else Integer(1))
    return sizes, reads[0], reads[1]


def einsum(spec: str, *operands: T) -> T:
    """The sum of products that `spec` says: ``einsum("bij,bjk->bik", A, B)``.

    A letter that occurs twice in one operand reads its diagonal; letters missing
    from the right side are summed.

    Raises
    ------
    InvalidExpressionError
        When the specification cannot be read.
    ShapeError
        When it does not fit the operands.
    """
    inputs, output = _einsum_parts(spec, len(operands))
    letters = tuple(dict.fromkeys("".join(inputs)))
    sizes: dict[str, Size] = {}
    for word, operand in zip(inputs, operands, strict=True):
        if len(word) != len(operand.shape):
            raise ShapeError(
                f'einsum: "{word}" names {len(word)} axes, {describe(operand)} has '
                f"{len(operand.shape)}"
            )
        for letter, size in zip(word, operand.shape, strict=True):
            known = sizes.setdefault(letter, size)
            if not same_size(known, size):
                raise ShapeError(
                    f'einsum: axis "{letter}" of "{spec}" is {known} and {size}: '
                    + " and ".join(describe(x) for x in operands)
                )
    place = {letter: k for k, letter in enumerate(letters)}
    factors = [
        (operand, tuple(axis(place[c]) for c in word))
        for word, operand in zip(inputs, operands, strict=True)
    ]
    return contract(factors, [sizes[c] for c in letters], [place[c] for c in output])


def _einsum_parts(spec: str, count: int) -> tuple[list[str], str]:
    compact = spec.replace(" ", "")
    left, arrow, right = compact.partition("->")
    inputs = left.split(",")
    letters = left.replace(",", "")
    if not letters.isalpha() and letters:
        raise InvalidExpressionError(
            f'einsum: cannot read "{spec}"',
            help='letters, commas and an arrow: "ij,jk->ik"; "..." is not supported, name the axes',
        )
    if len(inputs) != count or count == 0:
        raise InvalidExpressionError(
            f'einsum: "{spec}" names {len(inputs)} operands, {count} were given'
        )
    if not arrow:
        right = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    if len(set(right)) < len(right) or any(c not in letters for c in right):
        raise InvalidExpressionError(
            f'einsum: the result "{right}" of "{spec}" repeats or invents an axis',
            help="sb.diag makes a matrix of a vector",
        )
    return inputs, right
