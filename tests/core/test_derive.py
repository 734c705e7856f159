"""Derivation: exact pieces, continuous joins, anchors, data round trips, honest refusals."""

from __future__ import annotations

import json
from fractions import Fraction

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from rescu_cli.core import balls
from rescu_cli.core.activation import Activation
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.derive import derive
from rescu_cli.core.expression import expression_shape
from rescu_cli.core.knots import knots_shape
from rescu_cli.core.profiles import SHAPES
from rescu_cli.core.reference import Reference
from rescu_cli.core.shape import GradientShape, named_shape
from rescu_cli.core.symbols import X
from rescu_cli.errors import DerivationError, ParseError, UnknownNameError, UsageError

NONE = read_assumptions([])


def of(text: str, **kwargs: str) -> Activation:
    return derive(expression_shape(text, NONE), **kwargs)


def test_piecewise_linear_gives_smelu_with_a_symbolic_width() -> None:
    smelu = derive(named_shape("piecewise-linear"))
    beta = smelu.parameter("beta").symbol
    assert [p.value for p in smelu.pieces] == [0, (X + beta) ** 2 / (4 * beta), X]
    assert smelu.breakpoints == (-beta, beta)


def test_the_general_form_has_the_published_coefficients() -> None:
    """gSmeLU's quadratic a x² + b x + c and right ray, with the left ray through the origin."""
    f = derive(named_shape("piecewise-linear", asymmetric=True, leaky=True))
    a, b = (f.parameter(n).symbol for n in ("alpha", "beta"))
    gm, gp = (f.parameter(n).symbol for n in ("g_minus", "g_plus"))
    t = -gm * a  # the value at −α
    middle = sp.Poly(sp.expand(f.pieces[1].value * (a + b)), X)
    assert sp.simplify(middle.coeff_monomial(X**2) / (a + b) - (gp - gm) / (2 * (a + b))) == 0
    assert sp.simplify(middle.coeff_monomial(X) / (a + b) - (a * gp + b * gm) / (a + b)) == 0
    constant = t + (a**2 * (gp + gm) + 2 * a * b * gm) / (2 * (a + b))
    assert sp.simplify(middle.coeff_monomial(1) / (a + b) - constant) == 0
    right = gp * X + t + (a + b) * gm / 2 + (a - b) * gp / 2
    assert sp.simplify(f.pieces[2].value - right) == 0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("variant", ["plain", "leaky", "asymmetric", "both"])
@pytest.mark.parametrize("anchor", ["left", "zero", "right"])
def test_every_named_shape_integrates_its_gradient(shape: str, variant: str, anchor: str) -> None:
    """f(b) − f(a) equals quadrature of the gradient, and the anchor holds."""
    asymmetric = variant in ("asymmetric", "both") and shape != "step"
    shaped = named_shape(shape, asymmetric=asymmetric, leaky=variant in ("leaky", "both"))
    if shape == "arctan" and anchor != "zero":
        with pytest.raises(DerivationError, match="diverges"):
            derive(shaped, anchor=anchor)
        return
    values = {"alpha": "3/4", "beta": "5/4", "g_minus": "1/5", "g_plus": "7/4"}
    if anchor == "zero" and asymmetric and shape in ("triangle", "laplace"):
        with pytest.raises(DerivationError, match="holds x = 0"):  # the middle joint has no sign
            derive(shaped, anchor=anchor)
        shaped = shaped.bind({"alpha": sp.Rational(3, 4), "beta": sp.Rational(5, 4)})
    f = derive(shaped, anchor=anchor)
    f = f.bind({p.name: values[p.name] for p in f.free_parameters})
    ref = Reference(f)
    joints = [float(b) for b in f.breakpoints]
    points = sorted({-3.0, -0.4, 0.6, 2.5, *joints})
    with mpmath.workdps(30):
        for low, high in zip(points, points[1:], strict=False):
            integral = mpmath.quad(
                lambda t: mpmath.mpf(ref.enclose(_rational(t), "gradient", bits=100).mid().str(
                    35, radius=False)), [mpmath.mpf(low), mpmath.mpf(high)]
            )  # fmt: skip
            with balls.precision(200):
                step = ref.enclose(high, bits=100) - ref.enclose(low, bits=100)
            assert abs(mpmath.mpf(step.mid().str(30, radius=False)) - integral) < 1e-16
    slopes = {p.name: p.value for p in f.parameters}
    g_minus, g_plus = slopes.get("g_minus", 0), slopes.get("g_plus", 1)
    if anchor == "zero":
        assert ref(0.0) == 0
    else:
        side, slope = (-1, g_minus) if anchor == "left" else (1, g_plus)
        far = Fraction(side * 10**9)
        with balls.precision(300):
            rest = ref.enclose(far, bits=200) - balls.exact_ball(Fraction(str(slope)) * far)
            assert float(abs(rest).upper()) < 1e-8


