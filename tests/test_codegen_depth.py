"""Deep networks: shared weights, a size for each layer, sensitive ones, queries written out."""

import sys

import numpy as np
import pytest

from benchmarks import derive, statements
from symbackprop import frontend as sb
from symbackprop.codegen.module import generate
from symbackprop.codegen.options import Options
from symbackprop.codegen.selfcheck import load, self_check
from symbackprop.errors import InternalError
from symbackprop.interpret import free_sizes, sizes_to_test


def backward_of(source):
    return source[source.index("def backward") : source.index("def make_workspace")]


def test_a_shared_weight_is_added_up_in_one_place():
    source = derive.FAMILIES["shared"][0](8).generate()
    lines = backward_of(source).splitlines()
    assert sum("dW += " in line for line in lines) == 7
    assert sum("db += " in line for line in lines) == 7
    step = source[source.index("def loss_and_grad") :]
    assert step.count("dW += dW_term") == 7 and "dW_2" not in step


def test_the_first_term_is_not_written_over_where_it_is_needed_again():
    """The cotangent of the first term is both a gradient and a term of a sum."""
    m, n = sb.dims("m n")
    x, c = sb.input("x", m, n), sb.param("c", m, n)
    weights = [sb.param(f"w{k}", m, n) for k in range(8)]
    outputs = [sb.tanh(w + c) for w in weights]
    total = outputs[0]
    for out in outputs[1:]:
        total = total + out * x
    generate(sb.build(loss=sb.sum(total * total)), Options())  # checks itself


def test_a_thousand_terms_do_not_recurse():
    source = derive.FAMILIES["shared"][0](sys.getrecursionlimit() // 2 + 20).generate()
    assert source.count("dW += ") > 500


def test_every_layer_may_have_a_size_of_its_own():
    net = derive.FAMILIES["widths"][0](40)
    graph, ids = net.problem.graph, list(net.problem.parameters.values())
    sizes = sizes_to_test(graph, range(len(graph)))
    assert set(sizes) == set(free_sizes(graph, ids)) | {"m"}
    assert max(sizes.values()) < 60 and min(sizes.values()) >= 3
    for i in range(40):
        here = {sizes["m"], sizes[f"n{i}"], sizes[f"n{i + 1}"], sizes[f"n{max(0, i - 1)}"]}
        assert len(here) == (4 if i else 3)
    module = load(net.generate())
    params = module.init_params(np.random.default_rng(0), m=2, **{f"n{i}": 2 for i in range(41)})
    assert params["W40"].shape == (2, 2)


@pytest.fixture(scope="module")
def sensitive():
    """Each layer stretches what comes in a hundredfold: rounding decides the result."""
    a = sb.input("x", 3)
    for k in range(8):
        a = sb.sin(100 * sb.param(f"w{k}", 3) * a)
    return sb.build(loss=sb.sum(a * a))


def test_rounding_of_a_sensitive_network_is_no_disagreement(sensitive):
    generate(sensitive, Options())


def test_a_fault_in_a_sensitive_network_is_found(sensitive):
    source = generate(sensitive, Options())
    at = source.index("def backward")
    wrong = source[:at] + source[at:].replace("np.cos", "np.sin", 1)
    assert wrong != source
    with pytest.raises(InternalError, match="differs from the interpreter"):
        self_check(wrong, sensitive)


def test_attention_written_out_query_by_query():
    source = derive.FAMILIES["attention"][0](7).generate()
    assert source.count("dWk += ") >= 6


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("residual", "lstm", "widths")]


@pytest.mark.parametrize("name", ["mlp", "shared", *SLOW])
def test_work_is_linear_in_depth(name):
    """Function calls, not seconds: a layer more costs the same, however many there are."""
    counts = {}
    for depth in (32, 8, 16, 32):  # the first run fills what is remembered by name
        calls = [0]

        def counted(frame, event, argument, calls=calls):
            calls[0] += event == "call"

        sys.setprofile(counted)
        try:
            net = derive.FAMILIES[name][0](depth)
            net.derivation().latex()
            net.generate()
        finally:
            sys.setprofile(None)
        counts[depth] = calls[0]
    first, second = (counts[16] - counts[8]) / 8, (counts[32] - counts[16]) / 16
    assert second < 1.35 * first


def test_statements_of_a_digits_network_are_those_of_a_person():
    ((name, mine, made),) = statements.rows(["w2_digits32"])
    assert name == "w2_digits32"
    assert made.run <= 1.3 * mine.run
    assert mine.written > 10
