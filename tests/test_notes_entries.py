"""All entries at once: the same values and tangents as entry by entry."""

import numpy as np
import pytest

from symbackprop.notes.document import read_text
from symbackprop.notes.judge.worlds import Worlds
from symbackprop.notes.resolve.model import model_of

FORMULAS = (
    r"v_j = \sum_i q_{ij} x_i",
    r"v_j = \frac{\exp(x_j)}{\sum_k \exp(x_k)}",
    r"v_j = x_j^2 - \frac{1}{2} x_j",
    r"v_j = \sum_{k \neq j} x_k x_j",
    r"v_{ij} = x_i r_j + \delta_{ij}",
    r"v_i = \sum_j q_{ij} \tanh(r_j)",
    r"v_i = \sum_j \mathbb{1}(i = j) x_j",
)


@pytest.mark.parametrize("formula", FORMULAS)
def test_at_once_is_one_by_one(formula: str) -> None:
    worlds = Worlds(model_of(read_text(f"$${formula}$$\n$$E = \\frac12 \\sum_j v_j^2$$\n")))
    choice = worlds.choices(worlds.model.entries[-1])[0]
    fast = worlds.world(choice, 0, 1)
    worlds.cache.clear()
    definition = next(d for d in fast.scope.definitions if d.key == "v")
    letters = [c.base for c in definition.comps]
    value = fast.values["v", ()]
    found = fast.scope.template("v", ())
    assert found is not None and fast.at_once is not None
    fast.at_once = None
    slow = fast.assembled(definition, found[1], letters, value.shape)
    np.testing.assert_allclose(value.v, slow.v, rtol=1e-12)
    for key in fast.starts:
        if key != ("v", ()):
            np.testing.assert_allclose(
                fast.slope(value, key), fast.slope(slow, key), rtol=1e-12, atol=1e-14
            )
