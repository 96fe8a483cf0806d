"""Formulas as text and LaTeX: brackets, names, numbers, indices; whatever is raised renders."""

import pytest
import random_graphs
from render_tools import assert_renders
from sympy import Integer

from symbackprop.calculus import vjp
from symbackprop.printing import (
    DEFAULT_NOTATION,
    Context,
    GradientStyle,
    Latex,
    Letters,
    Notation,
    Printer,
    Text,
    choose_letters,
    size_names,
    spelling,
)
from symbackprop.printing.names import split_scripts
from symbackprop.raising import Raiser, entry_form, needed_names
from symbackprop.raising.build import add, inner, matmul, negative, quotient, scaled
from symbackprop.raising.tree import (
    Add,
    Apply,
    Big,
    Delta,
    Entry,
    Eye,
    Form,
    Hadamard,
    Indicator,
    Kron,
    MatMul,
    MatrixFunction,
    Negative,
    Number,
    OneHot,
    Ones,
    Over,
    Power,
    Product,
    Quotient,
    Ref,
    SizeTerm,
    Transpose,
    Unnamed,
    Value,
    Whole,
)
from symbackprop.sizes import At, Constraint, Index, axis, constant, dims

n, h, m = dims("n h m")
A, B = Ref(0, Form.MATRIX), Ref(1, Form.MATRIX)
u, v, s = Ref(2, Form.COLUMN), Ref(3, Form.COLUMN), Ref(4, Form.SCALAR)
NAMES = {0: "A", 1: "B", 2: "u", 3: "v", 4: "s", 5: "W1", 6: "t", 7: "M", 8: "W_hh"}
CONTEXT = Context(
    {i: spelling(name) for i, name in NAMES.items()},
    Letters({0: "i", 1: "j", 2: "k", 3: "l"}),
    sizes=(n, h, m, 2 * n + 1),
    booleans=frozenset({7}),
)
ONE, TWO, HALF = Number(1), Number(2), Number(1, 2)
i, j, k, last = (axis(a) for a in range(4))


def latex(formula, notation=DEFAULT_NOTATION, context=CONTEXT):
    return Printer(Latex(notation), context).text(formula)


def text(formula, ascii=False, context=CONTEXT):
    return Printer(Text(Notation(), ascii=ascii), context).text(formula)


def at(source, *index):
    return Index(((At(source, index), Integer(1)),))


