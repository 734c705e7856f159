"""What weighs keys: against independent references, masks, and the invariants of ReLA."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from rescu_cli import catalogue
from rescu_cli.core.surrogate import LABEL
from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.sequence.attention.drawn import share_below
from rescu_cli.sequence.attention.kinds import (
    BASELINES,
    Kind,
    baseline,
    normal_cdf,
    of_activation,
    zero_share,
)
from rescu_cli.sequence.attention.layer import (
    MultiHeadAttention,
    RootMeanSquare,
    Shape,
    attend,
    joined,
    normalisation,
)
from rescu_cli.sequence.attention.masks import causal, of_keys, padding
from rescu_cli.sequence.attention.simplex import entmax15, sparsemax

Rows = NDArray[np.float64]
NAMES = ("relu", "smelu:beta=0.5", "softplus", "gelu", "helu:alpha=0.05", *BASELINES)


def kind(name: str) -> Kind:
    return baseline(name) if name in BASELINES else of_activation(catalogue.resolve(name))


def normal(*size: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return torch.from_numpy(scale * np.random.default_rng(seed).standard_normal(size))


# -- sparsemax and 1.5-entmax ---------------------------------------------------------------


def bisected(z: Rows, power: float) -> Rows:
    """max(z·(α−1) − τ, 0)^power with τ by halving: knows nothing of sorting."""
    z = z / power
    low, high = z.max() - 1, z.max()
    for _ in range(200):
        middle = (low + high) / 2
        if (np.maximum(z - middle, 0) ** power).sum() > 1:
            low = middle
        else:
            high = middle
    return np.maximum(z - (low + high) / 2, 0) ** power


PROJECTIONS: tuple[tuple[Callable[[Tensor], Tensor], float], ...] = ((sparsemax, 1), (entmax15, 2))


@pytest.mark.parametrize(("project", "power"), PROJECTIONS)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_projections_agree_with_bisection(
    project: Callable[[Tensor], Tensor], power: float, scale: float
) -> None:
    for n in (1, 2, 5, 40):
        z = normal(20, n, seed=n, scale=scale)
        found = project(z).numpy()
        wanted = np.stack([bisected(row, power) for row in z.numpy()])
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)
        assert (found >= 0).all()


@pytest.mark.parametrize(("project", "power"), PROJECTIONS)
def test_a_wrong_threshold_would_be_seen(project: Callable[[Tensor], Tensor], power: float) -> None:
    """Negative control: the other projection's bisection does not agree."""
    z = normal(20, 5)
    wrong = np.stack([bisected(row, 3 - power) for row in z.numpy()])
    assert np.abs(project(z).numpy() - wrong).max() > 1e-2


