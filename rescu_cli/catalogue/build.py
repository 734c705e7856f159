"""How a catalogue entry is put together: from explicit pieces, or from a placed profile."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from rescu_cli.core.activation import Activation, Forms, Kink, Piece, Source, left_owned
from rescu_cli.core.derive import derive
from rescu_cli.core.profiles import profile
from rescu_cli.core.shape import Placement, placed_shape, tidy
from rescu_cli.core.symbols import POSITIVE, Parameter, X

RELU_KINK = Kink(sp.S.Zero, sp.S.One)
SHARPNESS = Parameter("k", POSITIVE, "sharpness; large k approaches ReLU", sp.S.One)


def explicit(
    name: str,
    values: list[sp.Expr],
    *,
    summary: str,
    source: Source,
    joints: tuple[sp.Expr, ...] = (),
    parameters: tuple[Parameter, ...] = (),
    gradients: list[sp.Expr] | None = None,
    kink: Kink | None = RELU_KINK,
    scaling: tuple[tuple[str, int], ...] = (),
    forms: Forms | None = None,
    remarks: tuple[str, ...] = (),
) -> Activation:
    """An activation from the value on each stretch; gradients are differentiated unless given."""
    ends = [sp.S.NegativeInfinity, *joints, sp.S.Infinity]
    slopes = gradients or [tidy(sp.diff(v, X)) for v in values]
    owners = left_owned(len(joints))
    return Activation(
        name=name,
        parameters=parameters,
        pieces=tuple(
            Piece(low, high, value, slope)
            for low, high, value, slope in zip(ends, ends[1:], values, slopes, strict=False)
        ),
        owners=owners,
        summary=summary,
        source=source,
        kink=kink,
        scaling=scaling,
        forms=forms,
        remarks=remarks,
    )


def placed(
    name: str,
    shape: str,
    parameters: tuple[Parameter, ...],
    *,
    half: sp.Expr,
    summary: str,
    source: Source,
    center: sp.Expr = sp.S.Zero,
    g_minus: sp.Expr = sp.S.Zero,
    g_plus: sp.Expr = sp.S.One,
    scaling: tuple[tuple[str, int], ...] | None = None,
    values: list[sp.Expr] | None = None,
    gradients: list[sp.Expr] | None = None,
    remarks: tuple[str, ...] = (),
) -> Activation:
    """A RESCU member: a profile moved and scaled, integrated, anchored on the left.

    ``values`` and ``gradients`` may restate the pieces in the form the literature uses; a theorem
    test checks that they are the same functions.
    """
    place = Placement(profile(shape), center, half, g_minus, g_plus)
    derived = derive(placed_shape(shape, place, parameters), name=name)
    pieces = tuple(
        replace(
            piece,
            value=values[i] if values else piece.value,
            gradient=gradients[i] if gradients else piece.gradient,
        )
        for i, piece in enumerate(derived.pieces)
    )
    return replace(
        derived,
        pieces=pieces,
        summary=summary,
        source=source,
        scaling=derived.scaling if scaling is None else scaling,
        remarks=remarks,
    )


def clip(expr: sp.Expr, low: sp.Expr | int, high: sp.Expr | int) -> sp.Expr:
    """Expr held within [low, high]."""
    return sp.Min(sp.Max(expr, low), high)
