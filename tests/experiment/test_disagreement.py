"""Which examples flip: counted by hand, tied to churn, deaf to the order of the models."""

from __future__ import annotations

import numpy as np
import pytest

from rescu_cli.errors import UsageError
from rescu_cli.experiment.disagreement import count_votes, disagreeing_pairs, find_disagreement
from rescu_cli.experiment.metrics import measure

from .samples import make_predictions


def votes_of(classes: list[list[int]], n_classes: int = 3) -> np.ndarray:
    """Votes of models whose classes are given, one row per model."""
    return count_votes(np.eye(n_classes)[np.array(classes)])


def test_votes_are_counted() -> None:
    assert votes_of([[0, 2], [0, 1], [1, 1]]).tolist() == [[2, 1, 0], [0, 2, 1]]


def test_shares_are_those_of_all_pairs() -> None:
    votes = votes_of([[0, 2, 0], [0, 1, 1], [0, 1, 2]])
    assert disagreeing_pairs(votes).tolist() == pytest.approx([0, 2 / 3, 1])


@pytest.mark.parametrize("seed", range(3))
def test_their_mean_is_churn(seed: int) -> None:
    predictions = make_predictions(n_models=5, n=40, n_classes=4, seed=seed)
    mean = disagreeing_pairs(count_votes(predictions.probabilities)).mean()
    assert mean == pytest.approx(measure("churn", predictions).value)


def test_a_changed_vote_changes_the_mean() -> None:
    """Negative control of the tie to churn."""
    predictions = make_predictions(n_models=5, n=40, n_classes=4, seed=0)
    votes = count_votes(predictions.probabilities)
    row = votes[int(np.argmax(votes.max(1) < 5))]
    row[np.argmax(row)] -= 1
    row[np.argmin(row)] += 1
    assert disagreeing_pairs(votes).mean() != pytest.approx(measure("churn", predictions).value)


def test_the_most_disputed_come_first_with_their_votes() -> None:
    a = votes_of([[0, 0, 0, 1], [0, 1, 0, 2], [0, 0, 0, 0]])
    b = votes_of([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]])
    found = find_disagreement(
        ["a", "b"], [a, b], np.array([0, 1, 1, 2]), np.array([10, 11, 12, 13])
    )
    assert [flip.example_id for flip in found.flips] == ["13", "11"]
    first = found.flips[0]
    assert (first.label, first.position, first.churn) == (2, 3, pytest.approx(0.5))
    assert first.ballots[0].votes == ((0, 1), (1, 1), (2, 1))
    assert first.ballots[1].votes == ((1, 3),)
    assert found.flips[1].ballots[0].votes == ((0, 2), (1, 1))
    assert (found.n_examples, found.n_models) == (4, 6)
    # Example 12: each activation agrees within itself, not with the other.
    assert found.alike == 0.25
    assert found.agreements[0].groups == (0.5, 0, 0, 0.5)
    assert found.agreements[1].groups == (1, 0, 0, 0)


def test_the_order_of_the_models_does_not_matter() -> None:
    p = make_predictions(n_models=4, n=30, n_classes=3, seed=1)
    assert np.array_equal(count_votes(p.probabilities), count_votes(p.probabilities[::-1]))


def test_one_model_disputes_nothing_with_itself() -> None:
    found = find_disagreement(["a"], [votes_of([[0, 1]])], np.array([0, 0]), np.array(["x", "y"]))
    assert found.flips == ()
    assert found.alike == 1
    assert found.agreements[0].groups == ()


def test_different_examples_are_refused() -> None:
    with pytest.raises(UsageError, match="same examples"):
        find_disagreement(
            ["a", "b"], [votes_of([[0, 1]]), votes_of([[0]])], np.zeros(2, int), np.arange(2)
        )
