"""The Keras artifact: a function and a layer that behave the same on each backend."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rescu_cli import catalogue
from rescu_cli.core.edges import edge_grid, sample
from rescu_cli.export import check, emit
from rescu_cli.export.loader import load
from rescu_cli.export.naming import class_name
from rescu_cli.export.runners.base import runner
from tests.export.compilers import need_packages

need_packages("keras", "jax")

# NumPy 2 and Keras on torch, when a tensor becomes an array.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
NAMES = catalogue.names()
FREE = tuple(n for n in NAMES if catalogue.get(n).parameters)
BACKENDS = tuple(b for b in ("torch", "jax", "tensorflow") if find_spec(b) is not None)


@pytest.fixture(scope="module")
def keras() -> ModuleType:
    """Keras on torch in this process."""
    os.environ["KERAS_BACKEND"] = "torch"
    return importlib.import_module("keras")


def number(tensor: Any) -> float:
    return float(tensor.detach())


def module_of(text: str) -> ModuleType:
    return load(emit(catalogue.resolve(text), "keras"))


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_reference_on_torch_and_jax(name: str) -> None:
    """Function, layer and backward pass."""
    report = check(catalogue.get(name), "keras", exhaustive=False, n_samples=150, seed=7)
    assert report.tool.startswith("keras 3.") and " on torch " in report.tool
    assert set(report.comparisons) == {"float16", "bfloat16", "float32"}
    ways = report.comparisons["float32"]["gradient"].ways
    assert set(ways) >= {"torch gradient", "torch backward"}
    assert report.ok, report.to_dict()


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "selu", "identity", "swish", "elu"])
def test_numbers_that_xla_takes_for_zero_give_what_zero_gives(name: str) -> None:
    """Torch is right there, JAX is right or answers as at 0."""
    artifact = emit(catalogue.get(name), "keras")
    numbers = {p.name: float(p.default) for p in catalogue.get(name).parameters}
    x = np.array([1e-45, -1e-45, 1e-39, -1e-39, 0.0, 1e-37])
    with runner(artifact, numbers) as run:
        for what in ("value", "gradient"):
            ways = run(x, "float32", what)
            truth = next(iter(ways.values()))
            for found in ways.values():
                right = np.abs(found - truth) <= 1e-6 * np.abs(truth) + 3e-45
                assert (right | (found == truth[4]))[:4].all() and right[4:].all()


def test_the_points_that_are_tried_include_the_edges() -> None:
    assert np.isnan(edge_grid("float32")).any() and len(sample("float32", 150, 7, [])) > 100


@pytest.mark.parametrize("name", FREE)
def test_slopes_by_parameters_are_those_of_the_torch_artifact(keras: ModuleType, name: str) -> None:
    torch = importlib.import_module("torch")
    x = torch.linspace(-3.1, 3.3, 57)
    starts = [float(p.default) * 1.1 + 0.07 for p in catalogue.get(name).parameters]
    results = []
    for target in ("keras", "torch"):
        f = getattr(load(emit(catalogue.get(name), target)), name)
        inputs = [x.clone(), *(torch.tensor(p) for p in starts)]
        for i in inputs:
            i.requires_grad_()
        f(*inputs).sum().backward()
        results.append([i.grad for i in inputs])
    for found, expected in zip(*results, strict=True):
        assert torch.allclose(found, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives_are_those_of_the_torch_artifact(keras: ModuleType, name: str) -> None:
    torch = importlib.import_module("torch")
    results = []
    for target in ("keras", "torch"):
        x = (torch.linspace(-3.1, 3.3, 57)).requires_grad_()
        f = getattr(load(emit(catalogue.get(name), target)), name)
        (slope,) = torch.autograd.grad((f(x) ** 2).sum(), x, create_graph=True)
        results.append(torch.autograd.grad(slope.sum(), x)[0])
    assert torch.allclose(*results, rtol=1e-4, atol=1e-5)


def test_parameters_broadcast_and_get_gradients_of_their_own_shape(keras: ModuleType) -> None:
    torch = importlib.import_module("torch")
    f = module_of("smelu").smelu
    x = torch.linspace(-1, 1, 6).reshape(2, 3)
    rows = torch.tensor([[0.5], [2.0]], requires_grad=True)
    out = f(x, rows)
    assert torch.equal(out[0], f(x[0], 0.5)) and torch.equal(out[1], f(x[1], beta=2.0))
    out.sum().backward()
    assert rows.grad is not None and rows.grad.shape == (2, 1)
    wide = torch.full((4, 1), 0.3, requires_grad=True)
    thin = torch.zeros(3, requires_grad=True)
    f(thin, wide).sum().backward()
    assert thin.grad is not None and thin.grad.shape == (3,)
    assert wide.grad is not None and wide.grad.shape == (4, 1)


def test_shapes_formats_and_what_is_refused(keras: ModuleType) -> None:
    f = module_of("smelu").smelu
    for kind in ("float16", "bfloat16", "float32"):
        out = f(keras.ops.zeros((2, 0, 3), dtype=kind))
        assert tuple(out.shape) == (2, 0, 3)
        assert keras.backend.standardize_dtype(out.dtype) == kind
    assert keras.backend.standardize_dtype(f(np.array([1, 2])).dtype) == "float32"
    assert keras.backend.standardize_dtype(f(np.array([0.5])).dtype) == "float32"
    assert float(f(0.0)) == 0.25
    with pytest.raises(TypeError, match="smelu takes real numbers; found complex"):
        f(np.ones(2, dtype=np.complex64))


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan(keras: ModuleType, name: str) -> None:
    module = module_of(name)
    x = np.array([np.nan, np.inf, -np.inf, 0.0], dtype=np.float32)
    for f in (getattr(module, name), getattr(module, f"{name}_gradient")):
        found = keras.ops.convert_to_numpy(f(x))
        assert np.isnan(found).tolist() == [True, False, False, False]


@pytest.mark.parametrize("name", NAMES)
def test_layers_are_saved_and_loaded_with_their_parameters(
    keras: ModuleType, name: str, tmp_path: Path
) -> None:
    layer_class = getattr(module_of(name), class_name(name))
    options = {"learnable": True} if name in FREE and name != "rescu_laplace" else {}
    if name == "gsmelu":
        options |= {"alpha": 0.7, "g_minus": 0.1}
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4), layer_class(**options)])
    assert model.output_shape == (None, 4)
    x = np.linspace(-2, 2, 15, dtype=np.float32).reshape(3, 5)
    before = keras.ops.convert_to_numpy(model(x))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(keras.ops.convert_to_numpy(again(x)), before)
    assert again.layers[-1].get_config() == model.layers[-1].get_config()
    assert keras.saving.get_registered_name(layer_class) == f"rescu>{class_name(name)}"


def test_a_learned_parameter_moves_stays_in_its_domain_and_is_saved(
    keras: ModuleType, tmp_path: Path
) -> None:
    layer = module_of("smelu").SmeLU(beta=0.5, learnable=True)
    model = keras.Sequential([keras.Input((3,)), layer])
    (weight,) = layer.trainable_weights
    assert number(layer.parameter("beta")) == pytest.approx(0.5, rel=1e-6)
    model.compile(keras.optimizers.SGD(5.0), "mse")
    x = np.linspace(-1, 1, 30, dtype=np.float32).reshape(10, 3)
    model.fit(x, np.ones_like(x), epochs=5, verbose=0)
    moved = number(layer.parameter("beta"))
    assert moved > 0 and moved != pytest.approx(0.5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert number(again.layers[-1].parameter("beta")) == moved
    weight.assign(-1e4)
    assert np.array_equal(keras.ops.convert_to_numpy(model(x)), np.maximum(x, 0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": -1.0}, r"SmeLU needs beta > 0; found beta=-1.0"),
        ({"beta": 0.0, "learnable": True}, r"starts strictly inside beta > 0; found beta=0.0"),
    ],
)
def test_parameters_outside_their_domain_are_refused(
    keras: ModuleType, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        module_of("smelu").SmeLU(**options)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_the_weight_in_float32(keras: ModuleType, policy: str) -> None:
    layer = module_of("smelu").SmeLU(learnable=True, dtype=policy)
    out = layer(np.ones((2, 3), dtype=np.float32))
    assert keras.backend.standardize_dtype(out.dtype) == policy.removeprefix("mixed_")
    assert layer.weights[0].dtype == "float32"
    out.float().sum().backward()
    assert layer.weights[0].value.grad is not None


_ON_ANY_BACKEND = """
import sys
import numpy as np
import keras
from keras import ops

