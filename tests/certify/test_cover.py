"""Covers: the rules on one box, whole intervals, and replays that cannot be fooled."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from rescu_cli.certify.enclosure.boxes import (
    Box,
    NotNonnegativeError,
    TooManyBoxesError,
    holds,
    middle,
)
from rescu_cli.certify.enclosure.cover import Cover, cover, covers, strictly
from rescu_cli.core import balls
from rescu_cli.core.symbols import X

Q, OO = sp.Rational, sp.oo
BUMP = 1 - sp.exp(-((X - sp.sqrt(2)) ** 2))


def held(expr: sp.Expr, box: Box) -> bool:
    with balls.precision(128):
        return holds(expr, box)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("value", X**2 + 1, X - Q(1, 2)),
        ("mean", X * (1 - X) + Q(1, 2), X - Q(1, 2)),
        ("rising", X**3 + X, X**3 + X - Q(1, 100)),
        ("falling", 2 - X - X**3, 2 - X - X**3 - Q(1, 100)),
        ("concave", X * (1 - X), X * (1 - X) - Q(1, 100)),
    ],
)
def test_a_rule_holds_where_its_theorem_does(rule: str, good: sp.Expr, bad: sp.Expr) -> None:
    unit = Box(sp.S.Zero, sp.S.One, rule)
    assert held(good, unit)
    assert not held(bad, unit)


def test_the_zero_rule_wants_an_exact_zero_of_the_stated_order() -> None:
    square = (X - Q(1, 3)) ** 2
    unit = Box(sp.S.Zero, sp.S.One, "zero", Q(1, 3), 2)
    assert held(square, unit)
    assert held(square * sp.exp(X), replace(unit, lower=Q(1, 4), upper=Q(1, 2)))
    assert not held(square, replace(unit, zero=Q(1, 2)))
    assert not held(square, replace(unit, zero=sp.Integer(2))), "outside the box"
    assert not held(square, replace(unit, order=3))
    assert not held(X - Q(1, 3), replace(unit, order=1)), "a simple zero changes the sign"
    assert held(X - Q(1, 3), Box(Q(1, 3), sp.S.One, "zero", Q(1, 3), 1))
    assert not held(-square, unit)
    assert not held(square, Box(sp.S.Zero, sp.S.One, "wishful"))


@pytest.mark.parametrize(
    ("expr", "low", "high"),
    [
        (sp.exp(X) - X - 1, -OO, OO),
        (X / (1 + sp.exp(-X)) + Q(3, 10), -OO, OO),
        (BUMP, -OO, OO),
        (X - sp.tanh(X), sp.S.Zero, OO),
        (sp.cosh(X) - 1 - X**2 / 2, -OO, OO),
        (1 + sp.sin(X), -sp.pi / 2, sp.pi / 2),
        (1 - sp.erf(X), -OO, OO),
        (sp.sqrt(1 + X**2) - X, -OO, OO),
    ],
    ids=str,
)
def test_true_inequalities_are_covered_and_replayed(
    expr: sp.Expr, low: sp.Expr, high: sp.Expr
) -> None:
    found = cover(expr, low, high, [sp.sqrt(2)])
    assert covers(expr, found) is None


@pytest.mark.parametrize(
    ("expr", "inside"),
    [
        (sp.exp(X) - X - 1 - Q(1, 10**9), lambda x: abs(x) < 1e-4),
        (
            1 - (1 + Q(1, 10**9)) * sp.exp(-((1000 * (X - Q(7, 5))) ** 2)),
            lambda x: abs(x - 1.4) < 1e-6,
        ),
        (X**2 * sp.exp(-X) + 1 - X / 10**6, lambda x: x > 1e6),
        (sp.exp(-X) - sp.exp(-60), lambda x: x > 60),
    ],
    ids=["dip of 1e-9", "narrow dip", "false beyond 1e6", "false beyond 60"],
)
def test_false_inequalities_are_refuted_at_a_confirmed_point(expr: sp.Expr, inside: object) -> None:
    with pytest.raises(NotNonnegativeError) as caught:
        cover(expr, -OO, OO)
    assert caught.value.ball < 0
    assert inside(float(caught.value.x))  # type: ignore[operator]
    assert sp.N(expr.subs(X, caught.value.x), 60) < 0


def test_a_touch_at_an_unnamed_irrational_point_is_left_open_not_proved() -> None:
    with pytest.raises(TooManyBoxesError):
        cover((X**2 - 2) ** 2, sp.S.Zero, sp.Integer(2))


def test_strictness_is_a_matter_of_its_own() -> None:
    touching = cover(X**2, -OO, OO)
    assert covers(X**2, touching) is None
    assert not strictly(X**2, touching)
    above = cover(X**2 + 1, -OO, OO)
    assert strictly(X**2 + 1, above)


@pytest.fixture(scope="module")
def proof() -> tuple[sp.Expr, Cover]:
    expr = X / (1 + sp.exp(-X)) + Q(279, 1000)
    return expr, cover(expr, -OO, OO)


def test_a_replay_refuses_what_is_not_the_proof(proof: tuple[sp.Expr, Cover]) -> None:
    expr, good = proof
    boxes = good.boxes
    assert covers(expr, good) is None
    assert "gap" in str(covers(expr, replace(good, boxes=(*boxes[:3], *boxes[4:]))))
    assert "reach" in str(covers(expr, replace(good, boxes=boxes[1:])))
    assert "reach" in str(covers(expr, replace(good, boxes=())))
    assert "no tail" in str(covers(expr, replace(good, left_start=None)))
    assert covers(expr, replace(good, left_start=2)) is not None
    turned = replace(boxes[0], lower=boxes[0].upper, upper=boxes[0].lower)
    assert covers(expr, replace(good, boxes=(turned, *boxes[1:]))) is not None
    wishful = tuple(replace(b, rule="falling") for b in boxes)
    assert "rule falling fails" in str(covers(expr, replace(good, boxes=wishful)))
    coarse = (replace(boxes[0], upper=boxes[-1].upper, rule="mean"),)
    assert "rule mean fails" in str(covers(expr, replace(good, boxes=coarse)))
    assert covers(expr - Q(1, 100), good) is not None, "the proof of another statement"


def test_the_tail_of_another_statement_is_refused() -> None:
    """The boxes hold for both; beyond 8 one of them turns negative."""
    honest, false = 1 + 0 * X + sp.exp(-(X**2)), 1 + sp.exp(-(X**2)) - sp.exp(X - 64)
    good = cover(honest, -OO, OO)
    assert covers(honest, good) is None
    assert "beyond" in str(covers(false, good))


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-3, Q(1, 7)), (1, 10**30), (-(10**30), -2), (sp.sqrt(2), sp.pi)]
)
def test_the_middle_lies_inside(low: sp.Expr, high: sp.Expr) -> None:
    centre = middle(sp.sympify(low), sp.sympify(high))
    assert low < centre < high
    assert centre.is_Rational
