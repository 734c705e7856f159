"""Gradients of the parameters: the program against the derivative of the pieces, to 60 digits."""

from __future__ import annotations

import math

import mpmath
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.symbols import X
from rescu_cli.export import emit, lower
from rescu_cli.export.interpret import run
from rescu_cli.export.loader import load

NAMES = [n for n in catalogue.names() if catalogue.get(n).free_parameters]
PLACES = (0.0, 1e-9, -1e-9, 1e-3, -1e-3, 0.3, -0.3, 1.7, -1.7, 20.0, -20.0, 1e3, -1e3, 1e9, -1e9)


@pytest.mark.parametrize("factor", [1.0, 0.37, 3.3])
@pytest.mark.parametrize("name", NAMES)
def test_slopes_are_derivatives_of_the_pieces(name: str, factor: float) -> None:
    """Also at ties, where the pieces of the formula meet, and far out, where rounding makes ties."""
    activation = catalogue.get(name)
    program = lower(activation)
    sample = {p.name: float(p.default) * factor for p in activation.free_parameters
              if p.default is not None}  # fmt: skip
    values = {p.symbol: sp.Rational(sample[p.name]) for p in activation.free_parameters}
    joints = [sp.nsimplify(b.subs(values)) for b in activation.breakpoints]
    between = sum(joints) / len(joints) if joints else sp.S.Zero
    n = 0
    with mpmath.workdps(800):
        for parameter in activation.free_parameters:
            slopes = [sp.lambdify(X, sp.diff(piece.value, parameter.symbol).subs(values), "mpmath")
                      for piece in activation.pieces]  # fmt: skip
            node = dict(program.parameter_gradients)[parameter.name]
            for x in (*PLACES, float(between)):
                at = sum(
                    bool(sp.Rational(x) > b or (sp.Rational(x) == b and owner == "right"))
                    for b, owner in zip(joints, activation.owners, strict=True)
                )
                truth = slopes[at](mpmath.mpf(x))
                if not mpmath.isfinite(truth):
                    continue
                n += 1
                found = run(program, x, sample)[node]
                # Next to a zero only the absolute error can be bounded.
                close = 1e-13 * abs(truth) + (1e-15 if 0.1 < abs(x) < 100 else 1e-300)
                assert abs(found - truth) <= close, (parameter.name, x, found, mpmath.nstr(truth))
    assert n >= 10


def test_ties_of_gsmelu_and_far_out_of_squareplus() -> None:
    """Both steps of a maximum were 0 there: −0.125 for 0.375, and a quarter lost."""
    module = load(emit(catalogue.get("gsmelu"), "torch"))
    torch = pytest.importorskip("torch")
    alpha = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    module.gsmelu(torch.zeros(1, dtype=torch.float64), alpha=alpha).sum().backward()
    assert float(alpha.grad) == pytest.approx(0.375, rel=1e-15)
    program = lower(catalogue.get("squareplus"))
    (_, node), = program.parameter_gradients  # fmt: skip
    for x in (97909.7, 1e9, 1e15):
        expected = 1 / (2 * math.hypot(x, 1.0))
        assert run(program, x, {"c": 1.0})[node] == pytest.approx(expected, rel=1e-6)


def test_slopes_keep_their_digits_where_they_vanish() -> None:
    """Beside 0 for celu, beside the joint for gsmelu: all digits of a plain difference cancel."""
    program = lower(catalogue.get("celu"))
    node = dict(program.parameter_gradients)["alpha"]
    for u in (-1e-12, -1e-5, -0.01):
        expected = -(u**2) * (1 / 2 + u / 3 + u**2 / 8 + u**3 / 30 + u**4 / 144 + u**5 / 840)
        assert run(program, u, {"alpha": 1.0})[node] == pytest.approx(expected, rel=1e-14)
    program = lower(catalogue.get("gsmelu"))
    node = dict(program.parameter_gradients)["g_minus"]
    numbers = {"alpha": 1.0, "beta": 1.0, "g_minus": 0.0, "g_plus": 1.0}
    for gap in (2.0**-40, 2.0**-20):
        assert run(program, 1 - gap, numbers)[node] == -(gap**2) / 4
