"""From handles to a problem: parameters and inputs collected, values named, names checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.frontend.automatic import automatic_names, mark_blocks
from symbackprop.frontend.lower import Lowered, lower
from symbackprop.frontend.names import check_clashes, check_name, family_of
from symbackprop.frontend.record import Declared, Record, describe, shape_text
from symbackprop.ir import Alias, Policy, Problem, Role, Tag, Ties
from symbackprop.scalars import KinkPolicy
from symbackprop.sizes import size_symbols

LOSS = "loss"


def build(
    loss: Record | None = None,
    outputs: Mapping[str, Record] | None = None,
    values: Mapping[str, Record] | None = None,
    *,
    kink: KinkPolicy = KinkPolicy.ZERO,
    ties: Ties = Ties.FIRST,
    latex: Mapping[str, str] | None = None,
    automatic: bool = True,
) -> Problem:
    """The problem that a loss or outputs define.

    Parameters
    ----------
    loss : Tensor of shape (), optional
        What gradients are taken of.
    outputs : mapping of name to Tensor, optional
        Other results; at least one of the two is given.
    values : mapping of name to Tensor, optional
        Forward values that keep a name, beside those named by `Tensor.named`.
    kink, ties : KinkPolicy, Ties
        The value at kinks, and which of several maxima get the gradient.
    latex : mapping of name to str, optional
        Spellings, beside those given where things were declared.
    automatic : bool
        Whether unnamed important values (z1, a1, p) get names.

    Raises
    ------
    ShapeError
        When the loss is not a scalar.
    InvalidExpressionError
        When nothing is given, or names clash.
    """
    results = _results(loss, outputs)
    asked = dict(values or {})
    for name, value in (*asked.items(), *results.items()):
        _check_tensor(name, value)
        check_name(name, "value")
    lowered = lower([*results.values(), *asked.values()], Policy(kink, ties))
    problem = Problem(lowered.graph)
    _declare(problem, lowered)
    for name, record in results.items():
        problem.outputs[name] = lowered.ids[record]
    _name_values(problem, lowered, asked)
    mark_blocks(problem, lowered)
    if automatic:
        automatic_names(problem, lowered)
    _check_names(problem, lowered)
    _tag(problem, lowered)
    problem.spellings.update(latex or {})
    return problem


def _results(loss: Record | None, outputs: Mapping[str, Record] | None) -> dict[str, Record]:
    results = dict(outputs or {})
    if loss is not None:
        if LOSS in results:
            raise InvalidExpressionError('an output is called "loss", and a loss is given')
        results = {LOSS: loss, **results}
    if not results:
        raise InvalidExpressionError(
            "a network needs a loss or outputs",
            help="sb.Network(loss=L) or sb.Network(outputs={'y': y})",
        )
    if isinstance(results.get(LOSS), Record) and results[LOSS].shape:
        found = results[LOSS]
        raise ShapeError(
            f"the loss is not a scalar: its shape is {shape_text(found.shape)}",
            help="sum or average it: sb.sum(L), sb.mean(L)",
        )
    return results


def _check_tensor(name: str, value: Any) -> None:
    if not isinstance(value, Record):
        raise InvalidExpressionError(
            f'"{name}" is a {type(value).__name__}, expected a tensor',
            help="plain SymPy goes through sb.from_sympy(expression, inputs=[...])",
        )


def _declare(problem: Problem, lowered: Lowered) -> None:
    """Parameters and inputs, in the order they were declared."""
    by_name: dict[str, Record] = {}
    for record in lowered.order:
        if not isinstance(record.definition, Declared):
            continue
        name = record.label.name or ""
        other = by_name.setdefault(name, record)
        table = problem.parameters if record.definition.role is Role.PARAMETER else problem.inputs
        if lowered.ids[other] != lowered.ids[record]:
            raise InvalidExpressionError(
                f'"{name}" is declared twice: {_declaration(other)} and {_declaration(record)}',
                help="give each its own name",
            )
        table[name] = lowered.ids[record]
        if record.label.latex is not None:
            problem.spellings[name] = record.label.latex
        if record.label.origin is not None:
            problem.origins[name] = record.label.origin
        for letter, axes in record.label.alias:
            problem.aliases.append(Alias(name, letter, axes))


def _declaration(record: Record) -> str:
    definition = record.definition
    assert isinstance(definition, Declared)
    return f"{definition.role.value} {describe(record)}"


def _name_values(problem: Problem, lowered: Lowered, asked: Mapping[str, Record]) -> None:
    """Names that the user gave to computed values."""
    given = [
        (record.label.name, record)
        for record in lowered.order
        if record.label.name is not None and not isinstance(record.definition, Declared)
    ]
    for name, record in (*given, *asked.items()):
        check_name(name, "value")
        node = lowered.ids[record]
        known = problem.named().get(name, node)
        if known != node:
            raise InvalidExpressionError(
                f'two different values are called "{name}": shapes '
                f"{shape_text(problem.graph.shape(known))} and {shape_text(record.shape)}",
                help="give each its own name",
            )
        if name not in problem.named():
            problem.values[name] = node
        if record.label.latex is not None:
            problem.spellings[name] = record.label.latex


def _check_names(problem: Problem, lowered: Lowered) -> None:
    names = problem.named()
    check_clashes(names)
    sizes: dict[str, None] = {}
    for record in lowered.order:
        for size in record.shape:
            sizes.update(dict.fromkeys(str(s) for s in size_symbols(size)))
    for name in sizes:
        if name in names:
            raise InvalidExpressionError(
                f'"{name}" names a size and an array', help="rename one of them"
            )
    for name in problem.parameters:
        if name in problem.outputs or name in problem.inputs:
            raise InvalidExpressionError(
                f'"{name}" names a parameter and another array', help="rename one of them"
            )
    for name in problem.inputs:
        if name in problem.outputs and problem.outputs[name] != problem.inputs[name]:
            raise InvalidExpressionError(
                f'"{name}" names an input and an output', help="rename one of them"
            )


def _tag(problem: Problem, lowered: Lowered) -> None:
    """Roles in families: from digits at the end of names and of sizes, and given ones."""
    for name, node in problem.named().items():
        member = family_of(name)
        if member is not None:
            problem.tags.setdefault(Tag(*member), node)
    for record in lowered.order:
        for family, index in record.label.family:
            problem.tags.setdefault(Tag(family, index), lowered.ids[record])
        if record.label.name is None:
            continue
        for size in record.shape:
            member = family_of(str(size)) if size.is_Symbol else None
            if member is not None:
                problem.tagged_sizes.setdefault(Tag(*member), size)


def unused_parameters(problem: Problem, declared: Iterable[str]) -> list[str]:
    """The names among `declared` that no output depends on."""
    return [name for name in declared if name not in problem.parameters]
