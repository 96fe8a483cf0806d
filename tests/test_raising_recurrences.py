"""Loops are written as the recursion of textbooks, and compute what the loop computes."""

import numpy as np
import pytest
from render_tools import assert_renders
from stepped import Run

from symbackprop.frontend import (
    ELEMENTWISE,
    build,
    conv2d,
    input,
    masked_softmax,
    max,
    param,
    reshape,
    scan,
    softmax,
    sum,
    zeros,
)
from symbackprop.frontend.recurrent import gru, lstm, rnn
from symbackprop.ir import Final, Hist, reachable
from symbackprop.network import Network
from symbackprop.raising import Raiser, needed_names
from symbackprop.raising.histories import history_names
from symbackprop.raising.recurrences import recurrences
from symbackprop.simplify import derive
from symbackprop.sizes import dims

T, d, h = dims("T d h")
tanh = ELEMENTWISE["tanh"]


def gates(letters):
    return (
        [param(f"W_{x}", h, d) for x in letters],
        [param(f"U_{x}", h, h) for x in letters],
        [param(f"b_{x}", h) for x in letters],
    )


def sequence(cell, *args):
    H, _ = cell(input("X", T, d), *args)
    return sum((H - input("Y", T, h)) ** 2) / 2


NETS = {
    "rnn": lambda: sequence(rnn, param("W", h, d), param("U", h, h), param("b", h)),
    "lstm": lambda: sequence(lstm, *gates("ifgo")),
    "gru": lambda: sequence(gru, *gates("run")),
}


def last_state():
    _, last = rnn(input("X", T, d), param("W", h, d), param("U", h, h), param("b", h))
    return sum((last - input("y", h)) ** 2) / 2


def written(loss, called=True):
    """The graph, its recurrences, and the raiser they were made with."""
    problem = build(loss)
    derived = derive(problem)
    graph = derived.graph
    ids = reachable(graph, [*derived.gradients.values(), problem.loss])
    kept = {i for i in derived.names if i != problem.loss}
    kept |= {i for i in ids if isinstance(graph[i], (Hist, Final))}
    kept.update(needed_names(graph, ids, kept))
    raiser = Raiser(graph, kept)
    return graph, ids, recurrences(graph, ids, raiser, derived.steps if called else {})


def assert_computes(loss, called):
    graph, ids, found = written(loss, called)
    run = Run(graph, ids, found)
    count = 0
    for recurrence in found.values():
        for line in recurrence.lines:
            if line.name >= 0:
                expected = run.arrays[line.name]
                depth = len(line.steps)
                for steps in np.ndindex(*expected.shape[:depth]):
                    here = run.values.arrays[line.name][steps]
                    np.testing.assert_allclose(here, expected[steps], rtol=1e-9, atol=1e-9)
                    count += 1
    assert count > 2
    return found


@pytest.mark.parametrize("called", [True, False])
@pytest.mark.parametrize("name", NETS)
def test_the_recursion_computes_what_the_loop_computes(name, called):
    found = assert_computes(NETS[name](), called)
    assert len(found) == 2


n, m = dims("n m")


def scanned(step, *sequences):
    last, states = scan(step, zeros(h), sequences)
    return sum(last**2) + sum(states**3)


def maximum_in_a_step():
    W, U = param("W", h, d), param("U", h, h)

    def step(s, given):
        z = W @ given[0] + U @ s
        s = tanh(z) * max(z)
        return s, s

    return scanned(step, input("X", T, d))


def pooling_in_a_step():
    W, U = param("W", 2 * h, d), param("U", 2 * h, h)

    def step(s, given):
        s = max(reshape(W @ given[0] + U @ s, h, 2), 1)
        return s, s

    return scanned(step, input("X", T, d))


