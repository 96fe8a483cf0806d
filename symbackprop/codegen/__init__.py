"""NumPy code: lower a graph to array operations, choose names and buffers, lay the module out.

A graph becomes an `ArrayProgram` (operations on whole arrays), that becomes statements, and
templates lay them out.
May import every layer up to `raising`, NumPy for the self-check, never SymPy or Jinja.
"""
