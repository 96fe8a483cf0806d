r"""The field's standard losses and activations, as supplies for a document that leaves them out.

`\delta = a - y` holds for a sigmoid with binary cross-entropy, a softmax with cross-entropy and a
linear output with half the squared error. Which of them a document can mean is for its own output
and its prose to say; `symbackprop.notes.complete` finds out which one its equations confirm.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from symbackprop.notes import ast
from symbackprop.notes.ast import Name, Node
from symbackprop.notes.judge.functions import ELEMENTWISE
from symbackprop.notes.judge.judge import Judge, Judged
from symbackprop.notes.judge.statements import Kind
from symbackprop.notes.judge.supply import Supply
from symbackprop.notes.judge.world import TARGETS
from symbackprop.notes.kinds import Sign
from symbackprop.notes.printer import to_latex
from symbackprop.notes.resolve.definitions import Definition, definitions_of, is_loss_key
from symbackprop.notes.resolve.profile import names_in
from symbackprop.notes.statements import Statement, parse_formula
from symbackprop.notes.trees import values_in

__all__ = ["Pair", "activations_told", "losses", "mentions", "target_pair"]

MATCHED = "the output's matching loss"
MATCHING = frozenset({("sigmoid", "binary"), ("softmax", "entropy"), ("linear", "half")})
_ENTROPY = re.compile(r"cross[- ]?entropy|log(?:istic)?[- ]loss|negative log|交叉熵", re.I)
_SQUARES = re.compile(
    r"(?:mean|half|sum of|sum-of|summed)?[- ]?squared?[- ]error|\bMSE\b|quadratic (?:cost|loss)|"
    r"least squares|mean[- ]square|sum of squares|均方|平方误差",
    re.I,
)
_KNOWN = {
    "sigmoid": r"sigmoid|logistic",
    "tanh": r"\btanh\b|hyperbolic tangent",
    "relu": r"\brelu\b|rectifie[rd]|rectified linear",
    "softmax": r"softmax",
}
_SUBJECT = re.compile(
    r"\$\s*\\?(?P<name>sigma|phi|varphi|psi|rho|[fghs])(?:\(\s*\\?cdot\s*\)|\(\w\))?\s*\$"
    r"(?P<says>[^.$;]{0,60})"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """An output and its target, as the document writes them."""

    output: Name
    target: Name
    before: Name | None = None


def mentions(item: Judged, keys: frozenset[str], judge: Judge) -> bool:
    """Whether a statement speaks of one of some names."""
    if item.claim is None:
        return False
    profile = judge.model.profile
    return any(
        isinstance(node, Name) and profile.ref(node).key in keys
        for side in item.claim.sides
        for node in values_in(side)
    )


def target_pair(judge: Judge) -> Pair | None:
    r"""The output and the target whose difference a document writes most often."""
    counted: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, str], Pair] = {}
    for item in judge.claims():
        if item.claim is None or item.sorted.kind is Kind.DEFINITION:
            continue
        before = variable(item.claim.sides[0])
        for side in item.claim.sides:
            for node in values_in(side):
                pair = compared(node, judge)
                if pair is None:
                    continue
                profile = judge.model.profile
                key = profile.ref(pair.output).key, profile.ref(pair.target).key
                counted[key] += 1
                found.setdefault(key, replace(pair, before=before))
    return found[max(counted, key=lambda key: counted[key])] if counted else None


def variable(side: Node) -> Name | None:
    """What a left side is the gradient by, or the gradient's own name."""
    if isinstance(side, ast.Derivative) and len(side.variables) == 1:
        side = side.variables[0]
    while isinstance(side, ast.Prefixed | ast.Group):
        if isinstance(side, ast.Group):
            if len(side.items) != 1:
                return None
            side = side.items[0]
        else:
            side = side.operand
    return side if isinstance(side, Name) else None


def compared(node: Node, judge: Judge) -> Pair | None:
    """The output and the target in `a - y`, `y - a` or `a + y`, or `y / a`."""
    if isinstance(node, ast.Add) and len(node.terms) == 2:
        first, second = node.terms
        if node.signs[0] is Sign.PLUS or node.signs[1] is Sign.PLUS:
            return ordered(first, second, judge)
    if isinstance(node, ast.Fraction):
        return ordered(node.denominator, node.numerator, judge)
    return None


def ordered(a: Node, b: Node, judge: Judge) -> Pair | None:
    """Two names of which one is a target and the other no target."""
    if not isinstance(a, Name) or not isinstance(b, Name):
        return None
    first, second = is_target(a, judge), is_target(b, judge)
    if first == second:
        return None
    output, target = (b, a) if first else (a, b)
    ref = judge.model.profile.ref(output)
    if ref.comps or judge.model.profile.ref(target).comps or output.base in ("mu", "c", "b"):
        return None
    return Pair(output, target)


