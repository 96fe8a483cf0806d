import pytest
from sympy import Rational, exp, gamma, pi, sqrt, tanh

from symbackprop.errors import InternalError, UnsupportedError
from symbackprop.scalars import FUNCTIONS, Equal, Sigmoid, Step, Where, body_derivative, placeholder
from symbackprop.scalars.latex import latex
from symbackprop.scalars.opaque import Opaque
from symbackprop.scalars.spelling import Binding, MathStyle, Spelled
from symbackprop.scalars.text import TextStyle, text
from symbackprop.sizes import dims

A, Y, G, Z = (placeholder(k) for k in range(4))
M, N = dims("m n")
LATEX = [Spelled(s) for s in ("a", "y", "g", "z")]
TEXT = LATEX
ASCII = TextStyle(unicode=False)
HALF = Rational(1, 2)

CASES = [
    ((A - Y) / M, r"\frac{1}{m} (a - y)", "(a - y)/m", "(a - y)/m"),
    (2 * (A - Y) * G / M, r"\frac{2}{m} (a - y) g", "2 (a - y) g/m", "2*(a - y)*g/m"),
    (2 * A - 2 * Y, "2 (a - y)", "2 (a - y)", "2*(a - y)"),
    (A * (1 - A) * G, "a (1 - a) g", "a (1 - a) g", "a*(1 - a)*g"),
    ((1 - A**2) * G, "(1 - a^{2}) g", "(1 - a²) g", "(1 - a^2)*g"),
    (G * (-A + Y), "(y - a) g", "(y - a) g", "(y - a)*g"),
    (-A * Y, "-a y", "-a y", "-a*y"),
    (-A - Y, "-a - y", "-a - y", "-a - y"),
    (
        (1 - Y) / (1 - A) - Y / A,
        r"\frac{1 - y}{1 - a} - \frac{y}{a}",
        "(1 - y)/(1 - a) - y/a",
        "(1 - y)/(1 - a) - y/a",
    ),
    (A / (Y * G), r"\frac{a}{y g}", "a/(y g)", "a/(y*g)"),
    (A**2 / 2, r"\frac{1}{2} a^{2}", "a²/2", "a^2/2"),
    (
        A / sqrt(Y + Rational(1, 10**5)),
        r"\frac{a}{\sqrt{y + 10^{-5}}}",
        "a/√(y + 1e-5)",
        "a/sqrt(y + 1e-5)",
    ),
    (Y * A ** Rational(-3, 2), r"\frac{y}{a^{3/2}}", "y/a^(3/2)", "y/a^(3/2)"),
    (
        exp(-(A**2) / 2) / sqrt(2 * pi),
        r"\frac{e^{-a^{2}/2}}{\sqrt{2 \pi}}",
        "exp(-a²/2)/√(2 π)",
        "exp(-a^2/2)/sqrt(2*pi)",
    ),
    (sqrt(2 / pi) * A, r"\sqrt{\frac{2}{\pi}} a", "√(2/π) a", "sqrt(2/pi)*a"),
    (1 - tanh(Z) ** 2, r"1 - \tanh^{2}(z)", "1 - tanh(z)²", "1 - tanh(z)^2"),
    (Sigmoid(Z) ** 2, r"\sigma(z)^{2}", "σ(z)²", "sigmoid(z)^2"),
    (G * Step(A - Y, 0), r"g \mathbb{1}[a > y]", "g [a > y]", "g*[a > y]"),
    (Step(3 - A, 1), r"\mathbb{1}[a \le 3]", "[a ≤ 3]", "[a <= 3]"),
    (Equal(A, Y), r"\mathbb{1}[a = y]", "[a = y]", "[a = y]"),
    (
        Step(A, HALF),
        r"\frac{1}{2} (1 + \operatorname{sign}(a))",
        "(1 + sign(a))/2",
        "(1 + sign(a))/2",
    ),
    (
        Where(1 - Step(A, 0), Y, G),
        r"\begin{cases} y & \text{if } a \le 0 \\ g & \text{otherwise} \end{cases}",
        "(y if a ≤ 0 else g)",
        "(y if a <= 0 else g)",
    ),
    (Opaque("g", (2,), Z), "g''(z)", "g''(z)", "g''(z)"),
    (Opaque("g", (4,), Z), "g^{(4)}(z)", "g''''(z)", "g''''(z)"),
    (
        Opaque("f", (1, 2), A, Y),
        r"\partial_{1} \partial_{2}^{2} f(a, y)",
        "∂1 ∂2 ∂2 f(a, y)",
        "d1 d2 d2 f(a, y)",
    ),
    (Rational(0), "0", "0", "0"),
    (Rational(-2, 3), r"-\frac{2}{3}", "-2/3", "-2/3"),
    (Rational(44715, 10**6) * A, "0.044715 a", "0.044715 a", "0.044715*a"),
]


