"""Every row of the tableau satisfies its defining identities, symbolically and numerically."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp

from rescu_cli.core import balls
from rescu_cli.core.profiles import KERNELS, SHAPES, Profile, T, kernel_profile, profile
from rescu_cli.core.symbols import plain

ROWS = [*(s for s in SHAPES if s != "step"), *(f"smoothstep:{n}" for n in (3, 4, 7))]


@pytest.fixture(params=ROWS)
def row(request: pytest.FixtureRequest) -> Profile:
    return profile(request.param)


def test_the_cdf_differentiates_to_the_density(row: Profile) -> None:
    for cdf, density in zip(row.cdf, row.density, strict=True):
        assert sp.simplify(sp.diff(cdf, T) - density) == 0


def test_the_primitive_differentiates_to_the_cdf(row: Profile) -> None:
    for primitive, cdf in zip(row.primitive, row.cdf, strict=True):
        assert sp.simplify(sp.diff(primitive, T) - cdf) == 0


def test_the_two_routes_meet(row: Profile) -> None:
    """P = t·K − M wherever the first moment exists, and M differentiates to t·k."""
    if row.moment is None:
        assert row.kernel == "cauchy"
        return
    for moment, cdf, primitive, density in zip(
        row.moment, row.cdf, row.primitive, row.density, strict=True
    ):
        assert sp.simplify(sp.diff(moment, T) - T * density) == 0
        assert sp.simplify(T * cdf - moment - primitive) == 0


def test_stretches_meet_at_their_joints(row: Profile) -> None:
    for expressions in filter(None, (row.cdf, row.primitive, row.moment)):
        for left, right, joint in zip(expressions, expressions[1:], row.joints, strict=False):
            assert sp.simplify((left - right).subs(T, joint)) == 0


def test_the_density_is_a_symmetric_probability(row: Profile) -> None:
    k = sp.lambdify(T, sp.Piecewise(*[(d, j > T) for d, j in zip(row.density, row.joints, strict=False)],
                                    (row.density[-1], True)), "mpmath")  # fmt: skip
    ends = [-mpmath.inf, *[mpmath.mpf(int(j)) for j in row.joints], mpmath.inf]
    with mpmath.workdps(20):
        assert abs(mpmath.quad(k, ends) - 1) < 1e-12
        for t in ("0.1", "0.7", "3.2"):
            assert abs(k(mpmath.mpf(t)) - k(-mpmath.mpf(t))) < 1e-18
        if row.variance != sp.oo:
            second = mpmath.quad(lambda t: t * t * k(t), ends)
            assert abs(second - mpmath.mpf(sp.N(row.variance, 20))) < 1e-10


def test_the_primitive_vanishes_on_the_left(row: Profile) -> None:
    if row.moment is None:
        assert row.primitive[0].subs(T, 0) == 0
        return
    if row.kernel == "student2":  # the only heavy tail among them: P(−y) ~ 1/(4y)
        far, bound = -(10**9), 1e-9
    else:
        far, bound = -100, 1e-40
    with balls.precision(20_000):  # log(1 + e^t) and 1 + erf(t) cancel up to t²/ln 2 bits
        value = balls.evaluate(plain(row.primitive[0]), {T: balls.exact_ball(far)})
        assert float(abs(value).upper()) < bound


def test_safe_forms_are_the_same_functions(row: Profile) -> None:
    """bump(|t|) + max(t, 0) = P and cdf_safe = K, to 40 digits on both sides of every joint."""
    bump, cdf_safe = plain(row.bump), plain(row.cdf_safe)
    for t in map(sp.Rational, ("-3", "-1", "-9/10", "-1/3", "0", "1/5", "2/3", "1", "4")):
        i = sum(bool(t > j) for j in row.joints)
        truth = row.primitive[i].subs(T, t).evalf(40)
        assert abs((bump.subs(T, t) + sp.Max(t, 0)).evalf(40) - truth) < sp.Float("1e-35")
        assert abs((cdf_safe.subs(T, t) - row.cdf[i].subs(T, t)).evalf(40)) < sp.Float("1e-35")


@pytest.mark.parametrize(
    ("shape", "variance"),
    [
        ("piecewise-linear", "1/3"),
        ("smoothstep", "1/5"),
        ("smootherstep", "1/7"),
        ("triangle", "1/6"),
    ],
)
def test_published_variances(shape: str, variance: str) -> None:
    assert profile(shape).variance == sp.Rational(variance)


def test_named_polynomials() -> None:
    """smoothstep is 3w² − 2w³ and smootherstep 6w⁵ − 15w⁴ + 10w³ in w = (t + 1)/2."""
    w = (T + 1) / 2
    assert sp.expand(profile("smoothstep").cdf[1] - (3 * w**2 - 2 * w**3)) == 0
    assert sp.expand(profile("smootherstep").cdf[1] - (6 * w**5 - 15 * w**4 + 10 * w**3)) == 0
    assert sp.simplify(profile("cosine").cdf[1] - (1 - sp.cos(sp.pi * w)) / 2) == 0


def test_every_kernel_has_a_row() -> None:
    assert [kernel_profile(k).kernel for k in KERNELS] == list(KERNELS)
