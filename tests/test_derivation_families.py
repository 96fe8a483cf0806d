"""The formula of a general layer, as textbooks write it."""

import pytest
from render_tools import assert_renders

from symbackprop.derivation.cells import Kind
from symbackprop.derivation.families import general_formulas
from symbackprop.derivation.general import general_lines, latex_lines, text_lines
from symbackprop.derivation.indexmaps import Base, IndexMap, Place, Range, fitted, fitted_range
from symbackprop.frontend import (
    ELEMENTWISE,
    build,
    cross_entropy,
    input,
    opaque,
    opaque_loss,
    param,
    sum,
)
from symbackprop.printing import Latex, LayerMark, Layout, Notation, Text
from symbackprop.sizes import dims

tanh, relu = ELEMENTWISE["tanh"], ELEMENTWISE["relu"]
n, m = dims("n m")
NIELSEN = Notation(deltas=(("z", "delta"),))


def widths(depth):
    return dims(" ".join(f"n{i}" for i in range(depth + 1)))


def plain(depth):
    """Any activation, any loss."""
    g, sizes = opaque("g"), widths(depth)
    a = input("x", sizes[0])
    for k in range(1, depth + 1):
        z = param(f"W{k}", sizes[k], sizes[k - 1]) @ a + param(f"b{k}", sizes[k])
        a = g(z.named(f"z{k}")).named(f"a{k}")
    return build(opaque_loss("C")(a, input("y", sizes[depth])))


def penalised(depth):
    sizes = widths(depth)
    a, penalty = input("x", sizes[0]), 0
    for k in range(1, depth + 1):
        W = param(f"W{k}", sizes[k], sizes[k - 1])
        penalty = penalty + sum(W**2)
        a = (W @ a + param(f"b{k}", sizes[k])).named(f"z{k}")
        a = tanh(a).named(f"a{k}") if k < depth else a
    y = input("y", sizes[depth], one_hot=True)
    return build(cross_entropy(a, y, logits=True) + param("lam") / 2 * penalty)


def rows(depth):
    sizes = widths(depth)
    A = input("X", m, sizes[0])
    for k in range(1, depth + 1):
        A = (A @ param(f"W{k}", sizes[k - 1], sizes[k]) + param(f"b{k}", sizes[k])).named(f"Z{k}")
        A = relu(A).named(f"A{k}") if k < depth else A
    return build(cross_entropy(A, input("t", m, kind="labels", classes=sizes[depth]), logits=True))


def tied(depth):
    W, a = param("W", n, n), input("x", n)
    for k in range(1, depth + 1):
        a = tanh((W @ a).named(f"z{k}")).named(f"a{k}")
    return build(sum((a - input("y", n)) ** 2) / 2)


def skipping(depth):
    g, a = opaque("g"), [input("x", n)]
    for k in range(1, depth + 1):
        z = g((param(f"W{k}", n, n) @ a[-1]).named(f"z{k}"))
        a.append((z if k % 2 else z + a[-2]).named(f"a{k}"))
    return build(opaque_loss("C")(a[-1], input("y", n)))


