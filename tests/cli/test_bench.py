"""``rescu bench``: a table, a document, a figure; every refusal before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescu_cli.errors import ExitCode
from tests.cli.conftest import Run

QUICK = ("--size", "64", "--rounds", "2", "--modes", "native,eager")


def test_the_table_names_the_machine_and_every_row(rescu: Run) -> None:
    outcome = rescu("bench", "relu", "smelu:beta=1", *QUICK, "--threads", "1")
    assert outcome.code == ExitCode.DONE
    for part in ("64 elements of float32 on cpu", "1 threads", "copy into new memory", "native",
                 "eager", "input, 4 B", "output, 4 B", "smelu:beta=1"):  # fmt: skip
        assert part in outcome.out
    assert outcome.err == ""


def test_the_document(rescu: Run) -> None:
    result = rescu("bench", "relu", *QUICK, "--dtype", "bfloat16", "--json").result
    assert (result["dtype"], result["size"], result["rounds"]) == ("bfloat16", 64, 2)
    assert [(r["activation"], r["mode"]) for r in result["rows"]] == [
        ("relu", "native"), ("relu", "eager")]  # fmt: skip
    row = result["rows"][1]
    assert set(row["forward"]) == {
        "median", "min", "samples", "bytes", "bandwidth", "of_copy", "to_native"}  # fmt: skip
    assert row["forward_backward"]["bytes"] == 5 * 64 * 2
    assert row["saved"]["tensors"] == [
        {"which": "input", "dtype": "bfloat16", "shape": [64], "bytes": 128}]  # fmt: skip
    assert result["path"] is None


def test_the_figure(rescu: Run, tmp_path: Path) -> None:
    outcome = rescu("bench", "relu", *QUICK, "--out", "speed.png", "--json")
    assert outcome.result["path"] == str(tmp_path / "speed.png")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
    assert "Wrote speed.png" in outcome.err


def test_a_callable_from_a_file_takes_part(rescu: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def act(x):\n    return x.clamp(min=0) + 0 * x.exp()\n")
    result = rescu("bench", "relu", "mine.py:act", *QUICK, "--json").result
    mine = result["rows"][-1]
    assert (mine["activation"], mine["mode"]) == ("mine.py:act", "eager")
    assert len(mine["saved"]["tensors"]) >= 2


def test_one_that_cannot_be_measured_is_said_on_stderr(rescu: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def act(x):\n    raise ValueError('not today')\n")
    outcome = rescu("bench", "relu", "mine.py:act", *QUICK)
    assert outcome.code == ExitCode.DONE
    assert "mine.py:act eager was not measured: ValueError: not today" in outcome.err


@pytest.mark.parametrize(
    "argv",
    [
        ("bench",),
        ("bench", "smleu"),
        ("bench", "relu", "relu"),
        ("bench", "relu", "--dtype", "int8"),
        ("bench", "relu", "--device", "tpu"),
        ("bench", "relu", "--size", "0"),
        ("bench", "relu", "--rounds", "0"),
        ("bench", "relu", "--threads", "0"),
        ("bench", "relu", "--modes", "jitted"),
        ("bench", "relu", "--out", "speed.bmp"),
        ("bench", "smelu", "--modes", "native"),
        ("bench", "nothing.py:act"),
    ],
)
def test_bad_input_is_refused(rescu: Run, argv: tuple[str, ...]) -> None:
    outcome = rescu(*argv)
    assert outcome.code == ExitCode.USAGE
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
