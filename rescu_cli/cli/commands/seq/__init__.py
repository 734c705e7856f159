"""``rescu seq``: the group of commands on sequence models, one file each."""

from __future__ import annotations

from collections.abc import Callable

import typer

from rescu_cli.cli import options
from rescu_cli.cli.commands.seq.attention import attention
from rescu_cli.cli.commands.seq.leak import leak
from rescu_cli.cli.commands.seq.retention import retention

_COMMANDS: dict[str, Callable[..., None]] = {
    "attention": attention,
    "leak": leak,
    "retention": retention,
}


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    group = typer.Typer(help="Attention, retention and leakage in sequences.", no_args_is_help=True)
    for name, command in _COMMANDS.items():
        group.command(name)(command)
    app.add_typer(group, name="seq", rich_help_panel=options.SEQUENCES)
