"""``rescu list`` and ``rescu show``."""

from __future__ import annotations

from typing import Any

import typer

from rescu_cli import api
from rescu_cli.cli import options


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("list", rich_help_panel=options.DESIGN)(list_activations)
    app.command("show", rich_help_panel=options.DESIGN)(show)


def list_activations(json: options.Json = False) -> None:
    """List the catalogue: formula, smoothness class, monotone, convex, source."""
    from rescu_cli.cli import render
    from rescu_cli.core.surrogate import LABEL, MARK

    rows = api.catalogue_rows()
    if json:
        render.emit_json("list", rows)
        return
    render.table(
        None,
        ["name", "formula", "class", "monotone", "convex", "source"],
        [
            (
                ", ".join([row["name"], *row["aliases"]]),
                row["summary"] + ("" if row["surrogate"] is None else f" {MARK}"),
                _smoothness(row["smooth"]),
                _verdict(row, "monotone"),
                _verdict(row, "convex"),
                row["citation"],
            )
            for row in rows
        ],
        caption="yes: proved for all admissible parameters; no: refuted; some: holds at the "
        "default parameters but not for all; ?: undecided. 'rescu show NAME' gives formula, "
        f"proofs and full source. {MARK}: {LABEL}.",
    )


def show(
    name: options.Name,
    beta: options.Beta = None,
    settings: options.Set = None,
    json: options.Json = False,
) -> None:
    """Show the property card of an activation: formula, pieces, claims, gain."""
    from rescu_cli.cli import render

    card = api.show(name, options.overrides(beta, settings))
    if json:
        render.emit_json("show", card.to_dict())
    else:
        render.print_card(card)


def _smoothness(claim: dict[str, object]) -> str:
    if claim["status"] != "proved":
        return "?"
    return "C∞" if claim["value"] == "inf" else f"C{claim['value']}"


def _verdict(row: dict[str, Any], claim: str) -> str:
    status = str(row[claim]["status"])
    if status == "refuted" and claim in row["holds_at_default"]:
        return "some"
    return {"proved": "yes", "refuted": "no"}.get(status, "?")
