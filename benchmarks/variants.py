"""Ways to compute a workload: by hand, by JAX, by autograd, by PyTorch, by a generated module."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.namespaces import AutogradNamespace, JaxNamespace, TorchNamespace
from benchmarks.workloads.record import Array, Arrays, Result, Workload

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to compute a workload.

    Parameters
    ----------
    name : str
        Column of the table.
    bind : callable
        `bind(workload, params, inputs) -> call`; the call does all the work and waits for its end.
    """

    name: str
    bind: Callable[[Workload, Arrays, Arrays], Call]


def to_numpy(result: Result) -> tuple[float | None, dict[str, Array]]:
    """Convert a result of any library to a float and float64 arrays."""
    loss, arrays = result
    return (
        None if loss is None else float(_detached(loss)),
        {name: np.array(_detached(value), dtype=np.float64) for name, value in arrays.items()},
    )


def _detached(value: Any) -> Any:
    """Take a PyTorch tensor out of its graph; leave everything else alone."""
    return value.detach() if hasattr(value, "detach") else value


def bind_plain(workload: Workload, params: Arrays, inputs: Arrays) -> Call:
    """Call the hand-written NumPy."""
    return lambda: workload.plain(params, inputs)


def bind_jax(workload: Workload, params: Arrays, inputs: Arrays) -> Call:
    """Compile with `jax.jit`; inputs are arguments, so that nothing is folded away."""
    import jax

    xp = JaxNamespace()
    device_params, device_inputs = jax.device_put((dict(params), dict(inputs)))
    of = workload.hessian_of

    def gradient(params: Any, inputs: Any) -> Result:
        loss, grads = jax.value_and_grad(lambda p: workload.model(xp, p, inputs))(params)
        return loss, grads

    def hessian(params: Any, inputs: Any) -> Result:
        assert of is not None

        row_model = workload.row_model
        if row_model is not None:
            block = jax.hessian(lambda row, inputs: row_model(xp, row, params, inputs))
            return None, {of: jax.vmap(block)(params[of], inputs)}
        value = jax.hessian(lambda w: workload.model(xp, {**params, of: w}, inputs))(params[of])
        return None, {of: value}

    compiled = jax.jit(gradient if of is None else hessian)
    return lambda: jax.block_until_ready(compiled(device_params, device_inputs))


def bind_autograd(workload: Workload, params: Arrays, inputs: Arrays) -> Call:
    """Call HIPS autograd's `value_and_grad` or `hessian`."""
    import autograd

    xp = AutogradNamespace()
    of = workload.hessian_of
    if of is None:
        gradient = autograd.value_and_grad(lambda p: workload.model(xp, p, inputs))
        return lambda: gradient(dict(params))
    hessian = autograd.hessian(lambda w: workload.model(xp, {**params, of: w}, inputs))
    return lambda: (None, {of: hessian(params[of])})


def bind_torch(workload: Workload, params: Arrays, inputs: Arrays) -> Call:
    """Call PyTorch, eager, on one thread."""
    import torch

    torch.set_num_threads(1)
    xp = TorchNamespace()
    leaves = {k: torch.from_numpy(v.copy()).requires_grad_(True) for k, v in params.items()}
    data = {k: torch.from_numpy(v.copy()) for k, v in inputs.items()}
    of = workload.hessian_of
    if of is None:

        def gradient() -> Result:
            loss = workload.model(xp, leaves, data)
            grads = torch.autograd.grad(loss, list(leaves.values()))
            return loss, dict(zip(leaves, grads, strict=True))

        return gradient
    fixed = {k: v.detach() for k, v in leaves.items()}
    row_model = workload.row_model
    if row_model is not None:
        block = torch.func.hessian(lambda row, inputs: row_model(xp, row, fixed, inputs))
        return lambda: (None, {of: torch.vmap(block)(fixed[of], data)})
    hessian = torch.func.hessian(lambda w: workload.model(xp, {**fixed, of: w}, data))
    return lambda: (None, {of: hessian(fixed[of])})


def bind_module(module: ModuleType, pure: bool) -> Callable[[Workload, Arrays, Arrays], Call]:
    """Bind a generated module by its fixed face, with or without a workspace."""

    def bind(workload: Workload, params: Arrays, inputs: Arrays) -> Call:
        of, blocks = workload.hessian_of, workload.row_model is not None
        if of is not None:
            return lambda: (
                None,
                _hessian_entry(module.hessian(params, inputs, of, blocks=blocks), of),
            )
        if pure:
            return lambda: module.loss_and_grad(params, inputs)
        workspace = module.make_workspace(params, inputs)
        return lambda: module.loss_and_grad(params, inputs, workspace=workspace)

    return bind


def _hessian_entry(result: Any, of: str) -> dict[str, Any]:
    """Accept a Hessian as an array or by name."""
    return {of: result[of] if isinstance(result, dict) else result}


def load_module(path: Path) -> ModuleType:
    """Import a Python file by its path."""
    spec = importlib.util.spec_from_file_location(f"benchmarked_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"not a Python file: {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def libraries(workload: Workload) -> list[Variant]:
    """List the variants whose library is installed; autograd cannot map over rows."""
    wanted = [("jax", bind_jax), ("torch", bind_torch)]
    if workload.row_model is None:
        wanted.insert(1, ("autograd", bind_autograd))
    found = [Variant(name, bind) for name, bind in wanted if importlib.util.find_spec(name)]
    return [Variant("np_plain", bind_plain), *found]
