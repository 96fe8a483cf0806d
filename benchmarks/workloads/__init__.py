"""The workloads, in the order of the table."""

from __future__ import annotations

from benchmarks.workloads.convolution import CONVOLUTIONS
from benchmarks.workloads.elementwise import ELEMENTWISE
from benchmarks.workloads.mlp import MLPS
from benchmarks.workloads.record import Workload
from benchmarks.workloads.recurrent import RECURRENT
from benchmarks.workloads.second_order import HESSIANS
from benchmarks.workloads.transformer import TRANSFORMERS

_ALL = [*MLPS, *CONVOLUTIONS, *RECURRENT, *TRANSFORMERS, *HESSIANS, *ELEMENTWISE]


def _number(workload: Workload) -> int:
    """Give the number in the name of the family."""
    return int(workload.family[1:].partition("_")[0])


WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in sorted(_ALL, key=_number)}
