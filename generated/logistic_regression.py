"""logistic-regression: values and gradients in NumPy.

Written by symbackprop 0.1.0 with the template module.py.j2. To make it again:
    symbackprop generate logistic-regression
"""

import numpy as np

DTYPE = np.float64
PARAMETERS = {
    "w": ("n",),
    "b": (),
}
INPUTS = {
    "X": ("m", "n"),
    "y": ("m",),
}
OUTPUTS = {
    "loss": (),
}
INPUT_KINDS = {
    "X": "real",
    "y": "real",
}


def init_params(rng, **sizes):
    """Draw parameters; `sizes` gives every symbolic size by name.

    Parameters
    ----------
    rng : numpy.random.Generator
    """
    n = sizes["n"]
    return {
        "w": _normal(rng, (n,), n),
        "b": np.zeros((), DTYPE),
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
    w, b = params["w"], params["b"]
    X, y = inputs["X"], inputs["y"]
    n = sizes["n"]
    m = sizes["m"]
    z = X @ w + b  # (m,)
    loss = (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))) - y * z).sum() / m
    cache = (m, n, X, y, w, z)
    return {"loss": loss}, cache


def backward(cache, cotangents, wrt=None):
    """Pull cotangents of the outputs back to the parameters, or to the names in `wrt`."""
    wrt = _wanted(wrt)
    m, n, X, y, w, z = cache
    dloss = _cotangent(cotangents, "loss", ())
    p = 1 / (1 + np.exp(np.minimum(-z, 709.0)))  # (m,)
    scale = dloss / m
    dz = scale * (p - y)  # (m,)
    db = dz.sum()
    dw = X.T @ dz  # (n,)
    if "X" in wrt:
        dX = w * dz[:, None]  # (m, n)
    if "y" in wrt:
        dy = -scale * z  # (m,)
    grads = {"w": dw, "b": np.asarray(db, DTYPE)}
    if "X" in wrt:
        grads["X"] = dX
    if "y" in wrt:
        grads["y"] = dy
    return {name: grads[name] for name in wrt}


def make_workspace(params, inputs):
    """Allocate the arrays that `loss_and_grad` needs for arguments of these shapes."""
    return Workspace(params, inputs)


class Workspace:
    """The arrays of `loss_and_grad`: for one thread, overwritten by each call."""

    def __init__(self, params, inputs):
        sizes = _check(params, inputs)
        n = sizes["n"]
        m = sizes["m"]
        self.sizes = (n, m)
        self.arrays = (
            np.empty((m,), DTYPE),  # z
            np.empty((m,), DTYPE),  # p
            np.empty((m,), DTYPE),  # difference
            np.empty((m,), DTYPE),  # difference_2
            np.ones(m, DTYPE),  # ones_m
            np.empty((n,), DTYPE),  # dw
            np.empty((), DTYPE),  # db_out
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
    w, b = params["w"], params["b"]
    X, y = inputs["X"], inputs["y"]
    n, m = workspace.sizes
    (z, p, difference, difference_2, ones_m, dw, db_out) = workspace.arrays
    X.dot(w, out=z)  # (m,)
    z += b
    np.negative(z, out=p)
    np.minimum(p, 709.0, out=p)
    np.exp(p, out=p)
    p += 1
    np.divide(1, p, out=p)
    np.maximum(z, 0, out=difference)
    np.abs(z, out=difference_2)
    np.negative(difference_2, out=difference_2)
    np.exp(difference_2, out=difference_2)
    np.log1p(difference_2, out=difference_2)
    difference += difference_2
    z *= y
    difference -= z
    sum_ = difference.dot(ones_m)
    loss = sum_ / m
    p -= y
    dz = np.multiply(p, 1 / m, out=p)
    db = dz.dot(ones_m)
    X.T.dot(dz, out=dw)  # (n,)
    np.copyto(db_out, db)
    grads = {"w": dw, "b": db_out}
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
    if sizes["m"] == 0:
        raise ValueError("the size m is 0: a mean or a recurrence over nothing")
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