@pytest.mark.parametrize(("body", "in_latex", "in_text", "in_ascii"), CASES)
def test_spellings(body, in_latex: str, in_text: str, in_ascii: str) -> None:
    assert latex(body, LATEX).text == in_latex
    assert text(body, TEXT).text == in_text
    assert text(body, TEXT, ASCII).text == in_ascii
    assert in_ascii.isascii()


def test_whole_arrays_have_a_product_sign_and_scalars_stand_in_front() -> None:
    style = MathStyle(times=r" \odot ", scalars=frozenset({1}))
    operands = [Spelled("a"), Spelled("c"), Spelled("W x + b", Binding.SUM), Spelled("z")]
    assert latex(A * Y * Z / M, operands, style).text == r"\frac{c}{m} a \odot z"
    assert latex(A * G, operands, style).text == r"a \odot (W x + b)"
    assert latex(Sigmoid(G), operands, style).text == r"\sigma(W x + b)"
    assert latex(A - G, operands, style).text == "a - (W x + b)"
    assert text(A * Z, TEXT, TextStyle(times=" ⊙ ", scalars=frozenset())).text == "a ⊙ z"


def test_superscripts_do_not_clash() -> None:
    operands = [Spelled("a^{[1]}"), Spelled("W^{T} x", Binding.PRODUCT), Spelled("x_{i}^{(t)}")]
    assert latex(1 - A**2, operands).text == "1 - (a^{[1]})^{2}"
    assert latex(Y**2, operands).text == "(W^{T} x)^{2}"
    assert latex(Opaque("g", (1,), A) ** 2, operands).text == "g'(a^{[1]})^{2}"
    assert latex(G**2, operands).text == "(x_{i}^{(t)})^{2}"


def test_names_of_sizes_and_functions_are_given() -> None:
    style = MathStyle(names={"n": "n_{1}", "g": r"\phi"})
    assert latex(A / N, LATEX, style).text == r"\frac{a}{n_{1}}"
    assert latex(Opaque("g", (1,), A), LATEX, style).text == r"\phi'(a)"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_and_its_slopes_are_spelled(name: str) -> None:
    record = FUNCTIONS[name]
    body = record.build(*(placeholder(k) for k in range(record.arity[0])))
    for k in range(record.arity[0]):
        for shown in (body, body_derivative(body, k)):
            assert latex(shown, LATEX).text.count("{") == latex(shown, LATEX).text.count("}")
            assert text(shown, TEXT, ASCII).text.isascii()
            assert "p0" not in text(shown, TEXT).text


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="gamma"):
        latex(gamma(A), LATEX)
    with pytest.raises(InternalError, match="p9"):
        text(placeholder(9), TEXT)


def test_a_product_sign_alone_is_for_all_operands() -> None:
    assert text((1 - A**2) * Y, TEXT, TextStyle(times=" ⊙ ")).text == "(1 - a²) ⊙ y"
    assert latex(2 * A * Y / M, LATEX, MathStyle(times=r" \odot ")).text == (
        r"\frac{2}{m} a \odot y"
    )
