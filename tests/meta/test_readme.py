"""Every command of the README runs, and prints what the README says it prints."""

from __future__ import annotations

import doctest
import glob
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from rescu_cli.cli.app import main

README = Path(__file__).parents[2] / "README.md"
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Shown:
    """A command of a console block with the output printed below it."""

    command: str
    output: str


def tour() -> list[Shown]:
    found: list[Shown] = []
    for block in re.findall(r"```console\n(.*?)```", README.read_text(), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Shown(command, output))
    return found


def run(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What appears in the terminal: stdout, then stderr."""
    argv = shlex.split(command)
    assert argv[0] == "rescu"
    expanded = [e for a in argv[1:] for e in (sorted(glob.glob(a)) or [a])]
    main(expanded)
    captured = capsys.readouterr()
    return captured.out + captured.err


def normalised(text: str) -> list[str]:
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    return [line for line in lines if line and not re.fullmatch(r"[─ ]+", line)]


def agree(shown: str, printed: str, tolerance: float) -> bool:
    """The same words, and numbers within ``tolerance`` (training differs between machines)."""
    if tolerance == 0:
        return shown == printed
    if _NUMBER.sub("#", shown) != _NUMBER.sub("#", printed):
        return False
    pairs = zip(_NUMBER.findall(shown), _NUMBER.findall(printed), strict=True)
    return all(abs(float(a) - float(b)) <= tolerance for a, b in pairs)


def test_the_tour_prints_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """In order and in one folder, as a reader would type it."""
    steps = tour()
    assert len(steps) >= 8
    shutil.copytree(README.parent / "examples", "examples")  # the reader sits in the repository
    for step in steps:
        trained = step.command.startswith(("rescu compare", "rescu pd"))
        printed, shown = normalised(run(step.command, capsys)), normalised(step.output)
        if trained:  # wall time is the machine's own, verdicts can flip with its rounding
            printed, shown = (
                [
                    x
                    for x in lines
                    if not re.search(r"Training took|rescu-runs|[•│]|no difference|lower|higher", x)
                ]
                for lines in (printed, shown)
            )
        if "--float" in step.command:  # its last line names the processor and the framework
            printed, shown = printed[:-1], shown[:-1]
        assert len(shown) == len(printed), f"{step.command}\n" + "\n".join(printed)
        for a, b in zip(shown, printed, strict=True):
            assert agree(a, b, 0.08 if trained else 0), f"{step.command}\nREADME: {a}\nnow:    {b}"


def test_the_comparison_is_not_blind() -> None:
    """Negative control of the checker above."""
    assert not agree("accuracy 0.95", "accuracy 0.75", 0.08)
    assert not agree("accuracy 0.95", "loss 0.95", 0.08)
    assert not agree("f(x) = x", "f(x) = x + 1", 0)


def test_python_examples() -> None:
    parser = doctest.DocTestParser()
    text = "\n".join(re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL))
    example = parser.get_doctest(text, {}, "README", str(README), 0)
    runner = doctest.DocTestRunner()
    runner.run(example)
    assert runner.summarize().attempted >= 3
    assert runner.summarize().failed == 0


def test_the_readme_opens_with_the_two_commands() -> None:
    lines = [line.split("#")[0].strip() for line in README.read_text().splitlines()]
    commands = [line for line in lines if line.startswith(("make ", "pip "))]
    assert commands[:3] == ["make demo", "make test", "pip install -c constraints.txt ."]
