"""Which runs of letters are words: functions, losses and names of several letters, or products.

`dW` and `xW` are two names each, `softmax` and `Div` one. A run is a word when everybody writes it
so, when the document sets it in roman somewhere, or when it reads like one (four letters and more
with a vowel). Everything else falls apart into letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from symbackprop.notes.tokens import Kind, Token
from symbackprop.notes.tree import Block, Item, words_of

__all__ = [
    "ACTIVATIONS",
    "FUNCTIONS",
    "GREEK",
    "NO_VOCABULARY",
    "Vocabulary",
    "merge_words",
    "vocabulary_of",
]

ACTIVATIONS = frozenset(
    """tanh sigmoid softmax relu ReLU Relu RELU LeakyReLU elu ELU selu gelu GELU silu SiLU swish
    softplus softsign sigm logistic hardtanh logsoftmax sparsemax""".split()
)
FUNCTIONS = ACTIVATIONS | frozenset(
    """exp log ln lg sin cos tan cot sec csc sinh cosh coth sech arctan arcsin arccos arctanh artanh
    max min argmax argmin sup inf lim diag Diag vec Vec tr Tr trace Trace rank det sum mean avg var
    Var Cov cov sgn sign erf abs sqrt norm VJP JVP vjp jvp CE KL MSE BCE NLL SSE RSS div Div loss
    Loss cost Cost err prod concat Concat concatenate logit logsumexp LSE LayerNorm BatchNorm BN LN
    FFN MLP Attention MultiHead flatten reshape rot conv Conv onehot dropout Dropout pool maxpool
    MaxPool upsample kron Pr dim ker span clip round floor ceil broadcast transpose dot matmul outer
    einsum where zeros ones eye unbroadcast nll bce mse crossentropy CrossEntropy
    dsoftmax dtanh drelu dsigmoid hinge clamp mod""".split()
)
GREEK = frozenset(
    """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi
    pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda
    Xi Pi Sigma Upsilon Phi Psi Omega""".split()
)
_NAMES = frozenset(
    """net out prev next input output hidden batch total train test new old target pred true grad
    axis keepdims True False lr np numpy tf torch nn loss cost error energy reg size rate bias data
    weight weights mask logits scores if for in and otherwise else where iff all const dims
    adj inv rows cols row col num den idx label pos neg query key value head heads""".split()
)
_UNSPLIT_GREEK = frozenset(name for name in GREEK if len(name) > 2)
_MODULES = frozenset({"np", "numpy", "tf", "torch", "nn", "jnp", "F"})
_VOWEL = re.compile("[aeiouyAEIOUY]")
_WORD = re.compile("[A-Z]?[a-z]{3,}|[A-Z]{4,}")
_EMBEDDED = re.compile(
    "|".join(
        sorted(
            (word for word in FUNCTIONS if len(word) >= 3 and word not in ("dim", "err", "mod")),
            key=lambda word: (-len(word), word),
        )
    )
)
_ROMAN = frozenset(
    {"\\text", "\\mathrm", "\\operatorname", "\\operatorname*", "\\mathit", "\\textrm", "\\mathsf"}
)
_ACCENTS = frozenset({"\\hat", "\\tilde", "\\widetilde", "\\widehat", "\\bar", "\\overline"})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    r"""Words of a document, beyond those that everybody uses.

    `pre` holds letters that stand between a `d` and a name on some left side (`dp\tilde c`, the
    gradient of what goes into the activation of c-tilde).
    """

    words: frozenset[str] = frozenset()
    pre: frozenset[str] = frozenset()


NO_VOCABULARY = Vocabulary()


def _is_identifier(text: str) -> bool:
    return bool(re.fullmatch("[A-Za-z]{2,}", text))


def _words_in(items: Sequence[Item]) -> Iterable[str]:
    stack = [items]
    while stack:
        here = stack.pop()
        for i, item in enumerate(here):
            if not isinstance(item, Token):
                stack.append(item.items)
            elif item.text in _ROMAN and i + 1 < len(here) and isinstance(here[i + 1], Block):
                text = words_of(here[i + 1 : i + 2])
                if _is_identifier(text) and text.lower() not in ("if", "for", "and", "or", "where"):
                    yield text


def _pre_letters(items: Sequence[Item]) -> Iterable[str]:
    """Letters between a d and an accented name at the start of a left side."""
    stack = [items]
    while stack:
        here = stack.pop()
        texts = [item.text if isinstance(item, Token) else "{" for item in here]
        stack.extend(item.items for item in here if not isinstance(item, Token))
        for i in range(len(here) - 3):
            opens = i == 0 or texts[i - 1] in ("&", "\\\\", "\\quad", ",")
            if opens and texts[i] == "d" and texts[i + 1].isalpha() and texts[i + 2] in _ACCENTS:
                spaced = [item.spaced for item in here[i + 1 : i + 3] if isinstance(item, Token)]
                if not any(spaced) and "=" in texts[i + 3 :]:
                    yield texts[i + 1]


def vocabulary_of(formulas: Iterable[Sequence[Item]]) -> Vocabulary:
    """The vocabulary that a document's nested formulas set in roman or define."""
    words: set[str] = set()
    pre: set[str] = set()
    for items in formulas:
        words.update(_words_in(items))
        pre.update(_pre_letters(items))
    return Vocabulary(frozenset(words), frozenset(pre))