def is_target(name: Name, judge: Judge) -> bool:
    """Whether a name is a target: a usual letter without accent that nothing defines."""
    key = judge.model.profile.ref(name).key
    return key in TARGETS and key not in judge.model.defined()


def words_of(judge: Judge) -> str:
    """All the prose and headings of a document."""
    document = judge.model.document
    return " ".join(line.text for line in document.prose)


def families(judge: Judge) -> tuple[bool, bool]:
    """Whether the prose leaves cross-entropy open, and whether squared errors."""
    text = words_of(judge)
    hinted = " ".join(h.value for h in judge.model.document.hints if h.kind.value == "loss")
    text = hinted or text
    entropy, squares = bool(_ENTROPY.search(text)), bool(_SQUARES.search(text))
    return entropy or not squares, squares or not entropy


def activations_told(judge: Judge) -> tuple[tuple[str, str], ...]:
    """Functions of which the prose says what they are: `$g$ is the sigmoid`."""
    found: dict[str, str] = {}
    document = judge.model.document
    for hint in document.hints:
        if hint.kind.value == "activation":
            name = hint.subject.strip("$\\ ")
            word = next((w for w, p in _KNOWN.items() if re.search(p, hint.value, re.I)), None)
            if word is not None:
                found[name] = word
    defined = {d.key for d in judge.model.definitions}
    for line in document.prose:
        for match in _SUBJECT.finditer(line.text):
            says = match["says"]
            named = [w for w, p in _KNOWN.items() if re.search(p, says, re.I)]
            hedged = re.search(r"\b(?:e\.g|or|such as|like|either|example|if|could|may)\b|若", says)
            before = line.text[max(0, match.start() - 12) : match.start()]
            hedged = hedged or re.search(r"\b(?:if|when)\s*$|若\s*$", before, re.I)
            if len(named) == 1 and not hedged and match["name"] not in defined:
                found.setdefault(match["name"], named[0])
    return tuple(found.items())


def losses(judge: Judge, pair: Pair) -> list[Supply]:
    """The losses that an output and a target may have, likely ones first."""
    maker = _Maker(judge, pair)
    entropy, squares = families(judge)
    made: list[Supply] = []
    for mean in (False, True):
        made.extend(maker.supplies(entropy, squares, mean))
    return made


