"""A derivation told to people, as text or LaTeX: one passage for each gradient."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from symbackprop.derivation.speaker import Speaker
from symbackprop.derivation.steps import Checkpoint, Grain, Passage, Reason, passages
from symbackprop.printing import Dialect, Latex, Text
from symbackprop.simplify import Derived


@dataclass(frozen=True, slots=True)
class ToldLine:
    """One line of a passage: ``= formula   (why)``."""

    formula: str
    why: str


@dataclass(frozen=True, slots=True)
class Told:
    """A passage as it is written.

    left : what is derived;  lines : first what it is by definition, last the result
    """

    left: str
    lines: tuple[ToldLine, ...]


def told(
    derived: Derived,
    dialect: Dialect,
    grain: Grain = Grain.FULL,
    wanted: Container[str] | None = None,
) -> tuple[Told, ...]:
    """The derivation of every gradient, or of those by the names in `wanted`."""
    found = [p for p in passages(derived) if wanted is None or p.wrt in wanted]
    roots = [c.node for passage in found for c in passage.checkpoints]
    roots += list(derived.problem.values.values())
    speaker = Speaker(derived, roots, dialect)
    return tuple(_passage(speaker, passage, grain) for passage in found)


def _passage(speaker: Speaker, passage: Passage, grain: Grain) -> Told:
    chosen = passage.checkpoints
    if grain is Grain.BRIEF:
        chosen = chosen[-1:]
    by_name = len(passage.checkpoints) == 1 and passage.wrt in speaker.derived.problem.parameters
    matrices = [speaker.matrix(c.node, by_name) for c in chosen]
    if any(text is None for text in matrices):
        entries = [speaker.entry(c.node, by_name) for c in chosen]
        index = entries[-1][0]
        formulas = [text for _, text in entries]
    else:
        index = ""
        formulas = [text for text in matrices if text is not None]
    chain = _chain(speaker, passage, index) if grain is Grain.FULL and not by_name else None
    lines = [] if chain is None else [chain]
    for checkpoint, formula in zip(chosen, formulas, strict=True):
        if not lines or lines[-1].formula != formula:
            why = _why(speaker, checkpoint, passage, first=not lines)
            lines.append(ToldLine(formula, why))
    return Told(_left(speaker, passage, index), tuple(lines))


def _left(speaker: Speaker, passage: Passage, index: str) -> str:
    dialect = speaker.dialect
    loss = dialect.name(speaker.spelled("loss"))
    gradient = dialect.gradient(loss, speaker.spelled(passage.wrt), index)
    named = passage.wrt not in speaker.derived.problem.parameters and passage.node in speaker.names
    return f"{speaker.name(passage.node, index)} = {gradient}" if named else gradient


def _chain(speaker: Speaker, passage: Passage, index: str) -> ToldLine | None:
    """The chain rule through the values that read this one; None where only the loss does."""
    problem = speaker.derived.problem
    values = [i for i in passage.through if i != problem.loss]
    target = problem.named()[passage.wrt]
    if len(values) < len(passage.through) or not values or index:
        return None
    if any(len(speaker.graph.shape(i)) > 1 for i in (target, *values)):
        return None  # the Jacobian is no matrix
    dialect = speaker.dialect
    loss = dialect.name(speaker.spelled("loss"))
    parts = []
    for value in values:
        name = next(n for n, i in problem.named().items() if i == value)
        inner = dialect.jacobian(speaker.name(value), dialect.name(speaker.spelled(passage.wrt)))
        local = dialect.transposed(dialect.brackets(inner))
        parts.append(f"{local} {dialect.gradient(loss, speaker.spelled(name))}")
    return ToldLine(" + ".join(parts), _prose(dialect, _WORDS[Reason.CHAIN_RULE]))


_WORDS = {
    Reason.CHAIN_RULE: "chain rule",
    Reason.DEFINITION: "with",
    Reason.SUMS_TO_ONE: "as {} sums to one",
    Reason.ALGEBRA: "simplify",
}


def _prose(dialect: Dialect, words: str) -> str:
    return rf"\text{{{words}}}" if isinstance(dialect, Latex) else words


def _why(speaker: Speaker, checkpoint: Checkpoint, passage: Passage, first: bool) -> str:
    """The reason of a line. The first one says through which values the chain rule goes."""
    dialect = speaker.dialect
    word = _WORDS[checkpoint.because]
    match checkpoint.because:
        case Reason.CHAIN_RULE:
            named = [speaker.name(i) for i in passage.through if first]
            if not named:
                return _prose(dialect, "the derivatives inserted")
            return _prose(dialect, f"{word} through ") + ", ".join(named)
        case Reason.DEFINITION:
            laws = [_definition(speaker, i) for i in checkpoint.names]
            return _prose(dialect, f"{word} ") + ", ".join(laws)
        case Reason.SUMS_TO_ONE:
            names = [speaker.name(i) for i in checkpoint.names]
            before, after = word.split("{}")
            return _prose(dialect, before) + ", ".join(names) + _prose(dialect, after)
        case Reason.ALGEBRA:
            return _prose(dialect, word)


def _definition(speaker: Speaker, node: int) -> str:
    law = speaker.matrix(node)
    if law is not None:
        return f"{speaker.name(node)} = {law}"
    index, law = speaker.entry(node)
    return f"{speaker.name(node, index)} = {law}"


def told_text(
    derived: Derived,
    dialect: Text,
    grain: Grain = Grain.FULL,
    wanted: Container[str] | None = None,
) -> str:
    """The derivation as plain text, a blank line between passages."""
    blocks = []
    for passage in told(derived, dialect, grain, wanted):
        lines = [f"{passage.left}"]
        width = max(len(line.formula) for line in passage.lines)
        width = width if width <= 60 else 0
        lines += [f"  = {line.formula:<{width}}   ({line.why})" for line in passage.lines]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def told_latex(
    derived: Derived,
    dialect: Latex,
    grain: Grain = Grain.FULL,
    wanted: Container[str] | None = None,
) -> str:
    """The derivation as LaTeX: an aligned display for each passage."""
    blocks = []
    for passage in told(derived, dialect, grain, wanted):
        first, *rest = passage.lines
        rows = [f"  {passage.left} &= {first.formula} && {first.why}"]
        rows += [f"  &= {line.formula} && {line.why}" for line in rest]
        body = " \\\\\n".join(rows)
        blocks.append(f"\\begin{{align*}}\n{body}\n\\end{{align*}}")
    return "\n\n".join(blocks) + "\n"
