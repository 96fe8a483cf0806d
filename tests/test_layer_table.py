"""Every layer and function of the field is declared, printed, generated and verified."""

import pytest
from layer_table import ALL

from symbackprop.network import Network

QUICK = [name for k, name in enumerate(ALL) if k % 12 == 0]


def assert_whole(name):
    network = Network(loss=ALL[name]())
    derivation = network.derivation()
    assert " = " in derivation.text()
    assert "align" in derivation.latex()
    found = network.verify()
    assert found.ok, str(found)
    assert not [str(c) for c in found.checks if "no code" in c.note]


@pytest.mark.parametrize("name", QUICK)
def test_a_layer_is_whole(name):
    assert_whole(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ALL if name not in QUICK])
def test_every_layer_is_whole(name):
    assert_whole(name)


def lines(name):
    text = Network(loss=ALL[name]()).derivation().text()
    return [line.split("   ")[0].strip() for line in text.splitlines() if " = " in line]


def test_the_gradient_of_a_pooled_map_goes_to_the_place_of_the_maximum():
    """Boureau, Ponce, LeCun (2010): the switch variables of max pooling are places."""
    expected = "Σ_{q=1..3, r=1..3; t1_ijqr = (k + 2 - 2q, l + 2 - 2r)} Q_ijqr"
    assert f"∂L/∂x_ijkl = {expected}" in lines("convolution: max_pool")


def test_the_gradient_of_a_convolution_has_clean_ranges():
    """Goodfellow, Bengio, Courville, Deep Learning (2016), eq. (9.11) and (9.13)."""
    found = lines("convolution: conv2d")
    assert "∂L/∂K_ijkl = Σ_{q=1..2, r=1..3, s=1..5} Q_qirs x_{q, j, k + r - 1, l + s - 1}" in found
    assert any("k-2 ≤ q ≤ k" in line for line in found)


def test_an_axis_of_length_one_needs_no_delta():
    assert not any("δ" in line for line in lines("convolution: conv2d, depthwise"))
