r"""How names are spelled: ``delta1`` is ``\delta_1``, ``yhat`` is ``\hat{y}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize

_GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "zeta": "ζ",
    "eta": "η",
    "theta": "θ",
    "iota": "ι",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "xi": "ξ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "phi": "φ",
    "chi": "χ",
    "psi": "ψ",
    "omega": "ω",
    "Gamma": "Γ",
    "Delta": "Δ",
    "Theta": "Θ",
    "Lambda": "Λ",
    "Sigma": "Σ",
    "Phi": "Φ",
    "Psi": "Ψ",
    "Omega": "Ω",
}
_LATEX_ALIAS = {"lambda_": "lambda", "lam": "lambda", "eps": "epsilon"}
_ACCENTS = {"hat": r"\hat", "bar": r"\bar", "tilde": r"\tilde"}
_COMBINING = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303"}
_WORDS = {"loss": "L"}
_PARTS = re.compile(r"(?P<base>.*?)(?P<digits>[0-9]*)\Z")


@dataclass(frozen=True, slots=True)
class Spelling:
    """A name in LaTeX and in text.

    base : the letter with its accents and font
    sub, sup : LaTeX of the scripts, "" where there are none
    text, ascii : the whole name
    """

    base: str
    sub: str
    sup: str
    text: str
    ascii: str

    def latex(self, index: str = "", transpose: str = "", parenthesised: bool = True) -> str:
        """The name with an index of an entry, or a transpose mark, in its scripts."""
        if index and self.sub:
            if parenthesised:
                return f"({self._scripted(self.sub, self.sup)})_{_braced(index)}"
            return self._scripted(f"{self.sub},{index}", self.sup)
        return self._scripted(self.sub or index, self.sup + transpose)

    def _scripted(self, sub: str, sup: str) -> str:
        above = f"^{_braced(sup)}" if sup else ""
        below = f"_{_braced(sub)}" if sub else ""
        return self.base + (above + below if self.sup else below + above)


def _braced(script: str) -> str:
    return script if len(script) == 1 else f"{{{script}}}"


@lru_cache(maxsize=4096)
def spelling(name: str, latex: str | None = None) -> Spelling:
    """The spelling of a name; `latex` where its owner has given one."""
    if latex is not None:
        base, sub, sup = split_scripts(latex)
        return Spelling(base, sub, sup, _text(name), name)
    whole = _cotangent_spelling(name)
    if whole is not None:
        return whole
    head, *tail = name.split("_") if not name.startswith("_") else [name]
    accents = [part for part in tail if part in _ACCENTS]
    subs = [part for part in tail if part and part not in _ACCENTS]
    match = _PARTS.match(head)
    assert match is not None
    base, digits = match["base"], match["digits"]
    for accent in _ACCENTS:
        if base.endswith(accent) and len(base) > len(accent):
            base, accents = base[: -len(accent)], [*accents, accent]
            break
    letter = _letter(base or head)
    for accent in accents:
        letter = f"{_ACCENTS[accent]}{{{letter}}}"
    if not base:
        digits = ""
    scripts = [*([digits] if digits else []), *(_script(part) for part in subs)]
    return Spelling(letter, ",".join(scripts), "", _text(name), name)


def _cotangent_spelling(name: str) -> Spelling | None:
    """``dz1``, ``dxhat``, ``dW_hh``: a d before the spelling of a letter."""
    if not name.startswith("d") or len(name) < 2:
        return None
    rest = spelling(name[1:])
    if rest.base.startswith((r"\mathrm", "d")) or not rest.base.strip("_0123456789"):
        return None
    return Spelling("d" + rest.base, rest.sub, rest.sup, "d" + rest.text, name)


def _letter(base: str) -> str:
    base = _LATEX_ALIAS.get(base, base)
    if base in _GREEK:
        return "\\" + base
    if base in _WORDS:
        return _WORDS[base]
    return base if len(base) == 1 else rf"\mathrm{{{base}}}"


def _script(part: str) -> str:
    if part in _GREEK:
        return "\\" + part
    return part if len(part) <= 2 or part.isdigit() else rf"\mathrm{{{part}}}"


def _text(name: str) -> str:
    """The name with Greek letters in Unicode."""
    if name.split("_")[0] in _GREEK and "_" in name:
        head, _, tail = name.partition("_")
        if tail not in _ACCENTS:
            return f"{_GREEK[head]}_{tail}"
    match = _PARTS.match(name)
    assert match is not None
    base, digits = match["base"], match["digits"]
    base = _LATEX_ALIAS.get(base, base)
    if base in _WORDS:
        return _WORDS[base] + digits
    for accent, mark in _COMBINING.items():
        for ending in (f"_{accent}", accent):
            if base.endswith(ending) and len(base) == len(ending) + 1:
                return normalize("NFC", base[0] + mark) + digits
    return _GREEK.get(base, base) + digits


def has_superscript(latex: str) -> bool:
    """Whether a superscript stands outside all brackets."""
    depth = 0
    for letter in latex:
        depth += (letter in "{(") - (letter in "})")
        if depth == 0 and letter == "^":
            return True
    return False


def split_scripts(latex: str) -> tuple[str, str, str]:
    r"""A spelling as base, subscript and superscript: ``W^{[1]}_h`` gives ``W``, ``h``, ``[1]``."""
    depth = 0
    marks: list[int] = []
    for place, letter in enumerate(latex):
        depth += (letter == "{") - (letter == "}")
        if depth == 0 and letter in "^_" and (place == 0 or latex[place - 1] != "\\"):
            marks.append(place)
    if not marks:
        return latex, "", ""
    sub, sup = "", ""
    for start, end in zip(marks, [*marks[1:], len(latex)], strict=True):
        script = latex[start + 1 : end].strip()
        if script.startswith("{") and script.endswith("}"):
            script = script[1:-1]
        if latex[start] == "_":
            sub += script
        else:
            sup += script
    return latex[: marks[0]].strip(), sub, sup
