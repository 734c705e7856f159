"""Curves as data: exact ordinates, jumps, impulses and joints."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.derive import derive
from rescu_cli.core.expression import expression_shape
from rescu_cli.core.reference import Reference
from rescu_cli.core.symbols import X
from rescu_cli.errors import ParameterError, UsageError
from rescu_cli.plot.sampling import Curve, Dot, Impulse, sample


def ready(text: str) -> Activation:
    return catalogue.resolve(text).with_defaults()


def all_points(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.concatenate([s.x for s in curve.strokes]),
        np.concatenate([s.y for s in curve.strokes]),
    )


@pytest.mark.parametrize("name", catalogue.names())
def test_value_and_gradient_are_the_reference_at_every_sample(name: str) -> None:
    activation = ready(name)
    oracle = Reference(activation)
    value, gradient = sample(activation, (-4.0, 4.0), 1)
    joints = {float(b) for b in activation.breakpoints}
    for curve, what in ((value, "value"), (gradient, "gradient")):
        x, y = all_points(curve)
        inner = [i for i in range(len(x)) if x[i] not in joints]
        expected = np.array([oracle(float(x[i]), what) for i in inner])
        assert np.all(np.abs(y[inner] - expected) <= 1e-12 * np.maximum(1, np.abs(expected)))


def test_second_derivatives_agree_with_numerical_differentiation() -> None:
    oracle = Reference(ready("gelu"))

    def gradient(x: mpmath.mpf) -> mpmath.mpf:
        cdf = mpmath.ncdf(x)
        return cdf + x * mpmath.npdf(x)

    assert oracle(0.7, "gradient") == pytest.approx(float(gradient(mpmath.mpf(0.7))), abs=1e-15)
    x, y = all_points(sample(ready("gelu"), (-4.0, 4.0), 2)[2])
    for i in range(0, len(x), 17):
        with mpmath.workdps(40):
            assert y[i] == pytest.approx(float(mpmath.diff(gradient, mpmath.mpf(x[i]))), abs=1e-12)


def test_each_stroke_ascends_and_the_range_is_covered() -> None:
    for curve in sample(ready("smelu:beta=0.5"), (-3.0, 5.0), 4):
        for stroke in curve.strokes:
            assert np.all(np.diff(stroke.x) > 0)
        assert curve.strokes[0].x[0] == -3.0
        assert curve.strokes[-1].x[-1] == 5.0


def test_relu_gradient_is_two_strokes_that_share_only_the_joint() -> None:
    value, gradient, second = sample(ready("relu"), (-4.0, 4.0), 2)
    assert len(value.strokes) == 1
    left, right = gradient.strokes
    assert left.x[-1] == right.x[0] == 0.0
    assert set(left.y) == {0.0}
    assert set(right.y) == {1.0}
    assert gradient.dots == (Dot(0.0, 0.0, filled=True), Dot(0.0, 1.0, filled=False))
    assert second.impulses == (Impulse(0.0, 1.0),)
    assert len(second.strokes) == 1
    assert set(second.strokes[0].y) == {0.0}


def test_the_filled_dot_is_on_the_side_that_owns_the_joint() -> None:
    mine = replace(ready("relu"), owners=("right",))
    gradient = sample(mine, (-4.0, 4.0), 1)[1]
    assert gradient.dots == (Dot(0.0, 0.0, filled=False), Dot(0.0, 1.0, filled=True))


def test_smelu_second_derivative_jumps_by_half_over_beta() -> None:
    curves = sample(ready("smelu:beta=2"), (-4.0, 4.0), 3)
    assert [p for p, _ in curves[1].joints] == [-2.0, 2.0]
    assert [(s.x[0], s.x[-1]) for s in curves[2].strokes] == [(-4, -2), (-2, 2), (2, 4)]
    assert [(d.x, d.y, d.filled) for d in curves[2].dots] == [
        (-2.0, 0.0, True),
        (-2.0, 0.25, False),
        (2.0, 0.25, True),
        (2.0, 0.0, False),
    ]
    assert curves[3].impulses == (Impulse(-2.0, 0.25), Impulse(2.0, -0.25))
    assert curves[2].impulses == ()


def test_a_narrow_transition_is_resolved() -> None:
    """softplus with k=1000 rises within a thousandth of the window; its f'' peaks at k/4."""
    value, gradient, second = sample(ready("softplus:k=1000"), (-4.0, 4.0), 2)
    assert second.strokes[0].y.max() == pytest.approx(250, rel=1e-12)
    x, y = gradient.strokes[0].x, gradient.strokes[0].y
    assert np.sum((y > 0.01) & (y < 0.99)) > 20
    assert np.abs(np.interp(0.002, x, y) - 1 / (1 + np.exp(-2.0))) < 1e-3
    assert 0 <= value.strokes[0].y[0] < 1e-300


def test_a_narrow_transition_away_from_every_hint_is_found() -> None:
    shape = expression_shape("(1 + tanh((x - 1.2345)*2000))/2", Assumptions({}))
    gradient = sample(derive(shape), (-4.0, 4.0), 1)[1]
    y = gradient.strokes[0].y
    assert np.sum((y > 0.05) & (y < 0.95)) > 10


def test_the_polyline_is_as_good_as_the_curve() -> None:
    curves = sample(ready("mish"), (-6.0, 6.0), 2)
    oracle = Reference(ready("mish"))
    grid = np.linspace(-6, 6, 501)
    for curve, what in zip(curves, ("value", "gradient"), strict=False):
        drawn = np.interp(grid, curve.strokes[0].x, curve.strokes[0].y)
        exact = np.array([oracle(float(x), what) for x in grid])
        height = exact.max() - exact.min()
        assert np.abs(drawn - exact).max() < 1e-3 * height


def test_a_gradient_without_closed_form_is_drawn() -> None:
    activation = derive(expression_shape("(1 + tanh(x + x**3))/2", Assumptions({})), seconds=0.5)
    assert not activation.closed_form
    value, gradient = sample(activation, (-2.0, 2.0), 1)
    oracle = Reference(activation)
    x, y = all_points(value)
    for i in range(0, len(x), 29):
        assert y[i] == pytest.approx(oracle(float(x[i])), abs=1e-12)
    assert all_points(gradient)[1][-1] == pytest.approx((1 + np.tanh(10.0)) / 2, abs=1e-12)


def test_a_pole_of_a_derivative_cuts_the_curve_and_is_reported() -> None:
    """f' = sqrt(x) right of 0 has an infinite second derivative there."""
    zero = sp.S.Zero
    pieces = (
        Piece(-sp.oo, zero, zero, zero),
        Piece(zero, sp.oo, 2 * X ** sp.Rational(3, 2) / 3, sp.sqrt(X)),
    )
    second = sample(Activation("root", (), pieces, ("left",)), (-1.0, 1.0), 2)[2]
    assert not second.bounded
    assert len(second.strokes) == 2
    assert all(np.isfinite(s.y).all() for s in second.strokes)
    assert [(d.x, d.y) for d in second.dots] == [(0.0, 0.0)]


def test_rounding_is_no_jump_far_from_the_origin() -> None:
    far = derive(expression_shape("0 if x < 1000001/3 else 1", Assumptions({})))
    value = sample(far, (333333.0, 333334.0), 0)[0]
    assert len(value.strokes) == 1
    assert not value.dots


def test_a_joint_at_the_edge_of_the_range_needs_no_second_stroke() -> None:
    gradient = sample(ready("relu"), (0.0, 4.0), 1)[1]
    assert len(gradient.strokes) == 1
    assert set(gradient.strokes[0].y) == {1.0}


def test_symbolic_parameters_and_wrong_orders_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"beta is symbolic; bind it, e\.g\. smelu:beta=1"):
        sample(catalogue.resolve("smelu"), (-1.0, 1.0), 1)
    with pytest.raises(UsageError, match="5 derivatives cannot be drawn; choose 0 to 4"):
        sample(ready("relu"), (-1.0, 1.0), 5)