def _rational(t: mpmath.mpf) -> Fraction:
    sign, mantissa, exponent, _ = t._mpf_
    return Fraction((-1) ** sign * int(mantissa)) * Fraction(2) ** exponent


def test_continuity_constants_are_exact() -> None:
    f = of("0.2 if x < -1 else (x + 1.4)/2 if x < 0 else 0.7 + x**2 if x < 1 else 1.7")
    for left, right in zip(f.pieces, f.pieces[1:], strict=False):
        assert sp.simplify((left.value - right.value).subs(X, left.upper)) == 0


def test_a_gradient_without_elementary_integral_is_still_a_function() -> None:
    f = of("exp(-x**4)", anchor="zero")
    assert not f.closed_form
    ref = Reference(f)
    with mpmath.workdps(30):
        for x in (-2.0, 0.3, 1.5):
            truth = mpmath.quad(lambda t: mpmath.exp(-(t**4)), [0, x])
            assert abs(mpmath.mpf(ref.enclose(x).mid().str(25, radius=False)) - truth) < 1e-20
            assert float(ref.enclose(x).rad()) < 1e-20  # the error is bounded, not guessed


def test_the_left_anchor_of_such_a_gradient_is_its_tail_integral() -> None:
    f = of("exp(-x**4)")
    assert f.anchor == "left"
    half = mpmath.gamma(mpmath.mpf(5) / 4)  # ∫_{−∞}^0 e^{−t⁴} dt
    assert abs(Reference(f)(0.0) - float(half)) < 1e-15


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1/x", "pole"),
        ("1/(x - 0.3)", "3/10"),
        ("1/(x - 1)**2", "pole"),
        ("1/(exp(x) - 2)", "pole"),
        ("1/cos(x)", "pole"),
        ("tan(x)", "pole"),
        ("log(x)", "x = 0"),
        ("log(1 + x**2 - 2)", "x = -1"),
        ("sqrt(x)", "complex"),
        ("sqrt(1 - x**2)", "complex"),
        ("1/sqrt(x**2)", "finite"),
        ("exp(exp(exp(x)))**-1 * 0 + exp(exp(exp(exp(9))))", "finite"),
    ],
)
def test_what_is_no_gradient_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises((DerivationError, ParseError)) as caught:
        expression_shape(text, NONE)
    assert says in str(caught.value)


@pytest.mark.parametrize(("text", "anchor"), [("exp(-x)", "left"), ("x", "left"), ("sin(x)", "right"),
                                              ("1/(1 + abs(x))", "left")])  # fmt: skip
def test_a_divergent_anchor_is_refused(text: str, anchor: str) -> None:
    with pytest.raises(DerivationError, match="--anchor zero"):
        of(text, anchor=anchor)


def test_a_divergent_default_falls_back_to_zero() -> None:
    assert of("exp(-x)").anchor == "zero"
    assert Reference(of("exp(-x)"))(0.0) == 0


def test_unordered_joints_ask_for_an_assumption() -> None:
    text = "0 if x < s else (x - s)/(c - s) if x < c else 1"
    with pytest.raises(UsageError, match="--assume"):
        expression_shape(text, NONE)
    shape = expression_shape(text, read_assumptions(["s < c"]))
    assert [str(b) for b in shape.breakpoints] == ["s", "c"]


def test_ties_follow_the_text() -> None:
    assert of("0 if x < 1 else 1").owners == ("right",)
    assert of("0 if x <= 1 else 1").owners == ("left",)
    assert of("Heaviside(x)").owners == ("left",)  # Heaviside(0) = 1/2 is neither side's


@pytest.mark.parametrize(
    "text",
    ["(1 + tanh(x/beta))/2", "abs(x)/(1 + abs(x))", "max(0, min(1, x/beta))", "exp(-x**4)",
     "g_minus + (g_plus - g_minus)*sigmoid(x/beta)", "exp(x) if x < 0 else 1"],
)  # fmt: skip
def test_data_round_trips_with_the_same_digest(text: str) -> None:
    f = of(text)
    again = Activation.from_dict(json.loads(json.dumps(f.to_dict())))
    assert again.digest == f.digest
    assert again.spec == f.spec
    shape = expression_shape(text, NONE)
    assert GradientShape.from_dict(json.loads(json.dumps(shape.to_dict()))).pieces == shape.pieces


