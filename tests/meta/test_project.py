"""The project describes itself truthfully."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import typer

import rescu_cli
from rescu_cli.cli.app import app

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
).stdout.split()


def test_declared_version_is_the_installed_one() -> None:
    try:
        installed = metadata.version("rescu-cli")
    except metadata.PackageNotFoundError:
        pytest.skip("the package is not installed here; 'make test' installs it")
    assert installed == rescu_cli.__version__
    assert f"## {rescu_cli.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_dependency_is_pinned() -> None:
    pinned = {
        re.split("[=<>]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    project = CONFIG["project"]
    wanted = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    names = {re.split(r"[=<>\[ ]", w)[0].lower().replace("_", "-") for w in wanted}
    assert names <= pinned
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text().splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_docs_name_every_command(command: str) -> None:
    assert re.search(rf"`?rescu {command}\b", (ROOT / "docs" / "commands.md").read_text())


def test_docs_name_no_command_that_is_not_there() -> None:
    text = (ROOT / "docs" / "commands.md").read_text() + (ROOT / "README.md").read_text()
    spoken = set(re.findall(r"(?:`|\$ |^)rescu ([a-z]+)\b", text, re.MULTILINE))
    assert spoken <= set(COMMANDS)


@pytest.mark.parametrize("page", [p for p in TRACKED if p.endswith(".md")])
def test_links_inside_the_project_resolve(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target and not target.startswith("arXiv"):
            assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", [p for p in TRACKED if p.endswith(".md")])
def test_code_that_docs_point_at_exists(page: str) -> None:
    """`rescu_cli/core/derive.py` and `tests/…` in running text are real files."""
    for path in re.findall(
        r"`((?:rescu_cli|tests|docs|benchmarks|examples)/[\w./-]+)`", (ROOT / page).read_text()
    ):
        assert (ROOT / path).exists(), path


def test_adrs_are_real() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert len(records) >= 5
    for record in records:
        text = record.read_text()
        for heading in ("## Context", "## Decision", "## Consequences"):
            assert heading in text, record.name
        assert len(text) > 800


def test_no_file_speaks_of_a_machine_or_a_registry() -> None:
    forbidden = [
        re.compile(p)
        for p in ("/ro" + "ot/", "/wo" + "rk/", "python" + "hosted", r"registry\.npm" + "js")
    ]
    for name in TRACKED:
        try:
            text = (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        for pattern in forbidden:
            assert not pattern.search(text), (name, pattern.pattern)


def test_user_text_is_never_executed() -> None:
    """No eval, exec, parse_expr or pickle; the loaders run generated text and nothing else."""
    pattern = re.compile(r"(?<![\w.])(?:eval|exec)\(|parse_expr\(|pickle\.load|allow_pickle=True")
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "rescu_cli").rglob("*.py")
        if pattern.search(path.read_text())
    }
    assert found <= {"rescu_cli/export/loader.py", "rescu_cli/export/runners/workers/base.py"}


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_examples_run(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import runpy

    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()
