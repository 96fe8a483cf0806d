r"""Print a tree as LaTeX in the document's own spelling.

A node that still has its exact span is printed as the author wrote it; a node that an edit made is
spelled from its parts, each of which again prints itself as written where it can.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from symbackprop.notes import ast
from symbackprop.notes.kinds import (
    Big,
    Delimiter,
    DerivativeForm,
    ProductOp,
    Sign,
    TransposeStyle,
)

__all__ = ["to_latex"]

_SUM, _TERM, _FACTOR, _ATOM = range(4)
_N = TypeVar("_N", bound=ast.Node)
_PUNCTUATED = frozenset({TransposeStyle.PRIME, TransposeStyle.DOT_T})


def to_latex(node: ast.Node, source: str = "") -> str:
    r"""The LaTeX of a node.

    Parameters
    ----------
    node : Node
        A node of the formula's tree, or an edited one.
    source : str
        The formula that spans point into; without it everything is spelled anew.

    Examples
    --------
    >>> from symbackprop.notes.ast import Name, Transposed
    >>> to_latex(Transposed(Name("W")))
    'W^T'
    """
    return _Printer(source).tex(node)


def _tight(text: str) -> str:
    """A script without braces where one character needs none."""
    return text if len(text) == 1 or (text[:1] == "\\" and text[1:].isalpha()) else f"{{{text}}}"


def _joined(parts: list[str]) -> str:
    """Parts in a row, with a space where a command would swallow a letter."""
    made = ""
    for part in parts:
        tail = made.rsplit("\\", 1)[-1] if "\\" in made else ""
        if tail and tail.isalpha() and part[:1].isalpha():
            made += " "
        made += part
    return made


class _Printer:
    def __init__(self, source: str) -> None:
        self.source = source
        self.table: dict[type[ast.Node], Callable[[ast.Node], str]] = {}
        self.fill()

    def add(self, kind: type[_N], method: Callable[[_N], str]) -> None:
        def spell(node: ast.Node) -> str:
            assert isinstance(node, kind)
            return method(node)

        self.table[kind] = spell

    def fill(self) -> None:
        self.add(ast.Number, lambda node: node.text)
        self.add(ast.Name, lambda node: self.name(node))
        self.add(ast.Label, lambda node: self.label(node))
        self.add(ast.Add, self.sum)
        self.add(ast.Negative, lambda node: f"-{self.tex(node.operand, _TERM)}")
        self.add(ast.Joint, self.joint)
        self.add(ast.Product, self.product)
        self.add(ast.Fraction, self.fraction)
        self.add(ast.Power, self.power)
        self.add(ast.Indexed, self.indexed)
        self.add(ast.Transposed, self.transposed)
        self.add(ast.Primed, lambda node: self.tex(node.base, _ATOM) + "'" * node.count)
        self.add(ast.Evaluated, self.evaluated)
        self.add(ast.Root, self.root)
        self.add(ast.Accented, lambda node: f"\\{node.accent}{{{self.tex(node.base)}}}")
        self.add(ast.Group, self.group)
        self.add(ast.Norm, self.norm)
        self.add(ast.Apply, self.apply)
        self.add(ast.Prefixed, self.prefixed)
        self.add(ast.Differential, self.differential)
        self.add(ast.Derivative, self.derivative)
        self.add(ast.Range, lambda node: self.below(node))
        self.add(ast.BigOperator, self.big)
        self.add(ast.Comparison, self.comparison)
        self.add(ast.Indicator, lambda node: f"\\mathbb{{1}}[{self.tex(node.condition)}]")
        self.add(ast.Case, self.case)
        self.add(ast.Cases, self.cases)
        self.add(ast.Row, lambda node: " & ".join(map(self.tex, node.entries)))
        self.add(ast.Matrix, self.matrix)
        self.add(ast.Dots, lambda node: node.kind)
        self.add(ast.Space, self.space)
        self.add(ast.Text, lambda node: f"\\text{{{node.text}}}")
        self.add(ast.Missing, lambda node: "")
        self.add(ast.Opaque, lambda node: node.tex)

    def tex(self, node: ast.Node, level: int = _SUM) -> str:
        """The node as it stands inside something that binds at `level`."""
        span = node.span
        if span.exact and 0 <= span.start < span.end <= len(self.source):
            text = self.source[span.start : span.end]
        else:
            text = self.table[type(node)](node)
        return f"\\left({text}\\right)" if _binding(node) < level else text

    def name(self, node: ast.Name, inside: str = "") -> str:
        """A name with its scripts; `inside` joins the last superscript."""
        head = node.head or _default_head(node)
        if node.plain_scripts:
            written = "".join(label.tex or self.label(label) for label in (*node.subs, *node.sups))
            return head + written + (f"^{_tight(inside)}" if inside else "") + "'" * node.primes
        below = "".join(self.script(label) for label in node.subs)
        above = _joined([*(self.script(label) for label in node.sups), inside])
        primes = "'" * node.primes
        made = head + (f"_{_tight(below)}" if below else "")
        if above and primes:
            return f"{made}^{{{above}{primes}}}"
        return made + (f"^{_tight(above)}" if above else "") + primes

    def script(self, label: ast.Label) -> str:
        return label.tex or self.label(label)

    def label(self, node: ast.Label) -> str:
        opener, closer = node.bracket.value
        separator = "," if len(node.items) > 1 else ""
        inside = separator.join(self.tex(item) for item in node.items)
        return f"{opener}{inside}{closer}"

    def sum(self, node: ast.Add) -> str:
        made = ""
        for i, (sign, term) in enumerate(zip(node.signs, node.terms, strict=True)):
            if i or sign is not Sign.PLUS:
                made += f" {sign.value.strip()} " if i else sign.value
            made += self.tex(term, _TERM)
        return made

    def joint(self, node: ast.Joint) -> str:
        if node.op is ProductOp.JUXTAPOSED:
            return ""
        return f" {node.tex or node.op.value.strip()} "

    def product(self, node: ast.Product) -> str:
        last = len(node.factors) - 1
        parts = []
        for i, factor in enumerate(node.factors):
            if i:
                parts.append(self.joint(node.joints[i - 1]))
            greedy = i < last and isinstance(factor, ast.BigOperator | ast.Derivative)
            swallows = greedy and _swallows(factor)
            signed = i > 0 and isinstance(factor, ast.Negative)
            level = _ATOM if swallows or signed else _FACTOR
            last_sum = i == last and isinstance(factor, ast.BigOperator)
            parts.append(self.tex(factor, _SUM if last_sum else level))
        return _joined([part for part in parts if part])

    def fraction(self, node: ast.Fraction) -> str:
        if node.inline:
            return f"{self.tex(node.numerator, _FACTOR)}/{self.tex(node.denominator, _FACTOR)}"
        return f"\\frac{{{self.tex(node.numerator)}}}{{{self.tex(node.denominator)}}}"

    def power(self, node: ast.Power) -> str:
        return f"{self.tex(node.base, _ATOM)}^{_tight(self.tex(node.exponent))}"

    def indexed(self, node: ast.Indexed) -> str:
        mark = "^" if node.superscript else "_"
        return f"{self.tex(node.base, _ATOM)}{mark}{_tight(self.script(node.label))}"

    def transposed(self, node: ast.Transposed) -> str:
        mark = node.style.value
        base: ast.Node = node.base
        if node.style in _PUNCTUATED:
            return self.tex(base, _ATOM) + mark
        if isinstance(base, ast.Name) and (node.inside or not base.sups) and not base.primes:
            if node.inside or not base.sups:
                return self.name(base, mark)
        if isinstance(base, ast.Prefixed) and isinstance(base.operand, ast.Name):
            operand = base.operand
            if node.inside or not operand.sups:
                return _joined([base.prefix.value.strip(), self.name(operand, mark)])
        if (isinstance(base, ast.Apply) and not base.bare) or isinstance(base, ast.Matrix):
            return f"{self.tex(base)}^{_tight(mark)}"
        if isinstance(base, ast.Group) and base.delimiter is not Delimiter.BRACE:
            return f"{self.tex(base)}^{_tight(mark)}"
        return f"\\left({self.tex(base)}\\right)^{_tight(mark)}"

    def evaluated(self, node: ast.Evaluated) -> str:
        return f"\\left.{self.tex(node.base)}\\right|_{_tight(self.script(node.point))}"

    def root(self, node: ast.Root) -> str:
        degree = f"[{self.tex(node.degree)}]" if node.degree is not None else ""
        return f"\\sqrt{degree}{{{self.tex(node.body)}}}"

    def group(self, node: ast.Group) -> str:
        opener, closer = node.delimiter.value
        return f"{opener}{', '.join(self.tex(item) for item in node.items)}{closer}"

    def norm(self, node: ast.Norm) -> str:
        bar = "\\|" if node.double else "|"
        label = f"_{_tight(self.script(node.label))}" if node.label is not None else ""
        return f"{bar}{self.tex(node.body)}{bar}{label}"

    def apply(self, node: ast.Apply) -> str:
        function = self.tex(node.function, _FACTOR)
        if node.bare and len(node.arguments) == 1 and _binding(node.arguments[0]) >= _FACTOR:
            return _joined([function, " ", self.tex(node.arguments[0], _FACTOR)]).replace("  ", " ")
        opener, closer = node.delimiter.value
        inside = ", ".join(self.tex(argument) for argument in node.arguments)
        return f"{function}{opener}{inside}{closer}"

    def prefixed(self, node: ast.Prefixed) -> str:
        return _joined([node.prefix.value.strip(), self.tex(node.operand, _FACTOR)])

    def differential(self, node: ast.Differential) -> str:
        return _joined([node.prefix.value.strip(), self.tex(node.operand, _ATOM)])

    def derivative(self, node: ast.Derivative) -> str:
        mark = node.prefix.value.strip()
        if node.form is DerivativeForm.SUBSCRIPT:
            below = ", ".join(self.tex(variable) for variable in node.variables)
            head = mark + (f"_{_tight(below)}" if below else "")
            target = "" if node.target is None else self.tex(node.target, _FACTOR)
            return _joined([head, " " if target and not below else "", target])
        order = f"^{node.order}" if node.order > 1 else ""
        below = "".join(_joined([mark, self.tex(v, _ATOM)]) + " " for v in node.variables).strip()
        if node.order > 1 and len(node.variables) == 1:
            below += f"^{node.order}"
        target = "" if node.target is None else self.tex(node.target, _TERM)
        if node.form is DerivativeForm.OPERATOR:
            return _joined([f"\\frac{{{mark}{order}}}{{{below}}}", " ", target]).strip()
        if node.form is DerivativeForm.INLINE:
            return f"{_joined([mark + order, target])}/{below}"
        return f"\\frac{{{_joined([mark + order, target])}}}{{{below}}}"

    def below(self, node: ast.Range) -> str:
        if node.conditions:
            return ", ".join(self.tex(condition) for condition in node.conditions)
        made = ", ".join(self.tex(index) for index in node.indices)
        return f"{made}={self.tex(node.lower)}" if node.lower is not None else made

    def big(self, node: ast.BigOperator) -> str:
        head = node.head if node.head.startswith("\\") else node.op.value
        span = node.range.span
        below = (
            self.source[span.start : span.end]
            if span.exact and 0 <= span.start < span.end <= len(self.source)
            else self.below(node.range)
        )
        head += f"_{_tight(below)}" if below else ""
        if node.range.upper is not None:
            head += f"^{_tight(self.tex(node.range.upper))}"
        return head if node.body is None else f"{head} {self.tex(node.body, _TERM)}"

    def comparison(self, node: ast.Comparison) -> str:
        made = self.tex(node.sides[0])
        for relation, side in zip(node.relations, node.sides[1:], strict=True):
            made += f" {relation.value.strip()} {self.tex(side)}"
        return made

    def case(self, node: ast.Case) -> str:
        if node.otherwise:
            return f"{self.tex(node.value)} & \\text{{otherwise}}"
        if node.condition is None:
            return self.tex(node.value)
        return f"{self.tex(node.value)} & \\text{{if }} {self.tex(node.condition)}"

    def cases(self, node: ast.Cases) -> str:
        rows = " \\\\ ".join(self.case(case) for case in node.cases)
        return f"\\begin{{cases}} {rows} \\end{{cases}}"

    def matrix(self, node: ast.Matrix) -> str:
        rows = " \\\\ ".join(self.tex(row) for row in node.rows)
        columns = f"{{{'c' * len(node.rows[0].entries)}}}" if node.environment == "array" else ""
        name = node.environment
        return f"\\begin{{{name}}}{columns} {rows} \\end{{{name}}}"

    def space(self, node: ast.Space) -> str:
        sizes = " \\times ".join(self.tex(size) for size in node.sizes)
        return f"\\mathbb{{{node.field_name}}}" + (f"^{_tight(sizes)}" if sizes else "")


def _default_head(node: ast.Name) -> str:
    head = node.base
    if len(head) > 1 and head.isalpha():
        head = f"\\{head}" if head in _COMMANDS else f"\\text{{{head}}}"
    for accent in reversed(node.accents):
        head = f"\\{accent}{{{head}}}"
    return head


_COMMANDS = frozenset(
    """alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi
    psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell exp log tanh sin cos max min
    det cdot""".split()
)


def _swallows(node: ast.Node) -> bool:
    """Whether a node, written before a factor, would take that factor in."""
    if isinstance(node, ast.Derivative):
        return node.form is DerivativeForm.OPERATOR
    return isinstance(node, ast.BigOperator) and node.op is not Big.EXPECTATION


def _binding(node: ast.Node) -> int:
    """How tightly a node holds together as it is written."""
    if isinstance(node, ast.Add | ast.Comparison):
        return _SUM
    if isinstance(node, ast.Negative | ast.Product | ast.BigOperator):
        return _TERM
    if isinstance(node, ast.Fraction):
        return _FACTOR
    if isinstance(node, ast.Derivative | ast.Transposed | ast.Power | ast.Prefixed):
        return _FACTOR
    if isinstance(node, ast.Apply) and node.bare:
        return _FACTOR
    return _ATOM
