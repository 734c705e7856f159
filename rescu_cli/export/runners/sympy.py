"""The expressions of a SymPy artifact, evaluated as exactly as the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from rescu_cli.core.activation import Activation, Owner, Piece
from rescu_cli.core.reference import Reference, What
from rescu_cli.core.symbols import X
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.loader import load
from rescu_cli.export.runners.base import Array, Runner


class SympyRunner(Runner):
    """The pieces of the text, put together again."""

    slopes = False

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(f"sympy {sp.__version__}")
        module, name, activation = load(artifact), artifact.name, artifact.activation
        values = _branches(getattr(module, name))
        gradients = _branches(getattr(module, f"{name}_gradient"))
        ends = [sp.S.NegativeInfinity, *(end for _, end, _ in values[:-1]), sp.S.Infinity]
        again = Activation(
            name=activation.name,
            parameters=activation.parameters,
            pieces=tuple(
                Piece(low, high, value, gradient)
                for low, high, (value, *_), (gradient, *_) in zip(
                    ends, ends[1:], values, gradients, strict=False
                )
            ),
            owners=tuple(owner for *_, owner in values[:-1]),
            relations=activation.relations,
        )
        self._reference = Reference(again.with_defaults())

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        quantity: What = "gradient" if what == "gradient" else "value"
        results = [self._reference(x, quantity) for x in points.tolist()]
        return {"expression": np.array(results, dtype=np.float64)}


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner; the parameters are those that the text fixes, exactly."""
    return SympyRunner(artifact)


def _branches(expr: sp.Expr) -> list[tuple[sp.Expr, sp.Expr, Owner]]:
    """(expression, right end, owner of that end) of each branch of a Piecewise."""
    if not isinstance(expr, sp.Piecewise):
        return [(sp.sympify(expr, strict=True), sp.S.Infinity, "left")]
    rows: list[tuple[sp.Expr, sp.Expr, Owner]] = []
    for branch, condition in expr.args:
        end = sp.S.Infinity
        if isinstance(condition, Relational):
            # However SymPy has turned it round: left − right is linear in x, with slope 1.
            (end,) = sp.Poly(condition.lts - condition.gts, X).all_coeffs()[1:]
            end = -end
        strict = isinstance(condition, sp.StrictLessThan | sp.StrictGreaterThan)
        rows.append((branch, end, "right" if strict else "left"))
    return rows
