r"""How a document uses each name: which scripts are layers, components, powers, parts of the name.

A name becomes a `Ref`: a key (base, accents, word labels), its labels in order (layer, time,
example) and its components. `z_j^{(k)}`, `\mathbf z_k` and `z^{[k]}` have one key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from symbackprop.notes import ast
from symbackprop.notes.ast import Label, Name, Node
from symbackprop.notes.kinds import Bracket, Font, ProductOp
from symbackprop.notes.lexicon import ACTIVATIONS, FUNCTIONS
from symbackprop.notes.trees import walk

__all__ = ["LAYER_LETTERS", "Profile", "Ref", "profile_of"]

LAYER_LETTERS = frozenset({"l", "L", "ell"})
_INDEX_LETTERS = frozenset("ijkmnpqrsabcdvuIJKMN") | {"alpha", "beta", "mu", "nu"}
_FREE_LETTERS = frozenset("ijkmnpqrs")
_LAST = frozenset({"N", "L", "T"})
_TIMES = {"prev": -1, "next": 0, "previous": -1}


@dataclass(frozen=True, slots=True)
class Ref:
    """A name as the document means it; `power` is a superscript that is an exponent."""

    key: str
    labels: tuple[Node, ...] = ()
    comps: tuple[Node, ...] = ()
    power: Node | None = None
    shift: int | None = None


@dataclass(slots=True)
class Profile:
    """What is known of a document's names; the keys are `base` with accents and weight."""

    label_subs: set[str] = field(default_factory=set)
    name_subs: set[str] = field(default_factory=set)
    label_sups: set[str] = field(default_factory=set)
    ranks: dict[str, int] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    plain: Counter[str] = field(default_factory=Counter)
    layered: bool = False
    timed: bool = False
    letters: set[str] = field(default_factory=set)
    label_letters: set[str] = field(default_factory=lambda: set(LAYER_LETTERS) | {"t"})
    squares: set[str] = field(default_factory=set)
    refs: dict[int, tuple[Name, Ref]] = field(default_factory=dict)
    complete: bool = False

    def ref(self, name: Name) -> Ref:
        """The name split into key, labels, components and power."""
        if not self.complete:
            return self.split(name)
        found = self.refs.get(id(name))
        if found is None or found[0] is not name:
            found = name, self.split(name)
            self.refs[id(name)] = found
        return found[1]

    def split(self, name: Name) -> Ref:
        """Find key, labels, components and power."""
        head = head_of(name)
        labels: list[Node] = []
        comps: list[Node] = []
        words: list[str] = []
        power: Node | None = None
        shift: int | None = None
        for sup in name.sups:
            if sup.bracket is not Bracket.NONE:
                labels.extend(sup.items)
            elif sup.word and len(sup.word) > 1:
                words.append("^" + sup.word)
            elif self.sup_is_label(name, sup):
                labels.extend(sup.items)
            elif len(sup.items) == 1 and is_tick(sup.items[0]):
                words.append("*")
            else:
                power = sup.items[0]
        labelled = bool(labels)
        for sub in name.subs:
            if sub.word and len(sub.word) > 1 and sub.word in _TIMES:
                shift = _TIMES[sub.word]
            elif not labelled and self.sub_is_label(name, sub):
                labels.extend(sub.items)
            elif self.sub_is_word(name, sub):
                words.append("_" + spelled(sub))
            else:
                comps.extend(separated(sub.items, self.ranks.get(loose(head), 0)))
        return Ref(bare(head) + "".join(words), tuple(labels), tuple(comps), power, shift)

    def is_label_sup(self, name: Name, sup: Label) -> bool:
        """Whether a superscript is a label, bracketed or not."""
        return sup.bracket is not Bracket.NONE or self.sup_is_label(name, sup)

    def sup_is_label(self, name: Name, sup: Label) -> bool:
        """Whether a bare superscript is a layer; else it is a power."""
        if len(sup.items) != 1:
            return True
        item = sup.items[0]
        if isinstance(item, ast.Number):
            return loose(head_of(name)) in self.label_sups
        letters = names_in(item)
        return bool(letters & LAYER_LETTERS) or bool(
            letters and loose(head_of(name)) in self.label_sups
        )

    def sub_is_word(self, name: Name, sub: Label) -> bool:
        """Whether a subscript belongs to the name."""
        if sub.word and len(sub.word) > 1:
            return True
        if bare(head_of(name)).removeprefix("bar:") in self.name_subs:
            return True
        single = sub.items[0] if len(sub.items) == 1 else None
        if isinstance(single, Name) and not single.subs and not single.sups:
            letter = single.base
            return letter not in _INDEX_LETTERS and letter not in self.letters
        return isinstance(single, Name | ast.Text | ast.Group) and not isinstance(single, Name)

    def sub_is_label(self, name: Name, sub: Label) -> bool:
        """Whether a subscript is a layer or a time."""
        if len(sub.items) != 1 or head_of(name) not in self.label_subs:
            return False
        item = sub.items[0]
        if isinstance(item, Name):
            return item.base in self.label_letters or item.base in _LAST
        return isinstance(item, ast.Number) or _is_arithmetic(item)


