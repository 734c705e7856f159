"""What the help says of an option is what is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import typer

from rescu_cli.cli.app import app, main


def commands(group: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    inner = getattr(group, "commands", None)
    if inner is None:
        yield path, group
    else:
        for name, command in inner.items():
            yield from commands(command, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def plain(text: str) -> str:
    """Words without boxes and line ends."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_no_word_of_an_options_help_is_swallowed(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bracket is markup to the printer: '[default: 30, ctr: 1]' vanished without a trace."""
    monkeypatch.setenv("COLUMNS", "600")
    assert main([*path, "--help"]) == 0
    shown = plain(capsys.readouterr().out)
    for parameter in ALL[path].params:  # type: ignore[attr-defined]
        wanted = plain((getattr(parameter, "help", "") or "").replace("\\[", "["))
        assert wanted in shown, f"{parameter.name}: {wanted}"


def test_the_commands_of_the_contract_are_there() -> None:
    names = {" ".join(path) for path in ALL}
    assert {"derive", "compare", "approx", "net regions", "net width", "net dead"} <= names
