"""The render check accepts what browsers render and refuses the rest."""

import pytest
from render_tools import assert_renders, render_failures

GOOD = [
    r"\frac{\partial L}{\partial W^{[1]}} = \delta^{[1]} \left(a^{[0]}\right)^{\mathsf{T}}",
    r"\left(W^{[l+1]\mathsf{T}} \delta^{[l+1]}\right) \odot g'\!\left(z^{[l]}\right)",
    r"\sum_{k=1}^{K} p_{k} \left(\delta_{ik} - p_{i}\right)",
    r"\begin{aligned} a &= b \\ c &= \operatorname{softmax}(z) \end{aligned}",
    r"\nabla_{\mathbf{W}} \mathrm{Div} = \boldsymbol{y}\, \nabla_{\mathbf{z}} \mathrm{Div}",
]


def test_good_formulas_render():
    assert_renders(GOOD)


@pytest.mark.parametrize(
    ("formula", "engines"),
    [
        (r"\frac{1}{", {"katex", "mathjax"}),
        (r"\nosuchmacro x", {"katex", "mathjax"}),
        (r"x^a^b", {"katex", "mathjax"}),
        (r"\left( x", {"katex", "mathjax"}),
    ],
)
def test_bad_formulas_are_named_with_their_engine(formula, engines):
    failures = render_failures([GOOD[0], formula])
    assert {failure["engine"] for failure in failures} == engines
    assert {failure["index"] for failure in failures} == {1}
    with pytest.raises(AssertionError, match="katex"):
        assert_renders([formula])
