"""The seam: engines are asked in order, and the first complete answer wins."""

from __future__ import annotations

import pytest

from rescu_cli import catalogue
from rescu_cli.certify import Claim, Verdict
from rescu_cli.certify.decide import _decide
from rescu_cli.certify.engines import ENGINES, Engine, load_engines
from rescu_cli.certify.engines.exact import ExactEngine
from rescu_cli.certify.properties import smooth
from rescu_cli.certify.question import Question
from rescu_cli.certify.table import CLAIMS
from rescu_cli.errors import UnknownNameError


class Scripted:
    """An engine that gives one prepared answer."""

    name, version = "scripted", "1"

    def __init__(self, answer: Claim | None) -> None:
        self.answer = answer

    def decide(self, question: Question) -> Claim | None:
        return self.answer


def undecided(reason: str) -> Scripted:
    return Scripted(Claim("bounded_below", Verdict.UNDECIDED, reason=reason))


def proved(value: str | None) -> Scripted:
    return Scripted(Claim("bounded_below", Verdict.PROVED, value=value, method="scripted"))


QUESTION = Question("bounded_below", catalogue.get("relu"))


def test_the_first_complete_answer_wins() -> None:
    engines: list[Engine] = [undecided("a"), proved("0"), proved("1")]
    assert _decide(QUESTION, engines).value == "0"


def test_a_proof_without_its_value_is_kept_only_if_nobody_adds_the_value() -> None:
    assert _decide(QUESTION, [proved(None), proved("0")]).value == "0"
    assert _decide(QUESTION, [proved(None), undecided("a")]).status is Verdict.PROVED


def test_reasons_of_all_engines_are_kept_and_silence_is_undecided() -> None:
    assert _decide(QUESTION, [undecided("a"), Scripted(None), undecided("b")]).reason == "a; b"
    silent = _decide(QUESTION, [Scripted(None)])
    assert silent.status is Verdict.UNDECIDED
    assert silent.reason == "no engine answers this claim"


def test_engines_are_found_by_name() -> None:
    assert [e.name for e in load_engines()] == list(ENGINES) == ["exact", "z3", "ball"]
    assert "sympy" in load_engines(["exact"])[0].version
    with pytest.raises(UnknownNameError):
        load_engines(["z3000"])


def test_every_claim_of_the_table_has_its_property() -> None:
    engine = ExactEngine()
    for name in CLAIMS:
        claim = engine.decide(Question(name, catalogue.get("relu")))
        assert claim is not None
        assert claim.claim == name


def test_a_spent_time_budget_is_undecided_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(activation: object) -> Claim:
        while True:
            pass

    monkeypatch.setattr(smooth, "decide", endless)
    claim = ExactEngine(seconds=0.05).decide(Question("smooth", catalogue.get("relu")))
    assert claim is not None
    assert claim.status is Verdict.UNDECIDED
    assert claim.reason == "not decided within 0.05 seconds"
