"""Powers of two, drawn into the sum that begins a chain: same bits, fewer passes."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.edges import edge_grid
from rescu_cli.export import lower
from rescu_cli.export.builder import Builder
from rescu_cli.export.inplace import InPlaceSource
from rescu_cli.export.interpret import run
from rescu_cli.export.program import Program
from rescu_cli.export.scaling import early_scaled

SPECS = ["smelu:beta=1", "smelu:beta=0.5", "smelu:beta=4", "smelu:beta=0.3", "hard_swish",
         "gsmelu:alpha=0.5,beta=1", "rescu_smoothstep:beta=1", "softplus:k=1", "squareplus:c=4"]  # fmt: skip


@pytest.mark.parametrize("spec", SPECS)
def test_not_a_bit_changes(spec: str) -> None:
    program = lower(catalogue.resolve(spec).with_defaults())
    scaled = early_scaled(program)
    joints = [float(b) for b in catalogue.resolve(spec).with_defaults().breakpoints]
    for x in edge_grid("float64", joints).tolist():
        before, after = run(program, x, {}), run(scaled, x, {})
        pair = [[found[i] for i in (p.value, p.gradient)] for found, p in
                ((before, program), (after, scaled))]  # fmt: skip
        assert np.array_equal(pair[0], pair[1], equal_nan=True), (x, pair)


def test_smelu_takes_fewer_passes() -> None:
    program = lower(catalogue.resolve("smelu:beta=1"))
    lines, results = InPlaceSource(program).lines("value", "gradient")
    assert lines == ["capped = torch.add(0.5, x, alpha=0.5).clamp_(0.0, 1.0)"]
    assert results == ["capped.mul(capped).clamp_min_(x)", "capped"]


@pytest.mark.parametrize("factor", [sp.Rational(1, 3), 3, sp.Rational(1, 2**20), 2**101, 1, -2])
def test_other_factors_stay(factor: sp.Expr) -> None:
    """What is no small power of two would round elsewhere, or leave the range of a float."""
    build = Builder()
    total = build.add(build.x, build.constant(1))
    product = build.node("mul", total, build.constant(factor))
    program = Program((), tuple(build.nodes), product, product)
    scaled = early_scaled(program)
    assert scaled.nodes[scaled.value].op == "mul"
    assert run(scaled, 0.7, {})[scaled.value] == run(program, 0.7, {})[program.value]


def test_a_power_of_two_moves() -> None:
    build = Builder()
    product = build.node("mul", build.add(build.x, build.constant(1)), build.constant(4))
    scaled = early_scaled(Program((), tuple(build.nodes), product, product))
    assert scaled.nodes[scaled.value].op == "add"
