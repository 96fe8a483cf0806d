"""The smallest edit of a side that makes a claim right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Joint, Name, Node, Transposed
from symbackprop.notes.kinds import ProductOp, Sign
from symbackprop.notes.resolve.definitions import is_loss_key
from symbackprop.notes.resolve.profile import Profile
from symbackprop.notes.trees import replace_at, walk

__all__ = ["Edit", "edits"]

Edit = tuple[str, Node]

MOST_EDITS = 120
"""Edits of one side that are tried."""


def edits(side: Node, names: list[Name], profile: Profile, style: Node | None = None) -> list[Edit]:
    """Single edits of a side with what each does, the likeliest kinds first.

    Parameters
    ----------
    side : Node
        The side to edit.
    names : list of Name
        Names of the document that may stand for another.
    profile : Profile
        How the document uses its names.
    style : Node, optional
        A transpose as the document spells it.
    """
    places = list(walk(side))
    made: list[Edit] = []
    for kind in (transposes, orders, signs, primes, joints, scales, labels, drops, factors):
        made.extend(kind(side, places, profile, style))
    made.extend(renames(side, places, names, profile))
    unique: dict[Node, str] = {}
    for what, node in made:
        if node != side:
            unique.setdefault(node, what)
    return [(what, node) for node, what in list(unique.items())[:MOST_EDITS]]


Places = list[tuple[tuple[int, ...], Node]]


def is_value(node: Node, profile: Profile) -> bool:
    """Whether a node may be an array: a name, a gradient, brackets."""
    if isinstance(node, Name):
        return not profile.ref(node).comps and node.base not in profile.functions
    return isinstance(node, ast.Prefixed | ast.Derivative | ast.Group | ast.Apply)


def transposes(side: Node, places: Places, profile: Profile, style: Node | None) -> Iterator[Edit]:
    """A transpose more or less."""
    inner: set[int] = {id(n.base) for _, n in places if isinstance(n, Transposed)}
    inner |= {id(n.operand) for _, n in places if isinstance(n, ast.Prefixed)}
    inner |= {id(n.function) for _, n in places if isinstance(n, ast.Apply)}
    for _, node in places:
        if isinstance(node, ast.Derivative):
            inner |= {id(below) for _, below in walk(node) if below is not node}
        if isinstance(node, Name):
            inner |= {id(below) for _, below in walk(node) if below is not node}
    for path, node in places:
        if isinstance(node, Transposed):
            yield "spurious transpose", replace_at(side, path, node.base)
        elif id(node) not in inner and is_value(node, profile):
            made = Transposed(node)
            if isinstance(style, Transposed):
                made = replace(made, style=style.style, inside=style.inside)
            yield "missing transpose", replace_at(side, path, made)


def orders(side: Node, places: Places, profile: Profile, style: Node | None) -> Iterator[Edit]:
    """Two neighbouring factors the other way round."""
    for path, node in places:
        if isinstance(node, ast.Product):
            for i in range(len(node.factors) - 1):
                factors = list(node.factors)
                factors[i], factors[i + 1] = factors[i + 1], factors[i]
                yield (
                    "swapped factors",
                    replace_at(side, path, replace(node, factors=tuple(factors), span=ast.NOWHERE)),
                )


def signs(side: Node, places: Places, profile: Profile, style: Node | None) -> Iterator[Edit]:
    """A sign the other way round."""
    if isinstance(side, ast.Negative):
        yield "wrong sign", side.operand
    elif not isinstance(side, ast.Add):
        yield "wrong sign", ast.Negative(side)
    for path, node in places:
        if isinstance(node, ast.Add):
            flipped = tuple(
                Sign.MINUS if s is Sign.PLUS else Sign.PLUS if s is Sign.MINUS else s
                for s in node.signs
            )
            yield (
                "wrong sign",
                replace_at(side, path, replace(node, signs=flipped, span=ast.NOWHERE)),
            )
            for i in range(len(node.signs)):
                one = (*node.signs[:i], flipped[i], *node.signs[i + 1 :])
                yield (
                    "wrong sign",
                    replace_at(side, path, replace(node, signs=one, span=ast.NOWHERE)),
                )
        elif isinstance(node, ast.Negative) and path:
            yield "wrong sign", replace_at(side, path, node.operand)
        elif isinstance(node, ast.Fraction) and isinstance(node.numerator, ast.Number):
            made = replace(node, numerator=ast.Negative(node.numerator), span=ast.NOWHERE)
            yield "wrong sign", replace_at(side, path, made)


def primes(side: Node, places: Places, profile: Profile, style: Node | None) -> Iterator[Edit]:
    """A function for its derivative."""
    for path, node in places:
        if isinstance(node, ast.Apply) and isinstance(node.function, Name):
            function = node.function
            other = replace(function, primes=0 if function.primes else 1, span=ast.NOWHERE)
            what = "derivative for the function" if function.primes else "f instead of f prime"
            yield (
                what,
                replace_at(
                    side, path, replace(node, function=other, certain=True, span=ast.NOWHERE)
                ),
            )


def joints(side: Node, places: Places, profile: Profile, style: Node | None) -> Iterator[Edit]:
    """An entrywise product for a matrix product, and the reverse."""
    for path, node in places:
        if isinstance(node, ast.Product):
            for i, joint in enumerate(node.joints):
                entrywise = joint.op in (ProductOp.ODOT, ProductOp.CIRC, ProductOp.STAR)
                new = Joint(ProductOp.JUXTAPOSED if entrywise else ProductOp.ODOT)
                made = (*node.joints[:i], new, *node.joints[i + 1 :])
                yield (
                    "wrong kind of product",
                    replace_at(side, path, replace(node, joints=made, span=ast.NOWHERE)),
                )


def scales(side: Node, places: Places, profile: Profile, style: Node | None) -> Iterator[Edit]:
    """A scalar factor too many or too few."""
    one, two = ast.Number("1"), ast.Number("2")
    counts: list[Node] = [Name("m", head="m"), Name("N", head="N")]
    scalars: list[Node] = [two, ast.Fraction(one, two)]
    scalars += [ast.Fraction(one, c) for c in counts] + counts
    for scalar in scalars:
        factors = side.factors if isinstance(side, ast.Product) else (side,)
        between = side.joints if isinstance(side, ast.Product) else ()
        made = ast.Product((scalar, *factors), (Joint(ProductOp.JUXTAPOSED), *between))
        yield "missing scalar factor", made


def labels(side: Node, places: Places, profile: Profile, style: Node | None) -> Iterator[Edit]:
    """The layer before or after."""
    for path, node in places:
        if not isinstance(node, ast.Label) or len(node.items) != 1:
            continue
        item = node.items[0]
        for step in (1, -1):
            moved = shifted(item, step)
            if moved is not None:
                new = ast.Label((moved,), node.bracket)
                yield "wrong layer", replace_at(side, path, new)


def shifted(item: Node, step: int) -> Node | None:
    """A label one further or nearer."""
    if isinstance(item, ast.Number) and item.text.isdigit():
        value = int(item.text) + step
        return ast.Number(str(value)) if value >= 0 else None
    if isinstance(item, Name) and item.base in ("l", "L", "k", "t", "ell", "N", "n"):
        sign = Sign.PLUS if step > 0 else Sign.MINUS
        return ast.Add((item, ast.Number("1")), (Sign.PLUS, sign))
    if isinstance(item, ast.Add) and len(item.terms) == 2 and isinstance(item.terms[0], Name):
        second = item.terms[1]
        if isinstance(second, ast.Number) and second.text == "1":
            if (item.signs[1] is Sign.MINUS) == (step > 0):
                return item.terms[0]
    return None


def drops(side: Node, places: Places, profile: Profile, style: Node | None) -> Iterator[Edit]:
    """A factor or term too many."""
    for path, node in places:
        if isinstance(node, ast.Product) and len(node.factors) > 1:
            for i in range(len(node.factors)):
                factors = (*node.factors[:i], *node.factors[i + 1 :])
                j = max(0, i - 1)
                rest = (*node.joints[:j], *node.joints[j + 1 :])
                made: Node = factors[0] if len(factors) == 1 else ast.Product(factors, rest)
                yield "spurious factor", replace_at(side, path, made)
        elif isinstance(node, ast.BigOperator) and node.body is not None:
            yield "spurious sum", replace_at(side, path, node.body)


def factors(side: Node, places: Places, profile: Profile, style: Node | None) -> Iterator[Edit]:
    """A sum over the examples that is missing."""
    total = Name("np.sum", head="np.sum")
    for axis in ("0", "1"):
        where = ast.Comparison((Name("axis", head="axis"), ast.Number(axis)), ())
        if isinstance(side, ast.Prefixed | Name):
            yield "missing sum", ast.Apply(total, (side, where), certain=True)


def renames(side: Node, places: Places, names: list[Name], profile: Profile) -> Iterator[Edit]:
    """Another name of the document, with the labels of the one in its place."""
    functions = {id(n.function) for _, n in places if isinstance(n, ast.Apply)}
    inside: set[int] = set()
    for _, node in places:
        if isinstance(node, Name):
            inside |= {id(below) for _, below in walk(node) if below is not node}
    for path, node in places:
        if not isinstance(node, Name) or id(node) in functions or id(node) in inside:
            continue
        ref = profile.ref(node)
        if is_loss_key(ref.key):
            continue
        for name in names:
            other = profile.ref(name)
            if other.key == ref.key or len(other.labels) != len(ref.labels):
                continue
            if len(other.comps) != len(ref.comps):
                continue
            new = replace(name, subs=node.subs, sups=node.sups, span=ast.NOWHERE)
            if not ref.labels and not ref.comps:
                new = replace(name, span=ast.NOWHERE)
            yield "wrong name", replace_at(side, path, new)
