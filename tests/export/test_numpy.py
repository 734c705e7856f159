"""The NumPy artifact: arrays and numbers, their formats kept, nothing warned about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rescu_cli import catalogue
from rescu_cli.export import emit
from rescu_cli.export.loader import load


def functions_of(text: str) -> tuple[Any, Any]:
    activation = catalogue.resolve(text)
    module = load(emit(activation, "numpy"))
    return getattr(module, activation.name), getattr(module, f"{activation.name}_gradient")


def test_numbers_give_numbers_and_arrays_their_shape_and_format() -> None:
    f, g = functions_of("smelu")
    assert f(0.0) == 0.25 and np.ndim(f(0.0)) == 0 and isinstance(f(0.0), np.float64)
    assert f(np.float16(0)).dtype == np.float16
    assert f(np.zeros((2, 0, 3), dtype=np.float32)).shape == (2, 0, 3)
    assert g(np.zeros((2, 3), dtype=np.float32)).dtype == np.float32
    assert f([1, 2]).dtype == np.float64
    assert f(np.array([True, False])).tolist() == [1.0, 0.25]
    strided = np.linspace(-2, 2, 24).reshape(4, 6).T[::2]
    assert np.array_equal(f(strided), f(strided.copy()))


def test_parameters_are_keywords_and_broadcast() -> None:
    f, _ = functions_of("smelu")
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    rows = f(x, beta=np.array([[0.5], [2.0]]))
    assert rows.dtype == np.float32
    assert np.array_equal(rows[0], f(x[0], 0.5)) and np.array_equal(rows[1], f(x[1], beta=2.0))


@pytest.mark.parametrize(
    "x", [np.ones(2, dtype=complex), np.array(["a"]), np.array([1], dtype=object)]
)
def test_what_is_not_a_real_number_is_refused(x: Any) -> None:
    f, _ = functions_of("smelu")
    with pytest.raises(TypeError, match="smelu takes real numbers up to float64; found"):
        f(x)


@pytest.mark.parametrize("name", catalogue.names())
def test_no_warning_at_any_edge(name: str) -> None:
    """Warnings are errors in this suite; so are they for careful users of np.seterr."""
    f, g = functions_of(name)
    for kind in (np.float16, np.float32, np.float64):
        info = np.finfo(kind)
        x = np.array(
            [
                0,
                -0.0,
                info.max,
                info.min,
                info.tiny,
                info.smallest_subnormal,
                np.inf,
                -np.inf,
                np.nan,
            ],
            dtype=kind,
        )
        with np.errstate(all="raise"):
            for function in (f, g):
                out = function(x)
                assert out.dtype == kind
                assert np.isnan(out).tolist() == np.isnan(x).tolist()


def test_a_width_of_zero_is_relu() -> None:
    f, g = functions_of("smelu")
    x = np.array([-2.0, -1e-300, -0.0, 0.0, 1e-300, 3.0])
    assert f(x, beta=0).tolist() == [0.0, 0.0, 0.0, 0.0, 1e-300, 3.0]
    assert g(x, beta=0).tolist() == [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]


def test_float16_is_rounded_once() -> None:
    f, _ = functions_of("gelu")
    x = np.linspace(-4, 4, 500).astype(np.float16)
    assert np.array_equal(f(x), f(x.astype(np.float32)).astype(np.float16))
