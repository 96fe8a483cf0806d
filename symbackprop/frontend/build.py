"""From handles to a problem: parameters and inputs collected, values named, names checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sympy import Basic

from symbackprop.errors import InvalidExpressionError, ShapeError
from symbackprop.frontend.automatic import automatic_names, mark_blocks
from symbackprop.frontend.from_sympy import from_sympy
from symbackprop.frontend.lower import Lowered, lower
from symbackprop.frontend.names import check_clashes, check_name, family_of
from symbackprop.frontend.record import Declared, Record, describe, shape_text
from symbackprop.ir import Alias, Comp, Policy, Problem, Read, Role, Tag, Ties, consumers, reachable
from symbackprop.scalars import KinkPolicy
from symbackprop.sizes import size_symbols

LOSS = "loss"


def build(
    loss: Any = None,
    outputs: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    inputs: Iterable[Any] = (),
    parameters: Iterable[Record] = (),
    kink: KinkPolicy = KinkPolicy.ZERO,
    ties: Ties = Ties.FIRST,
    latex: Mapping[str, str] | None = None,
    automatic: bool = True,
) -> Problem:
    """The problem that a loss or outputs define; parameters and inputs are found by themselves.

    Parameters
    ----------
    loss : Tensor of shape () or SymPy expression, optional
        What gradients are taken of.
    outputs : mapping of name to Tensor or SymPy expression, optional
        Other results; at least one of the two is given.
    values : mapping of name to Tensor or SymPy expression, optional
        Forward values that keep a name, beside those named by `Tensor.named`.
    inputs : iterable of symbols, names or tensors
        What is no parameter in SymPy expressions; see `from_sympy`.
    parameters : iterable of Tensor
        Parameters that count even where no output depends on them.
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
    given = tuple(inputs)
    results = {name: _tensor(name, v, given) for name, v in _results(loss, outputs).items()}
    asked = {name: _tensor(name, v, given) for name, v in (values or {}).items()}
    if LOSS in results and results[LOSS].shape:
        raise ShapeError(
            f"the loss is not a scalar: its shape is {shape_text(results[LOSS].shape)}",
            help="sum or average it: sb.sum(L), sb.mean(L)",
        )
    for name in (*asked, *results):
        check_name(name, "value")
    roots = [*results.values(), *asked.values(), *(_parameter(p) for p in parameters)]
    lowered = lower(roots, Policy(kink, ties))
    problem = Problem(lowered.graph)
    _declare(problem, lowered)
    for name, record in results.items():
        problem.outputs[name] = lowered.ids[record]
    _name_values(problem, lowered, asked)
    _name_steps(problem, lowered)
    mark_blocks(problem, lowered)
    if automatic:
        automatic_names(problem, lowered)
    _check_names(problem, lowered)
    _tag(problem, lowered)
    problem.spellings.update(latex or {})
    return problem


def _results(loss: Any, outputs: Mapping[str, Any] | None) -> dict[str, Any]:
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
    return results


def _tensor(name: str, value: Any, inputs: Sequence[Any]) -> Record:
    if isinstance(value, Record):
        return value
    if isinstance(value, Basic):
        made: Record = from_sympy(value, inputs=inputs)
        return made
    raise InvalidExpressionError(
        f'"{name}" is a {type(value).__name__}, expected a tensor or a SymPy expression',
        help="make tensors with sb.input, sb.param and the functions of this package",
    )


def _parameter(record: Any) -> Record:
    if isinstance(record, Record):
        definition = record.definition
        if isinstance(definition, Declared) and definition.role is Role.PARAMETER:
            return record
    found = describe(record) if isinstance(record, Record) else type(record).__name__
    raise InvalidExpressionError(f"parameters: {found} is no parameter", help="sb.param makes one")


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
        known = problem.find(name)
        if known is not None and known != node:
            raise InvalidExpressionError(
                f'two different values are called "{name}": shapes '
                f"{shape_text(problem.graph.shape(known))} and {shape_text(record.shape)}",
                help="give each its own name",
            )
        if known is None:
            problem.values[name] = node
        if record.label.latex is not None:
            problem.spellings[name] = record.label.latex
        if record.label.origin is not None:
            problem.origins[name] = record.label.origin


def _name_steps(problem: Problem, lowered: Lowered) -> None:
    """What values are called inside loops: by the user, or by what made them."""
    for loop, body in lowered.bodies.items():
        names: dict[int, str] = {}
        for record in body.order:
            name = record.label.name or record.label.hint
            if name is None or isinstance(record.definition, Declared) or record not in body.ids:
                continue
            if name not in names.values():
                names.setdefault(body.ids[record], name)
        problem.steps[lowered.ids[loop]] = names


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
    _tag_input(problem)
    for record in lowered.order:
        for family, index in record.label.family:
            problem.tags.setdefault(Tag(family, index), lowered.ids[record])
        if record.label.name is None:
            continue
        for size in record.shape:
            member = family_of(str(size)) if size.is_Symbol else None
            if member is not None:
                problem.tagged_sizes.setdefault(Tag(*member), size)


def _tag_input(problem: Problem) -> None:
    """The input of the first layer is its family's member before the first activation: a^{[0]}."""
    graph = problem.graph
    layers = sorted((t.index, node) for t, node in problem.tags.items() if t.family in ("z", "Z"))
    if not layers:
        return
    first, z = layers[0]
    users = consumers(graph, reachable(graph, problem.outputs.values()))
    families = [
        tag.family
        for tag, node in problem.tags.items()
        if tag.index == first and node in users.get(z, ())
    ]
    sources = _inputs_of(problem, z)
    if families and len(sources) == 1:
        problem.tags.setdefault(Tag(families[0], first - 1), sources[0])


def _inputs_of(problem: Problem, z: int) -> list[int]:
    """The inputs that a pre-activation reads, itself or in its matrix product."""
    graph, inputs = problem.graph, set(problem.inputs.values())
    found: dict[int, None] = {}
    pending = [(z, 0)]
    while pending:
        node_id, depth = pending.pop()
        node = graph[node_id]
        if not isinstance(node, Comp):
            continue
        for read in node.reads:
            if isinstance(read, Read) and read.source in inputs:
                found[read.source] = None
            elif isinstance(read, Read) and depth == 0:
                pending.append((read.source, 1))
    return list(found)


def independent(problem: Problem) -> tuple[str, ...]:
    """The names of parameters that no output depends on."""
    used = set(reachable(problem.graph, problem.outputs.values()))
    return tuple(name for name, node in problem.parameters.items() if node not in used)
