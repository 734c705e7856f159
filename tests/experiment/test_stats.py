"""Jackknife, sign flips, Holm, seeds needed, equivalence."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from rescu_cli.errors import UsageError
from rescu_cli.experiment.metrics import measure
from rescu_cli.experiment.predictions import Predictions
from rescu_cli.experiment.stats import (
    Estimate,
    equivalence,
    holm,
    jackknife,
    mean_estimate,
    seeds_needed,
    sign_flip_test,
    verdict,
)


def test_jackknife_of_a_mean_is_the_ordinary_interval() -> None:
    values = np.array([1.0, 4.0, 2.0, 8.0, 5.0])
    without = (values.sum() - values) / 4
    found, plain = jackknife(float(values.mean()), without), mean_estimate(values)
    assert found.se == pytest.approx(plain.se, rel=1e-12)
    low, high = reference.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.interval() == pytest.approx((low, high), rel=1e-10)
    assert found.p_value() == pytest.approx(reference.ttest_1samp(values, 0).pvalue, rel=1e-10)


def test_without_enough_seeds_there_is_no_interval() -> None:
    assert jackknife(1.0, np.array([np.nan, np.nan])).interval() is None
    assert jackknife(1.0, np.array([1.0])).interval() is None
    assert mean_estimate(np.array([3.0])).interval() is None
    assert mean_estimate(np.array([3.0])).p_value() is None


def test_equal_seeds_give_no_certainty() -> None:
    """A standard error of 0 must not turn into p = 0."""
    assert Estimate(0.5, 0.0, 1).p_value() is None
    assert Estimate(0.0, 0.0, 1).p_value() == 1.0


def all_patterns(differences: list[float]) -> float:
    """The sign-flip test by looking at every pattern."""
    observed = abs(sum(differences))
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    return sum(s >= observed - 1e-9 for s in sums) / len(sums)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9))
def test_sign_flips_count_every_pattern_and_ties(differences: list[int]) -> None:
    """Differences of accuracies are multiples of 1/N, so ties are the rule."""
    values = [d / 360 for d in differences]
    found = sign_flip_test(np.array(values))
    assert found.exact
    assert found.p == pytest.approx(all_patterns(values), abs=1e-15)
    assert found.p >= found.least_p * (1 - 1e-12)


def test_least_p_is_reached_and_never_beaten() -> None:
    for n in range(1, 12):
        found = sign_flip_test(np.arange(1.0, n + 1))
        assert found.p == found.least_p == min(1.0, 2 / 2**n)


def test_no_difference_at_all_gives_one() -> None:
    assert sign_flip_test(np.zeros(6)).p == 1.0


def test_two_halves_agree_with_a_permutation_test_of_another_library() -> None:
    differences = np.random.default_rng(1).standard_normal(12) + 0.3
    expected = reference.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert sign_flip_test(differences).p == pytest.approx(expected, abs=1e-12)


def test_exact_up_to_forty_and_honest_beyond() -> None:
    differences = np.random.default_rng(3).standard_normal(40) + 0.2
    exact = sign_flip_test(differences)
    assert exact.exact
    assert exact.method == "sign-flip, exact"
    longer = np.concatenate([differences, [0.0]])  # a zero difference changes no p
    drawn = sign_flip_test(longer)
    assert not drawn.exact
    assert "Monte Carlo" in drawn.method
    assert drawn.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p / 200_000) + 1e-5)
    assert drawn.p == sign_flip_test(longer).p
    assert drawn.p != sign_flip_test(longer, np.random.default_rng(9)).p


@pytest.mark.parametrize("wrong", [np.array([]), np.array([1.0, np.nan])])
def test_sign_flips_refuse_what_is_no_difference(wrong: np.ndarray) -> None:
    with pytest.raises(UsageError, match="finite differences"):
        sign_flip_test(wrong)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_leaves_out_tests_that_were_not_made() -> None:
    assert holm([None, 0.02, None, 0.04]) == [None, 0.04, None, 0.04]


def test_seeds_needed_reaches_alpha_and_one_less_does_not() -> None:
    assert [seeds_needed(n) for n in (1, 2, 5)] == [6, 7, 8]
    for n in range(1, 40):
        for alpha in (0.5, 0.1, 0.05, 0.03125, 0.01, 1e-6):
            needed = seeds_needed(n, alpha)
            assert n * 2.0 ** (1 - needed) <= alpha
            assert needed == 1 or n * 2.0 ** (2 - needed) > alpha


def test_five_seeds_can_never_be_significant() -> None:
    assert sign_flip_test(np.array([1.0, 2, 3, 4, 5])).p == 0.0625 > 0.05


@pytest.mark.parametrize(("n", "alpha"), [(0, 0.05), (1, 0), (1, 1), (1, float("nan"))])
def test_seeds_needed_refuses_nonsense(n: int, alpha: float) -> None:
    with pytest.raises(UsageError):
        seeds_needed(n, alpha)


def test_verdict_words() -> None:
    assert verdict(-1.0, 0.01) == "lower"
    assert verdict(1.0, 0.05) == "higher"
    assert verdict(1.0, 0.051) == "no difference shown"
    assert verdict(1.0, None) == "no difference shown"
    assert verdict(float("nan"), 0.01) == "no difference shown"


def test_equivalence_is_two_one_sided_tests() -> None:
    values = np.array([0.1, -0.2, 0.15, 0.05, -0.1, 0.0])
    found = equivalence(mean_estimate(values), 0.3)
    below = reference.ttest_1samp(values, -0.3, alternative="greater").pvalue
    above = reference.ttest_1samp(values, 0.3, alternative="less").pvalue
    assert found.p == pytest.approx(max(below, above), rel=1e-10)
    assert found.equivalent
    assert found.verdict == "equivalent within ±0.3"
    narrow = equivalence(mean_estimate(values), 0.01)
    assert not narrow.equivalent
    assert "not shown" in narrow.verdict


def test_a_difference_at_the_margin_is_never_equivalent() -> None:
    assert equivalence(Estimate(0.3, 0.01, 5), 0.3).p == pytest.approx(0.5)
    assert not equivalence(Estimate(0.3, 0.0, 5), 0.3).equivalent


def test_equivalence_refuses_a_useless_question() -> None:
    with pytest.raises(UsageError, match="positive"):
        equivalence(Estimate(0.0, 1.0, 5), 0.0)
    with pytest.raises(UsageError, match="two seeds"):
        equivalence(Estimate(0.0, None, 0), 0.1)


def simulated(n_models: int, generator: np.random.Generator) -> Predictions:
    """Binary models whose logits share a truth and differ by a seed's own smooth noise.

    Each seed's deviation lies in few directions, as that of real trainings does, so pairs are
    strongly dependent.
    """
    n, n_directions = 40, 4
    directions = np.random.default_rng(0).standard_normal((n_directions, n))
    spread = np.exp(0.3 * generator.standard_normal((n_models, 1)))
    logits = spread * (generator.standard_normal((n_models, n_directions)) @ directions) * 0.3
    p = 1 / (1 + np.exp(-logits))
    return Predictions(
        "simulated",
        np.stack([1 - p, p], axis=2),
        np.ones(n, dtype=int),
        np.arange(n),
        np.arange(n_models),
    )


@pytest.mark.parametrize("key", ["pd_l1", "pd_pairwise_l1"])
def test_jackknife_interval_covers(key: str) -> None:
    """Nominal 95 % at ten seeds; and the control: pairs treated as independent cover far less."""
    generator = np.random.default_rng(7)
    # For a mean-centred metric the target is its expectation at ten models.
    truth = np.mean([measure(key, simulated(10, generator)).value for _ in range(3000)])
    covered, naive, n_runs = 0, 0, 400
    for _ in range(n_runs):
        found = measure(key, simulated(10, generator))
        interval = jackknife(found.value, found.leave_one_out).interval()
        assert interval is not None
        covered += interval[0] <= truth <= interval[1]
        if found.pairs is not None:
            pairs = mean_estimate(found.pairs[np.triu_indices(10, 1)]).interval()
            assert pairs is not None
            naive += pairs[0] <= truth <= pairs[1]
    assert covered / n_runs >= 0.85
    if key == "pd_pairwise_l1":
        assert naive / n_runs < 0.75