MATRIX_FORMS = [
    (MatMul((A, u)), r"A u", "A u"),
    (MatMul((Transpose(A), u)), r"A^{\top} u", "Aᵀ u"),
    (MatMul((u, Transpose(v))), r"u v^{\top}", "u vᵀ"),
    (MatMul((Add((A, B)), u)), r"(A + B) u", "(A + B) u"),
    (Hadamard((MatMul((A, u)), v)), r"(A u) \odot v", "(A u) ⊙ v"),
    (MatMul((A, Hadamard((u, v)))), r"A (u \odot v)", "A (u ⊙ v)"),
    (Product((TWO, Hadamard((u, v)))), r"2 (u \odot v)", "2 (u ⊙ v)"),
    (Product((TWO, MatMul((A, u)))), "2 A u", "2 A u"),
    (Product((Quotient(ONE, SizeTerm("m")), Add((u, v)))), r"\frac{1}{m} (u + v)", "(u + v)/m"),
    (Negative(Add((u, v))), "-(u + v)", "-(u + v)"),
    (Negative(Hadamard((u, v))), r"-u \odot v", "-u ⊙ v"),
    (Add((u, Negative(v))), "u - v", "u - v"),
    (Add((u, Negative(Add((u, v))))), "u - (u + v)", "u - (u + v)"),
    (Hadamard((u, Add((ONE, Negative(u))))), r"u \odot (1 - u)", "u ⊙ (1 - u)"),
    (Power(u, TWO), "u^2", "u²"),
    (Power(Add((u, v)), TWO), "(u + v)^2", "(u + v)²"),
    (Power(A, TWO), r"A \odot A", "A ⊙ A"),
    (Power(A, Number(3)), r"A^{\odot 3}", "A^(⊙ 3)"),
    (Power(Apply("tanh", (u,)), TWO), r"(\tanh(u))^2", "(tanh(u))²"),
    (Power(s, HALF), r"\sqrt{s}", "√(s)"),
    (Power(s, Number(-3, 2)), r"s^{-\frac{3}{2}}", "s^(-3/2)"),
    (inner(u, v), r"u^{\top} v", "uᵀ v"),
    (scaled([inner(u, v)], Ones(n)), r"(u^{\top} v) \mathbf{1}", "(uᵀ v) 𝟏"),
    (inner(u, MatMul((A, v))), r"u^{\top} A v", "uᵀ A v"),
    (MatMul((Transpose(Ones(n)), A)), r"\mathbf{1}^{\top} A", "𝟏ᵀ A"),
    (MatMul((A, Ones(n))), r"A \mathbf{1}", "A 𝟏"),
    (Quotient(u, v), r"u \oslash v", "u / v"),
    (Quotient(u, s), r"\frac{u}{s}", "u/s"),
    (Quotient(ONE, Add((ONE, s))), r"\frac{1}{1 + s}", "1/(1 + s)"),
    (Eye(n), "I", "I"),
    (Kron(A, Eye(n)), r"A \otimes I", "A ⊗ I"),
    (Whole(MatrixFunction.DIAG, u), r"\operatorname{diag}(u)", "diag(u)"),
    (Whole(MatrixFunction.INVERSE, A), "A^{-1}", "A⁻¹"),
    (Transpose(Whole(MatrixFunction.INVERSE, A)), r"A^{-\top}", "A⁻ᵀ"),
    (Whole(MatrixFunction.INVERSE, Add((A, B))), "(A + B)^{-1}", "(A + B)⁻¹"),
    (Whole(MatrixFunction.SOFTMAX, u), r"\operatorname{softmax}(u)", "softmax(u)"),
    (Whole(MatrixFunction.LOGDET, A), r"\log \det(A)", "log det(A)"),
    (OneHot(Ref(6, Form.COLUMN), n), r"\operatorname{onehot}(t)", "onehot(t)"),
    (Unnamed("g", (1,), (u,)), "g'(u)", "g'(u)"),
    (Unnamed("g", (2,), (u,)), "g''(u)", "g''(u)"),
    (Unnamed("g", (4,), (u,)), "g^{(4)}(u)", "g^(4)(u)"),
    (Unnamed("g", (1, 0), (u, v)), r"\partial_1 g(u, v)", "∂_1 g(u, v)"),
    (
        Unnamed("Div", (1, 0), (u, v), Form.COLUMN),
        r"\nabla_{u} \operatorname{Div}(u, v)",
        "∇_u Div(u, v)",
    ),
    (Unnamed("f", (1,), (u,), Form.MATRIX), "J_{f}(u)", "J_f(u)"),
    (Apply("sigmoid", (u,)), r"\sigma(u)", "σ(u)"),
    (Apply("step", (u, Number(0))), r"\mathbb{1}[u > 0]", "[u > 0]"),
    (Apply("step", (u, ONE)), r"\mathbb{1}[u \ge 0]", "[u ≥ 0]"),
    (Apply("leaky_relu", (u, Number(1, 100))), r"\operatorname{lrelu}(u)", "leaky_relu(u)"),
    (
        Apply("leaky_relu", (u, Number(1, 10))),
        r"\operatorname{lrelu}(u, 0.1)",
        "leaky_relu(u, 0.1)",
    ),
    (Apply("abs", (u,)), r"\lvert u \rvert", "|u|"),
    (Apply("maximum", (u, v)), r"\max(u, v)", "max(u, v)"),
    (Apply("exp", (s,)), "e^{s}", "exp(s)"),
    (Apply("exp", (u,)), r"\exp(u)", "exp(u)"),
    (Ref(5, Form.MATRIX), "W_1", "W1"),
    (Transpose(Ref(5, Form.MATRIX)), r"W_1^{\top}", "W1ᵀ"),
    (Transpose(Ref(8, Form.MATRIX)), r"W_{hh}^{\top}", "W_hhᵀ"),
    (Number(1, 3), r"\frac{1}{3}", "1/3"),
    (Number(3, 10), "0.3", "0.3"),
    (Number(1, 100000), "10^{-5}", "10⁻⁵"),
    (Product((HALF, inner(u, v))), r"\frac{1}{2} u^{\top} v", "(1/2) uᵀ v"),
]