path, text = sys.argv[1:]
exec(compile(open(text).read(), "smelu.py", "exec"))
layer = SmeLU(beta=0.5, learnable=True)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), layer])
model.compile(keras.optimizers.SGD(0.1), "mse")
x = np.linspace(-1, 1, 30, dtype=np.float32).reshape(10, 3)
model.fit(x, x[:, :2], epochs=2, batch_size=4, verbose=0)
assert abs(ops.convert_to_numpy(layer.parameter("beta")) - 0.5) > 1e-4
model.save(path)
assert np.array_equal(keras.models.load_model(path).predict(x, verbose=0), model.predict(x, verbose=0))

xs, beta = np.array([-0.3, -0.1, 0.2, 0.9], np.float32), np.float32(0.7)
inside = np.abs(xs) < beta
by_x = np.clip((xs + beta) / (2 * beta), 0, 1)
by_beta = np.sum(inside * (beta**2 - xs**2) / (4 * beta**2))
by_x_twice = np.where(inside, 1 / (2 * beta), 0)
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    u, b = tf.constant(xs), tf.constant(beta)
    with tf.GradientTape() as outer:
        outer.watch(u)
        with tf.GradientTape() as tape:
            tape.watch([u, b])
            y = smelu(u, b)
        found = tape.gradient(y, [u, b])
    twice = outer.gradient(found[0], u)