def autoencoder(depth):
    weights = {k: param(f"W{k}", n, n) for k in range(1, depth // 2 + 1)}
    a = input("x", n)
    for k in range(1, depth + 1):
        W = weights[k] if k in weights else weights[depth + 1 - k].T
        a = tanh((W @ a).named(f"z{k}")).named(f"a{k}")
    return build(sum((a - input("y", n)) ** 2) / 2)


EXPECTED = {
    plain: (
        (4, 5, 6),
        [
            "z[l] = W[l] a[l-1] + b[l]   l = 1, ..., L",
            "a[l] = g(z[l])   l = 1, ..., L",
            "δ[l] = ∂L/∂z[l] = (W[l+1]ᵀ δ[l+1]) ⊙ g'(z[l])   l = 1, ..., L-1",
            "δ[L] = ∂L/∂z[L] = ∇_{a[L]} C(a[L], y) ⊙ g'(z[L])",
            "∂L/∂W[l] = δ[l] a[l-1]ᵀ   l = 1, ..., L",
            "∂L/∂b[l] = δ[l]   l = 1, ..., L",
        ],
    ),
    penalised: (
        (4, 5, 6),
        [
            "z[l] = W[l] a[l-1] + b[l]   l = 1, ..., L",
            "a[l] = tanh(z[l])   l = 1, ..., L-1",
            "δ[l] = ∂L/∂z[l] = (W[l+1]ᵀ δ[l+1]) ⊙ (1 - a[l]²)   l = 1, ..., L-1",
            "δ[L] = ∂L/∂z[L] = p - y",
            "∂L/∂W[l] = δ[l] a[l-1]ᵀ + λ W[l]   l = 1, ..., L",
            "∂L/∂b[l] = δ[l]   l = 1, ..., L",
            "∂L/∂λ = Σ_{l=1..L} (1/2) ‖W[l]‖²",
        ],
    ),
    rows: (
        (4, 5, 6),
        [
            "Z[l] = A[l-1] W[l] + 𝟏 b[l]ᵀ   l = 1, ..., L",
            "A[l] = relu(Z[l])   l = 1, ..., L-1",
            "dZ[l] = ∂L/∂Z[l] = (dZ[l+1] W[l+1]ᵀ) ⊙ [Z[l] > 0]   l = 1, ..., L-1",
            "dZ[L] = ∂L/∂Z[L] = (P - onehot(t))/m",
            "∂L/∂W[l] = A[l-1]ᵀ dZ[l]   l = 1, ..., L",
            "∂L/∂b[l] = dZ[l]ᵀ 𝟏   l = 1, ..., L",
        ],
    ),
    tied: (
        (4, 5, 6),
        [
            "z[l] = W a[l-1]   l = 1, ..., L",
            "a[l] = tanh(z[l])   l = 1, ..., L",
            "δ[l] = ∂L/∂z[l] = (Wᵀ δ[l+1]) ⊙ (1 - a[l]²)   l = 1, ..., L-1",
            "δ[L] = ∂L/∂z[L] = (1 - a[L]²) ⊙ (a[L] - y)",
            "∂L/∂W = Σ_{l=1..L} δ[l] a[l-1]ᵀ",
        ],
    ),
    skipping: (
        (6, 8, 10),
        [
            "z[l] = W[l] a[l-1]   l = 1, ..., L",
            "a[l] = g(z[l])   l = 1, 3, ..., L-1",
            "a[l] = a[l-2] + g(z[l])   l = 2, 4, ..., L",
            "δ[l] = ∂L/∂z[l] = (W[l+1]ᵀ δ[l+1]) ⊙ g'(z[l])   l = 1, 3, ..., L-1",
            "δ[l] = ∂L/∂z[l] = da[l] ⊙ g'(z[l])   l = 2, 4, ..., L-2",
            "δ[L] = ∂L/∂z[L] = ∇_{a[L]} C(a[L], y) ⊙ g'(z[L])",
            "da[l] = ∂L/∂a[l] = W[l+1]ᵀ δ[l+1] + da[l+2]   l = 2, 4, ..., L-4",
            "da[L-2] = ∂L/∂a[L-2] = W[L-1]ᵀ δ[L-1] + ∇_{a[L]} C(a[L], y)",
            "∂L/∂W[l] = δ[l] a[l-1]ᵀ   l = 1, ..., L",
        ],
    ),
    autoencoder: (
        (6, 8, 10),
        [
            "z[l] = W[l] a[l-1]   l = 1, ..., L/2",
            "z[l] = W[L-l+1]ᵀ a[l-1]   l = L/2+1, ..., L",
            "a[l] = tanh(z[l])   l = 1, ..., L",
            "δ[l] = ∂L/∂z[l] = (W[l+1]ᵀ δ[l+1]) ⊙ (1 - a[l]²)   l = 1, ..., L/2-1",
            "δ[l] = ∂L/∂z[l] = (W[L-l] δ[l+1]) ⊙ (1 - a[l]²)   l = L/2, ..., L-1",
            "δ[L] = ∂L/∂z[L] = (1 - a[L]²) ⊙ (a[L] - y)",
            "∂L/∂W[l] = δ[l] a[l-1]ᵀ + a[L-l] δ[L-l+1]ᵀ   l = 1, ..., L/2",
        ],
    ),
}


def squeezed(line):
    left, _, layers = line.partition("   ")
    return f"{left.strip()}   {layers.strip()}".strip()


@pytest.mark.parametrize("net", EXPECTED, ids=lambda f: f.__name__)
def test_general_formulas(net):
    (first, second, unseen), expected = EXPECTED[net]
    families = general_formulas(net, (first, second), unseen)
    assert [squeezed(line) for line in text_lines(families, Text(NIELSEN))] == expected
    assert families.single == ()
    assert_renders([latex_lines(families, Latex(NIELSEN))])


def test_latex_of_a_general_layer():
    families = general_formulas(plain)
    delta = next(
        line
        for line in general_lines(families, Latex(Notation(transpose="T", deltas=NIELSEN.deltas)))
        if "g'" in line.right
    )
    assert delta.left == r"\delta^{[l]} = \frac{\partial L}{\partial z^{[l]}}"
    assert delta.right == r"(W^{[l+1]T} \delta^{[l+1]}) \odot g'(z^{[l]})"
    assert delta.layers == r"l = 1, \dots, L-1"


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (LayerMark.ROUND, r"\delta^{(l)} a^{(l-1)\top}"),
        (LayerMark.BARE, r"\delta^l a^{l-1\top}"),
        (LayerMark.SUBSCRIPT, r"\delta_l a_{l-1}^{\top}"),
    ],
)
def test_layers_are_marked_as_the_reader_does(mark, expected):
    families = general_formulas(plain)
    found = general_lines(families, Latex(Notation(layer=mark, deltas=NIELSEN.deltas)))
    assert expected in [line.right for line in found]


