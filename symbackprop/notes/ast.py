r"""The syntax tree of notes' formulas: frozen nodes that keep every ambiguity the author left.

Nothing here has a meaning yet. A superscript stays a label, `*` and `\odot` stay different joints
of a product, a `d` in front of a name stays a prefix, `f(z)` stays a call that may turn out
to be a product. Comparison ignores spans and spelling, so that two nodes are equal when they say
the same. `kinds` has the enumerations, `trees` the walks and edits.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from symbackprop.notes.kinds import (
    Big,
    Bracket,
    Delimiter,
    DerivativeForm,
    Font,
    Prefix,
    ProductOp,
    Relation,
    Sign,
    TransposeStyle,
)

__all__ = [
    "NOWHERE",
    "Accented",
    "Add",
    "Apply",
    "BigOperator",
    "Case",
    "Cases",
    "Comparison",
    "Derivative",
    "Differential",
    "Dots",
    "Evaluated",
    "Fraction",
    "Group",
    "Indexed",
    "Indicator",
    "Joint",
    "Label",
    "Matrix",
    "Missing",
    "Name",
    "Negative",
    "Node",
    "Norm",
    "Number",
    "Opaque",
    "Power",
    "Prefixed",
    "Primed",
    "Product",
    "Range",
    "Root",
    "Row",
    "Space",
    "Span",
    "Text",
    "Transposed",
]


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of offsets into a formula; `exact` when that slice alone spells the node."""

    start: int
    end: int
    exact: bool = True


NOWHERE = Span(-1, -1, exact=False)


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the tree; `span` says where it stands in the formula and is not compared."""

    span: Span = field(default=NOWHERE, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A decimal numeral, as written."""

    text: str


@dataclass(frozen=True, slots=True)
class Label(Node):
    r"""One script of a name: `[l]`, `(i)`, `\langle t\rangle` or a bare `ij`.

    `items` are what commas separate. Juxtaposed letters stay one `Product`; `word` is set when
    they are read as a word (`a_{prev}`). `tex` is the spelling without its caret or underscore.
    """

    items: tuple[Node, ...]
    bracket: Bracket = Bracket.NONE
    word: str = ""
    tex: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name(Node):
    r"""A name with its scripts as labels: `\hat{\mathbf{y}}_i^{(k)'}`.

    `base` is free of TeX ("y", "delta", "Div"); `head` is how base, font and accents are spelled.
    `plain_scripts` marks labels written on the line (`W[l]`, `delta2`).
    """

    base: str
    subs: tuple[Label, ...] = ()
    sups: tuple[Label, ...] = ()
    primes: int = 0
    accents: tuple[str, ...] = ()
    font: Font = Font.PLAIN
    head: str = field(default="", compare=False, repr=False)
    plain_scripts: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Add(Node):
    """A sum of signed terms; the first sign is PLUS when none is written."""

    terms: tuple[Node, ...]
    signs: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class Negative(Node):
    r"""A term with a leading minus (or \mp) that stands alone or inside a product."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Joint(Node):
    """What stands between two factors; `tex` is its spelling."""

    op: ProductOp
    tex: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Product(Node):
    """A flat chain of factors: len(joints) == len(factors) - 1; how they group is decided later."""

    factors: tuple[Node, ...]
    joints: tuple[Joint, ...]


@dataclass(frozen=True, slots=True)
class Fraction(Node):
    r"""A quotient: `\frac{a}{b}`, or `a/b` when `inline`."""

    numerator: Node
    denominator: Node
    inline: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Power(Node):
    r"""A bare superscript on something that is not a name: `(x - y)^2`, `\|W\|^2`, `\tanh^2`."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Indexed(Node):
    """A label on something that is not a name: `(W x)_i`, `(a b)^{[l]}`."""

    base: Node
    label: Label
    superscript: bool = False


@dataclass(frozen=True, slots=True)
class Transposed(Node):
    """A transpose; `inside` when it shares the superscript of its base's labels (`a^{[l]T}`)."""

    base: Node
    style: TransposeStyle = field(default=TransposeStyle.T, compare=False)
    inside: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Primed(Node):
    """Primes on something that is not a name."""

    base: Node
    count: int = 1


