"""Every mistake seen in public code is caught, and said for what it is.

The numbers come from the formulas by hand, e.g. at x = −1 and beta = 1 the quadratic that lost its
plus is 1/4 − 1/8 = 1/8, where SmeLU is 0.
"""

from __future__ import annotations

import math

import pytest

from tests.audit.conftest import Audit

CASES: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    # case: callable, claimed, what the diagnosis says, what it is recognised as
    "SmeLU that is ELU": (
        "smelu_is_elu:smelu", "smelu:beta=1",
        ("this is ELU with alpha = 1 (elu:alpha=1), not smelu:beta=1",), ("elu:alpha=1",)),
    "SmeLU that is softplus": (
        "smelu_is_softplus:SmeLU", "smelu:beta=1",
        ("this is softplus with k = 1 (softplus:k=1), not smelu:beta=1",), ("softplus:k=1",)),
    "a lost plus": (
        "smelu_lost_plus:smelu", "smelu:beta=1",
        # x²/4 + x/8: 1/8 at −1 and 3/8 at 1
        ("jumps by 0.125 at x = −1, from 0 to 0.125", "jumps by 0.625 at x = 1, from 0.375 to 1",
         "computes 0.25*x^2 + 0.125*x for −1 <= x <= 1; smelu:beta=1 is 0.25*x^2 + 0.5*x + 0.25"), ()),
    "x overwritten": (
        "smelu_overwritten:smelu", "smelu:beta=1",
        ("returns 0.25 (beta/4) for all x <= −1; smelu:beta=1 is 0 there",
         "jumps by 0.25 at x = −1, from 0.25 to 0"), ()),
    "x overwritten, another beta": (
        "smelu_overwritten:smelu", "smelu:beta=0.5",
        ("returns 0.125 (beta/4) for all x <= −0.5", "jumps by 0.125 at x = −0.5"), ()),
    "a Python if": (
        "smelu_python_if:smelu", "smelu:beta=1",
        ("uses a Python if", "works on single numbers and raises for more than one element"),
        ("smelu:beta=1",)),
    "beta = 0": (
        "smelu_zero_beta:smelu", "smelu:beta=1",
        ("beta = 0 is accepted and gives nan at x = 0 (0/0)",), ("smelu:beta=1",)),
    "a/x": (
        "sau_reciprocal:sau", "sau:alpha=0.15,s=0.5",
        # alpha/x instead of (1 + alpha)/2·x
        ("differs from sau:alpha=0.15,s=0.5 by -0.575*x + 0.15/x everywhere (a pole at x = 0)",), ()),
    "x/2": (
        "sau_half:sau", "sau:alpha=0.15,s=0.5",
        ("differs from sau:alpha=0.15,s=0.5 by -0.075*x everywhere",), ()),
    "a wrong numerator": (
        "mish_backward:mish", "mish",
        ("the gradient is not the derivative of the value: at x = ", "as Mish has"), ("mish",)),
    "exp in the branch not taken": (
        "elu_where:elu", "elu:alpha=1",
        (f"the gradient is NaN for x >= {math.log(3.4028234663852886e38):.6g} in float32",
         "although the value is right there",
         "exp overflows in the branch that where does not take"), ("elu:alpha=1",)),
    "omega over delta squared": (
        "mish_omega_delta:mish", "mish",
        # e^(4x) leaves float32 at ln(3.4e38)/4
        (f"the gradient is NaN for x >= {math.log(3.4028234663852886e38) / 4:.4g}",
         "its own backward (MishFunction) overflows, such as inf/inf"), ("mish",)),
    "two squares": (
        "smelu_squares:smelu", "smelu:beta=0.1",
        ("loses digits for large |x|", "the formula is right, but terms of it cancel"),
        ("smelu:beta=0.1",)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_mistake_is_caught_and_named(audit: Audit, case: str) -> None:
    text, against, facts, recognised = CASES[case]
    report = audit(text, against)
    assert report.verdict == "disagrees"
    said = "\n".join(report.diagnosis)
    for fact in facts:
        assert fact in said, said
    assert report.recognised == recognised


def test_two_kinks_that_cancel_are_worth_a_note(audit: Audit) -> None:
    """The right function, but autograd gives 0 instead of 1/2 at x = 0 and nowhere else."""
    report = audit("smelu_two_kinks:smelu", "smelu:beta=1")
    assert report.verdict == "agrees"
    (note,) = report.diagnosis
    assert note.startswith("note: at x = 0 alone the gradient is 0, not 0.5")


def test_a_recognised_stranger_is_not_buried_in_details(audit: Audit) -> None:
    """Where it is another function, its other limits and slopes are no news."""
    assert len(audit("smelu_is_elu:smelu", "smelu:beta=1").diagnosis) == 1


def test_the_mistake_in_the_backward_pass_is_found_in_every_format(audit: Audit) -> None:
    report = audit("mish_backward:mish", "mish")
    status = {(c.check, c.dtype): c.status for c in report.checks}
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        assert status["gradient", dtype] == "failed"
        assert status["value", dtype] == "ok"


def test_a_witness_shows_the_error(audit: Audit) -> None:
    """x, found and expected are those of one input, and can be checked by hand."""
    report = audit("sau_half:sau", "sau:alpha=0.15,s=0.5")
    (check,) = [c for c in report.checks if (c.check, c.dtype) == ("value", "float64")]
    assert check.status == "failed"
    assert check.worst_x is not None
    assert check.found is not None
    assert check.expected is not None
    assert check.found - check.expected == pytest.approx(-0.075 * check.worst_x, rel=1e-9)


def test_without_beta_at_hand_zero_is_not_tried(audit: Audit) -> None:
    """`ready` is an instance: nobody can give it another beta."""
    report = audit("smelu_torch:ready", "smelu:beta=1")
    assert not [c for c in report.checks if c.check.startswith("beta")]
    assert any("takes no parameter called beta" in s for s in report.diagnosis)
