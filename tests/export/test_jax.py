"""The JAX artifact: right under every transformation, for every float, whatever XLA rewrites."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rescu_cli import catalogue
from rescu_cli.errors import InternalError, MissingDependencyError
from rescu_cli.export import check, emit
from rescu_cli.export.loader import load
from rescu_cli.export.runners.base import runner
from tests.export.compilers import need_packages

need_packages("jax")

NAMES = catalogue.names()
FREE = tuple(n for n in NAMES if catalogue.get(n).parameters)
SIXTEEN_BITS = ("relu", "smelu", "rescu_gaussian", "squareplus", "swish", "gelu", "selu", "smu")
EXTREMES = (
    "smelu:beta=1e30", "smelu:beta=1e-30", "rescu_smoothstep:beta=1e30", "rescu_laplace:beta=1e-30", "softplus:k=1e30", "squareplus:c=1e30", "swish:k=0.01",
    "celu:alpha=1e-20", "leaky_relu:alpha=0", "sau:alpha=0.15,s=5e-5", "smu:alpha=0.3,mu=1e5",
    "smu1:alpha=0.25,mu=1e-10", "gsmelu:alpha=0.3,beta=7,g_minus=0.01,g_plus=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def jax() -> Iterator[ModuleType]:
    """JAX with 64-bit numbers, as it was afterwards."""
    module = importlib.import_module("jax")
    before = module.config.jax_enable_x64
    module.config.update("jax_enable_x64", True)
    yield module
    module.config.update("jax_enable_x64", before)


def module_of(text: str) -> ModuleType:
    return load(emit(catalogue.resolve(text), "jax"))


def function_of(text: str) -> Any:
    return getattr(module_of(text), catalogue.resolve(text).name)


def numbers(name: str) -> list[float]:
    """The defaults, moved a little."""
    return [float(p.default) * 1.1 + 0.07 for p in catalogue.get(name).parameters]


def points(n: int = 9) -> Any:
    """Float64 points away from joints."""
    return np.random.default_rng(5).normal(size=n) * 1.7 + 0.013


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_reference_however_it_is_run(name: str) -> None:
    """As it is, under jit, vmap, vjp, jvp and jit of grad; 16 bits for some, as each is compiled."""
    kinds = ["float32", "float64", *(["float16", "bfloat16"] if name in SIXTEEN_BITS else [])]
    report = check(catalogue.get(name), "jax", kinds, exhaustive=False, n_samples=150)
    assert report.tool.startswith("jax ")
    assert set(report.comparisons) == set(kinds)
    assert report.comparisons["float32"]["gradient"].ways == (
        "gradient", "jit of gradient", "backward", "jit of forward", "jit of grad",
    )  # fmt: skip
    assert report.ok, report.to_dict()


@pytest.mark.parametrize("text", EXTREMES)
def test_agrees_at_extreme_parameters(text: str) -> None:
    """XLA would turn divisions by constants into products, and join quotients of quotients."""
    report = check(catalogue.resolve(text), "jax", ["float32"], exhaustive=False, n_samples=100)
    assert report.ok, report.to_dict()


@pytest.mark.parametrize("name", FREE)
def test_free_parameters_of_extreme_size_survive_the_compiler(jax: ModuleType, name: str) -> None:
    """As inputs, not as constants: value and all gradients are as finite as they are in NumPy."""
    plain = load(emit(catalogue.get(name), "numpy"))
    f, g = getattr(plain, name), getattr(plain, f"{name}_gradient")
    module = module_of(name)
    x = np.array([-1e30, -3.0, -1e-30, 0.0, 1e-30, 0.5, 1e30])
    for factor in (1e-30, 1e30):
        ps = [float(p.default) for p in catalogue.get(name).parameters]
        ps[-1 if name in ("smu", "smu1", "sau") else 0] *= factor
        if name == "leaky_relu":
            ps = [0.0]
        found = jax.jit(getattr(module, name))(x, *ps)
        slope = jax.jit(getattr(module, f"{name}_gradient"))(x, *ps)
        assert np.allclose(found, f(x, *ps), rtol=1e-13, atol=1e-300)
        assert np.allclose(slope, g(x, *ps), rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("name", NAMES)
def test_first_and_second_derivatives_by_x_and_by_every_parameter(
    jax: ModuleType, name: str
) -> None:
    """Both modes, against finite differences and against each other."""
    f, x, ps = function_of(name), points(), numbers(name)
    test_util = importlib.import_module("jax.test_util")
    test_util.check_grads(f, (x, *ps), order=2, modes=("fwd", "rev"), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["relu", "smelu", "swish", "gelu", "gsmelu", "mish"])
def test_transformations_compose(jax: ModuleType, name: str) -> None:
    """jit of vmap of grad of grad, Hessians forward over reverse, jacfwd and jacrev."""
    f, x, ps = function_of(name), points(), numbers(name)
    gradient = getattr(module_of(name), f"{name}_gradient")
    over = (0, *(None for _ in ps))
    once = jax.jit(jax.vmap(jax.grad(f), over))(x, *ps)
    assert np.allclose(once, gradient(x, *ps), rtol=1e-14)
    twice = jax.jit(jax.vmap(jax.grad(jax.grad(f)), over))(x, *ps)
    h = 1e-6
    finite = (gradient(x + h, *ps) - gradient(x - h, *ps)) / (2 * h)
    assert np.allclose(twice, finite, atol=1e-6)
    total = lambda u: f(u, *ps).sum()  # noqa: E731
    assert np.allclose(jax.hessian(total)(x), np.diag(twice))
    assert np.allclose(jax.jacfwd(lambda u: f(u, *ps))(x), jax.jacrev(lambda u: f(u, *ps))(x))


@pytest.mark.parametrize("name", FREE)
def test_slopes_by_parameters_are_those_of_torch(jax: ModuleType, name: str) -> None:
    torch = pytest.importorskip("torch")
    f, x, ps = function_of(name), points(), numbers(name)
    leaves = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in ps]
    getattr(load(emit(catalogue.get(name), "torch")), name)(
        torch.from_numpy(x), *leaves
    ).sum().backward()
    found = jax.grad(lambda *p: f(x, *p).sum(), tuple(range(len(ps))))(*ps)
    expected = [leaf.grad.item() for leaf in leaves]
    assert np.allclose(np.asarray(found), expected, rtol=1e-12, atol=1e-13)


def test_parameters_broadcast_and_get_gradients_of_their_own_shape(jax: ModuleType) -> None:
    f, x = function_of("smelu"), points(6).reshape(2, 3)
    rows = np.array([[0.5], [2.0]])
    out = f(x, rows)
    assert np.array_equal(out[0], f(x[0], 0.5)) and np.array_equal(out[1], f(x[1], beta=2.0))
    slopes = jax.grad(lambda b: f(x, b).sum())(rows)
    assert slopes.shape == (2, 1)
    assert np.allclose(slopes[1, 0], jax.grad(lambda b: f(x[1], b).sum())(2.0))
    wide, thin = np.full((4, 1), 0.3), np.zeros(3)
    by_x, by_b = jax.grad(lambda u, b: f(u, b).sum(), (0, 1))(thin, wide)
    assert by_x.shape == (3,) and by_b.shape == (4, 1)
    assert jax.vmap(f, (None, 0))(thin, np.array([0.1, 0.2])).shape == (2, 3)
    # A float64 parameter does not widen a float32 result.
    assert f(np.float32(0), np.float64(0.5)).dtype == np.float32


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_shapes_and_formats_are_kept(jax: ModuleType, kind: str) -> None:
    for text in ("smelu", "identity", "gelu:k=1"):
        f = function_of(text)
        x = jax.numpy.zeros((2, 0, 3), dtype=kind)
        assert f(x).shape == (2, 0, 3) and f(x).dtype == kind
        one = jax.numpy.asarray(0.5, dtype=kind)
        assert f(one).shape == () and jax.grad(f)(one).dtype == kind


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan_and_limits_are_numbers(jax: ModuleType, name: str) -> None:
    module, x = module_of(name), np.array([np.nan, np.inf, -np.inf])
    f, g = getattr(module, name), getattr(module, f"{name}_gradient")
    for out in (f(x), g(x), jax.vmap(jax.grad(f))(x), jax.jvp(f, (x,), (np.ones(3),))[1]):
        assert np.isnan(out).tolist() == [True, False, False]


def test_ties_and_the_step_have_no_slope_of_their_own(jax: ModuleType) -> None:
    f = function_of("relu")
    x = np.array([-0.0, 0.0, 5e-324, -5e-324, 1.0])
    assert jax.vmap(jax.grad(f))(x).tolist() == [0.0, 0.0, 1.0, 0.0, 1.0]
    assert jax.vmap(jax.grad(jax.grad(f)))(x).tolist() == [0.0] * 5


@pytest.mark.parametrize("x", [np.ones(2, dtype=complex), 1j])
def test_complex_numbers_are_refused(jax: ModuleType, x: Any) -> None:
    with pytest.raises(TypeError, match="smelu takes real numbers up to float64; found complex128"):
        function_of("smelu")(x)


def test_integers_and_truth_values_give_the_default_format(jax: ModuleType) -> None:
    f = function_of("smelu")
    assert f([1, 2]).dtype == np.float64
    assert f(np.array([True, False])).tolist() == [1.0, 0.25]


def test_16_bit_is_computed_in_float32_and_rounded_once(jax: ModuleType) -> None:
    f = function_of("gelu")
    x = np.linspace(-4, 4, 500).astype(np.float16)
    expected = np.asarray(f(x.astype(np.float32))).astype(np.float16)
    assert np.array_equal(f(x), expected)


@pytest.mark.parametrize("name", NAMES)
def test_text_is_formatted_and_has_no_branch_on_x(name: str) -> None:
    text = emit(catalogue.get(name), "jax").text
    body = text.split('"""')[2]
    assert max(map(len, body.splitlines())) <= 88
    tests = {ast.unparse(n.test) for n in ast.walk(ast.parse(text)) if isinstance(n, ast.If)}
    assert not any(t.startswith(("x <", "x >", "x ==")) for t in tests)


