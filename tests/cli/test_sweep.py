"""`rescu sweep` takes every option of training that `rescu compare` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

import rescu_cli.experiment.work as work
from rescu_cli.cli.app import app
from rescu_cli.errors import ExitCode, UsageError
from tests.cli.conftest import Run

SWEEP = ("sweep", "smelu", "--param", "beta=0.5,2", "--against", "relu")
SMALL = ("--seeds", "2", "--epochs", "1", "--width", "8", "--out", "run")
OWN_OF_COMPARE = {"names", "seeds", "margin", "baseline", "match_scale", "splits"}
"""What a sweep lacks, or means otherwise: its baseline is the first fixed point, and it has one
division of the data."""

EVERY_OPTION = (
    "--data", "spirals:n=500", "--model", "mlp", "--epochs", "2", "--tune", "lr=1e-3,1e-2",
    "--match", "loss", "--batch-size", "32", "--width", "8", "--depth", "1", "--norm", "layer",
    "--dropout", "0.25", "--optimizer", "adagrad", "--init", "default", "--vary", "order,dropout",
    "--device", "cpu", "--engine", "loky", "--workers", "2", "--out", "run", "--no-resume",
    "--label", "y", "--task", "regression",
)  # fmt: skip


def parameters(command: str) -> dict[str, Any]:
    """The options of a command by their names in Python."""
    group: Any = typer.main.get_command(app)
    found = group.commands[command].params
    return {p.name: p for p in found if p.param_type_name == "option"}


def test_every_option_of_training_is_there_with_the_same_words_and_default() -> None:
    compare, sweep = parameters("compare"), parameters("sweep")
    shared = set(compare) - OWN_OF_COMPARE
    assert shared <= set(sweep)
    for name in shared:
        for field in ("opts", "secondary_opts", "help", "metavar", "default", "show_default"):
            assert getattr(sweep[name], field) == getattr(compare[name], field), (name, field)


def test_every_option_is_handed_on_as_compare_does(
    rescu: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An option that is taken and dropped would be missing here, or at its default."""
    given: dict[str, dict[str, Any]] = {}

    def recorded(command: str) -> Any:
        def record(*_: object, **options: Any) -> None:
            given[command] = options
            raise UsageError("recorded")

        return record

    for command in ("compare", "sweep"):
        monkeypatch.setattr(f"rescu_cli.api.{command}", recorded(command))
    rescu("compare", "relu", *EVERY_OPTION)
    rescu(*SWEEP, *EVERY_OPTION)
    for name in set(given["compare"]) - OWN_OF_COMPARE:
        assert given["sweep"][name] == given["compare"][name], name
    assert given["sweep"]["tune"] == (1e-3, 1e-2)
    assert given["sweep"]["workers"] == 2
    assert given["sweep"]["resume"] is False


def test_options_reach_the_experiment(rescu: Run, tmp_path: Path) -> None:
    result = rescu(
        *SWEEP, "--seeds", "2", "--epochs", "2", "--tune", "lr=1e-4,1e-2", "--batch-size", "48",
        "--width", "8", "--depth", "1", "--norm", "layer", "--dropout", "0.25", "--optimizer",
        "adagrad", "--init", "default", "--vary", "order,dropout", "--match", "loss", "--device",
        "cpu", "--engine", "local", "--out", "run", "--json",
    ).result  # fmt: skip
    spec = result["spec"]
    wanted = {
        "epochs": 2, "batch_size": 48, "hidden": [8], "norm": "layer", "dropout": 0.25,
        "optimizer": "adagrad", "init": "default", "vary": ["order", "dropout"], "device": "cpu",
        "baseline": "relu", "validation": True,
    }  # fmt: skip
    assert {name: spec[name] for name in wanted} == wanted
    assert [key["lr"] for key in spec["activations"]] == [1e-2] * 3
    assert [p["value"] for p in result["points"]] == [0.5, 2.0, None]
    assert result["run_dir"] == "run"
    for name in ("front.svg", "result.json", "tuning/lr-0.01", "unmatched"):
        assert (tmp_path / "run" / name).exists()


