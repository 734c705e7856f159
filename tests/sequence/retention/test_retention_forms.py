"""The three forms of retention against the definition, and against each other."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from rescu_cli.errors import UsageError
from rescu_cli.sequence.retention import agreement, forms
from rescu_cli.sequence.retention.decay import decay_matrix, decays, powers
from rescu_cli.sequence.retention.forms import FORMS, Heads, chunkwise, parallel, recurrent
from rescu_cli.sequence.retention.layer import Layer, LayerRequest
from rescu_cli.sequence.retention.rotation import rotate


def _heads(n: int, chunk: int, h: int = 2, d: int = 4, *, normalised: bool = False) -> Heads:
    generator = torch.Generator().manual_seed(n + 100 * h)
    q, k, v = (
        torch.randn((1, h, n, d), generator=generator, dtype=torch.float64) for _ in range(3)
    )
    return Heads(q, k, v, chunk, normalised)


def test_decays_are_those_of_the_paper_and_their_powers_exact() -> None:
    γ = decays(3)
    assert γ.tolist() == [31 / 32, 63 / 64, 127 / 128]
    right = float(Fraction(31, 32) ** 300)
    assert powers(γ, torch.tensor(300))[0].item() == pytest.approx(right, rel=1e-13)
    matrix = decay_matrix(γ, 4)[1]
    assert matrix[3, 1].item() == pytest.approx((63 / 64) ** 2)
    assert torch.equal(matrix.triu(1), torch.zeros(4, 4, dtype=torch.float64))


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_the_double_sum_of_the_definition(name: str) -> None:
    """Written out with Python's numbers, no matrix of decays and no state."""
    heads = _heads(7, 3)
    q, k, v = (x.numpy() for x in (heads.q, heads.k, heads.v))
    right = np.zeros(v.shape)
    for h in range(2):
        for n in range(7):
            for m in range(n + 1):
                weight = (1 - 2.0 ** (-5 - h)) ** (n - m)
                right[0, h, n] += weight * float(q[0, h, n] @ k[0, h, m]) * v[0, h, m]
    np.testing.assert_allclose(FORMS[name](heads).numpy(), right, rtol=1e-12, atol=1e-13)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 40), data=st.data(), h=st.integers(1, 8), normalised=st.booleans())
def test_forms_agree_after_a_norm_without_epsilon_for_any_chunk(
    n: int, data: st.DataObject, h: int, normalised: bool
) -> None:
    """Ragged last chunks, chunks of one row and of the whole sequence included."""
    chunk = data.draw(st.integers(1, n))
    request = LayerRequest(
        n, chunk, h, 8 * h, "normalised" if normalised else "plain", data.draw(st.integers(0, 99))
    )
    (found,) = agreement.agreements(request, functional.silu, ["float64"], [0.0])
    assert found.agree
    assert found.largest is not None and found.largest < 1e-11


def test_default_layer_agrees_to_a_trillionth() -> None:
    for seed in range(10):
        (found,) = agreement.agreements(
            LayerRequest(seed=seed), functional.silu, ["float64"], [0.0]
        )
        assert found.largest is not None and found.largest < 1e-12


