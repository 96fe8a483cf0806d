"""Single edits of one side of a claim, each with its kind and what it says was wrong."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Joint, Label, Name, Node, Number
from symbackprop.notes.kinds import Big, ProductOp, Sign
from symbackprop.notes.printer import to_latex
from symbackprop.notes.repair.pool import (
    ELEMENTWISE,
    Pool,
    letters_in,
    primed,
    transposed,
    value_nodes,
)
from symbackprop.notes.trees import children, replace_at, unplaced

__all__ = ["Edit", "EditKind", "edits"]


class EditKind(enum.IntEnum):
    """Kinds of edits, the likelier slips first."""

    TRANSPOSE = 0
    ORDER = 1
    SIGN = 2
    SCALE = 3
    JOINT = 4
    SLOPE = 5
    LABEL = 6
    NAME = 7
    SUM = 8
    DROP = 9
    FACTOR = 10


Words = tuple[str, tuple[Node, ...]]
"""A sentence with places for formulas, and the formulas: put together only when it is told."""


@dataclass(frozen=True, slots=True)
class Edit:
    """An edited side, and what the edit says was wrong."""

    kind: EditKind
    side: Node
    said: tuple[Words, ...]

    @property
    def words(self) -> str:
        """What was wrong, in one sentence."""
        return ", and ".join(
            sentence.format(*(to_latex(unplaced(node)) for node in nodes))
            for sentence, nodes in self.said
        )


_Local = tuple[EditKind, Node, Words]
_JUXTAPOSED = Joint(ProductOp.JUXTAPOSED)
_TURNABLE = (Name, ast.Prefixed, ast.Group, ast.Apply, ast.Derivative)


def edits(side: Node, pool: Pool, letters: frozenset[str]) -> Iterator[Edit]:
    """All single edits of a side, unordered; `letters` are those that the claim may use."""
    nodes = value_nodes(side)
    bases = {(*path, 0) for path, node in nodes if isinstance(node, ast.Transposed)}
    for path, node in nodes:
        for kind, new, words in _local(node, pool, letters, path in bases):
            yield Edit(kind, replace_at(side, path, new), (words,))
    for kind, new, words in _whole(side, pool, letters):
        yield Edit(kind, new, (words,))


def _local(node: Node, pool: Pool, letters: frozenset[str], turned: bool) -> Iterator[_Local]:
    yield from _turned(node, pool, turned)
    yield from _changed(node, pool, letters)


def _turned(node: Node, pool: Pool, turned: bool) -> Iterator[_Local]:
    if isinstance(node, ast.Transposed):
        yield EditKind.TRANSPOSE, node.base, ("a transpose too many on {}", (node.base,))
    elif isinstance(node, _TURNABLE) and not turned and not _is_entry(node):
        yield EditKind.TRANSPOSE, transposed(node, pool.style), ("missing transpose on {}", (node,))


def _is_entry(node: Node) -> bool:
    """Whether a name has two indices: an entry, which has no transpose."""
    return isinstance(node, Name) and any(
        isinstance(item, ast.Product) for label in node.subs for item in label.items
    )


def _changed(node: Node, pool: Pool, letters: frozenset[str]) -> Iterator[_Local]:
    if isinstance(node, ast.Product):
        yield from _product(node, pool)
        yield from _turned_over(node, pool)
    elif isinstance(node, ast.Add):
        yield from _sum_of_terms(node)
    elif isinstance(node, ast.Negative):
        yield EditKind.SIGN, node.operand, ("the sign is wrong", ())
    elif isinstance(node, ast.Fraction):
        yield EditKind.SCALE, node.numerator, ("the factor 1/{} is too much", (node.denominator,))
        turned_over = replace(
            node, numerator=node.denominator, denominator=node.numerator, span=ast.NOWHERE
        )
        yield EditKind.SCALE, turned_over, ("the fraction is upside down", ())
    elif isinstance(node, ast.Power):
        yield EditKind.SCALE, node.base, ("the power of {} is too much", (node.base,))
    elif isinstance(node, ast.Apply):
        yield from _applied(node)
    elif isinstance(node, ast.BigOperator):
        yield from _big(node)
    elif isinstance(node, Number):
        yield from _number(node, letters)
    elif isinstance(node, Name | ast.Prefixed | ast.Derivative):
        yield from _labels(node, letters)
        yield from _renamed(node, pool, letters)


def _product(node: ast.Product, pool: Pool) -> Iterator[_Local]:
    factors, joints = node.factors, node.joints
    for i in range(len(joints)):
        swapped = (*factors[:i], factors[i + 1], factors[i], *factors[i + 2 :])
        words = ("{} and {} are in the wrong order", (factors[i], factors[i + 1]))
        yield EditKind.ORDER, ast.Product(swapped, joints), words
        op = joints[i].op
        if op in ELEMENTWISE or op is ProductOp.STAR:
            new, said = _JUXTAPOSED, ("an elementwise product in place of a matrix product", ())
            yield EditKind.JOINT, _joined(node, i, new), said
        if op not in ELEMENTWISE:
            said = ("a matrix product in place of an elementwise one", ())
            yield EditKind.JOINT, _joined(node, i, pool.elementwise), said
    if len(factors) > 2:
        yield (
            EditKind.ORDER,
            ast.Product(factors[::-1], joints[::-1]),
            ("the factors are in reverse order", ()),
        )
    for i, factor in enumerate(factors):
        rest = factors[:i] + factors[i + 1 :]
        at = i if i < len(joints) else i - 1
        if 0 < i < len(joints) and joints[at].op is ProductOp.JUXTAPOSED:
            at = i - 1
        kept = joints[:at] + joints[at + 1 :]
        new_node: Node = rest[0] if len(rest) == 1 else ast.Product(rest, kept)
        scalar = isinstance(factor, Number | ast.Fraction)
        kind = EditKind.SCALE if scalar else EditKind.DROP
        yield kind, new_node, ("the factor {} is too much", (factor,))


def _turned_over(node: ast.Product, pool: Pool) -> Iterator[_Local]:
    """The transpose of a product, or of a run of its factors: in reverse order, each transposed."""
    n = len(node.factors)
    for i in range(n - 1):
        for k in range(i + 2, n + 1):
            run = node.factors[i:k]
            if any(isinstance(f, Number | ast.Fraction) or _is_entry(f) for f in run):
                continue
            made = tuple(_other_way(f, pool) for f in reversed(run))
            joints = (*node.joints[:i], *node.joints[i : k - 1][::-1], *node.joints[k - 1 :])
            new = ast.Product((*node.factors[:i], *made, *node.factors[k:]), joints)
            whole: Node = node if len(run) == n else ast.Product(run, node.joints[i : k - 1])
            yield EditKind.TRANSPOSE, new, ("{} is transposed", (whole,))


def _other_way(factor: Node, pool: Pool) -> Node:
    return factor.base if isinstance(factor, ast.Transposed) else transposed(factor, pool.style)


def _joined(node: ast.Product, i: int, joint: Joint) -> ast.Product:
    return ast.Product(node.factors, (*node.joints[:i], joint, *node.joints[i + 1 :]))


def _sum_of_terms(node: ast.Add) -> Iterator[_Local]:
    flip = {Sign.PLUS: Sign.MINUS, Sign.MINUS: Sign.PLUS, Sign.PLUS_MINUS: Sign.PLUS_MINUS}
    every = tuple(flip[s] for s in node.signs)
    terms = node.terms
    if len(terms) == 2 and node.signs == (Sign.PLUS, Sign.MINUS):
        yield EditKind.SIGN, ast.Add(terms[::-1], node.signs), ("the sign is wrong", ())
    elif len(terms) == 2 and node.signs == (Sign.MINUS, Sign.PLUS):
        yield EditKind.SIGN, ast.Add(terms, every), ("the sign is wrong", ())
    else:
        yield EditKind.SIGN, ast.Add(terms, every), ("the sign is wrong", ())
    for i, term in enumerate(terms):
        signs = (*node.signs[:i], flip[node.signs[i]], *node.signs[i + 1 :])
        yield EditKind.SIGN, ast.Add(terms, signs), ("the sign of {} is wrong", (term,))
        rest, left = terms[:i] + terms[i + 1 :], node.signs[:i] + node.signs[i + 1 :]
        new: Node = ast.Add(rest, left)
        if len(rest) == 1:
            new = rest[0] if left[0] is Sign.PLUS else ast.Negative(rest[0])
        yield EditKind.DROP, new, ("the term {} is too much", (term,))


def _applied(node: ast.Apply) -> Iterator[_Local]:
    other = primed(node)
    if other is not None and len(node.arguments) == 1:
        words = ("{} in place of {}", (node.function, other.function))
        yield EditKind.SLOPE, other, words
    if isinstance(node.function, Name) and "sum" in node.function.base:
        yield EditKind.SUM, node.arguments[0], ("the sum is too much", ())
        for i, argument in enumerate(node.arguments[1:], 1):
            if isinstance(argument, ast.Comparison) and isinstance(argument.sides[-1], Number):
                new = Number("0" if argument.sides[-1].text == "1" else "1")
                changed = replace_at(argument, (len(argument.sides) - 1,), new)
                arguments = (*node.arguments[:i], changed, *node.arguments[i + 1 :])
                made = replace(node, arguments=arguments, span=ast.NOWHERE)
                yield EditKind.SUM, made, ("the sum runs over the wrong axis", ())
    elif len(node.arguments) == 1:
        yield EditKind.DROP, node.arguments[0], ("{} is too much", (node.function,))


def _big(node: ast.BigOperator) -> Iterator[_Local]:
    if node.body is None or node.op is not Big.SUM:
        return
    yield EditKind.SUM, node.body, ("the sum is too much", ())
    run = node.range
    ranges = [("lower", replace(run, lower=n, span=ast.NOWHERE)) for n in _steps(run.lower)]
    ranges += [("upper", replace(run, upper=n, span=ast.NOWHERE)) for n in _steps(run.upper)]
    if len(run.indices) == 1 and isinstance(run.indices[0], Name):
        for letter in sorted(letters_in(node.body) - {run.indices[0].base}):
            other = replace(run, indices=(Name(letter),), span=ast.NOWHERE)
            words = ("the sum runs over the wrong index", ())
            yield EditKind.SUM, replace(node, range=other, span=ast.NOWHERE), words
    for name, changed in ranges:
        words = (f"the sum's {name} limit is wrong", ())
        yield EditKind.SUM, replace(node, range=changed, span=ast.NOWHERE), words


def _number(node: Number, letters: frozenset[str]) -> Iterator[_Local]:
    for text in ("1", "2", "0"):
        if text != node.text:
            yield EditKind.SCALE, Number(text), (f"{node.text} in place of {text}", ())
    if node.text == "1":
        pairs = sorted(x for x in letters if len(x) == 1 and x in "ijkmnpq")
        for i, first in enumerate(pairs):
            for second in pairs[i + 1 :]:
                both = ast.Product((Name(first), Name(second)), (_JUXTAPOSED,))
                new = Name("delta", (Label((both,), tex=first + second),), head="\\delta")
                yield EditKind.NAME, new, ("1 in place of {}", (new,))


def _steps(node: Node | None) -> list[Node]:
    """A whole number or letter, one lower and one higher."""
    if isinstance(node, Number) and node.text.isdigit():
        n = int(node.text)
        return [Number(str(k)) for k in (n - 1, n + 1) if k >= 0]
    one = Number("1")
    if isinstance(node, Name) and not node.subs and not node.sups:
        return [ast.Add((node, one), (Sign.PLUS, s)) for s in (Sign.MINUS, Sign.PLUS)]
    if isinstance(node, ast.Add) and len(node.terms) == 2 and node.terms[1] == one:
        other = Sign.PLUS if node.signs[1] is Sign.MINUS else Sign.MINUS
        return [node.terms[0], ast.Add(node.terms, (node.signs[0], other))]
    return []


def _labels(node: Node, letters: frozenset[str]) -> Iterator[_Local]:
    """Another layer, or other indices, in the labels of a name or a derivative."""
    for path, item in _label_items(node):
        options = _steps(item)
        if isinstance(item, Name) and len(item.base) == 1:
            options += [Name(x) for x in sorted(letters) if x != item.base]
        if isinstance(item, ast.Product) and len(item.factors) == 2:
            options.append(ast.Product(item.factors[::-1], item.joints))
            for i in (0, 1):
                for letter in sorted(letters):
                    new = (*item.factors[:i], Name(letter), *item.factors[i + 1 :])
                    options.append(ast.Product(new, item.joints))
        for option in options:
            if option == item:
                continue
            made = replace_at(node, path, option)
            yield EditKind.LABEL, made, ("{} in place of {}", (node, made))


def _exchanged(side: Node, letters: frozenset[str]) -> Iterator[_Local]:
    """Two indices exchanged throughout a side."""
    used = sorted(letters_in(side) & letters)
    for i, first in enumerate(used):
        for second in used[i + 1 :]:
            new = side
            for path, node in value_nodes(side):
                if not isinstance(node, Name | ast.Prefixed | ast.Derivative):
                    continue
                made: Node = node
                for place, item in _label_letters(node):
                    if item.base in (first, second):
                        other = second if item.base == first else first
                        new_item = replace(item, base=other, head=other, span=ast.NOWHERE)
                        made = replace_at(made, place, new_item)
                if made != node:
                    new = replace_at(new, path, made)
            words = ("the indices {} and {} are exchanged", (Name(first), Name(second)))
            yield EditKind.LABEL, new, words


def _label_letters(
    node: Node, path: tuple[int, ...] = (), inside: bool = False
) -> Iterator[tuple[tuple[int, ...], Name]]:
    if inside and isinstance(node, Name):
        yield path, node
    for i, child in enumerate(children(node)):
        yield from _label_letters(child, (*path, i), inside or isinstance(node, Label))


def _label_items(node: Node, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Node]]:
    inside = isinstance(node, Label)
    for i, child in enumerate(children(node)):
        if inside:
            yield (*path, i), child
        else:
            yield from _label_items(child, (*path, i))


def _renamed(node: Node, pool: Pool, letters: frozenset[str]) -> Iterator[_Local]:
    options = pool.derivatives if isinstance(node, ast.Derivative) else pool.names
    for other in options:
        if other == node or not letters_in(other) <= letters:
            continue
        yield EditKind.NAME, other, ("{} in place of {}", (node, other))


def _whole(side: Node, pool: Pool, letters: frozenset[str]) -> Iterator[_Local]:
    """Edits of a side as a whole: sign, scale, sums, more factors."""
    if not isinstance(side, ast.Add | ast.Negative):
        yield EditKind.SIGN, ast.Negative(side), ("the sign is wrong", ())
    yield from _exchanged(side, letters)
    for factor in _scalars(pool):
        yield EditKind.SCALE, _times(factor, side), ("the factor {} is missing", (factor,))
    for big in pool.sums:
        if letters_in(big.range) | {n.base for n in big.range.indices if isinstance(n, Name)}:
            bare = unplaced(big)
            assert isinstance(bare, ast.BigOperator)
            body = ast.Group((side,)) if isinstance(side, ast.Add) else side
            yield EditKind.SUM, replace(bare, body=body), ("the sum is missing", ())
    body = ast.Group((side,)) if isinstance(side, ast.Add) else side
    for slope in pool.slopes:
        if letters_in(slope) <= letters:
            words = ("the factor {} is missing", (slope,))
            yield EditKind.FACTOR, _appended(body, pool.elementwise, slope), words
            yield EditKind.FACTOR, _appended(body, _JUXTAPOSED, slope), words
    for other in (*pool.names, *pool.derivatives):
        if not letters_in(other) <= letters:
            continue
        words = ("the factor {} is missing", (other,))
        for factor in (other, transposed(other, pool.style)):
            yield EditKind.FACTOR, _appended(body, _JUXTAPOSED, factor), words
            yield EditKind.FACTOR, _times(factor, side), words
        yield EditKind.FACTOR, _appended(body, pool.elementwise, other), words


def _scalars(pool: Pool) -> list[Node]:
    one, two = Number("1"), Number("2")
    made: list[Node] = [ast.Fraction(one, name) for name in pool.batch]
    return [*made, two, ast.Fraction(one, two), *pool.batch]


def _times(factor: Node, side: Node) -> Node:
    if isinstance(side, ast.Negative):
        return ast.Negative(_times(factor, side.operand))
    if isinstance(side, ast.Add):
        return ast.Product((factor, ast.Group((side,))), (_JUXTAPOSED,))
    if isinstance(side, ast.Product):
        return ast.Product((factor, *side.factors), (_JUXTAPOSED, *side.joints))
    return ast.Product((factor, side), (_JUXTAPOSED,))


def _appended(side: Node, joint: Joint, factor: Node) -> Node:
    if isinstance(side, ast.Negative):
        return ast.Negative(_appended(side.operand, joint, factor))
    if isinstance(side, ast.Product):
        return ast.Product((*side.factors, factor), (*side.joints, joint))
    return ast.Product((side, factor), (joint,))
