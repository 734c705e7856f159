"""Each exit code, for the reason it stands for; errors say what was asked, found and right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from rescu_cli.errors import ExitCode
from tests.cli.conftest import Run


def test_0_done(rescu: Run) -> None:
    assert rescu("show", "relu").code == ExitCode.DONE
    assert rescu("--version").out.startswith("rescu ")


def test_1_a_required_claim_is_refuted(rescu: Run) -> None:
    outcome = rescu("verify", "swish:k=1", "--require", "continuous,monotone")
    assert outcome.code == ExitCode.REFUTED
    assert "monotone: refuted" in outcome.err
    assert "continuous: " not in outcome.err


def test_2_usage(rescu: Run) -> None:
    outcome = rescu("show", "smleu")
    assert outcome.code == ExitCode.USAGE
    assert "No activation named 'smleu'. Did you mean 'smelu'" in outcome.err
    assert "'rescu list' shows all." in outcome.err
    assert outcome.out == ""


@pytest.fixture
def open_shape(rescu: Run, tmp_path: Path) -> str:
    """Two frequencies without a common period: nobody's list of extrema ends."""
    path = tmp_path / "open.json"
    gradient = "2 + sin(x) + sin(sqrt(2)*x)"
    assert rescu("derive", "--gradient", gradient, "--out", str(path)).code == ExitCode.DONE
    return str(path)


def test_3_a_required_claim_is_undecided(rescu: Run, open_shape: str) -> None:
    outcome = rescu("verify", open_shape, "--require", "gradient_range")
    assert outcome.code == ExitCode.UNDECIDED
    assert "gradient_range: undecided" in outcome.err


def test_1_beats_3(rescu: Run, open_shape: str) -> None:
    outcome = rescu("verify", open_shape, "--require", "gradient_range,convex")
    assert outcome.code == ExitCode.REFUTED


def test_4_a_missing_dependency_names_the_install_line(
    rescu: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "loky", None)
    outcome = rescu("compare", "relu", "smelu", "--seeds", "2", "--epochs", "1", "--engine", "loky")
    assert outcome.code == ExitCode.MISSING_DEPENDENCY
    assert "pip install" in outcome.err


def test_5_store(rescu: Run, tmp_path: Path) -> None:
    assert rescu("show", "nothing.json").code == ExitCode.STORE
    (tmp_path / "broken.json").write_text("{")
    assert rescu("show", "broken.json").code == ExitCode.STORE
    outcome = rescu("plot", "relu", "--out", "no/such/folder/relu.png")
    assert outcome.code == ExitCode.STORE
    assert "no/such/folder" in outcome.err


