"""The toy tasks, the encoder–decoders, and what their training reports."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rescu_cli as rescu
from rescu_cli import catalogue
from rescu_cli.core.surrogate import LABEL
from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment.stats import jackknife, mean_estimate
from rescu_cli.sequence.attention import training
from rescu_cli.sequence.attention.kinds import baseline, of_activation
from rescu_cli.sequence.attention.layer import Shape
from rescu_cli.sequence.attention.toy import FIRST, START, SYMBOLS, generate
from rescu_cli.sequence.attention.training import Lesson, Recipe, train
from rescu_cli.sequence.attention.transformer import build

RELU = of_activation(catalogue.get("relu"))


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer examples and rounds of the clock than a user gets."""
    monkeypatch.setattr(training, "N_TRAIN", 256)
    monkeypatch.setattr(training, "N_TEST", 64)
    monkeypatch.setattr(training.step_seconds, "__defaults__", (2,))


@pytest.mark.parametrize("task", ["reverse", "copy"])
def test_targets_are_copies_of_the_tokens_that_the_truth_names(task: str) -> None:
    pairs = generate(task, 200, 9, 0)
    for i in range(len(pairs)):
        length, n = int(pairs.there[i].sum()), int(pairs.wanted[i].sum())
        source, truth = pairs.source[i, :length], pairs.truth[i, :n]
        assert 5 <= length <= 9
        assert pairs.there[i, :length].all()
        assert pairs.wanted[i, :n].all()
        copied = source[truth]
        assert torch.equal(copied - FIRST, pairs.symbols[i, :n])
        assert pairs.before[i, 0] == START
        assert torch.equal(pairs.before[i, 1:n], copied[:-1])
        if task == "reverse":
            assert torch.equal(copied, source.flip(0))
        else:
            real = source < FIRST + SYMBOLS
            assert torch.equal(copied, source[real])
            assert 1 <= n <= length
    noise = (pairs.source >= FIRST + SYMBOLS).sum() / pairs.there.sum()
    assert float(noise) == pytest.approx(0.26 if task == "copy" else 0, abs=0.05)


def test_the_same_seed_generates_the_same_pairs() -> None:
    one, same, other = (generate("copy", 20, 8, seed) for seed in (1, 1, 2))
    for field in fields(one):
        assert torch.equal(getattr(one, field.name), getattr(same, field.name))
    assert not torch.equal(one.source, other.source)


def test_unknown_tasks_and_lengths_are_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"No task named 'revers'\. Did you mean 'reverse'"):
        generate("revers", 1, 4, 0)
    for seq in (1, 65):
        with pytest.raises(UsageError, match="from 2 to 64"):
            generate("copy", 1, seq, 0)


@pytest.mark.parametrize("kind", [RELU, baseline("softmax"), baseline("entmax15")],
                         ids=lambda k: k.name)  # fmt: skip
def test_the_decoder_sees_no_later_token_and_no_padding(kind: Any) -> None:
    model = build(Shape(8, 2), 8, kind, "gated", 0)
    pairs = generate("copy", 6, 8, 0)
    with torch.no_grad():
        logits, weights = model(pairs)
        later = pairs.rows(slice(None))
        later.before[:, 3:] = FIRST + 1
        later.source[~later.there] = FIRST + 2
        moved, _ = model(later)
    assert torch.equal(logits[:, :3], moved[:, :3])
    assert bool((weights.masked_select(~pairs.there[:, None, None, :]) == 0).all())


def test_first_weights_do_not_depend_on_the_kind_of_attention() -> None:
    """Nor on what was drawn before; ReLA's scale and gate are all that it has more."""
    torch.manual_seed(5)
    state = torch.get_rng_state()
    one = build(Shape(8, 2), 4, RELU, "gated", 3).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    other = build(Shape(8, 2), 4, baseline("softmax"), "gated", 3).state_dict()
    assert all(torch.equal(one[name], value) for name, value in other.items())
    assert {name.split(".")[-1] for name in set(one) - set(other)} == {"scale", "gate"}


def test_training_learns_and_repeats_itself() -> None:
    recipe = Recipe("reverse", Shape(16, 2), seq=4, steps=100, lr=1e-2)
    lesson = Lesson.of("reverse", 4)
    first, same, other = (train(recipe, lesson, RELU, seed) for seed in (0, 0, 1))
    assert first is not None
    assert same is not None
    assert other is not None
    assert first.accuracy > 0.6  # 0.1 by chance
    assert np.array_equal(first.probabilities, same.probabilities)
    assert not np.array_equal(first.probabilities, other.probabilities)
    np.testing.assert_allclose(first.probabilities.sum(1), 1, atol=1e-12)
    assert first.exact <= first.accuracy
    assert first.example.shape[0] == int(lesson.test.wanted[0].sum())


