"""The oracle: the slow, obviously right value of a graph, over any field.

Every pass, formula and module is judged by it, so it does what the definitions say and nothing
cleverer: a comprehension is a loop over its points. May import `errors`, `sizes`, `scalars`, `ir`,
`primitives` and NumPy.
"""

from symbackprop.interpret.evaluate import evaluate
from symbackprop.interpret.inputs import convert_input, infer_sizes
from symbackprop.interpret.sampling import (
    coprime_sizes,
    free_sizes,
    random_values,
    sizes_to_test,
)

__all__ = [
    "convert_input",
    "coprime_sizes",
    "evaluate",
    "free_sizes",
    "infer_sizes",
    "random_values",
    "sizes_to_test",
]
