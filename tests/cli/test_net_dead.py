"""``rescu net dead`` and ``rescu net prune``: what is printed, JSON, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

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
    result = json.loads((tmp_path / "dead.json").read_text())
    assert result["all"]["elements"]["static"] > 0.5


def test_a_convolution_gets_its_images_and_channels(rescu: Run) -> None:
    outcome = rescu("net", "dead", "nets.py:conv", "--data", "digits")
    assert outcome.code == ExitCode.DONE
    assert "Whole channels" in outcome.out
    assert "1x8x8" in outcome.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("net.npz", "--data", "wide.npz"), "shape (20, 5) (its first weight is (6, 3))"),
        (("nets.py:conv", "--data", "mnist1d"), "does not run on inputs of shape (256, 40)"),
        (("nan.npz", "--data", "mine.npz"), "weights must be finite"),
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


def test_a_file_that_is_not_there_is_a_store_problem(rescu: Run) -> None:
    assert rescu("net", "dead", "net.npz", "--data", "gone.npz").code == ExitCode.STORE


def test_pruning_as_tables_and_json_and_files(rescu: Run, tmp_path: Path) -> None:
    outcome = rescu(*PRUNE, "--out", "run")
    assert outcome.code == ExitCode.DONE
    for part in ("mlp on digits, relu, 2 seeds", "AP − magnitude, paired by seed", "1: 80.0 %"):
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
        assert "paired" not in outcome.out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--method", "size"), "magnitude"),
        (("--rate", "1.5"), "below 1"),
        (("--ap-share", "0.5"), "between 0 and '--rate'"),
        (("--rounds", "0"), "at least 1"),
        (("--width", "a,b"), "write them like 128,64"),
        (("--model", "rnn"), "cnn"),
        (("--data", "regression"), "classification"),
        (("--activation", "tanh", "--backward-shift", "1"), "rounds off no"),
        (("--activation", "helu", "--backward-shift", "1"), "surrogate gradient already"),
        (("--backward-shift", "soon"), "soon"),
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
