"""The terminal: what it can show, and how messages reach it."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

import click

WIDTH = 80


def prepare_streams() -> None:
    """Let no character that a terminal cannot show end the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def shows_unicode(stream: TextIO | None = None) -> bool:
    """Whether a stream can hold the signs of formulas."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    try:
        "∂Σᵀ⊙𝟏".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def is_lively(stream: TextIO) -> bool:
    """Whether a stream is a terminal on which progress may be drawn."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def complain(text: str) -> None:
    """Print a message to standard error."""
    click.echo(text, err=True)


def say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line, without the place in our code."""
    complain(f"warning: {message}")
