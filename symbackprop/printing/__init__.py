"""Formulas as LaTeX, plain text and JSON. May import everything up to `raising`; no SymPy."""
