"""Check kept evidence without searching, by a second engine where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.normal import vanishes
from rescu_cli.certify.enclosure.cover import covers
from rescu_cli.certify.evidence.covers import read_cover
from rescu_cli.certify.evidence.discharge import (
    POINT_BITS,
    ask_solver,
    covered,
    discharge,
    exact_limit,
    far_limit,
    holds_at,
    regular,
    solver_data,
)
from rescu_cli.certify.evidence.obligation import Obligation
from rescu_cli.certify.evidence.roots import check_isolations
from rescu_cli.certify.smt.replay import replay as replay_script
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.errors import InternalError

_RELATIONS = {"nonnegative": ">=", "positive": ">", "vanishes": "="}


def replay(
    obligation: Obligation, evidence: Mapping[str, Any], assumptions: Assumptions
) -> str | None:
    """Check one obligation by its evidence.

    Returns:
        None if it stands, otherwise what is wrong.
    """
    by = evidence.get("by")
    if by == "z3" and obligation.kind in _RELATIONS:
        return _solver(obligation, evidence, assumptions)
    if by == "roots" and obligation.kind in ("nonnegative", "positive"):
        return check_isolations(obligation, evidence)
    if by == "ball" and obligation.kind == "nonnegative":
        single = covered(obligation, Knowledge(assumptions))
        if single is None:
            return "the boxes are about one function, the statement about many"
        return covers(single, read_cover(evidence, obligation.lower, obligation.upper))
    if by == "ball" and obligation.kind.endswith("_at"):
        return _point(obligation)
    if by == "ball" and obligation.kind == "limit":
        start = evidence.get("start")
        if not isinstance(start, int) or start < 1 or not far_limit(obligation, start):
            return f"the far form beyond {start!r:.20} does not show the limit"
        return None
    if by == "exact":
        return _exact(obligation, assumptions)
    return f"no replay for {obligation.kind} by {by!r:.20}"


def _solver(
    obligation: Obligation, evidence: Mapping[str, Any], assumptions: Assumptions
) -> str | None:
    whole = Obligation("vanishes", obligation.expr) if obligation.kind == "vanishes" else obligation
    answer = ask_solver(whole, _RELATIONS[obligation.kind], assumptions)
    if answer is None or not answer.holds or solver_data(answer) != dict(evidence):
        return "the scripts are not those of this statement"
    return _scripts(evidence)


def _scripts(evidence: Mapping[str, Any]) -> str | None:
    verdict = replay_script(evidence["smt2"], other_than=evidence["strategy"])
    if verdict == "sat":
        return "a second strategy of the solver finds a counterexample"
    for lemma in evidence.get("lemmas", ()):
        wrong = _scripts(lemma)
        if wrong is not None:
            return wrong
    return None


def _point(obligation: Obligation) -> str | None:
    try:
        shown = holds_at(obligation, 2 * POINT_BITS)
    except InternalError as error:
        return str(error)
    return None if shown is not None else "the enclosure at the point does not decide"


def _exact(obligation: Obligation, assumptions: Assumptions) -> str | None:
    if obligation.kind in ("analytic", "continuous"):
        good = regular(obligation, assumptions)
    elif obligation.kind == "limit":
        value = obligation.value
        good = exact_limit(obligation, assumptions) or (
            value is not None and not value.is_infinite and vanishes(obligation.expr - value)
        )
    elif obligation.kind in ("nonnegative", "positive", "vanishes"):
        good = discharge(obligation, assumptions) is not None
    else:
        good = False
    return None if good else "the exact engine does not find it"
