"""Counterexamples of a hostile review: false statements that once were proved, or replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.certify import Certificate, certify
from rescu_cli.certify import certificate as certificates
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.enclosure.far import far
from rescu_cli.certify.enclosure.growth import FarError
from rescu_cli.certify.evidence import proved, refuted
from rescu_cli.certify.evidence.case import Case
from rescu_cli.certify.evidence.discharge import discharge
from rescu_cli.certify.evidence.obligation import Obligation
from rescu_cli.certify.evidence.replay import replay
from rescu_cli.certify.recheck import recheck
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core import balls
from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import X
from rescu_cli.errors import DisagreementError
from tests.certify.families import family

AGAIN = [{"kind": "again", "by": "again"}]


def stands(
    activation: Activation, name: str, *, steps: Any = None, choices: Any = None, **fields: Any
) -> bool:
    """Whether a certificate stands whose evidence was made to fit the claim, true or not."""
    known = activation.assumptions.describe()
    status = Verdict(fields.pop("status", "proved"))
    claim = Claim(name, status, for_all=known, method="exact", reason="forged", **fields)
    kept = dict(choices or {})
    if steps is None:
        case = Case(claim, activation, kept)
        reduce = proved.reduction(claim) if claim.proved else refuted.reduction
        try:
            reduce(case)
        except UndecidedError:
            return False
        steps = []
        for obligation in case.obligations:
            found = discharge(obligation, activation.assumptions, case.hints)
            if found is None:
                return False
            steps.append({**obligation.to_dict(), **found})
    certificate = Certificate(
        activation.name, activation.spec, activation.digest, known, {"exact": "1"}, (claim,),
        {name: {"choices": kept, "steps": steps}},
    )  # fmt: skip
    return recheck(certificate, activation).ok


def lowest(**place: Any) -> Mapping[str, Any]:
    return {"lowest": {"piece": 0, "sign": 1, **place}}


SQUARE = family(["x**2 + 3"])
KNEE = family(["0", "x**2/2", "x - 1/2"], ["0", "1"])
QUARTIC = family(["0", "x**4", "x**4 + (x - 1)**4"], ["0", "1"])
FALSE: dict[str, tuple[Activation, str, dict[str, Any]]] = {
    "-f at the place is the infimum": (
        SQUARE, "bounded_below", {"value": "-3", "choices": lowest(x="0", sign=-1)}),
    "0*f at the place is the infimum": (
        SQUARE, "bounded_below", {"value": "0", "choices": lowest(x="0", sign=0)}),
    "2*(f - base) at the place is the gap": (
        catalogue.resolve("smelu:beta=1"), "relu_gap",
        {"value": "1/2", "choices": {"highest": {"piece": 1, "x": "0", "sign": 2}}}),
    "a limit at the end that the piece has not": (
        family(["5", "2 + exp(x)"], ["0"]), "bounded_below",
        {"value": "2", "choices": lowest(piece=1, side=-1)}),
    "the infimum of x is -inf": (
        family(["x"]), "bounded_below", {"value": "-inf", "choices": lowest(side=-1)}),
    "the infimum is inf": (
        SQUARE, "bounded_below", {"value": "inf", "choices": lowest(side=1)}),
    "slopes from inf to inf": (
        SQUARE, "gradient_range",
        {"value": ("inf", "inf"), "choices": {
            **lowest(side=1), "highest": {"piece": 0, "side": 1, "sign": 1}}}),
    "a Lipschitz constant of -inf": (
        family(["x**4"]), "gradient_lipschitz",
        {"value": "-inf", "choices": {"highest": {"piece": 0, "side": 1, "sign": -1}}}),
    "an infinite one by a jump of f''": (
        KNEE, "gradient_lipschitz",
        {"value": "inf", "choices": {"jump": {"joint": 0, "order": 2, "sign": 1}}}),
    "a jump between the last piece and the first": (
        QUARTIC, "smooth", {"value": "1", "choices": {"jump": {"joint": -1, "point": {}}}}),
    "a negative order": (
        QUARTIC, "smooth", {"value": "-5", "choices": {"jump": {"joint": 0, "point": {}}}}),
    "one direction of no pieces": (
        family(["x/(1 + exp(-x))"]), "rescu", {"value": ("0", "1"), "choices": {"direction": 0}}),
    "a pole in a coefficient": (family(["x/(a - 1)"], assume="a > -5"), "continuous", {}),
    "a complex place": (
        family(["x**2 + a"], assume="a > 0"), "bounded_below",
        {"value": "a - 1 - a**2", "choices": lowest(x="sqrt(-1 - a**2)")}),
    "a jump of f' against continuity": (
        family(["0", "x"], ["0"]), "continuous",
        {"status": "refuted", "witness": {"x": "0", "jump of f'": "1"}}),
    "a slope against continuity": (
        family(["-x"]), "continuous", {"status": "refuted", "witness": {"x": "1", "f'": "-1"}}),
    "a bend against monotony": (
        family(["1 - exp(-x)"]), "monotone",
        {"status": "refuted", "witness": {"x": "1", "f''": "-0.3678794412"}}),
    "a bend against a Lipschitz constant": (
        family(["1 - exp(-x)"]), "gradient_lipschitz",
        {"status": "refuted", "witness": {"x": "1", "f''": "-0.3678794412"}}),
    "homogeneity at a negative factor": (
        family(["0", "x"], ["0"]), "homogeneous",
        {"status": "refuted", "witness": {"x": "1", "c": "-1"}}),
    "another witness of what is decided again": (
        family(["x**3 - x"]), "monotone",
        {"status": "refuted", "witness": {"x": "100", "f'": "-5"}, "steps": AGAIN}),
    "a smaller error of what is decided again": (
        catalogue.resolve("swish:k=1"), "bounded_below",
        {"value": "-0.278464542761", "error": "1e-300", "steps": AGAIN}),
}  # fmt: skip


@pytest.mark.parametrize("what", FALSE)
def test_a_false_claim_has_no_evidence(what: str) -> None:
    """Each of these stood once: the choices of a file selected statements that prove nothing."""
    activation, name, fields = FALSE[what]
    assert not stands(activation, name, **fields)


@pytest.mark.parametrize(
    ("activation", "name", "fields"),
    [
        (SQUARE, "bounded_below", {"value": "3", "choices": lowest(x="0")}),
        (KNEE, "gradient_lipschitz",
         {"value": "1", "choices": {"highest": {"piece": 1, "x": "0", "sign": 1}}}),
        (QUARTIC, "smooth", {"value": "3", "choices": {"jump": {"joint": 0, "point": {}}}}),
        (family(["0", "x"], ["0"]), "gradient_lipschitz",
         {"value": "inf", "choices": {"jump": {"joint": 0, "order": 1, "sign": 1}}}),
        (family(["x**2 + a"], assume="a > 0"), "bounded_below",
         {"value": "a", "choices": lowest(x="0")}),
    ],
)  # fmt: skip
def test_a_true_claim_has(activation: Activation, name: str, fields: dict[str, Any]) -> None:
    """The same way of making evidence works where there is something to prove."""
    assert stands(activation, name, **fields)


def test_other_assumptions_than_the_activation_has_are_refused() -> None:
    activation = family(["a*x"], assume="a > 0")
    body = certify(activation, ["monotone"], evidence=True).to_dict()
    body["assumptions"] = body["claims"][0]["for_all"] = "a > -1"
    del body["seal"]
    edited = Certificate.from_dict({**body, "seal": certificates._seal(body)})
    with pytest.raises(DisagreementError, match="a > -1"):
        recheck(edited, activation)


def test_a_script_that_proves_nothing_is_no_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A satisfiable script, kept word for word, on which the second strategy gives up."""
    from rescu_cli.certify.evidence import discharge as used
    from rescu_cli.certify.evidence import replay as replays

    assumptions = family(["a*x"], assume="a > 0").assumptions
    a = assumptions.domains["a"].symbol("a")
    wrong = Obligation("nonnegative", a - 1)
    answer = used.ask_solver(wrong, ">=", assumptions)
    assert answer is not None
    assert answer.holds is False
    monkeypatch.setattr(replays, "replay_script", lambda *_, **__: "unknown")
    assert replay(wrong, used.solver_data(answer), assumptions) is not None


