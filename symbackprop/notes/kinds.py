"""The enumerations that the nodes of `ast` choose by: fonts, brackets, joints, relations."""

from __future__ import annotations

import enum

__all__ = [
    "Big",
    "Bracket",
    "Delimiter",
    "DerivativeForm",
    "Font",
    "Prefix",
    "ProductOp",
    "Relation",
    "Sign",
    "TransposeStyle",
]


class Font(enum.Enum):
    """Typeface of a name."""

    PLAIN = "plain"
    BOLD = "bold"
    ROMAN = "roman"
    CALLIGRAPHIC = "calligraphic"
    BLACKBOARD = "blackboard"
    SANS = "sans"
    FRAKTUR = "fraktur"


class Bracket(enum.Enum):
    """Brackets inside a script: `[l]`, `(l)`, `<t>`, `{k}` or none."""

    NONE = ("", "")
    SQUARE = ("[", "]")
    ROUND = ("(", ")")
    ANGLE = ("\\langle ", "\\rangle ")
    CURLY = ("\\{", "\\}")


class Delimiter(enum.Enum):
    """Delimiters of a group; BRACE is the invisible group that TeX braces make."""

    ROUND = ("(", ")")
    SQUARE = ("[", "]")
    CURLY = ("\\{", "\\}")
    ANGLE = ("\\langle ", "\\rangle ")
    BRACE = ("{", "}")
    HALF_OPEN = ("[", ")")
    OPEN_HALF = ("(", "]")
    FLOOR = ("\\lfloor ", "\\rfloor ")
    CEILING = ("\\lceil ", "\\rceil ")


class ProductOp(enum.Enum):
    """How two factors are joined; which product it means is decided later, by shape."""

    JUXTAPOSED = ""
    CDOT = "\\cdot "
    DOT = "."
    STAR = "*"
    AST = "\\ast "
    ODOT = "\\odot "
    CIRC = "\\circ "
    BULLET = "\\bullet "
    TIMES = "\\times "
    OTIMES = "\\otimes "
    AT = "@"
    OPLUS = "\\oplus "
    SLASHED_CIRCLE = "\\oslash "


class Sign(enum.Enum):
    """Sign of a term."""

    PLUS = "+"
    MINUS = "-"
    PLUS_MINUS = "\\pm "


class Relation(enum.Enum):
    """Relation between two sides of a statement."""

    EQUAL = "="
    DEFINED = ":="
    EQUAL_BY_DEFINITION = "\\triangleq "
    EQUIVALENT = "\\equiv "
    APPROXIMATE = "\\approx "
    PROPORTIONAL = "\\propto "
    NOT_EQUAL = "\\neq "
    LESS = "<"
    LESS_EQUAL = "\\leq "
    GREATER = ">"
    GREATER_EQUAL = "\\geq "
    MUCH_LESS = "\\ll "
    MUCH_GREATER = "\\gg "
    IN = "\\in "
    NOT_IN = "\\notin "
    SUBSET = "\\subseteq "
    DISTRIBUTED = "\\sim "
    ASSIGNED = "\\leftarrow "
    MAPS = ":"
    TO = "\\to "
    MAPS_TO = "\\mapsto "
    GIVEN = "\\mid "
    ADD_ASSIGNED = "+="
    SUBTRACT_ASSIGNED = "-="

    @property
    def is_equality(self) -> bool:
        """Whether the two sides are claimed to have the same value."""
        return self in _EQUALITIES


_EQUALITIES = frozenset(
    {
        Relation.EQUAL,
        Relation.DEFINED,
        Relation.EQUAL_BY_DEFINITION,
        Relation.EQUIVALENT,
        Relation.ASSIGNED,
    }
)


class TransposeStyle(enum.Enum):
    """Spelling of a transpose; the printer reuses the document's."""

    T = "T"
    TOP = "\\top"
    INTERCAL = "\\intercal"
    ROMAN_T = "\\mathrm{T}"
    SANS_T = "\\mathsf{T}"
    TEXT_T = "\\text{T}"
    PRIME = "'"
    DOT_T = ".T"
    HERMITIAN = "H"


class Prefix(enum.Enum):
    """Letter in front of a name that makes it a gradient, a differential or half a fraction."""

    D = "d"
    PARTIAL = "\\partial "
    SMALL_DELTA = "\\delta "
    BIG_DELTA = "\\Delta "
    NABLA = "\\nabla "
    PRE = "p"


class DerivativeForm(enum.Enum):
    """Spelling of a derivative."""

    FRACTION = "fraction"
    INLINE = "inline"
    OPERATOR = "operator"
    SUBSCRIPT = "subscript"


class Big(enum.Enum):
    """A big operator."""

    SUM = "\\sum"
    PROD = "\\prod"
    MAX = "\\max"
    MIN = "\\min"
    ARGMAX = "\\operatorname{argmax}"
    ARGMIN = "\\operatorname{argmin}"
    INTEGRAL = "\\int"
    EXPECTATION = "\\mathbb{E}"
    LIMIT = "\\lim"
    SUP = "\\sup"
    INF = "\\inf"
    UNION = "\\bigcup"
    INTERSECTION = "\\bigcap"
    HADAMARD = "\\bigodot"