def window_in_a_step():
    """The carry is a stack of matrices, which has no matrix form."""
    K, X = param("K", n, n, 3, 3), input("X", T, n, m, m)

    def step(s, x):
        s = tanh(conv2d(reshape(s, 1, n, m, m), K, padding=1)[0] + x)
        return s, s

    last, _ = scan(step, zeros(n, m, m), X)
    return sum(last**2)


def mask_in_a_step():
    Q, M = param("Q", h, h), input("M", T, h, h, kind="bool")

    def step(s, given):
        s = masked_softmax(Q + given[0] * s, mask=given[1])[0]
        return s, s

    return scanned(step, input("X", T, h), M)


def softmax_in_a_step():
    W, U = param("W", h, d), param("U", h, h)

    def step(s, given):
        s = softmax(W @ given[0] + U @ s)
        return s, s

    return scanned(step, input("X", T, d))


def nested():
    W, U = param("W", h, d), param("U", h, h)

    def inner(s, x):
        s = tanh(W @ x + U @ s)
        return s, s

    def outer(s, xs):
        last, _ = scan(inner, s, xs)
        return last, last

    last, _ = scan(outer, zeros(h), input("X", n, T, d))
    return sum(last**2)


def nested_from_nothing():
    W, U, V = param("W", h, d), param("U", h, h), param("V", h, h)

    def inner(s, x):
        s = tanh(W @ x + U @ s)
        return s, s

    def outer(s, xs):
        last, states = scan(inner, zeros(h), xs)
        s = tanh(V @ s + last + sum(states, 0))
        return s, s

    last, _ = scan(outer, zeros(h), input("X", n, T, d))
    return sum(last**2)


HARD = [
    maximum_in_a_step,
    pooling_in_a_step,
    window_in_a_step,
    mask_in_a_step,
    softmax_in_a_step,
    nested,
    nested_from_nothing,
]


@pytest.mark.parametrize("make", HARD, ids=lambda make: make.__name__)
def test_steps_without_a_matrix_form_and_loops_in_loops(make):
    assert_computes(make(), True)
    network = Network(loss=make())
    assert all(check.ok for check in network.derivation().checks())
    displays = [
        x.split("\n", 1)[1] for x in network.derivation().latex().split("\n\n") if "align" in x
    ]
    assert_renders(displays)


def test_a_maximum_in_a_step_as_it_is_printed():
    found = lines(pooling_in_a_step())
    assert "∂L/∂W = Σ_{t=1..T} δ_t X_tᵀ" in found
    assert any(x.startswith("s_ti = max_{j=1..2}") for x in found)


def test_loops_in_loops_as_they_are_printed():
    assert lines(nested()) == [
        "s_ts = tanh(W X_ts + U s_{t, s-1})",
        "s2_t = s_tT",
        "s2_0 = 0",
        "s_{t0} = s2_{t-1}",
        "s_last = s2_n",
        "L = ‖s_last‖²",
        "δ_ts = (Uᵀ δ_{t, s+1}) ⊙ (1 - s_ts²)",
        "ds_t = Uᵀ δ_{t+1, 1}",
        "ds_n = 2 s_last",
        "δ_tT = ds_t ⊙ (1 - s_tT²)",
        "∂L/∂W = Σ_{t=1..n, s=1..T} δ_ts X_tsᵀ",
        "∂L/∂U = Σ_{t=1..n, s=1..T} δ_ts s_{t, s-1}ᵀ",
    ]


def lines(loss):
    text = Network(loss=loss).derivation().text()
    return ["  ".join(line.split("  ")[:2]).strip() for line in text.splitlines() if " = " in line]


def test_a_recurrent_network_as_it_is_printed():
    assert lines(NETS["rnn"]()) == [
        "H_t = tanh(W X_t + U H_{t-1} + b)",
        "H_0 = 0",
        "L = (1/2) Σ_{t=1..T} ‖H_t - Y_t‖²",
        "dH = ∂L/∂H = H - Y",
        "δ_t = (1 - H_t²) ⊙ (Uᵀ δ_{t+1} + dH_t)",
        "δ_{T+1} = 0",
        "∂L/∂W = Σ_{t=1..T} δ_t X_tᵀ",
        "∂L/∂U = Σ_{t=1..T} δ_t H_{t-1}ᵀ",
        "∂L/∂b = Σ_{t=1..T} δ_t",
    ]


