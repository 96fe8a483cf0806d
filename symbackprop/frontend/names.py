"""Names: what is allowed, and the families that digits at their end tell."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Container, Iterable

from symbackprop.errors import InvalidExpressionError
from symbackprop.ir import with_number

_FAMILY = re.compile(r"(.*?[^0-9_])_?([0-9]+)\Z")


def check_name(name: str, what: str) -> None:
    """Refuse a name that is no identifier or a Python keyword: it becomes one in generated code.

    Raises
    ------
    InvalidExpressionError
        With a name that would do.
    """
    if not isinstance(name, str):
        raise InvalidExpressionError(
            f"the name of a {what} must be a string, found {type(name).__name__}"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise InvalidExpressionError(
            f'"{name}" cannot name a {what}: it is a Python keyword',
            help=f'call it "{name}_" and give latex="{_spelling(name)}"',
        )
    if not name.isidentifier():
        fixed = re.sub(r"\W+", "_", name).strip("_")
        fixed = fixed if fixed.isidentifier() else f"v{fixed}"
        raise InvalidExpressionError(
            f'"{name}" cannot name a {what}: it is no identifier',
            help=f'call it "{fixed}"; how it is printed is said by latex="..."',
        )
    if name.startswith("__"):
        raise InvalidExpressionError(f'"{name}" cannot name a {what}: it starts with two _')


def _spelling(name: str) -> str:
    return r"\lambda" if name == "lambda" else name


def identifier(name: str) -> str:
    """The identifier that Python reads `name` as."""
    return unicodedata.normalize("NFKC", name)


def check_clashes(names: Iterable[str]) -> None:
    """Refuse two names that Python reads as one identifier.

    Raises
    ------
    InvalidExpressionError
        With both.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(identifier(name), name)
        if other != name:
            raise InvalidExpressionError(
                f'"{other}" and "{name}" are the same Python identifier', help="rename one of them"
            )


def family_of(name: str) -> tuple[str, int] | None:
    """The family and index that a name tells: W1 and W_1 are W of layer 1; None without digits."""
    match = _FAMILY.match(name)
    return None if match is None else (match.group(1), int(match.group(2)))


def fresh(base: str, taken: Container[str], numbered: bool = False) -> str:
    """`base`, or it with the first number that makes it new; always a number where `numbered`."""
    if base not in taken and not numbered:
        return base
    k = 1
    while with_number(base, k) in taken:
        k += 1
    return with_number(base, k)
