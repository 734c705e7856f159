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


@pytest.mark.parametrize(
    ("names", "by", "message"),
    [
        (["smelu:beta=1", "relu"], "curvature", "no curvature at 0"),
        (["smelu:beta=1", "relu"], "variance", "smooths nothing"),
        (["smelu:beta=1", "squareplus"], "variance", "no variance to match"),
        (["smelu:beta=1", "softplus:k=1"], "curvature", "leave it out"),
        (["smelu:beta=1", "mish"], "curvature", "no parameter that scales"),
    ],
)
def test_what_has_no_measure_is_refused(names: list[str], by: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        match_scale([resolve(name) for name in names], by)


def test_only_two_measures_are_known() -> None:
    with pytest.raises(UnknownNameError, match="measure of smoothing"):
        smoothing(resolve("smelu"), "width")
