"""Set up the process that measures: one thread, and the BLAS kernel made for the processor."""

from __future__ import annotations

import os
import sys

_ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NPROC": "1",
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_X64": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # Whether glibc hands freed memory back between calls depends on what else the process holds,
    # and is worth 20 % of w4. Here memory that was used stays: measured is the computation.
    "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
_KERNEL_OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def restart_on_one_thread(module: str) -> None:
    """Start this program again where the environment is not yet the one to measure in.

    The libraries read these variables when they are loaded, so they are set before the first import
    of any of them: in a fresh process.

    Parameters
    ----------
    module : str
        The module to run again, as in `python -m MODULE`.
    """
    settled = all(os.environ.get(name) == value for name, value in _ONE_THREAD.items())
    if settled and not any(name in os.environ for name in _KERNEL_OVERRIDES):
        return
    environment = {k: v for k, v in os.environ.items() if k not in _KERNEL_OVERRIDES}
    environment |= _ONE_THREAD
    os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], environment)
