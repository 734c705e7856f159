"""What the figures can and cannot say, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rescu_cli.experiment.stats import ALPHA, seeds_needed

if TYPE_CHECKING:
    from rescu_cli.experiment.report import ActivationResult, Comparison
    from rescu_cli.experiment.spec import ExperimentSpec


def advise(
    spec: ExperimentSpec,
    results: Sequence[ActivationResult],
    comparisons: Sequence[Comparison],
    nothing: float | None,
) -> tuple[str, ...]:
    """Advice on one experiment, most important first.

    Args:
        spec: The experiment.
        results: One per activation.
        comparisons: All of them.
        nothing: The score of a model that has learned nothing: of an accuracy, the share of the
            most frequent class.
    """
    texts = [
        *_diverged(results),
        *_learned_nothing(results, nothing),
        *_control(spec, results),
        *_too_few_seeds(spec),
        *_cheap_difference(results, comparisons),
        *_initialisation(spec),
    ]
    return tuple(texts)


def _diverged(results: Sequence[ActivationResult]) -> list[str]:
    return [
        f"{result.activation}: {result.n_diverged} of "
        f"{len(result.score.per_seed)} trainings diverged and are left out of its "
        "figures; a smaller '--lr' may help."
        for result in results
        if result.n_diverged
    ]


def _learned_nothing(results: Sequence[ActivationResult], nothing: float | None) -> list[str]:
    return [
        f"{result.activation}: {result.score_name} {result.score.mean:.3f} is not above "
        f"{nothing:.3f}, that of a model that has learned nothing. Such a model has a low "
        "prediction difference for free."
        for result in results
        if nothing is not None and result.score.mean is not None and result.score.mean <= nothing
    ]


def _control(spec: ExperimentSpec, results: Sequence[ActivationResult]) -> list[str]:
    if spec.vary:
        return []
    different = [
        result.activation
        for result in results
        if any(found.value not in (None, 0.0) for found in result.pd.values())
    ]
    if different:
        return [
            f"Nothing varied between the seeds, and yet models differ: {', '.join(different)}. "
            "This machine does not repeat a training bit for bit."
        ]
    return [
        "Nothing varied between the seeds: the control. Every prediction difference is exactly 0."
    ]


def _too_few_seeds(spec: ExperimentSpec) -> list[str]:
    n_seeds, n_comparisons = len(spec.seeds), len(spec.activations) - 1
    texts: list[str] = []
    if not spec.vary:
        return texts
    if n_seeds == 1:
        texts.append("One seed has no prediction difference; use '--seeds 5' or more.")
    elif n_seeds == 2:
        texts.append("Two seeds give no interval for a prediction difference; use 3 or more.")
    if n_comparisons < 1:
        return texts
    needed = seeds_needed(n_comparisons, ALPHA)
    if n_seeds < needed:
        least = 2.0 ** (1 - n_seeds)
        adjusted = min(1.0, least * n_comparisons)
        among = "" if n_comparisons == 1 else f" ({adjusted:g} after Holm, {n_comparisons} tests)"
        texts.append(
            f"{n_seeds} seed{'s' * (n_seeds > 1)} can never show a significant difference in "
            f"{spec.score} or loss: the least possible p of the exact sign-flip test is {least:g}"
            f"{among}. '--seeds {needed}' is the fewest that can reach {ALPHA:g}."
        )
    return texts


def _cheap_difference(
    results: Sequence[ActivationResult], comparisons: Sequence[Comparison]
) -> list[str]:
    mean = {result.activation: result.loss.mean for result in results}
    # The paired interval, not the verdict: with few seeds the exact test cannot speak at all.
    worse = {
        one.a
        for one in comparisons
        if one.metric == "loss" and one.ci is not None and one.ci[0] > 0
    }
    return [
        f"{one.a} has a lower prediction difference than {one.b}, but also a higher loss "
        f"({mean[one.a]:.4g} against {mean[one.b]:.4g}). A model that learns less differs less, so "
        "this may not be the activation's merit."
        for one in comparisons
        if one.metric == "pd_l1" and one.verdict == "lower" and one.a in worse
    ]


def _initialisation(spec: ExperimentSpec) -> list[str]:
    if spec.init != "default":
        return []
    return [
        "With the default initialisation, pre-activations are small against the width of a smooth "
        "activation's transition, which can reverse the ranking; '--init gain' matches the "
        "initialisation to each activation."
    ]
