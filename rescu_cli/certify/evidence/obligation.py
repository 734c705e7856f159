"""`Obligation`: one small statement that a claim rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sympy as sp

from rescu_cli.core.symbols import spell

Kind = Literal[
    "nonnegative", "positive", "vanishes", "positive_at", "nonnegative_at", "differs_at", "limit",
    "analytic", "continuous", "again",
]  # fmt: skip
Point = tuple[tuple[sp.Symbol, sp.Expr], ...]


@dataclass(frozen=True)
class Obligation:
    """A statement about an expression in x and the free parameters.

    ==============  ==================================================================
    nonnegative     expr ≥ 0 for all admissible parameters and lower < x < upper
    positive        expr > 0 for all of them
    vanishes        expr = 0 for all of them
    positive_at     expr > 0 at ``point``
    nonnegative_at  expr ≥ 0 at ``point``
    differs_at      expr ≠ 0 at ``point``
    limit           expr → ``value`` as x → ``side``·∞
    analytic        expr is real analytic on the interval and at its finite ends
    continuous      expr is real and continuous there
    again           no smaller statement is known: the claim itself, decided once more
    ==============  ==================================================================

    Args:
        kind: One of the table.
        expr: What it is about.
        lower: Left end of x.
        upper: Right end of x.
        point: Values of the symbols, for the kinds ``…_at``.
        value: The limit.
        side: 1 or −1, of a limit.
    """

    kind: Kind
    expr: sp.Expr = sp.S.Zero
    lower: sp.Expr = sp.S.NegativeInfinity
    upper: sp.Expr = sp.S.Infinity
    point: Point = ()
    value: sp.Expr | None = None
    side: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data; what is compared when a certificate is replayed."""
        if self.kind == "again":
            return {"kind": self.kind}
        data: dict[str, Any] = {"kind": self.kind, "expr": spell(self.expr)}
        if self.kind in ("nonnegative", "positive", "analytic", "continuous"):
            data |= {"from": str(self.lower), "to": str(self.upper)}
        if self.point:
            data["point"] = {str(s): str(v) for s, v in self.point}
        if self.kind == "limit":
            data |= {"side": self.side, "value": str(self.value)}
        return data
