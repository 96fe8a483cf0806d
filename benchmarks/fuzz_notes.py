r"""Fuzz the reader and parser of notes: `python -m benchmarks.fuzz_notes --seed 1 --count 1000000`.

Every input must give statements or a clear reason, within 100 ms and 200 MB; nothing may raise but
`NotesError`. Inputs are mutated textbook formulas, token soup, deep nests and broken documents.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from symbackprop.notes.document import read_text
from symbackprop.notes.errors import NotesError
from symbackprop.notes.macros import collect
from symbackprop.notes.outline import outline_parsed
from symbackprop.notes.printer import to_latex
from symbackprop.notes.scanner import Syntax
from symbackprop.notes.statements import Fragment, Parsed, Statement, Unparsed, parse_formula

MAX_SECONDS = 0.1
MAX_MEGABYTES = 200

SEEDS = (
    r"\delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l)",
    r"dW^{[l]} = \frac{1}{m} dZ^{[l]} A^{[l-1]T}",
    r"\frac{\partial C}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j",
    r"\begin{aligned} z &= Wx + b \\ a &= \sigma(z) \end{aligned}",
    r"\frac{\partial p_i}{\partial z_j} = \begin{cases} p_i(1-p_i) & \text{if } i=j \\"
    r" -p_i p_j & \text{otherwise} \end{cases}",
    r"L = -\frac{1}{m}\sum_{i=1}^{m} \left[ y^{(i)}\log \hat y^{(i)}"
    r" + (1-y^{(i)})\log(1-\hat y^{(i)})\right]",
    r"\nabla_{\mathbf{W}} L = \boldsymbol{\delta}\,\mathbf{x}^{\top},"
    r" \quad \mathbf{x}\in\mathbb{R}^{n\times 1}",
    r"J_y(z) = \begin{bmatrix} \frac{\partial y_1}{\partial z_1} & \dots \\"
    r" \vdots & \ddots \end{bmatrix}",
    r"\mathbf{h}^{\langle t\rangle} = \tanh(W_{hh}h^{\langle t-1\rangle}"
    r" + W_{hx}x^{\langle t\rangle})",
    r"\partial L/\partial W = X^T \cdot (\partial L/\partial Y) \Rightarrow dW = X.T @ dY",
    r"\theta_j := \theta_j - \alpha \frac{\partial}{\partial\theta_j} J(\theta)",
    r"\|W x - b\|_2^2 + |a| + \sqrt[3]{x} = \max_{j \neq i} z_j",
    r"\underbrace{\delta x^T}_{h \times n} = \text{diag}(g'(z)) W^{T} \bar{y} \tag{3}",
    r"\pd{L}{W} = \pd{L}{z}\pd{z}{W}, \quad db = np.sum(dz, axis=1, keepdims=True)",
)
TOKENS = tuple(
    r"""\frac \partial \nabla \sum \prod \max \log \exp \sigma \delta \Delta \mathbf \text \hat \bar
    \left \right \begin{cases} \end{cases} \begin{bmatrix} \end{bmatrix} \begin{aligned}
    \end{aligned} \\ & { } { } { } ( ) ( ) [ ] | \| \{ \} \langle \rangle ^ _ ^ _ ' + - * / . , ; =
    = := \in \neq \leq < > \Rightarrow \leftarrow \to \quad \cdot \odot \circ \times \otimes \dots
    ... d dW x y z W a_i 1 2 0.5 T \top \mathbb{R} \mathbb{1} \operatorname{tr} \sqrt \pd \rec
    \underset \overset \arg\max \tag \boxed \color{red} \substack \over \bf \not : if for softmax
    \mathrm{d} \int δ ∂ ⊙ Ŷ ᵀ ² 𝐖 é \$ $ % # ~ \, \newcommand \def \let""".split()
)
MACROS = collect(
    r"\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}} \newcommand{\rec}{\rec\rec}"
)


@dataclass(slots=True)
class Summary:
    """What happened over all inputs."""

    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slow: list[tuple[float, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def _mutated(rng: random.Random) -> str:
    """A textbook formula with a few random edits."""
    text = rng.choice(SEEDS)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.randint(1, 12))
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:at] + text[end:]
        elif kind == 1:
            text = text[:end] + text[at:end] * rng.randint(1, 4) + text[end:]
        elif kind == 2:
            text = text[:at] + rng.choice(TOKENS) + " " + text[at:]
        elif kind == 3:
            other = rng.choice(SEEDS)
            start = rng.randrange(len(other))
            text = text[:at] + other[start : start + rng.randint(1, 40)] + text[at:]
        else:
            text = (
                text[:at]
                + chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x3000))))
                + text[end:]
            )
    return text


def _soup(rng: random.Random) -> str:
    """Random tokens."""
    return " ".join(rng.choice(TOKENS) for _ in range(rng.randint(1, 60)))


