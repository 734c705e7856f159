"""Matched scales: moments against an independent quadrature, and what has none."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp

from rescu_cli.catalogue import resolve
from rescu_cli.core.match import match_scale, smoothing
from rescu_cli.core.symbols import X, plain
from rescu_cli.errors import UnknownNameError, UnsupportedError


@pytest.mark.parametrize(
    ("text", "variance", "curvature"),
    [
        ("smelu:beta=3", 3, sp.Rational(1, 6)),
        ("softplus:k=2", sp.pi**2 / 12, sp.Rational(1, 2)),
        ("squareplus:c=4", None, sp.Rational(1, 8)),
    ],
)
def test_known_measures(text: str, variance: object, curvature: object) -> None:
    activation = resolve(text)
    if variance is not None:
        assert sp.simplify(smoothing(activation, "variance") - variance) == 0
    if curvature is not None:
        assert sp.simplify(smoothing(activation, "curvature") - curvature) == 0


@pytest.mark.parametrize("by", ["variance", "curvature"])
@pytest.mark.parametrize("name", ["softplus", "rescu_cosine", "rescu_smoothstep", "rescu_gaussian"])
def test_matched_activations_smooth_alike(name: str, by: str) -> None:
    first, second = match_scale([resolve("smelu:beta=1"), resolve(name)], by)
    assert first.spec == "smelu:beta=1"
    if by == "curvature":
        middle = next(p for p in second.pieces if p.lower < 0 <= p.upper)
        found = sp.diff(plain(middle.gradient), X).subs(X, 0)
        assert float(found) == pytest.approx(0.5, rel=1e-9)
        return
    # f″ even about 0: ∫x²f″ = 2∫_0^∞ x²f″, by mpmath, piece by piece.
    total = mpmath.mpf(0)
    for piece in second.pieces:
        low, high = max(piece.lower, sp.S.Zero), piece.upper
        bend = sp.diff(plain(piece.gradient), X)
        if high <= low or bend == 0:
            continue
        f = sp.lambdify(X, X**2 * bend, "mpmath")
        ends = [float(low), float(high) if high.is_finite else 60.0]
        total += 2 * mpmath.quad(f, mpmath.linspace(*ends, 12))
    assert float(total) == pytest.approx(1 / 3, rel=1e-8)


@pytest.mark.parametrize("beta", ["1", "3/2", "0.25"])
def test_the_cosine_kernel_has_the_variance_that_parts_give(beta: str) -> None:
    """k = (π/4β)cos(πx/2β) on [−β, β]: by parts twice, ∫x²k = β²(1 − 8/π²).

    With a = π/2, β = 1: ∫_0^1 t²cos(at)dt = [t²sin(at)/a + 2t·cos(at)/a² − 2sin(at)/a³]_0^1
    = 1/a − 2/a³, and k has the factor a/2 on both halves: 1 − 2/a².
    """
    b = sp.Rational(beta)
    activation = resolve(f"rescu_cosine:beta={beta}")
    found = smoothing(activation, "variance")
    assert sp.simplify(found - b**2 * (1 - 8 / sp.pi**2)) == 0
    # The kernel is this one, and the integral is that: neither is taken from the code.
    low, high = activation.breakpoints
    assert (low, high) == (-b, b)
    density = sp.pi / (4 * b) * sp.cos(sp.pi * X / (2 * b))
    assert sp.simplify(sp.diff(plain(activation.pieces[1].gradient), X) - density) == 0
    by_quadrature = mpmath.quad(sp.lambdify(X, X**2 * density, "mpmath"), [-float(b), float(b)])
    assert float(found) == pytest.approx(float(by_quadrature), rel=1e-12)
    # The control: the variance of a uniform density on the same interval is another.
    assert float(found) < float(b**2 / 3) * 0.6


@pytest.mark.parametrize("alpha", ["1/2", "1", "3"])
def test_celu_smooths_like_an_exponential_density(alpha: str) -> None:
    """k = e^(x/α)/α on x < 0: one-sided, but a density, of variance α². It has no f″(0)."""
    activation = resolve(f"celu:alpha={alpha}")
    assert sp.simplify(smoothing(activation, "variance") - sp.Rational(alpha) ** 2) == 0
    _, matched = match_scale([resolve("smelu:beta=3"), resolve("celu")], "variance")
    assert float(matched.parameter("alpha").value) == pytest.approx(3**0.5, rel=1e-11)
    with pytest.raises(UnsupportedError, match=r"left of it and 0 right of it.*match by variance"):
        smoothing(activation, "curvature")


@pytest.mark.parametrize(
    ("names", "by", "message"),
    [
        (["smelu:beta=1", "relu"], "curvature", "no curvature at 0"),
        (["smelu:beta=1", "relu"], "variance", "smooths nothing"),
        (["smelu:beta=1", "squareplus"], "variance", "no variance to match"),
        (["smelu:beta=1", "softplus:k=1"], "curvature", "leave it out"),
        (["smelu:beta=1", "mish"], "curvature", "no parameter that scales"),
        (["relu", "smelu"], "variance", "smooths nothing"),
    ],
)
def test_what_has_no_measure_is_refused(names: list[str], by: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        match_scale([resolve(name) for name in names], by)


@pytest.mark.parametrize(
    ("name", "found", "right"),
    [
        ("gelu", r"is -0\.107982 at x = -2, so it is no density", "match by curvature"),
        ("swish:k=2", "so it is no density", r"a curvature of 1: match by curvature"),
        ("hard_swish", r"a point mass of -0\.5 at x = -3", "match by curvature"),
        ("tanhexp", "so it is no density", "match by curvature"),
        ("selu", r"a point mass of -0\.673263 at x = 0", "no curvature either: leave it out"),
        ("elu:alpha=2", "a point mass of -1 at x = 0", "no curvature either: leave it out"),
        ("squareplus", r"falls like \|x\|⁻³ or slower", r"of 0\.25: match by curvature"),
        ("relu", "has a kink and smooths nothing", "no curvature either: leave it out"),
        ("leaky_relu", "has a kink and smooths nothing", "no curvature either: leave it out"),
        ("tanh", "the slope 0 at −∞ and at \\+∞", "no curvature either: leave it out"),
    ],
)
def test_a_variance_that_is_no_width_is_refused(name: str, found: str, right: str) -> None:
    """With what was asked, what was found, and a way out that exists."""
    asked = f"Matching by variance was asked, but {name}"
    with pytest.raises(UnsupportedError, match=f"^{asked}.*{found}.*{right}") as refused:
        match_scale([resolve("smelu:beta=1"), resolve(name)], "variance")
    if "match by curvature" in str(refused.value):
        assert smoothing(resolve(name), "curvature") > 0
    else:
        with pytest.raises(UnsupportedError, match="no variance either"):
            smoothing(resolve(name), "curvature")


@pytest.mark.parametrize(
    "name", ["elu:alpha=1/2", "rescu_laplace", "sau", "gsmelu", "softplus:k=9"]
)
def test_densities_are_not_taken_for_negative(name: str) -> None:
    """The control of the refusals: point masses that are positive, tails that vanish, slopes."""
    assert smoothing(resolve(name), "variance") > 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "mish",
            r"mish has no parameter that scales it.*0\.64.*0\.5 of smelu:beta=1.*Name it first",
        ),
        ("swish:k=3", r"has k given, with a curvature of 1\.5.*leave it out"),
    ],
)
def test_a_scale_that_cannot_be_chosen_is_refused(name: str, message: str) -> None:
    """Named first, the same activation is what the others are matched to."""
    with pytest.raises(UnsupportedError, match=message):
        match_scale([resolve("smelu:beta=1"), resolve(name)], "curvature")
    first, _ = match_scale([resolve(name), resolve("smelu")], "curvature")
    assert first.spec == name


def test_only_two_measures_are_known() -> None:
    with pytest.raises(UnknownNameError, match="measure of smoothing"):
        smoothing(resolve("smelu"), "width")
