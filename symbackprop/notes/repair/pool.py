"""What a document offers to an edit: its names, derivatives, factors, spellings and sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Joint, Name, Node
from symbackprop.notes.kinds import Bracket, Prefix, ProductOp, TransposeStyle
from symbackprop.notes.resolve.profile import Profile
from symbackprop.notes.trees import children, unplaced

__all__ = ["ELEMENTWISE", "Pool", "letters_in", "pool_of", "primed", "transposed", "value_nodes"]

ELEMENTWISE = frozenset({ProductOp.ODOT, ProductOp.CIRC, ProductOp.BULLET})
_BATCHES = ("m", "N", "M", "B", "n")
_MOST = 40
_PREFIXES = frozenset({Prefix.D, Prefix.SMALL_DELTA, Prefix.PARTIAL})


@dataclass(frozen=True, slots=True)
class Pool:
    """Pieces of a document, the more frequent ones first."""

    names: tuple[Node, ...]
    derivatives: tuple[Node, ...]
    slopes: tuple[Node, ...]
    sums: tuple[ast.BigOperator, ...]
    elementwise: Joint
    style: TransposeStyle
    batch: tuple[Name, ...]


def value_nodes(node: Node) -> list[tuple[tuple[int, ...], Node]]:
    """The nodes that stand for values, with their paths: nothing inside labels or functions."""
    found: list[tuple[tuple[int, ...], Node]] = []
    stack: list[tuple[tuple[int, ...], Node]] = [((), node)]
    while stack:
        path, here = stack.pop()
        found.append((path, here))
        if isinstance(here, Name | ast.Prefixed | ast.Derivative | ast.Differential):
            continue
        below = children(here)
        for i in range(len(below) - 1, -1, -1):
            child = below[i]
            skipped = isinstance(child, ast.Label | Joint | ast.Range | ast.Comparison)
            head = isinstance(here, ast.Apply) and i == 0
            power = isinstance(here, ast.Power) and i == 1
            if not (skipped or head or power):
                stack.append(((*path, i), child))
    return found


def letters_in(node: Node) -> set[str]:
    """The letters inside the labels of a node."""
    found: set[str] = set()
    stack: list[tuple[Node, bool]] = [(node, False)]
    while stack:
        here, inside = stack.pop()
        if isinstance(here, Name) and inside:
            found.add(here.base)
        within = inside or isinstance(here, ast.Label)
        stack.extend((child, within) for child in children(here))
    return found


def transposed(node: Node, style: TransposeStyle) -> ast.Transposed:
    """The transpose of a node; its mark joins superscripts that stand in brackets."""
    last = node.sups[-1] if isinstance(node, Name) and node.sups else None
    return ast.Transposed(node, style, last is not None and last.bracket is not Bracket.NONE)


def primed(node: ast.Apply) -> ast.Apply | None:
    """The derivative of an applied function, or the function of an applied derivative."""
    function = node.function
    if isinstance(function, ast.Primed):
        return replace(node, function=function.base, span=ast.NOWHERE)
    if not isinstance(function, Name):
        return None
    other = replace(function, primes=0 if function.primes else 1, span=ast.NOWHERE)
    return replace(node, function=other, span=ast.NOWHERE)


def pool_of(sides: Iterable[Node], profile: Profile) -> Pool:
    """Collect the pieces of a document's sides."""
    names: Counter[Node] = Counter()
    derivatives: Counter[Node] = Counter()
    slopes: dict[Node, None] = {}
    sums: dict[ast.BigOperator, None] = {}
    joints: Counter[tuple[ProductOp, str]] = Counter()
    styles: Counter[TransposeStyle] = Counter()
    for side in sides:
        for _, node in value_nodes(side):
            if isinstance(node, Name) or (
                isinstance(node, ast.Prefixed) and node.prefix in _PREFIXES
            ):
                names[unplaced(node)] += 1
            elif isinstance(node, ast.Derivative):
                derivatives[unplaced(node)] += 1
            elif isinstance(node, ast.Apply) and _is_activation(node, profile):
                bare = unplaced(node)
                assert isinstance(bare, ast.Apply)
                is_slope = isinstance(bare.function, ast.Primed) or (
                    isinstance(bare.function, Name) and bare.function.primes
                )
                made = bare if is_slope else primed(bare)
                if made is not None:
                    slopes.setdefault(made)
            elif isinstance(node, ast.BigOperator) and node.body is not None:
                sums.setdefault(node)
            elif isinstance(node, ast.Product):
                joints.update((j.op, j.tex) for j in node.joints if j.op in ELEMENTWISE)
            elif isinstance(node, ast.Transposed):
                styles[node.style] += 1
    op, tex = next(iter(joints.most_common(1)), ((ProductOp.ODOT, "\\odot"), 0))[0]
    style = next(iter(styles.most_common(1)), (TransposeStyle.T, 0))[0]
    found = {n.base for n in names if isinstance(n, Name) and not n.subs and not n.sups}
    return Pool(
        tuple(n for n, _ in names.most_common(_MOST) if not _is_count(n)),
        tuple(n for n, _ in derivatives.most_common(_MOST)),
        tuple(slopes)[:12],
        tuple(sums)[:12],
        Joint(op, tex),
        style,
        tuple(Name(b, head=b) for b in _BATCHES if b in found),
    )


def _is_count(node: Node) -> bool:
    """Whether a name counts examples, and stands for no value that an edit may put in."""
    return isinstance(node, Name) and node.base in _BATCHES and not node.subs and not node.sups


def _is_activation(node: ast.Apply, profile: Profile) -> bool:
    function = node.function
    while isinstance(function, ast.Primed):
        function = function.base
    if not isinstance(function, Name) or len(node.arguments) != 1:
        return False
    argument = node.arguments[0]
    return isinstance(argument, Name | ast.Prefixed) and (
        profile.ref(function).key in profile.functions or bool(function.primes) or node.certain
    )
