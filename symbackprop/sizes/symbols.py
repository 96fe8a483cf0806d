"""The one factory of size symbols, and the algebra of sizes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import TypeAlias

from sympy import Expr, Integer, Symbol, expand
from sympy.core.symbol import Dummy

from symbackprop.errors import ShapeError

Size: TypeAlias = Expr

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


@cache
def size_symbol(name: str) -> Symbol:
    """The positive integer symbol called `name`; the same object for the same name, always.

    SymPy tells symbols with different assumptions apart (``Symbol('n') - Symbol('n',
    positive=True)`` does not vanish), so every size symbol of the program comes from here.
    """
    if not _NAME.match(name):
        raise ShapeError(
            f"{name!r} is not a size name", help="use letters, digits and _, starting with a letter"
        )
    return Symbol(name, integer=True, positive=True)


def dims(names: str) -> tuple[Symbol, ...]:
    """Size symbols from a string of names separated by spaces or commas.

    >>> n, h = dims("n h")
    >>> n + h
    h + n
    """
    return tuple(size_symbol(name) for name in re.split(r"[\s,]+", names.strip()) if name)


def as_size(value: int | str | Expr) -> Size:
    """`value` as a size: an integer >= 0, a size name, or an expression over integer symbols.

    Foreign integer symbols (``sympy.Symbol('n')``, with any assumptions) become the size symbol of
    their name.

    Raises
    ------
    ShapeError
        When the value is negative, not an integer, or of another type.
    """
    if isinstance(value, bool):
        raise ShapeError(f"a size must be an integer or a size expression, found {value!r}")
    if isinstance(value, int):
        if value < 0:
            raise ShapeError(f"a size must be >= 0, found {value}")
        return Integer(value)
    if isinstance(value, str):
        return size_symbol(value)
    if isinstance(value, Expr):
        if value.is_Integer:
            return as_size(int(value))
        foreign = {
            s: size_symbol(s.name)
            for s in value.free_symbols
            if isinstance(s, Symbol) and not isinstance(s, Dummy)
        }
        return expand(value.xreplace(foreign))
    raise ShapeError(
        f"a size must be an integer or a size expression, found {type(value).__name__}",
        help='declare symbolic sizes with sb.dims("n h k")',
    )


def same_size(a: Size, b: Size) -> bool:
    """Whether `a` and `b` are equal as polynomials in the size symbols."""
    return a is b or bool(a == b) or expand(a - b) == 0


@lru_cache(maxsize=4096)
def size_symbols(size: Size) -> tuple[Symbol, ...]:
    """The symbols of a size, sorted by name."""
    return tuple(sorted(size.free_symbols, key=lambda s: s.name))


def evaluate_size(size: Size, values: Mapping[str, int]) -> int:
    """The integer value of `size` where each symbol has the value `values[name]`.

    Raises
    ------
    ShapeError
        When a symbol has no value, or the result is no integer >= 0.
    """
    if size.is_Integer:
        return int(size)
    symbols = size_symbols(size)
    missing = [s.name for s in symbols if s.name not in values]
    if missing:
        raise ShapeError(f"size {size}: no value for {', '.join(missing)}")
    found = expand(size.xreplace({s: Integer(values[s.name]) for s in symbols}))
    if not found.is_Integer or found < 0:
        raise ShapeError(f"size {size} is {found} here, expected an integer >= 0")
    return int(found)


def sorted_symbols(sizes: Iterable[Size]) -> tuple[Symbol, ...]:
    """All symbols of `sizes`, each once, sorted by name."""
    found = {s.name: s for size in sizes for s in size_symbols(size)}
    return tuple(found[name] for name in sorted(found))
