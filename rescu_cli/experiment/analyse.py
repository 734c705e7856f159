"""From finished cells to a `Report`: measures, compares with the baseline, and gives advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import DisagreementError
from rescu_cli.experiment.advice import advise
from rescu_cli.experiment.metrics import METRICS, Measured, log_loss, measure, squared_error
from rescu_cli.experiment.predictions import Predictions
from rescu_cli.experiment.report import (
    ActivationResult,
    Comparison,
    Curves,
    Difference,
    Report,
    Score,
)
from rescu_cli.experiment.scores import SCORES
from rescu_cli.experiment.spec import ActivationKey, ExperimentSpec
from rescu_cli.experiment.stats import (
    LEVEL,
    Estimate,
    equivalence,
    holm,
    jackknife,
    mean_estimate,
    sign_flip_test,
    t_quantile,
    verdict,
)
from rescu_cli.experiment.store import CellRecord

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """The finished cells of one activation.

    Args:
        key: The activation.
        records: One per seed, in the order of the experiment's seeds.
        predictions: Of the models that did not diverge; None if all did.
    """

    key: ActivationKey
    records: tuple[CellRecord, ...]
    predictions: Predictions | None

    @property
    def sound_seeds(self) -> tuple[int, ...]:
        """Seeds whose training did not diverge."""
        return tuple(r.seed for r in self.records if not r.diverged)

    def restricted(self, seeds: Sequence[int]) -> Predictions | None:
        """The predictions of some sound seeds, None for none."""
        if self.predictions is None or not seeds:
            return None
        if tuple(seeds) == self.sound_seeds:
            return self.predictions
        return self.predictions.models(np.isin(self.predictions.seeds, seeds))


def analyse(
    spec: ExperimentSpec, run_dir: Path, trials: Sequence[Trial], margin: float | None = None
) -> Report:
    """The report of an experiment.

    Args:
        spec: The experiment.
        run_dir: Where it is kept.
        trials: One per activation.
        margin: Scores that differ by less count as equal; None for no test of equivalence.

    Raises:
        DisagreementError: If two models that must differ give identical predictions.
    """
    require_different(trials, by_seed=bool(spec.vary))
    metrics = applicable(spec.task)
    measured: dict[str, dict[str, Measured]] = {
        trial.key.spec: _measure_all(trial.predictions, metrics) for trial in trials
    }
    results = tuple(_result(trial, spec.score, measured[trial.key.spec], metrics)
                    for trial in trials)  # fmt: skip
    base = next(trial for trial in trials if trial.key.spec == spec.baseline)
    others = [trial for trial in trials if trial is not base]
    comparisons = _compare_all(others, base, spec.score, measured, metrics)
    if margin is not None:
        comparisons = tuple(_with_equivalence(c, spec.score, margin) for c in comparisons)
    return Report(
        spec=spec.to_dict(),
        run_dir=run_dir,
        n_models=sum(len(trial.records) for trial in trials),
        activations=results,
        comparisons=comparisons,
        advice=advise(spec, results, comparisons, _nothing(base, spec.score)),
        formulas={key: METRICS[key].formula for key in metrics},
    )


def applicable(task: str) -> tuple[str, ...]:
    """Keys of the prediction differences that are defined for a task."""
    return tuple(key for key, metric in METRICS.items() if task in metric.tasks)


def require_different(trials: Sequence[Trial], *, by_seed: bool = True) -> None:
    """Refuses models whose predictions are equal in every bit although they must not be.

    Two activations with the same predictions mean that one of them was not used; two seeds, that
    the seed was not used. Predictions that consist of 0 and 1 only are not looked at: saturated
    models can agree by themselves.

    Args:
        trials: One per activation.
        by_seed: Whether something varies between the seeds; else they must agree.

    Raises:
        DisagreementError: Naming the two models.
    """
    seen: dict[bytes, tuple[ActivationKey, int]] = {}
    for trial in trials:
        if trial.predictions is None:
            continue
        for row, seed in zip(trial.predictions.probabilities, trial.predictions.seeds, strict=True):
            if np.isin(row, (0, 1)).all():
                continue
            twin = seen.setdefault(row.tobytes(), (trial.key, int(seed)))
            if twin[0].digest != trial.key.digest:
                raise DisagreementError(
                    f"{twin[0].spec} (seed {twin[1]}) and {trial.key.spec} (seed {seed}) are "
                    "different activations but gave identical predictions, so one of them was not "
                    "used in training, or both are the same function under two formulas. Look at "
                    "both with 'rescu show'; if they are the same, compare only one."
                )
            if twin[1] != seed and by_seed:
                raise DisagreementError(
                    f"{trial.key.spec}: seeds {twin[1]} and {seed} gave identical predictions, so "
                    "the seed was not used. No prediction difference can be reported."
                )


def _measure_all(predictions: Predictions | None, metrics: Sequence[str]) -> dict[str, Measured]:
    if predictions is None or predictions.n_models < 2:
        return {}
    return {key: measure(key, predictions) for key in metrics}


def _result(
    trial: Trial, score: str, measured: Mapping[str, Measured], metrics: Sequence[str]
) -> ActivationResult:
    n_models = len(trial.sound_seeds)
    pd = {}
    for key in metrics:
        found = measured.get(key)
        if found is None:
            pd[key] = Difference(None, None, None, n_models)
        else:
            pd[key] = Difference(
                found.value,
                jackknife(found.value, found.leave_one_out).interval(),
                mean_estimate(found.per_example).interval(),
                n_models,
            )
    return ActivationResult(
        activation=trial.key.spec,
        digest=trial.key.digest,
        score_name=score,
        score=_score(trial, score),
        loss=_score(trial, "loss"),
        pd=pd,
        n_diverged=len(trial.records) - n_models,
        seconds=sum(record.seconds for record in trial.records),
        curves=Curves(
            tuple(None if r.diverged else r.curve for r in trial.records),
            tuple(None if r.diverged else r.validation for r in trial.records),
            tuple(r.epoch for r in trial.records),
        ),
    )


def _of(record: CellRecord, metric: str) -> float | None:
    return record.loss if metric == "loss" else record.score


def _per_seed(trial: Trial, metric: str, seeds: Sequence[int]) -> Floats:
    found = {record.seed: _of(record, metric) for record in trial.records}
    return np.array([found[seed] for seed in seeds], dtype=np.float64)


def _per_example(predictions: Predictions, metric: str) -> Floats:
    if metric in SCORES:
        table = SCORES[metric].table(predictions.probabilities, predictions.labels)
    elif predictions.task == "regression":
        table = squared_error(predictions) / 2
    else:
        table = log_loss(predictions)
    return np.asarray(table.mean(0))


def _score(trial: Trial, metric: str) -> Score:
    per_seed = tuple(None if r.diverged else _of(r, metric) for r in trial.records)
    if trial.predictions is None:
        return Score(None, None, None, per_seed)
    over_seeds = mean_estimate(_per_seed(trial, metric, trial.sound_seeds))
    over_examples = mean_estimate(_per_example(trial.predictions, metric))
    return Score(over_seeds.value, over_seeds.interval(), over_examples.interval(), per_seed)


def _compare_all(
    others: Sequence[Trial], base: Trial, score: str,
    measured: Mapping[str, Mapping[str, Measured]], metrics: Sequence[str],
) -> tuple[Comparison, ...]:  # fmt: skip
    comparisons: list[Comparison] = []
    for metric in (score, "loss", *metrics):
        family = [
            _compare_score(trial, base, metric)
            if metric not in metrics
            else _compare_pd(trial, base, metric, measured)
            for trial in others
        ]
        for one, p in zip(family, holm([one.p for one in family]), strict=True):
            outcome = "no difference shown"
            if one.difference is not None:
                outcome = verdict(one.difference, p)
            comparisons.append(replace(one, p_adjusted=p, verdict=outcome))
    return tuple(comparisons)


def _shared_seeds(a: Trial, b: Trial) -> tuple[int, ...]:
    return tuple(seed for seed in a.sound_seeds if seed in b.sound_seeds)


def _compare_score(a: Trial, b: Trial, metric: str) -> Comparison:
    seeds = _shared_seeds(a, b)
    first, second = a.restricted(seeds), b.restricted(seeds)
    if first is None or second is None:
        return _empty(a, b, metric, len(seeds), "sign-flip")
    differences = _per_seed(a, metric, seeds) - _per_seed(b, metric, seeds)
    estimate = mean_estimate(differences)
    test = sign_flip_test(differences)
    by_example = mean_estimate(_per_example(first, metric) - _per_example(second, metric))
    return replace(
        _empty(a, b, metric, len(seeds), test.method),
        difference=estimate.value,
        ci=estimate.interval(),
        ci_examples=by_example.interval(),
        p=test.p,
        least_p=test.least_p,
    )


def _compare_pd(
    a: Trial, b: Trial, metric: str, measured: Mapping[str, Mapping[str, Measured]]
) -> Comparison:
    seeds = _shared_seeds(a, b)
    blank = _empty(a, b, metric, len(seeds), "jackknife t")
    if len(seeds) < 2:
        return blank
    # Measured anew only if a seed diverged under one of both: the seeds must be the same.
    both = [
        measured[trial.key.spec][metric]
        if seeds == trial.sound_seeds
        else measure(metric, _some(trial.restricted(seeds)))
        for trial in (a, b)
    ]
    estimate: Estimate = jackknife(
        both[0].value - both[1].value, both[0].leave_one_out - both[1].leave_one_out
    )
    by_example = mean_estimate(both[0].per_example - both[1].per_example)
    return replace(
        blank,
        difference=estimate.value,
        ci=estimate.interval(),
        ci_examples=by_example.interval(),
        p=estimate.p_value(),
    )


def _some(predictions: Predictions | None) -> Predictions:
    if predictions is None:
        raise DisagreementError("Shared seeds without predictions: the run directory is damaged.")
    return predictions


def _empty(a: Trial, b: Trial, metric: str, n_seeds: int, test: str) -> Comparison:
    return Comparison(
        a=a.key.spec,
        b=b.key.spec,
        metric=metric,
        difference=None,
        ci=None,
        ci_examples=None,
        n_seeds=n_seeds,
        test=test,
        p=None,
        p_adjusted=None,
        least_p=None,
        verdict="no difference shown",
    )


def _with_equivalence(comparison: Comparison, score: str, margin: float) -> Comparison:
    if comparison.metric != score or comparison.difference is None or comparison.ci is None:
        return comparison
    df = comparison.n_seeds - 1
    half = (comparison.ci[1] - comparison.ci[0]) / 2
    estimate = Estimate(comparison.difference, half / t_quantile((1 + LEVEL) / 2, df), df)
    return replace(comparison, equivalence=equivalence(estimate, margin))


def _nothing(trial: Trial, score: str) -> float | None:
    """The score of a model that has learned nothing."""
    if trial.predictions is None:
        return None
    return SCORES[score].nothing(trial.predictions.labels)
