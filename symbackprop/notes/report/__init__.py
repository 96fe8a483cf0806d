"""Reports on checked notes: text, JSON, Markdown, HTML, SARIF and JUnit from the same records.

May import the records and the documents of `notes`, `rendering` and the layers below. It judges
nothing: what is said of an equation is in its record, and this package lays it out.
"""
