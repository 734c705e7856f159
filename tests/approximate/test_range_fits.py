"""Least squares and minimax on a range."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

from rescu_cli.approximate import Polynomial, sup_error
from rescu_cli.approximate.least_squares import fit_uniform, uniform_mse
from rescu_cli.approximate.remez import fit_minimax
from rescu_cli.core.symbols import exact
from rescu_cli.errors import UnsupportedError
from tests.approximate.subjects import ORACLE, target

LOW, HIGH = Fraction(-3), Fraction(3)


def values(text: str, x: np.ndarray) -> np.ndarray:
    return np.array([float(ORACLE[text](t)) for t in x.tolist()])


@pytest.mark.parametrize("text", ["relu", "gelu", "smelu:beta=1", "tanh"])
@pytest.mark.parametrize("degree", [1, 4, 9])
def test_least_squares_agrees_with_numpy_on_dense_nodes(text: str, degree: int) -> None:
    nodes, weights = np.polynomial.legendre.leggauss(40)
    x, w = [], []  # composite Gauss on panels that end at every joint
    for k in range(-12, 12):
        x.append((k + 0.5) / 4 + nodes / 8)
        w.append(weights)
    x, w = np.concatenate(x), np.concatenate(w)
    legendre = np.polynomial.legendre.Legendre.fit(
        x, values(text, x), degree, domain=[-3, 3], w=np.sqrt(w)
    )
    expected = legendre.convert(kind=np.polynomial.Polynomial).coef
    found = [float(c) for c in fit_uniform(target(text), degree, LOW, HIGH).coefficients]
    assert found == pytest.approx(
        np.pad(expected, (0, degree + 1 - len(expected))).tolist(), abs=1e-9
    )


def test_the_residual_of_least_squares_is_orthogonal_to_every_power() -> None:
    subject = target("mish")
    fit = fit_uniform(subject, 5, LOW, HIGH)
    best = uniform_mse(subject, Polynomial(fit.coefficients), LOW, HIGH)
    for k in range(6):
        for step in (1, -1):
            moved = [
                c + (Fraction(step, 10**4) if i == k else 0) for i, c in enumerate(fit.coefficients)
            ]
            assert uniform_mse(subject, Polynomial(tuple(moved)), LOW, HIGH) > best


@pytest.mark.parametrize(
    "text", ["relu", "leaky_relu:alpha=0.1", "gelu", "swish", "elu", "smelu:beta=1", "tanh"]
)
@pytest.mark.parametrize("degree", [1, 2, 3, 6])
def test_minimax_agrees_with_a_linear_program(text: str, degree: int) -> None:
    """HiGHS on 1,500 points: its optimum is below the true one by O(h²), and never above."""
    x = np.union1d(np.linspace(-3, 3, 1501), [0.0])
    basis = np.polynomial.chebyshev.chebvander(x / 3, degree)
    f = values(text, x)
    ones = np.ones((len(x), 1))
    solved = linprog(
        [0] * (degree + 1) + [1],
        A_ub=np.block([[basis, -ones], [-basis, -ones]]),
        b_ub=np.concatenate([f, -f]),
        bounds=[(None, None)] * (degree + 2),
        method="highs",
    )
    found = fit_minimax(target(text), degree, LOW, HIGH, 192)
    assert found.level == pytest.approx(solved.fun, rel=2e-4)
    assert found.level >= solved.fun * (1 - 1e-7)


def test_the_minimax_line_of_relu_is_known() -> None:
    """|x| on [−1, 1]: ½ is the best line, with error ½; ReLU is half of that plus x/2."""
    found = fit_minimax(target("relu"), 1, Fraction(-1), Fraction(1), 192)
    assert [float(c) for c in found.coefficients] == pytest.approx([0.25, 0.5], abs=1e-9)
    assert found.level == pytest.approx(0.25, rel=1e-9)


def test_the_minimax_parabola_of_relu_is_known() -> None:
    """|x| ≈ x² + 1/8 on [−1, 1], with error 1/8 (Bernstein)."""
    found = fit_minimax(target("relu"), 2, Fraction(-1), Fraction(1), 192)
    assert [float(c) for c in found.coefficients] == pytest.approx([1 / 16, 0.5, 0.5], abs=1e-9)
    assert found.level == pytest.approx(1 / 16, rel=1e-9)


def test_bernstein_s_constant_appears() -> None:
    """n·E_n(|x|) → 0.2801…, from below 0.2805 at n = 20 on; E for ReLU is half of it."""
    found = fit_minimax(target("relu"), 30, Fraction(-1), Fraction(1), 192)
    assert 2 * 30 * found.level == pytest.approx(0.28017, abs=4e-4)


def test_a_function_that_is_a_polynomial_is_returned() -> None:
    found = fit_minimax(target("hard_swish"), 4, LOW, HIGH, 192)  # x(x + 3)/6 on [−3, 3]
    assert found.level == 0
    assert [round(float(c), 12) for c in found.coefficients] == [0, 0.5, round(1 / 6, 12), 0, 0]


def test_very_high_degrees_converge_geometrically() -> None:
    levels = [fit_minimax(target("tanh"), d, LOW, HIGH, 192).level for d in (11, 21, 31)]
    assert levels[1] / levels[0] == pytest.approx(levels[2] / levels[1], rel=0.15)
    assert levels[2] < 1e-7


def test_a_jump_is_refused_by_name() -> None:
    import sympy as sp

    from rescu_cli.approximate import Target
    from rescu_cli.core.activation import Activation, Piece

    zero, one = sp.S.Zero, sp.S.One
    step = Activation(
        "steps", (), (Piece(-sp.oo, zero, zero, zero), Piece(zero, sp.oo, one, zero)), ("left",)
    )
    with pytest.raises(UnsupportedError, match=r"steps jumps at x = 0; use --method least-squares"):
        fit_minimax(Target(step), 3, LOW, HIGH, 192)
    fit = fit_uniform(Target(step), 1, LOW, HIGH)  # ½ + x/4: the classical line
    assert [float(c) for c in fit.coefficients] == pytest.approx([0.5, 0.25])
    bound = sup_error(Target(step), Polynomial(fit.coefficients), exact(LOW), exact(HIGH))
    assert bound.proved and bound.value == pytest.approx(0.5, rel=1e-3)
