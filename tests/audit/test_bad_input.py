"""What cannot be audited ends in a named error that says what was found and what would be right."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rescu_cli import api
from rescu_cli.audit import errors
from rescu_cli.errors import ExitCode, MissingDependencyError, ParameterError, UsageError
from tests.audit.conftest import Audit

Write = Callable[[str], str]
UNUSABLE = {
    "raises": (errors.RaisesError, r"RuntimeError: not today \(unusable.py, line 10\)"),
    "shrinks": (errors.ShapeError, r"changes the shape: \(7,\) in, \(6,\) out"),
    "sums": (errors.ShapeError, r"changes the shape: \(7,\) in, \(\) out"),
    "doubles": (errors.DtypeError, "changes the dtype: float32 in, float64 out"),
    "pair": (errors.DtypeError, "returns a tuple"),
    "noisy": (errors.NondeterministicError, "different results for the same input"),
    "counts": (errors.NondeterministicError, "neither random nor with a state"),
    "needs_more": (errors.SignatureError, "needs a number for slope; give it with --set slope=1"),
    "number": (errors.NoCallableError, "is not callable but of type int"),
    "nosy": (errors.NoCallableError, "has no 'nosy'. Did you mean 'noisy'"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_callable_is_a_named_error(audit: Audit, name: str) -> None:
    kind, text = UNUSABLE[name]
    with pytest.raises(kind, match=text) as caught:
        audit(f"unusable:{name}", "relu")
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("text", ["relu", "file.txt:name", "file.py", "file.py:", ":name"])
def test_only_the_form_path_py_name_runs_a_file(text: str) -> None:
    with pytest.raises(UsageError, match=r"A callable is named as path\.py:name"):
        api.examine(text, "relu")


def test_a_missing_file() -> None:
    with pytest.raises(errors.NoCallableError, match=r"Cannot read nowhere\.py: No such file"):
        api.examine("nowhere.py:relu", "relu")


@pytest.mark.parametrize(("code", "text"), [
    ("def f(x:\n", r"SyntaxError: .*\(foreign.py, line 1\)"),
    ("x = 1\n1 / 0\n", r"ZeroDivisionError: division by zero \(foreign.py, line 2\)"),
    ("import sys\nsys.exit(3)\n", r"SystemExit: 3 \(foreign.py, line 2\)"),
    ("import no_such_thing\n", r"imports 'no_such_thing', which is not there"),
])  # fmt: skip
def test_a_file_that_does_not_run_is_reported_by_line(written: Write, code: str, text: str) -> None:
    with pytest.raises(errors.NoCallableError, match=text):
        api.examine(f"{written(code)}:f", "relu")


@pytest.mark.parametrize("package", ["torch", "jax"])
def test_a_missing_framework_is_exit_4(
    written: Write, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"Install: pip install {package}") as caught:
        api.examine(f"{written(f'import {package}')}:f", "relu")
    assert caught.value.exit_code is ExitCode.MISSING_DEPENDENCY


def test_a_parameter_that_nobody_takes(audit: Audit) -> None:
    with pytest.raises(ParameterError, match="takes no parameter 'gamma'"):
        audit("smelu_torch:smelu", "smelu:beta=1", overrides={"gamma": 2})


def test_a_constructor_that_refuses(audit: Audit) -> None:
    with pytest.raises(errors.RaisesError, match=r"when made with \(beta=-1\): ValueError"):
        audit("smelu_torch:LearnedSmeLU", overrides={"beta": -1})


def test_the_file_leaves_nothing_behind(written: Write) -> None:
    """Neither modules nor a longer path; a neighbour can be imported."""
    path = written("from dataclasses import dataclass\nfrom neighbour import relu\n"
                   "@dataclass\nclass Act:\n    a: float = 1.0\n"
                   "    def __call__(self, x):\n        return self.a * relu(x)\n")  # fmt: skip
    with open(path.replace("foreign", "neighbour"), "w") as file:
        file.write("import numpy as np\ndef relu(x):\n    return np.maximum(x, 0)\n")
    before = set(sys.modules), list(sys.path)
    report = api.examine(f"{path}:Act", overrides={"a": 2})
    assert report.diagnosis[0].startswith("this is 2*relu(x)")
    assert "neighbour" not in sys.modules
    assert not [p for p in Path(path).parent.rglob("*.pyc") if "foreign" in p.name]
    assert not [m for m in set(sys.modules) - before[0] if m.startswith("rescu_audited")]
    assert sys.path == before[1]


def test_prints_of_the_file_do_not_reach_stdout(
    audit: Audit, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit("unusable:wordy", "relu").verdict == "agrees"
    assert capsys.readouterr().out == ""


def test_a_module_that_is_random_in_training_says_how_to_ask(written: Write) -> None:
    path = written("from torch.nn import RReLU\nquiet = RReLU().eval()\n")
    with pytest.raises(errors.NondeterministicError, match=r"after module\.eval\(\)"):
        api.examine(f"{path}:RReLU", "leaky_relu")
    assert api.examine(f"{path}:quiet").recognised == ("leaky_relu:alpha=0.229167",)
