r"""Macros of a document (`\newcommand`, `\def`, `\DeclareMathOperator`, `\let`), and expansion.

Expansion is bounded in calls and tokens, so that a macro that calls itself is an error, not a hang.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from symbackprop.notes.errors import FormulaError
from symbackprop.notes.tokens import GENERATED, MAX_TOKENS, Kind, Token, tokenize

__all__ = ["Macro", "collect", "expand"]

MAX_CALLS = 1_000
"""Macro calls in one formula."""

MAX_COPIES = 12_000
"""Tokens that macro calls may copy in one formula, arguments of arguments included."""

_DEFINERS = {
    "\\newcommand", "\\newcommand*", "\\renewcommand", "\\renewcommand*", "\\providecommand",
    "\\providecommand*", "\\def", "\\gdef", "\\edef", "\\let", "\\DeclareMathOperator",
    "\\DeclareMathOperator*", "\\DeclareBoldMathCommand",
}  # fmt: skip
_DEFINITION = re.compile(
    r"\\(?:newcommand|renewcommand|providecommand|[ge]?def|let|DeclareMathOperator)\*?(?![A-Za-z])"
)
_KEPT = frozenset({"\\frac", "\\sum", "\\partial", "\\text", "\\begin", "\\end", "\\left"})


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro: how many arguments it takes, the default of the first, and its body."""

    name: str
    parameters: int
    default: tuple[Token, ...] | None
    body: tuple[Token, ...]


def _braced(tokens: Sequence[Token], at: int) -> tuple[tuple[Token, ...], int] | None:
    """The tokens inside the braces that open at `at`, and the position after them."""
    if at >= len(tokens) or tokens[at].kind is not Kind.OPEN:
        return None
    depth = 0
    for i in range(at, len(tokens)):
        if tokens[i].kind is Kind.OPEN:
            depth += 1
        elif tokens[i].kind is Kind.CLOSE:
            depth -= 1
            if depth == 0:
                return tuple(tokens[at + 1 : i]), i + 1
    return None


def _bracketed(tokens: Sequence[Token], at: int) -> tuple[tuple[Token, ...], int] | None:
    """The tokens inside `[..]` at `at`, and the position after them."""
    if at >= len(tokens) or tokens[at].text != "[":
        return None
    depth = 0
    for i in range(at + 1, len(tokens)):
        if tokens[i].kind is Kind.OPEN:
            depth += 1
        elif tokens[i].kind is Kind.CLOSE:
            depth -= 1
        elif tokens[i].text == "]" and depth == 0:
            return tuple(tokens[at + 1 : i]), i + 1
    return None


def _macro_name(tokens: Sequence[Token], at: int) -> tuple[str, int] | None:
    """The command being defined, bare or in braces."""
    if at < len(tokens) and tokens[at].kind is Kind.COMMAND:
        return tokens[at].text, at + 1
    inner = _braced(tokens, at)
    if inner and len(inner[0]) == 1 and inner[0][0].kind is Kind.COMMAND:
        return inner[0][0].text, inner[1]
    return None


def _plain_def(tokens: Sequence[Token], name: str, at: int) -> tuple[Macro | None, int] | None:
    parameters = 0
    while at < len(tokens) and tokens[at].kind is not Kind.OPEN:
        parameters += tokens[at].text == "#"
        at += 1
    body = _braced(tokens, at)
    return (Macro(name, parameters, None, body[0]), body[1]) if body else None


def _operator(tokens: Sequence[Token], name: str, at: int) -> tuple[Macro | None, int] | None:
    body = _braced(tokens, at)
    if body is None:
        return None
    spot = tokens[at]
    wrapped = (Token(Kind.COMMAND, "\\operatorname", spot.start, spot.end), *tokens[at : body[1]])
    return Macro(name, 0, None, wrapped), body[1]


def _new_command(tokens: Sequence[Token], name: str, at: int) -> tuple[Macro | None, int] | None:
    parameters, default = 0, None
    count = _bracketed(tokens, at)
    if count is not None:
        text = "".join(token.text for token in count[0])
        parameters = int(text) if re.fullmatch("[0-9]", text) else 0
        at = count[1]
        optional = _bracketed(tokens, at)
        if optional is not None:
            default, at = optional
    body = _braced(tokens, at)
    return (Macro(name, parameters, default, body[0]), body[1]) if body else None


def read_definition(tokens: Sequence[Token], at: int) -> tuple[Macro | None, int] | None:
    """The definition that starts at `at` and the position after it; None when there is none.

    The macro is None when the definition is one that expansion must not follow.
    """
    definer = tokens[at].text
    if tokens[at].kind is not Kind.COMMAND or definer not in _DEFINERS:
        return None
    named = _macro_name(tokens, at + 1)
    if named is None:
        return None
    name, at = named
    if definer == "\\let":
        at += at < len(tokens) and tokens[at].text == "="
        made: tuple[Macro | None, int] | None = (
            (Macro(name, 0, None, (tokens[at],)), at + 1) if at < len(tokens) else None
        )
    elif definer.endswith("def"):
        made = _plain_def(tokens, name, at)
    elif "Operator" in definer:
        made = _operator(tokens, name, at)
    else:
        made = _new_command(tokens, name, at)
    return (None, made[1]) if made and name in _KEPT else made


