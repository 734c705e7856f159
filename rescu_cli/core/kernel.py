"""The other way in: smooth a kinked line with a kernel, by convolution.

(base * k)(x) = ∫ base(x − y)·k(y/h)/h dy. For ReLU with its kink at p and t = (x − p)/h this is
(x − p)·K(t) − h·M(t), with K the distribution function and M the partial first moment of k. The
formula never mentions P = ∫K, so that it checks the derivation from the gradient, and is checked
by it.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.derive import derive
from rescu_cli.core.placement import is_zero
from rescu_cli.core.profiles import Profile, kernel_profile
from rescu_cli.core.shape import BETA, Placement, placed_shape, tidy
from rescu_cli.core.symbols import Parameter, X
from rescu_cli.errors import DerivationError


def smooth(
    kernel: str, base: Activation, *, width: Parameter = BETA, name: str | None = None
) -> Activation:
    """``base`` convolved with a kernel of half-width (or scale) ``width``.

    Args:
        kernel: Name of the kernel, e.g. ``gaussian``.
        base: Two straight lines that meet in one point: relu, leaky_relu, ….
        width: The kernel's half-width or scale, as a parameter.
        name: Name of the result.

    Raises:
        UnknownNameError: If there is no such kernel.
        DerivationError: If the kernel has no first moment (Cauchy), or ``base`` is not of that
            form.

    Example:
        >>> from rescu_cli.core.shape import named_shape
        >>> relu = derive(named_shape("step"))
        >>> smooth("box", relu).pieces[1].value
        (beta + x)**2/(4*beta)
    """
    row = kernel_profile(kernel)
    if row.moment is None:
        raise DerivationError(
            f"The {kernel} kernel has no first moment: the convolution with a (leaky) ReLU "
            "diverges, because its left tail grows like log|x|. Use a kernel with lighter tails, "
            f"or derive from the gradient: --gradient {row.shape} --anchor zero."
        )
    left, right, kink = _two_lines(base)
    h = width.symbol
    rise = right.gradient - left.gradient
    parameters = (*base.free_parameters, width)
    place = Placement(row, kink, h, left.gradient, right.gradient)
    # The gradient's route supplies ties and safe forms; the values are computed here.
    frame = derive(placed_shape(f"{base.spec} * {kernel}", place, parameters, base.relations),
                   name=name or f"{base.name}_{kernel}")  # fmt: skip
    pieces = tuple(
        Piece(p.lower, p.upper, _shorter(
            tidy(left.value + rise * _smoothed_relu(row, i, kink, h)), p.value, frame
        ), p.gradient)
        for i, p in enumerate(frame.pieces)
    )  # fmt: skip
    constant = sp.expand(left.value - left.gradient * X)  # convolution keeps the base's own lines
    offset = sp.expand(left.gradient * kink + constant)
    kinked = frame.kink and replace(frame.kink, offset=offset)
    forms = frame.forms and replace(frame.forms, value=frame.forms.value + constant)
    return replace(
        frame,
        pieces=pieces,
        anchor=None,
        kink=kinked,
        forms=forms,
        summary=f"{base.spec} smoothed with the {kernel} kernel",
        limits=(),
    )


def _shorter(convolved: sp.Expr, integrated: sp.Expr, frame: Activation) -> sp.Expr:
    """The shorter spelling, where the two routes are shown to give the same function."""
    if len(str(integrated)) < len(str(convolved)) and is_zero(
        convolved - integrated, frame.assumptions
    ):
        return integrated
    return convolved


def _smoothed_relu(row: Profile, i: int, kink: sp.Expr, h: sp.Expr) -> sp.Expr:
    if row.moment is None:  # refused by the caller; here for the type
        raise DerivationError(f"The {row.kernel} kernel has no first moment.")
    place = Placement(row, kink, h, sp.S.Zero, sp.S.One)
    whole = (X - kink) * place.at(row.cdf[i]) - h * place.at(row.moment[i])
    return sp.factor(whole) if whole.is_rational_function() else whole


def _two_lines(base: Activation) -> tuple[Piece, Piece, sp.Expr]:
    straight = all(not p.gradient.has(X) and not p.value.has(sp.Integral) for p in base.pieces)
    if len(base.pieces) != 2 or not straight:
        raise DerivationError(
            f"The base {base.spec} is not two straight lines; use relu or leaky_relu:alpha=0.1."
        )
    left, right = base.pieces
    if sp.simplify((left.value - right.value).subs(X, left.upper)) != 0:
        raise DerivationError(f"The base {base.spec} jumps at its kink; use a continuous one.")
    return left, right, left.upper
