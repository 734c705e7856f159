"""The whole command as a function: rounding, equioscillation, escape, fixed point."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rescu_cli as rescu
from rescu_cli.approximate import Polynomial
from rescu_cli.approximate.fixed import FixedPoint, parse_fixed_point
from rescu_cli.approximate.polynomial import settled
from rescu_cli.approximate.spread import Spread, parse_spread
from rescu_cli.errors import ParameterError, UnknownNameError, UnsupportedError, UsageError


def test_relu_at_degree_two() -> None:
    found = rescu.approx("relu")
    assert [round(c, 5) for c in found.coefficients] == [0.19947, 0.5, 0.19947]
    assert found.mse == pytest.approx(0.0112676, abs=1e-7) and found.closed
    assert found.sup_error.proved and found.sup_error.value == pytest.approx(0.4947114, abs=1e-7)
    assert found.escape.radius == pytest.approx(3.0, abs=1e-6)
    assert found.outside == pytest.approx(math.erfc(3 / math.sqrt(2)), rel=1e-5)
    assert any("0.27 % of normal:0,1" in n for n in found.notes)


@pytest.mark.parametrize(
    ("text", "degree"), [("relu", 4), ("gelu", 5), ("swish", 9), ("elu", 7), ("smelu:beta=2", 6)]
)
def test_minimax_equioscillates_at_two_points_more_than_its_degree(text: str, degree: int) -> None:
    """Chebyshev: so many level extrema of alternating sign, and no polynomial errs by less."""
    found = rescu.approx(text, method="minimax", degree=degree)
    turn = found.oscillation
    signs = [math.copysign(1, e) for _, e in turn.points]
    assert all(s * t < 0 for s, t in zip(signs, signs[1:], strict=False))
    assert turn.level >= degree + 2 == turn.needed
    assert turn.lower is not None
    assert 0.999 * found.sup_error.value < turn.lower <= found.sup_error.lower


def test_a_perturbed_polynomial_is_not_minimax() -> None:
    """The control: another method's polynomial is not level, and provably could be better."""
    found = rescu.approx("gelu", method="least-squares", degree=5)
    best = rescu.approx("gelu", method="minimax", degree=5)
    assert found.oscillation.level < found.oscillation.needed
    assert found.oscillation.lower < best.sup_error.value < 0.99 * found.sup_error.value
    assert found.mse < best.mse


def test_coefficients_are_the_ones_the_bound_is_about() -> None:
    found = rescu.approx("mish", method="minimax", degree=8)
    assert found.float64 is None and found.polynomial.in_float64
    x = np.linspace(-3, 3, 5001)
    f = x * np.tanh(np.log1p(np.exp(x)))
    e = np.abs(f - np.polynomial.Polynomial(found.coefficients)(x))
    assert e.max() <= found.sup_error.value <= e.max() * 1.01
    chebyshev = np.polynomial.Chebyshev(found.to_dict()["chebyshev"], domain=[-3, 3])
    assert chebyshev(x) == pytest.approx(np.polynomial.Polynomial(found.coefficients)(x), abs=1e-12)


def test_a_degree_too_high_for_float64_says_so_and_gives_more_digits() -> None:
    found = rescu.approx("tanh", method="minimax", degree=35, x_range="-4:4")
    assert found.float64 is not None and "they are given to" in found.float64
    assert not found.polynomial.in_float64
    exact = [Fraction(text) for text in found.to_dict()["exact"]]
    assert tuple(exact) == found.polynomial.coefficients
    assert found.sup_error.proved and found.oscillation.level == 37


def test_rounding_is_kept_below_the_error() -> None:
    exact = [Fraction(1, 3), Fraction(10**12, 7)]
    kept, reason = settled(exact, Fraction(1), 1.0, 0.0)
    assert reason is None and kept.in_float64
    kept, reason = settled(exact, Fraction(1), 1e-9, 0.0)
    assert reason is not None and abs(kept.coefficients[1] - exact[1]) < Fraction(1, 10**12)


def test_coefficients_that_are_zero_come_out_zero() -> None:
    for method in ("dapa", "minimax", "least-squares"):
        c = rescu.approx("relu", method=method, degree=6).coefficients
        assert c[1] == 0.5 and c[3] == c[5] == 0.0, method


def test_the_identity_is_found_and_never_escapes() -> None:
    found = rescu.approx("identity", method="minimax", degree=3)
    assert found.coefficients == (0.0, 1.0, 0.0, 0.0) and found.sup_error.value == 0
    assert found.escape.radius is None and found.outside == 0


# -- escape --------------------------------------------------------------------------------------