def test_alignment_is_found_where_attention_must_find_it() -> None:
    """Softmax on short sequences, one head: nothing else tells where the token is."""
    found = train(Recipe("reverse", Shape(16, 1), seq=4, steps=200, lr=1e-2), Lesson.of("reverse", 4),
                  baseline("softmax"), 0)  # fmt: skip
    assert found is not None
    assert found.alignment.error < 0.35


def without_time(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "timing"}


SMALL: dict[str, Any] = {"seq": 4, "width": 8, "heads": 2, "steps": 6, "seeds": 3}


def test_the_report_is_over_seeds_and_paired_with_softmax(tmp_path: Path) -> None:
    result = rescu.train_attention("reverse", ["relu", "helu:alpha=0.05"], baselines=["sparsemax"],
                                   out=tmp_path / "run", **SMALL)  # fmt: skip
    again = rescu.train_attention(
        "reverse", ["relu", "helu:alpha=0.05"], baselines=["sparsemax"], **SMALL
    )
    assert without_time(again) == without_time(result)
    written = json.loads((tmp_path / "run" / "attention.json").read_text())
    assert written == json.loads(json.dumps(result, allow_nan=False))
    assert (tmp_path / "run" / "attention.png").stat().st_size > 5000
    rows = {row["activation"]: row for row in result["attentions"]}
    assert list(rows) == ["relu", "helu:alpha=0.05", "softmax", "sparsemax"]
    assert LABEL in rows["helu:alpha=0.05"]["surrogate"]
    assert rows["softmax"]["sparsity"]["mean"] == 0
    assert result["sparsity"] == rows["relu"]["sparsity"]["mean"] > 0
    values = np.array(rows["relu"]["accuracy"]["per_seed"])
    low, high = mean_estimate(values).interval() or (0, 0)
    assert rows["relu"]["accuracy"]["ci"] == [max(0, low), min(1, high)]
    assert [d["activation"] for d in result["differences"]] == [
        "relu",
        "helu:alpha=0.05",
        "sparsemax",
    ]
    difference = result["differences"][0]
    theirs = np.array(rows["softmax"]["accuracy"]["per_seed"])
    assert difference["accuracy"]["per_seed"] == pytest.approx(list(values - theirs))
    assert difference["pd_l1"]["mean"] == pytest.approx(
        rows["relu"]["pd_l1"]["mean"] - rows["softmax"]["pd_l1"]["mean"]
    )
    assert rows["relu"]["pd_l1"]["mean"] > 0
    assert set(result["timing"]) == set(rows)
    assert result["timing"]["softmax"]["speed"] == 1
    assert all(t["step_seconds"] > 0 for t in result["timing"].values())
    assert any("wide intervals" in note for note in result["notes"])


def test_prediction_difference_is_the_mean_deviation_from_the_mean_model() -> None:
    """By its formula, from models trained here again."""
    recipe, lesson = Recipe("reverse", Shape(8, 2), seq=4, steps=6), Lesson.of("reverse", 4)
    p = np.stack([train(recipe, lesson, RELU, s).probabilities for s in range(3)])  # type: ignore[union-attr]

    def pd(models: Any) -> float:
        return float(np.abs(models - models.mean(0)).sum(2).mean())

    found = rescu.train_attention("reverse", baselines=[], **SMALL)["attentions"][0]["pd_l1"]
    assert found["mean"] == pytest.approx(pd(p))
    left = np.array([pd(np.delete(p, m, 0)) for m in range(3)])
    low, high = jackknife(pd(p), left).interval() or (0, 0)
    assert found["ci"] == pytest.approx([max(low, 0), high])


def test_one_and_two_seeds_say_what_they_cannot() -> None:
    one = rescu.train_attention("copy", baselines=[], **{**SMALL, "seeds": 1})
    assert one["attentions"][0]["pd_l1"] is None
    assert one["attentions"][0]["accuracy"]["ci"] is None
    assert "no prediction difference" in one["notes"][0]
    rescu_figure = rescu.draw_attention(one)
    assert rescu_figure.axes
    two = rescu.train_attention("copy", baselines=[], **{**SMALL, "seeds": 2})
    assert two["attentions"][0]["pd_l1"]["ci"] is None
    assert two["attentions"][0]["pd_l1"]["mean"] > 0


def test_a_seed_that_diverged_is_left_out_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    real = training.train

    def some(recipe: Any, lesson: Any, kind: Any, seed: int) -> Any:
        return None if (kind.name, seed) == ("softmax", 1) else real(recipe, lesson, kind, seed)

    monkeypatch.setattr(training, "train", some)
    result = rescu.train_attention("reverse", baselines=[], **SMALL)
    assert result["seeds"] == [0, 2]
    assert result["diverged"] == [{"seed": 1, "activation": "softmax"}]
    assert all(len(row["accuracy"]["per_seed"]) == 2 for row in result["attentions"])
    assert "Seed 1 is in no number here" in result["notes"][0]
    monkeypatch.setattr(training, "train", lambda *_: None)
    with pytest.raises(UsageError, match="every seed a training diverged"):
        rescu.train_attention("reverse", baselines=[], **SMALL)


