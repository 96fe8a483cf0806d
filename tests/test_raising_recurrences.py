"""Loops are written as the recursion of textbooks, and compute what the loop computes."""

import numpy as np
import pytest
from render_tools import assert_renders

from symbackprop.frontend import build, input, param, sum
from symbackprop.frontend.recurrent import gru, lstm, rnn
from symbackprop.interpret import coprime_sizes, evaluate, free_sizes, random_values
from symbackprop.ir import Final, Hist, Var, reachable
from symbackprop.network import Network
from symbackprop.raising import Raiser, Values, matrix_value
from symbackprop.raising.histories import history_names
from symbackprop.raising.matrix import STEP_AXIS
from symbackprop.raising.recurrences import recurrences
from symbackprop.simplify import derive
from symbackprop.sizes import dims, evaluate_size

T, d, h = dims("T d h")


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
    raiser = Raiser(graph, kept)
    return graph, ids, recurrences(graph, ids, raiser, derived.steps if called else {})


@pytest.mark.parametrize("called", [True, False])
@pytest.mark.parametrize("name", NETS)
def test_the_recursion_computes_what_the_loop_computes(name, called):
    graph, ids, found = written(NETS[name](), called)
    assert len(found) == 2
    sizes = coprime_sizes(free_sizes(graph, ids))
    given = random_values(graph, ids, sizes, np.random.default_rng(0))
    wanted = [i for i in ids if isinstance(graph[i], (Var, Hist)) or i in _fed(graph)]
    arrays = evaluate(graph, wanted, given, sizes)
    histories = {i for i in wanted if isinstance(graph[i], Hist)}
    for recurrence in found.values():
        steps = range(evaluate_size(recurrence.length, sizes))
        names = [line.name for line in recurrence.lines]
        # past the last step everything is 0
        known = {
            i: np.pad(a, ((0, 1), *((0, 0),) * (a.ndim - 1))) if i in histories else a
            for i, a in arrays.items()
        }
        for n in names:
            known[n] = {}
        outside = (-1,) if not recurrence.reverse else (len(steps),)
        last = (len(steps) - 1,)
        for n in names:
            early = recurrence.reverse and n < 0 and not called
            known[n][last if early else outside] = np.zeros(sizes["h"])
        for t in reversed(steps) if recurrence.reverse else steps:
            for line in recurrence.lines:
                if (t,) not in known[line.name]:
                    values = Values(known, sizes, np)
                    values.axes[STEP_AXIS] = t
                    known[line.name][(t,)] = matrix_value(line.formula, values).reshape(-1)
        for n in names:
            if n >= 0:
                found_values = np.stack([known[n][(t,)] for t in steps])
                np.testing.assert_allclose(found_values, arrays[n], rtol=1e-9, atol=1e-9)


def _fed(graph):
    return {f.outer for node in graph for f in getattr(node, "stacked", ())}


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
        "Uᵀ δ_{T+1} = dh_last",
        "∂L/∂W = Σ_{t=1..T} δ_t X_tᵀ",
        "∂L/∂U = Σ_{t=1..T} δ_t h_{t-1}ᵀ",
        "∂L/∂b = Σ_{t=1..T} δ_t",
    ]


def test_gates_are_called_by_the_letter_of_their_parameters():
    found = lines(NETS["lstm"]())
    assert "o_t = σ(W_o X_t + U_o H_{t-1} + b_o)" in found
    assert "∂L/∂W_o = Σ_{t=1..T} (δ_o)_t X_tᵀ" in found


def test_the_carry_of_a_gated_unit_keeps_a_name():
    found = lines(NETS["gru"]())
    assert any(line.startswith("dh_t = ") and "dh_{t+1}" in line for line in found)
    found = lines(NETS["lstm"]())
    assert any(line.startswith("dc_t = ") and "dc_{t+1}" in line for line in found)
    assert any(line.startswith("dh_t = U_iᵀ (δ_i)_{t+1}") for line in found)


def test_gated_units_go_back_as_in_textbooks():
    """Hochreiter & Schmidhuber's unit with a forget gate (Gers et al. 2000), and Cho et al.'s."""
    back = [x for x in lines(NETS["lstm"]()) if x.startswith(("dh_t", "dc_t", "(δ"))]
    assert back[:6] == [
        "dh_t = U_iᵀ (δ_i)_{t+1} + U_fᵀ (δ_f)_{t+1} + U_gᵀ (δ_g)_{t+1} + U_oᵀ (δ_o)_{t+1} + dH_t",
        "dc_t = dc_{t+1} ⊙ f_{t+1} + dh_t ⊙ (1 - v_t²) ⊙ o_t",
        "(δ_o)_t = dh_t ⊙ v_t ⊙ o_t ⊙ (1 - o_t)",
        "(δ_g)_t = dc_t ⊙ (1 - g_t²) ⊙ i_t",
        "(δ_f)_t = dc_t ⊙ c_{t-1} ⊙ f_t ⊙ (1 - f_t)",
        "(δ_i)_t = dc_t ⊙ g_t ⊙ i_t ⊙ (1 - i_t)",
    ]
    back = [x for x in lines(NETS["gru"]()) if x.startswith("(δ")]
    assert back[:2] == [
        "(δ_n)_t = dh_t ⊙ (1 - u_t) ⊙ (1 - n_t²)",
        "(δ_u)_t = dh_t ⊙ u_t ⊙ (1 - u_t) ⊙ (H_{t-1} - n_t)",
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
