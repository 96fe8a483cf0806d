"""word2vec: values and gradients in NumPy.

Written by symbackprop 0.1.0 with the template module.py.j2. To make it again:
    symbackprop generate word2vec
"""

import numpy as np

DTYPE = np.float64
PARAMETERS = {
    "U": ("v", "d"),
    "V": ("v", "d"),
}
INPUTS = {
    "c": ("m",),
    "o": ("m",),
}
OUTPUTS = {
    "loss": (),
}
INPUT_KINDS = {
    "c": "int",
    "o": "int",
}


def init_params(rng, **sizes):
    """Draw parameters; `sizes` gives every symbolic size by name.

    Parameters
    ----------
    rng : numpy.random.Generator
    """
    v = sizes["v"]
    d = sizes["d"]
    return {
        "U": _normal(rng, (v, d), d),
        "V": _normal(rng, (v, d), d),
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
    c, o = inputs["c"], inputs["o"]
    v = sizes["v"]
    d = sizes["d"]
    m = sizes["m"]
    picked_V = V[c]  # (m, d)
    S = picked_V @ U.T  # (m, v)
    S_max = S.max(axis=1)  # (m,)
    exp_S = np.exp(S - S_max[:, None])  # (m, v)
    sum_exp_S = exp_S.sum(axis=1)  # (m,)
    index = np.arange(m)  # (m,)
    loss = -(S[index, o] - (S_max + np.log(sum_exp_S))).sum() / m
    cache = (m, v, d, U, c, o, picked_V, exp_S, sum_exp_S, index)
    return {"loss": loss}, cache


def backward(cache, cotangents, wrt=None):
    """Pull cotangents of the outputs back to the parameters, or to the names in `wrt`."""
    wrt = _wanted(wrt)
    m, v, d, U, c, o, picked_V, exp_S, sum_exp_S, index = cache
    dloss = _cotangent(cotangents, "loss", ())
    P = exp_S / sum_exp_S[:, None]  # (m, v)
    placed_o = np.zeros((m, v), DTYPE)  # (m, v)
    placed_o[index, o] = np.broadcast_to(-dloss / m, (m,))
    dS = placed_o + dloss / m * P  # (m, v)
    dU = dS.T @ picked_V  # (v, d)
    dV = np.zeros((v, d), DTYPE)  # (v, d)
    np.add.at(dV, c, dS @ U)
    grads = {"U": dU, "V": dV}
    return {name: grads[name] for name in wrt}


def make_workspace(params, inputs):
    """Allocate the arrays that `loss_and_grad` needs for arguments of these shapes."""
    return Workspace(params, inputs)


class Workspace:
    """The arrays of `loss_and_grad`: for one thread, overwritten by each call."""

    def __init__(self, params, inputs):
        sizes = _check(params, inputs)
        v = sizes["v"]
        d = sizes["d"]
        m = sizes["m"]
        self.sizes = (v, d, m)
        index = np.arange(m)
        value = np.full((m,), -1 / m, DTYPE)
        self.arrays = (
            index,
            value,
            np.empty((m, v), DTYPE),  # S
            np.empty((m,), DTYPE),  # S_max
            np.empty((m, v), DTYPE),  # exp_S
            np.ones(v, DTYPE),  # ones_v
            np.empty((m,), DTYPE),  # sum_exp_S
            np.empty((m,), DTYPE),  # logsumexp_S
            np.ones(m, DTYPE),  # ones_m
            np.empty((v, d), DTYPE),  # dU
            np.empty((m, d), DTYPE),  # product_dS
            np.empty((v, d), DTYPE),  # dV
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
    _check_range("c", inputs["c"], "v", workspace.known)
    _check_range("o", inputs["o"], "v", workspace.known)
    U, V = params["U"], params["V"]
    c, o = inputs["c"], inputs["o"]
    v, d, m = workspace.sizes
    (
        index, value, S, S_max, exp_S, ones_v, sum_exp_S, logsumexp_S, ones_m, dU, product_dS, dV,
    ) = workspace.arrays
    picked_V = V[c]
    picked_V.dot(U.T, out=S)  # (m, v)
    np.maximum.reduce(S, axis=1, out=S_max)  # (m,)
    np.subtract(S, S_max[:, None], out=exp_S)
    np.exp(exp_S, out=exp_S)
    exp_S.dot(ones_v, out=sum_exp_S)  # (m,)
    np.log(sum_exp_S, out=logsumexp_S)
    logsumexp_S_2 = np.add(S_max, logsumexp_S, out=S_max)
    P = np.divide(exp_S, sum_exp_S[:, None], out=exp_S)
    picked_S = S[index, o]
    np.subtract(picked_S, logsumexp_S_2, out=S_max)
    sum_ = S_max.dot(ones_m)
    loss = -sum_ / m
    S.fill(0)
    S[index, o] = value
    np.multiply(1 / m, P, out=exp_S)
    dS = np.add(S, exp_S, out=S)
    dS.T.dot(picked_V, out=dU)  # (v, d)
    dS.dot(U, out=product_dS)  # (m, d)
    dV.fill(0)
    np.add.at(dV, c, product_dS)
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
    _check_range("c", inputs["c"], "v", sizes)
    _check_range("o", inputs["o"], "v", sizes)
    if sizes["m"] == 0:
        raise ValueError("the size m is 0: a mean or a recurrence over nothing")
    return sizes


def _check_shape(name, array, shape, sizes):
    """Check one shape against the sizes known."""
    lengths = tuple(_DEPENDENT[s](sizes) if s in _DEPENDENT else sizes.get(s, s) for s in shape)
    if array.shape != lengths:
        wanted = ", ".join(str(s) if s == n else f"{s}={n}" for s, n in zip(shape, lengths))
        raise ValueError(f"{name}: expected shape ({wanted}), found {array.shape}")


def _check_range(name, array, size, sizes):
    """Check that integers are positions on an axis."""
    size = _DEPENDENT[size](sizes) if size in _DEPENDENT else sizes.get(size, size)
    if array.size and (array.min() < 0 or array.max() >= size):
        found = f"{array.min()} to {array.max()}"
        raise ValueError(f"{name}: expected integers from 0 to {size - 1}, found {found}")


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