def test_numerator_layout():
    families = general_formulas(plain)
    found = general_lines(families, Text(Notation(layout=Layout.NUMERATOR, deltas=NIELSEN.deltas)))
    right = {line.left: line.right for line in found}
    # δ is a row here, as its own line says: a column times a row
    assert right["∂L/∂W[l]"] == "a[l-1] δ[l]"
    assert right["∂L/∂b[l]"] == "δ[l]"


def test_a_layer_unlike_the_others_is_left_to_itself():
    def odd(depth):
        a = input("x", n)
        for k in range(1, depth + 1):
            z = (param(f"W{k}", n, n) @ a).named(f"z{k}")
            a = (relu(z) if k in (2, depth - 1) else tanh(z)).named(f"a{k}")
        return build(sum((a - input("y", n)) ** 2) / 2)

    families = general_formulas(odd)
    general = {g.quantity for g in families.formulas}
    assert {(q.kind, q.family) for q in families.single} >= {(Kind.VALUE, "a")}
    assert not general & set(families.single)


def test_what_fails_at_an_unseen_depth_is_refused():
    def changing(depth):
        a = input("x", n)
        for k in range(1, depth + 1):
            z = (param(f"W{k}", n, n) @ a).named(f"z{k}")
            a = (relu(z) if depth == 6 else tanh(z)).named(f"a{k}")
        return build(sum((a - input("y", n)) ** 2) / 2)

    families = general_formulas(changing)
    assert (Kind.VALUE, "a") in {(q.kind, q.family) for q in families.single}
    assert (Kind.VALUE, "z") in {(g.quantity.kind, g.quantity.family) for g in families.formulas}


def test_index_maps():
    places = [Place(1, 4), Place(2, 4), Place(1, 5), Place(2, 5), Place(3, 5)]
    assert fitted(places, [2, 3, 2, 3, 4], fixed=False) == IndexMap(Base.LAYER, 1)
    assert fitted(places, [3, 2, 4, 3, 2], fixed=False) == IndexMap(Base.MIRROR, 0)
    assert fitted(places, [4, 4, 5, 5, 5], fixed=False) == IndexMap(Base.DEPTH, 0)
    assert fitted(places, [1, 4, 2, 3, 1], fixed=False) is None
    assert IndexMap(Base.MIRROR, 1).text() == "L-l+1"
    assert IndexMap(Base.START, 3).text() == "3"


def test_ranges():
    start, end = IndexMap(Base.START, 1), IndexMap(Base.DEPTH, -1)
    assert fitted_range({4: [1, 2, 3], 5: [4, 3, 2, 1]}) == Range(start, end)
    assert fitted_range({4: [1, 3], 5: [1, 2, 3, 4]}) is None
    assert fitted_range({6: [2, 4], 8: [2, 4, 6]}).text("...") == "l = 2, 4, ..., L-2"
    assert fitted_range({4: [4], 5: [5]}).text("...") == "l = L"
