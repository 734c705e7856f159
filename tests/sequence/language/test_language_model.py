"""The tiny language model: both forms, its seeds, its training, its text."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from rescu_cli.errors import UsageError
from rescu_cli.sequence.language import (
    LanguageModel,
    continue_text,
    next_token_loss,
    train_language_model,
    windows_of,
)


def _model(gate: object = functional.silu, **more: object) -> LanguageModel:
    generator = np.random.default_rng(3)
    options = {"width": 16, "n_heads": 2, "dtype": torch.float64, **more}
    return LanguageModel(7, gate, generator=generator, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("gate", [functional.silu, None, lambda x: x])
def test_recurrent_steps_give_the_logits_of_the_parallel_form(gate: object) -> None:
    model = _model(gate)
    tokens = torch.from_numpy(np.random.default_rng(0).integers(0, 7, (3, 40)))
    memory, found = model.start(3), []
    sizes = set()
    for column in tokens.unbind(1):
        logits, memory = model.step(column, memory)
        found.append(logits)
        sizes.add(sum(state.numel() for state in memory.states))
    torch.testing.assert_close(torch.stack(found, 1), model(tokens), rtol=1e-10, atol=1e-12)
    assert len(sizes) == 1 and memory.position == 40


def test_no_position_sees_a_later_token() -> None:
    model = _model()
    tokens = torch.zeros((1, 12), dtype=torch.int64)
    changed = tokens.clone()
    changed[0, 8] = 5
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :8], after[:, :8])
    assert not torch.allclose(before[:, 8:], after[:, 8:])


def test_models_of_a_seed_share_their_draws_whatever_the_gate() -> None:
    gated, ungated = _model(functional.silu, gain=2.0), _model(None)
    assert gated.blocks[0].gating is not None and ungated.blocks[0].gating is None
    default = _model(functional.relu)
    torch.testing.assert_close(default.readout.weight, ungated.readout.weight, rtol=0, atol=0)
    torch.testing.assert_close(gated.embedding, ungated.embedding, rtol=0, atol=0)
    ratio = (
        gated.blocks[1].gating.weight / _model(functional.silu, gain=1.0).blocks[1].gating.weight
    )
    torch.testing.assert_close(ratio, torch.full_like(ratio, 2.0))


def _cycle() -> np.ndarray:
    return windows_of(np.tile(np.arange(5), 120), 13)


def test_same_seed_same_bits_and_another_seed_others() -> None:
    one, same, other = (
        train_language_model(_cycle(), functional.silu, n_tokens=5, seed=seed, n_epochs=1, width=8)
        for seed in (1, 1, 2)
    )
    pairs = list(zip(one.parameters(), same.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(one.embedding, other.embedding)


def test_a_cycle_is_learned_and_continued() -> None:
    steps: list[int] = []
    model = train_language_model(
        _cycle(), functional.silu, n_tokens=5, seed=0, n_epochs=25, lr=1e-2, progress=steps.append
    )
    assert steps == list(range(1, 26))
    with torch.no_grad():
        assert next_token_loss(model, torch.from_numpy(_cycle())).item() < 0.3
    assert continue_text(model, torch.tensor([0, 1, 2]), 7).tolist() == [3, 4, 0, 1, 2, 3, 4]


def test_sampled_text_follows_from_its_generator() -> None:
    model, prompt = _model(), torch.tensor([[1, 2], [3, 4]])
    draws = [
        continue_text(model, prompt, 20, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    ]
    assert draws[0].shape == (2, 20)
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_bad_input_is_refused_in_words() -> None:
    model = _model()
    with pytest.raises(UsageError, match="multiple of 6"):
        LanguageModel(5, None, width=16, n_heads=3)
    with pytest.raises(UsageError, match="two tokens"):
        LanguageModel(1, None)
    with pytest.raises(UsageError, match="empty prompt"):
        continue_text(model, torch.empty(0, dtype=torch.int64), 3)
    with pytest.raises(UsageError, match="0 … 6"):
        continue_text(model, torch.tensor([7]), 3)
    with pytest.raises(UsageError, match="Temperature"):
        continue_text(model, torch.tensor([1]), 3, temperature=0.0)
    with pytest.raises(UsageError, match="one window"):
        windows_of(np.arange(3), 5)
    with pytest.raises(UsageError, match="Windows of shape"):
        train_language_model(np.empty((0, 5), dtype=np.int64), None, n_tokens=3, seed=0)
    with pytest.raises(UsageError, match="diverged"):
        train_language_model(_cycle(), lambda x: x / 0, n_tokens=5, seed=0, n_epochs=1)
