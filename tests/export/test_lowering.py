"""What can be lowered, what it computes at the extremes, and what is refused."""

from __future__ import annotations

import math

import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.derive import derive
from rescu_cli.core.expression import expression_shape
from rescu_cli.core.knots import knots_shape
from rescu_cli.core.reference import Reference
from rescu_cli.core.shape import named_shape
from rescu_cli.errors import UnsupportedError
from rescu_cli.export import lower
from rescu_cli.export.interpret import HUGE, TINY, Kind, run
from rescu_cli.export.repair import PROBES

WIDTHS = {  # parameter that is a width: the limit function
    "smelu": "beta", "rescu_smoothstep": "beta", "rescu_smootherstep": "beta",
    "rescu_cosine": "beta", "rescu_gaussian": "beta", "rescu_laplace": "beta", "squareplus": "c",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("name", "width"), WIDTHS.items())
def test_a_width_of_zero_at_run_time_is_relu(name: str, width: str, kind: Kind) -> None:
    """Bit for bit in the value; in the gradient for everything but subnormals; never 0/0."""
    program = lower(catalogue.get(name))
    for x in (*PROBES, HUGE[kind], -HUGE[kind]):
        values = run(program, x, {width: 0.0}, kind)
        held = run(program, x, {width: 0.0}, kind)[0]  # x as the format holds it
        smooth_tail = (
            TINY[kind] if name in ("rescu_gaussian", "rescu_laplace", "squareplus") else 0.0
        )
        assert values[program.value] == pytest.approx(max(held, 0.0), rel=0, abs=smooth_tail)
        if abs(held) >= TINY[kind] * 2.0**30 or (
            held == 0 and name not in ("rescu_gaussian", "rescu_laplace", "squareplus")
        ):
            expected = 0.5 if held == 0 and name.startswith("rescu") else float(held > 0)
            if held == 0:
                expected = values[program.gradient]  # one of the slopes between the two sides
                assert 0 <= expected <= 1
            assert values[program.gradient] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("scale", ["1e-30", "1e30"])
@pytest.mark.parametrize("bound", [True, False], ids=["fixed", "argument"])
@pytest.mark.parametrize(
    "name", ["smelu", "rescu_smoothstep", "rescu_smootherstep", "rescu_cosine"]
)
def test_extreme_widths_neither_overflow_nor_vanish_in_float32(
    name: str, bound: bool, scale: str
) -> None:
    """f_β(βt) = β·f_1(t): powers of β that no float holds must not appear on the way."""
    activation = catalogue.get(name)
    if bound:
        activation = activation.bind(beta=scale)
    program = lower(activation)
    unit = Reference(catalogue.get(name).bind(beta=1))
    beta = float(scale)
    for t in (-0.99, -0.5, 0.0, 0.3, 0.99, 3.0):
        values = run(program, beta * t, {"beta": beta}, "float32")
        assert values[program.value] == pytest.approx(beta * unit(t), rel=3e-5)
        assert values[program.gradient] == pytest.approx(unit(t, "gradient"), rel=3e-5)


def test_ties_go_to_the_owner() -> None:
    """ReLU'(0) is the left side's 0; a shape that gives its joint to the right is 1 there."""
    relu = lower(catalogue.get("relu"))
    right = derive(expression_shape("0 if x < 0 else 1", read_assumptions([])))
    assert right.owners == ("right",)
    rising = lower(right)
    for kind in ("float32", "float64"):
        smallest = 2.0**-149 if kind == "float32" else 5e-324
        for x, left_owned, right_owned in (
            (0.0, 0, 1),
            (-0.0, 0, 1),
            (smallest, 1, 1),
            (-smallest, 0, 0),
        ):
            assert run(relu, x, kind=kind)[relu.gradient] == left_owned
            assert run(rising, x, kind=kind)[rising.gradient] == right_owned


