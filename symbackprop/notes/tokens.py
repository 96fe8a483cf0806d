r"""Cut LaTeX into tokens that know where they stand, by one regular expression.

Spaces are dropped and remembered (`spaced`); Unicode mathematics becomes the LaTeX that spells it
(`δ` is `\delta`, `Ŷ` is `\hat{Y}`, `²` is `^2`). A token keeps the region of text that it comes
from, so that a node can be printed as it was written even when it went through a macro.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass

from symbackprop.notes.ast import Span
from symbackprop.notes.errors import FormulaError

__all__ = ["MAX_LENGTH", "MAX_TOKENS", "Kind", "Token", "cover", "tokenize"]

MAX_LENGTH = 12_000
"""Characters in one formula; a page of mathematics has about 3000."""

MAX_TOKENS = 3_000
"""Tokens in one formula, macros expanded."""

GENERATED = -1
"""Region of tokens that a macro's body or a Unicode character made: no slice of text spells one."""


class Kind(enum.Enum):
    """What a token is."""

    COMMAND = "command"
    LETTER = "letter"
    WORD = "word"
    NUMBER = "number"
    SYMBOL = "symbol"
    OPEN = "open"
    CLOSE = "close"
    SUPER = "superscript"
    SUB = "subscript"
    PRIME = "prime"
    AMPERSAND = "ampersand"
    NEWLINE = "newline"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `left` and `right` are the ends of the macro call that it opens or closes."""

    kind: Kind
    text: str
    start: int
    end: int
    spaced: bool = False
    region: int = 0
    left: tuple[int, int] | None = None
    right: tuple[int, int] | None = None


_TOKEN = re.compile(
    r"""(?P<space>(?:\s|~|\\[,;:!>\ ]|(?<!\\)%[^\n]*(?:\n|$))+)
      | (?P<newline>\\\\(?:\s*\[\s*-?[\d.]+\s*(?:pt|em|ex|cm|mm|in|px|mu)\s*\])?
                  | \\(?:newline|cr|tabularnewline)(?![A-Za-z]))
      | (?P<command>\\(?:(?:operatorname|tag|hspace|vspace|(?:re)?newcommand|providecommand
                  |DeclareMathOperator)\*|[A-Za-z]+|.))
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<letter>[^\W\d_][\u0300-\u036f]*)
      | (?P<prime>['\u2018\u2019\u2032])
      | (?P<symbol>.)""",
    re.VERBOSE | re.DOTALL,
)

_ESCAPES = {"\\_": (Kind.SUB, "_"), "\\*": (Kind.SYMBOL, "*"), "\\-": (Kind.SYMBOL, "-")}
_SYMBOLS = {
    "{": Kind.OPEN,
    "}": Kind.CLOSE,
    "^": Kind.SUPER,
    "_": Kind.SUB,
    "&": Kind.AMPERSAND,
}
_COMBINING = {
    "\u0302": "\\hat",
    "\u0303": "\\tilde",
    "\u0304": "\\bar",
    "\u0305": "\\bar",
    "\u0307": "\\dot",
    "\u0308": "\\ddot",
    "\u030c": "\\check",
    "\u20d7": "\\vec",
}
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ϵ": "epsilon",
    "ζ": "zeta", "η": "eta", "θ": "theta", "ϑ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu",
    "µ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "ϕ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta",
    "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_CHARACTERS = {
    "∂": "\\partial", "∇": "\\nabla", "∆": "\\Delta", "⊙": "\\odot", "∘": "\\circ",
    "◦": "\\circ", "·": "\\cdot", "⋅": "\\cdot", "∙": "\\bullet", "•": "\\bullet", "×": "\\times",
    "⊗": "\\otimes", "∗": "\\ast", "∑": "\\sum", "∏": "\\prod", "∫": "\\int", "√": "\\sqrt",
    "≤": "\\leq", "≥": "\\geq", "≠": "\\neq", "≈": "\\approx", "≡": "\\equiv", "∝": "\\propto",
    "≜": "\\triangleq", "∈": "\\in", "∉": "\\notin", "→": "\\rightarrow", "←": "\\leftarrow",
    "⇒": "\\Rightarrow", "⟹": "\\Rightarrow", "⇐": "\\Leftarrow", "⇔": "\\Leftrightarrow",
    "∴": "\\therefore", "∀": "\\forall", "∞": "\\infty", "‖": "\\|", "∥": "\\|", "…": "\\dots",
    "⋯": "\\cdots", "⋮": "\\vdots", "⋱": "\\ddots", "⊤": "\\top", "ℓ": "\\ell", "±": "\\pm",
    "⟨": "\\langle", "⟩": "\\rangle", "∼": "\\sim", "ℒ": "\\mathcal L", "𝟙": "\\mathbb 1",
    "−": "-", "–": "-", "ᵀ": "^T", "²": "^2", "³": "^3", "¹": "^1", "₀": "_0", "₁": "_1",
    "₂": "_2", "₃": "_3", "ᵢ": "_i", "ⱼ": "_j", "′": "'", "″": "''", "ℝ": "\\mathbb R",
    "𝔼": "\\mathbb E", "≔": ":=", "½": "\\frac12",
    **{char: "\\" + name for char, name in _GREEK.items()},
}  # fmt: skip


def _spelling(char: str) -> str | None:
    """The LaTeX of a character outside ASCII; None when it is an ordinary letter or symbol."""
    if char in _CHARACTERS:
        return _CHARACTERS[char]
    plain = unicodedata.normalize("NFD", char)
    accents = [c for c in plain[1:] if c in _COMBINING]
    if accents:
        return "".join(_COMBINING[c] + "{" for c in accents) + plain[0] + "}" * len(accents)
    compatible = unicodedata.normalize("NFKC", char)
    if compatible == char:
        return None
    name = unicodedata.name(char[0], "")
    style = "\\mathbf" if "MATHEMATICAL BOLD" in name else ""
    body = _CHARACTERS.get(compatible, compatible)
    return f"{style}{{{body}}}" if style else body


def _from_unicode(char: str, start: int, end: int, spaced: bool) -> list[Token] | None:
    spelling = _spelling(char)
    if spelling is None or spelling == char:
        return None
    made = tokenize(spelling)
    if len(made) == 1:
        return [Token(made[0].kind, made[0].text, start, end, spaced)]
    last = len(made) - 1
    return [
        Token(
            token.kind,
            token.text,
            start,
            end,
            spaced and i == 0,
            GENERATED,
            (0, start) if i == 0 else None,
            (0, end) if i == last else None,
        )
        for i, token in enumerate(made)
    ]


def tokenize(latex: str) -> list[Token]:
    r"""Cut `latex` into tokens, spaces and comments dropped.

    Raises
    ------
    FormulaError
        The formula is longer than `MAX_LENGTH` or has more than `MAX_TOKENS` tokens.
    """
    if len(latex) > MAX_LENGTH:
        raise FormulaError(
            f"the formula has {len(latex)} characters, more than {MAX_LENGTH}", MAX_LENGTH
        )
    tokens: list[Token] = []
    spaced = False
    for match in _TOKEN.finditer(latex):
        group, text = match.lastgroup, match.group()
        start, end = match.span()
        if group == "space":
            spaced = True
            continue
        if len(tokens) >= MAX_TOKENS:
            raise FormulaError(f"the formula has more than {MAX_TOKENS} tokens", start)
        if not text.isascii() and group in ("letter", "symbol", "prime"):
            made = _from_unicode(text, start, end, spaced)
            if made is not None:
                tokens.extend(made)
                spaced = False
                continue
        kind = Kind(group)
        if kind is Kind.SYMBOL:
            kind = _SYMBOLS.get(text, kind)
        elif kind is Kind.COMMAND and text in _ESCAPES:
            kind, text = _ESCAPES[text]
        tokens.append(Token(kind, text, start, end, spaced))
        spaced = False
    return tokens


def cover(first: Token, last: Token) -> Span:
    """The span from `first` to `last`: exact when one slice of the formula spells both ends."""
    if first.region == last.region and first.region != GENERATED:
        return Span(first.start, last.end)
    starts = {first.region: first.start} if first.region != GENERATED else {}
    ends = {last.region: last.end} if last.region != GENERATED else {}
    if first.left is not None:
        starts.setdefault(*first.left)
    if last.right is not None:
        ends.setdefault(*last.right)
    for region in sorted(starts):
        if region in ends:
            return Span(starts[region], ends[region])
    return Span(min(first.start, last.start), max(first.end, last.end), exact=False)
