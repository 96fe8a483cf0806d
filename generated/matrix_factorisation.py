"""matrix-factorisation: values and gradients in NumPy.

Written by symbackprop 0.1.0 with the template module.py.j2. To make it again:
    symbackprop generate matrix-factorisation
"""

import numpy as np

DTYPE = np.float64
PARAMETERS = {
    "U": ("n", "r"),
    "V": ("m", "r"),
}
INPUTS = {
    "R": ("n", "m"),
    "M": ("n", "m"),
}
OUTPUTS = {
    "loss": (),
}
INPUT_KINDS = {
    "R": "real",
    "M": "real",
}


def init_params(rng, **sizes):
    """Draw parameters; `sizes` gives every symbolic size by name.

    Parameters
    ----------
    rng : numpy.random.Generator
    """
    n = sizes["n"]
    r = sizes["r"]
    m = sizes["m"]
    return {
        "U": _normal(rng, (n, r), r),
        "V": _normal(rng, (m, r), r),
    }


def _normal(rng, shape, fan_in):
    """Draw normal numbers of variance 1 / fan_in."""
    return (rng.standard_normal(shape) / np.sqrt(fan_in)).astype(DTYPE)


def forward(params, inputs):
    """Compute the outputs, and what `backward` needs besides.

    Returns
    -------
    dict, tuple
        Outputs by name; the cache, which is opaque and may be used again.
    """
    sizes = _check(params, inputs)
    U, V = params["U"], params["V"]
    R, M = inputs["R"], inputs["M"]
    n = sizes["n"]
    r = sizes["r"]
    m = sizes["m"]
    E = U @ V.T - R  # (n, m)
    E_squared = E * E  # (n, m)
    loss = np.vdot(E_squared, M)
    cache = (n, m, r, U, V, E, M, E_squared)
    return {"loss": loss}, cache


def backward(cache, cotangents, wrt=None):
    """Pull cotangents of the outputs back to the parameters, or to the names in `wrt`."""
    wrt = _wanted(wrt)
    n, m, r, U, V, E, M, E_squared = cache
    dloss = _cotangent(cotangents, "loss", ())
    dE = E * M * 2 * dloss  # (n, m)
    dU = dE @ V  # (n, r)
    dV = dE.T @ U  # (m, r)
    if "M" in wrt:
        dM = E_squared * dloss  # (n, m)
    if "R" in wrt:
        dR = -dE  # (n, m)
    grads = {"U": dU, "V": dV}
    if "R" in wrt:
        grads["R"] = dR
    if "M" in wrt:
        grads["M"] = dM
    return {name: grads[name] for name in wrt}


def make_workspace(params, inputs):
    """Allocate the arrays that `loss_and_grad` needs for arguments of these shapes."""
    return Workspace(params, inputs)


class Workspace:
    """The arrays of `loss_and_grad`: for one thread, overwritten by each call."""

    def __init__(self, params, inputs):
        sizes = _check(params, inputs)
        n = sizes["n"]
        r = sizes["r"]
        m = sizes["m"]
        self.sizes = (n, r, m)
        self.arrays = (
            np.empty((n, m), DTYPE),  # E
            np.empty((n, m), DTYPE),  # E_squared
            np.empty((n, r), DTYPE),  # dU
            np.empty((m, r), DTYPE),  # dV
        )
        self.known, self.signature = sizes, _signature(params, inputs)


