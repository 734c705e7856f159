"""What is known of the minimum width, and what is no longer believed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rescu_cli as rescu
from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.network.width import ACTIVATIONS, NORMS, SOURCES, TABLE, minimum_width

SIZE = st.integers(1, 400)


@given(SIZE, SIZE, st.sampled_from(NORMS), st.sampled_from(ACTIVATIONS))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_no_interval_is_empty_and_more_outputs_never_need_less(
    d_x: int, d_y: int, norm: str, activation: str
) -> None:
    here, more = (minimum_width(d_x, d, norm=norm, activation=activation) for d in (d_y, d_y + 1))
    assert here.lower >= max(d_x, d_y)
    assert more.lower >= here.lower
    if here.upper is not None:
        assert here.lower <= here.upper <= more.upper
    else:
        assert activation == "any" and more.upper is None
    assert (here.exact is not None) == (here.lower == here.upper)


def test_the_same_over_a_whole_grid() -> None:
    for norm in NORMS:
        for activation in ACTIVATIONS:
            for d_x in range(1, 13):
                found = [
                    minimum_width(d_x, d, norm=norm, activation=activation) for d in range(1, 40)
                ]
                assert [f.lower for f in found] == sorted(f.lower for f in found)
                assert all(f.upper is None or f.lower <= f.upper for f in found)


@pytest.mark.parametrize(
    ("d_x", "d_y", "lower", "upper"),
    [
        (1, 1, 2, 2),
        (1, 2, 3, 3),
        (1, 3, 3, 3),
        (2, 1, 3, 3),
        (2, 2, 4, 4),
        (2, 3, 4, 4),
        (2, 4, 5, 5),
        (2, 5, 5, 5),
        (3, 2, 4, 5),
        (3, 3, 4, 6),
        (3, 4, 5, 7),
        (3, 7, 7, 7),
        (10, 21, 21, 21),
        (10, 30, 30, 30),
        (10, 10, 11, 20),
    ],
)
def test_uniform_leaky_relu(d_x: int, d_y: int, lower: int, upper: int) -> None:
    found = rescu.minimum_width(d_x, d_y)
    assert (found.lower, found.upper) == (lower, upper)


@given(SIZE, SIZE)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_known_regimes_are_exact(d_x: int, d_y: int) -> None:
    def exact(norm: str, activation: str) -> int | None:
        return minimum_width(d_x, d_y, norm=norm, activation=activation).exact

    assert exact("lp", "leaky_relu") == max(d_x, d_y, 2)
    assert exact("lp", "relu") == max(d_x + 1, d_y)
    assert exact("uniform", "relu+step") == max(d_x + 1, d_y)
    if d_y >= 2 * d_x + 1:
        assert exact("uniform", "leaky_relu") == d_y


def test_the_domain_is_said_where_it_changes_the_answer() -> None:
    whole = minimum_width(2, 2, norm="lp", activation="relu")
    assert (whole.exact, whole.domain, whole.to_dict()["domain"]) == (3, *["the whole space"] * 2)
    for norm, activation in (("lp", "leaky_relu"), ("uniform", "relu"), ("lp", "relu+step")):
        assert minimum_width(2, 2, norm=norm, activation=activation).domain == "compact sets"


@pytest.mark.parametrize("activation", ["monotone", "relu+step"])
def test_one_monotone_unit_per_layer_is_not_enough_for_one_input(activation: str) -> None:
    assert minimum_width(1, 1, norm="lp", activation=activation).lower == 2
    # Control: an activation that is not monotone is not covered, nor are more dimensions.
    assert minimum_width(1, 1, norm="lp", activation="any").lower == 1
    assert minimum_width(1, 2, norm="lp", activation=activation).lower == 2


def test_the_superseded_formula_is_shown_and_not_used() -> None:
    for d_x, d_y, old in ((2, 2, 3), (2, 4, 4)):
        found = minimum_width(d_x, d_y)
        (shown,) = [f for f in found.findings if f.statement.superseded]
        assert shown.lower == shown.upper == old < found.lower
        data = [s for s in found.to_dict()["statements"] if s["superseded"]]
        assert len(data) == 1 and "2024" in data[0]["why_superseded"]


def test_using_the_superseded_formula_would_empty_the_interval() -> None:
    """The control: taken at its word, the 2023 text contradicts later lower bounds."""
    found = minimum_width(2, 2)
    assert min(f.upper for f in found.findings if f.upper is not None) < found.lower


def test_every_statement_has_a_source_and_every_source_a_statement() -> None:
    assert {s.source for s in TABLE} == set(SOURCES)
    for norm in NORMS:
        for activation in ACTIVATIONS:
            for s in minimum_width(5, 7, norm=norm, activation=activation).to_dict()["statements"]:
                assert {"regime", "statement", "bound", "citation", "superseded"} <= set(s)
                assert s["citation"] == SOURCES[s["source"]]


def test_a_weaker_activation_class_knows_less() -> None:
    for d_x, d_y in ((1, 1), (2, 2), (4, 6), (7, 3)):
        every, one = (minimum_width(d_x, d_y, activation=a) for a in ("monotone", "leaky_relu"))
        assert every.lower <= one.lower and one.upper <= every.upper


@pytest.mark.parametrize(("d_x", "d_y"), [(0, 1), (1, 0), (-2, 3), (True, 2), (10**10, 1)])
def test_dimensions_must_be_positive_numbers(d_x: int, d_y: int) -> None:
    with pytest.raises(UsageError, match="must be a whole number from 1"):
        minimum_width(d_x, d_y)


def test_unknown_norms_and_activations_are_named() -> None:
    with pytest.raises(UnknownNameError, match="No norm named 'l2'"):
        minimum_width(1, 1, norm="l2")
    with pytest.raises(UnknownNameError, match="Did you mean 'leaky_relu'"):
        minimum_width(1, 1, activation="leaky_rely")
