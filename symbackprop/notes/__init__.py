"""Course notes: read documents, find their formulas and parse them into trees of their spelling.

Reading (`document` and the readers beside it), macros and tokens, the parser, the syntax tree and
its printer need nothing of the rest of the program but its errors. Text from a document is data: it
becomes tokens and frozen tree nodes, and reaches no evaluator.
"""