_NESTS = (
    ("(", ")"), ("{", "}"), ("\\left(", "\\right)"), ("\\frac{", "}{2}"), ("\\hat{", "}"),
    ("x^{", "}"), ("\\sqrt{", "}"), ("\\nabla_{", "} f"), ("\\text{", "}"), ("d", "x"),
    ("\\log ", ""), ("|", "|"), ("-", ""), ("\\begin{bmatrix}", "\\end{bmatrix}"), ("\\bf ", ""),
    ("f(", ")"), ("\\sum_", "x"), ("\\mathbf", "x"), ("[", ","), ("\\{", ""), ("a_", ""),
    ("x'", ""),
    ("\\pd{", "}{x}"), ("^", "T"), ("\\partial ", ""), ("1/", ""), ("\\|", ""), ("a=", ""),
)  # fmt: skip


def _nest(rng: random.Random) -> str:
    """Something inside itself, from a few to thousands of times."""
    opener, closer = rng.choice(_NESTS)
    count = rng.choice((3, 20, 50, 300, 2_000))
    return opener * count + "x" + closer * (count if rng.random() < 0.7 else rng.randrange(count))


def _document(rng: random.Random) -> str:
    """A page with formulas between delimiters, some of them broken."""
    parts = []
    for _ in range(rng.randint(1, 4)):
        opener, closer = rng.choice(
            (("$$", "$$"), ("$", "$"), ("\\[", "\\]"), ("```math\n", "\n```\n"), ("\\(", "\\)"),
             ("$$", ""), ("<!-- symbackprop: ", " -->"), ("```symbackprop\n", "\n```\n"))
        )  # fmt: skip
        parts.append(rng.choice(("", "where ", "# H\n", "- ")) + opener + _mutated(rng) + closer)
    return rng.choice((" ", "\n", "\n\n")).join(parts)


def _parse(latex: str) -> Parsed:
    return parse_formula(latex, MACROS)


def _check(parsed: Parsed, summary: Summary) -> None:
    """Print what was parsed: every tree must have an outline and a spelling."""
    outline_parsed(parsed)
    for part in parsed.parts:
        if isinstance(part, Unparsed):
            summary.counts["unparsed"] += 1
            if not part.reason:
                summary.failures.append(f"no reason: {part.tex[:80]!r}")
        elif isinstance(part, Statement):
            summary.counts["statements"] += 1
            for side in part.sides:
                to_latex(side, parsed.source)
        elif isinstance(part, Fragment):
            summary.counts["fragments"] += 1
            to_latex(part.node, parsed.source)


def _one(rng: random.Random, summary: Summary) -> None:
    kind = rng.choices(("mutated", "soup", "nest", "document"), (55, 25, 10, 10))[0]
    text = {"mutated": _mutated, "soup": _soup, "nest": _nest, "document": _document}[kind](rng)
    summary.counts[kind] += 1
    start = time.process_time()
    try:
        if kind == "document":
            document = read_text(text, rng.choice(list(Syntax)))
            parsed = [document.parse(formula) for formula in document.formulas]
        else:
            parsed = [_parse(text)]
    except NotesError as error:
        summary.counts["refused"] += 1
        parsed = []
        if error.where is None:
            summary.failures.append(f"no place: {error} {text[:80]!r}")
    except Exception as error:  # any other error is what we are looking for
        summary.failures.append(f"{type(error).__name__}: {error} {text[:160]!r}")
        return
    seconds = time.process_time() - start
    summary.slowest = max(summary.slowest, seconds)
    if seconds > MAX_SECONDS * max(1, len(parsed)):
        summary.slow.append((seconds, text[:80]))
    for one in parsed:
        _check(one, summary)


def fuzz(seed: int, count: int) -> Summary:
    """Run `count` inputs from `seed`."""
    rng = random.Random(seed)
    summary = Summary()
    for _ in range(count):
        _one(rng, summary)
    return summary


def main() -> int:
    """Run and print the summary; status 1 when something failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10_000)
    given = parser.parse_args()
    start = time.perf_counter()
    summary = fuzz(given.seed, given.count)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"seed {given.seed}, {given.count} inputs, {time.perf_counter() - start:.0f} s")
    print(", ".join(f"{name} {number}" for name, number in sorted(summary.counts.items())))
    print(f"slowest {summary.slowest * 1e3:.1f} ms, memory {megabytes:.0f} MB")
    for seconds, text in sorted(summary.slow, reverse=True)[:10]:
        print(f"slow {seconds * 1e3:.0f} ms: {text!r}")
    for failure in summary.failures[:20]:
        print(f"failed {failure}")
    print(f"{len(summary.failures)} failures, {len(summary.slow)} slow")
    return int(bool(summary.failures or summary.slow or megabytes > MAX_MEGABYTES))


if __name__ == "__main__":
    sys.exit(main())
