"""A claim or a certificate that is not backed cannot be built, read or edited."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rescu_cli import catalogue
from rescu_cli.certify import CLAIMS, Certificate, Claim, Verdict, certify
from rescu_cli.errors import UnknownNameError, UnsupportedError, UsageError

PROVED: dict[str, Any] = {"claim": "monotone", "status": Verdict.PROVED, "method": "exact"}


def test_the_three_verdicts_need_their_backing() -> None:
    Claim(**PROVED)
    Claim("monotone", Verdict.REFUTED, method="exact", witness={"x": "1"})
    Claim("monotone", Verdict.REFUTED, method="exact", reason="f falls")
    Claim("monotone", Verdict.UNDECIDED, reason="not known")


@pytest.mark.parametrize(
    "bad",
    [
        {"claim": "monotone", "status": "proved"},
        {"claim": "monotone", "status": "refuted", "method": "exact"},
        {"claim": "monotone", "status": "refuted", "witness": {"x": "1"}},
        {"claim": "monotone", "status": "undecided"},
        {"claim": "monotone", "status": "undecided", "reason": "r", "method": "exact"},
        {**PROVED, "witness": {"x": "1"}},
        {**PROVED, "value": 0.25},
        {**PROVED, "value": ("0", 1)},
        {**PROVED, "witness": ["x"]},
        {**PROVED, "status": "likely"},
        {**PROVED, "reason": 3},
    ],
)
def test_unbacked_claims_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Claim(**bad)


def test_an_unknown_claim_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'monotone'"):
        Claim("monoton", Verdict.PROVED, method="exact")


def test_claims_have_exactly_the_fields_of_the_contract_and_survive_json() -> None:
    for claim in certify(catalogue.get("gsmelu")):
        data = claim.to_dict()
        assert list(data) == [
            "claim", "status", "value", "for_all", "method", "witness", "reason", "error",
        ]  # fmt: skip
        text = json.dumps(data, allow_nan=False)
        assert Claim.from_dict(json.loads(text)) == claim


def test_a_certificate_survives_json_and_knows_its_activation() -> None:
    smelu = catalogue.get("smelu")
    certificate = certify(smelu)
    again = Certificate.from_dict(json.loads(json.dumps(certificate.to_dict())))
    assert again == certificate
    assert again.speaks_of(smelu)
    assert not again.speaks_of(smelu.bind(beta=1))
    assert [c.claim for c in again] == list(CLAIMS)
    assert again["smooth"].value == "1"
    with pytest.raises(KeyError):
        certify(smelu, ["smooth"])["convex"]


def test_a_certificate_refuses_inconsistent_parts() -> None:
    certificate = certify(catalogue.get("smelu"), ["smooth"])
    (claim,) = certificate.claims
    with pytest.raises(UsageError, match="twice"):
        replace(certificate, claims=(claim, claim))
    with pytest.raises(UsageError, match="for all"):
        replace(certificate, claims=(replace(claim, for_all="beta > 1"),))
    with pytest.raises(UsageError, match="not among the engines"):
        replace(certificate, claims=(replace(claim, method="oracle"),))


def test_only_the_asked_claims_are_decided_in_the_order_asked() -> None:
    relu = catalogue.get("relu")
    assert [c.claim for c in certify(relu, ["convex", "smooth", "convex"])] == ["convex", "smooth"]
    with pytest.raises(UnknownNameError):
        certify(relu, ["convexity"])
    with pytest.raises(UnknownNameError):
        certify(relu, engines=["guess"])


def test_other_schemas_are_refused() -> None:
    data = certify(catalogue.get("relu"), ["smooth"]).to_dict()
    with pytest.raises(UnsupportedError, match="schema"):
        Certificate.from_dict({**data, "schema": 99})
    with pytest.raises(UsageError, match="Not a certificate"):
        Certificate.from_dict({"schema": data["schema"]})
