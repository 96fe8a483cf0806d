"""Names for values that the user left unnamed, as textbooks call them: z1, a1, p."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sympy import exp

from symbackprop.frontend.affine import is_product_with_parameter, of_computed_value
from symbackprop.frontend.lower import Lowered, is_arithmetic
from symbackprop.frontend.names import family_of, fresh
from symbackprop.ir import Comp, Node, Opaque, Problem, Read, Reduction, consumers, reachable
from symbackprop.scalars import placeholder

SOFTMAX = "softmax"

SPELLINGS = {"xhat": r"\hat{x}", "mu": r"\mu", "sigma": r"\sigma"}
"""How automatic names are spelled where LaTeX has no letter of the same name."""


def mark_blocks(problem: Problem, lowered: Lowered) -> None:
    """Mark what composites made, and every quotient of exponentials by their sum."""
    for record in lowered.order:
        if record.label.block is not None and record in lowered.ids:
            problem.blocks.setdefault(lowered.ids[record], record.label.block)
    for node_id in reachable(problem.graph, problem.outputs.values()):
        if is_softmax(problem, node_id):
            problem.blocks.setdefault(node_id, SOFTMAX)


def is_softmax(problem: Problem, node_id: int) -> bool:
    """Whether a node is e / Σ e with e = exp(z)."""
    node = problem.graph[node_id]
    if not isinstance(node, Comp) or len(node.reads) != 2 or not node.body.is_Mul:
        return False
    for top, bottom in ((0, 1), (1, 0)):
        if node.body != placeholder(top) / placeholder(bottom):
            continue
        e, total = node.reads[top], node.reads[bottom]
        if not isinstance(e, Read) or not isinstance(total, Read):
            return False
        return _is_exp(problem.graph[e.source]) and _sums(problem.graph[total.source], e.source)
    return False


def _is_exp(node: Node) -> bool:
    return isinstance(node, Comp) and node.body == exp(placeholder(0))


def _sums(node: Node, source: int) -> bool:
    return (
        isinstance(node, Comp)
        and node.reduction is Reduction.SUM
        and node.body == placeholder(0)
        and isinstance(node.reads[0], Read)
        and node.reads[0].source == source
    )


def automatic_names(problem: Problem, lowered: Lowered) -> None:
    """Name unnamed values: hints of composites, then pre-activations and what is made of them."""
    graph = problem.graph
    ids = reachable(graph, problem.outputs.values())
    named = problem.names()
    hints: dict[int, str] = {}
    for record in lowered.order:
        if record.label.hint is not None and record in lowered.ids:
            hints.setdefault(lowered.ids[record], record.label.hint)
    for node_id, block in problem.blocks.items():
        if block == SOFTMAX:
            hints.setdefault(node_id, "p")
    chosen = _layers(problem, ids)
    wanted = [
        (i, _cased(hints[i], len(graph.shape(i))) if i in hints else chosen.get(i))
        for i in ids
        if i not in named
    ]
    counted: dict[str, int] = {}
    for _, name in wanted:
        if name is not None:
            counted[name] = counted.get(name, 0) + 1
    taken = {*problem.named(), *_size_names(problem)}
    for node_id, name in wanted:
        if name is None:
            continue
        final = fresh(name, taken, numbered=counted[name] > 1)
        taken.add(final)
        problem.values[final] = node_id
        spelling = SPELLINGS.get(name)
        if spelling is not None:
            digits = final.removeprefix(name).removeprefix("_")
            subscript = f"_{{{digits}}}" if digits else ""
            problem.spellings.setdefault(final, spelling + subscript)


def _cased(name: str, rank: int) -> str:
    """A single letter in upper case where it names a matrix."""
    return name.upper() if rank >= 2 and len(name) == 1 else name


def _size_names(problem: Problem) -> Iterator[str]:
    for node_id in range(len(problem.graph)):
        for size in problem.graph.shape(node_id):
            yield from (s.name for s in size.free_symbols)


def _layers(problem: Problem, ids: list[int]) -> dict[int, str]:
    """Pre-activations z and activations a, with the number of their layer's parameters."""
    graph = problem.graph
    users = consumers(graph, ids)
    found: dict[int, str] = {}
    layers: dict[int, int | None] = {}
    names = {node: name for name, node in problem.parameters.items()}
    for i in ids:
        if _is_affine(problem, i) and _is_layer(problem, i, users.get(i, ())):
            layers[i] = _layer_number(problem, names, i)
    several = len(layers) > 1
    used: set[int] = {n for n in layers.values() if n is not None}
    count = 0
    for z, number in layers.items():
        if number is None and several:
            count = next(n for n in range(count + 1, len(ids) + 2) if n not in used)
            number = count
        suffix = "" if number is None else str(number)
        matrix = len(graph.shape(z)) >= 2
        found[z] = ("Z" if matrix else "z") + suffix
        for u in users.get(z, ()):
            node = graph[u]
            if _applies(node, z) and getattr(node, "body", None) != exp(placeholder(0)):
                found.setdefault(u, ("A" if matrix else "a") + suffix)
    return found


def _is_affine(problem: Problem, node_id: int) -> bool:
    """Whether a node is a matrix product, or arithmetic that adds one."""
    node = problem.graph[node_id]
    if not isinstance(node, Comp):
        return False
    if _is_product(problem, node_id):
        return True
    return node.body.is_Add and any(
        isinstance(read, Read)
        and placeholder(k) in node.body.args
        and _is_product(problem, read.source)
        for k, read in enumerate(node.reads)
    )


def _is_layer(problem: Problem, node_id: int, users: Sequence[int]) -> bool:
    """Whether a node is a pre-activation: a function is applied, or it is a later linear layer."""
    graph = problem.graph
    if any(_applies(graph[u], node_id) for u in users):
        return True
    inside = any(_is_affine(problem, u) and not _is_product(problem, u) for u in users)
    return not inside and _reads_computed(problem, node_id)


def _reads_computed(problem: Problem, node_id: int) -> bool:
    graph = problem.graph
    node = graph[node_id]
    if of_computed_value(graph, node):
        return True
    return isinstance(node, Comp) and any(
        isinstance(r, Read) and of_computed_value(graph, graph[r.source]) for r in node.reads
    )


def _is_product(problem: Problem, node_id: int) -> bool:
    return is_product_with_parameter(problem.graph, problem.graph[node_id])


def _applies(node: Node, z: int) -> bool:
    """Whether a node is a function of z, entry by entry and no arithmetic, or an unnamed one."""
    if isinstance(node, Opaque):
        return node.args == (z,)
    if not isinstance(node, Comp) or len(node.reads) != 1 or node.body.is_Symbol:
        return False
    return not is_arithmetic(node.body) and isinstance(node.reads[0], Read)


def _layer_number(problem: Problem, names: Mapping[int, str], node_id: int) -> int | None:
    """The digits of the parameters that a pre-activation is made of."""
    node = problem.graph[node_id]
    pending = [node]
    while pending:
        here = pending.pop()
        if not isinstance(here, Comp):
            continue
        for read in here.reads:
            if not isinstance(read, Read):
                continue
            if read.source in names:
                member = family_of(names[read.source])
                if member is not None:
                    return member[1]
            elif here is node and not _is_product(problem, node_id):
                pending.append(problem.graph[read.source])
    return None


__all__ = ["automatic_names", "is_softmax", "mark_blocks"]
