"""`sweep`: the front of score against prediction difference over one parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.core.sweep import Sweep
from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment.comparison import compare
from rescu_cli.experiment.metrics import METRICS

if TYPE_CHECKING:
    from rescu_cli.core.activation import Activation
    from rescu_cli.experiment.report import ActivationResult, Comparison, Report

REFERENCES = ("relu", "swish:k=1", "gelu:k=1", "softplus:k=1")
"""Fixed points that the front is shown against; the first is the baseline."""


@dataclass(frozen=True)
class FrontPoint:
    """One activation on the plane of score and prediction difference.

    Args:
        activation: Canonical text.
        value: Of the swept parameter; None for a fixed point.
        score: Mean over seeds.
        pd: Prediction difference.
        dominated: Whether another point has no lower score and no higher difference, and one of
            them better. Of means: intervals are in the report.
        admissible: Whether its score is shown to be within the margin of the baseline's, or above:
            the lower end of the 95 % interval of the paired difference is above −margin.
        surrogate: What to know if it is trained with another gradient than its own, else None.
    """

    activation: str
    value: float | None
    score: float
    pd: float
    dominated: bool
    admissible: bool
    surrogate: str | None = None


@dataclass(frozen=True)
class SweepReport:
    """The result of `sweep`.

    Args:
        sweep: Parameter and values.
        metric: Key of the prediction difference.
        margin: By which a score may be below the baseline's.
        points: Swept values ascending, then the fixed points.
        best: The admissible swept point with the least prediction difference; None if none is.
        report: The comparison behind it.
    """

    sweep: Sweep
    metric: str
    margin: float
    points: tuple[FrontPoint, ...]
    best: FrontPoint | None
    report: Report

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the comparison's result with the front added."""
        plain = [vars(point) for point in self.points]
        return {
            **self.report.to_dict(),
            "parameter": self.sweep.parameter,
            "values": list(self.sweep.values),
            "metric": self.metric,
            "margin": self.margin,
            "points": plain,
            "best": None if self.best is None else vars(self.best),
        }


def sweep(
    activation: Activation,
    values: Sweep,
    *,
    references: Sequence[str | Activation] = REFERENCES,
    metric: str = "pd_l1",
    margin: float = 0.01,
    match_scale: str | None = None,
    out: str | Path | None = None,
    **options: Any,
) -> SweepReport:
    """Trains an activation at every value of a parameter, beside fixed ones.

    Args:
        activation: Its other parameters take their defaults.
        values: Of one parameter.
        references: Fixed points; the first is the baseline, which the margin speaks of.
        metric: Key of the prediction difference on the abscissa.
        margin: By which a score may be below the baseline's.
        match_scale: ``variance`` or ``curvature``: the scale parameters that are left open, of the
            activation and of the fixed points, are chosen so that all smooth like the baseline at
            every value of the swept parameter (`rescu_cli.core.match`).
        out: Run directory.
        options: Those of `compare`.

    Raises:
        UsageError: If the activation lacks the parameter, if the parameter is itself a scale that
            ``match_scale`` would choose, or something else is not possible.
    """
    if not references:
        raise UsageError("A sweep needs at least one fixed point, the baseline, e.g. relu.")
    if margin < 0:
        raise UsageError(f"Margin {margin!r} must not be negative.")
    if metric not in METRICS:  # before hours of training
        raise UnknownNameError("prediction difference", metric, list(METRICS))
    swept, fixed = _chosen(activation, values, references, match_scale)
    report = compare([*swept, *fixed], baseline=fixed[0].spec, out=out, **options)
    if metric not in report.formulas:
        raise UnknownNameError("prediction difference", metric, list(report.formulas))
    of_value = dict(zip((a.spec for a in swept), values.values, strict=True))
    found = [r for r in report.activations if r.pd[metric].value is not None]
    points = tuple(
        FrontPoint(
            activation=result.activation,
            value=of_value.get(result.activation),
            score=_score(result),
            pd=_pd(result, metric),
            dominated=any(_dominates(other, result, metric) for other in found),
            admissible=_admissible(result, report, margin),
            surrogate=result.surrogate,
        )
        for result in found
    )
    candidates = [p for p in points if p.value is not None and p.admissible]
    best = min(candidates, key=lambda p: p.pd, default=None)
    return SweepReport(values, metric, margin, points, best, report)


def _chosen(
    activation: Activation,
    values: Sweep,
    references: Sequence[str | Activation],
    match_scale: str | None,
) -> tuple[list[Activation], list[Activation]]:
    """The swept activations and the fixed ones, all parameters bound."""
    from rescu_cli.catalogue import resolve

    swept = [activation.bind({values.parameter: value}) for value in values.values]
    fixed = [resolve(one) if isinstance(one, str) else one for one in references]
    if match_scale is None:
        return [one.with_defaults() for one in swept], [one.with_defaults() for one in fixed]
    from rescu_cli.core import match

    scales = [name for name, _ in activation.scaling]
    if values.parameter in scales:
        raise UsageError(
            f"The sweep runs {values.parameter} of {activation.name} through {len(values.values)} "
            f"values, and '--match-scale {match_scale}' would choose {', '.join(scales)}: both "
            "cannot be. Leave '--match-scale' out, or sweep a parameter that is no scale."
        )
    baseline, *matched = match.match_scale([fixed[0], *swept, *fixed[1:]], match_scale)
    return matched[: len(swept)], [baseline, *matched[len(swept) :]]


def _score(result: ActivationResult) -> float:
    return result.score.mean if result.score.mean is not None else float("nan")


def _pd(result: ActivationResult, metric: str) -> float:
    value = result.pd[metric].value
    return value if value is not None else float("nan")


def _dominates(other: ActivationResult, result: ActivationResult, metric: str) -> bool:
    higher, lower = _score(other) - _score(result), _pd(result, metric) - _pd(other, metric)
    return higher >= 0 and lower >= 0 and (higher > 0 or lower > 0)


def _admissible(result: ActivationResult, report: Report, margin: float) -> bool:
    if result.activation == report.spec["baseline"]:
        return True
    paired: Comparison = next(
        c for c in report.comparisons if c.a == result.activation and c.metric == result.score_name
    )
    return paired.ci is not None and paired.ci[0] > -margin
