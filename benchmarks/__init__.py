"""Measurements: `python -m benchmarks.speed`, and others beside it. Not part of the package.

May import `symbackprop` and, where they are installed, JAX, autograd and PyTorch.
"""
