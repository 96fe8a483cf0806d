"""What the templates lay out: text prepared, nothing left to decide."""

from __future__ import annotations

from dataclasses import dataclass, field

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One line of code, with its indentation inside the function."""

    text: str
    comment: str = ""

    @property
    def laid_out(self) -> str:
        """The line, and its comment where both fit into the width."""
        if not self.comment or len(self.text) + len(self.comment) + 8 > WIDTH:
            return self.text
        return f"{self.text}  # {self.comment}"


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the module: docstring and body lines."""

    doc: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a table."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Table:
    """A module-level dictionary."""

    name: str
    entries: tuple[Entry, ...]


@dataclass(slots=True)
class Block:
    """Lines under construction."""

    lines: list[Line] = field(default_factory=list)

    def add(self, text: str, comment: str = "") -> None:
        """Append a line."""
        self.lines.append(Line(text, comment))

    def laid_out(self) -> tuple[str, ...]:
        """The lines as text."""
        return tuple(line.laid_out for line in self.lines)


def wrapped(head: str, items: list[str], tail: str, indent: int = 4) -> list[str]:
    """``head item, item, ... tail`` on one line, or on lines filled with items."""
    one = f"{head}{', '.join(items)}{tail}"
    if len(one) + indent <= WIDTH:
        return [one]
    lines = [head]
    row = "    "
    for item in items:
        if len(row) + len(item) + 2 + indent > WIDTH:
            lines.append(row.rstrip())
            row = "    "
        row += f"{item}, "
    return [*lines, row.rstrip(), tail]


def assignment(names: list[str], values: list[str]) -> list[str]:
    """``a, b = p["a"], p["b"]`` on as few lines as fit."""
    lines: list[str] = []
    start = 0
    for end in range(1, len(names) + 1):
        longer = f"{', '.join(names[start : end + 1])} = {', '.join(values[start : end + 1])}"
        if end == len(names) or len(longer) + 4 > WIDTH:
            lines.append(f"{', '.join(names[start:end])} = {', '.join(values[start:end])}")
            start = end
    return lines