def test_a_file_is_no_more_trusted_than_typed_text() -> None:
    data = derive(named_shape("step")).to_dict()
    data["pieces"][0]["value"] = "__import__('os').system('true')"
    with pytest.raises(ParseError, match="Attribute access"):
        Activation.from_dict(data)
    for broken in ({}, {"schema": 1}, {**data, "pieces": []}, {**data, "schema": 99}):
        with pytest.raises(UsageError):
            Activation.from_dict(broken)


def test_digest_sees_the_mathematics_only() -> None:
    from dataclasses import replace

    f = derive(named_shape("piecewise-linear"))
    assert replace(f, summary="other words", name="other").digest == f.digest
    assert f.bind(beta=1).digest != f.bind(beta=2).digest
    assert replace(f, owners=("right", "left")).digest != f.digest


def test_width_zero_is_relu_and_negative_widths_are_refused() -> None:
    f = derive(named_shape("piecewise-linear"))
    at_zero = f.bind(beta=0)
    assert [p.value for p in at_zero.pieces] == [0, X]
    assert at_zero.spec.endswith(":beta=0")
    for bad in (-1, "-0.5", float("nan"), float("inf")):
        with pytest.raises(UsageError):
            f.bind(beta=bad)
    with pytest.raises(UsageError, match="no parameter 'gamma'"):
        f.bind(gamma=1)


def test_unknown_shapes_get_suggestions() -> None:
    with pytest.raises(UnknownNameError, match="smoothstep"):
        named_shape("smothstep")


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(-8, 8)), min_size=2, max_size=6,
             unique_by=lambda k: k[0]),
    st.sampled_from(["linear", "pchip"]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_knots_are_met_and_joined(knots: list[tuple[int, int]], how: str) -> None:
    knots = sorted(knots)
    text = ", ".join(f"{x}:{Fraction(g, 4)}" for x, g in knots)
    f = derive(knots_shape(text, how))
    for x, g in knots:
        assert f.gradient.subs(X, x) == sp.Rational(g, 4)
    for left, right in zip(f.pieces, f.pieces[1:], strict=False):
        assert sp.expand((left.value - right.value).subs(X, left.upper)) == 0
        assert sp.expand((left.gradient - right.gradient).subs(X, left.upper)) == 0
        assert sp.expand(sp.diff(left.value, X) - left.gradient) == 0


def test_pchip_is_the_monotone_cubic_of_the_library_between_the_end_slopes() -> None:
    """Inner slopes agree with SciPy's; the end slopes are 0 here, by design."""
    import numpy as np
    from scipy.interpolate import PchipInterpolator

    xs, gs = [-2, -1, 0.5, 1, 3], [0, 0.1, 0.4, 0.9, 1]
    f = derive(knots_shape(", ".join(f"{a}:{b}" for a, b in zip(xs, gs, strict=True)), "pchip"))
    slopes = PchipInterpolator(xs, gs).derivative()
    second = sp.lambdify(
        X, sp.Piecewise(*[(sp.diff(p.gradient, X), p.upper >= X) for p in f.pieces])
    )
    for x in xs[1:-1]:
        assert np.isclose(float(second(x)), slopes(x), rtol=1e-12)
    assert float(second(-2)) == 0


@pytest.mark.parametrize("text", ["", "1", "1:2", "0:0,0:1", "1:0,0:1", "a:b,c:d", "0:0,1:", "0:0,,1:1",
                                  "0:0, 1:nan", ",".join(f"{i}:0" for i in range(70))])  # fmt: skip
def test_bad_knots_are_refused(text: str) -> None:
    with pytest.raises((DerivationError, ParseError)):
        knots_shape(text)


@pytest.mark.parametrize(
    "field", ["summary", "remarks", "meaning", "source", "anchor", "name", "parameter"]
)
@pytest.mark.parametrize(
    "evil", ['x"""\nimport os\n"""', 'x"""; import os; """', "x\\", 'x"', "x\nimport os"]
)
def test_prose_of_a_file_cannot_become_code(field: str, evil: str) -> None:
    data = derive(named_shape("piecewise-linear")).to_dict()
    if field == "remarks":
        data["remarks"] = [evil]
    elif field in ("meaning", "parameter"):
        data["parameters"][0]["name" if field == "parameter" else "meaning"] = evil
    elif field == "source":
        data["source"]["text"] = evil
    else:
        data[field] = evil
    with pytest.raises(UsageError):
        Activation.from_dict(data)


def test_a_keyword_is_no_name() -> None:
    with pytest.raises(UsageError, match="keyword"):
        derive(named_shape("step"), name="lambda")
