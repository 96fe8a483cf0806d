"""A sum of products as a matrix product: axes are the vertices of a graph, matrices its edges.

Each block is a scalar, a column over one axis or a matrix over two. Trees and paths have a matrix
form: a vertex that is summed joins its edges, a column at a vertex is a diagonal, an unsummed pair
is ``⊙`` or an outer product. What is no tree (up to one cycle, which is a trace) has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from symbackprop.raising.build import (
    add,
    diag,
    hadamard,
    hadamard_key,
    inner,
    matmul,
    negative,
    scaled,
)
from symbackprop.raising.shapes import is_scalar, weight
from symbackprop.raising.transposing import lighter, outer, transposed
from symbackprop.raising.tree import (
    ONE,
    Add,
    Formula,
    Hadamard,
    MatrixFunction,
    Negative,
    Number,
    Ones,
    Product,
    Whole,
)
from symbackprop.sizes import Size


@dataclass(frozen=True, slots=True)
class Block:
    """A factor: a scalar, a column or a matrix, over no, one or two (different) axes."""

    formula: Formula
    axes: tuple[int, ...]


@dataclass(slots=True)
class _Network:
    """The blocks of a contraction, parallel ones merged."""

    sizes: Mapping[int, Size]
    scalars: list[Formula] = field(default_factory=list)
    columns: dict[int, list[Formula]] = field(default_factory=dict)
    edges: dict[tuple[int, int], list[Formula]] = field(default_factory=dict)

    def add(self, block: Block) -> None:
        """Put a block where it belongs; what is over ``(b, a)`` is transposed."""
        pending = [block.formula]
        while pending:
            formula = pending.pop(0)
            if isinstance(formula, Hadamard):
                pending[:0] = formula.factors
            elif isinstance(formula, Negative):
                self.scalars.append(Number(-1))
                pending.insert(0, formula.operand)
            elif isinstance(formula, Product) and not is_scalar(formula):
                self.scalars.extend(formula.factors[:-1])
                pending.insert(0, formula.factors[-1])
            else:
                self._put(Block(formula, block.axes))

    def _put(self, block: Block) -> None:
        match block.axes:
            case ():
                self.scalars.append(block.formula)
            case (a,):
                self.columns.setdefault(a, []).append(block.formula)
            case (a, b):
                key = (min(a, b), max(a, b))
                formula = block.formula if a < b else transposed(block.formula)
                self.edges.setdefault(key, []).append(formula)

    def neighbours(self, a: int) -> list[int]:
        """The other ends of the edges at `a`."""
        return [y if x == a else x for x, y in self.edges if a in (x, y)]

    def matrix(self, a: int, b: int) -> Formula:
        """The matrix over ``(a, b)``."""
        merged = hadamard(self.edges[(min(a, b), max(a, b))])
        return lighter(merged) if a < b else transposed(merged)

    def column(self, a: int, found: Sequence[Formula]) -> Formula:
        """The entrywise product of columns over `a`; ones where there is none."""
        return hadamard(found) if found else Ones(self.sizes[a])

    def component(self, start: int) -> list[int]:
        """The axes connected with `start`, ascending."""
        seen = {start}
        pending = [start]
        while pending:
            for other in self.neighbours(pending.pop()):
                if other not in seen:
                    seen.add(other)
                    pending.append(other)
        return sorted(seen)

    def is_tree(self, axes: Sequence[int]) -> bool:
        """Whether a component has no cycle."""
        return self.edge_count(axes) == len(axes) - 1

    def edge_count(self, axes: Sequence[int]) -> int:
        """How many edges a component has."""
        return sum(1 for a, _ in self.edges if a in axes)

    def collapsed(self, a: int, leave: Sequence[int] = ()) -> list[Formula]:
        """The columns at `a`: its own, and matrix times column for each edge not to `leave`."""
        found = list(self.columns.get(a, ()))
        for b in sorted(self.neighbours(a)):
            if b not in leave:
                column = self.column(b, self.collapsed(b, (a,)))
                found.append(matmul((self.matrix(a, b), column)))
        return found


def contract(
    blocks: Sequence[Block], out: tuple[int, ...], sizes: Mapping[int, Size]
) -> Formula | None:
    """Σ over the axes not in `out` of the product of the blocks; None where there is no such form.

    out : no, one or two axes, rows first;  sizes : of each axis
    """
    network = _Network(sizes)
    for block in blocks:
        if len(block.axes) > 2:
            return None
        network.add(block)
    direct: list[Formula] = []
    if len(out) == 2:
        key = (min(out), max(out))
        direct = network.edges.pop(key, [])
        if out != key:
            direct = [transposed(f) for f in direct]
    axes = sorted({*network.columns, *(a for edge in network.edges for a in edge)})
    done: set[int] = set()
    for a in axes:
        if a not in done:
            component = network.component(a)
            done.update(component)
            if not any(o in component for o in out):
                scalar = _scalar(network, component)
                if scalar is None:
                    return None
                network.scalars.append(scalar)
    result = _result(network, out, direct)
    return None if result is None else scaled(network.scalars, result)


def _result(network: _Network, out: tuple[int, ...], direct: list[Formula]) -> Formula | None:
    if not out:
        return ONE
    for a in out:
        if not network.is_tree(network.component(a)):
            return None
    if len(out) == 1:
        return network.column(out[0], network.collapsed(out[0]))
    return _matrix(network, out[0], out[1], direct)


def _matrix(network: _Network, i: int, j: int, direct: list[Formula]) -> Formula | None:
    """The result over two axes: a chain or an outer product, entrywise with what is direct."""
    path = _path(network, i, j)
    if path is None:
        left, right = network.collapsed(i), network.collapsed(j)
        if not direct:
            return outer(network.column(i, left), network.column(j, right))
        return _between(network, i, left, hadamard(direct), j, right)
    left = network.collapsed(i, path[1:2])
    right = network.collapsed(j, path[-2:-1])
    chain: list[Formula] = []
    for before, here, after in zip(path, path[1:], [*path[2:], -1], strict=False):
        chain.append(network.matrix(before, here))
        if here != j:
            side = network.collapsed(here, (before, after))
            if side:
                chain.append(diag(hadamard(side)))
    middle = matmul(chain)
    if direct:
        return hadamard([_between(network, i, left, hadamard(direct), j, right), middle])
    return _between(network, i, left, middle, j, right)


def _between(
    network: _Network,
    i: int,
    left: list[Formula],
    middle: Formula,
    j: int,
    right: list[Formula],
) -> Formula:
    """``diag(left) middle diag(right)``."""
    factors = [middle]
    if left:
        factors.insert(0, diag(network.column(i, left)))
    if right:
        factors.append(diag(network.column(j, right)))
    return matmul(factors)


def _path(network: _Network, i: int, j: int) -> list[int] | None:
    """The axes from i to j along edges, or None."""
    before = {i: i}
    pending = [i]
    while pending:
        here = pending.pop(0)
        for other in sorted(network.neighbours(here)):
            if other not in before:
                before[other] = here
                pending.append(other)
    if j not in before:
        return None
    path = [j]
    while path[-1] != i:
        path.append(before[path[-1]])
    return path[::-1]


def _scalar(network: _Network, axes: list[int]) -> Formula | None:
    """A component that is summed away."""
    if len(axes) == 1:
        columns = sorted(network.columns[axes[0]], key=lambda f: (weight(f), hadamard_key(f)))
        if len(columns) == 1:
            return _column_sum(columns[0], Ones(network.sizes[axes[0]]))
        return inner(columns[0], hadamard(columns[1:]))
    if len(axes) == 2 and not any(a in network.columns for a in axes):
        return _total(network, axes[0], axes[1])
    if network.is_tree(axes):
        leaves = [a for a in axes if len(network.neighbours(a)) == 1]
        root = min(leaves, key=lambda a: (a not in network.columns, a))
        (other,) = network.neighbours(root)
        rest = network.column(other, network.collapsed(other, (root,)))
        left = network.column(root, network.columns.get(root, ()))
        return inner(left, matmul((network.matrix(root, other), rest)))
    return _trace(network, axes)


def _column_sum(column: Formula, ones: Formula) -> Formula:
    """The sum of a column; term by term where every term is an entrywise product."""
    terms = column.terms if isinstance(column, Add) else (column,)
    pairs = [_as_inner(term) for term in terms]
    if all(pair is not None for pair in pairs):
        return scaled([], add(pair for pair in pairs if pair is not None))
    return inner(ones, column)


def _as_inner(term: Formula) -> Formula | None:
    match term:
        case Negative(operand=operand):
            found = _as_inner(operand)
            return None if found is None else negative(found)
        case Product(factors=factors):
            found = _as_inner(factors[-1])
            return None if found is None else scaled(factors[:-1], found)
        case Hadamard(factors=factors):
            first = min(factors, key=lambda f: (weight(f), hadamard_key(f)))
            rest = list(factors)
            rest.remove(first)
            return inner(first, hadamard(rest))
    return None


def _total(network: _Network, a: int, b: int) -> Formula:
    """The sum of a matrix, or of a product of two entry by entry: ``tr(A^T B)``."""
    matrices = sorted(network.edges[(a, b)], key=hadamard_key)
    if len(matrices) == 1:
        column = matmul((matrices[0], Ones(network.sizes[b])))
        return inner(Ones(network.sizes[a]), column)
    first, rest = matrices[0], hadamard(matrices[1:])
    return _traced(matmul((transposed(first), rest)))


def _traced(product: Formula) -> Formula:
    return Whole(MatrixFunction.TRACE, product)


def _trace(network: _Network, axes: list[int]) -> Formula | None:
    """One cycle, with columns on it as diagonals: a trace."""
    if network.edge_count(axes) != len(axes):
        return None
    core = list(axes)
    while True:
        kept = [a for a in core if sum(b in core for b in network.neighbours(a)) > 1]
        if kept == core:
            break
        core = kept
    cycle = [core[0]]
    while len(cycle) < len(core):
        cycle.append(min(b for b in network.neighbours(cycle[-1]) if b in core and b not in cycle))
    chain: list[Formula] = []
    for here, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
        side = network.collapsed(here, tuple(core))
        if side:
            chain.append(diag(hadamard(side)))
        chain.append(network.matrix(here, after))
    return _traced(matmul(chain))