@pytest.mark.parametrize(("project", "power"), PROJECTIONS)
def test_ties_shifts_and_extremes(project: Callable[[Tensor], Tensor], power: float) -> None:
    z = torch.tensor([[1.0, 1.0, 1.0, -5.0], [0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    assert project(z).tolist() == [pytest.approx([1 / 3] * 3 + [0]), pytest.approx([0.25] * 4)]
    assert torch.equal(project(z + 2.0**40), project(z))
    huge = torch.tensor([1e300, -1e300, 0.0, -torch.inf], dtype=torch.float64)
    assert project(huge).tolist() == [1, 0, 0, 0]
    assert project(torch.zeros(3, 1)).tolist() == [[1.0]] * 3


@pytest.mark.parametrize(("project", "power"), PROJECTIONS)
def test_backward_is_the_derivative(project: Callable[[Tensor], Tensor], power: float) -> None:
    for seed, scale in ((1, 1.0), (2, 4.0)):
        z = normal(4, 6, seed=seed, scale=scale).requires_grad_()
        assert torch.autograd.gradcheck(project, (z,), eps=1e-7, atol=1e-5)
    # Rows always sum to 1, so what is passed back of the same slope everywhere is nothing.
    z = normal(3, 5).requires_grad_()
    torch.autograd.backward(project(z).sum())
    assert z.grad is not None
    assert float(z.grad.abs().max()) < 1e-15


def test_entmax_lies_between_softmax_and_sparsemax() -> None:
    z = normal(50, 10, scale=2)
    zeros = [int((p(z) == 0).sum()) for p in (lambda x: x.softmax(-1), entmax15, sparsemax)]
    assert zeros[0] == 0 < zeros[1] < zeros[2]


# -- against NumPy --------------------------------------------------------------------------


def _relu(x: float) -> float:
    return max(x, 0.0)


def _smelu(x: float) -> float:
    return 0.0 if x <= -0.5 else x if x >= 0.5 else (x + 0.5) ** 2 / 2


REFERENCES: dict[str, Callable[[Rows], Rows]] = {
    "relu": lambda z: np.array([_relu(x) for x in z]),
    "smelu:beta=0.5": lambda z: np.array([_smelu(x) for x in z]),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "softmax": lambda z: np.array([exp(x) for x in z]) / sum(exp(x) for x in z),
    "sparsemax": lambda z: bisected(z, 1),
    "entmax15": lambda z: bisected(z, 2),
}


def by_loops(q: Rows, k: Rows, v: Rows, weigh: Callable[[Rows], Rows], mask: Any) -> Rows:
    """One query at a time, over the keys that it may look at and no others."""
    out = np.zeros((len(q), v.shape[1]))
    for i, query in enumerate(q):
        seen = [j for j in range(len(k)) if mask[i, j]]
        if seen:
            weights = weigh(np.array([query @ k[j] / sqrt(len(query)) for j in seen]))
            out[i] = sum(w * v[j] for w, j in zip(weights, seen, strict=True))
    return out


@pytest.mark.parametrize("name", REFERENCES)
def test_attention_agrees_with_loops_over_queries_and_keys(name: str) -> None:
    q, k, v = normal(2, 3, 7, 4, seed=1), normal(2, 3, 6, 4, seed=2), normal(2, 3, 6, 5, seed=3)
    mask = torch.from_numpy(np.random.default_rng(4).random((2, 1, 7, 6)) < 0.6)
    mask[0, 0, 2] = False
    found, weights = attend(q, k, v, kind(name), mask)
    for b in range(2):
        for h in range(3):
            wanted = by_loops(q[b, h].numpy(), k[b, h].numpy(), v[b, h].numpy(), REFERENCES[name],
                              mask[b, 0].numpy())  # fmt: skip
            np.testing.assert_allclose(found[b, h].numpy(), wanted, atol=1e-12)
    assert weights.shape == (2, 3, 7, 6)


def test_the_normalisation_agrees_with_its_formula() -> None:
    norm = RootMeanSquare(6, eps=1e-3).double()
    with torch.no_grad():
        norm.scale.copy_(normal(6, seed=5))
        assert norm.gate is not None
        norm.gate.copy_(normal(6, seed=6))
    o = normal(4, 6, seed=7).numpy()
    scale, gate = normal(6, seed=5).numpy(), normal(6, seed=6).numpy()
    wanted = scale * o / np.sqrt((o**2).mean(1, keepdims=True) + 1e-3) / (1 + np.exp(-gate * o))
    np.testing.assert_allclose(norm(torch.from_numpy(o)).detach().numpy(), wanted, rtol=1e-13)


def test_a_layer_is_projections_around_it() -> None:
    torch.manual_seed(0)
    layer = MultiHeadAttention(Shape(8, 2), kind("relu"), "rms").double()
    x, memory = normal(1, 3, 8, seed=1), normal(1, 5, 8, seed=2)
    with torch.no_grad():
        found, weights = layer(x, memory, torch.ones(3, 5, dtype=torch.bool))
        q, k, v = (
            layer.query(x)[0].numpy(),
            layer.key(memory)[0].numpy(),
            layer.value(memory)[0].numpy(),
        )
        heads = []
        for part in (slice(0, 4), slice(4, 8)):
            a = np.maximum(q[:, part] @ k[:, part].T / 2, 0)
            heads.append(a @ v[:, part])
        o = np.concatenate(heads, 1)
        o = o / np.sqrt((o**2).mean(1, keepdims=True) + 1e-6)
        wanted = layer.out(torch.from_numpy(o)).numpy()
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=1e-12)
    assert weights.shape == (1, 2, 3, 5)


# -- masks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, "sigmoid"])
def test_masked_weights_are_exactly_0_and_have_no_say(name: str) -> None:
    """Also where f(0) or f(−∞) is not 0, and where the masked keys are absurd."""
    q, k, v = normal(2, 1, 5, 4), normal(2, 1, 5, 4, seed=1), normal(2, 1, 5, 4, seed=2)
    mask = causal(5) & of_keys(padding(torch.tensor([5, 3]), 5))
    found, weights = attend(q, k, v, kind(name), mask)
    assert bool((weights[~mask.expand(weights.shape)] == 0).all())
    k, v = k.clone(), v.clone()
    k[1, :, 3:], v[1, :, 3:] = 1e6, 1e6
    assert torch.equal(attend(q, k, v, kind(name), mask)[0], found)


@pytest.mark.parametrize("name", NAMES)
def test_later_keys_do_not_change_what_earlier_queries_see(name: str) -> None:
    torch.manual_seed(1)
    layer = MultiHeadAttention(Shape(8, 2), kind(name)).double()
    x = normal(1, 6, 8)
    changed = x.clone()
    changed[:, 4:] += 3
    with torch.no_grad():
        one, other = (layer(y, y, causal(6))[0] for y in (x, changed))
        free = layer(changed, changed, torch.ones(6, 6, dtype=torch.bool))[0]
    torch.testing.assert_close(one[:, :4], other[:, :4], rtol=0, atol=1e-14)
    assert float((free[:, :4] - one[:, :4]).abs().max()) > 1e-3  # the control: no mask


@pytest.mark.parametrize("name", NAMES)
def test_null_rows_and_rows_without_keys_give_0_and_finite_gradients(name: str) -> None:
    q = torch.ones(1, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    k = torch.full((1, 1, 4, 3), -1.0, dtype=torch.float64, requires_grad=True)
    v = normal(1, 1, 4, 3)
    mask = torch.tensor([[False] * 4, [True] * 4])
    found, weights = attend(q, k, v, kind(name), mask)
    norm = RootMeanSquare(3, gated=False, eps=0.0).double()
    after = norm(joined(found))
    assert bool(after.isfinite().all())
    assert found[0, 0, 0].tolist() == after[0, 0].tolist() == [0, 0, 0]
    if name in ("relu", "smelu:beta=0.5"):  # q·k/√3 is −1.73: a null row, without any mask
        assert weights[0, 0, 1].tolist() == [0] * 4
        assert after[0, 1].tolist() == [0, 0, 0]
    torch.autograd.backward(after.sum())
    for leaf in (q, k, norm.scale):
        assert leaf.grad is not None
        assert bool(leaf.grad.isfinite().all())


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="Lengths from 1 to 5 asked of sequences with 4 places"):
        padding(torch.tensor([1, 5]), 4)


# -- invariants -----------------------------------------------------------------------------


def normalised(q: Tensor, name: str, *, gated: bool = False, eps: float = 0.0) -> Tensor:
    k, v = normal(1, 2, 6, 4, seed=1), normal(1, 2, 6, 4, seed=2)
    found, _ = attend(q, k, v, kind(name), torch.ones(6, 6, dtype=torch.bool))
    return RootMeanSquare(8, gated=gated, eps=eps).double()(joined(found)).detach()


def test_rela_does_not_see_the_size_of_its_queries() -> None:
    """ReLA(cQ) = ReLA(Q) after the un-gated RMSNorm with ε = 0, and only there."""
    q = normal(1, 2, 6, 4)
    for c in (1e-6, 0.3, 8.0, 1e6):
        torch.testing.assert_close(
            normalised(c * q, "relu"), normalised(q, "relu"), rtol=1e-12, atol=1e-12
        )
    for differing in ({"name": "smelu:beta=1"}, {"name": "softmax"}, {"name": "relu", "gated": True},
                      {"name": "relu", "eps": 1.0}):  # fmt: skip
        change = normalised(8 * q, **differing) - normalised(q, **differing)
        assert float(change.abs().max()) > 1e-2, differing


@pytest.mark.parametrize("name", NAMES)
def test_attention_commutes_with_permutations(name: str) -> None:
    """Of queries equivariant, of keys with their values invariant."""
    torch.manual_seed(2)
    layer = MultiHeadAttention(Shape(8, 2), kind(name)).double()
    x, memory = normal(1, 5, 8), normal(1, 7, 8, seed=1)
    order, other = torch.randperm(5), torch.randperm(7)
    mask = torch.ones(5, 7, dtype=torch.bool)
    with torch.no_grad():
        found, weights = layer(x, memory, mask)
        moved, moved_weights = layer(x[:, order], memory[:, other], mask)
    torch.testing.assert_close(moved, found[:, order], rtol=0, atol=1e-13)
    torch.testing.assert_close(moved_weights, weights[:, :, order][..., other], rtol=0, atol=1e-13)


def test_exact_zeros_are_those_that_the_pieces_say() -> None:
    z = normal(400, 400)
    every = torch.ones((), dtype=torch.bool)
    for name in (
        "relu",
        "smelu:beta=0.5",
        "smelu:beta=2",
        "softplus",
        "swish",
        "gelu",
        "hard_swish",
    ):
        one = kind(name)
        seen = float((one.weigh(z, every) == 0).double().mean())
        assert one.expected_sparsity is not None
        assert seen == pytest.approx(one.expected_sparsity, abs=0.005), name
    assert zero_share(catalogue.resolve("relu")) == 0.5
    for name in ("softplus", "swish", "gelu"):
        assert zero_share(catalogue.resolve(name).with_defaults()) == 0
    assert kind("softmax").expected_sparsity is None


def test_smelu_is_exactly_0_from_minus_beta_down() -> None:
    z = torch.tensor([-3.0, -0.5, -0.49, 0.0, 1.0], dtype=torch.float64)
    weights = kind("smelu:beta=0.5").weigh(z, torch.ones(5, dtype=torch.bool))
    assert (weights == 0).tolist() == [True, True, False, False, False]


def test_a_surrogate_gradient_bears_its_label_and_passes_backward() -> None:
    helu = kind("helu:alpha=0.05")
    assert helu.surrogate is not None
    assert LABEL in helu.surrogate
    assert kind("relu").surrogate is None
    z = torch.tensor([-0.03, -0.2], requires_grad=True)
    weights = helu.weigh(z, torch.ones(2, dtype=torch.bool))
    torch.autograd.backward(weights.sum())
    assert weights.tolist() == [0, 0]
    assert z.grad is not None
    assert z.grad.tolist() == [1, 0]


# -- what is refused ------------------------------------------------------------------------


def test_heads_that_do_not_divide_are_refused_with_what_would() -> None:
    with pytest.raises(UsageError, match=r"5 heads asked for a width of 32, .* 4, 8 .* 35"):
        Shape(32, 5)
    with pytest.raises(UsageError, match="0 heads"):
        Shape(32, 0)
    assert Shape(32, 8).per_head == 4


def test_normalisation_is_for_activations() -> None:
    assert isinstance(normalisation(kind("relu"), 4, "gated"), RootMeanSquare)
    rms = normalisation(kind("relu"), 4, "rms")
    assert isinstance(rms, RootMeanSquare)
    assert rms.gate is None
    assert isinstance(normalisation(kind("relu"), 4, "none"), torch.nn.Identity)
    assert isinstance(normalisation(kind("softmax"), 4, "gated"), torch.nn.Identity)
    with pytest.raises(UnknownNameError, match="normalisation"):
        normalisation(kind("relu"), 4, "layer")
    with pytest.raises(UnknownNameError, match="baseline"):
        baseline("hardmax")


@pytest.mark.parametrize("project", [sparsemax, entmax15])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("n", [5, 300, 4096])
def test_rows_sum_to_1_in_every_format(
    project: Callable[[Tensor], Tensor], dtype: torch.dtype, n: int
) -> None:
    """Half precisions cannot count to 300; far entries are no part of the support."""
    torch.manual_seed(n)
    far = torch.full((1, n), -8.0)
    far[0, 0] = 0
    z = torch.cat([torch.randn(4, n) * 4, torch.zeros(1, n), far]).to(dtype)
    p = project(z)
    assert p.dtype == dtype
    right = project(z.double())
    u = torch.finfo(dtype).eps
    assert bool(((p.double() - right).abs() <= 4 * u * right + 4e-7).all())
    assert p[-1, 0] == 1 and not p[-1, 1:].any()


@pytest.mark.parametrize("project", [sparsemax, entmax15])
def test_nan_gives_nan_and_second_derivatives_are_right(
    project: Callable[[Tensor], Tensor],
) -> None:
    nan = torch.tensor([[float("nan"), 1.0], [0.0, 1.0]])
    assert bool(project(nan)[0].isnan().all()) and abs(float(project(nan)[1].sum()) - 1) < 1e-6
    z = torch.tensor([0.3, 0.1, -0.2, -5.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(project, (z,))


@pytest.mark.parametrize(
    ("size", "dtype"),
    [(1e20, torch.float32), (1e-24, torch.float32), (1e155, torch.float64),
     (1e-163, torch.float64), (5e-324, torch.float64), (1.7e308, torch.float64),
     (300.0, torch.float16), (6e4, torch.float16), (1e30, torch.bfloat16)],
)  # fmt: skip
def test_no_square_of_the_normalisation_overflows_or_vanishes(
    size: float, dtype: torch.dtype
) -> None:
    norm = RootMeanSquare(8, gated=False, eps=0).to(dtype).requires_grad_(False)
    found = norm(torch.full((2, 8), size, dtype=dtype))
    assert found.dtype == dtype and float((found.double() - 1).abs().max()) < 1e-2
    assert not norm(torch.zeros(1, 8, dtype=dtype)).any()


def test_dividing_first_changes_no_bit_of_ordinary_vectors() -> None:
    for size in (1e-5, 1e-3, 1.0, 100.0):
        o = torch.randn(500, 32, generator=torch.Generator().manual_seed(1)) * size
        plain = o * (o.square().mean(-1, keepdim=True) + 1e-6).rsqrt()
        assert torch.equal(RootMeanSquare(32, gated=False)(o), plain)


@pytest.mark.parametrize(
    ("beta", "d", "right"),
    [(8, 8, 2.6357681e-8), (10, 8, 1.6699389e-10), (15, 8, 3.6759899e-16),
     (15, 2, 3.0633231e-10), (3, 64, 1.6521212e-3), (0.5, 1, 0.20489410)],
)  # fmt: skip
def test_far_tails_of_dot_products_are_those_of_quadrature_in_30_digits(
    beta: float, d: int, right: float
) -> None:
    assert share_below(beta, d) == pytest.approx(right, rel=1e-7)
    assert share_below(1e100, d) == 0
    assert normal_cdf(-9.0) == pytest.approx(1.1285884059538405e-19, rel=1e-12)