def loss_and_grad(params, inputs, wrt=None, *, workspace=None):
    """Compute the loss and its gradients for all parameters, or for the names in `wrt`.

    With a workspace the gradients are arrays of its own, valid until the next call.

    Returns
    -------
    float, dict
        The loss, and the gradients by name.
    """
    if wrt is not None and not set(wrt := _wanted(wrt)) <= set(PARAMETERS):
        outputs, cache = forward(params, inputs)
        return float(outputs["loss"]), backward(cache, {"loss": 1.0}, wrt)
    if workspace is None:
        workspace = Workspace(params, inputs)
    elif workspace.signature != _signature(params, inputs):
        workspace.__init__(params, inputs)
    U, V = params["U"], params["V"]
    R, M = inputs["R"], inputs["M"]
    n, r, m = workspace.sizes
    (E, E_squared, dU, dV) = workspace.arrays
    U.dot(V.T, out=E)  # (n, m)
    E -= R
    np.square(E, out=E_squared)
    loss = np.vdot(E_squared, M)
    E *= M
    dE = np.multiply(E, 2, out=E)
    dE.dot(V, out=dU)  # (n, r)
    dE.T.dot(U, out=dV)  # (m, r)
    grads = {"U": dU, "V": dV}
    loss = float(loss)
    return loss, grads if wrt is None else {name: grads[name] for name in wrt}


def _signature(params, inputs):
    """Give the names, shapes and dtypes of the arguments."""
    try:
        arrays = [(a.shape, a.dtype) for a in (*params.values(), *inputs.values())]
    except AttributeError:  # `_check` says which is no array
        arrays = None
    return [*params, *inputs], arrays


def _check(params, inputs):
    """Check names, dtypes and shapes; return the sizes by name."""
    sizes = {}
    for group, arrays, shapes in (("params", params, PARAMETERS), ("inputs", inputs, INPUTS)):
        if set(arrays) != set(shapes):
            expected, found = ", ".join(shapes), ", ".join(map(str, arrays))
            raise ValueError(f"{group}: expected the names {expected}; found {found or 'none'}")
        for name, shape in shapes.items():
            array, kind = arrays[name], INPUT_KINDS.get(name, "real")
            dtype = getattr(array, "dtype", None)
            if dtype is None or dtype != DTYPE and dtype.kind not in _KINDS[kind]:
                wanted = np.dtype(DTYPE).name if kind == "real" else kind
                found = type(array).__name__ if dtype is None else dtype.name
                raise ValueError(f"{name}: expected an array of dtype {wanted}, found {found}")
            if len(shape) == array.ndim:
                for size, length in zip(shape, array.shape):
                    if isinstance(size, str) and size not in _DEPENDENT:
                        sizes.setdefault(size, length)
    for arrays, shapes in ((params, PARAMETERS), (inputs, INPUTS)):
        for name, shape in shapes.items():
            _check_shape(name, arrays[name], shape, sizes)
    return sizes


def _check_shape(name, array, shape, sizes):
    """Check one shape against the sizes known."""
    lengths = tuple(_DEPENDENT[s](sizes) if s in _DEPENDENT else sizes.get(s, s) for s in shape)
    if array.shape != lengths:
        wanted = ", ".join(str(s) if s == n else f"{s}={n}" for s, n in zip(shape, lengths))
        raise ValueError(f"{name}: expected shape ({wanted}), found {array.shape}")


_KINDS = {"real": "", "int": "iu", "bool": "b"}
_DEPENDENT = {
}


def _wanted(wrt):
    """Check the names of gradients; all parameters by default."""
    if wrt is None:
        return tuple(PARAMETERS)
    real = {**PARAMETERS, **{name: kind for name, kind in INPUT_KINDS.items() if kind == "real"}}
    names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    for name in names:
        if name not in real:
            raise ValueError(f"wrt: expected names among {', '.join(real)}; found {name}")
    return names


def _cotangent(cotangents, name, shape):
    """Get the cotangent of one output, zero where it is missing."""
    for key in cotangents:
        if key not in OUTPUTS:
            raise ValueError(f"cotangents: expected names among {', '.join(OUTPUTS)}; found {key}")
    array = np.asarray(cotangents.get(name, np.zeros(shape)), DTYPE)
    if array.shape != shape:
        raise ValueError(f"cotangents: {name}: expected shape {shape}, found {array.shape}")
    return array
