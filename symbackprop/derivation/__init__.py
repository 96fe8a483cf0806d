"""Derivations for people: the steps of a gradient, and the formula of a general layer.

May import everything up to `printing`; no SymPy.
"""