def _known(text: str, vocabulary: Vocabulary) -> bool:
    return (
        text in vocabulary.words
        or text in FUNCTIONS
        or text in _NAMES
        or text in _UNSPLIT_GREEK
        or bool(_WORD.fullmatch(text) and _VOWEL.search(text) and len(text) >= 4)
    )


def _pieces(text: str, vocabulary: Vocabulary) -> list[str]:
    """Cut a run of letters into words and single letters."""
    if text[0] in "dD" and len(text) > 3 and text not in vocabulary.words:
        rest = text[1:]
        if rest in vocabulary.words or rest in FUNCTIONS or (rest in GREEK and len(rest) > 2):
            return [text[0], rest]
    if _known(text, vocabulary):
        return [text]
    found = _EMBEDDED.search(text) if len(text) >= 4 else None
    if found:
        before, after = text[: found.start()], text[found.end() :]
        return [*before, found.group(), *after]
    return list(text)


def merge_words(items: Sequence[Item], vocabulary: Vocabulary) -> list[Item]:
    """The items with runs of adjacent letters joined into words where they are words."""
    done: list[Item] = []
    position = 0
    while position < len(items):
        item = items[position]
        if not isinstance(item, Token) or item.kind is not Kind.LETTER or not item.text.isascii():
            done.append(item)
            position += 1
            continue
        stop = position + 1
        while stop < len(items):
            following = items[stop]
            if (
                not isinstance(following, Token)
                or following.kind is not Kind.LETTER
                or following.spaced
                or not following.text.isascii()
            ):
                break
            stop += 1
        run = [token for token in items[position:stop] if isinstance(token, Token)]
        done.extend(_joined(run, vocabulary))
        position = stop
    return _dotted(done)


def _joined(run: list[Token], vocabulary: Vocabulary) -> list[Token]:
    if len(run) < 2:
        return run
    made: list[Token] = []
    at = 0
    for piece in _pieces("".join(token.text for token in run), vocabulary):
        tokens = run[at : at + len(piece)]
        at += len(piece)
        if len(tokens) == 1:
            made.append(tokens[0])
        else:
            first, last = tokens[0], tokens[-1]
            made.append(replace(first, kind=Kind.WORD, text=piece, end=last.end, right=last.right))
    return made


def _dotted(items: list[Item]) -> list[Item]:
    """`np . sum` as one word."""
    done: list[Item] = []
    for item in items:
        if (
            isinstance(item, Token)
            and item.kind in (Kind.WORD, Kind.LETTER)
            and len(done) >= 2
            and not item.spaced
        ):
            dot, module = done[-1], done[-2]
            if (
                isinstance(dot, Token)
                and dot.text == "."
                and isinstance(module, Token)
                and module.kind is Kind.WORD
                and module.text.split(".")[0] in _MODULES
            ):
                del done[-2:]
                item = replace(
                    module,
                    text=f"{module.text}.{item.text}",
                    end=item.end,
                    right=item.right,
                )
        done.append(item)
    return done