def test_the_escape_radius_is_where_the_error_crosses_the_tolerance() -> None:
    """0.19947(1 + x²) − |x|/2 = ½ at |x| = (½ + √(¼ + 4·0.19947·0.30053))/(2·0.19947)."""
    found = rescu.approx("relu", tolerance=0.5)
    c = 1 / math.sqrt(8 * math.pi)
    crossing = (0.5 + math.sqrt(0.25 + 4 * c * (0.5 - c))) / (2 * c)
    assert found.escape.proved and found.escape.radius == pytest.approx(crossing, rel=1e-8)
    assert found.escape.radius < crossing


def test_a_small_tolerance_stops_at_the_first_crossing() -> None:
    found = rescu.approx("relu", tolerance=0.15)  # |e(0)| = 0.199 already exceeds it
    assert found.escape.radius == pytest.approx(0.0, abs=1e-7)
    assert found.outside == pytest.approx(1.0, abs=1e-6)


def test_escape_on_one_side_only() -> None:
    found = rescu.approx("elu", method="dapa", degree=0)  # a constant: f escapes to the right
    assert found.escape.left is None and found.escape.right is not None


def test_the_distribution_of_the_warning_can_be_chosen() -> None:
    wide = rescu.approx("gelu", degree=4, spread="normal:0,4")
    narrow = rescu.approx("gelu", degree=4, spread="uniform:-1,1")
    assert wide.outside > 0.4 and narrow.outside == 0
    assert any("of normal:0,4 lie where" in n for n in wide.notes)


@pytest.mark.parametrize(
    ("text", "below", "above"),
    [
        ("normal:1,2", 0.15865525393145707, 0.15865525393145707),
        ("laplace:1,2", math.exp(-1) / 2, math.exp(-1) / 2),
        ("logistic:1,2", 1 / (1 + math.e), 1 / (1 + math.e)),
        ("uniform:-2,4", 1 / 6, 1 / 6),
    ],
)
def test_tails_of_distributions(text: str, below: float, above: float) -> None:
    s = parse_spread(text)
    assert s.below(-1.0) == pytest.approx(below) and s.above(3.0) == pytest.approx(above)
    assert s.outside(-1.0, 3.0) == pytest.approx(below + above)
    assert s.outside(None, None) == 0


# -- fixed point ---------------------------------------------------------------------------------


@given(
    st.integers(4, 40),
    st.lists(st.fractions(-100, 100, max_denominator=10**6), min_size=1, max_size=6),
)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_quantised_coefficients_are_whole_multiples_within_half_a_unit(
    bits: int, c: list[Fraction]
) -> None:
    try:
        rounded, integers, fraction = FixedPoint(bits).quantised(Polynomial(tuple(c)))
    except UsageError as error:
        assert "does not fit" in str(error)
        return
    for n, new, old in zip(integers, rounded.coefficients, c, strict=True):
        assert new == Fraction(n, 2**fraction) and abs(new - old) <= Fraction(
            1, 2 ** (fraction + 1)
        )
        assert -(2 ** (bits - 1)) <= n < 2 ** (bits - 1)


def test_the_error_of_the_quantised_polynomial_is_proved_anew() -> None:
    found = rescu.approx("gelu", method="minimax", degree=6, fixed_point="12.10")
    before = found.quantised
    assert before is not None and found.sup_error.proved
    assert found.sup_error.value > before.sup_before.value
    x = np.linspace(-3, 3, 3001)
    f = np.array([t * math.erfc(-t / math.sqrt(2)) / 2 for t in x])
    e = np.abs(f - np.polynomial.Polynomial(np.array(before.integers) / 1024)(x)).max()
    assert e <= found.sup_error.value <= 1.01 * e


def test_a_coefficient_that_does_not_fit_is_named() -> None:
    with pytest.raises(
        UsageError, match=r"0\.5 of x\^1 does not fit 8 bits with 10 after the point; 8\.7 does"
    ):
        rescu.approx("relu", fixed_point="8.10")
    with pytest.raises(UsageError, match=r"write BITS or BITS\.FRACTION"):
        parse_fixed_point("a.b")


# -- data ----------------------------------------------------------------------------------------


def test_the_document_has_the_contract_s_keys_and_no_infinities() -> None:
    for k in ({}, {"method": "rational"}, {"method": "minimax", "degree": 3, "fixed_point": "16"}):
        data = rescu.approx("swish", **k).to_dict()
        json.dumps(data, allow_nan=False)
        assert {
            "coefficients",
            "mse",
            "sup_error",
            "escape_radius",
            "method",
            "degree",
            "range",
            "chebyshev",
            "equioscillation",
        } <= set(data)
        assert {"value", "proved"} <= set(data["sup_error"])


def test_channels_have_their_own_polynomials() -> None:
    found = rescu.approx_channels("relu", [0.0, 1.0, -2.0], [1.0, 2.0, 0.5], degree=3)
    assert found.coefficients.shape == (3, 4)
    for row, mean, std in zip(found.coefficients, (0, 1, -2), (1, 2, "0.5"), strict=True):
        assert row == pytest.approx(
            list(rescu.approx("relu", degree=3, mean=mean, std=std).coefficients), abs=1e-13
        )
    assert all(e.proved for e in found.errors)
    assert found.mse[0] == pytest.approx(rescu.approx("relu", degree=3).mse)


