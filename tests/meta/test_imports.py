"""What each entry point may load, looked up in the modules of a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("sympy", "numpy", "torch", "matplotlib", "sklearn", "scipy", "flint")


def loaded_after(code: str) -> set[str]:
    """Top-level names of the modules that a new process holds after ``code``."""
    script = f"import sys\n{code}\nimport json; print('\\n' + json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return set(json.loads(done.stdout.strip().splitlines()[-1]))


def cli(*argv: str) -> str:
    return f"from rescu_cli.cli.app import main; assert main({list(argv)!r}) == 0"


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        (cli("--help"), HEAVY),
        (cli("compare", "--help"), HEAVY),
        (cli("--version"), HEAVY),
        ("import rescu_cli", HEAVY),
        ("import rescu_cli.catalogue; rescu_cli.catalogue.names()", HEAVY),
        ("import rescu_cli.plot", ("matplotlib", "torch")),
        ("import rescu_cli.export", ("torch", "matplotlib")),
        ("import rescu_cli.experiment", ("torch", "sklearn", "matplotlib")),
        (cli("derive", "--gradient", "piecewise-linear", "--json"), ("torch", "matplotlib", "sklearn", "scipy")),
        (cli("list", "--json"), ("torch", "matplotlib", "sklearn")),
        (cli("plot", "smelu", "--beta", "2"), ("torch", "sklearn")),
        (cli("export", "smelu", "--to", "torch"), ("torch", "matplotlib", "sklearn")),
    ],
)  # fmt: skip
def test_import_budget(code: str, forbidden: tuple[str, ...]) -> None:
    assert not set(forbidden) & loaded_after(code)


def test_the_probe_sees_what_is_loaded() -> None:
    """Negative control: the same probe does find sympy where it is needed."""
    assert "sympy" in loaded_after("import rescu_cli as r; r.show('relu').activation.value")


def test_pyplot_is_never_used() -> None:
    found = loaded_after(cli("plot", "relu", "smelu"))
    assert "matplotlib" in found
    code = cli("plot", "relu") + "; assert 'matplotlib.pyplot' not in sys.modules"
    assert loaded_after(code)


def test_no_import_path_goes_upward() -> None:
    """The contracts of pyproject.toml hold, if the checker is installed; CI always has it."""
    pytest.importorskip("importlinter")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
