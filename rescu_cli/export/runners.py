"""Runs artifacts with the real thing: one runner per target that can be executed.

A runner gives, for value and for gradient, every way in which the artifact computes it (the plain
function, the differentiable one with its backward pass); all of them are compared with the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp
from sympy.core.relational import Relational

from rescu_cli.core.activation import Activation, Owner, Piece
from rescu_cli.core.reference import Reference, What
from rescu_cli.core.symbols import X
from rescu_cli.errors import UnsupportedError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.loader import load

Array = npt.NDArray[np.float64]
Runner = Callable[[Array, str, What], list[Array]]
"""(points as float64, format, what) → one float64 array per way of computing it."""


def runner(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner of an artifact.

    Args:
        artifact: What to run.
        parameters: A number for each of its arguments.

    Raises:
        MissingDependencyError: If its framework is not installed.
        UnsupportedError: If nothing runs such an artifact.
    """
    if artifact.target not in _RUNNERS:
        raise UnsupportedError(
            f"A {artifact.target} artifact is text to read; nothing runs it. --check works for: "
            f"{', '.join(_RUNNERS)}."
        )
    return _RUNNERS[artifact.target](artifact, parameters)


def _torch(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    module, name = load(artifact), artifact.name
    import torch

    def plain(function: Any, x: Any) -> Array:
        result: Array = function(x, **parameters).detach().double().numpy()
        return result

    def differentiated(x: Any, *, again: bool) -> Array:
        """By the backward pass; with a graph for second derivatives, other code runs."""
        x = x.requires_grad_()
        (gradient,) = torch.autograd.grad(
            getattr(module, name)(x, **parameters), x, torch.ones_like(x), create_graph=again
        )
        result: Array = gradient.detach().double().numpy()
        return result

    def run(points: Array, kind: str, what: What) -> list[Array]:
        def fresh() -> Any:
            return torch.from_numpy(points.copy()).to(getattr(torch, kind))

        both = plain(lambda x, **p: getattr(module, f"{name}_value_and_gradient")(x, **p)[
            0 if what == "value" else 1], fresh())  # fmt: skip
        if what == "value":
            return [plain(getattr(module, f"{name}_value"), fresh()), both,
                    plain(getattr(module, name), fresh())]  # fmt: skip
        backward = [differentiated(fresh(), again=again) for again in (False, True)]
        return [plain(getattr(module, f"{name}_gradient"), fresh()), both, *backward]

    return run


def _numpy(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    module, name = load(artifact), artifact.name

    def run(points: Array, kind: str, what: What) -> list[Array]:
        function = getattr(module, name if what == "value" else f"{name}_gradient")
        with np.errstate(over="ignore"):
            x = points.astype(kind)
        result: Array = np.asarray(function(x, **parameters)).astype(np.float64)
        return [result]

    return run


def _sympy(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The expressions of the text, put together again and evaluated as exactly as the truth."""
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
    reference = Reference(again.with_defaults())

    def run(points: Array, kind: str, what: What) -> list[Array]:
        return [np.array([reference(x, what) for x in points.tolist()], dtype=np.float64)]

    return run


def _branches(expr: sp.Expr) -> list[tuple[sp.Expr, sp.Expr, Owner]]:
    """(expression, right end, owner of that end) of each branch of a Piecewise."""
    if not isinstance(expr, sp.Piecewise):
        return [(sp.sympify(expr), sp.S.Infinity, "left")]
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


_RUNNERS: dict[str, Callable[[Artifact, Mapping[str, float]], Runner]] = {
    "torch": _torch,
    "numpy": _numpy,
    "sympy": _sympy,
}
KINDS: dict[str, tuple[str, ...]] = {
    "torch": ("float16", "bfloat16", "float32", "float64"),
    "numpy": ("float16", "float32", "float64"),
    "sympy": ("float64",),
}
"""Formats of each target that is run."""
