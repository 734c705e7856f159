"""Runs an artifact with the real thing and compares it with the reference.

Which function is the truth: see `held`. What agrees: see `compare`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp

from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import FloatFormat, edge_grid, every_value, float_format, sample
from rescu_cli.core.reference import Reference
from rescu_cli.errors import ParameterError, UnknownNameError, UnsupportedError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.backend import emit
from rescu_cli.export.bounds import in_double
from rescu_cli.export.compare import Array, Truth, compare
from rescu_cli.export.held import Held, as_held, computing, further_samples
from rescu_cli.export.lowering import lower
from rescu_cli.export.report import CheckReport, Comparison, Comparisons, Sample
from rescu_cli.export.runners.base import Runner, runner, slope_of
from rescu_cli.export.targets import TARGETS


def check(
    subject: Artifact | Activation,
    target: str | None = None,
    dtypes: Sequence[str] | None = None,
    *,
    exhaustive: bool = True,
    n_samples: int = 1500,
    seed: int = 0,
    thorough: bool = False,
) -> CheckReport:
    """Run an artifact and compare it with the reference.

    Value and gradient are, and, in float32 and float64, the gradients of the parameters where the
    target has them.

    Args:
        subject: An artifact, or an activation that is emitted for ``target`` first. Free
            parameters are tried at their defaults.
        target: Needed for an activation.
        dtypes: Formats to try; all of the target's by default.
        exhaustive: Try all 65,536 inputs of 16-bit formats. Otherwise, and for wider formats, the
            edge grid and random inputs are tried.
        n_samples: How many random inputs.
        seed: Of the random inputs.
        thorough: Try the slow ways too (torch.compile, torch.export), the variants, and other
            numbers for the free parameters.

    Raises:
        MissingDependencyError: If the target's tool is not installed.
        UnsupportedError: If the target cannot be run, or an activation cannot be exported.
        UnknownNameError: If a format is not one of the target's.
        ParameterError: If a free parameter has no default.
    """
    if isinstance(subject, Artifact):
        artifact = subject
    elif target is None:
        raise UnsupportedError("To check an activation, name a target, e.g. target='torch'.")
    else:
        artifact = emit(subject, target)
    kinds = TARGETS[artifact.target].formats
    if not kinds:
        runner(artifact, {})  # raises: nothing runs it
    unknown = [d for d in dtypes or () if d not in kinds]
    if unknown:
        raise UnknownNameError(f"format of {artifact.target}", str(unknown[0])[:60], kinds)
    missing = [p.name for p in artifact.activation.free_parameters if p.default is None]
    if missing:
        raise ParameterError(
            f"{artifact.activation.name} cannot be checked without a number for {missing[0]}; "
            f"bind it, e.g. {artifact.activation.name}:{missing[0]}=1."
        )
    inputs = _Inputs(exhaustive, n_samples, seed)
    notes: list[str] = []
    comparisons: Comparisons = {}
    variants: dict[str, Comparisons] = {}
    tool = ""
    for name in dtypes or kinds:
        try:
            held = _held(artifact, name)
        except ParameterError as error:
            notes.append(f"{name} was left out. {error}")
            continue
        if not held.exact and _ROUNDED not in notes:
            notes.append(_ROUNDED)
        with runner(artifact, held.numbers) as run:
            tool = run.tool
            comparisons[name] = _all(run, held, name, inputs, thorough=thorough)
            for title, variant in run.variants().items() if thorough else ():
                with variant:
                    variants.setdefault(title, {})[name] = _all(variant, held, name, inputs)
    samples = _samples(artifact, list(comparisons), seed) if thorough else ()
    return CheckReport(artifact, comparisons, tuple(notes), tool, variants, samples)


@dataclass(frozen=True)
class _Inputs:
    """Which inputs are tried: see `check`."""

    exhaustive: bool
    n_samples: int
    seed: int


_ROUNDED = (
    "The fixed parameters are not floats of the format that is computed in, and are no catalogue "
    "parameters; next to joints the artifact is judged against a slightly different function."
)


def _held(artifact: Artifact, kind: str, sample: Mapping[str, sp.Expr] | None = None) -> Held:
    activation = artifact.activation
    if artifact.target == "sympy":  # holds every number exactly
        return Held(activation.with_defaults(), {}, True)
    wide = TARGETS[artifact.target].wide and in_double(activation, lower(activation))
    return as_held(activation, float_format(kind), sample, wide=wide)


def _samples(artifact: Artifact, kinds: Sequence[str], seed: int) -> tuple[Sample, ...]:
    """The artifact at other numbers of its free parameters, at edges and a few random inputs."""
    if artifact.target == "sympy":
        return ()
    found = []
    for numbers in further_samples(artifact.activation):
        comparisons: Comparisons = {}
        for kind in kinds:
            held = _held(artifact, kind, numbers)
            with runner(artifact, held.numbers) as run:
                comparisons[kind] = _all(run, held, kind, _Inputs(False, _FEW, seed))
        found.append(Sample({n: float(v) for n, v in numbers.items()}, comparisons))
    return tuple(found)


_FEW = 400


def _all(
    run: Runner, held: Held, kind: str, inputs: _Inputs, *, thorough: bool = False
) -> dict[str, Comparison]:
    """Every quantity; slopes of the parameters in the formats that are computed in."""
    quantities = ["value", "gradient"]
    if run.slopes and computing(float_format(kind)).name == kind:
        quantities += [slope_of(name) for name in held.numbers]
    return {
        what: compare(run, _truth(held, kind, what, inputs), thorough=thorough)
        for what in quantities
    }


def _truth(held: Held, kind: str, what: str, inputs: _Inputs) -> Truth:
    return _truth_of(held.bound, held.slopes.get(what), kind, what, inputs)


@lru_cache(maxsize=64)
def _truth_of(
    bound: Activation, slope: Activation | None, kind: str, what: str, inputs: _Inputs
) -> Truth:
    """Cached: the same truth serves every target, and costs more than running one."""
    format_ = float_format(kind)
    points = _points(bound, format_, inputs)
    return Truth.at(Reference(slope or bound), format_, what, points)


def _points(truth: Activation, kind: FloatFormat, inputs: _Inputs) -> Array:
    if inputs.exhaustive and kind.bits == 16:
        return every_value(kind.name)
    joints = [float(b) for b in truth.breakpoints]
    return np.concatenate(
        [edge_grid(kind.name, joints), sample(kind.name, inputs.n_samples, inputs.seed, joints)]
    )
