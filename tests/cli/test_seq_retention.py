"""``rescu seq retention`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from rescu_cli.errors import ExitCode
from tests.cli.conftest import Run

FORMS = ["parallel", "recurrent", "chunkwise"]


def test_table_of_the_contract(rescu: Run) -> None:
    outcome = rescu("seq", "retention", "--seq", "48", "--chunk", "6", "--heads", "4", "--eps", "0",
                    "--dtype", "float64", "--json")  # fmt: skip
    assert outcome.code == ExitCode.DONE
    found = outcome.result
    assert found["agree"] is True
    assert list(found["max_abs"]) == FORMS
    for name in FORMS:
        row = found["max_abs"][name]
        assert list(row) == FORMS and row[name] == 0
        assert all(0 <= value < 1e-12 for value in row.values())
        assert all(row[other] == found["max_abs"][other][name] for other in FORMS)
    assert found["largest"] == max(v for row in found["max_abs"].values() for v in row.values())
    assert found["state_numbers"] == 4 * 8 * 8 and found["cache_numbers"] == 2 * 32 * 48


def test_growth_has_every_dtype_and_epsilon(rescu: Run) -> None:
    growth = rescu("seq", "retention", "--eps", "1e-6", "--json").result["growth"]
    assert {row["dtype"] for row in growth} == {"float64", "float32", "bfloat16"}
    of = {(row["dtype"], row["eps"]): row["largest"] for row in growth}
    assert of["float64", 0.0] < 1e-12 < of["float64", 1e-12] < of["float64", 1e-6]
    assert of["float64", 0.0] < of["float32", 0.0] < of["bfloat16", 0.0]


def test_epsilon_parts_the_forms_and_the_text_says_why(rescu: Run) -> None:
    outcome = rescu("seq", "retention", "--seq", "50", "--chunk", "7", "--eps", "1e-4")
    assert outcome.code == ExitCode.DONE  # nor are they meant to
    assert "The forms do not agree" in outcome.out and "only a norm with ε = 0" in outcome.out
    assert "8 chunks of 7, the last of 1" in outcome.out
    plain = rescu("seq", "retention", "--eps", "1e-4", "--scores", "plain", "--json")
    assert plain.result["agree"] is True


@pytest.mark.parametrize("argv", [(), ("--scores", "plain", "--eps", "1e-4")])
def test_forms_that_should_agree_and_do_not_are_exit_1(
    rescu: Run, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    from rescu_cli.sequence.retention import forms

    right = forms.query_decay
    monkeypatch.setattr(forms, "query_decay", lambda γ, size: right(γ, size) / γ[:, None])
    outcome = rescu("seq", "retention", *argv)
    assert outcome.code == ExitCode.REFUTED and "do not agree" in outcome.out


def test_a_dtype_that_cannot_tell_gives_no_verdict(
    rescu: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right and wrong forms alike: in bfloat16 roundings are as large as a mistake."""
    from rescu_cli.sequence.retention import forms

    argv = ("seq", "retention", "--seq", "200", "--chunk", "20", "--dtype", "bfloat16")
    for _ in range(2):
        outcome = rescu(*argv)
        assert outcome.code == ExitCode.UNDECIDED and "No verdict" in outcome.out
        assert rescu(*argv, "--json").result["agree"] is None
        monkeypatch.setattr(
            forms, "value_decay", lambda γ, size: torch.ones((len(γ), size), dtype=torch.float64)
        )


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_what_is_not_finite_is_neither_agreement_nor_the_contrary(
    rescu: Run, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    from rescu_cli.sequence.retention.layer import Layer

    monkeypatch.setattr(Layer, "finish", lambda self, rows, eps: rows * float("nan"))
    outcome = rescu("seq", "retention", *more)
    assert outcome.code == ExitCode.UNDECIDED
    if more:
        assert outcome.result["largest"] is None and outcome.result["agree"] is False
    else:
        assert "cannot be compared" in outcome.out


@pytest.mark.parametrize("gate", ["none", "smelu:beta=0.5", "gelu", "relu"])
def test_any_gate(rescu: Run, gate: str) -> None:
    assert rescu("seq", "retention", "--gate", gate, "--json").result["agree"] is True


def test_a_surrogate_gradient_is_marked(rescu: Run) -> None:
    found = rescu("seq", "retention", "--gate", "helu", "--json").result
    assert found["surrogate"].startswith("the backward is not the gradient")
    shown = rescu("seq", "retention", "--gate", "helu")
    assert "helu:alpha=0.05 †" in shown.out and "†" in shown.err


def test_out_receives_the_result_and_the_figure(rescu: Run, tmp_path: Path) -> None:
    outcome = rescu("seq", "retention", "--out", str(tmp_path), "--json")
    assert json.loads((tmp_path / "retention.json").read_text()) == outcome.result
    assert (tmp_path / "retention.png").stat().st_size > 1000
    assert "float64" in (tmp_path / "retention.svg").read_text()


def test_one_position_in_heads_of_two_is_no_trouble(rescu: Run, tmp_path: Path) -> None:
    """A norm over two numbers is ±1 whatever they are."""
    found = rescu("seq", "retention", "--seq", "1", "--chunk", "1", "--heads", "1", "--width", "2",
                  "--out", str(tmp_path), "--json").result  # fmt: skip
    assert found["largest"] < 1e-15 and found["agree"] is True


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--seq", "5"), "fewer than a chunk of 6"),
        (("--heads", "3", "--width", "32"), "multiple of 6"),
        (("--heads", "0"), "possible are 1"),
        (("--eps", "-1"), "0 or more"),
        (("--eps", "nan"), "finite"),
        (("--dtype", "float8"), "dtype"),
        (("--gate", "swihs"), "swish"),
        (("--gate", "relu", "--gate", "mish"), "'--train' compares several"),
        (("--scores", "raw"), "kind of scores"),
        (("--seeds", "3"), "'--seeds' is of the language model; add '--train'"),
        (("--data", "text:missing.txt"), "'--data' is of the language model"),
        (("--train", "--data", "digits"), "windows of text"),
        (("--train", "--data", "text:missing.txt"), "Cannot read"),
    ],
)
def test_bad_input_is_explained(rescu: Run, argv: tuple[str, ...], said: str) -> None:
    outcome = rescu("seq", "retention", *argv)
    assert outcome.code in (ExitCode.USAGE, ExitCode.STORE)
    assert said in " ".join(outcome.err.split())


