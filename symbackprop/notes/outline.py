"""A short text form of syntax trees, for tests, messages and debugging."""

from __future__ import annotations

from symbackprop.notes import ast
from symbackprop.notes.kinds import Bracket, Font, Sign
from symbackprop.notes.statements import Fragment, Parsed, Statement, Unparsed

__all__ = ["outline", "outline_parsed"]


def _label(label: ast.Label) -> str:
    inside = ",".join(outline(item) for item in label.items)
    if label.word:
        inside = f'"{label.word}"'
    opener = {Bracket.NONE: ("{", "}"), Bracket.ANGLE: ("<", ">")}.get(
        label.bracket, label.bracket.value
    )
    return f"{opener[0]}{inside}{opener[1]}"


def _name(node: ast.Name) -> str:
    text = node.base
    if node.font not in (Font.PLAIN, Font.ROMAN):
        text = f"{node.font.value[:2]}:{text}"
    text = "".join(f"{accent}~" for accent in node.accents) + text
    text += "".join("_" + _label(label) for label in node.subs)
    text += "".join("^" + _label(label) for label in node.sups)
    return text + "'" * node.primes


def _sequence(head: str, *nodes: ast.Node | None) -> str:
    return f"({' '.join([head, *(outline(node) for node in nodes if node is not None)])})"


def _product(node: ast.Product) -> str:
    made = outline(node.factors[0])
    for joint, factor in zip(node.joints, node.factors[1:], strict=True):
        made += f" {joint.op.value.strip() or '~'} {outline(factor)}"
    return f"[{made}]"


def _add(node: ast.Add) -> str:
    made = ""
    for i, (sign, term) in enumerate(zip(node.signs, node.terms, strict=True)):
        made += f" {sign.value} " if i or sign is not Sign.PLUS else ""
        made += outline(term)
    return f"({made.strip()})"


def _big(node: ast.BigOperator) -> str:
    span = node.range
    made = ",".join(outline(index) for index in span.indices)
    if span.lower is not None:
        made += "=" + outline(span.lower)
    if span.upper is not None:
        made += ".." + outline(span.upper)
    for condition in span.conditions:
        made += "|" + outline(condition)
    return _sequence(f"{node.op.name}<{made}>", node.body)


def _derivative(node: ast.Derivative) -> str:
    head = f"D{node.order if node.order > 1 else ''}:{node.prefix.name}:{node.form.name[:2]}"
    variables = ",".join(outline(variable) for variable in node.variables)
    return _sequence(f"{head}<{variables}>", node.target)


def _comparison(node: ast.Comparison) -> str:
    made = outline(node.sides[0])
    for relation, side in zip(node.relations, node.sides[1:], strict=True):
        made += f" {relation.value.strip()} {outline(side)}"
    return f"({made})"


def _apply(node: ast.Apply) -> str:
    mark = "" if node.certain else "?"
    inside = ", ".join(outline(argument) for argument in node.arguments)
    return f"{outline(node.function)}{mark}({inside})"


def _group(node: ast.Group) -> str:
    inside = ", ".join(outline(item) for item in node.items)
    return f"{node.delimiter.value[0].strip()}{inside}{node.delimiter.value[1].strip()}"


def _cases(node: ast.Cases) -> str:
    made = [
        outline(case.value)
        + (" if " + outline(case.condition) if case.condition is not None else "")
        + (" otherwise" if case.otherwise else "")
        for case in node.cases
    ]
    return f"(cases {'; '.join(made)})"


def _matrix(node: ast.Matrix) -> str:
    rows = [" & ".join(outline(entry) for entry in row.entries) for row in node.rows]
    return f"(matrix {' / '.join(rows)})"


def outline(node: ast.Node) -> str:  # noqa: C901  # one case for each node
    """The tree in a line: names with their labels, `~` for juxtaposition, `?` for may-be-calls."""
    match node:
        case ast.Number(text=text):
            return text
        case ast.Name():
            return _name(node)
        case ast.Label():
            return _label(node)
        case ast.Product():
            return _product(node)
        case ast.Add():
            return _add(node)
        case ast.BigOperator():
            return _big(node)
        case ast.Derivative():
            return _derivative(node)
        case ast.Comparison():
            return _comparison(node)
        case ast.Apply():
            return _apply(node)
        case ast.Group():
            return _group(node)
        case ast.Cases():
            return _cases(node)
        case ast.Matrix():
            return _matrix(node)
    return _small(node)


def _small(node: ast.Node) -> str:  # noqa: C901  # one case for each node
    match node:
        case ast.Negative(operand=operand):
            return _sequence("-", operand)
        case ast.Fraction(numerator=above, denominator=below):
            return _sequence("/", above, below)
        case ast.Power(base=base, exponent=exponent):
            return _sequence("^", base, exponent)
        case ast.Transposed(base=base):
            return f"{outline(base)}.T"
        case ast.Prefixed(prefix=prefix, operand=operand):
            return f"<{prefix.value.strip()}>{outline(operand)}"
        case ast.Indexed(base=base, label=label, superscript=above):
            return f"{outline(base)}{'^' if above else '_'}{_label(label)}"
        case ast.Primed(base=base, count=count):
            return outline(base) + "'" * count
        case ast.Root(body=body, degree=degree):
            return _sequence("root", body, degree)
        case ast.Evaluated(base=base, point=point):
            return _sequence("at", base, point)
        case ast.Accented(base=base, accent=accent):
            return _sequence(accent, base)
        case ast.Norm(body=body, double=double, label=label):
            return _sequence("norm" if double else "abs", body, label)
        case ast.Indicator(condition=condition):
            return _sequence("1", condition)
        case ast.Space(field_name=name, sizes=sizes):
            return f"{name}^{'x'.join(outline(size) for size in sizes)}"
        case ast.Dots():
            return "..."
        case ast.Text(text=text):
            return repr(text)
        case ast.Opaque(tex=tex, reason=reason):
            return f"OPAQUE<{tex!r}: {reason}>"
    return f"<{type(node).__name__}>"


def _part(part: Statement | Fragment | Unparsed) -> str:
    if isinstance(part, Unparsed):
        return f"UNPARSED {part.tex!r}: {part.reason}"
    if isinstance(part, Fragment):
        made = f"fragment {outline(part.node)}"
    else:
        made = outline(part.sides[0])
        for relation, side in zip(part.relations, part.sides[1:], strict=True):
            made += f" {relation.value.strip()} {outline(side)}"
    if part.conditions:
        made += " IF " + ", ".join(outline(condition) for condition in part.conditions)
    if part.notes:
        made += f" NOTES {list(part.notes)}"
    if part.connective.value != "none":
        made = f"{part.connective.value}: {made}"
    return made


def outline_parsed(parsed: Parsed) -> list[str]:
    """A line for each statement, fragment and unparsed piece."""
    return [_part(part) for part in parsed.parts]
