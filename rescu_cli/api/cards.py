"""Property cards, and the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rescu_cli.api.derivation import Derivation
from rescu_cli.api.named import resolve_all

if TYPE_CHECKING:
    from rescu_cli.certify import Claim
    from rescu_cli.core.activation import Activation


def show(text: str, overrides: Mapping[str, Any] | None = None) -> Derivation:
    """The property card of an activation, symbolic where parameters are left open.

    Example:
        >>> import rescu_cli as rescu
        >>> rescu.show("relu").activation.summary
        'max(x, 0)'
    """
    (activation,) = resolve_all([text], overrides)
    return Derivation(activation, activation.remarks)


def catalogue_rows() -> list[dict[str, Any]]:
    """One row per catalogue activation: formula, smoothness class, monotone, convex, source."""
    from rescu_cli import catalogue
    from rescu_cli.certify import certify
    from rescu_cli.core.surrogate import label

    rows = []
    for name in catalogue.names():
        activation = catalogue.get(name)
        found = {c.claim: c for c in certify(activation, ["smooth", "monotone", "convex"]).claims}
        rows.append(
            {
                "name": name,
                "aliases": _aliases(name),
                "summary": activation.summary,
                "parameters": [p.name for p in activation.parameters],
                "smooth": found["smooth"].to_dict(),
                "monotone": found["monotone"].to_dict(),
                "convex": found["convex"].to_dict(),
                "holds_at_default": _holding_at_default(activation, found),
                "source": str(activation.source),
                "citation": _citation(activation),
                "surrogate": label(activation),
            }
        )
    return rows


def _holding_at_default(activation: Activation, found: Mapping[str, Claim]) -> list[str]:
    """Claims that fail for some parameters but are proved at the default ones."""
    from rescu_cli.certify import Verdict, certify

    refuted = [name for name, claim in found.items() if claim.status is Verdict.REFUTED]
    if not refuted or not activation.free_parameters:
        return []
    at_default = certify(activation.with_defaults(), refuted)
    return [c.claim for c in at_default.claims if c.status is Verdict.PROVED]


def _citation(activation: Activation) -> str:
    source = activation.source
    if source is None:
        return ""
    return source.key + (f", {source.equation}" if source.equation else "")


def _aliases(name: str) -> list[str]:
    from rescu_cli.catalogue.table import TABLE

    return list(TABLE[name].aliases)
