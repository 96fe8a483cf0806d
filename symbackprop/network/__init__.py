"""`Network`, the door: what front ends produce is wrapped here, and everything is asked of it.

May import every layer below it: `errors` up to `notes`. Arrays come from `interpret`; no NumPy, no
SymPy.
"""

from symbackprop.network.checks import Check, Verification
from symbackprop.network.derivative import Derivative
from symbackprop.network.document import Document
from symbackprop.network.network import Network

__all__ = ["Check", "Derivative", "Document", "Network", "Verification"]
