"""What can go wrong, said in one message: what, where, expected against found, and the mend.

Every error that a user can cause is a `SymbackpropError`. Its text is

    ShapeError: matmul: inner dims differ: (n, k) @ (m, p)
      at   %7 = matmul %3 (X) %5 (W)
      help W.T has shape (p, m); k and m are unrelated symbols

This module is the root of the imports: it imports nothing of ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar, Self

_INDENT = "\n       "


class SymbackpropError(Exception):
    """Say what was asked, where, and the next step.

    Parameters
    ----------
    message : str
        What was asked, and expected against found. No full stop, no advice.
    where : str, optional
        The place: a graph line, `file:line "text"`, an option. Several lines are several places.
    help : str, optional
        The next step for the user.

    Examples
    --------
    >>> print(SymbackpropError("the loss has shape (3,)", where='"L"', help="sum it"))
    the loss has shape (3,)
      at   "L"
      help sum it
    """

    exit_status: ClassVar[int] = 2
    """Exit status of the command line when this error ends it."""

    def __init__(self, message: str, *, where: str | None = None, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.help = help

    def __str__(self) -> str:
        """Join the message with its `at` and `help` lines."""
        lines = [self.message]
        if self.where:
            lines.extend(f"  at   {place}" for place in self.where.splitlines())
        if self.help:
            lines.append("  help " + self.help.replace("\n", _INDENT))
        return "\n".join(lines)

    def describe(self) -> str:
        """Give the whole report, headed by the name of the error, as the command line shows it."""
        return f"{type(self).__name__}: {self}"

    def at(self, place: str) -> Self:
        """Add an outer place (a file and line, say) and return the error, to be raised again."""
        self.where = place if self.where is None else f"{self.where}\n{place}"
        return self


class ShapeError(SymbackpropError, ValueError):
    """Two shapes do not fit: both are in the message."""


class UnknownNameError(SymbackpropError, LookupError):
    """A name is not among the known ones: the nearest are suggested.

    Parameters
    ----------
    kind : str
        What the name should have been: "parameter", "model", "option".
    name : str
        What was asked for.
    known : iterable of str
        The names that exist, in the order in which they are to be listed.

    Examples
    --------
    >>> print(UnknownNameError("parameter", "W11", ["W1", "b1"]))
    there is no parameter "W11"
      help did you mean "W1"? known: W1, b1
    """

    def __init__(
        self,
        kind: str,
        name: str,
        known: Iterable[str] = (),
        *,
        where: str | None = None,
        help: str | None = None,
    ) -> None:
        names = tuple(known)
        advice = help if help is not None else suggest(name, names)
        super().__init__(f'there is no {kind} "{name}"', where=where, help=advice)
        self.args = (kind, name, names)
        self.kind = kind
        self.name = name
        self.known = names


class UnsupportedError(SymbackpropError, NotImplementedError):
    """Not yet: the request makes sense, but this program cannot do it."""


class InvalidExpressionError(SymbackpropError, ValueError):
    """Never: the request has no meaning as it stands."""


class MissingRuleError(UnsupportedError):
    """An operation has no rule in the mode asked for: the message names both."""


class SpecError(SymbackpropError, ValueError):
    """A SPEC cannot be read: no such file, a file that fails, or one that defines no network."""


class OutputError(SymbackpropError):
    """A result cannot be written where it was asked for; nothing was written."""


class InternalError(SymbackpropError):
    """A bug of ours: an invariant does not hold. The report asks for the input."""

    exit_status: ClassVar[int] = 70

    def __init__(self, message: str, *, where: str | None = None, help: str | None = None) -> None:
        advice = (
            help or "this is a bug in symbackprop; please report it with the input that led here"
        )
        super().__init__(message, where=where, help=advice)


class SymbackpropWarning(UserWarning):
    """Something is odd but has an answer, such as a parameter the loss does not depend on."""


def suggest(name: str, known: Iterable[str], limit: int = 12) -> str | None:
    """Give the help line for an unknown name: the nearest one, and the list of what there is.

    Parameters
    ----------
    name : str
        The name that was not found.
    known : iterable of str
        The names that exist.
    limit : int
        How many of them are listed at most.

    Returns
    -------
    str or None
        None where nothing is known.
    """
    names = tuple(known)
    if not names:
        return None
    near = nearest(name, names)
    listed = ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
    question = f'did you mean "{near}"? ' if near is not None else ""
    return f"{question}known: {listed}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Find the known name closest to a misspelt one, letter case aside; None if none is close."""
    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.casefold(), candidate)
    matches = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.5)
    return folded[matches[0]] if matches else None
