"""``rescu net``: the group of commands on networks, one file each."""

from __future__ import annotations

import typer

from rescu_cli.cli import options
from rescu_cli.cli.commands.net.swap import swap


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    group = typer.Typer(help="Work on networks: exact facts, and changes.", no_args_is_help=True)
    for name, command in (("swap", swap),):
        group.command(name)(command)
    app.add_typer(group, name="net", rich_help_panel=options.NETWORKS)