ENTRY_FORMS = [
    (Entry(0, (i, j)), "A_{ij}", "A_ij"),
    (Entry(5, (i, j)), "(W_1)_{ij}", "W1_ij"),
    (Entry(8, (i, j)), "(W_{hh})_{ij}", "(W_hh)_ij"),
    (Entry(2, (i,)), "u_i", "u_i"),
    (Entry(4, ()), "s", "s"),
    (Entry(2, (i.scaled(Integer(2)),)), "u_{2i-1}", "u_{2i-1}"),
    (Entry(2, (i.scaled(Integer(2)).shifted(Integer(1)),)), "u_{2i}", "u_{2i}"),
    (Entry(2, (i + j,)), "u_{i+j-1}", "u_{i + j - 1}"),
    (Entry(2, (constant(n - 1) - i,)), "u_{n+1-i}", "u_{n + 1 - i}"),
    (Entry(2, (constant(0),)), "u_1", "u_1"),
    (Entry(0, (at(6, i), j)), "A_{t_i,j}", "A_{t_i, j}"),
    (Delta(i, j), r"\delta_{ij}", "δ_ij"),
    (Delta(j, i), r"\delta_{ij}", "δ_ij"),
    (Delta(j, at(6, i)), r"\delta_{j,t_i}", "δ_{j,t_i}"),
    (
        Over(Big.SUM, (2,), (), Product((Entry(0, (i, k)), Entry(2, (k,))))),
        r"\sum_{k=1}^{m} A_{ik} u_k",
        "Σ_{k=1..m} A_ik u_k",
    ),
    (
        Over(Big.SUM, (1, 2), (), Entry(0, (j, k))),
        r"\sum_{j=1}^{h} \sum_{k=1}^{m} A_{jk}",
        "Σ_{j=1..h, k=1..m} A_jk",
    ),
    (
        Over(Big.SUM, (3,), (), Entry(2, (last,))),
        r"\sum_{l=1}^{2 n + 1} u_l",
        "Σ_{l=1..2 n + 1} u_l",
    ),
    (
        Over(Big.SUM, (2,), (Constraint(i - k),), Entry(2, (k,))),
        r"\sum_{\substack{1 \le k \le m \\ k \le i}} u_k",
        "Σ_{k=1..m; k ≤ i} u_k",
    ),
    (
        Over(Big.SUM, (2,), (Constraint(at(6, k) - i, equality=True),), Entry(2, (k,))),
        r"\sum_{\substack{1 \le k \le m \\ t_k = i}} u_k",
        "Σ_{k=1..m; t_k = i} u_k",
    ),
    (
        Over(Big.MAX, (2,), (), Entry(2, (k,))),
        r"\max_{1 \le k \le m} u_k",
        "max_{k=1..m} u_k",
    ),
    (
        Product((Entry(2, (i,)), Over(Big.SUM, (2,), (), Entry(2, (k,))))),
        r"u_i \sum_{k=1}^{m} u_k",
        "u_i Σ_{k=1..m} u_k",
    ),
    (
        Add((Over(Big.SUM, (2,), (), Entry(2, (k,))), Entry(3, (i,)))),
        r"\sum_{k=1}^{m} u_k + v_i",
        "Σ_{k=1..m} u_k + v_i",
    ),
    (
        Over(Big.SUM, (2,), (), Add((Entry(2, (k,)), Entry(3, (i,))))),
        r"\sum_{k=1}^{m} (u_k + v_i)",
        "Σ_{k=1..m} (u_k + v_i)",
    ),
    (
        Indicator((Constraint(i.shifted(Integer(-1))), Constraint(constant(n) - i))),
        r"\mathbb{1}[2 \le i \le n+1]",
        "[2 ≤ i ≤ n+1]",
    ),
    (
        Indicator((Constraint(at(7, i).shifted(Integer(-1)), equality=True),)),
        r"\mathbb{1}[M_i = 1]",
        "[M_i = 1]",
    ),
    (
        Indicator((Constraint(at(6, i).shifted(Integer(-1)) - k),)),
        r"\mathbb{1}[k \le t_i]",
        "[k ≤ t_i]",
    ),
    (Product((Value(i), Entry(2, (i,)))), "(i-1) u_i", "(i-1) u_i"),
]


@pytest.mark.parametrize(("formula", "expected", "plain"), MATRIX_FORMS, ids=lambda x: "")
def test_matrix_forms(formula, expected, plain):
    assert latex(formula) == expected
    assert text(formula) == plain
    assert text(formula, ascii=True).isascii()


@pytest.mark.parametrize(("formula", "expected", "plain"), ENTRY_FORMS, ids=lambda x: "")
def test_entry_forms(formula, expected, plain):
    assert latex(formula) == expected
    assert text(formula) == plain
    assert text(formula, ascii=True).isascii()


def test_the_table_renders():
    assert_renders(expected for _, expected, _ in (*MATRIX_FORMS, *ENTRY_FORMS))


def test_origin_zero():
    context = Context(CONTEXT.names, Letters(CONTEXT.letters.names, first=0), sizes=CONTEXT.sizes)
    product = Over(Big.SUM, (2,), (), Entry(2, (k.scaled(Integer(2)).shifted(Integer(1)),)))
    assert latex(product, context=context) == r"\sum_{k=0}^{m - 1} u_{2k+1}"


def test_an_axis_with_an_origin_of_its_own():
    context = Context(CONTEXT.names, CONTEXT.letters, {0: (0, 1)}, CONTEXT.sizes)
    assert latex(Entry(0, (constant(0), j)), context=context) == "A_{0j}"
    assert latex(Entry(0, (i.shifted(Integer(1)), j)), context=context) == "A_{ij}"


def test_notation_of_an_author():
    notation = Notation(transpose="T", hadamard=r"\circ", functions=(("sigmoid", "s"),))
    formula = Hadamard((MatMul((Transpose(A), u)), Apply("sigmoid", (v,))))
    assert latex(formula, notation) == r"(A^T u) \circ s(v)"


