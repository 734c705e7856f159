"""The pieces of the auditor by themselves."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from rescu_cli import catalogue
from rescu_cli.audit.grid import even, points
from rescu_cli.audit.origin import frameworks_used
from rescu_cli.audit.pieces import difference, formula, polynomial
from rescu_cli.audit.recognise import recognise_samples
from rescu_cli.audit.report import Check, jsonable, shown
from rescu_cli.audit.scan import find_breaks
from rescu_cli.audit.truth import Truth
from rescu_cli.core.edges import float_format

Array = npt.NDArray[np.float64]
F64 = float_format("float64")


@pytest.mark.parametrize("size", [1e-6, 1e-3, 0.5, -2.0])
@pytest.mark.parametrize("at", [-1.0, 0.0, 1 / 3, 7.25])
def test_a_jump_is_closed_in_on_to_neighbouring_floats(at: float, size: float) -> None:
    def f(xs: Array) -> Array:
        return np.logaddexp(0, xs) + np.where(xs > at, size, 0.0)

    (jump,), kinks = find_breaks(f, F64, even(1.0))
    assert jump.left == at
    assert jump.right == np.nextafter(at, np.inf)
    assert jump.size == pytest.approx(size, rel=1e-5)
    assert kinks == ()


def test_a_kink_is_no_jump() -> None:
    jumps, (kink,) = find_breaks(lambda xs: np.maximum(xs - 1 / 3, 0), F64, even(1.0))
    assert jumps == ()
    assert kink.at == pytest.approx(1 / 3, abs=1e-3)
    assert (kink.slope_left, kink.slope_right) == (0, pytest.approx(1))


@pytest.mark.parametrize("k", [0.1, 1, 30])
def test_a_smooth_function_has_neither(k: float) -> None:
    assert find_breaks(lambda xs: np.logaddexp(0, k * xs) / k, F64, even(1.0)) == ((), ())


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_an_interval_of_a_thousandth_cannot_hide(name: str) -> None:
    xs = points(name, (-1.0, 1.0), 1.0)
    for low in np.random.default_rng(1).uniform(-16, 15.99, 200):
        assert np.sum((xs > low) & (xs < low + 1e-3)) >= 2


def test_the_grid_holds_subnormals_and_the_largest_number() -> None:
    xs = points("float32", (), 1.0)
    assert np.sum((xs != 0) & (np.abs(xs) < 2.0**-126)) > 500
    assert xs.max() == float_format("float32").largest


def test_what_counts_as_rounding() -> None:
    """4 ulp of the largest of |x|, |f| and the width; here 2^−23, 4·2^−20 and 16 ulp of f."""
    truth = Truth(catalogue.resolve("smelu:beta=1"))
    f32 = float_format("float32")
    xs = np.array([0.5, 8.0, -8.0])
    allowed = truth.allowed(f32, xs, truth.exact(xs, "value"), "value")
    assert allowed.tolist() == [4 * 2.0**-22, 16 * 2.0**-20, 4 * 2.0**-20]
    assert truth.width == pytest.approx(2.0)


def test_the_width_of_a_line_is_0() -> None:
    assert Truth(catalogue.resolve("relu")).width == 0
    assert Truth(catalogue.resolve("identity")).width == 0


XS = np.linspace(-6, 6, 121) + 0.013


@pytest.mark.parametrize(("ys", "spec"), [
    (np.where(XS > 0, XS, 0.7 * np.expm1(XS)), "elu:alpha=0.7"),
    (np.logaddexp(0, 3.1 * XS) / 3.1, "softplus:k=3.1"),
    (XS / (1 + np.exp(-1.702 * XS)), "swish:k=1.702"),
    ((XS + np.sqrt(XS**2 + 0.09)) / 2, "squareplus:c=0.3"),
    (np.maximum(XS, 0), "relu"),
])  # fmt: skip
def test_parameters_are_fitted_and_tidied(ys: Array, spec: str) -> None:
    match = recognise_samples(XS, ys, {})
    assert match is not None
    assert match.spec == spec


def test_noise_is_not_recognised() -> None:
    assert recognise_samples(XS, np.random.default_rng(0).normal(size=XS.size), {}) is None
    assert recognise_samples(XS[:8], XS[:8], {}) is None


def test_polynomials_and_differences() -> None:
    stretch = polynomial(lambda xs: xs**2 / 4 + xs / 8, -1.0, 1.0, 8.0)
    assert stretch is not None
    assert stretch.coefficients == (0.0, 0.125, 0.25)
    assert formula(stretch.coefficients) == "0.25*x^2 + 0.125*x"
    assert stretch.where() == "for −1 <= x <= 1"
    assert polynomial(np.exp, -1.0, 1.0, 8.0) is None
    assert difference(XS, XS + 0.15 / XS, 1.5 * XS) == "-0.5*x + 0.15/x"
    assert difference(XS, np.sin(XS), XS) is None


def test_the_framework_is_read_off_the_function_not_the_file() -> None:
    def on_numbers(x: float) -> float:
        return math.tanh(x)

    def on_arrays(x: Array) -> Array:
        return np.maximum(x, on_numbers(1.0))

    assert frameworks_used(on_numbers) == {"math"}
    assert frameworks_used(on_arrays) >= {"numpy"}
    assert frameworks_used(lambda x: x * (x > 0)) == frozenset()


def test_numbers_for_json_and_for_people() -> None:
    assert [jsonable(v) for v in (1.5, None, math.nan, -math.inf)] == [1.5, None, "nan", "-inf"]
    assert [shown(v) for v in (-0.0, -1.0, 1e-9)] == ["0", "−1", "1e−09"]
    data = Check("value", "float32", "ok", witness={"size": 3, "x": math.inf}).to_dict()
    assert data["witness"] == {"size": 3, "x": "inf"}
