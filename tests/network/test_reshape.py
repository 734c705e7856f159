"""Channel multipliers: every minimal solution and no other; the pair of networks with equal ReLUs."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product
from math import log2, prod

import pytest

import rescu_cli as rescu
from rescu_cli.errors import UsageError
from rescu_cli.experiment.data import load_dataset
from rescu_cli.network.reshape import Order, parse_order, reshape, stage_counts
from rescu_cli.network.reshaped import Pair, make_pair
from tests.experiment.samples import make_images


def follows(order: tuple[int, ...], multipliers: tuple[int, ...], ties: bool) -> bool:
    """The definition, with fractions: ReLUs of the stages fall along the order."""
    ratios = [Fraction(prod(multipliers[:k]), 4**k) for k in range(len(order))]
    ranked = [ratios[stage - 1] for stage in order]
    return all(a > b or (ties and a == b) for a, b in zip(ranked, ranked[1:], strict=False))


def brute(order: tuple[int, ...], ties: bool, least: int, top: int) -> list[tuple[int, ...]]:
    """Minimal solutions up to a bound by trying all; independent of the search's argument."""
    n = len(order) - 1
    solutions = [m for m in product(range(least, top + 1), repeat=n) if follows(order, m, ties)]
    known = set(solutions)
    # What no step down leaves for another solution; dominance is then checked among few.
    steps = [
        m for m in solutions
        if not any((*m[:k], m[k] - 1, *m[k + 1 :]) in known for k in range(n))
    ]  # fmt: skip
    return sorted(
        m for m in steps
        if not any(o != m and all(a <= b for a, b in zip(o, m, strict=True)) for o in steps)
    )  # fmt: skip


def test_the_papers_four_networks_are_the_minimal_ones_that_widen_everywhere() -> None:
    order = parse_order("S3,S2,S4,S1")
    assert reshape(order, least=2).solutions == ((5, 5, 3), (5, 7, 2), (6, 6, 2), (7, 5, 2))
    assert set(reshape(order, least=2).solutions) < set(reshape(order).solutions)
    assert reshape(Order((3, 2, 4, 1), ties=True)).solutions[0] == (4, 4, 4)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("least", [1, 2])
def test_all_orders_of_up_to_three_stages_agree_with_trying_everything(
    ties: bool, least: int
) -> None:
    for n in (2, 3):
        for order in permutations(range(1, n + 1)):
            found = reshape(Order(order, ties), least=least)
            # Beyond the proved bound, so that a bound that is too small would show.
            assert list(found.solutions) == brute(order, ties, least, 4 ** (n - 1) + 6), order


@pytest.mark.parametrize("order", [(3, 2, 4, 1), (2, 3, 4, 1), (4, 1, 3, 2), (1, 2, 3, 4)])
def test_four_stages_agree_with_trying_everything_below_the_cap(order: tuple[int, ...]) -> None:
    assert list(reshape(Order(order), largest=20).solutions) == brute(order, False, 1, 20)


def test_the_bound_is_reached_and_one_less_would_lose_a_solution() -> None:
    order = parse_order("S2,S3,S4,S1")
    whole, cut = reshape(order), reshape(order, largest=64)
    assert (65, 1, 1) in whole.solutions and whole.complete and whole.largest == 65
    assert set(cut.solutions) == set(whole.solutions) - {(65, 1, 1)}
    assert not cut.complete


@pytest.mark.parametrize("order", list(permutations((1, 2, 3, 4))))
def test_solutions_solve_are_minimal_and_form_an_antichain(order: tuple[int, ...]) -> None:
    found = reshape(Order(order))
    assert found.solutions
    for solution in found.solutions:
        assert follows(order, solution, False)
        for k, m in enumerate(solution):
            if m > 1:
                assert not follows(order, (*solution[:k], m - 1, *solution[k + 1 :]), False)
        assert not any(
            o != solution and all(a <= b for a, b in zip(o, solution, strict=True))
            for o in found.solutions
        )


def test_the_usual_order_needs_no_reshaping_and_doubling_breaks_the_papers_order() -> None:
    assert reshape(parse_order("S1,S2,S3,S4")).solutions == ((1, 1, 1),)
    assert Order((1, 2, 3, 4)).holds((2, 2, 2)) and not Order((3, 2, 4, 1)).holds((2, 2, 2))


def test_counts_are_those_of_the_network() -> None:
    found = rescu.reshape("S3,S2,S4,S1", least=2, channels=16)["details"][0]
    assert found["channels"] == [16, 80, 400, 1200]
    assert found["relus"] == [4 * 16 * 1024, 4 * 80 * 256, 4 * 400 * 64, 4 * 1200 * 16]
    assert found["ratios"] == ["1", "5/4", "25/16", "75/64"]
    # Doubling gives ResNet-18's own counts.
    assert stage_counts([64, 128, 256, 512], 32, 4) == [262_144, 131_072, 65_536, 32_768]


@pytest.mark.parametrize("size", [8, 16, 24, 56])
def test_counts_follow_the_order_they_are_listed_under(size: int) -> None:
    for least in (1, 2):
        for row in rescu.reshape("S3,S2,S4,S1", least=least, size=size)["details"]:
            s1, s2, s3, s4 = row["relus"]
            assert s3 > s2 > s4 > s1