elif keras.backend.backend() == "jax":
    import jax
    found = jax.grad(lambda u, b: smelu(u, b).sum(), (0, 1))(xs, beta)
    twice = jax.jit(jax.vmap(jax.grad(jax.grad(lambda u: smelu(u, beta)))))(xs)
    rows = jax.vmap(smelu, (None, 0))(xs, np.array([0.1, 0.2], np.float32))
    assert rows.shape == (2, 4)
else:
    import torch
    u, b = torch.tensor(xs, requires_grad=True), torch.tensor(beta, requires_grad=True)
    found = torch.autograd.grad(smelu(u, b).sum(), (u, b), create_graph=True)
    twice = torch.autograd.grad(found[0].sum(), u)[0]
    found = [f.detach() for f in found]
assert np.allclose(found[0], by_x, rtol=1e-6), found
assert np.allclose(found[1], by_beta, rtol=1e-6), found
assert np.allclose(twice, by_x_twice, rtol=1e-6), twice
print("fine")
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_trains_saves_and_differentiates_on_every_backend(backend: str, tmp_path: Path) -> None:
    """First and second derivatives against the closed form of SmeLU."""
    (tmp_path / "smelu_text.py").write_text(emit(catalogue.get("smelu"), "keras").text)
    (tmp_path / "script.py").write_text(_ON_ANY_BACKEND)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "model.keras"), str(tmp_path / "smelu_text.py")],
        capture_output=True, text=True, check=False,
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    assert done.stdout.strip().endswith("fine"), done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_generated_python_fits_its_lines(name: str) -> None:
    text = emit(catalogue.get(name), "keras").text
    assert max(map(len, text.split('"""')[2].splitlines())) <= 88


def test_text_is_as_the_formatter_writes_it() -> None:
    pytest.importorskip("ruff")
    for name in (*NAMES, "smelu:beta=0.3", "gelu:k=1"):
        text = emit(catalogue.resolve(name), "keras").text
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "-"],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
