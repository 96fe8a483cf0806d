r"""What a display supposes: `y = y(z(x))` says that y is some function of z, and z one of x."""

from __future__ import annotations

from collections.abc import Iterable

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.kinds import Relation
from symbackprop.notes.resolve.definitions import Definition
from symbackprop.notes.resolve.profile import Profile
from symbackprop.notes.statements import Statement

__all__ = ["OPAQUE", "is_dependence", "some_function", "supposed"]

OPAQUE = "some function"
"""The name of a function of which only the arguments are known."""


def some_function(arguments: Iterable[Node]) -> ast.Apply:
    """A function of some arguments of which nothing else is known."""
    return ast.Apply(Name(OPAQUE), tuple(arguments), certain=True)


def is_dependence(statement: Statement) -> bool:
    """Whether a statement only says what a name depends on."""
    if len(statement.sides) != 2 or statement.relations[0] is not Relation.EQUAL:
        return False
    first, second = statement.sides
    return (
        isinstance(first, Name)
        and isinstance(second, ast.Apply)
        and isinstance(second.function, Name)
        and second.function.base == first.base
        and second.function.subs == first.subs
    )


def supposed(statement: Statement, position: int, profile: Profile) -> list[Definition]:
    """The functions that a statement supposes; none where its names have labels."""
    if not is_dependence(statement):
        return []
    found: list[Definition] = []
    waiting: list[Node] = [statement.sides[1]]
    while waiting:
        call = waiting.pop()
        assert isinstance(call, ast.Apply)
        if not isinstance(call.function, Name):
            return []
        arguments: list[Name] = []
        for argument in call.arguments:
            if isinstance(argument, ast.Apply):
                waiting.append(argument)
                argument = argument.function
            if not isinstance(argument, Name):
                return []
            arguments.append(argument)
        refs = [profile.ref(name) for name in (call.function, *arguments)]
        if any(ref.labels or ref.comps for ref in refs):
            return []
        body = some_function(arguments)
        found.append(Definition(refs[0].key, (), (), body, position, local=True))
    return found
