"""Ready networks: each is verified, and JAX finds the same gradients at two sets of sizes."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from network_tools import assert_agrees

from symbackprop.errors import ShapeError, SpecError, UnknownNameError
from symbackprop.models import MODELS, model, parse

GENERATED = Path(__file__).parent.parent / "generated"
sigmoid, softplus = jax.nn.sigmoid, jax.nn.softplus


def log_softmax(z):
    return z - jnp.log(jnp.exp(z).sum(-1, keepdims=True))


def entropy(z, Y):
    return -jnp.mean(jnp.sum(Y * log_softmax(z), -1))


def bce(p, y):
    return jnp.mean(-y * jnp.log(p) - (1 - y) * jnp.log(1 - p))


def stack(v, activation, x=None):
    x = v["X"] if x is None else x
    count = sum(name.startswith("W") for name in v)
    for number in range(1, count + 1):
        x = x @ v[f"W{number}"] + v[f"b{number}"]
        x = activation(x) if number < count else x
    return x


def conv(X, K):
    return jax.lax.conv_general_dilated(X, K, (1, 1), "VALID")


def cnn(v):
    A = jax.nn.relu(conv(v["X"], v["K1"]) + v["b1"][:, None, None])
    m, c, side, _ = A.shape
    M = A.reshape(m, c, side // 2, 2, side // 2, 2).max((3, 5))
    return entropy(jnp.einsum("mcij,cijk->mk", M, v["W2"]) + v["b2"], v["Y"])


def batchnorm(v):
    z = v["X"] @ v["W1"]
    x = (z - z.mean(0)) / jnp.sqrt(((z - z.mean(0)) ** 2).mean(0) + 1e-5)
    return entropy(jnp.tanh(v["gamma1"] * x + v["beta1"]) @ v["W2"] + v["b2"], v["Y"])


def negative_sampling(v):
    c, o, r = (jnp.asarray(v[name], int) for name in "cor")
    h = v["V"][c]
    seen = jnp.sum(h * v["U"][o], 1)
    unseen = jnp.einsum("md,mqd->mq", h, v["U"][r])
    return jnp.mean(softplus(-seen) + softplus(unseen).sum(1))


def skip_gram(v):
    c, o = (jnp.asarray(v[name], int) for name in "co")
    scores = log_softmax(v["V"][c] @ v["U"].T)
    return -jnp.mean(jnp.take_along_axis(scores, o[:, None], 1))


def scanned(v, step, start):
    h = jnp.zeros((v["X"].shape[1], v["V"].shape[0]))
    carry, _ = jax.lax.scan(lambda carry, x: (step(carry, x), 0.0), start(h), v["X"])
    return entropy((carry[0] if isinstance(carry, tuple) else carry) @ v["V"] + v["c"], v["Y"])


def gate(v, name, x, h):
    return x @ v[f"W{name}"].T + h @ v[f"U{name}"].T + v[f"b{name}"]


def lstm(v):
    def step(carry, x):
        h, c = carry
        i, f, o = (sigmoid(gate(v, name, x, h)) for name in "ifo")
        c = f * c + i * jnp.tanh(gate(v, "g", x, h))
        return o * jnp.tanh(c), c

    return scanned(v, step, lambda h: (h, h))


def gru(v):
    def step(h, x):
        r, z = (sigmoid(gate(v, name, x, h)) for name in "rz")
        n = jnp.tanh(x @ v["Wn"].T + (r * h) @ v["Un"].T + v["bn"])
        return (1 - z) * n + z * h

    return scanned(v, step, lambda h: h)


def rnn(v):
    return scanned(v, lambda h, x: jnp.tanh(gate(v, "", x, h)), lambda h: h)


def rnn_all(v):
    h, states = jnp.zeros((v["X"].shape[1], v["V"].shape[0])), []
    for x in v["X"]:
        h = jnp.tanh(gate(v, "", x, h))
        states.append(h)
    return entropy(jnp.stack(states) @ v["V"] + v["c"], v["Y"])


def layer_norm(x, gamma, beta):
    centred = x - x.mean(-1, keepdims=True)
    return gamma * centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) + beta


def transformer(causal):
    def loss(v):
        X = v["X"]
        length = X.shape[1]
        N = layer_norm(X, v["gamma1"], v["beta1"])
        q, k, u = (jnp.einsum("mtd,hde->mhte", N, v[name]) for name in ("Wq", "Wk", "Wv"))
        scores = q @ k.transpose(0, 1, 3, 2) / jnp.sqrt(q.shape[-1])
        if causal:
            scores = jnp.where(jnp.tril(jnp.ones((length, length))) == 1, scores, -jnp.inf)
        H = X + jnp.einsum("mhte,hed->mtd", jax.nn.softmax(scores) @ u, v["Wo"])
        Z = layer_norm(H, v["gamma2"], v["beta2"]) @ v["W1"] + v["b1"]
        out = H + jax.nn.gelu(Z, approximate=True) @ v["W2"] + v["b2"]
        return jnp.mean((out - v["Y"]) ** 2)

    return loss


LOSSES = {
    "mlp:n-h-k": lambda v: entropy(stack(v, jnp.tanh), v["Y"]),
    "mlp:3-5-4-2,activation=gelu": lambda v: entropy(
        stack(v, lambda z: jax.nn.gelu(z, approximate=False)), v["Y"]
    ),
    "mlp:3-2-1,activation=relu": lambda v: bce(sigmoid(stack(v, jax.nn.relu)), v["Y"]),
    "mlp:n-h-k,loss=mse": lambda v: jnp.mean((stack(v, jnp.tanh) - v["Y"]) ** 2),
    "logistic-regression": lambda v: bce(sigmoid(v["X"] @ v["w"] + v["b"]), v["y"] * 0 + v["y"]),
    "linear-regression": lambda v: jnp.mean((v["X"] @ v["W"] + v["b"] - v["Y"]) ** 2),
    "autoencoder:n-h-c": lambda v: jnp.mean((stack(v, jnp.tanh) - v["X"]) ** 2),
    "batchnorm-mlp": batchnorm,
    "cnn:8-2-3": cnn,
    "rnn": rnn,
    "rnn:3-4-2,targets=all": rnn_all,
    "lstm": lstm,
    "gru": gru,
    "transformer-block:a-d": transformer(False),
    "transformer-block:2-3": transformer(False),
    "transformer-block:2-2,mask=causal": transformer(True),
    "matrix-factorisation": lambda v: jnp.sum(v["M"] * (v["U"] @ v["V"].T - v["R"]) ** 2),
    "word2vec": skip_gram,
    "word2vec:v-d,loss=negative": negative_sampling,
}
COMMITTED = {
    "mlp": "mlp:64-32-10",
    "logistic_regression": "logistic-regression",
    "linear_regression": "linear-regression",
    "autoencoder": "autoencoder:64-32-8",
    "batchnorm_mlp": "batchnorm-mlp:64-32-10",
    "cnn": "cnn:8-8-10",
    "rnn": "rnn",
    "lstm": "lstm",
    "gru": "gru",
    "transformer_block": "transformer-block:4-16",
    "matrix_factorisation": "matrix-factorisation",
    "word2vec": "word2vec",
}


@pytest.mark.parametrize("start", [3, 5])
@pytest.mark.parametrize("spec", LOSSES)
def test_gradients_are_those_of_jax(spec, start):
    assert_agrees(model(spec), LOSSES[spec], start)


@pytest.mark.parametrize("spec", LOSSES)
def test_formulas_and_code_are_what_the_model_says(spec):
    found = model(spec).verify()
    assert found.ok, str(found)


def test_every_model_is_tested():
    tested = {spec.partition(":")[0] for spec in LOSSES}
    assert set(MODELS) == tested
    assert {spec.partition(":")[0] for spec in COMMITTED.values()} >= tested


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_modules_are_regenerated_byte_for_byte(name, request):
    spec = COMMITTED[name]
    source = model(spec).generate(command=f"symbackprop generate {spec}")
    committed = GENERATED / f"{name}.py"
    if request.config.getoption("--update-golden"):
        committed.write_text(source, encoding="utf-8", newline="\n")
    assert committed.read_bytes() == source.encode("utf-8"), f"symbackprop generate {spec}"


def test_generated_has_nothing_else():
    assert {path.stem for path in GENERATED.glob("*.py")} <= set(COMMITTED) | {"digits"}


@pytest.mark.parametrize("entry", MODELS.values(), ids=lambda entry: entry.name)
def test_every_model_describes_itself_and_its_example_is_a_spec(entry):
    assert entry.name in entry.describe()
    found, spec = parse(entry.example, MODELS)
    assert found is entry
    assert set(spec.options) == {choice.name for choice in entry.choices}
    assert all(choice.default in choice.values or not choice.values for choice in entry.choices)


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ("mpl:3-2", UnknownNameError),
        ("mlp:3", SpecError),
        ("linear-regression:1-2-3", SpecError),
        ("mlp:3-x y", ShapeError),
        ("mlp:3-0", ShapeError),
        ("mlp:3-2,batch=-1", ShapeError),
        ("mlp:3-2,loss=none", UnknownNameError),
        ("mlp:3-2,los=mse", UnknownNameError),
        ("mlp:3-2,mse", SpecError),
    ],
)
def test_what_is_no_spec_is_refused(spec, error):
    with pytest.raises(error):
        model(spec)
