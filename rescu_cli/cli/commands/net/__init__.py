"""``rescu net``: the group of commands on networks, one file each."""

from __future__ import annotations

from collections.abc import Callable

import typer

from rescu_cli.cli import options
from rescu_cli.cli.commands.net.dead import dead
from rescu_cli.cli.commands.net.linearize import linearize
from rescu_cli.cli.commands.net.prune import prune
from rescu_cli.cli.commands.net.regions import regions
from rescu_cli.cli.commands.net.relus import relus
from rescu_cli.cli.commands.net.reshape import reshape
from rescu_cli.cli.commands.net.swap import swap
from rescu_cli.cli.commands.net.width import width

_COMMANDS: dict[str, Callable[..., None]] = {
    "regions": regions,
    "dead": dead,
    "prune": prune,
    "relus": relus,
    "linearize": linearize,
    "reshape": reshape,
    "swap": swap,
    "width": width,
}


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    group = typer.Typer(help="Work on networks: exact facts, and changes.", no_args_is_help=True)
    for name, command in _COMMANDS.items():
        group.command(name)(command)
    app.add_typer(group, name="net", rich_help_panel=options.NETWORKS)
