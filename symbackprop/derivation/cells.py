"""The formulas of one network, layer by layer, cut at the members of families."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from symbackprop.ir import Problem, Tag, is_second
from symbackprop.raising import Formula, Raiser, needed_names
from symbackprop.raising.points import matrix_form
from symbackprop.raising.rebuild import with_children
from symbackprop.raising.tree import Add, Eye, OneHot, Ones, Ref, Unnamed
from symbackprop.simplify import Derived
from symbackprop.sizes import Size, constant


class Kind(Enum):
    """What is said of a member of a family."""

    VALUE = "value"
    COTANGENT = "cotangent"
    GRADIENT = "gradient"


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a general formula is of: the values of a family, their cotangents, or gradients.

    layered : False for a name that belongs to no layer
    """

    kind: Kind
    family: str
    layered: bool = True


Member = tuple[Quantity, int | None]
"""A quantity and its index; None for what is no member of a family."""


@dataclass(frozen=True, slots=True)
class Term:
    """A summand with its indices taken out.

    skeleton : the summand with every member of a family replaced by the family
    indices : the index of each member, in order;  formula : the summand itself
    """

    skeleton: Formula
    indices: tuple[int, ...]
    formula: Formula


@dataclass(frozen=True, slots=True)
class Cell:
    """The formula of one quantity in one layer of a network of one depth."""

    depth: int
    layer: int
    terms: tuple[Term, ...]


_ERASED: Size = constant(1).const


@dataclass(slots=True)
class Atoms:
    """The members of families in one network.

    members : node id -> quantity and index; a name of its own is a family without indices
    numbers : quantity -> a number below zero
    """

    members: dict[int, Member]
    numbers: dict[Quantity, int]

    def term(self, formula: Formula) -> Term:
        """A summand with its indices taken out."""
        indices: list[int] = []
        skeleton = self._erased(formula, indices)
        return Term(skeleton, tuple(indices), formula)

    def _erased(self, formula: Formula, indices: list[int]) -> Formula:
        match formula:
            case Ref(source=source):
                quantity, index = self.members[source]
                if index is not None:
                    indices.append(index)
                number = self.numbers.setdefault(quantity, -1 - len(self.numbers))
                return Ref(number, formula.form, formula.batch)
            case Ones() | Eye():
                return type(formula)(_ERASED)
            case OneHot():
                formula = replace(formula, size=_ERASED)
            case Unnamed():
                formula = replace(formula, out_shape=())
        return with_children(formula, lambda child: self._erased(child, indices))


def atoms_of(
    derived: Derived,
    tags: Mapping[Tag, int],
    numbers: dict[Quantity, int],
    extra: Mapping[int, str],
) -> Atoms:
    """The members of families: tagged values, and their named cotangents.

    extra : names of nodes that had none
    """
    problem = derived.problem
    members: dict[int, Member] = {}
    for tag, node in tags.items():
        members.setdefault(node, (Quantity(Kind.VALUE, tag.family), tag.index))
    named = problem.named()
    for name, node in derived.deltas.items():
        found = _tag_of(tags, named[name])
        if found is not None and node in derived.names:
            members.setdefault(node, (Quantity(Kind.COTANGENT, found.family), found.index))
    for node, name in {**problem.names(), **derived.names, **extra}.items():
        members.setdefault(node, (Quantity(Kind.VALUE, name, False), None))
    return Atoms(members, numbers)


def layer_tags(problem: Problem, depth: int) -> dict[Tag, int]:
    """The roles of nodes in layers that there are."""
    return {tag: i for tag, i in problem.tags.items() if tag.index <= depth + 1}


def _tag_of(tags: Mapping[Tag, int], node: int) -> Tag | None:
    return next((tag for tag, i in tags.items() if i == node), None)


def cells_of(
    derived: Derived, depth: int, numbers: dict[Quantity, int]
) -> tuple[Atoms, list[tuple[Quantity, Cell]]]:
    """The formula of every quantity in every layer, where it has a matrix form."""
    problem, graph = derived.problem, derived.graph
    tags = layer_tags(problem, depth)
    wanted = list(_wanted(derived, tags))
    loose = set(problem.tags.values()) - set(tags.values())
    loose |= {i for name, i in problem.values.items() if is_second(name)}
    kept = {i for i in derived.names if i != problem.loss and i not in loose}
    extra = needed_names(graph, [node for _, _, node, _ in wanted], kept)
    kept.update(extra)
    atoms = atoms_of(derived, tags, numbers, {node: f"t{k}" for k, node in enumerate(extra, 1)})
    raiser = Raiser(graph, kept)
    found: list[tuple[Quantity, Cell]] = []
    for quantity, layer, node, by_name in wanted:
        form = matrix_form(graph.shape(node))
        formula = Ref(node, form) if by_name and form is not None else raiser.law(node)
        if formula is not None:
            terms = formula.terms if isinstance(formula, Add) else (formula,)
            found.append((quantity, Cell(depth, layer, tuple(atoms.term(t) for t in terms))))
    return atoms, found


def _wanted(derived: Derived, tags: Mapping[Tag, int]) -> Iterator[tuple[Quantity, int, int, bool]]:
    """Quantity, layer, node, and whether the node is a name itself."""
    problem = derived.problem
    leaves = {*problem.parameters.values(), *problem.inputs.values()}
    named = problem.named()
    for tag, node in tags.items():
        if node not in leaves and node in problem.names():
            yield Quantity(Kind.VALUE, tag.family), tag.index, node, False
    for name, node in derived.deltas.items():
        found = _tag_of(tags, named[name])
        if found is not None:
            yield Quantity(Kind.COTANGENT, found.family), found.index, node, False
    for name, node in derived.gradients.items():
        found = _tag_of(tags, named[name])
        if name not in problem.parameters:
            continue
        by_name = node in derived.names
        if found is None:
            yield Quantity(Kind.GRADIENT, name, False), 0, node, by_name
        else:
            yield Quantity(Kind.GRADIENT, found.family), found.index, node, by_name
