"""Options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import click

from symbackprop import files
from symbackprop.errors import OutputError

Command = TypeVar("Command", bound=Callable[..., Any])

MARK = "Written by symbackprop"
"""What stands near the top of every file that the program wrote."""


def choices(kind: type[Enum]) -> click.Choice[str]:
    """The values of an enum as the values of an option."""
    return click.Choice([str(member.value) for member in kind])


def spec_argument(command: Command) -> Command:
    """The argument SPEC."""
    return click.argument("spec")(command)


def output_option(command: Command) -> Command:
    """The option -o."""
    return click.option(
        "-o", "--output", type=click.Path(path_type=Path), help="Write to FILE.", metavar="FILE"
    )(command)


def force_option(command: Command) -> Command:
    """The option --force."""
    return click.option(
        "--force", is_flag=True, help="Overwrite FILE even if something else wrote it."
    )(command)


def write(path: Path, text: str, *, mark: str, force: bool) -> None:
    """Write a file, unless it exists and does not bear the mark of this program.

    Raises
    ------
    OutputError
        When it would overwrite another's file, or cannot be written; nothing was changed.
    """
    if path.is_file() and not force and not _is_ours(path, mark):
        raise OutputError(
            f'"{path}" exists, and symbackprop did not write it',
            help="give another name, or --force to overwrite it",
        )
    files.write_text(path, text)


def _is_ours(path: Path, mark: str) -> bool:
    try:
        with path.open(encoding="utf-8") as stream:
            head = stream.read(2000)
    except (OSError, UnicodeDecodeError):
        return False
    return not head.strip() or mark in head