def test_an_empty_corpus_is_explained(rescu: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    outcome = rescu("seq", "retention", "--train", "--data", f"text:{tmp_path / 'empty.txt'}")
    assert outcome.code == ExitCode.USAGE and "has no text" in " ".join(outcome.err.split())


def test_training_on_a_users_text_prints_perplexity_and_pd(rescu: Run, tmp_path: Path) -> None:
    text = tmp_path / "song.txt"
    text.write_text("one two three four. " * 150, encoding="utf-8")
    argv = ("seq", "retention", "--train", "--data", f"text:{text},window=6", "--gate", "smelu",
            "--gate", "none", "--seeds", "3", "--epochs", "1", "--out", str(tmp_path / "r"))  # fmt: skip
    shown = rescu(*argv)
    assert shown.code == ExitCode.DONE
    for part in (
        "perplexity",
        "over first's",
        "pd_l1",
        "difference",
        "none",
        "Run directory",
    ):
        assert part in shown.out
    rows = json.loads((tmp_path / "r" / "training" / "gates.json").read_text())["gates"]
    assert [row["activation"] for row in rows] == ["smelu:beta=1", "none"]
    assert all(row["perplexity"]["ci"][0] > 1 for row in rows)


def test_a_failing_run_leaves_an_earlier_result_as_it_was(rescu: Run, tmp_path: Path) -> None:
    assert rescu("seq", "retention", "--out", str(tmp_path)).code == ExitCode.DONE
    before = (tmp_path / "retention.json").read_bytes()
    for bad in ("text:nothing.txt", "grammar:n=x", "digits"):
        outcome = rescu("seq", "retention", "--seq", "20", "--chunk", "3", "--train", "--data", bad,
                        "--out", str(tmp_path))  # fmt: skip
        assert outcome.code in (ExitCode.USAGE, ExitCode.STORE)
        assert (tmp_path / "retention.json").read_bytes() == before
    assert rescu("seq", "retention", "--eps", "nan", "--out", "new").code == ExitCode.USAGE
    assert not Path("new").exists()


def test_perplexity_is_that_of_the_stored_predictions(rescu: Run, tmp_path: Path) -> None:
    """exp of the mean −log p of the label, from the files of the run; its ends are not ± alike."""
    text = tmp_path / "song.txt"
    text.write_text("one two three four. " * 150, encoding="utf-8")
    argv = ("seq", "retention", "--train", "--data", f"text:{text},window=6", "--gate", "relu",
            "--seeds", "3", "--epochs", "1", "--out", str(tmp_path / "r"))  # fmt: skip
    shown = rescu(*argv)
    row = json.loads((tmp_path / "r" / "training" / "gates.json").read_text())["gates"][0]
    with np.load(tmp_path / "r" / "training" / "predictions" / "relu.npz") as file:
        p, y = file["predictions"].astype(float), file["labels"]
    said = text.read_text()
    n = len(said) // 7
    right = [said[7 * i + 6] for i in range(n - round(n * 0.2), n)]  # the seventh of each window
    assert [sorted(set(said))[label] for label in y] == right
    losses = -np.log(p[:, np.arange(len(y)), y]).mean(1)
    assert row["perplexity"]["per_seed"] == pytest.approx(np.exp(losses), rel=1e-5)
    assert row["perplexity"]["mean"] == pytest.approx(float(np.exp(losses.mean())), rel=1e-5)
    low, high = row["perplexity"]["ci"]
    assert f"{row['perplexity']['mean']:.3f} [{low:.3f}, {high:.3f}]" in shown.out


def test_what_diverged_without_a_gate_is_told_too(rescu: Run, tmp_path: Path) -> None:
    text = tmp_path / "song.txt"
    text.write_text("one two three four. " * 100, encoding="utf-8")
    outcome = rescu("seq", "retention", "--train", "--data", f"text:{text},window=6", "--gate",
                    "relu", "--gate", "none", "--seeds", "2", "--epochs", "1", "--lr", "1e30")  # fmt: skip
    assert outcome.code == ExitCode.DONE
    assert "none: 2 of 2 trainings diverged" in " ".join(outcome.err.split())


def test_a_model_without_a_gate_takes_one_activation(rescu: Run, tmp_path: Path) -> None:
    outcome = rescu("compare", "relu", "swish", "--model", "retnet_ungated", "--data", "grammar",
                    "--out", str(tmp_path / "r"))  # fmt: skip
    assert outcome.code == ExitCode.USAGE and "Name one" in outcome.err