def test_a_member_that_is_undefined_does_not_scale() -> None:
    """(p² − 4)/((p − 2)(p + 2)) is 1, but for p = 2, where there is no function."""
    hole = "(p**2 - 4)/((p - 2)*(p + 2))"
    activation = replace(family([f"x*{hole}"], assume="p > 0"), scaling=(("p", 1),))
    for name in ("continuous", "smooth", "convex", "gradient_range", "homogeneous"):
        assert certify(activation, [name])[name].status is Verdict.UNDECIDED
    whole = replace(family(["sqrt(x**2 + p**2)"], assume="p > 0"), scaling=(("p", 1),))
    assert certify(whole, ["bounded_below"])["bounded_below"].value == "p"


def test_one_growth_under_two_names() -> None:
    """The limit of 2·cosh(tanh(1)·x)·e^(−bx) + 1 with b = tanh 1 is 2, not the 1 of one term."""
    b = (sp.exp(2) - 1) / (sp.exp(2) + 1)
    whole = 2 * sp.cosh(sp.tanh(1) * X) * sp.exp(-b * X) + 1
    with balls.precision(128):
        for start in (4, 64, 1024):
            with pytest.raises(FarError):
                far(whole, start).limit()


def test_a_decimal_among_cases_has_its_error() -> None:
    """Without it a decimal is an exact number, which sup|f″| is not."""
    activation = family(["log(1 + exp(x))*tanh(x)", "a*x"], ["0"], assume="a > 0")
    found = certify(activation, ["gradient_lipschitz"])["gradient_lipschitz"]
    assert found.proved
    assert "Piecewise((1.0484" in str(found.value)
    assert found.error is not None
    assert float(found.error) < 1e-9


def test_a_zero_in_disguise_has_a_smoothness() -> None:
    """Its degree is −∞, which once ended in an internal error."""
    activation = family(["0", "x*(b**2 - a) + x*(a - b**2)"], ["0"], assume="0 < a < b")
    assert certify(activation, ["smooth"])["smooth"].value == "inf"


def test_a_member_outside_the_family_refutes_nothing() -> None:
    """On 0 < b < 1 this is x, homogeneous wherever both members exist; b = 9/5 is no member."""
    activation = replace(family(["x + Max(b, 1) - 1"], assume="0 < b < 1"), scaling=(("b", 1),))
    assert certify(activation, ["homogeneous"])["homogeneous"].status is not Verdict.REFUTED