def test_a_loss_on_the_last_state():
    assert lines(last_state()) == [
        "h_t = tanh(W X_t + U h_{t-1} + b)",
        "h_0 = 0",
        "h_last = h_T",
        "L = (1/2) ‖h_last - y‖²",
        "dh_last = ∂L/∂h_last = h_last - y",
        "δ_t = (Uᵀ δ_{t+1}) ⊙ (1 - h_t²)",
        "δ_T = dh_last ⊙ (1 - h_T²)",
        "∂L/∂W = Σ_{t=1..T} δ_t X_tᵀ",
        "∂L/∂U = Σ_{t=1..T} δ_t h_{t-1}ᵀ",
        "∂L/∂b = Σ_{t=1..T} δ_t",
    ]


def test_gates_are_called_by_the_letter_of_their_parameters():
    found = lines(NETS["lstm"]())
    assert "o_t = σ(W_o X_t + U_o H_{t-1} + b_o)" in found
    assert "∂L/∂W_o = Σ_{t=1..T} δ^o_t X_tᵀ" in found


def test_the_carry_of_a_gated_unit_keeps_a_name():
    found = lines(NETS["gru"]())
    assert any(line.startswith("dh_t = ") and "dh_{t+1}" in line for line in found)
    found = lines(NETS["lstm"]())
    assert any(line.startswith("dc_t = ") and "dc_{t+1}" in line for line in found)
    assert any(line.startswith("dh_t = U_iᵀ δ^i_{t+1}") for line in found)


def test_gated_units_go_back_as_in_textbooks():
    """Hochreiter & Schmidhuber's unit with a forget gate (Gers et al. 2000), and Cho et al.'s."""
    back = [x for x in lines(NETS["lstm"]()) if x.startswith(("dh_t", "dc_t", "δ^"))]
    assert back[:6] == [
        "dh_t = U_iᵀ δ^i_{t+1} + U_fᵀ δ^f_{t+1} + U_gᵀ δ^g_{t+1} + U_oᵀ δ^o_{t+1} + dH_t",
        "dc_t = dc_{t+1} ⊙ f_{t+1} + dh_t ⊙ (1 - v_t²) ⊙ o_t",
        "δ^o_t = dh_t ⊙ v_t ⊙ o_t ⊙ (1 - o_t)",
        "δ^g_t = dc_t ⊙ (1 - g_t²) ⊙ i_t",
        "δ^f_t = dc_t ⊙ c_{t-1} ⊙ f_t ⊙ (1 - f_t)",
        "δ^i_t = dc_t ⊙ g_t ⊙ i_t ⊙ (1 - i_t)",
    ]
    back = [x for x in lines(NETS["gru"]()) if x.startswith("δ^")]
    assert back[:2] == [
        "δ^n_t = dh_t ⊙ (1 - u_t) ⊙ (1 - n_t²)",
        "δ^u_t = dh_t ⊙ u_t ⊙ (1 - u_t) ⊙ (H_{t-1} - n_t)",
    ]


@pytest.mark.parametrize("name", NETS)
def test_recurrences_render_and_are_verified(name):
    network = Network(loss=NETS[name]())
    text = network.derivation().latex()
    displays = [block.split("\n", 1)[1] for block in text.split("\n\n") if "align" in block]
    assert_renders(displays)
    assert network.verify(module=False).ok


def test_names_do_not_clash():
    graph, ids, _ = written(NETS["lstm"]())
    names = history_names(graph, ids, {0: "delta"})
    assert len(set(names.values())) == len(names)
    assert "delta" not in names.values()
