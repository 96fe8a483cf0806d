"""Derivations step by step and the general layer, as the API and the command line give them."""

import json

import pytest
from render_tools import assert_renders

import symbackprop as sb
from symbackprop.network.steps import GeneralLayer
from symbackprop.printing import Notation


def unnamed(depth):
    n, g, a = sb.dims("n")[0], sb.opaque("g"), sb.input("a0", "n")
    for k in range(1, depth + 1):
        z = (sb.param(f"W{k}", n, n) @ a + sb.param(f"b{k}", n)).named(f"z{k}")
        a = g(z).named(f"a{k}")
    return sb.Network(loss=sb.opaque_loss("C")(a, sb.input("y", n))).problem


def test_the_general_layer_of_a_loop_reads_as_in_textbooks():
    found = GeneralLayer(unnamed, Notation(transpose="T", deltas=(("z", "delta"),)))
    lines = found.latex()
    assert r"(W^{[l+1]T} \delta^{[l+1]}) \odot g'(z^{[l]})" in lines
    assert r"\frac{\partial L}{\partial W^{[l]}} &= \delta^{[l]} a^{[l-1]T}" in lines
    assert "l = 1, ..., L-1" in str(found)
    assert_renders([found.latex().strip(), found._repr_latex_().strip("$")])


def test_steps_of_one_gradient_hold_the_cotangents_it_reads_and_no_others():
    steps = sb.model("mlp:5-4-3").steps("W2")
    shown = steps.text()
    assert shown.startswith("dZ2 = ∂L/∂Z2") and "dZ1" not in shown
    assert "(as Y sums to one)" in shown and "(with P = softmax(Z2))" in shown
    assert "= A1ᵀ dZ2   (chain rule through Z2)" in shown
    assert steps.text(ascii=True).isascii()
    assert_renders([b.strip("$") for b in steps._repr_latex_().split("\n\n")])


def test_steps_of_an_unknown_name_are_refused():
    with pytest.raises(sb.SymbackpropError, match="W3"):
        sb.model("mlp:5-4-3").steps("W3")


@pytest.mark.parametrize("option", ["--steps", "--general"])
@pytest.mark.parametrize("form", ["text", "latex", "json"])
def test_the_command_line_gives_them(run, option, form):
    status, out, err = run("derive", "mlp:5-4-3", option, "--format", form)
    assert (status, err) == (0, "")
    if form == "json":
        data = json.loads(out)
        assert data["version"] == 1 and len(data) == 2
    else:
        assert ("align*" in out) is (form == "latex")


def test_what_cannot_be_asked_together_or_has_no_general_layer_is_said(run):
    status, _, err = run("derive", "mlp:5-4-3", "--steps", "--general")
    assert status == 2 and "--steps does not go with --general" in err
    assert run("derive", "mlp:5-4-3", "--steps", "--order", "2")[0] == 2
    status, _, err = run("derive", "mlp:5-4-3", "--steps", "--layout", "numerator")
    assert status == 2 and "denominator layout only" in err
    status, _, err = run("derive", "cnn:8-8-10", "--general")
    assert status == 2 and "mlp" in err
