"""Deriving from the distribution function of k and smoothing with k give the same function."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.derive import derive
from rescu_cli.core.kernel import _smoothed_relu, smooth
from rescu_cli.core.profiles import KERNELS, kernel_profile
from rescu_cli.core.reference import Reference
from rescu_cli.core.shape import named_shape
from rescu_cli.core.symbols import POSITIVE, X
from rescu_cli.errors import DerivationError

WITH_MOMENT = [k for k in KERNELS if k != "cauchy"]


@pytest.mark.parametrize("kernel", WITH_MOMENT)
def test_both_routes_give_the_same_pieces_for_every_width(kernel: str) -> None:
    """Symbolically in beta; the kernel's side uses K and M, the gradient's side P = ∫K."""
    row = kernel_profile(kernel)
    from_gradient = derive(named_shape(row.shape))
    beta = POSITIVE.symbol("beta")
    for i, piece in enumerate(from_gradient.pieces):
        convolved = _smoothed_relu(row, i, sp.S.Zero, beta)
        assert sp.simplify(convolved - piece.value) == 0
    smoothed = smooth(kernel, catalogue.get("relu"))
    assert smoothed.breakpoints == from_gradient.breakpoints


@pytest.mark.parametrize("kernel", WITH_MOMENT)
@pytest.mark.parametrize("base", ["relu", "leaky_relu:alpha=0.1"])
def test_the_result_is_the_convolution(kernel: str, base: str) -> None:
    """Against ∫ base(x − y) k(y/h)/h dy by an independent quadrature."""
    row = kernel_profile(kernel)
    h = mpmath.mpf(3) / 2
    f = smooth(kernel, catalogue.resolve(base)).bind(beta="3/2")
    slope = mpmath.mpf("0.1") if "leaky" in base else mpmath.mpf(0)
    reference = Reference(f)
    densities = [sp.lambdify(sp.Symbol("t", real=True), d, "mpmath") for d in row.density]

    def k(t: mpmath.mpf) -> mpmath.mpf:
        return densities[sum(t > int(j) for j in row.joints)](t)

    with mpmath.workdps(25):
        joints = [mpmath.mpf(int(j)) * h for j in row.joints]
        for x in (Fraction(-2), Fraction(-1, 3), Fraction(0), Fraction(5, 4), Fraction(4)):
            kink = mpmath.mpf(x.numerator) / x.denominator

            def integrand(y: mpmath.mpf, kink: mpmath.mpf = kink) -> mpmath.mpf:
                z = kink - y
                return (z if z > 0 else slope * z) * k(y / h) / h

            ends = sorted({*joints, kink, mpmath.mpf(-40), mpmath.mpf(40)})
            if kernel == "student2":  # its tails need the whole line
                ends = [-mpmath.inf, *sorted({kink, mpmath.mpf(-40), mpmath.mpf(40)}), mpmath.inf]
            truth = mpmath.quad(integrand, ends)
            got = mpmath.mpf(reference.enclose(x, bits=90).mid().str(25, radius=False))
            assert abs(got - truth) < (mpmath.mpf("1e-8") if kernel == "student2" else 1e-9)


def test_sau_is_the_gaussian_on_a_leaky_base() -> None:
    f = smooth("gaussian", catalogue.resolve("leaky_relu:alpha=0.15"))
    alpha, s = sp.Rational(15, 100), f.parameter("beta").symbol
    published = (
        (1 + alpha) / 2 * X
        + (1 - alpha) / 2 * X * sp.erf(X / (s * sp.sqrt(2)))
        + (1 - alpha) * s / sp.sqrt(2 * sp.pi) * sp.exp(-(X**2) / (2 * s**2))
    )
    assert sp.simplify(f.value - published) == 0


def test_a_kernel_without_first_moment_is_refused_with_the_reason() -> None:
    with pytest.raises(DerivationError, match="no first moment"):
        smooth("cauchy", catalogue.get("relu"))


@pytest.mark.parametrize("base", ["swish", "hard_swish", "identity", "elu"])
def test_a_base_that_is_not_two_lines_is_refused(base: str) -> None:
    with pytest.raises(DerivationError, match="two straight lines"):
        smooth("box", catalogue.get(base))
