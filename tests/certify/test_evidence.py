"""Every claim of the catalogue comes with evidence that a replay confirms."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.certify import Certificate, certify
from rescu_cli.certify.evidence.collect import AGAIN, obligations
from rescu_cli.certify.recheck import recheck
from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import X
from tests.certify.families import family

WITHOUT_SMALLER_STATEMENTS = {
    # A value with cases, an exponential with a free parameter, a place that moves with one.
    ("leaky_relu", "gradient_lipschitz"),
    ("elu", "gradient_range"),
    ("elu", "gradient_lipschitz"),
    ("smu", "gradient_lipschitz"),
    ("smu", "relu_gap"),
}


def written(activation: Activation, *names: str) -> Certificate:
    """A certificate that has been through a file."""
    made = certify(activation, names or None, evidence=True)
    return Certificate.from_dict(json.loads(json.dumps(made.to_dict(), allow_nan=False)))


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue.names())
def test_every_certificate_of_the_catalogue_stands(name: str) -> None:
    activation = catalogue.get(name)
    outcome = recheck(written(activation), activation)
    assert outcome.ok, [c.to_dict() for c in outcome.claims if not c.stands]
    assert all(c.stands for c in outcome.claims)
    again = {(name, c.claim) for c in outcome.claims if "again" in c.steps}
    assert again <= WITHOUT_SMALLER_STATEMENTS


def test_what_the_exact_engine_proved_is_held_by_another_one() -> None:
    """SmeLU for all beta: signs by Sturm's theorem, identities by a solver for real algebra."""
    smelu = catalogue.get("smelu")
    certificate = written(smelu)
    assert {c.method for c in certificate} == {"exact"}
    engines = Counter(s["by"] for e in (certificate.evidence or {}).values() for s in e["steps"])
    assert engines["z3"] >= 10 and engines["roots"] >= 5
    assert set(engines) <= {"z3", "ball", "exact", "roots"}
    steps = (certificate.evidence or {})["monotone"]["steps"]
    script = next(s["smt2"] for s in steps if s["by"] == "z3")
    assert "(set-logic QF_NRA)" in script and "(check-sat)" in script


def test_the_boxes_of_a_cover_tile_the_line() -> None:
    mish = catalogue.get("mish")
    certificate = written(mish, "bounded_below")
    (cover,) = [s for s in (certificate.evidence or {})["bounded_below"]["steps"] if "boxes" in s]
    ends = [sp.Rational(row[0]) for row in cover["boxes"]] + [sp.Rational(cover["end"])]
    assert ends == sorted(ends)
    assert ends[0] == -cover["left_start"] and ends[-1] == cover["right_start"]
    assert cover["lemma"].startswith("sign of the leading factor")


def test_obligations_of_softplus_are_the_theorem_of_its_page() -> None:
    """Monotone: f is analytic, its slope is what is stated, and f' >= 0, at k = 1 (it scales)."""
    softplus = catalogue.get("softplus")
    claim = certify(softplus, ["monotone"])["monotone"]
    found = obligations(claim, softplus).obligations
    assert [o.kind for o in found] == ["analytic", "vanishes", "nonnegative"]
    _, matching, sign = found
    assert sp.simplify(matching.expr) == 0
    assert sp.simplify(sign.expr - 1 / (1 + sp.exp(-X))) == 0
    assert (sign.lower, sign.upper) == (-sp.oo, sp.oo)


def test_claims_without_smaller_statements_are_decided_again() -> None:
    elu = catalogue.get("elu")
    certificate = written(elu, "gradient_range")
    assert (certificate.evidence or {})["gradient_range"]["steps"] == [AGAIN]
    assert recheck(certificate, elu).ok


def test_undecided_claims_have_no_evidence_and_stay_open() -> None:
    two_frequencies = family(["2*x - cos(x) - cos(sqrt(2)*x)"])
    certificate = written(two_frequencies, "gradient_range")
    assert certificate.evidence == {}
    (claim,) = recheck(certificate, two_frequencies).claims
    assert claim.stands is None
