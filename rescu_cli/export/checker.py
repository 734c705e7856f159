"""Runs an artifact with the real thing and compares it with the reference.

**Which function is the truth.** An artifact holds its parameters in the format it computes in: 0.1
is 13421773/2^27 in float32. The reference is therefore taken at the parameter as the format holds
it. Otherwise the joint of a transition would lie elsewhere than the artifact's, and the first ulps
beside it would be judged against a different function.

**What agrees**: see `compare`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import FloatFormat, edge_grid, every_value, float_format, sample
from rescu_cli.core.reference import Reference, What
from rescu_cli.errors import ParameterError, UnknownNameError, UnsupportedError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.backend import emit
from rescu_cli.export.bounds import in_double
from rescu_cli.export.compare import Array, Truth, compare, computing
from rescu_cli.export.lowering import lower
from rescu_cli.export.report import CheckReport, Comparison, Comparisons
from rescu_cli.export.runners.base import Runner, runner
from rescu_cli.export.targets import TARGETS

_QUANTITIES: tuple[What, ...] = ("value", "gradient")


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

    Args:
        subject: An artifact, or an activation that is emitted for ``target`` first. Free
            parameters are tried at their defaults.
        target: Needed for an activation.
        dtypes: Formats to try; all of the target's by default.
        exhaustive: Try all 65,536 inputs of 16-bit formats. Otherwise, and for wider formats, the
            edge grid and random inputs are tried.
        n_samples: How many random inputs.
        seed: Of the random inputs.
        thorough: Try the slow ways too (torch.compile, torch.export), and the variants.

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
    wide = TARGETS[artifact.target].wide and in_double(
        artifact.activation, lower(artifact.activation)
    )
    notes: list[str] = []
    comparisons: Comparisons = {}
    variants: dict[str, Comparisons] = {}
    tool = ""
    for name in dtypes or kinds:
        kind = float_format(name)
        try:
            held, parameters, exact = as_held(artifact.activation, kind, wide=wide)
        except ParameterError as error:
            notes.append(f"{name} was left out. {error}")
            continue
        if artifact.target == "sympy":  # holds every number exactly
            held, exact = artifact.activation.with_defaults(), True
            parameters = {}
        if not exact and _ROUNDED not in notes:
            notes.append(_ROUNDED)
        truths = {what: _truth(held, name, what, exhaustive, n_samples, seed)
                  for what in _QUANTITIES}  # fmt: skip
        with runner(artifact, parameters) as run:
            tool = run.tool
            comparisons[name] = _all(run, truths, thorough)
            for title, variant in run.variants().items() if thorough else ():
                with variant:
                    variants.setdefault(title, {})[name] = _all(variant, truths, False)
    return CheckReport(artifact, comparisons, tuple(notes), tool, variants)


def _all(run: Runner, truths: dict[What, Truth], thorough: bool) -> dict[str, Comparison]:
    return {what: compare(run, truth, thorough=thorough) for what, truth in truths.items()}


@lru_cache(maxsize=64)
def _truth(
    held: Activation, kind: str, what: What, exhaustive: bool, n_samples: int, seed: int
) -> Truth:
    """Cached: the same truth serves every target, and costs more than running one."""
    format_ = float_format(kind)
    points = _points(held, format_, exhaustive, n_samples, seed)
    return Truth.at(Reference(held), format_, what, points)


_ROUNDED = (
    "The fixed parameters are not floats of the format that is computed in, and are no catalogue "
    "parameters; next to joints the artifact is judged against a slightly different function."
)


def as_held(
    activation: Activation, kind: FloatFormat, *, wide: bool = False
) -> tuple[Activation, dict[str, float], bool]:
    """The activation at its parameters as the artifact holds them.

    Args:
        activation: What is exported.
        kind: Format of input and result.
        wide: Whether it is computed in float64 all the same. Arguments are then of the format,
            fixed parameters constants of float64.

    Returns:
        The bound activation, the numbers of its free parameters, and whether the fixed parameters
        could be rounded too.

    Raises:
        ParameterError: If a parameter is too large or too small for the format.
    """

    def held(value: sp.Expr, format_: FloatFormat) -> float:
        number = float(format_.round(float(sp.N(value, 30))))
        if not math.isfinite(number) or (number == 0) != (value == 0):
            raise ParameterError(f"{format_.name} does not hold {float(value):g}.")
        return number

    narrow, constants = computing(kind), computing(kind, wide=wide)
    open_ = {p.name: p.default for p in activation.free_parameters if p.default is not None}
    free = {n: held(v, narrow) for n, v in open_.items()}
    fixed = {p.name: p.value for p in activation.parameters if p.value is not None}
    rounded = {n: held(v, constants) for n, v in fixed.items()}
    bound = activation.bind({n: sp.Rational(v) for n, v in free.items()})
    if all(sp.Rational(rounded[n]) == v for n, v in fixed.items()):
        return bound, free, True
    try:
        original = catalogue.get(activation.name)
    except UnknownNameError:
        return bound, free, False
    if original.bind(fixed).digest != activation.digest:
        return bound, free, False
    return original.bind({n: sp.Rational(v) for n, v in {**rounded, **free}.items()}), free, True


def _points(
    truth: Activation, kind: FloatFormat, exhaustive: bool, n_samples: int, seed: int
) -> Array:
    if exhaustive and kind.bits == 16:
        return every_value(kind.name)
    joints = [float(b) for b in truth.breakpoints]
    return np.concatenate(
        [edge_grid(kind.name, joints), sample(kind.name, n_samples, seed, joints)]
    )