def is_tick(node: Node) -> bool:
    """Whether a superscript only marks the name, as a star does."""
    return isinstance(node, ast.Opaque | ast.Text | ast.Missing) or (
        isinstance(node, Name) and node.base in ("*", "ast", "star", "prime", "dagger", "+")
    )


def head_of(name: Name) -> str:
    """Base, accents and weight of a name."""
    weight = "!" if name.font is Font.BOLD else ""
    return "".join(f"{accent}:" for accent in _accents(name)) + name.base + weight


def _accents(name: Name) -> tuple[str, ...]:
    same = {"widehat": "hat", "widetilde": "tilde", "overline": "bar"}
    kept = (same.get(a, a) for a in name.accents)
    return tuple(a for a in kept if a not in ("vec", "boldsymbol", "mathbf"))


def bare(head: str) -> str:
    """A head without its weight."""
    return head.rstrip("!")


loose = bare


def names_in(node: Node) -> set[str]:
    """The bases of the names in a node."""
    return {n.base for _, n in walk(node) if isinstance(n, Name)}


def keys_in(node: Node, profile: Profile) -> set[str]:
    """The keys of the names in a node."""
    return {profile.ref(n).key for _, n in walk(node) if isinstance(n, Name)}


def spelled(label: Label) -> str:
    """A label as part of a key."""
    if label.word:
        return label.word
    return ",".join(
        "".join(
            n.base if isinstance(n, Name) else n.text
            for _, n in walk(item)
            if isinstance(n, Name | ast.Number | ast.Text)
        )
        for item in label.items
    )


def separated(items: tuple[Node, ...], rank: int = 0) -> list[Node]:
    """The components that a subscript lists: `ij` and `i,j` are two, `11` may be two."""
    made: list[Node] = []
    for item in items:
        if isinstance(item, ast.Product) and all(j.op is ProductOp.JUXTAPOSED for j in item.joints):
            if all(isinstance(f, Name | ast.Number | ast.Group) for f in item.factors):
                first = item.factors[0]
                if not (isinstance(first, ast.Number) and len(item.factors) == 2 and rank < 2):
                    made.extend(item.factors)
                    continue
        if isinstance(item, ast.Number) and len(item.text) == 2 and len(items) == 1 and rank == 2:
            made.extend(ast.Number(digit) for digit in item.text)
            continue
        made.append(item)
    return made


def _is_arithmetic(node: Node) -> bool:
    return isinstance(node, ast.Add) and any(isinstance(t, ast.Number) for t in node.terms)


