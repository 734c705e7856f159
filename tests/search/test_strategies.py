"""Halving, evolution and the controller, on rewards that are planted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.export import torch_functions
from rescu_cli.search.budget import read_budget
from rescu_cli.search.controller import Learner, choices, reinforce, spelled
from rescu_cli.search.evolution import evolve
from rescu_cli.search.formula import Formula
from rescu_cli.search.gradients import Curve, Curves
from rescu_cli.search.halving import Rung, successive_halving
from rescu_cli.search.outcome import Objective, Outcome
from rescu_cli.search.sampler import Formulas

RUNGS = (Rung(1, 0.5, 0.5), Rung(2, 0.5, 0.8), Rung(4, 1.0, 1.0))
ACCURACY = Objective("accuracy")


# -- objectives ---------------------------------------------------------------------------------


def test_a_diverged_training_is_worse_than_any_other() -> None:
    for objective in (ACCURACY, Objective("pd-at-accuracy", 0.9)):
        bad = Outcome(0.99, 0.1, 0.0, n_diverged=1, epochs=1)
        poor = Outcome(0.1, 3.0, 1.5, epochs=1)
        assert objective.key(bad) < objective.key(poor)
        assert objective.reward(bad) < objective.reward(poor)


def test_less_difference_counts_only_among_the_accurate() -> None:
    objective = Objective("pd-at-accuracy", floor=0.9)
    silent, good, better = (Outcome(*o, epochs=1) for o in
                            [(0.2, 2.3, 0.0), (0.95, 0.2, 0.3), (0.91, 0.3, 0.1)])  # fmt: skip
    ranked = sorted([silent, good, better], key=objective.key, reverse=True)
    assert ranked == [better, good, silent]
    rewards = [objective.reward(o) for o in ranked]
    assert rewards == sorted(rewards, reverse=True)


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="objective"):
        Objective("speed")


# -- successive halving ---------------------------------------------------------------------------


def values(part: Sequence[int], rung: int, chunk: int) -> list[Outcome]:
    return [Outcome(score=v / 100, loss=1.0, epochs=RUNGS[rung].epochs) for v in part]


def test_the_best_get_the_longest_training_and_lead() -> None:
    found = successive_halving(list(range(40)), values, lambda _: ACCURACY, chunk=7, rungs=RUNGS)
    assert found.reached == (40, 20, 10) and found.left == (0, 0, 0)
    assert [c for c, _ in found.results[:10]] == list(range(39, 29, -1))
    assert [o.epochs for _, o in found.results] == [4] * 10 + [2] * 10 + [1] * 20


def test_a_budget_that_ends_leaves_the_rest_untrained_and_says_so() -> None:
    clock = iter([0.1, 0.6, 0.7, 0.9, 2.0, 2.0, 2.0])
    found = successive_halving(
        list(range(40)), values, lambda _: ACCURACY, chunk=10, rungs=RUNGS,
        spent=lambda: next(clock),
    )  # fmt: skip
    assert found.reached[0] == 20 and found.left[0] == 20
    assert len(found.results) == 20


# -- evolution --------------------------------------------------------------------------------------


def likeness(curves: Sequence[Curve], generation: int) -> list[Outcome]:
    """How near the last knot is to 1 and the first to -1: a hill that mutation can climb."""
    return [
        Outcome(score=1 - (abs(c.places[-1] - 8) + abs(c.places[0] + 8)) / 100, loss=0.0, epochs=1)
        for c in curves
    ]


def test_evolution_climbs_where_random_search_does_not() -> None:
    wins = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        history = evolve(Curves(4), likeness, ACCURACY, rng, n_trained=300)
        assert len(history) == 300
        best = max(o.score or 0 for _, o in history)
        drawn = [Curves(4).sample(rng) for _ in range(300)]
        wins += best > max(o.score or 0 for o in likeness(drawn, 0))
    assert wins >= 5  # a sample may be lucky; six draws in a row are not


def test_the_oldest_dies_however_good_it_was() -> None:
    """The best of all is born first, and no parent any more once as many as live were born."""
    parents: list[Curve] = []
    first: list[Curve] = []

    class Watched(Curves):
        def mutate(self, candidate: Curve, rng: np.random.Generator) -> Curve:
            parents.append(candidate)
            return super().mutate(candidate, rng)

    def score(curves: Sequence[Curve], generation: int) -> list[Outcome]:
        if not first:
            first.append(curves[0])
        return [Outcome(score=float(c == first[0]), loss=0.0, epochs=1) for c in curves]

    evolve(Watched(4), score, ACCURACY, np.random.default_rng(3), n_trained=100, population=20,
           tournament=20, brood=10)  # fmt: skip
    early, late = parents[:20], parents[40:]
    assert early.count(first[0]) >= 10  # every tournament is of all that live
    assert late and first[0] not in late


def test_knots_that_change_nothing_do_not_make_another_curve() -> None:
    sampler = Curves(4)
    one = Curve((-32, -8, 8, 32), (0, 0, 32, 32))
    two = Curve((-20, -8, 8, 16), (0, 0, 32, 32))
    other = Curve((-32, -8, 8, 32), (0, 1, 32, 32))
    assert sampler.mark(one) == sampler.mark(two) != sampler.mark(other)
    x = torch.linspace(-6, 6, 101, dtype=torch.float64)
    values = [torch_functions(c.activation()).value(x) for c in (one, two, other)]
    torch.testing.assert_close(values[0], values[1], atol=1e-14, rtol=0)
    assert float((values[0] - values[2]).abs().max()) > 1e-3
    straight = Curve((-8, 0, 8), (0, 16, 32), "linear")
    assert Curves(3, "linear").mark(straight) == Curves(2, "linear").mark(
        Curve((-8, 8), (0, 32), "linear")
    )
    assert "SmeLU" in str(Curves(3, "linear").rejection(straight))
    assert Curves(3, "pchip").rejection(Curve((-8, 0, 8), (0, 16, 32))) is None


def test_the_same_seed_breeds_the_same_and_nothing_twice() -> None:
    one, two = (
        evolve(Curves(3), likeness, ACCURACY, np.random.default_rng(5), n_trained=150)
        for _ in range(2)
    )
    assert one == two
    assert len({c for c, _ in one}) == 150


def test_evolution_of_formulas_trains_only_what_can_be_trained() -> None:
    def score(part: Sequence[Formula], generation: int) -> list[Outcome]:
        return [Outcome(score=-len(f.spec) / 100, loss=0.0, epochs=1) for f in part]

    sampler = Formulas(2)
    history = evolve(sampler, score, ACCURACY, np.random.default_rng(0), n_trained=60,
                     population=20, tournament=5, brood=10)  # fmt: skip
    assert len(history) == 60
    assert all(sampler.rejection(f) is None for f, _ in history)
    assert len({sampler.mark(f) for f, _ in history}) == 60


# -- the controller ---------------------------------------------------------------------------------

HIDDEN = (18, 20, 6)


def planted(rows: Sequence[Sequence[int]]) -> list[float]:
    """The share of the words that are the hidden ones."""
    return [sum(a == b for a, b in zip(row, HIDDEN, strict=True)) / 3 for row in rows]


def mean_reward(seed: int, learns: bool) -> float:
    learner = Learner(choices(1), seed)
    for _ in range(50):
        words = learner.sample(32)
        rewards = planted(words.tolist())
        if not learns:  # the reward does not reach it: what a detached loss would do
            rewards = [0.0] * len(rewards)
        learner.learn(words, rewards)
    return float(np.mean(planted(learner.sample(400).tolist())))


@pytest.mark.parametrize("seed", range(4))
def test_the_controller_beats_random_search_on_a_planted_reward(seed: int) -> None:
    """Random words are right 1/25, 1/25 and 1/10 of the time: a mean reward of 0.06."""
    assert mean_reward(seed, learns=True) > 0.6


def test_control_without_the_reward_it_stays_at_random() -> None:
    assert mean_reward(0, learns=False) < 0.15


def test_a_step_raises_the_probability_of_what_was_rewarded() -> None:
    learner = Learner(choices(2), 1)
    words = learner.sample(16)
    rewards = [1.0] + [0.0] * 15
    before = learner.controller.log_probabilities(words)[0].detach()
    learner.learn(words, rewards)
    after = learner.controller.log_probabilities(words)[0].detach()
    assert float(after[0]) > float(before[0])
    assert float((after - before)[0]) > float((after - before)[1:].mean())


def test_probabilities_are_those_of_the_samples_and_sum_to_one() -> None:
    learner = Learner((2, 3), 0)
    every = torch.tensor([[i, j] for i in range(2) for j in range(3)])
    with torch.no_grad():
        for weights in learner.controller._heads:
            torch.nn.init.normal_(weights.weight)  # type: ignore[arg-type]
        p = learner.controller.log_probabilities(every)[0].exp()
        assert float(p.sum()) == pytest.approx(1.0, abs=1e-6)
        drawn = learner.sample(20_000)
    counts = (drawn[:, 0] * 3 + drawn[:, 1]).bincount(minlength=6) / 20_000
    assert float((counts - p).abs().max()) < 0.02


def test_words_of_two_units_spell_two_units() -> None:
    words = [1, 2, 3, 4, 5, 6, 0]
    assert len(choices(2)) == len(words)
    formula = spelled(words, 2)
    assert len(formula.units) == 2 and formula.units[1].second[1] == 1


def test_reinforce_trains_no_function_twice_and_repeats_itself() -> None:
    asked: list[str] = []

    def score(part: Sequence[Formula], generation: int) -> list[Outcome]:
        asked.extend(f.spec for f in part)
        return [Outcome(score=float("sigmoid" in f.spec), loss=0.0, epochs=1) for f in part]

    one = reinforce(1, score, ACCURACY, np.random.default_rng(2), n_trained=80)
    assert len(one) == 80 and len({f.shape() for f, _ in one}) == 80
    assert reinforce(1, score, ACCURACY, np.random.default_rng(2), n_trained=80) == one


# -- gradients --------------------------------------------------------------------------------------


def test_every_curve_is_a_rescu_activation_by_proof() -> None:
    from rescu_cli.certify import certify

    rng = np.random.default_rng(1)
    for interpolation in ("linear", "pchip"):
        sampler = Curves(4, interpolation)
        curve = sampler.sample(rng)
        for _ in range(25):
            curve = sampler.mutate(curve, rng)
        claims = certify(curve.activation(), ["rescu", "convex", "gradient_matches"])
        assert [c.status.value for c in claims.claims] == ["proved"] * 3


@pytest.mark.parametrize(
    ("places", "heights"),
    [((0, 0), (0, 32)), ((0, 8), (0, 31)), ((0, 8, 16), (0, 20, 10)), ((0,), (32,))],
)
def test_what_does_not_rise_to_one_is_refused(
    places: tuple[int, ...], heights: tuple[int, ...]
) -> None:
    with pytest.raises(UsageError, match="Not a rising gradient"):
        Curve(places, heights)


def test_two_knots_are_smelu_and_the_smoothstep() -> None:
    from rescu_cli.catalogue.recognise import recognise

    assert recognise(Curve((-8, 8), (0, 32), "linear").activation())[0].startswith("smelu")


# -- budgets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0", "0s", "", "-3", "5 weeks", "1.5", "many"])
def test_a_budget_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"[Bb]udget"):
        read_budget(text)
