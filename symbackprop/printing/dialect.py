"""The two scripts formulas are written in, LaTeX and plain text, as tables of spellings."""

from __future__ import annotations

from dataclasses import dataclass

from symbackprop.printing.names import Spelling, has_superscript
from symbackprop.printing.notation import GradientStyle, Notation

_BREAK = r" \\ "


@dataclass(frozen=True, slots=True)
class Latex:
    """LaTeX that KaTeX and MathJax read."""

    notation: Notation
    is_latex = True

    @property
    def hadamard(self) -> str:
        """Between the factors of an entrywise product."""
        return f" {self.notation.hadamard} "

    @property
    def ones(self) -> str:
        """The column of ones."""
        return self.notation.ones

    @property
    def identity(self) -> str:
        """The identity matrix."""
        return self.notation.identity

    nabla = r"\nabla"
    at_least = r" \ge "
    at_most = r" \le "
    kron = r" \otimes "
    divided = r" \oslash "
    times = r"\,"
    trace = r"\operatorname{tr}"
    diag = r"\operatorname{diag}"
    determinant = r"\det"
    log = r"\log"
    space = " "
    big_max = r"\max"
    big_argmax = r"\operatorname{argmax}"

    def name(self, name: Spelling, index: str = "") -> str:
        """A name, with the index of an entry."""
        return name.latex(index, parenthesised=self.notation.parenthesised_entries)

    def transposed_name(self, name: Spelling) -> str:
        """The transpose of a name, in its superscript."""
        return name.latex(transpose=self.notation.transpose)

    def transposed(self, text: str) -> str:
        """The transpose of what holds together."""
        if has_superscript(text):
            text = f"{{{text}}}"
        return f"{text}^{{{self.notation.transpose}}}"

    def inverse_transpose(self, text: str) -> str:
        """The transpose of the inverse."""
        return f"{text}^{{-{self.notation.transpose}}}"

    def brackets(self, text: str) -> str:
        """Round brackets, as high as what they hold."""
        if r"\frac" in text or r"\sum" in text:
            return rf"\left({text}\right)"
        return f"({text})"

    def fraction(self, top: str, bottom: str) -> str:
        """A fraction."""
        return rf"\frac{{{top}}}{{{bottom}}}"

    def indexed(self, text: str, index: str) -> str:
        """The entry of what stands in brackets."""
        return f"{text}_{{{index}}}" if len(index) > 1 else f"{text}_{index}"

    def power(self, base: str, exponent: str) -> str:
        """A power; a base that has a superscript gets brackets."""
        if has_superscript(base):
            base = self.brackets(base)
        return f"{base}^{{{exponent}}}" if len(exponent) > 1 else f"{base}^{exponent}"

    def root(self, body: str) -> str:
        """A square root."""
        return rf"\sqrt{{{body}}}"

    def indicator(self, condition: str) -> str:
        """1 where the condition holds, else 0."""
        return rf"\mathbb{{1}}[{condition}]"

    def delta(self, left: str, right: str) -> str:
        """A Kronecker delta."""
        separator = "" if len(left) == len(right) == 1 else ","
        return rf"\delta_{{{left}{separator}{right}}}"

    def norm(self, body: str, frobenius: bool) -> str:
        """A squared norm."""
        mark = "_F" if frobenius else ""
        return rf"\lVert {body} \rVert{mark}^2"

    def absolute(self, body: str) -> str:
        """An absolute value."""
        return rf"\lvert {body} \rvert"

    def word(self, name: str) -> str:
        """A function by its name."""
        return name if len(name) == 1 or name.startswith("\\") else rf"\operatorname{{{name}}}"

    def primes(self, name: str, count: int) -> str:
        """A derived function."""
        return name + ("'" * count if count <= 3 else f"^{{({count})}}")

    def partial(self, place: int, order: int) -> str:
        """A derivative by one of several arguments."""
        power = "" if order == 1 else f"^{order}"
        return rf"\partial_{place}{power} "

    def summed(self, ranges: list[tuple[str, str, str]], conditions: list[str]) -> str:
        """The sign of a sum over ranges (letter, first, last), where conditions hold."""
        if not conditions:
            return " ".join(rf"\sum_{{{x}={a}}}^{{{b}}}" for x, a, b in ranges)
        lines = [rf"{a} \le {x} \le {b}" for x, a, b in ranges] + conditions
        return rf"\sum_{{\substack{{{_BREAK.join(lines)}}}}}"

    def extremum(self, sign: str, ranges: list[tuple[str, str, str]], conditions: list[str]) -> str:
        """A maximum or its place over ranges."""
        lines = [rf"{a} \le {x} \le {b}" for x, a, b in ranges] + conditions
        below = lines[0] if len(lines) == 1 else rf"\substack{{{_BREAK.join(lines)}}}"
        return rf"{sign}_{{{below}}}"

    def shape(self, sizes: list[str]) -> str:
        """The space an array is in."""
        if not sizes:
            return r"\mathbb{R}"
        product = r" \times ".join(sizes)
        return rf"\mathbb{{R}}^{{{product}}}"

    def gradient(self, of: str, by: Spelling, index: str = "") -> str:
        """The gradient of a scalar by a name, or its entry."""
        whole = self.name(by)
        match self.notation.gradient:
            case GradientStyle.PARTIAL:
                return rf"\frac{{\partial {of}}}{{\partial {self.name(by, index)}}}"
            case GradientStyle.D:
                return self._indexed("d" + whole, index, not by.sub, "d" + self.name(by, index))
            case GradientStyle.NABLA:
                return self._indexed(rf"\nabla_{{{whole}}} {of}", index, False, "")
            case GradientStyle.BAR:
                barred = Spelling(rf"\bar{{{by.base}}}", by.sub, by.sup, "", "")
                return self.name(barred, index)

    def _indexed(self, whole: str, index: str, plain: bool, simple: str) -> str:
        if not index:
            return whole
        return simple if plain else f"({whole})_{{{index}}}"

    def jacobian(self, of: str, by: str) -> str:
        """The derivative of a value by another."""
        return rf"\frac{{\partial {of}}}{{\partial {by}}}"


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text, in Unicode or in ASCII."""

    notation: Notation
    ascii: bool = False
    is_latex = False

    @property
    def hadamard(self) -> str:
        """Between the factors of an entrywise product."""
        return " .* " if self.ascii else " ⊙ "

    @property
    def ones(self) -> str:
        """The column of ones."""
        return "ones" if self.ascii else "𝟏"

    identity = "I"

    @property
    def nabla(self) -> str:
        """A gradient."""
        return "grad" if self.ascii else "∇"

    @property
    def at_least(self) -> str:
        """Not less."""
        return " >= " if self.ascii else " ≥ "

    @property
    def at_most(self) -> str:
        """Not more."""
        return " <= " if self.ascii else " ≤ "

    @property
    def kron(self) -> str:
        """Between the factors of a Kronecker product."""
        return " kron " if self.ascii else " ⊗ "

    divided = " / "
    times = " "
    trace = "tr"
    diag = "diag"
    determinant = "det"
    log = "log"
    space = " "
    big_max = "max"
    big_argmax = "argmax"

    def name(self, name: Spelling, index: str = "") -> str:
        """A name, with the index of an entry."""
        text = name.ascii if self.ascii else name.text
        if not index:
            return text
        if "_" in text:
            text = f"({text})"
        simple = index.isalpha() or index.isdigit()
        return f"{text}_{index}" if simple else f"{text}_{{{index}}}"

    def transposed_name(self, name: Spelling) -> str:
        """The transpose of a name."""
        return self.transposed(self.name(name))

    def transposed(self, text: str) -> str:
        """The transpose."""
        return f"{text}^T" if self.ascii else f"{text}ᵀ"

    def inverse_transpose(self, text: str) -> str:
        """The transpose of the inverse."""
        return f"{text}^-T" if self.ascii else f"{text}⁻ᵀ"

    def brackets(self, text: str) -> str:
        """Round brackets."""
        return f"({text})"

    def fraction(self, top: str, bottom: str) -> str:
        """A fraction on one line; the caller puts brackets."""
        return f"{top}/{bottom}"

    def indexed(self, text: str, index: str) -> str:
        """The entry of what stands in brackets."""
        return f"{text}_{index}" if index.isalpha() else f"{text}_{{{index}}}"

    def power(self, base: str, exponent: str) -> str:
        """A power."""
        if not self.ascii and all(sign in _RAISED for sign in exponent):
            return base + "".join(_RAISED[sign] for sign in exponent)
        simple = exponent.isalnum() or exponent.removeprefix("-").isdigit()
        return f"{base}^{exponent}" if simple else f"{base}^({exponent})"

    def root(self, body: str) -> str:
        """A square root."""
        return f"sqrt({body})" if self.ascii else f"√({body})"

    def indicator(self, condition: str) -> str:
        """1 where the condition holds, else 0."""
        return f"[{condition}]"

    def delta(self, left: str, right: str) -> str:
        """A Kronecker delta."""
        separator = "" if len(left) == len(right) == 1 else ","
        inner = f"{left}{separator}{right}"
        sign = "delta" if self.ascii else "δ"
        return f"{sign}_{inner}" if inner.isalpha() else f"{sign}_{{{inner}}}"

    def norm(self, body: str, frobenius: bool) -> str:
        """A squared norm."""
        return self.power(f"||{body}||" if self.ascii else f"‖{body}‖", "2")

    def absolute(self, body: str) -> str:
        """An absolute value."""
        return f"|{body}|"

    def word(self, name: str) -> str:
        """A function by its name."""
        return name

    def primes(self, name: str, count: int) -> str:
        """A derived function."""
        return name + ("'" * count if count <= 3 else f"^({count})")

    def partial(self, place: int, order: int) -> str:
        """A derivative by one of several arguments."""
        power = "" if order == 1 else f"^{order}"
        return f"d_{place}{power} " if self.ascii else f"∂_{place}{power} "

    def summed(self, ranges: list[tuple[str, str, str]], conditions: list[str]) -> str:
        """The sign of a sum over ranges (letter, first, last), where conditions hold."""
        return self.extremum("sum" if self.ascii else "Σ", ranges, conditions)

    def extremum(self, sign: str, ranges: list[tuple[str, str, str]], conditions: list[str]) -> str:
        """A sum, a maximum or its place over ranges."""
        inner = ", ".join([f"{x}={a}..{b}" for x, a, b in ranges])
        if conditions:
            inner += "; " + ", ".join(conditions)
        return f"{sign}_{{{inner}}}"

    def shape(self, sizes: list[str]) -> str:
        """The shape of an array."""
        return "scalar" if not sizes else (" x " if self.ascii else "×").join(sizes)

    def gradient(self, of: str, by: Spelling, index: str = "") -> str:
        """The gradient of a scalar by a name, or its entry."""
        whole, entry = self.name(by), self.name(by, index)
        match self.notation.gradient:
            case GradientStyle.PARTIAL:
                return self.jacobian(of, entry)
            case GradientStyle.D:
                return "d" + entry
            case GradientStyle.NABLA:
                nabla = f"{self.nabla}_{whole} {of}"
                return f"({nabla})_{index}" if index else nabla
            case GradientStyle.BAR:
                barred = f"bar({whole})" if self.ascii else f"{whole[0]}\u0304{whole[1:]}"
                return f"{barred}_{index}" if index else barred

    def jacobian(self, of: str, by: str) -> str:
        """The derivative of a value by another."""
        sign = "d" if self.ascii else "∂"
        return f"{sign}{of}/{sign}{by}"


_RAISED = dict(zip("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", strict=True))

Dialect = Latex | Text
