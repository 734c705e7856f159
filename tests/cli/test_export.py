"""``rescu export``: what is written, what is not, and with which exit status."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rescu_cli.export import backend
from tests.cli.conftest import Run
from tests.export.compilers import need


def test_a_checked_file_and_its_report_lie_side_by_side(rescu: Run, tmp_path: Path) -> None:
    need("gcc")
    out = tmp_path / "smelu.h"
    outcome = rescu("export", "smelu", "--to", "c", "--check", "--out", str(out), "--json")
    assert outcome.code == 0
    saved = json.loads((tmp_path / "smelu.h.check.json").read_text())
    assert saved == outcome.result["check"] and saved["ok"]
    assert saved["tool"].startswith("gcc") and saved["digest"] == outcome.result["digest"]
    assert set(saved["dtypes"]) == {"float32", "float64"}
    keys = {"n_inputs", "exhaustive", "max_ulp", "worst_x", "nan_mismatch"}
    assert keys <= set(saved["dtypes"]["float32"]["value"])
    assert out.read_text() == outcome.result["text"]


def test_an_artifact_that_disagrees_is_not_written(
    rescu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file stays, the report says why, and the exit status is 1."""
    out = tmp_path / "smelu.py"
    out.write_text("old")
    honest = backend.emit

    def lying(*given: Any) -> Any:
        artifact = honest(*given)
        return replace(artifact, text=artifact.text.replace("beta * 4.0", "beta * 4.001"))

    monkeypatch.setattr("rescu_cli.export.backend.emit", lying)
    outcome = rescu("export", "smelu", "--to", "numpy", "--check", "--out", str(out))
    assert outcome.code == 1 and outcome.out == ""
    assert "no file of it was written" in outcome.err
    assert out.read_text() == "old"
    assert json.loads((tmp_path / "smelu.py.rejected.check.json").read_text())["ok"] is False


def test_a_missing_tool_writes_nothing(
    rescu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "smelu.rs"
    outcome = rescu("export", "smelu", "--to", "rust", "--check", "--out", str(out))
    assert outcome.code == 4
    assert "rustc" in outcome.err and "apt-get install rustc" in outcome.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("out", ["missing/smelu.h", "."])
def test_an_unwritable_path_is_a_named_error(rescu: Run, tmp_path: Path, out: str) -> None:
    outcome = rescu("export", "smelu", "--to", "c", "--out", str(tmp_path / out))
    assert outcome.code == 5 and "Cannot write" in outcome.err
    assert not list(tmp_path.iterdir())


def test_text_that_nothing_runs_cannot_be_checked(rescu: Run) -> None:
    outcome = rescu("export", "smelu", "--to", "latex", "--check")
    assert outcome.code == 2
    assert "text to read; nothing runs it. --check works for: torch, numpy, jax" in outcome.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["smelu", "--to", "pytorch"], "Did you mean 'torch'"),
        (["smelu", "--to", "c", "--name", "double"], "a word that c keeps for itself"),
        (["smelu:beta=-1", "--to", "c"], "beta > 0"),
    ],
)
def test_bad_input_says_what_would_be_right(rescu: Run, argv: list[str], said: str) -> None:
    outcome = rescu("export", *argv)
    assert outcome.code == 2 and said in outcome.err and outcome.out == ""


def test_the_report_names_the_tool_and_the_ways(rescu: Run) -> None:
    outcome = rescu("export", "relu", "--to", "numpy", "--check")
    assert outcome.code == 0 and outcome.out.startswith('"""relu for NumPy.')
    assert "Run by numpy " in outcome.err and "ways: function" in outcome.err