def test_statistics_are_read_from_a_file(tmp_path) -> None:
    np.savez(tmp_path / "s.npz", mean=np.zeros(2), std=np.ones(2))
    assert rescu.approx_channels("gelu", tmp_path / "s.npz").coefficients.shape == (2, 3)
    np.savez(tmp_path / "t.npz", mean=np.zeros(2))
    with pytest.raises(UsageError, match="lacks std; it holds mean"):
        rescu.approx_channels("gelu", tmp_path / "t.npz")
    (tmp_path / "u.npz").write_text("no")
    with pytest.raises(UsageError, match=r"is no \.npz of plain arrays"):
        rescu.approx_channels("gelu", tmp_path / "u.npz")


def test_a_callable_is_fitted_and_nothing_is_proved(tmp_path) -> None:
    (tmp_path / "f.py").write_text(
        "import math\n\ndef act(x):\n    return x / (1 + math.exp(-x))\n"
    )
    path = f"{tmp_path / 'f.py'}:act"
    for method in ("dapa", "minimax", "least-squares"):
        found, known = (rescu.approx(t, method=method, degree=4) for t in (path, "swish"))
        assert found.coefficients == pytest.approx(known.coefficients, abs=1e-7)
        assert not found.sup_error.proved and known.sup_error.proved
        assert any("sampled, not proved: f is code" in n for n in found.notes)


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "message"), [
    ({"degree": -1}, "The degree must be 0 to 100; found -1"),
    ({"degree": 101}, "found 101"),
    ({"degree": "5/4"}, "dapa makes polynomials, which have one degree"),
    ({"degree": "two"}, "Cannot read the degree 'two'"),
    ({"method": "rational", "degree": 5}, "has two degrees; write e.g. --degree 5/4"),
    ({"method": "rational", "degree": "40/4"}, "Degrees of a rational function are 0 to 12"),
    ({"method": "rational", "form": "Z"}, "No rational form 'Z'"),
    ({"method": "rational", "fixed_point": "16"}, "Fixed point is for polynomials"),
    ({"form": "B"}, "Form B is of a denominator"),
    ({"std": 0}, "standard deviation must be positive; found 0"),
    ({"std": -1}, "found -1"),
    ({"std": "wide"}, "'wide', which is not a finite number"),
    ({"x_range": "3:-3"}, "is empty; low must be below high. Did you mean -3:3"),
    ({"x_range": "1:1"}, "is empty"),
    ({"x_range": "1:inf"}, "not a finite number"),
    ({"x_range": "1"}, "has 1 number; give two"),
    ({"x_range": "0:1e30"}, "out of bounds"),
    ({"tolerance": 0.0}, "tolerance must be positive"),
    ({"spread": "cauchy:0,1"}, "No distribution named 'cauchy'"),
    ({"spread": "normal:0,-1"}, "must be positive"),
    ({"spread": "normal"}, "Cannot read the distribution"),
    ({"spread": "uniform:2,1"}, "is empty"),
])  # fmt: skip
def test_bad_requests_say_what_would_be_right(k: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("/", r"/")):
        rescu.approx("relu", **k)


def test_unknown_methods_get_suggestions() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'minimax'"):
        rescu.approx("relu", method="minmax")


def test_free_parameters_without_a_default_are_refused(tmp_path) -> None:
    import sympy as sp

    from rescu_cli.core.activation import Activation, Piece
    from rescu_cli.core.symbols import Parameter, X

    c = Parameter("c")
    free = Activation("free", (c,), (Piece(-sp.oo, sp.oo, c.symbol * X, c.symbol),))
    (tmp_path / "free.json").write_text(json.dumps(free.to_dict()))
    with pytest.raises(ParameterError, match="needs a number for c"):
        rescu.approx(str(tmp_path / "free.json"))


def test_an_activation_that_is_infinite_on_the_range_is_refused() -> None:
    import sympy as sp

    from rescu_cli.approximate import Request, approximate
    from rescu_cli.core.activation import Activation, Piece
    from rescu_cli.core.symbols import X

    pole = Activation("pole", (), (Piece(-sp.oo, sp.oo, 1 / X, -1 / X**2),))
    for method in ("minimax", "least-squares"):
        with pytest.raises(
            (UsageError, UnsupportedError), match=r"not finite at x = 0|did not settle"
        ):
            approximate(pole, Request(method, 2, low=Fraction(-1), high=Fraction(1)))


def test_a_spread_checks_itself() -> None:
    with pytest.raises(UsageError):
        Spread("normal", 0.0, 0.0)
