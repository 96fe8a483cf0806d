"""How elementwise functions are written where it is not name(arguments)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from symbackprop.printing.dialect import Dialect
from symbackprop.printing.levels import Level, Piece
from symbackprop.raising.shapes import is_scalar
from symbackprop.raising.tree import Add, Form, Formula, Number, Unnamed
from symbackprop.scalars import function

if TYPE_CHECKING:
    from symbackprop.printing.formulas import Printer

Args = tuple[Formula, ...]
Special = Callable[["Printer", Args], Piece | None]
_HALF = Number(1, 2)


def function_word(dialect: Dialect, name: str) -> str:
    """The name of a function in front of its arguments."""
    for known, latex in dialect.notation.functions:
        if known == name and dialect.is_latex:
            return latex
    record = function(name)
    if dialect.is_latex:
        return record.latex or dialect.word(name)
    return name if getattr(dialect, "ascii", False) else record.unicode or name


def tensor_derivative(printer: Printer, formula: Unnamed, word: str) -> Piece:
    """A derivative of an opaque function of whole tensors: ``J_f(z)``, ``∇_Y Div(Y, d)``."""
    applied = word + printer.arguments(formula.args)
    raised = [j for j, n in enumerate(formula.orders) if n]
    latex = printer.dialect.is_latex
    if sum(formula.orders) == 1 and formula.tensor is Form.MATRIX and len(formula.args) == 1:
        sign = rf"J_{{{word}}}" if latex else f"J_{word}"
        return Piece(sign + printer.arguments(formula.args), Level.CALL)
    for j in raised:
        by = printer.text(formula.args[j])
        power = "" if formula.orders[j] == 1 else f"^{formula.orders[j]}"
        by = f"{{{by}}}" if latex or len(by) > 1 else by
        applied = f"{printer.dialect.nabla}_{by}{power} {applied}"
    return Piece(applied, Level.POWER)


def _exp(printer: Printer, args: Args) -> Piece | None:
    if not printer.dialect.is_latex or not is_scalar(args[0]):
        return None
    return Piece(f"e^{{{printer.text(args[0])}}}", Level.POWER)


def _step(printer: Printer, args: Args) -> Piece | None:
    at, value = args[0], args[1]
    if value == _HALF:
        word = printer.dialect.word("step")
        half = printer.text(value)
        return Piece(f"{word}_{{{half}}}{printer.arguments((at,))}", Level.CALL)
    sign = printer.dialect.at_least if value == Number(1) else " > "
    return Piece(printer.dialect.indicator(f"{printer.text(at)}{sign}0"), Level.ATOM)


def _equal(printer: Printer, args: Args) -> Piece | None:
    left, right = (printer.text(a) for a in args)
    return Piece(printer.dialect.indicator(f"{left} = {right}"), Level.ATOM)


def _absolute(printer: Printer, args: Args) -> Piece | None:
    return Piece(printer.dialect.absolute(printer.text(args[0])), Level.ATOM)


def _xlogy(printer: Printer, args: Args) -> Piece | None:
    word = function_word(printer.dialect, "log")
    return Piece(
        f"{printer.text(args[0], Level.POWER)} {word}{printer.arguments(args[1:])}", Level.PRODUCT
    )


def _log1p(printer: Printer, args: Args) -> Piece | None:
    word = function_word(printer.dialect, "log")
    return Piece(word + printer.arguments((Add((Number(1), args[0])),)), Level.CALL)


def _pow(printer: Printer, args: Args) -> Piece | None:
    if not is_scalar(args[0]) or not is_scalar(args[1]):
        return None
    base = printer.text(args[0], Level.ATOM)
    return Piece(printer.dialect.power(base, printer.text(args[1])), Level.POWER)


def _without_default(name: str) -> Special:
    """A function whose last arguments are left out where they have their defaults."""

    def special(printer: Printer, args: Args) -> Piece | None:
        record = function(name)
        count = len(record.defaults)
        given = tuple((a.numerator, a.denominator) for a in args[1:] if isinstance(a, Number))
        usual = tuple((int(d.p), int(d.q)) for d in record.defaults)
        if len(args) != 1 + count or given != usual:
            return None
        return Piece(function_word(printer.dialect, name) + printer.arguments(args[:1]), Level.CALL)

    return special


def _max(word: str) -> Special:
    def special(printer: Printer, args: Args) -> Piece | None:
        name = f"\\{word}" if printer.dialect.is_latex else word
        return Piece(name + printer.arguments(args), Level.CALL)

    return special


SPECIAL: dict[str, Special] = {
    "exp": _exp,
    "step": _step,
    "equal": _equal,
    "abs": _absolute,
    "xlogy": _xlogy,
    "log1p": _log1p,
    "pow": _pow,
    "leaky_relu": _without_default("leaky_relu"),
    "elu": _without_default("elu"),
    "maximum": _max("max"),
    "minimum": _max("min"),
}
