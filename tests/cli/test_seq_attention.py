"""``rescu seq attention``: tables, JSON, figures, and what is said of bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rescu_cli.errors import ExitCode
from rescu_cli.sequence.attention import training
from tests.cli.conftest import Run

AT_RANDOM = ("seq", "attention", "--seq", "8", "--batch", "2", "--betas", "0,1")
TRAIN = ("seq", "attention", "--train", "reverse", "--seq", "4", "--steps", "3", "--seeds", "2",
         "--width", "8", "--heads", "2")  # fmt: skip


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "N_TRAIN", 128)
    monkeypatch.setattr(training, "N_TEST", 32)
    monkeypatch.setattr(training.step_seconds, "__defaults__", (1,))


def test_a_table_of_attentions_and_the_curve(rescu: Run, tmp_path: Path) -> None:
    outcome = rescu(*AT_RANDOM, "--activation", "relu", "-a", "helu:alpha=0.05", "--causal",
                    "--plot", "heads.svg")  # fmt: skip
    assert outcome.code == ExitCode.DONE
    for part in ("relu", "helu:alpha=0.05 †", "softmax", "sparsemax", "entmax15", "null rate",
                 "dot products", "causal"):  # fmt: skip
        assert part in outcome.out
    assert "helu:alpha=0.05 †: the backward is not the gradient of the forward" in outcome.err
    assert "Wrote heads.svg" in outcome.err
    assert "exactly 0" in (tmp_path / "heads.svg").read_text()


def test_json_has_the_first_activation_on_top(rescu: Run) -> None:
    result = rescu(*AT_RANDOM, "--activation", "smelu:beta=0.5", "--json").result
    again = rescu(*AT_RANDOM, "--activation", "smelu:beta=0.5", "--json").result
    other = rescu(*AT_RANDOM, "--activation", "smelu:beta=0.5", "--seed", "1", "--json").result
    assert result == again
    assert result["sparsity"] != other["sparsity"]
    first = result["attentions"][0]
    for key in ("activation", "sparsity", "null_rate", "head_diversity", "row_sums", "surrogate"):
        assert result[key] == first[key]
    assert result["activation"] == "smelu:beta=0.5"
    assert set(result["row_sums"]) == {"least", "mean", "most"}
    assert [p["beta"] for p in result["curve"]] == [0, 1]
    assert result["train"] is None


def test_relu_is_what_is_asked_without_a_name(rescu: Run) -> None:
    found = rescu(*AT_RANDOM, "--baselines", "none", "--json").result
    assert [row["activation"] for row in found["attentions"]] == ["relu", "softmax"]
    assert [p["beta"] for p in found["curve"]] == [0, 1]


def test_training_reports_and_writes(rescu: Run, tmp_path: Path) -> None:
    outcome = rescu(*TRAIN, "--activation", "relu", "--out", "run", "--plot", "figure.pdf")
    assert outcome.code == ExitCode.DONE
    for part in ("Minus softmax, paired by seed", "misaligned", "pd_l1", "speed",
                 "1.00×"):  # fmt: skip
        assert part in outcome.out
    assert "Two seeds give a prediction difference no interval" in outcome.err
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        "attention.json", "attention.png", "attention.svg", "trainings",
    }  # fmt: skip
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    text = (tmp_path / "run" / "attention.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    saved = json.loads(text)
    again = rescu(*TRAIN, "--activation", "relu", "--json").result
    assert {**again, "timing": None} == {**saved, "timing": None}
    assert isinstance(again["sparsity"], float)


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (("--heads", "5"), ("5 heads asked for a width of 32", "4, 8")),
        (("--heads", "0"), ("at least 1",)),
        (("--activation", "rleu"), ("No activation named 'rleu'", "relu")),
        (("--activation", "sparsemax"), ("it is a baseline",)),
        (("-a", "relu", "-a", "relu"), ("relu is named twice",)),
        (("--baselines", "hardmax"), ("No baseline named 'hardmax'",)),
        (("--norm", "layer"), ("No normalisation named 'layer'", "gated")),
        (("--seq", "0"), ("length 0", "at least 1")),
        (("--seq", "100000"), ("logits", "at most")),
        (("--batch", "0"), ("0 sequences",)),
        (("--seed", "-1"), ("Seed -1",)),
        (("--betas", "0,one"), ("Cannot read '--betas 0,one'", "0,0.5,1")),
        (("--betas", "-1"), ("beta of -1",)),
        (("--betas", "nan"), ("beta of nan",)),
        (("--betas", "1e308"), ("beta of 1e+308", "to 1e+100")),
        (("-a", "smelu:beta=1e308"), ("larger than any float",)),
        (
            ("-a", "gsmelu:alpha=1,beta=1,g_minus=0,g_plus=1e307"),
            ("smaller logits, or another activation",),
        ),
        (("--baselines", "none,sparsemax"), ("none stands alone",)),
        (("--train", "copy", "--lr", "inf"), ("rate inf", "finite")),
        (("--plot", "heads.jpg"), ("'--plot heads.jpg'", ".svg")),
        (("--seeds", "3"), ("'--seeds' is for training", "--train reverse")),
        (("--batch-size", "3"), ("'--batch-size' is for training",)),
        (("--train", "revers"), ("No task named 'revers'", "'reverse'")),
        (("--train", "copy", "--seed", "3"), ("'--seed' is for random", "'--seeds'")),
        (("--train", "copy", "--causal"), ("'--causal' is for random",)),
        (("--train", "copy", "--seq", "1"), ("from 2 to 64",)),
        (("--train", "copy", "--heads", "7"), ("7 heads asked",)),
        (("--train", "copy", "--steps", "0"), ("0 steps",)),
        (("--train", "copy", "--lr", "-1"), ("rate -1",)),
        (("--train", "copy", "--seeds", "0"), ("Seeds 0 asked",)),
    ],
    ids=" ".join,
)
def test_bad_input_is_named(rescu: Run, argv: tuple[str, ...], parts: tuple[str, ...]) -> None:
    outcome = rescu("seq", "attention", *argv)
    assert outcome.code == ExitCode.USAGE
    assert outcome.out == ""
    for part in parts:
        assert part in " ".join(outcome.err.split())


def test_a_folder_that_cannot_be_is_a_store_error(rescu: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = rescu(*AT_RANDOM, "--out", "file/run")
    assert outcome.code == ExitCode.STORE
    assert "Cannot make the folder" in outcome.err


def test_too_many_attentions_for_a_figure_are_named_before_the_work(
    rescu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [x for beta in range(1, 9) for x in ("-a", f"smelu:beta={beta}")]
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("trained"))
    for asked in ((*AT_RANDOM, "--plot", "heads.png"), (*TRAIN, "--out", "run")):
        outcome = rescu(*asked, *names)
        assert outcome.code == ExitCode.USAGE
        assert "11 attentions asked; a figure has room for 8" in outcome.err
    assert not (tmp_path / "run").exists()
