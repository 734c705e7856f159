"""What is measured of weights, with numbers worked out by hand, and sparsity against β."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from torch import Tensor

from rescu_cli import catalogue
from rescu_cli.errors import UsageError
from rescu_cli.sequence.attention.drawn import Draw, heads_of, sample, share_below, sparsity_curve
from rescu_cli.sequence.attention.kinds import baseline, normal_cdf, of_activation
from rescu_cli.sequence.attention.layer import Shape
from rescu_cli.sequence.attention.masks import causal
from rescu_cli.sequence.attention.measures import alignment, maps, mean_map, measure

ALL = torch.ones((), dtype=torch.bool)


def weights(*heads: list[list[float]]) -> Tensor:
    return torch.tensor([heads], dtype=torch.float64)


def test_zeros_null_rows_and_sums_are_counted_by_hand() -> None:
    found = measure(weights([[1, 0, 2], [0, 0, 0]], [[0, 0, 0.5], [3, -1, 1]]), ALL)
    assert found.sparsity == 6 / 12
    assert found.null_rate == 1 / 4
    assert (found.row_sum_least, found.row_sum_mean, found.row_sum_most) == (0, 6.5 / 4, 3)
    assert (found.n_rows, found.n_queries, found.n_queries_compared) == (4, 2, 1)


def test_masked_weights_are_no_zeros_and_queries_without_keys_no_null_rows() -> None:
    mask = torch.tensor([[True, True, False], [False, False, False]])
    found = measure(weights([[1, 0, 0], [0, 0, 0]]), mask)
    assert (found.sparsity, found.null_rate, found.n_rows, found.n_queries) == (0.5, 0, 1, 1)
    assert found.head_diversity is None  # one head is like no other


def test_head_diversity_is_jensen_shannon_from_0_to_1() -> None:
    same = measure(weights([[1, 3, 0]], [[2, 6, 0]]), ALL)
    apart = measure(weights([[1, 0, 0]], [[0, 5, 5]]), ALL)
    assert same.head_diversity == pytest.approx(0, abs=1e-15)
    assert apart.head_diversity == pytest.approx(1)
    p, q = [0.5, 0.5], [0.9, 0.1]
    m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    js = sum(a * log(a / c) for a, c in zip(p, m, strict=True)) / 2
    js += sum(b * log(b / c) for b, c in zip(q, m, strict=True)) / 2
    half = measure(weights([[1, 1]], [[9, -1]]), ALL)  # maps are by size
    assert half.head_diversity == pytest.approx(js / log(2))


def test_null_rows_are_left_out_of_the_diversity() -> None:
    two = measure(weights([[1, 0]], [[0, 1]]), ALL).head_diversity
    with_null = measure(weights([[1, 0]], [[0, 1]], [[0, 0]]), ALL)
    assert with_null.head_diversity == two == pytest.approx(1)
    alone = measure(weights([[1, 0]], [[0, 0]]), ALL)
    assert (alone.head_diversity, alone.n_queries_compared) == (None, 0)


def test_nothing_to_measure_and_what_is_not_finite_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing to measure"):
        measure(weights([[0.0, 0.0]]), torch.zeros(1, 2, dtype=torch.bool))
    with pytest.raises(UsageError, match="weights of sinh are not all finite"):
        measure(weights([[torch.inf, 0.0]]), ALL, "sinh")


def test_maps_sum_to_1_whatever_the_size() -> None:
    found = maps(weights([[1e-310, 3e-310]], [[1e300, 1e300]], [[0, 0]]), ALL)
    np.testing.assert_allclose(
        found[0, :, 0].numpy(), [[0.25, 0.75], [0.5, 0.5], [0, 0]], rtol=1e-9
    )
    np.testing.assert_allclose(
        mean_map(weights([[1, 3]], [[0, 0]]), ALL)[0, 0].numpy(), [0.25, 0.75]
    )


def test_alignment_is_counted_where_the_target_is() -> None:
    one = [[0.9, 0.1, 0], [0.2, 0.2, 0.6], [0, 0, 0], [1, 0, 0]]
    truth = torch.tensor([[0, 1, 0, 2]])
    there = torch.tensor([[True, True, True, False]])
    found = alignment(weights(one), ALL, truth, there)
    assert found.error == pytest.approx(2 / 3)  # right, wrong, null; the last only pads
    assert found.mass_off == pytest.approx((0.1 + 0.8 + 1) / 3)
    perfect = alignment(weights([[0.0, 2.0]], [[0.0, 0.5]]), ALL, torch.tensor([[1]]), there[:, :1])
    assert (perfect.error, perfect.mass_off) == (0, 0)


# -- at random ------------------------------------------------------------------------------

DRAW = Draw(Shape(32, 4), 32, 16)


def test_half_of_the_weights_are_0_under_relu() -> None:
    """E = ½ for symmetric logits; 65,536 weights, of which rows share their query."""
    for draw in (DRAW, Draw(Shape(32, 4), 32, 16, causal=True, seed=3)):
        found = sample(draw, of_activation(catalogue.resolve("relu")), "gated").measures
        assert found.sparsity == pytest.approx(0.5, abs=0.01)


def test_what_has_no_flat_piece_has_no_zeros_and_sums_of_baselines_are_1() -> None:
    for name in ("softplus", "swish", "gelu", "sigmoid"):
        found = sample(DRAW, of_activation(catalogue.resolve(name)), "gated").measures
        assert (found.sparsity, found.null_rate) == (0, 0)
    for name in ("softmax", "sparsemax", "entmax15"):
        found = sample(DRAW, baseline(name), "gated").measures
        assert found.row_sum_least == pytest.approx(1, abs=1e-12)
        assert found.row_sum_most == pytest.approx(1, abs=1e-12)
        assert found.null_rate == 0


def test_the_normalisation_makes_outputs_of_one_size() -> None:
    relu = of_activation(catalogue.resolve("relu"))
    raw = [sample(Draw(Shape(32, 4), n), relu, "none") for n in (8, 128)]
    assert raw[1].rms > 2 * raw[0].rms
    assert raw[0].rms == raw[0].rms_before
    for n in (8, 128):
        assert sample(Draw(Shape(32, 4), n), relu, "rms").rms == pytest.approx(1, abs=1e-3)


def test_sparsity_over_beta_follows_its_closed_forms() -> None:
    betas = (0.0, 0.5, 1.0, 2.0)
    points = sparsity_curve(DRAW, betas)
    assert [p.beta for p in points] == list(betas)
    for p in points:
        assert p.expected == pytest.approx(normal_cdf(-p.beta))
        assert p.gaussian == pytest.approx(p.expected, abs=0.006)
        assert p.dot == pytest.approx(p.expected_dot, abs=0.012)
    assert points[0].expected == 0.5 == pytest.approx(points[0].expected_dot, rel=1e-12)
    assert sparsity_curve(DRAW, betas) == points
    assert sparsity_curve(Draw(Shape(32, 4), 32, 16, seed=1), betas) != points


def test_dot_products_have_heavier_tails_than_the_normal_law() -> None:
    """Against 4 million dot products; and the normal law is their limit for many dimensions."""
    generator = np.random.default_rng(0)
    q, k = generator.standard_normal((2, 2000, 8))
    logits = q @ k.T / 8**0.5
    for beta in (0.5, 2.0, 3.0):
        assert share_below(beta, 8) == pytest.approx(float((logits <= -beta).mean()), abs=0.004)
        assert share_below(beta, 100_000) == pytest.approx(normal_cdf(-beta), abs=1e-4)
    assert share_below(3.0, 8) > 2 * normal_cdf(-3.0)  # so that the two are told apart
    # d = 1: P(qk ≤ −1) = (1/π)∫_1^∞ K₀, here by quadrature
    from scipy.integrate import quad
    from scipy.special import k0

    assert share_below(1.0, 1) == pytest.approx(quad(k0, 1, np.inf)[0] / np.pi, abs=1e-5)


def test_heads_for_a_figure_are_those_that_were_measured() -> None:
    draw = Draw(Shape(8, 2), 6, 3, causal=True, seed=4)
    found = heads_of(draw, of_activation(catalogue.resolve("relu")), 4)
    assert found.shape == (2, 6, 6)
    assert (np.isnan(found) == ~causal(6).numpy()).all()


def test_impossible_draws_are_refused() -> None:
    with pytest.raises(UsageError, match="0 sequences of length 4"):
        Draw(Shape(), 4, 0)
    with pytest.raises(UsageError, match="have 640,000,000,000 logits; at most"):
        Draw(Shape(), 100_000)
    with pytest.raises(UsageError, match="Seed -1"):
        Draw(Shape(), seed=-1)
    for bad in ((), (1.0, 1.0), (-1.0,), (float("nan"),), (1e-9,)):
        with pytest.raises(UsageError, match="beta"):
            sparsity_curve(DRAW, bad)
