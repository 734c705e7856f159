"""The check: distances that are right, reports that say all, and faults that cannot hide."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.derive import derive
from rescu_cli.core.edges import float_format
from rescu_cli.core.expression import expression_shape
from rescu_cli.core.reference import Reference
from rescu_cli.errors import ParameterError, UnknownNameError, UnsupportedError
from rescu_cli.export import check, emit
from rescu_cli.export.held import as_held
from rescu_cli.export.ulp import distance

HALF, SINGLE = float_format("float16"), float_format("float32")


def ulps(kind: object, found: float, high: float, low: float = 0.0) -> float:
    return float(distance(kind, np.array([found]), np.array([high]), np.array([low]))[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "high", "low", "expected"),
    [
        (1.0, 1.0, 0.0, 0.0),
        (1.0 + 2**-10, 1.0, 0.0, 1.0),
        (1.0, 1.0, 2.0**-11, 0.5),  # a tie: either neighbour is half an ulp off
        (2.0, 2.0 - 2**-10, 0.0, 1.0),  # the ulp is that of the truth's binade
        (0.0, 2.0**-24, 0.0, 1.0),  # subnormals: units of the lowest binade
        (2.0**-24, 0.0, 0.0, 1.0),
        (0.0, -0.0, 0.0, 0.0),
        (np.inf, 65504.0, 0.0, 1.0),  # infinity stands for 65536
        (np.inf, 70000.0, 0.0, 0.5),  # what rounds to infinity may be infinite
        (np.inf, np.inf, 0.0, 0.0),
        (65504.0, np.inf, 0.0, np.inf),
        (-np.inf, np.inf, 0.0, np.inf),
        (1.0, -1.0, 0.0, 2048.0),
    ],
)
def test_distance_in_half_precision(found: float, high: float, low: float, expected: float) -> None:
    assert ulps(HALF, found, high, low) == expected


def test_the_low_word_counts_in_double_precision() -> None:
    """Two doubles one ulp apart, the truth a quarter of an ulp above the lower one."""
    double = float_format("float64")
    assert ulps(double, 1.0, 1.0, 2.0**-54) == 0.25
    assert ulps(double, 1.0 + 2**-52, 1.0, 2.0**-54) == 0.75


def test_a_report_holds_what_the_contract_promises() -> None:
    report = check(catalogue.resolve("smelu:beta=0.5"), "numpy", n_samples=60, exhaustive=False)
    data = report.to_dict()
    json.dumps(data, allow_nan=False)
    assert (
        data["target"] == "numpy" and data["activation"] == "smelu:beta=0.5" and data["ok"] is True
    )
    assert list(data["dtypes"]) == ["float16", "float32", "float64"]
    for by_what in data["dtypes"].values():
        for what in ("value", "gradient"):
            assert {"n_inputs", "exhaustive", "max_ulp", "worst_x", "nan_mismatch"} <= set(
                by_what[what]
            )
            assert by_what[what]["n_inputs"] > 90 and by_what[what]["nan_mismatch"] == 0


def test_sixteen_bit_formats_are_tried_exhaustively_by_default() -> None:
    report = check(catalogue.get("relu"), "numpy", ["float16"])
    for comparison in report.comparisons["float16"].values():
        assert (comparison.n_inputs, comparison.exhaustive, comparison.max_ulp) == (
            65536,
            True,
            0.0,
        )


def test_the_parameter_is_taken_as_the_format_holds_it() -> None:
    """0.1 is not a float32: against the joint at 1/10 the last ulps before it would be all wrong."""
    activation = catalogue.resolve("smelu:beta=0.1")
    found = as_held(activation, SINGLE)
    held = found.bound
    assert found.exact and held.breakpoints[1] == sp.Rational(13421773, 2**27)
    assert as_held(activation, float_format("float64")).bound.breakpoints[1] != held.breakpoints[1]
    beside = float(np.nextafter(np.float32(-0.1), np.float32(0)))
    assert Reference(activation)(beside) < 0.7 * Reference(held)(beside)
    assert (
        check(activation, "numpy", ["float32"], n_samples=400)
        .comparisons["float32"]["value"]
        .max_ulp
        < 3
    )


def test_a_fixed_parameter_that_cannot_be_rounded_is_noted() -> None:
    """What was derived is no row of the catalogue, so its constants cannot be taken apart again."""
    shape = expression_shape(
        "0 if x < -0.1 else (x + 0.1)*5 if x < 0.1 else 1", read_assumptions([])
    )
    activation = derive(shape, name="mine")
    report = check(activation, "numpy", ["float64"], n_samples=50)
    assert report.notes == ()  # no parameter at all: nothing to round
    bound = derive(
        expression_shape("x/sqrt(beta**2+x**2)", read_assumptions([])), name="mine"
    ).bind(beta="0.1")
    report = check(bound, "numpy", ["float32"], n_samples=50)
    assert len(report.notes) == 1 and "fixed parameters are not floats" in report.notes[0]


def test_requests_that_cannot_be_met() -> None:
    smelu = catalogue.get("smelu")
    with pytest.raises(UnsupportedError, match="A latex artifact is text to read; nothing runs it"):
        check(smelu, "latex")
    with pytest.raises(UnsupportedError, match="name a target"):
        check(smelu)
    with pytest.raises(
        UnknownNameError, match=r"No format of numpy named 'bfloat16'\. Did you mean 'float16'"
    ):
        check(smelu, "numpy", ["bfloat16"])
    (beta,) = smelu.parameters
    bare = replace(smelu, parameters=(replace(beta, default=None),))
    with pytest.raises(
        ParameterError, match="smelu cannot be checked without a number for beta; bind it"
    ):
        check(bare, "numpy")


def test_an_artifact_can_be_checked_as_it_is() -> None:
    report = check(
        emit(catalogue.get("softplus"), "numpy", "soft"), dtypes=["float64"], n_samples=100
    )
    assert report.ok and report.artifact.name == "soft"
    assert math.isfinite(report.comparisons["float64"]["value"].max_ulp)


def test_points_without_a_known_truth_are_left_out() -> None:
    """log cosh at 1e306 cancels to more bits than the reference tries: no verdict is made up there."""
    activation = derive(
        expression_shape("(1 + tanh(7*x/5))/2 + 0*x", read_assumptions([])), name="mine"
    )
    report = check(activation, "numpy", ["float64"], n_samples=200)
    assert report.ok and report.comparisons["float64"]["value"].nan_mismatch == 0


def test_a_format_that_cannot_hold_the_parameter_is_left_out_and_said() -> None:
    report = check(catalogue.resolve("smelu:beta=1e-60"), "numpy", n_samples=60)
    assert list(report.comparisons) == ["float64"] and report.ok
    assert report.notes[0] == "float16 was left out. float32 does not hold 1e-60."
