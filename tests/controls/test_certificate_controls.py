"""A replay catches every edit that the seal alone would not: whoever edits can seal again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from rescu_cli import catalogue
from rescu_cli.certify import Certificate, certify
from rescu_cli.certify import certificate as certificates
from rescu_cli.certify.recheck import recheck
from rescu_cli.errors import DisagreementError, UsageError

Data = dict[str, Any]
NAMES = ("monotone", "convex", "bounded_below", "gradient_range", "right_asymptote")


@pytest.fixture(scope="module")
def swish() -> Data:
    activation = catalogue.resolve("swish:k=1")
    return certify(activation, NAMES, evidence=True).to_dict()


@pytest.fixture(scope="module")
def smelu() -> Data:
    return certify(catalogue.get("smelu"), ("monotone", "convex"), evidence=True).to_dict()


def sealed(data: Data) -> Certificate:
    body = {k: v for k, v in data.items() if k != "seal"}
    return Certificate.from_dict({**body, "seal": certificates._seal(body)})


def claim(data: Data, name: str) -> Data:
    return next(c for c in data["claims"] if c["claim"] == name)


def step(data: Data, name: str, key: str) -> Data:
    return next(s for s in data["evidence"][name]["steps"] if key in s)


def lower_the_minimum(data: Data) -> str:
    claim(data, "bounded_below")["value"] = "-0.278464542750"
    return "bounded_below"


def raise_the_minimum(data: Data) -> str:
    claim(data, "bounded_below")["value"] = "-0.278464542790"
    return "bounded_below"


def widen_the_range(data: Data) -> str:
    claim(data, "gradient_range")["value"] = ["-0.2", "1.2"]
    return "gradient_range"


def shrink_the_error(data: Data) -> str:
    claim(data, "bounded_below")["error"] = "1e-30"
    return "bounded_below"


def make_a_refuted_claim_proved(data: Data) -> str:
    claim(data, "monotone").update(status="proved", witness=None)
    return "monotone"


def move_the_witness(data: Data) -> str:
    claim(data, "monotone")["witness"]["x"] = "2"
    return "monotone"


def drop_a_box(data: Data) -> str:
    del step(data, "bounded_below", "boxes")["boxes"][3]
    return "bounded_below"


def drop_the_first_box(data: Data) -> str:
    del step(data, "bounded_below", "boxes")["boxes"][0]
    return "bounded_below"


def drop_all_boxes(data: Data) -> str:
    step(data, "bounded_below", "boxes")["boxes"] = []
    return "bounded_below"


def merge_the_boxes(data: Data) -> str:
    rows = step(data, "bounded_below", "boxes")["boxes"]
    del rows[1:]
    return "bounded_below"


def start_the_tail_early(data: Data) -> str:
    step(data, "bounded_below", "boxes")["left_start"] = 1
    return "bounded_below"


def forget_the_tail(data: Data) -> str:
    step(data, "bounded_below", "boxes")["right_start"] = None
    return "bounded_below"


def invent_a_zero(data: Data) -> str:
    step(data, "bounded_below", "boxes")["boxes"][0][1:] = ["zero", "0", 2]
    return "bounded_below"


def drop_a_statement(data: Data) -> str:
    data["evidence"]["bounded_below"]["steps"].pop()
    return "bounded_below"


def prove_another_statement(data: Data) -> str:
    step(data, "bounded_below", "boxes")["expr"] += " + 1"
    return "bounded_below"


def reach_elsewhere(data: Data) -> str:
    data["evidence"]["bounded_below"]["choices"]["lowest"]["x"] = "-1"
    return "bounded_below"


def forget_the_choice(data: Data) -> str:
    data["evidence"]["bounded_below"]["choices"] = {}
    return "bounded_below"


def shift_the_line(data: Data) -> str:
    claim(data, "right_asymptote")["value"]["intercept"] = "1/1000"
    return "right_asymptote"


def drop_the_evidence(data: Data) -> str:
    del data["evidence"]["convex"]
    return "convex"


def garble_the_evidence(data: Data) -> str:
    data["evidence"]["convex"]["steps"] = 7
    return "convex"


def say_again_of_a_false_claim(data: Data) -> str:
    make_a_refuted_claim_proved(data)
    data["evidence"]["monotone"] = {"choices": {}, "steps": [{"kind": "again", "by": "again"}]}
    return "monotone"


def call_it_exact(data: Data) -> str:
    """A wrong value whose proof is said to be somebody else's."""
    lower_the_minimum(data)
    for kept in data["evidence"]["bounded_below"]["steps"]:
        for key in [k for k in kept if k not in ("kind", "expr", "from", "to", "point")]:
            del kept[key]
        kept["by"] = "exact"
    return "bounded_below"


@pytest.mark.parametrize(
    "edit",
    [
        lower_the_minimum, raise_the_minimum, widen_the_range, shrink_the_error,
        make_a_refuted_claim_proved, move_the_witness, drop_a_box, drop_the_first_box,
        drop_all_boxes, merge_the_boxes, start_the_tail_early, forget_the_tail, invent_a_zero,
        drop_a_statement, prove_another_statement, reach_elsewhere, forget_the_choice,
        shift_the_line, drop_the_evidence, garble_the_evidence, say_again_of_a_false_claim,
        call_it_exact,
    ],
)  # fmt: skip
def test_an_edited_and_resealed_certificate_falls(swish: Data, edit: Callable[[Data], str]) -> None:
    data = copy.deepcopy(swish)
    edited = edit(data)
    outcome = recheck(sealed(data), catalogue.resolve("swish:k=1"))
    fallen = {c.claim for c in outcome.claims if c.stands is False}
    assert fallen == {edited}
    assert next(c.reason for c in outcome.claims if c.claim == edited)


def test_the_unedited_certificate_stands(swish: Data, smelu: Data) -> None:
    """Otherwise the edits above would prove nothing."""
    assert recheck(sealed(swish), catalogue.resolve("swish:k=1")).ok
    assert recheck(sealed(smelu), catalogue.get("smelu")).ok


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(check-sat)", "(assert false)\n(check-sat)"),
        ("(> p_beta 0)", "(< p_beta 0)"),
        ("QF_NRA", "QF_LRA"),
    ],
)
def test_a_script_about_something_else_falls(smelu: Data, old: str, new: str) -> None:
    """Also one that a solver would call unsatisfiable."""
    data = copy.deepcopy(smelu)
    name, kept = next(
        (name, step) for name, found in data["evidence"].items() for step in found["steps"]
        if old in step.get("smt2", "")
    )  # fmt: skip
    kept["smt2"] = kept["smt2"].replace(old, new)
    outcome = recheck(sealed(data), catalogue.get("smelu"))
    assert {c.claim for c in outcome.claims if not c.stands} == {name}


def test_a_certificate_of_another_function_is_refused(smelu: Data) -> None:
    with pytest.raises(DisagreementError, match="another function"):
        recheck(sealed(smelu), catalogue.resolve("smelu:beta=1"))


def test_a_certificate_without_evidence_is_refused() -> None:
    relu = catalogue.get("relu")
    with pytest.raises(UsageError, match="no evidence"):
        recheck(certify(relu, ["smooth"]), relu)
