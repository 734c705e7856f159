"""Narrow the domains of an activation's parameters to what the user assumes."""

from __future__ import annotations

from dataclasses import replace

from rescu_cli.core.activation import Activation, Forms, Kink, Piece
from rescu_cli.core.assumptions import Assumptions, Relation
from rescu_cli.core.symbols import Parameter
from rescu_cli.errors import AssumptionError, UsageError


def restrict(activation: Activation, known: Assumptions) -> Activation:
    """The same activation with every free parameter's domain cut down to ``known``.

    A symbol's sign is part of it in SymPy, so a narrower domain can mean a new symbol; it is
    replaced everywhere.

    Raises:
        AssumptionError: If nothing is left of a domain, or a relation is about a parameter that
            the activation does not have.
    """
    names = {p.name for p in activation.free_parameters}
    changed: list[Parameter] = []
    for p in activation.parameters:
        wanted = known.domains.get(p.name)
        if p.value is not None or wanted is None:
            changed.append(p)
            continue
        try:
            changed.append(replace(p, domain=p.domain.intersect(wanted)))
        except UsageError:
            raise AssumptionError(
                f"{activation.name} needs {p.domain.describe(p.name)}, which contradicts the "
                f"assumption {wanted.describe(p.name)}."
            ) from None
    swap = {
        old.symbol: new.symbol
        for old, new in zip(activation.parameters, changed, strict=True)
        if old.value is None and old.symbol != new.symbol
    }
    symbols = {p.name: p.symbol for p in changed if p.value is None}
    relations = list(activation.relations)
    for relation in known.relations:
        used = {s.name for s in relation.expr.free_symbols}
        if not used <= names:
            continue
        expr = relation.expr.xreplace({s: symbols[s.name] for s in relation.expr.free_symbols})
        if all(str(expr) != str(r.expr) for r in relations):
            relations.append(Relation(expr, relation.strict))
    kink = activation.kink
    forms = activation.forms
    backward = activation.surrogate
    return replace(
        activation,
        parameters=tuple(changed),
        pieces=tuple(
            Piece(*(e.xreplace(swap) for e in (p.lower, p.upper, p.value, p.gradient)))
            for p in activation.pieces
        ),
        relations=tuple(Relation(r.expr.xreplace(swap), r.strict) for r in relations),
        kink=kink
        and Kink(*(e.xreplace(swap) for e in (kink.slope_left, kink.slope_right, kink.at,
                                              kink.offset))),
        forms=forms and Forms(forms.value.xreplace(swap), forms.gradient.xreplace(swap)),
        surrogate=backward and replace(backward, shift=backward.shift.xreplace(swap)),
    )  # fmt: skip
