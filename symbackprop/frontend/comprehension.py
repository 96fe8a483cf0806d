"""Index notation over handles: any comprehension in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sympy import Eq, Expr, Idx, Integer
from sympy.core.relational import (
    GreaterThan,
    LessThan,
    StrictGreaterThan,
    StrictLessThan,
)

from symbackprop.errors import InvalidExpressionError, ShapeError, UnsupportedError
from symbackprop.frontend.entries import Entry
from symbackprop.frontend.from_sympy_index import Scalars, index_rules
from symbackprop.frontend.importer import Environment, Importer, arrays_of, short
from symbackprop.frontend.index_survey import Survey
from symbackprop.frontend.scalar_terms import Letter, Letters, Term
from symbackprop.frontend.tensor import Tensor
from symbackprop.ir import Kind, Reduction
from symbackprop.scalars import placeholder
from symbackprop.sizes import At, Constraint, Index, Size, as_size, axis, same_size

_STRICT = {StrictGreaterThan: 1, GreaterThan: 0, StrictLessThan: 1, LessThan: 0}
Condition: TypeAlias = Any
"""A relation between indices, or an entry of a boolean tensor."""


def comprehension(
    body: Any,
    *,
    out: Sequence[Idx] | Idx = (),
    sum: Sequence[Idx] | Idx = (),
    max: Sequence[Idx] | Idx = (),
    where: Sequence[Condition] | Condition = (),
    sizes: Mapping[Idx, int | str | Expr] | None = None,
) -> Tensor:
    """``result[out] = sum (or max) of body over the other indices, where the conditions hold``.

    Parameters
    ----------
    body : Expr
        A scalar expression in entries ``W[i, k]`` of tensors, indices and sizes.
    out, sum, max : Idx or sequence of Idx
        The indices of the result, and those it is reduced over (`sum` or `max`, not both).
    where : condition or sequence
        ``i >= k``, ``Eq(i, k)``, or an entry of a boolean tensor. Where one does not hold, nothing
        is added, and the body is never looked at.
    sizes : mapping of Idx to size, optional
        Sizes of indices that are no plain index of a tensor.

    Examples
    --------
    >>> import symbackprop as sb
    >>> n, h = sb.dims("n h")
    >>> W, x = sb.param("W", h, n), sb.input("x", n)
    >>> i, k = sb.indices("i k")
    >>> sb.comprehension(W[i, k] * x[k], out=i, sum=k).shape
    (h,)

    Raises
    ------
    ShapeError
        Where the range of an index is not known, or it leaves an axis.
    InvalidExpressionError
        Where an index is used but not listed.
    """
    outs, sums, maxima = (_listed(group) for group in (out, sum, max))
    if sums and maxima:
        raise InvalidExpressionError("a comprehension has indices of a sum or of a maximum")
    conditions = tuple(where) if isinstance(where, Sequence) else (where,)
    expression = Integer(body) if isinstance(body, int) else body
    if isinstance(body, Tensor) and not body.shape:
        expression = Entry(body)
    if not isinstance(expression, Expr):
        raise InvalidExpressionError(
            f"comprehension: expected a scalar expression, found {type(body).__name__}",
            help="write entries with index symbols: i, k = sb.indices('i k'); W[i, k] * x[k]",
        )
    importer = _importer()
    env = _environment(importer, [expression, *conditions], (*outs, *sums, *maxima), sizes or {})
    domain = [c for condition in conditions for c in _constraints(importer, condition, env)]
    # under a domain the body stays one: nothing of it may be looked at outside
    term = (
        Scalars(Survey()).term(importer, expression, env)
        if domain
        else importer.run_term(expression, env)
    )
    numbers = dict(env)
    place = [numbers[i] for i in outs]
    return _reduced(
        importer.letters,
        term,
        place,
        [numbers[i] for i in (*sums, *maxima)],
        domain,
        Reduction.MAX if maxima else Reduction.SUM,
    )


def _reduced(
    letters: Letters,
    term: Term,
    out: Sequence[int],
    reduced: Sequence[int],
    domain: Sequence[Constraint],
    reduction: Reduction,
) -> Tensor:
    if reduction is Reduction.MAX:
        simple = letters.stored(term)
        return letters.tensor(placeholder(0), simple.reads, out, reduced, domain, reduction)
    if domain or not reduced:
        return letters.tensor(term.body, term.reads, out, reduced, domain)
    total = letters.total(term, reduced)
    plain = tuple(axis(a) for a in out)
    if total.reads[0][0] is not None and total.reads[0][1] == plain:
        return total.reads[0][0]
    return letters.tensor(total.body, total.reads, out)


def _listed(group: Sequence[Idx] | Idx) -> tuple[Idx, ...]:
    listed = (group,) if isinstance(group, Idx) else tuple(group)
    for index in listed:
        if not isinstance(index, Idx):
            raise InvalidExpressionError(
                f"an index is made by sb.indices, found {type(index).__name__}"
            )
    return listed


def _importer() -> Importer:
    rules, scalar = index_rules(Survey())
    return Importer(rules, scalar, arrays_of(()), Letters())


def _environment(
    importer: Importer,
    expressions: Sequence[Any],
    listed: Sequence[Idx],
    given: Mapping[Idx, int | str | Expr],
) -> Environment:
    """The letters of all indices, with sizes that are given or told by an axis they run over."""
    if len(set(listed)) < len(listed):
        raise InvalidExpressionError(f"an index is listed twice: {', '.join(map(str, listed))}")
    sizes: dict[Idx, Size] = {i: as_size(size) for i, size in given.items()}
    for index in listed:
        if index.lower is not None and index not in sizes:
            sizes[index] = as_size(index.upper - index.lower + 1)
    for entry in _entries(expressions):
        for index, size in zip(entry.indices, entry.tensor.shape, strict=True):
            if isinstance(index, Idx):
                known = sizes.setdefault(index, size)
                if not same_size(known, size):
                    raise ShapeError(
                        f"the index {index} runs over axes of sizes {known} and {size}: {entry}",
                        help=f"{known} and {size} are unrelated sizes",
                    )
    missing = [i for i in listed if i not in sizes]
    if missing:
        raise ShapeError(
            f"the range of the index {missing[0]} is not known",
            help=f"give it: sizes={{{missing[0]}: n}}",
        )
    unlisted = sorted({str(i) for i in sizes} - {str(i) for i in listed})
    if unlisted:
        raise InvalidExpressionError(
            f"the index {unlisted[0]} is neither among out nor summed",
            help=f"list it: out=({unlisted[0]}, ...) or sum=({unlisted[0]}, ...)",
        )
    numbers = {
        index: importer.letters.number(Letter(index, Integer(0), sizes[index])) for index in listed
    }
    return tuple(sorted(numbers.items(), key=lambda pair: str(pair[0])))


def _entries(expressions: Sequence[Any]) -> list[Entry]:
    found: list[Entry] = []
    pending = list(reversed(expressions))
    while pending:
        here = pending.pop()
        if isinstance(here, Entry):
            found.append(here)
        pending.extend(reversed(here.args))
    return found


def _constraints(importer: Importer, condition: Condition, env: Environment) -> list[Constraint]:
    """A condition on indices as constraints of a domain."""
    index = Scalars(Survey()).index
    if isinstance(condition, Entry):
        if condition.tensor.kind is not Kind.BOOL:
            raise InvalidExpressionError(
                f"where: {condition} does not hold booleans", help='declare it with kind="bool"'
            )
        importer.letters.name(condition.tensor)
        place = tuple(index(importer, i, env) for i in condition.indices)
        value = At(condition.tensor.serial, place)
        return [Constraint(Index(((value, Integer(1)),), Integer(-1)), equality=True)]
    if isinstance(condition, Eq):
        left, right = (index(importer, side, env) for side in condition.args)
        return [Constraint(left - right, equality=True)]
    if type(condition) in _STRICT:
        left, right = (index(importer, side, env) for side in (condition.gts, condition.lts))
        return [Constraint((left - right).shifted(Integer(-_STRICT[type(condition)])))]
    raise UnsupportedError(
        f"where: {short(condition)} is no condition on indices",
        help="i >= k, i > k, Eq(i, k), or an entry M[i, k] of a boolean tensor; several conditions "
        "in a list hold together",
    )