def profile_of(nodes: Iterable[Node]) -> Profile:
    """The profile of a document from all the sides of its statements."""
    nodes = list(nodes)
    profile = Profile()
    names: list[Name] = []
    for node in nodes:
        for _, here in walk(node):
            if isinstance(here, Name):
                names.append(here)
            elif isinstance(here, ast.BigOperator):
                profile.letters |= _range_letters(here.range)
            elif isinstance(here, ast.Indicator):
                profile.letters |= names_in(here.condition) & _FREE_LETTERS
    _functions(profile, nodes)
    _superscripts(profile, names)
    _subscripts(profile, names)
    _ranks(profile, names)
    profile.complete = True
    return profile


def _range_letters(span: ast.Range) -> set[str]:
    found = {n.base for n in span.indices if isinstance(n, Name)}
    for condition in span.conditions:
        if isinstance(condition, ast.Comparison) and isinstance(condition.sides[0], Name):
            found.add(condition.sides[0].base)
    return found


def _functions(profile: Profile, nodes: list[Node]) -> None:
    called: Counter[str] = Counter()
    primed: set[str] = set()
    for node in nodes:
        skip: set[int] = set()
        for _, here in walk(node):
            if isinstance(here, ast.Apply):
                function = here.function
                slope = False
                while isinstance(function, ast.Power | ast.Primed | ast.Transposed):
                    slope = slope or isinstance(function, ast.Primed)
                    function = function.base
                if isinstance(function, Name):
                    if slope or function.primes:
                        primed.add(loose(head_of(function)))
                    called[loose(head_of(function))] += 1
                    skip.add(id(function))
            elif isinstance(here, Name) and id(here) not in skip:
                profile.plain[loose(head_of(here))] += 1
    usual = {"f", "g", "h", "sigma", "phi", "varphi", "psi", "F", "G", "rho", "Phi", "s"}
    for base, count in called.items():
        if base in FUNCTIONS or profile.plain[base] == 0:
            profile.functions.add(base)
        elif base in usual and (count >= profile.plain[base] or base in primed):
            profile.functions.add(base)
    profile.functions |= set(ACTIVATIONS)


def _superscripts(profile: Profile, names: list[Name]) -> None:  # noqa: C901  # one rule each
    numbered: set[str] = set()
    for name in names:
        for sup in name.sups:
            if sup.bracket is Bracket.SQUARE:
                profile.squares.add(loose(head_of(name)))
            if sup.bracket is Bracket.ANGLE:
                profile.timed = True
            if sup.bracket is not Bracket.NONE:
                profile.layered = True
                profile.label_sups.add(loose(head_of(name)))
                continue
            if len(sup.items) != 1:
                continue
            item = sup.items[0]
            letters = names_in(item)
            if letters & LAYER_LETTERS:
                profile.layered = True
                profile.label_sups.add(loose(head_of(name)))
            elif isinstance(item, ast.Number) and name.base not in ("e", "x"):
                numbered.add(loose(head_of(name)))
    words = {"h", "o", "k", "n", "t"}
    for name in names:
        for sup in name.sups:
            only: Node | None = sup.items[0] if len(sup.items) == 1 else None
            if sup.bracket is Bracket.NONE and isinstance(only, Name) and only.base in words:
                if profile.layered or (name.base[:1].isupper() and name.base != "R"):
                    profile.label_sups.add(loose(head_of(name)))
            if sup.bracket is Bracket.NONE and only is not None and _is_arithmetic(only):
                if names_in(only) & {"k", "n", "N", "t", "L", "l"} and name.base not in "ex":
                    profile.label_sups.add(loose(head_of(name)))
    if profile.layered:
        usual = {"delta", "a", "z", "W", "w", "b", "A", "Z", "B", "h", "y", "o"}
        profile.label_sups |= numbered & usual
    else:
        family = {b for b in numbered if b in ("a", "z", "W", "w", "h", "b")}
        if len(family) >= 2 and "W" in family:
            profile.label_sups |= family | (numbered & {"delta"})