def test_the_same_sweep_resumes_unless_told_not_to(
    rescu: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rescu(*SWEEP, *SMALL, "--json").result

    def refuse(*_: object) -> None:
        raise UsageError("trained again")

    monkeypatch.setattr(work, "train_batch", refuse)
    assert rescu(*SWEEP, *SMALL, "--json").result == first
    assert "trained again" in rescu(*SWEEP, *SMALL, "--no-resume").err
    # Another recipe is another experiment.
    assert rescu(*SWEEP, *SMALL, "--norm", "layer").code == ExitCode.STORE


def test_a_regression_is_swept(rescu: Run) -> None:
    result = rescu(*SWEEP, *SMALL, "--data", "regression:n=200", "--json").result
    assert [set(p) >= {"score", "pd"} for p in result["points"]] == [True] * 3
    assert all("r2" in row for row in result["activations"])


@pytest.mark.parametrize("by", ["variance", "curvature"])
def test_match_scale_gives_every_value_the_smoothing_of_the_baseline(rescu: Run, by: str) -> None:
    """The leak runs; the widths follow the baseline, and so do those of the other fixed points."""
    from rescu_cli.catalogue import resolve
    from rescu_cli.core.match import smoothing

    result = rescu(
        "sweep", "gsmelu", "--param", "g_minus=0.1,0.2", "--match-scale", by, "--against",
        "smelu:beta=1/2;softplus", *SMALL, "--json",
    ).result  # fmt: skip
    assert [p["value"] for p in result["points"]] == [0.1, 0.2, None, None]
    names = [p["activation"] for p in result["points"]]
    assert names[2] == result["spec"]["baseline"] == "smelu:beta=0.5"
    wanted = float(smoothing(resolve("smelu:beta=1/2"), by))
    for name in names:
        assert float(smoothing(resolve(name), by)) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--match-scale", "variance"), "'--match-scale variance' would choose beta"),
        (
            ("--match-scale", "curvature", "--against", "swish"),
            "sweep a parameter that is no scale",
        ),
        (("--match-scale", "size"), "size"),
        (("--tune", "lr=1e-3,3e-3", "--lr", "0.1"), "'--lr' gives one learning rate and '--tune'"),
        (("--tune", "1e-3"), "is not understood"),
        (("--batch-size", "5000"), "A batch of 5000 examples asked"),
        (("--vary", "dropout"), "dropout"),
        (("--dropout", "1.5"), "ropout"),
        (("--norm", "group"), "group"),
        (("--init", "he"), "he"),
        (("--optimizer", "sgd"), "sgd"),
        (("--depth", "0"), "Depth 0 is not possible"),
        (("--match", "accuracy"), "accuracy"),
        (("--device", "tpu"), "tpu"),
        (("--engine", "dask://localhost:1", "--workers", "2"), "workers"),
        (("--task", "regression"), "'--task' speak of a file"),
        (("--beta", "1"), "beta is swept and set at once"),
        (("--set", "beta=1"), "beta is swept and set at once"),
        (("--set", "gamma=1"), "'gamma'"),
        (("--metric", "pd"), "prediction difference"),
        (("--against", ";"), "at least one fixed point"),
    ],
    ids=str,
)
def test_what_is_not_possible_is_refused_before_a_folder_is_made(
    rescu: Run, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    outcome = rescu(*SWEEP, "--seeds", "2", "--epochs", "1", "--out", "run", *options)
    assert outcome.code == ExitCode.USAGE
    assert outcome.err.startswith("error: ")
    assert message in outcome.err
    assert not (tmp_path / "run").exists()


def test_match_scale_on_a_baseline_without_smoothing_says_so(rescu: Run) -> None:
    outcome = rescu("sweep", "gsmelu", "--param", "g_minus=0.1,0.2", "--match-scale", "curvature")
    assert outcome.code == ExitCode.USAGE
    assert "relu has no curvature at 0" in outcome.err


def test_a_setting_need_only_fit_one_of_the_activations(rescu: Run) -> None:
    """It was refused where the fixed points lack the parameter."""
    result = rescu("sweep", "gsmelu", "--param", "beta=0.5,2", "--set", "alpha=3", "--against",
                   "relu;swish", *SMALL, "--json").result  # fmt: skip
    assert all("alpha=3" in p["activation"] for p in result["points"] if p["value"] is not None)


def test_help_names_every_option(rescu: Run) -> None:
    text = rescu("sweep", "--help").out
    for option in parameters("sweep").values():
        assert option.opts[0] in text
