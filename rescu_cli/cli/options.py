"""Options that several commands share, and the reading of ``--set``."""

from __future__ import annotations

from typing import Annotated

import typer

from rescu_cli.errors import UsageError

DESIGN, EXPERIMENT, NETWORKS = "Design", "Experiment", "Networks"
SEQUENCES, HOUSE = "Sequences", "House"

Json = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout and nothing else there.")
]
Beta = Annotated[
    str | None,
    typer.Option("--beta", help="Sets beta on every named activation that has it.", metavar="X"),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Sets any parameter, e.g. --set alpha=0.1.", metavar="NAME=X"),
]
Name = Annotated[
    str,
    typer.Argument(
        metavar="ACT", help="NAME[:param=value,…], e.g. smelu:beta=0.5, or a shape file."
    ),
]
Names = Annotated[
    list[str],
    typer.Argument(metavar="ACT…", help="NAME[:param=value,…], e.g. relu smelu:beta=0.5."),
]


def whole_numbers(option: str, text: str) -> list[int]:
    """The numbers of an option such as ``--budget 200,100,50``.

    Raises:
        UsageError: If they are not whole numbers with commas between.
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"Cannot read {option} {text!r}; write whole numbers with commas between, "
                         "like 200,100,50.") from None  # fmt: skip


def widths(option: str, text: str | None) -> list[int] | None:
    """The same of an option that may be left out."""
    return None if text is None else whole_numbers(option, text)


def overrides(beta: str | None, settings: list[str] | None) -> dict[str, str]:
    """``--beta`` and every ``--set name=value`` as one mapping.

    Raises:
        UsageError: If a setting is malformed or given twice.
    """
    found: dict[str, str] = {} if beta is None else {"beta": beta}
    for setting in settings or []:
        name, equals, value = (part.strip() for part in setting.partition("="))
        if not (name and equals and value):
            raise UsageError(f"Cannot read --set {setting!r}; write --set name=value.")
        if name in found:
            raise UsageError(f"{name} is set twice; give it once.")
        found[name] = value
    return found
