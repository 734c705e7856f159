"""Families of rational functions, built from text, for the tests of the solver's engine."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.symbols import Parameter, X


def family(values: Sequence[str], joints: Sequence[str] = (), assume: str = "") -> Activation:
    """Pieces given as text; every parameter that occurs is declared as the assumptions say."""
    known = read_assumptions([assume] if assume else [])
    names = {n: d.symbol(n) for n, d in known.domains.items()} | {"x": X}
    pieces = [sp.sympify(v, locals=names) for v in values]
    ends = [-sp.oo, *(sp.sympify(j, locals=names) for j in joints), sp.oo]
    used = {s.name for e in (*pieces, *ends) for s in e.free_symbols} - {"x"}
    used |= {s.name for r in known.relations for s in r.expr.free_symbols}
    return Activation(
        "family",
        tuple(Parameter(n, known.domains[n]) for n in sorted(used)),
        tuple(
            Piece(a, b, v, sp.diff(v, X)) for a, b, v in zip(ends, ends[1:], pieces, strict=False)
        ),
        ("left",) * len(joints),
        relations=known.relations,
    )