@dataclass(slots=True)
class _Maker:
    """Writes standard losses in a document's notation."""

    judge: Judge
    pair: Pair

    def supplies(self, entropy: bool, squares: bool, mean: bool) -> list[Supply]:
        """The losses that fit what is known of the output."""
        kind, function = self.output()
        made: list[Supply] = []
        text = words_of(self.judge)
        if entropy:
            only = {w for w in ("sigmoid", "softmax") if re.search(_KNOWN[w], text, re.I)}
            for act, loss in (("sigmoid", "binary"), ("softmax", "entropy")):
                if kind == act or (kind == "opaque" and (len(only) != 1 or act in only)):
                    made.append(self.made(act if kind == "opaque" else "", loss, mean))
        if squares:
            if kind in ("opaque", "linear"):
                linear = "linear" if kind == "opaque" else ""
                made.append(self.made(linear, "half", mean))
                made.append(self.made(linear, "squares", mean))
            if kind != "linear":
                made.append(self.made("", "half", mean))
        if function == "sigma" and kind == "opaque" and squares:
            made.append(self.made("sigmoid", "half", mean))
        return [one for one in made if one.definitions]

    def output(self) -> tuple[str, str]:
        """How the document makes the output: by a known function, by another, or linearly."""
        definition = self.definition()
        if definition is None:
            return ("opaque" if self.inner() is not None else "linear"), ""
        body = definition.body
        if not isinstance(body, ast.Apply) or not isinstance(body.function, Name):
            return "linear", ""
        key = self.judge.model.profile.ref(body.function).key
        told = dict(self.judge.worlds.activations).get(key)
        if told is not None or key in ELEMENTWISE or key == "softmax":
            return told or key, key
        return ("opaque" if key in self.judge.model.profile.functions else "linear"), key

    def definition(self) -> Definition | None:
        """The definition of the output, through other names for it."""
        worlds, profile = self.judge.worlds, self.judge.model.profile
        choice = worlds.choices(self.judge.model.entries[-1])[0]
        scope = worlds.inference(choice, 0)[0]
        name = self.pair.output
        for _ in range(4):
            key = scope.canonical(profile.ref(name).key)
            table = [d for d in scope.table.get(key, ()) if fits(d, name, self.judge)]
            if not table:
                return None
            if not isinstance(table[0].body, Name):
                return table[0]
            name = table[0].body
        return None

    def inner(self) -> str | None:
        """What goes into the output's activation, as the document writes it."""
        definition = self.definition()
        if definition is not None and isinstance(definition.body, ast.Apply):
            argument = definition.body.arguments[0]
            return self.relabelled(to_latex(argument), definition)
        before = self.pair.before
        if before is None or definition is not None:
            return None
        key = self.judge.model.profile.ref(before).key
        return to_latex(before) if key in self.judge.model.defined() else None

    def relabelled(self, text: str, definition: Definition) -> str:
        """The argument of a general layer's activation, at the output's layer."""
        labels = self.judge.model.profile.ref(self.pair.output).labels
        if len(labels) != len(definition.labels) or not labels:
            return text
        old, new = to_latex(definition.labels[0]), to_latex(labels[0])
        return re.sub(rf"(?<![A-Za-z\\]){re.escape(old)}(?![A-Za-z])", lambda _: new, text)

    def made(self, activation: str, loss: str, mean: bool) -> Supply:
        """One loss with the activation that it needs, as definitions."""
        out, target = to_latex(self.pair.output), to_latex(self.pair.target)
        lines, words = [], []
        sigma = activation == "sigmoid" and self.output()[1] == "sigma"
        if activation and not sigma:
            inner = self.inner()
            if inner is None:
                return Supply()
            spelled = {"sigmoid": r"\mathrm{sigmoid}", "softmax": r"\mathrm{softmax}"}
            call = rf"{spelled[activation]}({inner})" if activation in spelled else inner
            lines.append(f"{out} = {call}")
        body = {
            "binary": rf"-\mathrm{{sum}}({target} \odot \log({out})"
            rf" + (1 - {target}) \odot \log(1 - {out}))",
            "entropy": rf"-\mathrm{{sum}}({target} \odot \log({out}))",
            "half": rf"\frac{{1}}{{2}} \mathrm{{sum}}(({out} - {target})"
            rf" \odot ({out} - {target}))",
            "squares": rf"\mathrm{{sum}}(({out} - {target}) \odot ({out} - {target}))",
        }[loss]
        letter = self.index()
        if letter:
            body = rf"\sum_{{{letter}}} ({body})"
        if mean:
            body = rf"\frac{{1}}{{m}} ({body})"
        lines.append(f"{self.loss()} = {body}")
        name = {
            "binary": "binary cross-entropy",
            "entropy": "cross-entropy",
            "half": "half the squared error",
            "squares": "the squared error",
        }[loss]
        words.append(
            f"the loss is {name}{', averaged over the examples' if mean else ''}"
            + (f", the output {activation}" if activation else "")
        )
        fits_output = (activation, loss) in MATCHING
        family = MATCHED if fits_output else f"{activation} {loss}"
        known = (("sigma", "sigmoid"),) if sigma else ()
        return Supply(self.definitions(lines), known, tuple(words), family, self.keys())

    def keys(self) -> frozenset[str]:
        """The target's name."""
        return frozenset({self.judge.model.profile.ref(self.pair.target).key})

    def index(self) -> str:
        """The letter that counts steps of time in the output's label, if one does."""
        labels = self.judge.model.profile.ref(self.pair.output).labels
        if labels and isinstance(labels[-1], Name) and labels[-1].base == "t":
            return "t"
        return ""

    def loss(self) -> str:
        """The loss's name: the one that derivatives speak of, or J."""
        for item in self.judge.claims():
            if item.claim is None:
                continue
            for side in item.claim.sides:
                for node in values_in(side):
                    if isinstance(node, ast.Derivative) and isinstance(node.target, Name):
                        name = replace(node.target, subs=(), sups=())
                        if is_loss_key(self.judge.model.profile.ref(node.target).key):
                            return to_latex(name)
        return "J"

    def definitions(self, lines: list[str]) -> tuple[Definition, ...]:
        """The definitions that lines of LaTeX make."""
        document, profile = self.judge.model.document, self.judge.model.profile
        made: list[Definition] = []
        for line in lines:
            for part in parse_formula(line, document.macros, document.vocabulary).parts:
                if isinstance(part, Statement):
                    made.extend(definitions_of(part, -1, profile))
        return tuple(made) if len(made) == len(lines) else ()


def fits(definition: Definition, name: Name, judge: Judge) -> bool:
    """Whether a definition is about a name's layer."""
    labels = judge.model.profile.ref(name).labels
    if len(definition.labels) != len(labels):
        return False
    return all(
        a == b or (isinstance(a, Name) and bool(names_in(a)))
        for a, b in zip(definition.labels, labels, strict=True)
    )
