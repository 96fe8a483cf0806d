"""Ready networks: compositions of the front end's functions, with no rules of their own.

May import every layer up to `network`; no SymPy, no NumPy.
"""

from symbackprop.models.catalogue import MODELS, by_depth, model
from symbackprop.models.spec import Choice, Model, Spec, parse

__all__ = ["MODELS", "Choice", "Model", "Spec", "by_depth", "model", "parse"]
