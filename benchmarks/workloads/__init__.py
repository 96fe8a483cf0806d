"""The workloads, in the order of the table."""

from __future__ import annotations

from benchmarks.workloads.mlp import MLPS
from benchmarks.workloads.record import Workload

WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in MLPS}
