"""`rescu verify path.py:name`: exit codes, the JSON document, the report on a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rescu_cli.errors import ExitCode
from tests.cli.conftest import Run

FIXTURES = Path(__file__).parents[1] / "audit" / "fixtures"
RIGHT = f"{FIXTURES}/smelu_plain.py:smelu"
WRONG = f"{FIXTURES}/smelu_lost_plus.py:smelu"


def test_0_it_agrees(rescu: Run) -> None:
    outcome = rescu("verify", RIGHT, "--against", "smelu:beta=1")
    assert outcome.code == ExitCode.DONE
    assert "smelu_plain.py:smelu agrees with smelu:beta=1" in outcome.out
    assert "That is evidence, not a proof." in outcome.out


def test_1_it_disagrees(rescu: Run) -> None:
    outcome = rescu("verify", WRONG, "--against", "smelu", "--beta", "1")
    assert outcome.code == ExitCode.REFUTED
    assert "smelu_lost_plus.py:smelu disagrees with smelu:beta=1" in outcome.out
    assert "jumps by 0.125 at x = −1, from 0 to 0.125" in outcome.out
    assert "value float32: f(0.414" in outcome.out


@pytest.mark.parametrize("name", ["raises", "shrinks", "doubles", "noisy", "number", "missing"])
def test_2_the_callable_is_unusable(rescu: Run, name: str) -> None:
    outcome = rescu("verify", f"{FIXTURES}/unusable.py:{name}", "--against", "relu")
    assert outcome.code == ExitCode.USAGE
    assert outcome.err.startswith("error: ")
    assert outcome.out == ""


def test_2_the_file_is_missing(rescu: Run) -> None:
    outcome = rescu("verify", "nowhere.py:relu", "--against", "relu")
    assert outcome.code == ExitCode.USAGE
    assert "Cannot read nowhere.py: No such file or directory" in outcome.err


def test_2_a_catalogue_name_is_no_callable(rescu: Run) -> None:
    outcome = rescu("verify", "relu", "--against", "relu")
    assert outcome.code == ExitCode.USAGE
    assert "A callable is named as path.py:name; found 'relu'" in outcome.err


def test_4_the_framework_is_missing(rescu: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    outcome = rescu("verify", WRONG, "--against", "smelu")
    assert outcome.code == ExitCode.MISSING_DEPENDENCY
    assert "Install: pip install torch" in outcome.err


def test_a_black_box_is_refuted_or_undecided_never_proved(rescu: Run) -> None:
    text = f"{FIXTURES}/gelu_plain.py:gelu"
    assert rescu("verify", text).code == ExitCode.DONE
    assert rescu("verify", text, "--require", "continuous").code == ExitCode.UNDECIDED
    outcome = rescu("verify", text, "--require", "continuous,monotone")
    assert outcome.code == ExitCode.REFUTED
    assert "a black box can be refuted, never proved" in outcome.out
    assert "decreases: f(" in outcome.out


def test_the_json_document(rescu: Run, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    outcome = rescu("verify", WRONG, "--against", "smelu:beta=1", "--json", "--out", str(out))
    result = outcome.result
    assert outcome.code == ExitCode.REFUTED
    assert {"callable", "against", "digest", "framework", "verdict", "checks", "diagnosis",
            "recognised"} <= set(result)  # fmt: skip
    assert (result["against"], result["framework"]) == ("smelu:beta=1", "torch")
    assert result["verdict"] == "disagrees"
    assert result["parameters"] == {"beta": 1.0}
    for check in result["checks"]:
        assert set(check) == {"check", "dtype", "status", "n_inputs", "max_ulp", "worst_x", "found",
                              "expected", "share", "note", "witness"}  # fmt: skip
    value = next(c for c in result["checks"] if (c["check"], c["dtype"]) == ("value", "float64"))
    assert value["expected"] == pytest.approx((value["worst_x"] + 1) ** 2 / 4)
    assert value["found"] == pytest.approx(value["worst_x"] ** 2 / 4 + value["worst_x"] / 8)
    assert json.loads(out.read_text()) == result


def test_the_json_of_infinite_and_missing_numbers(rescu: Run) -> None:
    """NaN and infinities are text: JSON has no literal for them."""
    result = rescu("verify", f"{FIXTURES}/torch_own.py:silu", "--against", "silu", "--json").result
    infinity = next(c for c in result["checks"] if c["check"] == "infinity")
    assert (infinity["worst_x"], infinity["found"], infinity["expected"]) == ("-inf", "nan", 0.0)


def test_the_same_file_gives_the_same_document(rescu: Run) -> None:
    argv = ("verify", f"{FIXTURES}/smelu_numpy.py:smelu", "--against", "smelu:beta=1", "--json")
    assert rescu(*argv).out == rescu(*argv).out
