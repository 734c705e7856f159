"""The same trainings as `rescu compare relu smelu swish --seeds N` as one JAX program each.

All seeds of an activation are vmapped, the whole training is one jitted scan, compilation is part
of the time. The order of the data is drawn with NumPy and the short last batch is masked, both of
which compile much faster than a permutation and a second training step inside the program.

    python benchmarks/compare_jax.py [N]        # needs: pip install jax scikit-learn
"""

from __future__ import annotations

import functools
import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

EPOCHS, BATCH, LR = 30, 64, 1e-3
SIZES = (64, 128, 64, 10)
ACTIVATIONS = {
    "relu": (jax.nn.relu, 1.4142),
    "smelu": (jax.nn.sparse_plus, 1.3803),
    "swish": (jax.nn.swish, 1.6765),
}


def forward(activation, parameters, x):
    for weight, bias in parameters[:-1]:
        x = activation(x @ weight + bias)
    weight, bias = parameters[-1]
    return x @ weight + bias


def initialise(key, gain):
    keys = jax.random.split(key, len(SIZES) - 1)
    return [
        (
            jax.random.normal(k, (i, o)) * (1.0 if o == SIZES[-1] else gain) / math.sqrt(i),
            jnp.zeros(o),
        )
        for k, i, o in zip(keys, SIZES, SIZES[1:], strict=False)
    ]


def loss(parameters, activation, x, y, weight):
    log_p = jax.nn.log_softmax(forward(activation, parameters, x))
    return -(weight * jnp.take_along_axis(log_p, y[:, None], 1)[:, 0]).sum() / weight.sum()


@functools.partial(jax.jit, static_argnums=0)
@functools.partial(jax.vmap, in_axes=(None, None, 0, 0, None, None, None, None))
def train(activation, gain, key, rows, mask, x_train, y_train, x_test):
    parameters = initialise(key, gain)
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    n_steps = len(rows)

    def step(state, batch):
        parameters, first, second, t = state
        chosen, weight = batch
        g = jax.grad(loss)(parameters, activation, x_train[chosen], y_train[chosen], weight)
        lr = LR * 0.5 * (1 + jnp.cos(jnp.pi * t / n_steps))
        t = t + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, g)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, g)
        parameters = jax.tree.map(
            lambda p, m, v: p - lr * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8),
            parameters,
            first,
            second,
        )
        return (parameters, first, second, t), None

    state, _ = jax.lax.scan(step, (parameters, zeros, zeros, 0.0), (rows, mask))
    return jax.nn.softmax(forward(activation, state[0], x_test))


def main(n_seeds: int) -> None:
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=0.2, stratify=y, random_state=0
    )
    mean, deviation = x_train.mean(), x_train.std()
    x_train = ((x_train - mean) / deviation).astype(np.float32)
    x_test = ((x_test - mean) / deviation).astype(np.float32)
    n = len(x_train)
    per_epoch = math.ceil(n / BATCH)
    rows = np.zeros((n_seeds, EPOCHS, per_epoch * BATCH), dtype=np.int32)
    for seed in range(n_seeds):
        generator = np.random.default_rng(seed)
        for epoch in range(EPOCHS):
            rows[seed, epoch, :n] = generator.permutation(n)
    rows = rows.reshape(n_seeds, EPOCHS * per_epoch, BATCH)
    mask = np.tile(np.arange(per_epoch * BATCH) < n, EPOCHS).reshape(-1, BATCH).astype(np.float32)
    keys = jax.vmap(jax.random.PRNGKey)(jnp.arange(n_seeds))
    for name, (activation, gain) in ACTIVATIONS.items():
        p = np.asarray(train(activation, gain, keys, rows, mask, x_train, y_train, x_test))
        accuracy = (p.argmax(2) == y_test).mean()
        pd = np.abs(p - p.mean(0)).sum(2).mean()
        print(f"{name}: accuracy {accuracy:.4f}, pd_l1 {pd:.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
