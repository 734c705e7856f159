"""The program: a list of operations that refuses to be malformed."""

from __future__ import annotations

import math

import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.reference import Reference
from rescu_cli.core.shape import BETA
from rescu_cli.errors import InternalError
from rescu_cli.export import lower
from rescu_cli.export.interpret import run
from rescu_cli.export.program import Node, Program

X, ONE = Node("x"), Node("constant", number=sp.Integer(1))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Node("cosh", (0,)), "No operation 'cosh'"),
        (lambda: Node("add", (0,)), "add takes 2 operands, found 1"),
        (lambda: Node("constant"), "Only a constant has a number"),
        (lambda: Node("x", number=sp.Integer(1)), "Only a constant has a number"),
        (lambda: Node("x", name="beta"), "Only a parameter has a name"),
        (lambda: Program((), (Node("exp", (0,)), X), 0, 1), "uses a node that comes after it"),
        (
            lambda: Program((), (X, Node("parameter", name="beta")), 0, 1),
            "'beta', which is not a parameter",
        ),
        (lambda: Program((), (X, ONE), 0, 2), "are not among 2 nodes"),
        (lambda: Program((BETA,), (X, ONE), 0, 1), "gradient of each free parameter"),
    ],
)
def test_malformed_programs_are_refused(make: object, text: str) -> None:
    with pytest.raises(InternalError, match=text):
        make()  # type: ignore[operator]


def test_smelu_is_a_parabola_above_its_tangents() -> None:
    """max(x, w²/(4β)) with w = clip(x + β, 0, 2β), the divisor kept from 0, and a clipped gradient."""
    assert str(lower(catalogue.get("smelu"))).splitlines() == [
        "%0 = x",
        "%1 = parameter beta",
        "%2 = add %1 %0",
        "%3 = constant 0",
        "%4 = max %2 %3",
        "%5 = constant 2",
        "%6 = mul %1 %5",
        "%7 = min %4 %6",
        "%8 = constant 4",
        "%9 = mul %1 %8",
        "%10 = tiny",
        "%11 = max %9 %10",
        "%12 = div %7 %11",
        "%13 = mul %12 %7",
        "%14 = constant 1",
        "%15 = max %0 %13",
        "%16 = max %6 %10",
        "%17 = div %2 %16",
        "%18 = max %17 %3",
        "%19 = min %18 %14",
        "%20 = neg %1",
        "%21 = max %0 %20",
        "%22 = min %21 %1",
        "%23 = add %1 %22",
        "%24 = sub %22 %1",
        "%25 = max %1 %10",
        "%26 = div %23 %25",
        "%27 = div %24 %25",
        "%28 = mul %26 %27",
        "%29 = constant 1/4",
        "%30 = mul %28 %29",
        "%31 = neg %30",
        "value %15",
        "gradient %19",
        "d/dbeta %31",
    ]


@pytest.mark.parametrize("name", catalogue.names())
def test_no_node_is_dead_and_none_is_twice(name: str) -> None:
    program = lower(catalogue.get(name))
    outputs = [program.value, program.gradient, *(i for _, i in program.parameter_gradients)]
    assert program.needed(outputs) == tuple(range(len(program.nodes)))
    assert len(set(program.nodes)) == len(program.nodes)


@pytest.mark.parametrize("name", catalogue.names())
def test_the_interpreter_agrees_with_the_reference(name: str) -> None:
    """Program and reference meet in plain float64, without any framework between them."""
    activation = catalogue.get(name)
    program = lower(activation)
    defaults = {p.name: float(p.default) for p in program.parameters}
    reference = Reference(activation.with_defaults())
    for x in (-40.0, -3.0, -1.5, -1.0, -0.3, 0.0, 1e-3, 0.7, 1.0, 2.5, 30.0):
        values = run(program, x, defaults)
        assert values[program.value] == pytest.approx(reference(x), rel=1e-11, abs=1e-15)
        assert values[program.gradient] == pytest.approx(
            reference(x, "gradient"), rel=1e-11, abs=1e-15
        )


@pytest.mark.parametrize("name", [n for n in catalogue.names() if catalogue.get(n).parameters])
def test_parameter_gradients_are_slopes_of_the_reference(name: str) -> None:
    """∂f/∂p against a central difference of the reference, which never saw the program."""
    activation = catalogue.get(name)
    program = lower(activation)
    # off the defaults and away from joints, where the slope by a parameter may be one-sided
    at = {p.name: p.default + sp.Rational(3, 16) for p in program.parameters}
    at = {n: v - sp.Rational(1, 2) if n == "g_minus" else v for n, v in at.items()}
    h = sp.Rational(1, 2**20)
    for parameter, node in program.parameter_gradients:
        upper = Reference(activation.bind({**at, parameter: at[parameter] + h}))
        lower_ = Reference(activation.bind({**at, parameter: at[parameter] - h}))
        for x in (-5.1, -1.03, -0.4, 0.21, 0.9, 1.7, 6.2):
            slope = (upper.enclose(x) - lower_.enclose(x)) / (2 * 2.0**-20)
            found = run(program, x, {n: float(v) for n, v in at.items()})[node]
            assert math.isclose(found, float(slope.mid()), rel_tol=1e-8, abs_tol=1e-9), (
                parameter,
                x,
            )
