"""All 65,536 inputs of the 16-bit formats, for one activation of each kind of formula."""

from __future__ import annotations

import pytest

from rescu_cli import catalogue
from rescu_cli.export import check


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["relu", "smelu:beta=0.5", "smelu:beta=0.1", "swish", "rescu_smootherstep", "softplus"]
)
def test_torch_is_within_one_ulp_at_every_16_bit_input(text: str) -> None:
    """Except where the truth is a number that float32 itself holds only as a subnormal."""
    report = check(catalogue.resolve(text), "torch", ["float16", "bfloat16"])
    for by_what in report.comparisons.values():
        for comparison in by_what.values():
            assert comparison.exhaustive and comparison.ok
            assert comparison.max_ulp <= 1 or comparison.excused <= 20


@pytest.mark.slow
@pytest.mark.parametrize("text", ["gsmelu:alpha=0.3,beta=0.7,g_minus=0.01,g_plus=1", "gelu"])
def test_numpy_is_within_one_ulp_at_every_float16(text: str) -> None:
    report = check(catalogue.resolve(text), "numpy", ["float16"])
    for comparison in report.comparisons["float16"].values():
        assert comparison.exhaustive and comparison.ok and comparison.max_ulp <= 1