@pytest.mark.parametrize(
    ("style", "whole", "entry", "plain"),
    [
        (
            GradientStyle.PARTIAL,
            r"\frac{\partial L}{\partial W_1}",
            r"\frac{\partial L}{\partial (W_1)_{ij}}",
            "∂L/∂W1_ij",
        ),
        (GradientStyle.D, "dW_1", "(dW_1)_{ij}", "dW1_ij"),
        (GradientStyle.NABLA, r"\nabla_{W_1} L", r"(\nabla_{W_1} L)_{ij}", "(∇_W1 L)_ij"),
        (GradientStyle.BAR, r"\bar{W}_1", r"(\bar{W}_1)_{ij}", "W̄1_ij"),
    ],
)
def test_gradients_are_called_as_the_reader_does(style, whole, entry, plain):
    notation = Notation(gradient=style)
    assert Latex(notation).gradient("L", spelling("W1")) == whole
    assert Latex(notation).gradient("L", spelling("W1"), "ij") == entry
    assert Text(notation).gradient("L", spelling("W1"), "ij") == plain
    assert_renders([whole, entry])


@pytest.mark.parametrize(
    ("name", "expected", "plain"),
    [
        ("W1", "W_1", "W1"),
        ("delta1", r"\delta_1", "δ1"),
        ("dz1", "dz_1", "dz1"),
        ("dxhat", r"d\hat{x}", "dx̂"),
        ("x_hat", r"\hat{x}", "x̂"),
        ("yhat2", r"\hat{y}_2", "ŷ2"),
        ("W_hh", "W_{hh}", "W_hh"),
        ("dW_hh", "dW_{hh}", "dW_hh"),
        ("loss", "L", "L"),
        ("lam", r"\lambda", "λ"),
        ("mask", r"\mathrm{mask}", "mask"),
        ("d", "d", "d"),
    ],
)
def test_names(name, expected, plain):
    assert spelling(name).latex() == expected
    assert spelling(name).text == plain
    assert spelling(name).ascii == name


def test_a_spelling_of_the_users():
    given = spelling("W1", "W^{[1]}")
    assert given.latex() == "W^{[1]}"
    assert given.latex("ij") == "W^{[1]}_{ij}"
    assert given.latex(transpose="T") == "W^{[1]T}"
    assert spelling("W1", "W_1").latex("ij", parenthesised=False) == "W_{1,ij}"
    assert split_scripts(r"\hat{x}^{(i)}_{n_0}") == (r"\hat{x}", "n_0", "(i)")


def test_letters_avoid_sizes_and_names():
    sizes = dims("i j N")
    letters = choose_letters(range(3), sizes, {"i", "j", "N", "k"})
    assert letters.names == {0: "l", 1: "q", 2: "n"}
    wanted = choose_letters([0, 1], sizes, {"N"}, {0: "k", 1: "i"})
    assert wanted.names == {0: "k", 1: "i"}


def test_constructors_keep_a_readers_order():
    assert add([negative(u), v]) == Add((v, Negative(u)))
    assert add([negative(Power(u, TWO)), ONE]) == Add((ONE, Negative(Power(u, TWO))))
    assert add([scaled([TWO], u), scaled([Number(-2)], v)]) == Product((TWO, Add((u, Negative(v)))))
    assert matmul([scaled([TWO], A), negative(B)]) == Negative(Product((TWO, MatMul((A, B)))))
    assert quotient(negative(u), v) == Negative(Quotient(u, v))


def formulas_of(net):
    """Every node and gradient of a random graph as LaTeX."""
    graph = net.graph
    cotangents = vjp(graph, {net.loss: graph.full(1)}, net.wrt).cotangents
    roots = [
        r for r in (*net.nodes, *(cotangents[x] for x in net.wrt)) if hasattr(graph[r], "reads")
    ]
    kept = [*net.nodes, *cotangents.values()]
    kept += needed_names(graph, roots, kept)
    raiser = Raiser(graph, kept)
    spelled = {q: spelling(f"t{q}") for q in range(len(graph))}
    for root in roots:
        formula = raiser.law(root)
        if formula is not None:
            yield Context(spelled), formula
        form = entry_form(graph, root, kept)
        taken = size_names(form.sizes, form.body)
        letters = choose_letters(range(len(form.sizes)), form.sizes, taken)
        yield Context(spelled, letters, sizes=form.sizes), form.body


def test_formulas_of_random_graphs_render():
    found = []
    for seed in range(40):
        for context, formula in formulas_of(random_graphs.random_graph(seed, steps=4)):
            found.append(latex(formula, context=context))
            assert text(formula, ascii=True, context=context).isascii()
    assert len(found) > 250
    assert_renders(found)
