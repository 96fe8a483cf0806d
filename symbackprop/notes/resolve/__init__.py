"""What the names, labels and statements of a document mean: layers, components, definitions.

Imports the rest of `notes` only.
"""