@dataclass(frozen=True, slots=True)
class Evaluated(Node):
    r"""Something at a point: `\left. f \right|_{x = 0}`."""

    base: Node
    point: Label


@dataclass(frozen=True, slots=True)
class Root(Node):
    """A square root, or the root of degree `degree`."""

    body: Node
    degree: Node | None = None


@dataclass(frozen=True, slots=True)
class Accented(Node):
    """An accent on something that is not a name."""

    base: Node
    accent: str


@dataclass(frozen=True, slots=True)
class Group(Node):
    """Items in brackets: one item is a parenthesis, several a tuple, a list or a set."""

    items: tuple[Node, ...]
    delimiter: Delimiter = Delimiter.ROUND


@dataclass(frozen=True, slots=True)
class Norm(Node):
    r"""`|x|` or `\|x\|`, with the label that names the norm."""

    body: Node
    double: bool
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Apply(Node):
    r"""A function applied to arguments.

    `certain` is false for `a(b)` of an unknown `a`, which may be a product (`product_reading`);
    `bare` when the argument stands without brackets (`\log x`).
    """

    function: Node
    arguments: tuple[Node, ...]
    certain: bool = field(default=False, compare=False)
    bare: bool = field(default=False, compare=False)
    delimiter: Delimiter = field(default=Delimiter.ROUND, compare=False)


@dataclass(frozen=True, slots=True)
class Prefixed(Node):
    r"""`dW`, `\partial W`, `\Delta z`, `\delta x`: a gradient or a differential, or d times x."""

    prefix: Prefix
    operand: Node


@dataclass(frozen=True, slots=True)
class Derivative(Node):
    r"""A derivative: `\partial L/\partial W`, `\frac{d}{dW} f`, `\nabla_W L`, `\partial_x f`.

    `target` is None when an operator stands without operand; `variables` is empty for a bare
    nabla. `order` is what the numerator says (`\partial^2` gives 2).
    """

    target: Node | None
    variables: tuple[Node, ...]
    prefix: Prefix = Prefix.PARTIAL
    form: DerivativeForm = field(default=DerivativeForm.FRACTION, compare=False)
    order: int = 1


@dataclass(frozen=True, slots=True)
class Differential(Node):
    r"""A total differential that no name carries: `d(W x)`, `\Delta f(z)`."""

    prefix: Prefix
    operand: Node


@dataclass(frozen=True, slots=True)
class Range(Node):
    """What a big operator runs over; every part may be missing."""

    indices: tuple[Node, ...] = ()
    lower: Node | None = None
    upper: Node | None = None
    conditions: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class BigOperator(Node):
    """A sum, product, maximum over a range."""

    op: Big
    range: Range
    body: Node | None
    head: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """Relations inside a formula: a condition, a keyword argument, an Iverson bracket."""

    sides: tuple[Node, ...]
    relations: tuple[Relation, ...]


@dataclass(frozen=True, slots=True)
class Indicator(Node):
    r"""`\mathbb{1}[i = j]`, `1\{x > 0\}`, `\mathbf{1}_{x > 0}`."""

    condition: Node


@dataclass(frozen=True, slots=True)
class Case(Node):
    """A value and when it holds; no condition (or `otherwise`) for the last."""

    value: Node
    condition: Node | None
    otherwise: bool = False


@dataclass(frozen=True, slots=True)
class Cases(Node):
    """A definition by cases."""

    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Row(Node):
    """A row of a matrix."""

    entries: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Matrix(Node):
    """A matrix or array with its entries; dots are entries too."""

    rows: tuple[Row, ...]
    environment: str = field(default="bmatrix", compare=False)


@dataclass(frozen=True, slots=True)
class Dots(Node):
    """An ellipsis; `kind` is its command."""

    kind: str = field(default="\\dots", compare=False)


@dataclass(frozen=True, slots=True)
class Space(Node):
    r"""`\mathbb{R}^{h \times n}`: a field and the sizes."""

    field_name: str
    sizes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Prose inside a formula."""

    text: str


@dataclass(frozen=True, slots=True)
class Missing(Node):
    """A side or operand that the author left out."""


@dataclass(frozen=True, slots=True)
class Opaque(Node):
    """Something the parser did not understand, and why."""

    tex: str
    reason: str
