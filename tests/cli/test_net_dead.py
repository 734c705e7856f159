"""``rescu net dead`` and ``rescu net prune``: what is printed, JSON, bad input."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from rescu_cli.cli.commands.net.prune import _interval
from rescu_cli.core.surrogate import LABEL
from rescu_cli.errors import ExitCode
from tests.cli.conftest import Run

NETS = """
import torch
from torch import nn

torch.manual_seed(0)
def dense(): return nn.Sequential(nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))
def conv(): return nn.Sequential(nn.Conv2d(1, 3, 3), nn.GELU(), nn.Flatten(), nn.Linear(108, 10))
def straight(): return nn.Linear(64, 3)
def memory(): return nn.LSTM(64, 3)
class Raising(nn.Module):
    def forward(self, x): assert x.shape[1] == 65, "need 65"
def raising(): return nn.Sequential(nn.ReLU(), Raising())
def tokens(): return nn.Sequential(nn.Unflatten(1, (8, 8)), nn.Linear(8, 5), nn.ReLU())
def mixing(): return nn.Sequential(nn.Linear(64, 5), nn.ReLU(), nn.Softmax(1))
"""
PRUNE = ("net", "prune", "--seeds", "2", "--rounds", "1", "--epochs", "1", "--width", "10")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    generator = np.random.default_rng(0)
    np.savez("mine.npz", x=generator.standard_normal((20, 3)))
    np.savez("wide.npz", x=generator.standard_normal((20, 5)))
    np.savez("net.npz", W0=generator.standard_normal((6, 3)), b0=np.full(6, -9.0),
             W1=np.ones((1, 6)), activation=np.array("helu:alpha=0.05"))  # fmt: skip
    (tmp_path / "junk.npz").write_bytes(b"no archive")
    (tmp_path / "junk.pt").write_bytes(b"no archive")
    np.savez("nan.npz", W0=np.array([[np.nan]]))


def test_rates_as_a_table_and_as_json(rescu: Run) -> None:
    outcome = rescu("net", "dead", "nets.py:dense", "--data", "digits")
    assert outcome.code == ExitCode.DONE
    for part in ("static", "dynamic", "total", "1: ReLU", "359 inputs of digits"):
        assert part in outcome.out
    result = rescu(
        "net", "dead", "nets.py:dense", "--data", "digits", "--part", "all", "--json"
    ).result
    assert result["n_inputs"] == 1797
    (place,) = result["places"]
    counts = place["elements"]
    assert counts["n_units"] == 12
    assert counts["n_off"] == round(counts["total"] * 12 * 1797)
    assert counts["static"] + counts["dynamic"] == pytest.approx(counts["total"], abs=1e-15)
    assert place["channels"] is None


def test_a_weight_file_on_an_array_of_ones_own(rescu: Run, tmp_path: Path) -> None:
    outcome = rescu("net", "dead", "net.npz", "--data", "mine.npz", "--out", "dead.json")
    assert outcome.code == ExitCode.DONE
    assert "helu:alpha=0.05" in outcome.out
    assert "helu:alpha=0.05 †" in outcome.out
    assert "what is passed backward" in outcome.out
    assert f"helu:alpha=0.05 †: {LABEL} on (-1/20, 0]" in outcome.err
    result = json.loads((tmp_path / "dead.json").read_text())
    assert result["all"]["elements"]["static"] > 0.5
    assert result["part"] is None
    assert LABEL in result["places"][0]["surrogate"]


def test_what_is_not_elementwise_has_a_dash_and_no_mark(rescu: Run) -> None:
    outcome = rescu("net", "dead", "nets.py:mixing", "--data", "digits", "--layer", "2")
    row = next(line for line in outcome.out.splitlines() if "2: Softmax" in line)
    assert row.split()[-2:] == ["–", "–"]
    assert "not elementwise" in outcome.out
    assert "†" not in outcome.out


def test_a_convolution_gets_its_images_and_channels(rescu: Run) -> None:
    outcome = rescu("net", "dead", "nets.py:conv", "--data", "digits")
    assert outcome.code == ExitCode.DONE
    assert "Whole channels" in outcome.out
    assert "2nd of 4" in outcome.out
    assert "1x8x8" in outcome.err


def test_features_of_tokens_are_on_the_last_axis(rescu: Run) -> None:
    outcome = rescu("net", "dead", "nets.py:tokens", "--data", "digits")
    row = next(line for line in outcome.out.splitlines() if "of 3" in line)
    assert row.split()[2:6] == ["3rd", "of", "3", "5"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("net.npz", "--data", "wide.npz"), "shape (20, 5) (its first weight is (6, 3))"),
        (("nets.py:conv", "--data", "mnist1d"), "does not run on inputs of shape (256, 40)"),
        (("nan.npz", "--data", "mine.npz"), "weights must be finite"),
        (("nets.py:raising", "--data", "digits"), "AssertionError: need 65"),
        (("junk.pt", "--data", "digits"), "junk.pt is refused: it is damaged, or no file of"),
        (("nets.py:dense", "--data", "junk.npz"), "junk.npz is no .npz of plain arrays"),
        (("nets.py:straight", "--data", "digits"), "No activation was found"),
        (("nets.py:memory", "--data", "digits"), "torch's LSTM kernel"),
        (("nets.py:dense", "--data", "digits", "--threshold", "-1"), "0 or more"),
        (("nets.py:dense", "--data", "digits", "--batch-size", "0"), "at least 1"),
        (("nets.py:dense", "--data", "digits", "--saturation", "0"), "must be positive"),
        (("nets.py:dense", "--data", "digits", "--layer", "7"), "no module '7'"),
        (("nets.py:dense", "--data", "digts"), "Did you mean 'digits'"),
        (("nets.py:dense", "--data", "digits", "--part", "tset"), "Did you mean 'test'"),
        (("nets.py:dense",), "--data"),
    ],
)
def test_bad_input_of_dead_is_refused(rescu: Run, argv: tuple[str, ...], words: str) -> None:
    outcome = rescu("net", "dead", *argv)
    assert outcome.code == ExitCode.USAGE
    assert outcome.out == ""
    assert words in " ".join(outcome.err.split())
    assert "allow_pickle" not in outcome.err
    assert "weights_only" not in outcome.err


def test_a_file_that_is_not_there_is_a_store_problem(rescu: Run) -> None:
    assert rescu("net", "dead", "net.npz", "--data", "gone.npz").code == ExitCode.STORE


def test_pruning_as_tables_and_json_and_files(rescu: Run, tmp_path: Path) -> None:
    outcome = rescu(*PRUNE, "--out", "run")
    assert outcome.code == ExitCode.DONE
    for part in ("mlp on digits, relu, 2 seeds", "AP − magnitude, paired by seed", "1: 80.0 "):
        assert part in outcome.out
    assert LABEL not in outcome.out + outcome.err
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "pruning.png", "pruning.svg", "result.json",
    ]  # fmt: skip
    result = rescu(*PRUNE, "--json").result
    assert result == json.loads((tmp_path / "run" / "result.json").read_text())


def test_pruning_with_a_surrogate_says_so(rescu: Run) -> None:
    for options in (("--activation", "helu"), ("--backward-shift", "0.05")):
        outcome = rescu(*PRUNE, "--method", "ap", *options)
        assert outcome.code == ExitCode.DONE
        assert f"{LABEL} on (-1/20, 0]" in outcome.err
        assert "†, 2 seeds" in outcome.out
        assert "paired" not in outcome.out


def test_no_number_of_a_table_breaks_at_80_columns(
    rescu: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The intervals of two seeds are the widest there are."""
    monkeypatch.setattr("rescu_cli.cli.render._PLAIN_WIDTH", 80)
    out = rescu(*PRUNE).out
    rows = [line for line in out.splitlines() if re.search(r"\d ±", line)]
    assert len(rows) == 5
    for line in rows:
        assert len(line.rstrip()) <= 80
        assert len(re.findall(r"\d ±\d+\.?\d*(?= |$)", line)) == 4
        assert "…" not in line


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (0.97416, 0.00157, "97.42 ±0.16"),
        (1.0, 0.0, "100.00 ±0.00"),
        (0.547, 0.418, "54.7 ±41.8"),
        (0.5, 1.27062, "50 ±127"),
        (0.5, 0.09996, "50.0 ±10.0"),
    ],
)
def test_intervals_have_the_decimals_that_mean_something(
    mean: float, half: float, text: str
) -> None:
    assert _interval({"mean": mean, "ci": [mean - half, mean + half]}) == text


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--method", "size"), "magnitude"),
        (("--rate", "1.5"), "below 1"),
        (("--ap-share", "0.5"), "between 0 and '--rate'"),
        (("--rounds", "0"), "at least 1"),
        (("--width", "a,b"), "write whole numbers with commas between"),
        (("--model", "rnn"), "cnn"),
        (("--data", "regression"), "classification"),
        (("--activation", "tanh", "--backward-shift", "1"), "rounds off no"),
        (("--activation", "helu", "--backward-shift", "1"), "surrogate gradient already"),
        (("--backward-shift", "soon"), "soon"),
        (("--backward-shift", "nan"), "it must be a finite number"),
        (("--backward-shift", "1e300"), "a float32 holds"),
        (("--epochs", "0"), "must be positive"),
    ],
)
def test_bad_input_of_prune_is_refused(rescu: Run, argv: tuple[str, ...], words: str) -> None:
    outcome = rescu("net", "prune", *argv)
    assert outcome.code == ExitCode.USAGE
    assert outcome.out == ""
    assert words in " ".join(outcome.err.split())


def test_helu_is_labelled_where_it_is_shown(rescu: Run) -> None:
    card = rescu("show", "helu")
    assert f"{LABEL} on (-alpha, 0]" in " ".join(card.out.split())
    assert rescu("show", "helu", "--json").result["surrogate"].startswith(LABEL)
    assert rescu("show", "relu", "--json").result["surrogate"] is None
    refuted = rescu("verify", "helu", "--require", "gradient_matches")
    assert refuted.code == ExitCode.REFUTED
    assert "(-alpha, 0]" in refuted.out


def test_compare_trains_helu_with_its_surrogate_and_says_so(rescu: Run) -> None:
    argv = ("compare", "relu", "helu:alpha=0.5", "--seeds", "2", "--epochs", "2", "--json")
    result = rescu(*argv, "--out", "runs").result
    assert any(LABEL in sentence for sentence in result["advice"])
    losses = {a["activation"]: a["loss"]["per_seed"] for a in result["activations"]}
    assert losses["relu"] != losses["helu:alpha=0.5"]