def test_70_a_bug_is_one_line_and_asks_for_a_report(
    rescu: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a planted bug")

    monkeypatch.setattr("rescu_cli.api.show", broken)
    outcome = rescu("show", "relu")
    assert outcome.code == ExitCode.BUG
    assert "ZeroDivisionError: a planted bug" in outcome.err
    assert "RESCU_DEBUG=1" in outcome.err
    monkeypatch.setenv("RESCU_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        rescu("show", "relu")


def test_130_ctrl_c(rescu: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rescu_cli.api.show", interrupted)
    assert rescu("show", "relu").code == ExitCode.INTERRUPTED


def test_130_a_real_ctrl_c_during_training(tmp_path: Path) -> None:
    # Whoever runs the tests in the background ignores SIGINT, and children inherit that.
    start = (
        "import signal, sys; from rescu_cli.cli.app import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", start, "compare", "relu", "smelu", "--seeds", "20",
         "--epochs", "3000", "--out", "run"],
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    while not (tmp_path / "run" / "spec.json").exists():
        assert process.poll() is None, process.communicate()
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    # Past the imports: what is interrupted within a framework's own start may print of it.
    with suppress(subprocess.TimeoutExpired):
        process.wait(3)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == ExitCode.INTERRUPTED
    assert out == ""
    assert "Interrupted" in err and "Traceback" not in err


@pytest.mark.parametrize(
    "argv",
    [
        ("nosuch",),
        ("show",),
        ("show", "relu", "--nosuch"),
        ("derive",),
        ("derive", "--gradient", "x", "--kernel", "box"),
        ("derive", "--gradient", "__import__('os').system('true')"),
        ("derive", "--gradient", "9**9**9"),
        ("derive", "--gradient", "1/x"),
        ("derive", "--gradient", "sqrt(x)"),
        ("derive", "--gradient", "x" * 100_000),
        ("derive", "--gradient", "exp(-x)", "--anchor", "left"),
        ("derive", "--gradient", "piecewise-linear", "--anchor", "middle"),
        ("derive", "--gradient", "piecewise-linaer"),
        ("derive", "--gradient", "piecewise-linear", "--beta", "-1"),
        ("derive", "--gradient", "piecewise-linear", "--beta", "two"),
        ("derive", "--gradient", "piecewise-linear", "--set", "gamma=1"),
        ("derive", "--gradient", "piecewise-linear", "--set", "gamma"),
        ("derive", "--gradient", "piecewise-linear", "--assume", "beta > 0, beta < 0"),
        ("derive", "--gradient", "piecewise-linear", "--assume", "gamma > 0"),
        ("derive", "--gradient", "smoothstep:99"),
        ("derive", "--gradient", "step", "--alpha", "1"),
        ("derive", "--gradient", "piecewise-linear", "--format", "word"),
        ("derive", "--kernel", "cauchy"),
        ("derive", "--kernel", "boxx"),
        ("derive", "--kernel", "box", "--base", "swish"),
        ("derive", "--knots", "0:0"),
        ("derive", "--knots", "0:0,1:1", "--interpolation", "cubic"),
        ("show", "smelu:beta"),
        ("show", "smelu:beta=1,beta=2"),
        ("show", "smelu:gamma=1"),
        ("show", "smelu:beta=nan"),
        ("show", "relu", "--beta", "2"),
        ("show", "evil.py:f"),
        ("verify", "relu", "--require", "smoth"),
        ("export", "relu", "--to", "fortran"),
        ("export", "relu", "--to", "torch", "--name", "class"),
        ("plot", "relu", "--range", "4:-4"),
        ("plot", "relu", "--derivatives", "9"),
        ("plot", "relu", "--out", "relu.bmp"),
        ("plot", "relu", "--out", "relu"),
        ("plot", "relu", "smelu", "--sweep", "beta=1:2:3"),
        ("plot", "smelu", "--sweep", "beta"),
        ("compare", "relu", "--seeds", "0"),
        ("compare", "relu", "relu"),
        ("compare", "relu", "smelu", "--data", "imagenet"),
        ("compare", "relu", "smelu", "--tune", "lr=fast"),
        ("compare", "relu", "smelu", "--tune", "1e-3,3e-3"),
        ("compare", "relu", "smelu", "--tune", "lr=1e-3"),
        ("compare", "relu", "smelu", "--match", "accuracy"),
        ("compare", "relu", "smelu", "--margin", "0"),
        ("compare", "relu", "smelu", "--data", "ctr:m=3"),
        ("compare", "relu", "smelu", "--data", "spirals", "--model", "cnn"),
        ("compare", "relu", "smelu", "--vary", "dropout"),
        ("compare", "relu", "smelu", "--batch-size", "5000"),
        ("compare", "relu", "smelu", "--engine", "dask://localhost:1", "--workers", "2"),
        ("sweep", "smelu", "--param", "gamma=1:2:3"),
        ("sweep", "smelu", "--param", "beta"),
        ("sweep", "smelu", "--param", "beta=1:2:3", "--metric", "pd"),
        ("compare", "relu", "smelu", "--vary", "weather"),
    ],
)
def test_bad_input_is_a_clear_error_with_status_2(rescu: Run, argv: tuple[str, ...]) -> None:
    outcome = rescu(*argv)
    assert outcome.code == ExitCode.USAGE
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert len(outcome.err) > 30


def test_a_parse_error_puts_a_caret_under_the_culprit(rescu: Run) -> None:
    lines = rescu("derive", "--gradient", "(1 + tnh(x))/2").err.splitlines()
    text, caret = lines[-2:]
    assert text.index("tnh") == caret.index("^")


def test_with_json_an_error_leaves_stdout_empty(rescu: Run) -> None:
    outcome = rescu("show", "smleu", "--json")
    assert outcome.code == ExitCode.USAGE
    assert outcome.out == ""


def test_a_closed_pipe_is_not_an_error() -> None:
    command = f"{sys.executable} -m rescu_cli show smelu --json | head -c 10"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_an_interrupted_write_leaves_the_old_file(
    rescu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "shape.json"
    assert rescu("derive", "--gradient", "step", "--out", "shape.json").code == 0
    before = target.read_bytes()

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    outcome = rescu("derive", "--gradient", "cosine", "--out", "shape.json")
    assert outcome.code == ExitCode.STORE
    assert "No space left" in outcome.err
    assert target.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shape.json"]
    assert json.loads(before)["schema"] == 1