def _subscripts(profile: Profile, names: list[Name]) -> None:
    """Which heads have subscripts that are labels, and which that are part of the name."""
    singles: dict[str, list[Node]] = {}
    all_letters: dict[str, set[str]] = {}
    for name in names:
        head = head_of(name)
        labelled = any(profile.is_label_sup(name, sup) for sup in name.sups)
        for sub in name.subs:
            if sub.word and len(sub.word) > 1:
                continue
            if len(sub.items) != 1 or len(separated(sub.items, 2)) > 1:
                _pair(profile, name, sub)
                continue
            item = sub.items[0]
            if isinstance(item, Name) and not item.subs:
                all_letters.setdefault(bare(head), set()).add(item.base)
            if not labelled:
                singles.setdefault(head, []).append(item)
    shifted = {
        letter
        for items in singles.values()
        for item in items
        if _is_arithmetic(item)
        for letter in names_in(item)
    } - {"i", "j", "m", "n"}
    profile.label_letters |= shifted
    if "t" in shifted:
        profile.timed = True
    _words(profile, all_letters, {bare(head_of(n)) for n in names if n.subs or n.sups})
    _labels(profile, singles)


def _words(profile: Profile, all_letters: dict[str, set[str]], values: set[str]) -> None:
    """Subscripts that belong to the name: strange letters, and values, as `W_r` for the gate r."""
    for head, letters in all_letters.items():
        if len(letters) >= 2 and letters <= values - {head, "i", "j"} - profile.letters:
            profile.name_subs.add(head)
        strange = {c for c in letters if c not in _INDEX_LETTERS} - profile.letters
        strange -= profile.label_letters | _LAST
        if strange and len(letters) >= 2 and not letters & profile.letters:
            profile.name_subs.add(head)


def _labels(profile: Profile, singles: dict[str, list[Node]]) -> None:
    numbered = {h for h, items in singles.items() if any(isinstance(i, ast.Number) for i in items)}
    net = any(bare(h) in ("W", "w", "U", "V", "Theta") for h in numbered)
    for head, items in singles.items():
        if bare(head) in profile.name_subs:
            continue
        letters = {i.base for i in items if isinstance(i, Name) and not i.subs}
        numbers = head in numbered
        last = letters & _LAST and (net or any(_is_arithmetic(i) for i in items))
        if letters & profile.label_letters or last:
            profile.label_subs.add(head)
        elif any(_is_arithmetic(i) and names_in(i) & profile.label_letters for i in items):
            profile.label_subs.add(head)
        elif numbers and not letters & profile.letters and (net or bare(head).isupper()):
            profile.label_subs.add(head)
    bold = {bare(h) for h in profile.label_subs if h.endswith("!")}
    profile.label_subs |= {h for h in singles if h in bold}


def _pair(profile: Profile, name: Name, sub: Label) -> None:
    """Subscripts such as `ax` and `hh` are names, `ij` and `11` components."""
    parts = separated(sub.items, 2)
    letters = [p.base for p in parts if isinstance(p, Name) and not p.subs]
    if len(letters) != 2 or len(parts) != 2 or len(sub.items) != 1:
        return
    counting = _INDEX_LETTERS | {"l"} | profile.letters
    if any(c not in counting for c in letters) or (
        letters[0] == letters[1] and letters[0] in "ahxy"
    ):
        profile.name_subs.add(bare(head_of(name)))
    elif "l" in letters and not profile.layered:
        profile.letters.add("l")
        profile.label_letters = profile.label_letters - {"l"}


def _ranks(profile: Profile, names: list[Name]) -> None:
    for name in names:
        head = loose(head_of(name))
        for sub in name.subs:
            if sub.word and len(sub.word) > 1:
                continue
            parts = separated(sub.items)
            if len(parts) > 1 and head not in profile.name_subs:
                profile.ranks[head] = max(len(parts), profile.ranks.get(head, 0))
    for name in names:
        head = loose(head_of(name))
        if profile.ref(name).comps:
            profile.ranks[head] = max(len(profile.ref(name).comps), profile.ranks.get(head, 0))
