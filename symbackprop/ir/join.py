"""The join of a producer with its consumer: the only index rewrite.

Equate ``read = write``, eliminate equalities with a unit coefficient. It gives composition, write
to read, reshape folding, elimination of deltas and merging of heads at once, without floor or mod.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sympy import Expr

from symbackprop.ir.canonical import (
    Draft,
    fully_written,
    product,
    read_substituted,
    renumbered,
)
from symbackprop.ir.nodes import Comp, Read, Reduction
from symbackprop.scalars import placeholder
from symbackprop.sizes import Constraint, Index, Size, implied, is_nonnegative, same_size
from symbackprop.sizes.index import ONE, ZERO


@dataclass(frozen=True, slots=True)
class Joined:
    """The result of a join.

    restricted : whether the consumer got a constraint it did not have (its body is 0 where that
    does not hold)
    """

    draft: Draft
    restricted: bool


@dataclass(slots=True)
class _State:
    """A join under way: the equations left, and what has been eliminated."""

    consumer_axes: int
    box: list[Size]
    equations: list[Index]
    solved: dict[int, Index]
    domain: list[Constraint]
    added: list[Constraint]
    trusted: frozenset[int]
    write: tuple[Index, ...]


def join(comp: Comp, k: int, producer: Comp, facts: tuple[Size, ...]) -> Joined | None:
    """`comp` with its operand `k` replaced by the body of `producer`.

    Or None where that has no such form.

    A result that is `restricted` is right only because the consumer's body is 0 where operand k is
    0; that has been checked, as has that no maximum is restricted.
    """
    read = comp.reads[k]
    if not isinstance(read, Read) or producer.reduction is not Reduction.NONE:
        return None
    maximum = comp.reduction in (Reduction.MAX, Reduction.ARGMAX)
    if maximum and producer.body != placeholder(0):
        return None
    state = _start(comp, read, producer)
    if not _eliminate(state, facts) or not _accept_rest(state):
        return None
    consumed = [a for a in state.solved if a < state.consumer_axes]
    left = [a for a in range(state.consumer_axes, len(state.box)) if a not in state.solved]
    split = [a for a in consumed if _is_split(state, a)]
    digits = {a for split_axis in split for a in state.solved[split_axis].axes()}
    moved = consumed and comp.reduction is Reduction.ARGMAX
    if moved or len(set(left) - digits) > len(consumed) - len(split):
        return None
    partial = bool(state.added or producer.domain) or not (
        fully_written(producer) or _covers(producer, read)
    )
    if partial and (maximum or comp.body.xreplace({placeholder(k): ZERO}) != 0):
        return None
    draft = _combined(comp, k, producer, state)
    return Joined(draft, bool(state.added or producer.domain))


def _is_split(state: _State, a: int) -> bool:
    """Whether a consumer's axis is just its digits now: a bijection, however many they are."""
    solution = state.solved[a]
    if solution.const != 0 or any(b < state.consumer_axes for b in solution.axes()):
        return False
    digits = _mixed_radix(solution, state.box)
    return digits is not None and same_size(product(n for _, n in digits), state.box[a])


def _covers(producer: Comp, read: Read) -> bool:
    """Whether every entry that is read is written.

    Constant positions written where they are read.
    """
    if producer.domain:
        return False
    seen: set[int] = set()
    for r, w, size in zip(read.index, producer.write, producer.shape, strict=True):
        plain = w.plain_axis()
        if plain is not None and plain not in seen and same_size(producer.axes[plain], size):
            seen.add(plain)
        elif not (w.is_constant() and r == w):
            return False
    return True


def _start(comp: Comp, read: Read, producer: Comp) -> _State:
    count = len(comp.axes)
    write = tuple(t.renamed(lambda a: a + count) for t in producer.write)
    domain = [Constraint(c.term.renamed(lambda a: a + count), c.equality) for c in producer.domain]
    box = [*comp.axes, *producer.axes]
    equations: list[Index] = []
    trusted: set[int] = set()
    for r, w, size in zip(read.index, write, producer.shape, strict=True):
        equations.extend(_digits(r, w, box))
        plain = w.plain_axis()
        if plain is not None and plain not in trusted and same_size(box[plain], size):
            # the read is in range, so this axis is
            trusted.add(plain)
    return _State(
        count, box, equations, {}, [*comp.domain, *domain], [], frozenset(trusted), comp.write
    )


def _digits(r: Index, w: Index, box: Sequence[Size]) -> list[Index]:
    """``r - w = 0`` where both are mixed-radix numbers: one equation between common boundaries.

    A flattened ``i * b + j`` read as ``(p * c + q) * d + s`` with ``c * d = b`` gives ``i = p`` and
    ``j = q * d + s``.
    """
    if r.const != w.const:
        return [r - w]
    left, right = _mixed_radix(r, box), _mixed_radix(w, box)
    if left is None or right is None or len(left) + len(right) < 3:
        return [r - w]
    equations: list[Index] = []
    group: list[Index] = [Index(), Index()]
    base: list[Expr] = [ONE, ONE]
    sides = [list(left), list(right)]
    total: list[Expr] = [ONE, ONE]
    while any(sides):
        # the side that is behind takes its next digit; both start at each common boundary
        here = 0 if sides[0] and (not sides[1] or _behind(total[0], total[1])) else 1
        a, size = sides[here].pop(0)
        group[here] = group[here] + Index(((a, base[here]),))
        base[here] = base[here] * size
        total[here] = total[here] * size
        if all(sides) and same_size(total[0], total[1]):
            equations.append(group[0] - group[1])
            group, base = [Index(), Index()], [ONE, ONE]
    equations.append(group[0] - group[1])
    return equations


