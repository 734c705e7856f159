"""Every activation × every runnable target × every format, on the points where code goes wrong.

What is compared: NaN for NaN and for nothing else, finite where the truth is finite, the limits at
±∞, ties at the joints, and the distance from the reference in ulps.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.edges import edge_grid, float_format
from rescu_cli.core.reference import Reference, What
from rescu_cli.core.symbols import X
from rescu_cli.export import check, emit
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.bounds import bound
from rescu_cli.export.held import as_held
from rescu_cli.export.runners.base import Runner, runner
from rescu_cli.export.targets import TARGETS

CASES = [
    (name, target, kind)
    for name in catalogue.names()
    for target in ("torch", "numpy")
    for kind in TARGETS[target].formats
]
EXTREMES = (
    "smelu:beta=0.1", "smelu:beta=1e30", "smelu:beta=1e-30", "rescu_smoothstep:beta=1e30",
    "rescu_smootherstep:beta=1e-30", "rescu_cosine:beta=1e30", "rescu_gaussian:beta=0.3",
    "rescu_laplace:beta=1e-30", "softplus:k=40", "softplus:k=1e30", "squareplus:c=1e-30",
    "squareplus:c=1e30", "swish:k=1e30", "swish:k=0.01", "gelu:k=3.7", "elu:alpha=0.3",
    "celu:alpha=1e-20", "leaky_relu:alpha=0", "leaky_relu:alpha=0.3", "sau:alpha=0.15,s=5e-5",
    "smu:alpha=0.3,mu=1e5", "smu1:alpha=0.25,mu=1e-10",
    "gsmelu:alpha=0.3,beta=7,g_minus=0.01,g_plus=1", "gsmelu:alpha=0.3,beta=0.7,g_minus=2,g_plus=0",
    "gsmelu:alpha=1,beta=1,g_minus=-0.1,g_plus=1",
)  # fmt: skip


@cache
def artifact_of(name: str, target: str) -> Artifact:
    return emit(catalogue.get(name), target)


def prepared(name: str, target: str, kind: str) -> tuple[Runner, Reference]:
    artifact = artifact_of(name, target)
    held = as_held(artifact.activation, float_format(kind))
    return runner(artifact, held.numbers), Reference(held.bound)


@pytest.mark.parametrize(("name", "target", "kind"), CASES)
def test_edges(name: str, target: str, kind: str) -> None:
    run, reference = prepared(name, target, kind)
    form = float_format(kind)
    points = edge_grid(kind, [float(b) for b in reference.activation.breakpoints])
    quantities: tuple[What, ...] = ("value", "gradient")
    for what in quantities:
        truth = form.round([reference(x, what) for x in points.tolist()])
        for found in run(points, kind, what).values():
            assert np.array_equal(np.isnan(found), np.isnan(points))
            finite = np.isfinite(truth) & np.isfinite(points)
            assert np.isfinite(found[finite]).all()
            ends = np.isinf(points)
            assert np.allclose(found[ends], truth[ends], rtol=2 * 2.0**-form.precision, atol=0)


@pytest.mark.parametrize("target", ["torch", "numpy"])
@pytest.mark.parametrize("name", catalogue.names())
def test_agreement_on_edges_and_a_seeded_sample(name: str, target: str) -> None:
    report = check(artifact_of(name, target), exhaustive=False, n_samples=400, seed=11)
    assert report.ok, report.to_dict()
    for kind, by_what in report.comparisons.items():
        held = as_held(report.artifact.activation, float_format(kind))
        quantities: tuple[What, ...] = ("value", "gradient")
        for what in quantities:
            assert by_what[what].bound == bound(held.bound, float_format(kind), what)


@pytest.mark.parametrize("text", EXTREMES)
def test_agreement_at_extreme_parameters(text: str) -> None:
    report = check(catalogue.resolve(text), "torch", exhaustive=False, n_samples=250, seed=3)
    assert report.ok, report.to_dict()


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", [n for n in catalogue.names() if catalogue.get(n).breakpoints])
def test_ties_are_the_activations_in_every_target(name: str, kind: str) -> None:
    """At each joint that the format holds, all targets give the owner's gradient."""
    for target in ("torch", "numpy"):
        run, reference = prepared(name, target, kind)
        activation = reference.activation
        for i, (joint, owner) in enumerate(
            zip(activation.breakpoints, activation.owners, strict=True)
        ):
            x = float(joint)
            if float(float_format(kind).round(x)) != x:
                continue  # HeLU's -0.05 in float16: the float beside it is on one side, not a tie
            piece = activation.pieces[i if owner == "left" else i + 1]
            expected = float(sp.sympify(piece.gradient).subs(X, joint))
            for found in run(np.array([x]), kind, "gradient").values():
                assert found[0] == pytest.approx(
                    expected, rel=1e-3 if kind == "float16" else 1e-6, abs=1e-12
                )
