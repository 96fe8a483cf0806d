"""Tests of names with numbers behind them."""

import pytest

import symbackprop as sb
from symbackprop.ir import is_second, with_number


@pytest.mark.parametrize(
    ("base", "number", "name"), [("h", 2, "h2"), ("a2", 1, "a2_1"), ("x_t", 3, "x_t3")]
)
def test_a_number_is_told_apart_from_the_digits_before(base, number, name):
    assert with_number(base, number) == name


def test_only_what_has_two_numbers_is_a_second():
    assert [is_second(n) for n in ("a2_1", "a21", "W_1", "a", "b12_13")] == [1, 0, 0, 0, 1]


def test_several_values_of_one_layer_do_not_look_like_another_layer():
    n, h = sb.dims("n h")
    a = sb.tanh(sb.param("W1", h, n) @ sb.input("x", n))
    z, u = sb.param("W2", h, h) @ a, sb.param("U2", h, h) @ a
    net = sb.Network(loss=sb.sum((sb.tanh(z) * sb.sigmoid(z) + sb.tanh(u)) ** 2))
    assert {"z2_1", "z2_2", "a2_1", "a2_2", "a2_3"} <= set(net.problem.values)
    assert net.gradient("W2").text() == "∂L/∂W2 = dz2_1 a1ᵀ"
    assert net.gradient("W2").latex().endswith("dz_{2,1} a_1^{\\top}")
    assert "dz2_1 = " in net.generate()