def _behind(one: Expr, other: Expr) -> bool:
    """Whether a stride is no multiple of the other yet: a guess that only costs a missed split."""
    return not same_size(one, other) and is_nonnegative(other - one)


def _mixed_radix(term: Index, box: Sequence[Size]) -> list[tuple[int, Size]] | None:
    """The digits of a mixed-radix number with their sizes, lowest first; None where it is none."""
    left = list(term.terms)
    stride: Expr = ONE
    digits: list[tuple[int, Size]] = []
    while left:
        found = next((t for t in left if same_size(t[1], stride)), None)
        if found is None or not isinstance(found[0], int):
            return None
        left.remove(found)
        digits.append((found[0], box[found[0]]))
        stride = stride * box[found[0]]
    return digits


def _eliminate(state: _State, facts: tuple[Size, ...]) -> bool:
    """Solve equations for axes with a unit coefficient, producer axes first.

    False where one cannot hold.
    """
    pending = list(state.equations)
    state.equations = []
    while pending:
        equation = pending.pop(0)
        if equation.is_constant():
            if equation.const != 0:
                return False
            continue
        choice = _choose(equation, state)
        if choice is None:
            state.equations.append(equation)
            continue
        solution = _solve(equation, choice)
        if choice not in state.trusted:
            _require_range(choice, solution, state, facts)
        step = {choice: solution}
        state.solved = {a: t.substitute(step) for a, t in state.solved.items()}
        state.solved[choice] = solution
        pending = [t.substitute(step) for t in (*state.equations, *pending)]
        state.equations = []
        state.domain = [c.substitute(step) for c in state.domain]
        state.added = [c.substitute(step) for c in state.added]
        state.write = tuple(t.substitute(step) for t in state.write)
    return True


def _choose(equation: Index, state: _State) -> int | None:
    """The axis to eliminate: a producer's before a consumer's, a summed before a written one.

    Where several digits of a producer meet one consumer axis, that axis goes and the digits take
    its place.
    """
    first = state.consumer_axes
    digits = sum(1 for a, _ in equation.terms if isinstance(a, int) and a >= first) > 1
    written = {a for t in state.write for a in t.axes()}
    inner = {a for look_up in equation.look_ups() for t in look_up.index for a in t.axes()}
    options = [
        a
        for a, c in equation.terms
        if isinstance(a, int)
        and (c == 1 or c == -1)
        and a not in inner
        and not (a in written and equation.has_look_up())
    ]
    if not options:
        return None
    return min(options, key=lambda a: ((a < first) != digits, a in written, -a))


def _solve(equation: Index, a: int) -> Index:
    c = equation.coefficient(a)
    rest = Index(tuple(t for t in equation.terms if t[0] != a), equation.const)
    return rest.scaled(-ONE) if c == 1 else rest


def _require_range(a: int, solution: Index, state: _State, facts: tuple[Size, ...]) -> None:
    """Add ``0 <= solution < size(a)`` as far as it is not proved without `a` itself."""
    above = solution.scaled(-ONE).shifted(state.box[a] - 1)
    for goal in (solution, above):
        known = [c.substitute({a: solution}) for c in (*state.domain, *state.added)]
        if not implied(goal, state.box, known, facts):
            state.added.append(Constraint(goal))


def _accept_rest(state: _State) -> bool:
    """Turn equations between consumer axes alone into constraints.

    False where a producer axis is left in one.
    """
    for equation in state.equations:
        if any(a >= state.consumer_axes for a in equation.axes()):
            return False
        state.added.append(Constraint(equation, equality=True))
    return True


def _combined(comp: Comp, k: int, producer: Comp, state: _State) -> Draft:
    count = state.consumer_axes
    kept = [n for n in range(len(comp.reads)) if n != k]
    inner = tuple(len(kept) + n for n in range(len(producer.reads)))
    place = [0] * len(comp.reads)
    for new, old in enumerate(kept):
        place[old] = new
    place[k] = len(kept) + len(inner)
    body = renumbered(comp.body, tuple(place)).xreplace(
        {placeholder(place[k]): renumbered(producer.body, inner)}
    )
    moved = {n: Index(((n + count, ONE),)) for n in range(len(producer.axes))}
    inner_reads = (read_substituted(r, moved) for r in producer.reads)
    outer_reads = (comp.reads[n] for n in kept)
    reads = tuple(read_substituted(r, state.solved) for r in (*outer_reads, *inner_reads))
    draft = Draft(
        comp.shape,
        tuple(state.box),
        body,
        reads,
        state.write,
        (*state.domain, *state.added),
        comp.reduction,
    )
    return _drop_eliminated(draft, state)


def _drop_eliminated(draft: Draft, state: _State) -> Draft:
    """Give eliminated axes size 1, so that they neither count as sums nor stay."""
    axes = tuple(ONE if a in state.solved else size for a, size in enumerate(draft.axes))
    reduction = draft.reduction
    if reduction is Reduction.NONE:
        # eliminated axes may have been written; the rest is still injective
        reduction = Reduction.SUM
    return replace(draft, axes=axes, reduction=reduction)


__all__ = ["Joined", "join"]
