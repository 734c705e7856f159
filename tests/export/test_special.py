"""Functions in terms of simpler ones, against mpmath."""

from __future__ import annotations

import math
import random
from ctypes import c_float

import mpmath
import pytest

from rescu_cli import catalogue
from rescu_cli.errors import InternalError
from rescu_cli.export import lower
from rescu_cli.export.builder import Builder
from rescu_cli.export.interpret import Kind, run
from rescu_cli.export.program import Program
from rescu_cli.export.special import DEFINITIONS, definition, expanded, interpolant

TRUTH = {
    "sigmoid": lambda u: 1 / (1 + mpmath.exp(-u)),
    "Phi": lambda u: mpmath.erfc(-u / mpmath.sqrt(2)) / 2,
    "erfc": mpmath.erfc,
    "erf": mpmath.erf,
    "expm1": mpmath.expm1,
    "log1p": mpmath.log1p,
    "tanh": mpmath.tanh,
    "atan": mpmath.atan,
}
LARGEST_ULP = {"sigmoid": 2.5, "Phi": 6.0, "erfc": 7.0, "erf": 2.5, "expm1": 1.5, "log1p": 3.5,
               "tanh": 3.0, "atan": 2.5}  # fmt: skip
"""Of the plain arithmetic here; tails included, where x² alone would cost hundreds."""


def distance(found: float, truth: mpmath.mpf, digits: int) -> float:
    unit = mpmath.mpf(2) ** (mpmath.floor(mpmath.log(abs(truth), 2)) - (digits - 1))
    return float(abs(mpmath.mpf(found) - truth) / unit)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("op", DEFINITIONS)
def test_definitions_are_right_to_a_few_ulps_everywhere(op: str, kind: Kind) -> None:
    program = definition(op, frozenset())
    digits, smallest = {"float32": (24, 1e-36), "float64": (53, 1e-300)}[kind]
    random_ = random.Random(1)
    worst = 0.0
    with mpmath.workdps(60):
        for _ in range(1500):
            size = random_.choice([2 ** random_.uniform(-30, 6), random_.uniform(0, 8)])
            u = random_.choice([-1, 1]) * size
            u = c_float(u).value if kind == "float32" else u
            if op == "log1p" and u <= -1:
                continue
            truth = TRUTH[op](mpmath.mpf(u))
            if smallest < abs(truth) < 1e38:
                found = run(program, u, {}, kind)[program.value]
                worst = max(worst, distance(found, truth, digits))
    assert 0.3 < worst <= LARGEST_ULP[op]


@pytest.mark.parametrize("op", DEFINITIONS)
def test_definitions_have_their_limits_and_keep_nan(op: str) -> None:
    program = definition(op, frozenset())
    for u in (math.inf, -math.inf, 0.0):
        if op == "log1p" and u < 0:
            continue
        found = run(program, u)[program.value]
        assert found == pytest.approx(float(TRUTH[op](mpmath.mpf(u))), rel=1e-15)
    assert math.isnan(run(program, math.nan)[program.value])


@pytest.mark.parametrize("name", catalogue.names())
def test_an_expanded_program_computes_the_same(name: str) -> None:
    activation = catalogue.get(name)
    program = lower(activation)
    plain = expanded(program, {"sin", "cos"})
    assert not {n.op for n in plain.nodes} & set(DEFINITIONS)
    sample = {p.name: float(p.default) for p in activation.free_parameters if p.default is not None}
    for x in (-30.0, -4.5, -0.7, 0.0, 0.3, 1.5, 12.0):
        before, after = run(program, x, sample), run(plain, x, sample)
        pairs = [(program.value, plain.value), (program.gradient, plain.gradient)]
        pairs += [(i, j) for (_, i), (_, j) in zip(program.parameter_gradients,
                                                   plain.parameter_gradients, strict=True)]  # fmt: skip
        for i, j in pairs:
            assert after[j] == pytest.approx(before[i], rel=1e-12, abs=1e-14)


def test_a_program_that_needs_nothing_is_returned_as_it_is() -> None:
    program = lower(catalogue.get("smelu"))
    assert expanded(program, ()) is program


def test_an_unknown_operation_is_a_bug() -> None:
    build = Builder()
    value = build.node("sin", build.x)
    with pytest.raises(InternalError, match="No definition of sin"):
        expanded(Program((), tuple(build.nodes), value, value), ())


def test_interpolants_converge_to_their_function() -> None:
    """The control: too low a degree is seen."""
    points = [mpmath.mpf(k) / 97 for k in range(98)]

    def worst(degree: int) -> float:
        ascending = interpolant(mpmath.exp, degree)
        with mpmath.workdps(40):
            return max(
                float(abs(sum(mpmath.mpf(c.p) / c.q * (2 * p - 1) ** i
                              for i, c in enumerate(ascending)) - mpmath.exp(p)))
                for p in points
            )  # fmt: skip

    assert worst(5) > 1e-7
    assert worst(14) < 1e-18