@pytest.mark.parametrize(
    "text",
    [
        "(1 + tanh(x/beta))/2",
        "0 if x < -beta else (x+beta)/(2*beta) if x < beta else 1",
        "1/(1+exp(-x)) + x*exp(-x)/(1+exp(-x))**2",
        "x/sqrt(1+x**2)",
        "x/sqrt(beta**2+x**2)",
        "exp(-x**2)",
        "exp(x)/(1+exp(x)) if x<0 else 1/2",
        "2*x*exp(-x**2)",
        "exp(-abs(x))",
        "tanh(x)**2",
        "x**3",
        "abs(x)*x",
        "0.1 if x < -2 else 0.7 if x < 1 else 2.5",
    ],
)  # fmt: skip
def test_gradients_that_people_type_can_be_lowered(text: str) -> None:
    """Every answer is within trial tolerance of the reference, to the largest float and at ±∞."""
    activation = derive(expression_shape(text, read_assumptions([])))
    program = lower(activation)
    bound = activation.with_defaults()
    reference = Reference(bound)
    defaults = {p.name: float(p.default) for p in program.parameters}
    for kind, tolerance in (("float32", 1e-4), ("float64", 1e-10)):
        for x in (
            -math.inf,
            -HUGE[kind],
            -1e10,
            -200.0,
            -3.0,
            -1.0,
            -0.5,
            0.0,
            0.5,
            1.0,
            3.0,
            200.0,
            HUGE[kind],
            math.inf,
        ):
            values = run(program, x, defaults, kind)
            for what, node in (("value", program.value), ("gradient", program.gradient)):
                truth = reference(x, what)
                if abs(truth) > HUGE[kind]:
                    truth = math.copysign(math.inf, truth)
                assert values[node] == pytest.approx(truth, rel=tolerance, abs=tolerance), (
                    what,
                    x,
                    kind,
                )
        assert all(
            math.isnan(run(program, math.nan, defaults, kind)[i])
            for i in (program.value, program.gradient)
        )


@pytest.mark.parametrize("interpolation", ["linear", "pchip"])
def test_knots_are_exact_beside_their_joints(interpolation: str) -> None:
    """Left of the first knot both are exactly 0; beside it all digits are right."""
    activation = derive(knots_shape("-1:0, 0:0.3, 1:1", interpolation))
    program = lower(activation)
    reference = Reference(activation)
    for x in (-5.0, -1.0):
        values = run(program, x, kind="float32")
        assert (values[program.value], values[program.gradient]) == (0.0, 0.0)
    x = -1 + 2.0**-20
    values = run(program, x, kind="float32")
    assert values[program.value] == pytest.approx(reference(x), rel=1e-6)
    assert values[program.gradient] == pytest.approx(reference(x, "gradient"), rel=1e-6)


def test_fixing_the_parameter_straightens_tails_that_overflow() -> None:
    """1/(1 + e^(−kx))²: symbolic in k it is refused, at k = 1 its tails are replaced."""
    activation = derive(expression_shape("1/(1+exp(-k*x))**2", read_assumptions([])))
    with pytest.raises(
        UnsupportedError, match=r"right for every float.*Fix the parameters, e\.g\. k=1"
    ):
        lower(activation)
    program = lower(activation.bind(k=1))
    reference = Reference(activation.bind(k=1))
    for x in (-1e30, -90.0, -1.0, 0.0, 5.0, 89.0, 1e30):
        values = run(program, x, kind="float32")
        assert values[program.value] == pytest.approx(reference(x), rel=1e-4, abs=1e-6)
    assert run(program, math.inf, kind="float32")[program.value] == math.inf
    assert run(program, -math.inf, kind="float32")[program.value] == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tanh(x)*exp(-x**2/2)", "has no closed form.*'rescu plot' and 'rescu show' work"),
        ("x/(1+abs(x))", "No formula for derived was found that is right for every float"),
        ("sin(x)", "No formula for derived was found that is right for every float"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_what_works(text: str, says: str) -> None:
    activation = derive(expression_shape(text, read_assumptions([])), seconds=2)
    with pytest.raises(UnsupportedError, match=says):
        lower(activation)


@pytest.mark.parametrize("shape", ["triangle", "algebraic", "logistic"])
def test_asymmetric_and_leaky_members_lower(shape: str) -> None:
    """A leak of 2 on the left and 0 on the right: nothing is inf − inf at the ends."""
    compact = shape == "triangle"
    activation = derive(named_shape(shape, asymmetric=compact, leaky=True))
    program = lower(activation)
    at = {p.name: p.default for p in program.parameters} | {
        "g_minus": sp.Integer(2),
        "g_plus": sp.Integer(0),
    }
    numbers = {n: float(v) for n, v in at.items()}
    reference = Reference(activation.bind(at))
    for x in (-1e20, -3.0, -0.5, 0.0, 0.5, 3.0, 1e20, -math.inf):
        values = run(program, x, numbers)
        assert values[program.value] == pytest.approx(reference(x), rel=1e-9, abs=1e-9)
    assert run(program, math.inf, numbers)[program.gradient] == pytest.approx(0, abs=1e-9)
