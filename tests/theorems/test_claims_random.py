"""No proved claim about a random function is ever contradicted by dense evaluation.

Knot shapes are evaluated exactly in rational arithmetic; expression pieces with mpmath at 250 digits.
Refutations are checked too: the witness must really violate the claim.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import mpmath
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rescu_cli.certify import Certificate, Verdict, certify
from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.derive import derive
from rescu_cli.core.knots import knots_shape
from rescu_cli.core.symbols import X

PROVED, REFUTED = Verdict.PROVED, Verdict.REFUTED
_CASES = settings(
    max_examples=30, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip

heights = st.fractions(min_value=-1, max_value=2, max_denominator=8)
steps = st.fractions(min_value=Fraction(1, 50), max_value=2, max_denominator=50)


@st.composite
def knot_texts(draw: st.DrawFn) -> str:
    place = draw(st.fractions(min_value=-3, max_value=1, max_denominator=4))
    rising = draw(st.booleans())
    values = draw(st.lists(heights, min_size=2, max_size=6))
    values = sorted(values) if rising else values
    knots = []
    for value in values:
        knots.append(f"{place}:{value}")
        place += draw(steps)
    return ", ".join(knots)


def exact_samples(activation: Activation, order: int) -> list[list[Fraction]]:
    """Values of a derivative on a dense grid of every piece, its ends first and last."""
    result = []
    for piece in activation.pieces:
        low = piece.upper - 5 if piece.lower.is_infinite else piece.lower
        high = low + 5 if piece.upper.is_infinite else piece.upper
        poly = sp.Poly(sp.diff(piece.value, X, order), X)
        coefficients = [Fraction(int(c.p), int(c.q)) for c in poly.all_coeffs()]
        a, b = Fraction(int(low.p), int(low.q)), Fraction(int(high.p), int(high.q))
        row = []
        for k in range(65):
            x, value = a + (b - a) * Fraction(k, 64), Fraction(0)
            for c in coefficients:
                value = value * x + c
            row.append(value)
        result.append(row)
    return result


@_CASES
@given(knot_texts(), st.sampled_from(["linear", "pchip"]))
def test_knot_shapes(text: str, interpolation: Literal["linear", "pchip"]) -> None:
    activation = derive(knots_shape(text, interpolation))
    found = certify(activation)
    values, slopes, bends = (exact_samples(activation, k) for k in range(3))
    flat_slopes = [y for row in slopes for y in row]
    flat_bends = [y for row in bends for y in row]

    # The construction is C¹ by design; everything polynomial must be decided.
    for name in ("continuous", "smooth", "gradient_matches", "monotone", "convex",
                 "gradient_range", "gradient_lipschitz", "left_asymptote",
                 "right_asymptote", "homogeneous", "rescu"):  # fmt: skip
        assert found[name].status is not Verdict.UNDECIDED, found[name]
    assert found["continuous"].status is PROVED
    assert all(left[-1] == right[0] for left, right in zip(values, values[1:], strict=False))
    assert found["gradient_matches"].status is PROVED
    assert found["smooth"].value != "0"

    if found["monotone"].status is PROVED:
        assert min(flat_slopes) >= 0
    else:
        assert at_witness(activation, found, "monotone", 1) < 0
    convex = min(flat_bends) >= 0
    if found["convex"].status is PROVED:
        assert convex
    else:
        assert at_witness(activation, found, "convex", 2) < 0
    low, high = (sp.sympify(v) for v in range_of(found))
    least, most = sp.Rational(min(flat_slopes)), sp.Rational(max(flat_slopes))
    assert bool(low <= least)
    assert bool(most <= high)
    if interpolation == "linear":  # extremes of a polygon are at its knots, which are on the grid
        assert (low, high) == (least, most)
    lipschitz = sp.sympify(found["gradient_lipschitz"].value)
    assert all(bool(sp.Rational(abs(b)) <= lipschitz) for b in set(flat_bends))
    one_way = all(b >= 0 for b in flat_bends) or all(b <= 0 for b in flat_bends)
    if found["rescu"].status is PROVED:
        assert one_way


def range_of(found: Certificate) -> tuple[str, ...]:
    value = found["gradient_range"].value
    assert isinstance(value, tuple)
    return value


def at_witness(activation: Activation, found: Certificate, name: str, order: int) -> sp.Expr:
    witness = found[name].witness
    assert witness is not None
    place = sp.sympify(witness["x"])
    for piece in activation.pieces:
        if bool(place < piece.upper):
            return sp.diff(piece.value, X, order).subs(X, place)
    raise AssertionError("the pieces cover the line")


# -- transcendental pieces -------------------------------------------------------------------

small = st.fractions(min_value=-3, max_value=3, max_denominator=3)


@st.composite
def terms(draw: st.DrawFn) -> sp.Expr:
    a = sp.Rational(str(draw(small.filter(bool))))
    b, c = sp.Rational(str(draw(small))), abs(a)
    u = a * X + b
    return draw(
        st.sampled_from(
            [X, X**2, sp.exp(u), sp.tanh(u), sp.erf(u), sp.atan(u), 1 / (1 + sp.exp(u)),
             sp.sqrt(X**2 + c), sp.log(1 + sp.exp(u)), 1 / (X**2 + c), X * sp.exp(u), sp.sin(u),
             X * sp.tanh(u), sp.exp(-c * X**2)]
        )
    )  # fmt: skip


@st.composite
def functions(draw: st.DrawFn) -> Activation:
    """Up to three pieces, joined C¹, C⁰ or not at all."""
    joints = sorted({sp.Rational(str(q)) for q in draw(st.lists(small, max_size=2))})
    ends = [-sp.oo, *joints, sp.oo]
    pieces: list[Piece] = []
    for low, high in zip(ends, ends[1:], strict=False):
        value = sum(
            (sp.Rational(str(draw(small))) * draw(terms())
             for _ in range(draw(st.integers(1, 2)))), sp.S.Zero)  # fmt: skip
        if pieces:
            before, how = pieces[-1].value, draw(st.integers(0, 2))
            if how:
                value += before.subs(X, low) - value.subs(X, low)
            if how == 2:
                change = sp.diff(before, X).subs(X, low) - sp.diff(value, X).subs(X, low)
                value += change * (X - low)
        pieces.append(Piece(low, high, value, sp.diff(value, X)))
    return Activation("random", (), tuple(pieces), ("left",) * len(joints))


def grids(activation: Activation) -> list[list[mpmath.mpf]]:
    result = []
    for piece in activation.pieces:
        low, high = (None if e.is_infinite else mpmath.mpf(int(e.p)) / int(e.q)
                     for e in (piece.lower, piece.upper))  # fmt: skip
        a = low if low is not None else (high if high is not None else 20) - 20
        b = high if high is not None else (low if low is not None else -20) + 20
        row = [a + (b - a) * k / 160 for k in range(161)]
        row = [*([a - 40] if low is None else []), *row, *([b + 40] if high is None else [])]
        result.append(row)
    return result


@pytest.mark.slow
@_CASES
@given(functions())
def test_expression_pieces(activation: Activation) -> None:
    found = certify(activation)
    with mpmath.workdps(250):
        rows = grids(activation)
        tables = []
        for order in range(3):
            makers = [
                sp.lambdify(X, sp.diff(p.value, X, order), "mpmath") for p in activation.pieces
            ]
            tables.append(
                [[mpmath.mpf(f(x)) for x in row] for f, row in zip(makers, rows, strict=True)]
            )
        values, slopes, bends = ([y for row in t for y in row] for t in tables)
        jumps = [
            [right[0] - left[-1] for left, right in zip(t, t[1:], strict=False)] for t in tables
        ]
        hair = mpmath.mpf(10) ** -150 * (1 + max(abs(y) for y in (*values, *slopes, *bends)))
        smooth = [all(abs(j) < hair for j in row) for row in jumps]
        check_smoothness(found, smooth)
        if found["monotone"].status is PROVED:
            assert min(slopes) >= -hair
            assert all(j >= -hair for j in jumps[0])
        if found["convex"].status is PROVED:
            assert smooth[0]
            assert min(bends) >= -hair
            assert all(j >= -hair for j in jumps[1])
        if found["bounded_below"].status is PROVED and found["bounded_below"].value is not None:
            assert number(str(found["bounded_below"].value)) <= min(values) + hair
        if found["gradient_range"].status is PROVED:
            low, high = (number(v) for v in range_of(found))
            assert low <= min(slopes) + hair
            assert max(slopes) <= high + hair
        bound = found["gradient_lipschitz"]
        if bound.status is PROVED and bound.value != "inf":
            assert smooth[0]
            assert smooth[1]
            assert max(abs(b) for b in bends) <= number(str(bound.value)) + hair
        if found["rescu"].status is PROVED:
            assert smooth[0]
            assert smooth[1]
            assert min(bends) >= -hair or max(bends) <= hair


def check_smoothness(found: Certificate, smooth: list[bool]) -> None:
    if found["continuous"].status is not Verdict.UNDECIDED:
        assert (found["continuous"].status is PROVED) == smooth[0]
    claim = found["smooth"]
    if claim.status is REFUTED:
        assert not smooth[0]
    if claim.status is PROVED:
        order = 99 if claim.value == "inf" else int(str(claim.value))
        assert smooth[0]
        assert smooth[1] == (order >= 1)
        if order >= 1:
            assert smooth[2] == (order >= 2)


def number(text: str) -> mpmath.mpf:
    return mpmath.mpf(text if "inf" in text else str(sp.N(sp.sympify(text), 240)))
