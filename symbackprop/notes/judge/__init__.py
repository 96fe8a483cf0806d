"""From parsed notes to verdicts: worlds of numbers in which claims are evaluated.

A world gives numbers of pairwise different sizes to what a document's forward equations name, with
the derivative of everything by everything before it; claims are evaluated there in every reading
that conforms. This package may use NumPy; it imports `notes` and `errors` only.
"""
