"""Signs follow from assumptions, or are None; contradictions are refused."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.symbols import POSITIVE, REAL
from rescu_cli.errors import AssumptionError


def symbols_of(known: Assumptions, *names: str) -> list[sp.Symbol]:
    return [known.domains[n].symbol(n) for n in names]


def test_signs_follow_from_relations() -> None:
    known = read_assumptions(["0 <= g_minus <= g_plus", "alpha < beta"])
    a, b, gm, gp = symbols_of(known, "alpha", "beta", "g_minus", "g_plus")
    assert known.sign(gp) == ">="
    assert known.sign(gp - gm) == ">="
    assert known.sign(b - a) == "+"
    assert known.sign(a - 2 * b) == "-"
    assert known.sign((gp - gm) * (a - b)) == "<="
    assert known.sign((gp - gm) / (a + b)) == ">="
    assert known.sign(a - sp.Rational(1, 2) * b) is None
    assert known.sign(sp.S.Zero) == "0"


@pytest.mark.parametrize(
    "texts",
    [["beta > 0", "beta < 0"], ["alpha < beta", "beta < alpha"], ["1 < beta < 1"],
     ["alpha > beta", "beta > 2", "alpha < 1"], ["1 > 2"], ["g_minus > g_plus", "g_minus < g_plus"]],
)  # fmt: skip
def test_contradictions_are_refused(texts: list[str]) -> None:
    with pytest.raises(AssumptionError):
        read_assumptions(texts)


def test_a_half_given_domain_keeps_its_usual_lower_end() -> None:
    said = {"beta < 4": "0 < beta < 4", "beta < -1": "beta < -1", "k > -5": "k > -5",
            "g_minus < 1": "g_minus < 1"}  # fmt: skip
    for text, expected in said.items():
        name = text.split()[0]
        assert read_assumptions([text]).domains[name].describe(name) == expected


@pytest.mark.parametrize(
    "text",
    ["beta", "beta = 1", "beta == 1", "x > 0", "beta*alpha > 0", "exp(beta) > 1", "> 0", "beta > ",
     "beta > __import__('os')", "sqrt(2)*beta > 1", "beta >" + " " * 600 + "0", "pi > 3"],
)  # fmt: skip
def test_unreadable_assumptions_are_refused(text: str) -> None:
    with pytest.raises(AssumptionError):
        read_assumptions([text])


coefficients = st.integers(-3, 3)


@given(
    st.lists(st.tuples(coefficients, coefficients, coefficients, st.booleans()), max_size=3),
    st.tuples(coefficients, coefficients, coefficients),
)
@settings(max_examples=150, deadline=None)
def test_a_decided_sign_is_never_contradicted_by_a_point(
    rows: list[tuple[int, int, int, bool]], asked: tuple[int, int, int]
) -> None:
    from rescu_cli.core.assumptions import Relation

    p, q = REAL.symbol("p"), POSITIVE.symbol("q")
    relations = tuple(Relation(a * p + b * q + c, s) for a, b, c, s in rows if a or b)
    try:
        known = Assumptions({"p": REAL, "q": POSITIVE}, relations)
    except AssumptionError:
        feasible = False
    else:
        feasible = True
    expr = asked[0] * p + asked[1] * q + asked[2]
    sign = known.sign(expr) if feasible else None
    for i in range(-6, 7):
        for j in range(1, 8):
            point = {p: sp.Rational(i, 2), q: sp.Rational(j, 2)}
            values = [Fraction(str(r.expr.subs(point))) for r in relations]
            inside = all(v > 0 or (v == 0 and not r.strict)
                         for v, r in zip(values, relations, strict=True))  # fmt: skip
            if not inside:
                continue
            assert feasible
            value = Fraction(str(expr.subs(point)))
            allowed = {"+": value > 0, "-": value < 0, "0": value == 0, ">=": value >= 0,
                       "<=": value <= 0, None: True}  # fmt: skip
            assert allowed[sign]


def test_a_square_that_cannot_vanish_is_positive() -> None:
    known = read_assumptions(["0 <= alpha < 1"])
    (alpha,) = symbols_of(known, "alpha")
    assert known.sign((1 - alpha) ** 2) == "+"
    assert known.sign(alpha**2) == ">="
    assert known.sign((1 - alpha) ** 2 * alpha) == ">="


def test_x_is_no_parameter() -> None:
    from rescu_cli.core.symbols import Parameter
    from rescu_cli.errors import ParameterError

    with pytest.raises(ParameterError, match="variable"):
        Parameter("x")