@pytest.mark.parametrize("size", [1, 4, 20, 28, 33])
def test_sides_that_do_not_halve_are_refused_since_rounding_breaks_the_order(size: int) -> None:
    with pytest.raises(UsageError, match="does not halve 3 times; 4 stages need multiples of 8"):
        rescu.reshape("S3,S2,S4,S1", least=2, size=size)


@pytest.mark.parametrize(
    ("text", "stages", "words"),
    [
        ("S3,S2,S4", 4, "must name each of S1, S2, S3, S4 once"),
        ("S3,S2,S4,S4", 4, "must name each"),
        ("S3,S2,S5,S1", 4, "names 'S5'; the stages of 4 are"),
        ("S3,,S2", None, "names 'nothing'"),
        ("3,2,4,1", 4, "names '3'"),
        ("S1", None, "1 stages asked"),
        ("S1,S2", 9, "9 stages asked"),
    ],
)
def test_orders_that_are_none_are_refused(text: str, stages: int | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_order(text, stages)


def test_bounds_that_leave_nothing_are_refused() -> None:
    for least, largest in ((0, None), (5, 4), (1, 0)):
        with pytest.raises(UsageError, match="Multipliers from"):
            reshape(Order((2, 1)), least=least, largest=largest)
    with pytest.raises(UsageError, match="must name each"):
        Order((1, 1))
    assert reshape(parse_order("S2,S1"), largest=3).solutions == ()


def test_the_pair_has_equal_relus_exactly() -> None:
    digits = load_dataset("digits")
    for solution in reshape(parse_order("S3,S2,S4,S1")).solutions:
        pair = make_pair(solution, digits, 2)
        assert sum(stage_counts(pair.plain, 8)) == sum(stage_counts(pair.reshaped, 8))
        assert min(pair.plain) >= 1
    with pytest.raises(UsageError, match="only equal counts"):
        Pair((2,), (2, 4), (2, 5), 8)


@pytest.mark.parametrize(
    ("solution", "channels"), [((5, 5, 3), 1), ((5, 5, 3), 2), ((6, 6, 2), 1), ((1, 1, 1), 2)]
)
def test_the_plain_network_is_the_nearest_to_doubling_of_all(
    solution: tuple[int, ...], channels: int
) -> None:
    pair = make_pair(solution, load_dataset("digits"), channels)
    total = sum(stage_counts(pair.reshaped, 8))
    ideal = [total / 120 * 2**k for k in range(4)]  # 64 + 2·16 + 4·4 + 8·1 places

    def off(widths: tuple[int, ...]) -> float:
        return max(abs(log2(w / i)) for w, i in zip(widths, ideal, strict=True))

    every = [
        (a, b, c, total - 64 * a - 16 * b - 4 * c)
        for a in range(1, total // 64 + 1)
        for b in range(1, total // 16 + 1)
        for c in range(1, total // 4 + 1)
        if total - 64 * a - 16 * b - 4 * c >= 1
    ]
    assert off(pair.plain) == pytest.approx(min(map(off, every)))


def test_multipliers_that_are_no_solution_are_refused() -> None:
    with pytest.raises(UsageError, match="no solution of S3,S2,S4,S1"):
        rescu.train_reshaped([2, 2, 2], order="S3,S2,S4,S1")
    with pytest.raises(UsageError, match="no solution"):
        rescu.train_reshaped([4, 4, 4], order="S3,S2,S4,S1")
    with pytest.raises(UsageError, match="channels 1, 2 and seed 0 diverged"):
        rescu.train_reshaped([2], channels=1, epochs=1, lr=1e6)
    with pytest.raises(UsageError, match="takes 3 multipliers"):
        rescu.train_reshaped([5, 5], order="S3,S2,S4,S1")
    for wrong in ([0, 5, 3], [5.5, 5, 3], [True, 5, 3], []):
        with pytest.raises(UsageError, match="whole numbers of at least 1"):
            rescu.train_reshaped(wrong)
    tied = rescu.train_reshaped([4, 4, 4], order="S3,S2,S4,S1", ties=True, channels=1, seeds=1,
                                epochs=1)  # fmt: skip
    assert tied["reshaped"]["by_stage"] == [64, 64, 64, 64]


def test_training_measures_both_with_the_same_relus_and_repeats_itself() -> None:
    found = [rescu.train_reshaped([5, 5, 3], seeds=2, epochs=2, channels=1) for _ in range(2)]
    assert found[0] == found[1]
    one = found[0]
    assert one["reshaped"]["relus"] == one["plain"]["relus"] == 64 + 5 * 16 + 25 * 4 + 75
    assert one["reshaped"]["by_stage"] == [64, 80, 100, 75]
    assert one["difference"]["per_seed"] == [
        a - b
        for a, b in zip(
            one["reshaped"]["accuracy"]["per_seed"],
            one["plain"]["accuracy"]["per_seed"],
            strict=True,
        )
    ]
    assert one["reshaped"]["accuracy"]["mean"] > 0.3


def test_data_that_are_no_square_images_are_refused() -> None:
    for shape, words in (((1, 9), "square"), ((1, 6, 8), "square"), ((1, 6, 6), "does not halve")):
        with pytest.raises(UsageError, match=words):
            make_pair((2, 2, 2), make_images(shape), 2)
    with pytest.raises(UsageError, match="at least 1"):
        rescu.train_reshaped([2, 2, 2], seeds=0)
