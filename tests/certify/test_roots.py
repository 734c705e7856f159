"""Root isolations prove signs of rational functions, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from rescu_cli import catalogue
from rescu_cli.certify import Certificate, certify
from rescu_cli.certify import certificate as certificates
from rescu_cli.certify.calculus.sturm import SturmChain
from rescu_cli.certify.evidence.obligation import Obligation
from rescu_cli.certify.evidence.roots import check_isolations, isolate
from rescu_cli.certify.recheck import recheck
from rescu_cli.core.symbols import X
from rescu_cli.errors import InternalError, UsageError

OO = sp.oo


def of(expr: sp.Expr, lower: Any = -OO, upper: Any = OO, kind: Any = "nonnegative") -> Obligation:
    return Obligation(kind, sp.sympify(expr), sp.sympify(lower), sp.sympify(upper))


def wilkinson() -> sp.Poly:
    """(x − 1)(x − 2) … (x − 20): roots that floating point is known to lose."""
    return sp.Poly(sp.prod(X - k for k in range(1, 21)), X)


@pytest.mark.parametrize(
    ("lower", "upper", "count"),
    [(-OO, OO, 20), (1, 20, 18), (0, 21, 20), (sp.Rational(5, 2), 7, 4), (-OO, 1, 0), (3, 3, 0)],
)
def test_sturm_counts_the_roots_of_an_open_interval(lower: Any, upper: Any, count: int) -> None:
    assert SturmChain(wilkinson()).count(sp.sympify(lower), sp.sympify(upper)) == count


def test_sturm_counts_multiple_and_close_roots_once_each() -> None:
    close = sp.Poly((X**2 - 2) ** 3 * (10**30 * X**2 - 2 * 10**30 - 1), X)
    assert SturmChain(close).count(sp.S.Zero, OO) == 2
    assert SturmChain(close).count(-OO, OO) == 4


factors = st.one_of(
    st.tuples(st.fractions(-4, 4, max_denominator=5), st.sampled_from([1, 2, 4])).map(
        lambda t: (X - sp.Rational(str(t[0]))) ** t[1]
    ),
    st.tuples(st.integers(1, 9), st.sampled_from([1, 2])).map(lambda t: (X**2 - t[0]) ** t[1]),
    st.tuples(st.integers(-4, 4), st.integers(-4, 4), st.sampled_from([1, 2])).map(
        lambda t: (X**3 + t[0] * X + t[1]) ** t[2]
    ),
    st.integers(1, 4).map(lambda n: 1 / (X**2 + sp.Rational(1, n))),
)
ends = st.tuples(*2 * [st.fractions(-4, 4, max_denominator=5)]).filter(lambda t: t[0] < t[1])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(factors, min_size=1, max_size=3), ends, st.booleans(), st.booleans(),
    st.sampled_from(["nonnegative", "positive"]), st.booleans(),
)  # fmt: skip
def test_isolations_agree_with_the_numerical_roots(
    parts: list[sp.Expr], at: Any, left: bool, right: bool, kind: str, expanded: bool
) -> None:
    """The truth: signs between the roots that SymPy finds numerically, to 50 digits."""
    expr = sp.prod(parts)
    lower = -OO if left else sp.Rational(str(at[0]))
    upper = OO if right else sp.Rational(str(at[1]))
    obligation = of(sp.expand(expr) if expanded else expr, lower, upper, kind)
    top = sp.Poly(sp.fraction(sp.together(expr))[0], X)
    roots = sorted({r for r in sp.real_roots(top) if lower < r < upper}) if top.degree() else []
    points = [-100 if left else lower, *(r.n(50) for r in roots), 100 if right else upper]
    middles = [(a + b) / 2 for a, b in zip(points, points[1:], strict=False)]
    true = all(expr.subs(X, m) > 0 for m in middles) and (kind == "nonnegative" or not roots)
    if not true:
        with pytest.raises(InternalError, match="Root isolation"):
            isolate(obligation)
        return
    data = json.loads(json.dumps(isolate(obligation)))
    assert len(data["isolations"]) == len(roots)
    for (low, high), root in zip(data["isolations"], roots, strict=True):
        assert sp.Rational(low) <= root <= sp.Rational(high)
    assert check_isolations(obligation, data) is None


TWO = of((X**2 - 2) ** 2 * (X - 1) ** 2 / (1 + X**2), -2, 2)


@pytest.mark.parametrize(
    "isolations",
    [
        [],
        [["-2", "-1"], ["1", "1"]],
        [["-2", "-1"], ["1", "2"]],
        [["-2", "-1"], ["-2", "-1"], ["1", "1"]],
        [["1", "1"], ["1", "1"], ["5/4", "2"]],
        [["-2", "-1"], ["0", "0"], ["5/4", "2"]],
        [["-2", "-1"], ["1", "1"], ["1", "2"]],
        [["-2", "-1"], ["1", "1"], ["5/4", "3"]],
        [["-2", "-1"], ["5/4", "2"], ["1", "1"]],
        [["-2", "-1"], ["1", "1"], ["2", "5/4"]],
        [["-2", "-1", "1"], ["1", "1"], ["5/4", "2"]],
        [["-2", "-1"], ["1", "1"], ["5/4", "oo"]],
        [["-2", "-1"], ["1", "1"], ["sqrt(2)", "sqrt(2)"]],
    ],
)
def test_isolations_that_do_not_prove_it_are_refused(isolations: list[list[str]]) -> None:
    data = isolate(TWO) or {}
    assert len(data["isolations"]) == 3
    try:
        wrong = check_isolations(TWO, {**data, "isolations": isolations})
    except UsageError:
        return
    assert wrong is not None


@pytest.mark.parametrize("isolations", [7, None, [7], [["1"]], [["x", "y"]], [["1/0", "1"]]])
def test_malformed_isolations_are_refused(isolations: Any) -> None:
    data = {**(isolate(TWO) or {}), "isolations": isolations}
    try:
        assert check_isolations(TWO, data) is not None
    except UsageError as error:
        assert str(error)


def test_isolations_of_another_polynomial_are_refused() -> None:
    other = of((X**2 - 2) ** 2 * (X - 1) ** 2, -2, 2)
    assert "another polynomial" in (check_isolations(other, isolate(TWO) or {}) or "")


@pytest.mark.parametrize(
    "expr",
    [sp.exp(X), sp.Symbol("b", positive=True) * X**2, sp.sqrt(2) * X**2, sp.Abs(X), sp.S.One],
)
def test_what_is_no_rational_function_of_x_alone_is_left_to_others(expr: sp.Expr) -> None:
    assert isolate(of(expr)) is None
    assert check_isolations(of(expr), {"isolations": []}) is not None


def test_irrational_ends_are_left_to_others() -> None:
    assert isolate(of(X**2, 0, sp.sqrt(2))) is None


def test_a_hole_is_not_cancelled() -> None:
    hole = of(sp.Mul(X**2 - 1, sp.Pow(X - 1, -1, evaluate=False), evaluate=False) ** 2)
    with pytest.raises(InternalError, match="denominator has a root"):
        isolate(hole)


@pytest.mark.parametrize("edit", [["0", "0"], ["-3/2", "0"], ["-2", "-7/4"]])
def test_an_edited_isolation_in_a_sealed_certificate_falls(edit: list[str]) -> None:
    """Hard Swish touches its minimum −3/8 at −3/2."""
    activation = catalogue.get("hard_swish")
    data = json.loads(json.dumps(certify(activation, ["bounded_below"], evidence=True).to_dict()))
    (step,) = [s for s in data["evidence"]["bounded_below"]["steps"] if s.get("isolations")]
    assert step["isolations"] == [["-3/2", "-3/2"]]
    step["isolations"] = [edit]
    body = {k: v for k, v in data.items() if k != "seal"}
    sealed = Certificate.from_dict({**body, "seal": certificates._seal(body)})
    outcome = recheck(sealed, activation)
    assert [c.stands for c in outcome.claims] == [False]
    assert "hold one root" in (outcome.claims[0].reason or "")