def test_ten_thousand_positions_neither_overflow_nor_drift() -> None:
    request = LayerRequest(10_001, 500, 1, 2, "normalised", 3)
    (found,) = agreement.agreements(request, None, ["float64"], [0.0])
    assert found.agree
    γ = decays(1)
    assert torch.isfinite(powers(γ, torch.tensor([40_000, -40_000]))).all()
    assert torch.isinf(γ[0] ** -40_000)  # what a quotient of powers would multiply by


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scores", forms.SCORES)
def test_leaving_out_zeta_is_caught(
    dtype: str, scores: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: only the chunkwise row and column are wrong, by percents of the output."""
    monkeypatch.setattr(
        forms, "value_decay", lambda γ, size: torch.ones((len(γ), size), dtype=torch.float64)
    )
    (found,) = agreement.agreements(LayerRequest(scores=scores), functional.silu, [dtype], [0.0])
    assert not found.agree
    assert found.max_abs["parallel"]["chunkwise"] > 0.01 * found.scale  # type: ignore[operator]
    assert found.max_abs["parallel"]["recurrent"] < 1e-4  # type: ignore[operator]


def test_a_shifted_xi_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: ξ_j = γ^j in place of γ^(j + 1), a part in thirty of what crosses chunks."""
    right = forms.query_decay
    monkeypatch.setattr(forms, "query_decay", lambda γ, size: right(γ, size) / γ[:, None])
    (found,) = agreement.agreements(LayerRequest(), functional.silu, ["float64"], [0.0])
    assert not found.agree


def test_a_row_that_sees_the_next_one_is_caught() -> None:
    """Control."""

    def broken(heads: Heads) -> torch.Tensor:
        return heads.q @ heads.k.transpose(-1, -2) @ heads.v

    table = {"parallel": parallel, "recurrent": recurrent, "chunkwise": broken}
    (found,) = agreement.agreements(LayerRequest(), None, ["float64"], [0.0], table)
    assert not found.agree


def test_disagreement_grows_with_epsilon_only_where_rows_are_normalised() -> None:
    eps = (0.0, 1e-8, 1e-6, 1e-4)
    found = agreement.agreements(LayerRequest(), functional.silu, ["float64"], eps)
    sizes = [one.largest for one in found]
    assert all(a < b / 50 for a, b in zip(sizes, sizes[1:], strict=False))  # type: ignore[operator]
    assert [one.agree for one in found] == [True, False, False, False]
    plain = agreement.agreements(LayerRequest(scores="plain"), functional.silu, ["float64"], eps)
    assert all(one.agree for one in plain)


def test_factors_of_the_rows_are_positive_numbers_per_row() -> None:
    """Why a norm without ε takes them out again."""
    heads = _heads(20, 6)
    plain = parallel(heads)
    for form in FORMS.values():
        factor = plain / form(replace(heads, normalised=True))
        assert (factor > 0).all()
        torch.testing.assert_close(factor, factor[..., :1].expand_as(factor), rtol=1e-9, atol=0)


def test_parallel_form_does_not_depend_on_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    heads = _heads(37, 5, normalised=True)
    whole = parallel(heads)
    monkeypatch.setattr(forms, "MOST_SCORES", 300)
    torch.testing.assert_close(parallel(heads), whole, rtol=1e-12, atol=1e-14)


def test_rotated_scores_see_distances_only() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn((1, 8), generator=generator, dtype=torch.float64) for _ in range(2))
    products = [
        (rotate(q, n) @ rotate(k, n - 5).T).item() for n in (5, 100, 30_000)
    ]  # fmt: skip
    assert products[1:] == pytest.approx(products[:1] * 2, rel=1e-9)
    whole = rotate(torch.cat([q] * 4))
    torch.testing.assert_close(whole[3:], rotate(q, 3))
    assert (rotate(q, 9) @ rotate(k, 5).T).item() != pytest.approx(products[0], rel=1e-3)


def test_a_row_without_deviation_is_reported_not_hidden() -> None:
    """Control: NaN is no agreement."""
    table = {"parallel": parallel, "recurrent": lambda heads: torch.ones_like(heads.v)}
    (found,) = agreement.agreements(LayerRequest(), None, ["float64"], [0.0], table)
    assert found.largest is None and not found.agree
    assert found.to_dict()["max_abs"]["parallel"]["recurrent"] is None


def test_bfloat16_and_float32_are_close_to_float64() -> None:
    for dtype, bound in (("float32", 1e-5), ("bfloat16", 0.5)):
        (found,) = agreement.agreements(LayerRequest(), functional.silu, [dtype], [0.0])
        assert all(e is not None and e < bound for e in found.error.values())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"chunk": 49}, "fewer than a chunk"),
        ({"chunk": 0}, "1 at least"),
        ({"n_heads": 3}, "a multiple of 6"),
        ({"n_heads": 0}, "possible are 1"),
        ({"n_heads": 99, "width": 198}, "possible are 1"),
        ({"n_positions": 0}, "possible are 1"),
        ({"scores": "other"}, "kind of scores"),
        ({"seed": -1}, "Seed"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        LayerRequest(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("eps", [-1.0, float("nan"), float("inf")])
def test_a_wrong_epsilon_is_refused(eps: float) -> None:
    with pytest.raises(UsageError, match="ε"):
        agreement.agreements(LayerRequest(), None, ["float64"], [eps])


def test_heads_refuse_a_chunk_longer_than_the_sequence() -> None:
    with pytest.raises(UsageError, match="sequence of 5"):
        chunkwise(_heads(5, 6))


def test_state_has_the_same_size_at_any_length() -> None:
    from rescu_cli.sequence.retention.cost import cache_numbers, cost_curve, state_numbers

    assert state_numbers(8, 64) == 8 * 64 * 64
    assert cache_numbers(8, 64, 32_768) == 2 * 8 * 64 * 32_768
    rows = cost_curve([1, 64], n_heads=2, head_width=4)
    assert [row["retention"]["bytes"] for row in rows] == [128, 128]
    assert [row["attention"]["bytes"] for row in rows] == [64, 64 * 64]
    with pytest.raises(UsageError, match="0 tokens"):
        cost_curve([0])


def test_layer_without_a_gate_is_not_one_with_the_identity() -> None:
    request = LayerRequest(5, 2, 2, 8)
    with_gate, without = Layer(request, lambda x: x), Layer(request, None)
    kept = parallel(without.heads())
    assert not torch.allclose(with_gate.finish(kept, 0.0), without.finish(kept, 0.0))
