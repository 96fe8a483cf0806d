"""The judge of notes: right, wrong, repaired and unchecked equations on small pages."""

import pytest

from symbackprop.notes.check import check
from symbackprop.notes.document import read_text
from symbackprop.notes.verdict import Verdict, worst

COLUMNS = r"""
$$z^{[l]} = W^{[l]} a^{[l-1]} + b^{[l]}$$
$$a^{[l]} = g^{[l]}(z^{[l]})$$
"""
INDICES = r"""
$$v_j = \sum_i q_{ij} x_i$$
$$y_j = f(v_j)$$
"""


def verdicts(forward: str, *claims: str) -> list[str]:
    page = forward + "".join(f"\n$${claim}$$\n" for claim in claims)
    report = check(read_text(page))
    return [e.verdict.value for e in report.equations][-len(claims) :]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (r"dz^{[l]} = da^{[l]} * g^{[l]'}(z^{[l]})", "correct"),
        (r"dW^{[l]} = dz^{[l]} a^{[l-1]T}", "correct"),
        (r"dW^{[l]} = dz^{[l]} a^{[l-1]}", "wrong"),
        (r"da^{[l-1]} = W^{[l]T} dz^{[l]}", "correct"),
        (r"da^{[l-1]} = W^{[l]} dz^{[l]}", "wrong"),
        (r"db^{[l]} = -dz^{[l]}", "wrong"),
        (r"dW^{[l]} = dq^{[l]} a^{[l-1]T}", "not-checkable"),
    ],
)
def test_layers_of_columns(claim: str, expected: str) -> None:
    assert verdicts(COLUMNS, claim) == [expected]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (r"\frac{\partial E}{\partial q_{ij}} = x_i \frac{\partial E}{\partial v_j}", "correct"),
        (r"\frac{\partial E}{\partial q_{ij}} = x_j \frac{\partial E}{\partial v_i}", "wrong"),
        (r"\frac{\partial E}{\partial x_i} = \sum_j q_{ij} \frac{\partial E}{\partial v_j}",
         "correct"),
        (r"\frac{\partial E}{\partial v_j} = f'(v_j) \frac{\partial E}{\partial y_j}", "correct"),
        (r"\frac{\partial E}{\partial v_j} = f(v_j) \frac{\partial E}{\partial y_j}", "wrong"),
    ],
)  # fmt: skip
def test_entries(claim: str, expected: str) -> None:
    found = verdicts(INDICES, claim)[0]
    assert found == expected or (expected == "wrong" and found == "not-checkable")


def test_a_repair_is_given() -> None:
    page = COLUMNS + "\n$$dW^{[l]} = dz^{[l]} a^{[l-1]}$$\n"
    equation = check(read_text(page)).equations[-1]
    assert equation.verdict is Verdict.WRONG
    assert equation.whole.repair is not None and "T" in equation.whole.repair


def test_the_worst_part_decides() -> None:
    assert worst([Verdict.DEFINITION, Verdict.NOT_CHECKABLE]) is Verdict.NOT_CHECKABLE
    assert worst([Verdict.CORRECT, Verdict.WRONG, Verdict.CONVENTION]) is Verdict.WRONG


def test_prose_is_not_checkable() -> None:
    assert verdicts(COLUMNS, r"x \geq 0") == ["not-checkable"]


def test_a_diagonal_of_a_number_is_no_crash() -> None:
    page = "Let $h_1 = B_1 h_0$ and $h_2 = G(h_1)$ and $h_3 = B_2 h_2$.\n"
    claim = r"\frac{\partial h_3}{\partial h_0} = B_2 \operatorname{diag}(G'(h_1)) B_1"
    assert verdicts(page, claim) != ["wrong"]
