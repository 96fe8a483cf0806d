"""The workloads as networks of this package: what the generated modules come from."""

from __future__ import annotations

from collections.abc import Callable

SOURCES: dict[str, Callable[[], str]] = {}
"""Family of workloads (w1, w2, ...) -> function that gives the source of its float32 module.

Parameters and inputs of the module are named as in `benchmarks.workloads`.
"""