@pytest.mark.parametrize(
    "kind", [RELU, *(baseline(name) for name in ("softmax", "sparsemax", "entmax15"))],
    ids=lambda kind: kind.name,
)  # fmt: skip
def test_divergence_is_noticed(kind: Any) -> None:
    """Logits that are NaN are no error of any kind of attention."""
    recipe = Recipe("reverse", Shape(8, 2), seq=4, steps=30, lr=1e30)
    assert train(recipe, Lesson.of("reverse", 4), kind, 0) is None


def test_what_diverges_with_every_seed_does_not_take_the_others_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = training.train

    def some(recipe: Any, lesson: Any, kind: Any, seed: int) -> Any:
        return None if kind.name == "relu" else real(recipe, lesson, kind, seed)

    monkeypatch.setattr(training, "train", some)
    result = rescu.train_attention("reverse", ["relu", "smelu"], baselines=[], **SMALL)
    assert [row["activation"] for row in result["attentions"]] == ["smelu:beta=1", "softmax"]
    assert [row["activation"] for row in result["differences"]] == ["smelu:beta=1"]
    assert set(result["timing"]) == {"smelu:beta=1", "softmax"}
    assert result["seeds"] == [0, 1, 2] and len(result["diverged"]) == 3
    assert result["notes"][0] == "relu is in no table: it diverged with every seed."


def test_a_training_that_was_stopped_goes_on_to_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, done = training.train, []

    def stopped(recipe: Any, lesson: Any, kind: Any, seed: int) -> Any:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append((kind.name, seed))
        return real(recipe, lesson, kind, seed)

    monkeypatch.setattr(training, "train", stopped)
    with pytest.raises(KeyboardInterrupt) as stop:
        rescu.train_attention("reverse", out=tmp_path, **SMALL)
    assert f"kept in {tmp_path}" in stop.value.__notes__[0]
    kept = sorted((tmp_path / "trainings").iterdir())
    assert len(kept) == 4
    kept[0].write_bytes(kept[0].read_bytes()[:100])  # damaged: trained again
    again: list[tuple[str, int]] = []

    def counted(recipe: Any, lesson: Any, kind: Any, seed: int) -> Any:
        again.append((kind.name, seed))
        return real(recipe, lesson, kind, seed)

    monkeypatch.setattr(training, "train", counted)
    found = rescu.train_attention("reverse", out=tmp_path, **SMALL)
    assert len(again) == 3 * 4 - 3 and len(set(again) & set(done)) == 1
    again.clear()
    rescu.train_attention("reverse", out=tmp_path, **{**SMALL, "lr": 1e-3})  # another recipe
    assert len(again) == 12
    monkeypatch.setattr(training, "train", real)
    fresh = rescu.train_attention("reverse", **SMALL)
    assert without_time(found) == without_time(fresh)


def test_without_a_folder_an_interrupt_promises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", stopped)
    with pytest.raises(KeyboardInterrupt) as stop:
        rescu.train_attention("reverse", **SMALL)
    assert not getattr(stop.value, "__notes__", [])


def test_sequences_that_both_learn_and_judge_are_counted() -> None:
    short = Lesson.of("reverse", 2)
    known = {tuple(row) for row in short.train.source.tolist()}
    seen = [tuple(row) in known for row in short.test.source.tolist()]
    assert short.known_share == sum(seen) / len(seen) > 0.5
    assert Lesson.of("reverse", 24).known_share == 0
    result = rescu.train_attention("reverse", baselines=[], **{**SMALL, "seq": 2})
    assert "also among those to learn from" in result["notes"][-1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"steps": 0}, "0 steps"),
        ({"lr": float("nan")}, "rate nan"),
        ({"batch_size": 0}, "Batches of 0"),
        ({"seeds": 0}, "Seeds 0 asked"),
        ({"seeds": [1, 1]}, "none twice"),
        ({"heads": 3}, "3 heads asked for a width of 8"),
        ({"heads": 64, "width": 64, "seq": 33}, "69,696 weights per sequence"),
        ({"width": 5000}, "at most 4096"),
        ({"norm": "batch"}, "No normalisation named 'batch'"),
        ({"activations": ["relu", "relu"]}, "relu is named twice"),
        ({"activations": []}, "No activation asked"),
        ({"activations": ["softmax"]}, "it is a baseline"),
        ({"baselines": ["hardmax"]}, "No baseline named 'hardmax'"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(
    changed: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("trained"))
    with pytest.raises(UsageError, match=message):
        rescu.train_attention("reverse", **{**SMALL, **changed})
