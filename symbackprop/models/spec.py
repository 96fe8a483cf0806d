"""What a ready network is, and how its sizes and options are written: ``mlp:64-32-10,loss=mse``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from symbackprop.errors import ShapeError, SpecError, UnknownNameError
from symbackprop.network import Network

Dim = int | str
"""An integer, or the name of a size."""

_SIZE = re.compile(r"[0-9]+|[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Choice:
    """An option: its values, the first of them the default; without values it is a size."""

    name: str
    values: tuple[str, ...]
    default: str
    meaning: str

    def checked(self, value: str) -> str:
        """`value`, if it is allowed.

        Raises
        ------
        UnknownNameError
            When it is not.
        """
        if self.values and value not in self.values:
            raise UnknownNameError(f"{self.name}", value, self.values)
        if not self.values:
            _size(value)
        return value


@dataclass(frozen=True, slots=True)
class Spec:
    """A name with sizes and options, checked."""

    name: str
    sizes: tuple[Dim, ...]
    options: Mapping[str, str]

    def size(self, option: str) -> Dim:
        """An option that is a size."""
        return _size(self.options[option])


@dataclass(frozen=True, slots=True)
class Model:
    """A ready network.

    Parameters
    ----------
    name, summary : str
    sizes : names of the sizes, in order
    build : what makes the network
    default : the sizes that stand where none are given
    more : whether more sizes may follow, or fewer stand (layers)
    example : a SPEC
    choices : its options
    """

    name: str
    summary: str
    sizes: tuple[str, ...]
    build: Callable[[Spec], Network]
    default: tuple[Dim, ...]
    example: str
    more: bool = False
    choices: tuple[Choice, ...] = field(default=())

    def describe(self) -> str:
        """Everything about the network, for people."""
        shape = "-".join(self.sizes) + ("-..." if self.more else "")
        lines = [f"{self.name}:{shape}", f"  {self.summary}"]
        lines += [f"  without sizes: {'-'.join(map(str, self.default))}"]
        for option in self.choices:
            values = " | ".join(option.values) or "a size"
            lines.append(f"  {option.name}={values}")
            lines.append(f"      {option.meaning}; default: {option.default}")
        lines.append(f"  example: symbackprop derive {self.example}")
        return "\n".join(lines)


def parse(text: str, models: Mapping[str, Model]) -> tuple[Model, Spec]:
    """The model and the checked sizes and options that a SPEC names.

    Raises
    ------
    UnknownNameError
        When a name, an option or a value is not known.
    SpecError
        When the sizes do not fit.
    """
    head, *tail = text.split(",")
    name, colon, listed = head.partition(":")
    if name not in models:
        raise UnknownNameError("ready model", name, models)
    model = models[name]
    sizes = tuple(_size(s) for s in listed.split("-")) if colon else model.default
    least = len(model.sizes)
    if len(sizes) < least or (len(sizes) > least and not model.more):
        shape = "-".join(model.sizes) + ("-..." if model.more else "")
        raise SpecError(
            f'"{text}": expected {least}{" or more" if model.more else ""} sizes ({shape}), '
            f"found {len(sizes)}",
            help=f"symbackprop derive {model.example}",
        )
    return model, Spec(name, sizes, _options(model, tail, text))


def _options(model: Model, given: list[str], text: str) -> dict[str, str]:
    known = {choice.name: choice for choice in model.choices}
    options = {choice.name: choice.default for choice in model.choices}
    for part in given:
        name, equals, value = part.partition("=")
        if not equals:
            raise SpecError(
                f'"{text}": expected option=value after the comma, found "{part}"',
                help=f"symbackprop models {model.name}",
            )
        if name not in known:
            raise UnknownNameError(f"option of {model.name}", name, known)
        options[name] = known[name].checked(value)
    return options


def _size(text: str) -> Dim:
    if not _SIZE.match(text):
        raise ShapeError(
            f'"{text}" is no size', help="sizes are positive integers or names: mlp:64-32-10"
        )
    if not text[0].isdigit():
        return text
    if int(text) == 0:
        raise ShapeError("a size of 0: expected a positive integer or a name")
    return int(text)