def collect(text: str) -> dict[str, Macro]:
    """All macros that `text` defines; a later definition of a name replaces an earlier one."""
    macros: dict[str, Macro] = {}
    for match in _DEFINITION.finditer(text):
        tokens = tokenize(text[match.start() : match.start() + 1_000])
        made = read_definition(tokens, 0) if tokens else None
        if made and made[0] is not None:
            macros[made[0].name] = made[0]
    return macros


class _Expander:
    def __init__(self, tokens: Sequence[Token], macros: Mapping[str, Macro]) -> None:
        self.pending = list(reversed(tokens))
        self.macros = macros
        self.calls = 0
        self.regions = 0
        self.copies = 0

    def argument(self) -> list[Token]:
        """Take one argument from the pending tokens: a braced group without braces, or a token."""
        if not self.pending:
            return []
        first = self.pending.pop()
        if first.kind is not Kind.OPEN:
            return [first]
        depth = 1
        taken: list[Token] = []
        while self.pending:
            token = self.pending.pop()
            depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
            if depth == 0:
                self.last = token
                return taken
            taken.append(token)
        raise FormulaError("a brace opens here and never closes", first.start)

    def optional(self) -> list[Token] | None:
        if not self.pending or self.pending[-1].text != "[":
            return None
        taken: list[Token] = []
        self.pending.pop()
        while self.pending:
            token = self.pending.pop()
            if token.text == "]":
                self.last = token
                return taken
            taken.append(token)
        return taken

    def call(self, macro: Macro, site: Token) -> None:
        """Replace a call by the macro's body with its arguments."""
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise FormulaError(
                f"more than {MAX_CALLS} macro calls: does one call itself?", site.start
            )
        self.last = site
        arguments: list[list[Token]] = []
        if macro.default is not None:
            given = self.optional()
            arguments.append(list(macro.default) if given is None else given)
        while len(arguments) < macro.parameters:
            taken = self.argument()
            if len(taken) == 1 and self.last.end < taken[0].end:
                self.last = taken[0]
            arguments.append(taken)
        body = self.body(macro, arguments, site)
        if len(body) + len(self.pending) > MAX_TOKENS:
            raise FormulaError(f"macros make more than {MAX_TOKENS} tokens", site.start)
        self.pending.extend(reversed(self.marked(body, site, self.last)))

    def body(self, macro: Macro, arguments: list[list[Token]], site: Token) -> list[Token]:
        made: list[Token] = []
        position, body = 0, macro.body
        while position < len(body):
            token = body[position]
            position += 1
            if token.text == "#" and position < len(body) and body[position].text.isdigit():
                number = int(body[position].text[0]) - 1
                position += 1
                if number < len(arguments):
                    made.extend(self.copied(arguments[number]))
                continue
            made.append(
                replace(
                    token, start=site.start, end=site.end, region=GENERATED, left=None, right=None
                )
            )
        return made

    def copied(self, argument: list[Token]) -> list[Token]:
        """The argument's tokens, in a region of their own: still spelled by the text they had."""
        self.copies += len(argument)
        if self.copies > MAX_COPIES and argument:
            raise FormulaError("macro calls are nested too deeply", argument[0].start)
        regions: dict[int, int] = {GENERATED: GENERATED}
        made = []
        for token in argument:
            if token.region not in regions:
                self.regions += 1
                regions[token.region] = self.regions
            left = token.left and (regions.get(token.left[0], token.left[0]), token.left[1])
            right = token.right and (regions.get(token.right[0], token.right[0]), token.right[1])
            made.append(replace(token, region=regions[token.region], left=left, right=right))
        return made

    @staticmethod
    def marked(body: list[Token], site: Token, last: Token) -> list[Token]:
        """Tell the first and last token of an expansion which call they open and close."""
        if body:
            left = (site.region, site.start) if site.region != GENERATED else site.left
            right = (last.region, last.end) if last.region != GENERATED else last.right
            body[0] = replace(body[0], left=left, spaced=site.spaced)
            body[-1] = replace(body[-1], right=right)
        return body

    def run(self) -> list[Token]:
        done: list[Token] = []
        while self.pending:
            token = self.pending.pop()
            if token.kind is Kind.COMMAND and token.text in _DEFINERS:
                window = list(reversed(self.pending[-400:]))
                made = read_definition([token, *window], 0)
                if made is not None:
                    del self.pending[len(self.pending) - (made[1] - 1) :]
                    continue
            macro = self.macros.get(token.text) if token.kind is Kind.COMMAND else None
            if macro is None:
                done.append(token)
            else:
                self.call(macro, token)
        return done


def expand(tokens: Sequence[Token], macros: Mapping[str, Macro]) -> list[Token]:
    """The tokens with every macro call replaced by what it stands for, definitions removed."""
    return _Expander(tokens, macros).run()
