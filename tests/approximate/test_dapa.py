"""The best polynomial under a normal weight."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from rescu_cli.approximate import Polynomial
from rescu_cli.approximate.dapa import fit_normal, normal_mse
from rescu_cli.approximate.quadrature import Cell, integrate
from rescu_cli.core import balls
from rescu_cli.errors import UnsupportedError
from tests.approximate.subjects import JOINTS, ORACLE, target

CASES = [
    ("relu", 0, 1),
    ("relu", 1, 2),
    ("relu", -3, Fraction(1, 2)),
    ("leaky_relu:alpha=0.1", 1, 1),
    ("smelu:beta=1", 0, 1),
    ("hard_swish", 0, 2),
    ("gelu", 0, 1),
    ("elu", Fraction(1, 2), 1),
]


def expectation(text: str, u: Fraction, v: Fraction, g) -> mpmath.mpf:
    """E g(f(x), z) by tanh-sinh quadrature between the joints."""
    joints = [(j - u) / v for j in (0, *JOINTS.get(text, ()))]
    nodes = sorted({-14.0, -4.0, 4.0, 14.0, *map(float, joints)})
    with mpmath.workdps(25):
        return mpmath.quad(
            lambda z: (
                g(
                    ORACLE[text](
                        mpmath.mpf(u.numerator) / u.denominator + z * v.numerator / v.denominator
                    ),
                    z,
                )
                * mpmath.npdf(z)
            ),
            [mpmath.mpf(n) for n in nodes],
        )


def floats(text: str, degree: int, mean: object, std: object) -> list[float]:
    found = fit_normal(target(text), degree, Fraction(mean), Fraction(std))
    return [float(c) for c in found.coefficients]


def test_relu_at_degree_two_has_the_published_coefficients() -> None:
    assert floats("relu", 2, 0, 1) == pytest.approx([0.19947, 0.5, 0.19947], abs=5e-6)
    exact = 1 / math.sqrt(8 * math.pi)
    assert floats("relu", 2, 0, 1) == pytest.approx([exact, 0.5, exact], abs=1e-16)


def test_relu_at_degree_two_has_the_published_error() -> None:
    polynomial = Polynomial(tuple(map(Fraction, floats("relu", 2, 0, 1))))
    assert normal_mse(target("relu"), polynomial, Fraction(0), Fraction(1)) == pytest.approx(
        0.01127, abs=5e-6
    )


@pytest.mark.parametrize(("text", "mean", "std"), CASES)
@pytest.mark.parametrize("degree", [0, 3, 6])
def test_coefficients_are_the_hermite_projection(
    text: str, mean: object, std: object, degree: int
) -> None:
    """Against projections on numpy's Hermite polynomials, integrated by mpmath."""
    u, v = Fraction(mean), Fraction(std)
    z_coefficients = []
    for n in range(degree + 1):
        basis = np.polynomial.hermite_e.herme2poly([0] * n + [1])
        moment = expectation(
            text, u, v, lambda f, z, basis=basis: f * mpmath.polyval(list(basis[::-1]), z)
        )
        z_coefficients.append(float(moment) / math.factorial(n))
    expected = np.polynomial.hermite_e.HermiteE(z_coefficients).convert(
        kind=np.polynomial.Polynomial
    )
    expected = expected(np.polynomial.Polynomial([float(-u / v), float(1 / v)]))
    found = floats(text, degree, u, v)
    padded = np.pad(expected.coef, (0, degree + 1 - len(expected.coef)))
    assert found == pytest.approx(padded.tolist(), abs=1e-11)


@pytest.mark.parametrize("text", ["relu", "leaky_relu:alpha=0.1"])
def test_the_closed_form_agrees_with_the_integral(text: str) -> None:
    subject = target(text)
    closed = fit_normal(subject, 12, Fraction(1, 3), Fraction(3, 2))
    assert closed.closed
    subject.__dict__["bends"] = None
    integrated = fit_normal(subject, 12, Fraction(1, 3), Fraction(3, 2))
    assert not integrated.closed and integrated.error < 1e-25
    for a, b in zip(closed.coefficients, integrated.coefficients, strict=True):
        assert abs(a - b) < Fraction(1, 10**24)


def test_quadrature_through_a_kink_would_be_wrong() -> None:
    """The control: Gauss–Hermite with 40 nodes across ReLU's kink misses the third digit."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    naive = (
        float(np.sum(weights * np.maximum(nodes, 0) * (nodes**2 - 1)) / math.sqrt(2 * math.pi)) / 2
    )
    assert abs(naive - floats("relu", 2, 0, 1)[2]) > 1e-4


def test_no_other_polynomial_has_a_smaller_mean_square() -> None:
    subject = target("gelu")
    best = fit_normal(subject, 3, Fraction(0), Fraction(1)).coefficients
    least = normal_mse(subject, Polynomial(best), Fraction(0), Fraction(1))
    for k in range(4):
        for step in (Fraction(1, 100), Fraction(-1, 100)):
            moved = tuple(c + (step if i == k else 0) for i, c in enumerate(best))
            assert normal_mse(subject, Polynomial(moved), Fraction(0), Fraction(1)) > least


def test_a_scaled_distribution_scales_relu_s_polynomial() -> None:
    """ReLU(cx) = c·ReLU(x): P for N(cu, c²v²) at x is c times P for N(u, v²) at x/c."""
    small, large = floats("relu", 4, 1, 2), floats("relu", 4, 3, 6)
    assert large == pytest.approx([3 * c / 3**k for k, c in enumerate(small)], rel=1e-13)


def test_narrow_transitions_are_integrated() -> None:
    """SAU with s = 5e-5 is a leaky ReLU to 2e-5, and so is its polynomial."""
    sau = floats("sau:alpha=0.15,s=0.00005", 4, 0, 1)
    assert sau == pytest.approx(floats("leaky_relu:alpha=0.15", 4, 0, 1), abs=1e-4)


def test_an_integral_that_does_not_exist_is_refused() -> None:
    from dataclasses import replace

    import sympy as sp

    from rescu_cli.approximate import Target
    from rescu_cli.core.activation import Activation, Piece
    from rescu_cli.core.symbols import X

    value = sp.exp(X**2)
    wild = Activation("wild", (), (Piece(-sp.oo, sp.oo, value, sp.diff(value, X)),))
    with pytest.raises(UnsupportedError, match="grows too fast for its mean under N"):
        fit_normal(Target(replace(wild)), 2, Fraction(0), Fraction(1))


def test_adaptive_quadrature_is_exact_to_its_tolerance() -> None:
    with balls.precision(192):
        cell = Cell(
            balls.exact_ball(0), balls.exact_ball(3), lambda x: [x.exp(), (-x * x * 1000).exp()]
        )
        found = integrate([cell], nodes=32, tolerance=1e-30)
    with mpmath.workdps(45):
        exact = [
            mpmath.e**3 - 1,
            mpmath.sqrt(mpmath.pi / 1000) / 2 * mpmath.erf(3 * mpmath.sqrt(1000)),
        ]
        for a, b in zip(found.values, exact, strict=True):
            assert abs(mpmath.mpf(a.str(45, radius=False)) - b) < 1e-28
    assert found.error < 1e-28