def test_text_is_as_the_formatter_writes_it() -> None:
    pytest.importorskip("ruff")
    for name in (*NAMES, "smelu:beta=0.3", "rescu_cosine:beta=1e30"):
        text = emit(catalogue.resolve(name), "jax").text
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "-"],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


# -- the worker process ------------------------------------------------------------------------


def test_a_check_leaves_the_callers_jax_alone() -> None:
    """64-bit numbers are switched on in the worker, not here."""
    code = (
        "from rescu_cli import catalogue\n"
        "from rescu_cli.export import check\n"
        "check(catalogue.get('relu'), 'jax', ['float64'], exhaustive=False, n_samples=5)\n"
        "import sys; assert 'jax' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_tool_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """A package that cannot be imported stands in for one that is not there."""
    process = importlib.import_module("rescu_cli.export.runners.process")
    process.close_idle()
    (tmp_path / "jax.py").write_text("raise ModuleNotFoundError('No', name='jax')\n")
    monkeypatch.setattr(process, "_ROOT", f"{process._ROOT}{os.pathsep}{tmp_path}")
    with pytest.raises(MissingDependencyError, match=r"needs jax.*pip install jax") as caught:
        runner(emit(catalogue.get("relu"), "jax"), {})
    assert caught.value.exit_code == 4


def test_an_artifact_that_fails_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's traceback arrives; the next runner gets a worker that answers."""
    artifact = emit(catalogue.get("relu"), "jax")
    broken = type(artifact)(
        "jax", "relu", artifact.text.replace("jnp.maximum", "jnp.nothing"), ".py",
        artifact.activation,
    )  # fmt: skip
    with runner(broken, {}) as run, pytest.raises(InternalError, match="nothing"):
        run(np.zeros(3), "float32", "value")
    with runner(artifact, {}) as run:
        found = run(np.array([-1.0, 2.0]), "float32", "value")
    assert all(v.tolist() == [0.0, 2.0] for v in found.values())


def test_a_worker_that_ends_is_replaced() -> None:
    process = importlib.import_module("rescu_cli.export.runners.process")
    artifact = emit(catalogue.get("relu"), "jax")
    runner(artifact, {}).close()
    (idle,) = (w for w in process._idle.values() if w.key[0] == "jax")
    idle._process.kill()
    idle._process.wait()
    with runner(artifact, {}) as run:
        assert run(np.ones(1), "float32", "value")["function"].tolist() == [1.0]
