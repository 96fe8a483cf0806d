"""The command line: words in, calls of `network` and `models`, text out. No logic of its own.

Commands are loaded when they are asked for, so that `symbackprop --version` starts at once. May
import every layer below, click, rich and NumPy-free standard library.
"""

from symbackprop.cli.app import main

__all__ = ["main"]
