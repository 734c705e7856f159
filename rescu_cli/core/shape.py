"""`GradientShape`: the gradient one asks for, in pieces, before it is integrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from rescu_cli.core.activation import Owner, find_parameter, left_owned, require_ascending
from rescu_cli.core.assumptions import Assumptions, Relation
from rescu_cli.core.parse import parse_exact
from rescu_cli.core.profiles import KERNELS, Profile, T, profile
from rescu_cli.core.symbols import POSITIVE, REAL, Domain, Parameter, X
from rescu_cli.errors import ParameterError, UsageError

BETA = Parameter("beta", POSITIVE, "half-width (scale) of the transition", sp.Integer(1))
BETA_RIGHT = Parameter("beta", POSITIVE, "where the transition ends", sp.Integer(1))
ALPHA = Parameter("alpha", POSITIVE, "minus where the transition begins", sp.Integer(1))
G_MINUS = Parameter("g_minus", REAL, "slope far left", sp.S.Zero)
G_PLUS = Parameter("g_plus", REAL, "slope far right", sp.S.One)


@dataclass(frozen=True)
class Placement:
    """A profile K moved and scaled: g(x) = g₋ + (g₊ − g₋)·K((x − centre)/half)."""

    profile: Profile
    center: sp.Expr
    half: sp.Expr
    g_minus: sp.Expr
    g_plus: sp.Expr

    @property
    def t(self) -> sp.Expr:
        """The standard variable as an expression in x."""
        return (X - self.center) / self.half

    def at(self, standard: sp.Expr) -> sp.Expr:
        """An expression of the tableau (in T) written in x."""
        moved = standard.subs(T, self.t)
        return sp.factor(moved) if moved.is_rational_function() else moved


@dataclass(frozen=True)
class GradientShape:
    """A gradient g: smooth expressions between joints.

    Args:
        name: Where it is from: a table name or the text that was typed.
        parameters: Its free parameters.
        breakpoints: Ascending joints.
        pieces: g between them, one more than ``breakpoints``.
        owners: Which neighbour owns each joint (matters only where g jumps).
        relations: Linear relations assumed between parameters.
        placement: Set if g is a row of the tableau, moved and scaled.

    Raises:
        UsageError: If counts do not match or the joints do not provably ascend.
    """

    name: str
    parameters: tuple[Parameter, ...]
    breakpoints: tuple[sp.Expr, ...]
    pieces: tuple[sp.Expr, ...]
    owners: tuple[Owner, ...]
    relations: tuple[Relation, ...] = ()
    placement: Placement | None = None

    def __post_init__(self) -> None:
        if not len(self.pieces) - 1 == len(self.breakpoints) == len(self.owners):
            raise UsageError(
                f"Gradient shape {self.name}: {len(self.pieces)} pieces need "
                f"{len(self.pieces) - 1} joints with owners; found {len(self.breakpoints)} joints "
                f"and {len(self.owners)} owners."
            )
        known = {p.symbol for p in self.parameters if p.value is None} | {X}
        unknown = {s for e in (*self.pieces, *self.breakpoints) for s in e.free_symbols} - known
        if unknown:
            raise UsageError(
                f"Gradient shape {self.name} uses {', '.join(sorted(map(str, unknown)))}, which "
                "is neither x nor one of its parameters."
            )
        require_ascending(self.breakpoints, self.assumptions)

    @property
    def assumptions(self) -> Assumptions:
        return Assumptions.of(self.parameters, self.relations)

    def parameter(self, name: str) -> Parameter:
        """The parameter called ``name``.

        Raises:
            ParameterError: If there is none.
        """
        return find_parameter(self.name, self.parameters, name)

    def bind(self, values: Mapping[str, sp.Expr]) -> GradientShape:
        """The shape with some parameters fixed to exact numbers inside their domains.

        Raises:
            ParameterError: If a value is outside its parameter's domain.
        """
        for p in self.parameters:
            if p.name in values and not p.domain.contains(values[p.name]):
                raise ParameterError(
                    f"{self.name} needs {p.domain.describe(p.name)}; found "
                    f"{p.name}={values[p.name]}."
                )
        swap = {p.symbol: values[p.name] for p in self.parameters if p.name in values}

        def sub(e: sp.Expr) -> sp.Expr:
            return sp.sympify(e, strict=True).subs(swap, simultaneous=True)

        place = self.placement
        return replace(
            self,
            parameters=tuple(
                replace(p, value=values[p.name]) if p.name in values else p
                for p in self.parameters
            ),
            breakpoints=tuple(map(sub, self.breakpoints)),
            pieces=tuple(map(sub, self.pieces)),
            relations=tuple(Relation(sub(r.expr), r.strict) for r in self.relations),
            placement=place
            and Placement(place.profile, *(sub(e) for e in (place.center, place.half,
                                                            place.g_minus, place.g_plus))),
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the placement is found again when the shape is read."""
        return {
            "name": self.name,
            "parameters": [p.to_dict() for p in self.parameters],
            "breakpoints": [str(b) for b in self.breakpoints],
            "pieces": [str(p) for p in self.pieces],
            "owners": list(self.owners),
            "relations": [{"expr": str(r.expr), "strict": r.strict} for r in self.relations],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GradientShape:
        """Inverse of :meth:`to_dict`, through the safe parser.

        Raises:
            UsageError: If a field is missing, of the wrong kind or outside the grammar.
        """
        try:
            parameters = tuple(
                Parameter(
                    p["name"],
                    Domain.from_dict(p["domain"]),
                    p["meaning"],
                    None if p["default"] is None else parse_exact(p["default"], {}),
                )
                for p in data["parameters"]
            )
            names = {p.name: p.symbol for p in parameters} | {"x": X}
            return cls(
                name=data["name"],
                parameters=parameters,
                breakpoints=tuple(parse_exact(b, names) for b in data["breakpoints"]),
                pieces=tuple(parse_exact(p, names) for p in data["pieces"]),
                owners=tuple(data["owners"]),
                relations=tuple(
                    Relation(parse_exact(r["expr"], names), bool(r["strict"]))
                    for r in data["relations"]
                ),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"Not a gradient shape: field {error} is missing or of the wrong kind."
            ) from error


def named_shape(name: str, *, asymmetric: bool = False, leaky: bool = False) -> GradientShape:
    """A shape of the table, symbolic in its parameters.

    The transition runs over [−β, β] (compact profiles) or has scale β (the others); asymmetric
    ones run over [−α, β]; leaky ones rise from g₋ to g₊ instead of from 0 to 1.

    Raises:
        UnknownNameError: If there is no such shape.
        UsageError: If asymmetry is asked of the step, which has no width.
    """
    g_minus = G_MINUS.symbol if leaky else sp.S.Zero
    g_plus = G_PLUS.symbol if leaky else sp.S.One
    slopes = (G_MINUS, G_PLUS) if leaky else ()
    if name == "step":
        if asymmetric:
            raise UsageError("The step has no width; drop --alpha, or choose a smooth shape.")
        return GradientShape("step", slopes, (sp.S.Zero,), (g_minus, g_plus), ("left",))
    if name in KERNELS and name not in _SHAPE_NAMES:
        raise UsageError(f"{name!r} is a kernel; use --kernel {name}.")
    row = profile(name)
    if asymmetric:
        alpha, beta = ALPHA.symbol, BETA.symbol
        center, half = (beta - alpha) / 2, (alpha + beta) / 2
        widths: tuple[Parameter, ...] = (ALPHA, BETA_RIGHT)
    else:
        center, half, widths = sp.S.Zero, BETA.symbol, (BETA,)
    placement = Placement(row, center, half, g_minus, g_plus)
    return placed_shape(name, placement, (*widths, *slopes))


def placed_shape(
    name: str, placement: Placement, parameters: tuple[Parameter, ...],
    relations: tuple[Relation, ...] = (),
) -> GradientShape:  # fmt: skip
    """The shape g₋ + (g₊ − g₋)·K((x − centre)/half) of a tableau row."""
    rise = placement.g_plus - placement.g_minus
    pieces = tuple(
        tidy(placement.g_minus + rise * placement.at(cdf)) for cdf in placement.profile.cdf
    )
    joints = tuple(
        sp.expand(placement.center + placement.half * j) for j in placement.profile.joints
    )
    owners = left_owned(len(joints))
    return GradientShape(name, parameters, joints, pieces, owners, relations, placement)


def tidy(expr: sp.Expr) -> sp.Expr:
    """The shortest of a few equivalent ways to write ``expr``; polynomials in x are collected."""
    if expr.is_Atom or not (expr.is_rational_function(X) or expr.is_polynomial(X)):
        return expr
    expanded = sp.expand(expr)
    if expanded.is_Atom:
        return expanded
    candidates = [expr, expanded, sp.collect(expanded, X), sp.factor(expr)]
    if expr.has(X) and expr.is_polynomial(X) and sp.degree(expanded, X) <= 2:
        candidates.append(sp.collect(expanded, X, sp.factor))
    return min(candidates, key=lambda e: (sp.count_ops(e), len(str(e))))


_SHAPE_NAMES = frozenset({"triangle", "cosine", "logistic", "gaussian", "laplace"})
