"""Negative controls: faults of one bit, one input or one sign must be caught at every float."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from rescu_cli import catalogue
from rescu_cli.core.edges import float_format
from rescu_cli.export import emit
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.machine import MachineReport, check_machine
from rescu_cli.export.machine.order import key

LINE = [("value", -math.inf, math.inf, 1), ("gradient", -math.inf, math.inf, 1)]
FLOAT32 = float_format("float32")
RETURNED = "return value, gradient"


def broken(artifact: Artifact, right: str, wrong: str) -> Artifact:
    assert right in artifact.text, "the control no longer matches the text; write it anew"
    return replace(artifact, text=artifact.text.replace(right, wrong))


def around(x: float, reach: int = 5000) -> range:
    at = key(FLOAT32, x)
    return range(max(at - reach, 0), min(at + reach, 2**32))


def checked(artifact: Artifact, keys: range | None = None, kind: str = "float32") -> MachineReport:
    return check_machine(artifact, kind, LINE, keys=keys, workers=1)


@pytest.fixture(scope="module")
def smelu() -> Artifact:
    return emit(catalogue.resolve("smelu:beta=0.5"), "torch")


def test_a_constant_that_is_wrong_in_its_last_bit_is_caught(smelu: Artifact) -> None:
    place = around(-0.1495, 200_000)  # values just below a power of two: a bit is most ulps here
    assert checked(smelu, place).ok
    report = checked(broken(smelu, "mul_(0.5)", "mul_(0.50000006)"), place)
    assert report.quantities["value"].beyond.n > 0 and report.quantities["gradient"].ok


def test_a_single_float_out_of_order_is_caught_though_it_is_accurate(smelu: Artifact) -> None:
    """One ulp down at one float of 2³²: within the bound, but the function does not fall."""
    place, x = around(0.3125), 0.3125
    wobble = broken(smelu, RETURNED, f"return value - (x == {x}) * 2.0**-24, gradient")
    report = checked(wobble, place).quantities["value"]
    assert report.beyond.n == 0 and not report.ok
    assert report.order.violations.n == 1
    assert report.order.violations.x == math.nextafter(x, -1) or report.order.violations.x < x


def test_a_fall_between_two_chunks_and_between_two_blocks_is_caught(smelu: Artifact) -> None:
    edge = key(FLOAT32, 0.3125)
    wobble = broken(smelu, RETURNED, "return value - (x == 0.3125) * 2.0**-24, gradient")
    report = check_machine(
        wobble, "float32", LINE, keys=range(edge - 512, edge + 512), block=512, workers=2
    )
    assert report.quantities["value"].order.violations.n == 1


@pytest.mark.parametrize(
    ("wrong", "fault", "where"),
    [
        ("return value + 0.0 * x, gradient", "spurious_nan", "value"),
        ("return value, gradient + 0.0 * x", "spurious_nan", "gradient"),
        ("return value.nan_to_num(nan=0.0, posinf=torch.inf), gradient", "lost_nan", "value"),
        ("return value, gradient / (x != torch.inf)", "spurious_inf", "gradient"),
    ],
)
def test_nan_and_infinity_at_infinity_are_caught(
    smelu: Artifact, wrong: str, fault: str, where: str
) -> None:
    places = [around(math.inf, 40), around(-math.inf, 40)]
    assert all(checked(smelu, place).ok for place in places)
    found = [checked(broken(smelu, RETURNED, wrong), p).quantities[where] for p in places]
    assert any(getattr(f, fault).n for f in found)
    assert any(not f.ok for f in found)


def test_a_flipped_sign_of_a_tiny_value_is_caught() -> None:
    """−2⁻¹⁴⁰ for 2⁻¹⁴⁰: no distance that counts, but the wrong side of 0."""
    right = emit(catalogue.resolve("swish:k=1"), "torch")
    place, x = around(-(2.0**-139), 50), -(2.0**-139)
    assert checked(right, place).ok
    flipped = broken(right, RETURNED, f"return value * (1 - 2.0 * (x == {x})), gradient")
    report = checked(flipped, place).quantities["value"]
    assert report.sign.n == 1 and report.sign.x == x and not report.ok


def test_a_zero_for_a_small_number_is_caught_at_one_float16() -> None:
    right = emit(catalogue.resolve("swish:k=1"), "torch")
    lost = broken(right, RETURNED, "return value * (x != 0.00048828125), gradient")
    report = checked(lost, kind="float16").quantities["value"]
    assert report.zero.n == 1 and report.zero.x == 2.0**-11 and not report.ok


def test_a_fault_of_the_backward_pass_alone_is_caught(smelu: Artifact) -> None:
    fault = broken(smelu, "* slope(wide)).to(x.dtype)", "* slope(wide) * 1.000001).to(x.dtype)")
    report = checked(fault, around(0.125))
    assert report.quantities["value"].ok and report.quantities["gradient"].beyond.n
    assert report.quantities["gradient"].beyond.way == "backward"
