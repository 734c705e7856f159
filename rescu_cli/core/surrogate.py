"""Surrogate gradients: activations whose backward pass is, on purpose, not that of their value.

A rectifier stops learning where its gradient is 0. Passing backward the gradient at x + α instead
lets units learn that are off by less than α, while what they compute stays the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import sympy as sp

from rescu_cli.core.activation import Activation, Forms, Number, Owner, Piece, Surrogate
from rescu_cli.core.symbols import POSITIVE, Domain, Parameter, X, exact, plain
from rescu_cli.errors import ParameterError, UnsupportedError, UsageError

LABEL = "the backward is not the gradient of the forward"
"""How such an activation is marked wherever it is shown."""
MARK = "†"
"""The same where there is room for one letter; what it means is said beside the table."""
_DIGITS, _ZERO = 60, sp.Float("1e-50")
_LONGEST = 24
_NO_SHIFT = "A backward shift is a finite number, 0 or more, such as 0.05; found {}."
_FLOAT32 = sp.Rational(2) ** -126, (2 - sp.Rational(2) ** -23) * sp.Rational(2) ** 127
"""The smallest normal number and the largest."""


def marked(entry: Mapping[str, Any]) -> str:
    """The activation that an entry of a result is about, marked if it has a surrogate gradient.

    Example:
        >>> marked({"activation": "helu:alpha=0.05", "surrogate": "the backward is not ..."})
        'helu:alpha=0.05 †'
    """
    return str(entry["activation"]) + f" {MARK}" * (entry.get("surrogate") is not None)


def label(activation: Activation) -> str | None:
    """`LABEL` with the interval and the reason; None for an ordinary activation.

    Example:
        >>> from rescu_cli import catalogue
        >>> label(catalogue.resolve("helu:alpha=0.05"))
        'the backward is not the gradient of the forward on (-1/20, 0]: relu at x + 1/20'
    """
    surrogate = activation.surrogate
    if surrogate is None:
        return None
    where = disagreement(activation)
    moved = f"{surrogate.base} at x + {_end(sp.sympify(surrogate.shift, strict=True))}"
    return f"{LABEL}{'' if where is None else f' on {where}'}: {moved}"


def disagreement(activation: Activation) -> str | None:
    """The smallest interval outside which d/dx value = gradient on every piece; None if none.

    Pieces are compared at a few points with many digits, which is no proof; the claim
    ``gradient_matches`` is what decides. To simplify the difference instead may take minutes.

    Example:
        >>> from rescu_cli import catalogue
        >>> disagreement(catalogue.get("helu"))
        '(-alpha, 0]'
    """
    bound = {p.symbol: _generic(p.domain) for p in activation.parameters if p.value is None}
    gaps = [plain(sp.diff(p.value, X) - p.gradient).xreplace(bound) for p in activation.pieces]
    ends = [(p.lower.xreplace(bound), p.upper.xreplace(bound)) for p in activation.pieces]
    differing = [i for i, gap in enumerate(gaps) if not _vanishes(gap, *ends[i])]
    if not differing:
        return None
    first, last = differing[0], differing[-1]
    low, high = activation.pieces[first].lower, activation.pieces[last].upper

    def closed(joint: int, owner: Owner, end: sp.Expr, gap: sp.Expr) -> bool:
        """Whether the end belongs to the piece that differs, and it differs there."""
        owned = 0 <= joint < len(activation.owners) and activation.owners[joint] == owner
        return owned and not _is_zero(gap.subs(X, end))

    left = "[" if closed(first - 1, "right", ends[first][0], gaps[first]) else "("
    right = "]" if closed(last, "left", ends[last][1], gaps[last]) else ")"
    return f"{left}{_end(low)}, {_end(high)}{right}"


def forward(activation: Activation) -> Activation:
    """The same value with its own derivative: joints that only a surrogate gradient has are gone.

    An ordinary activation is given back as it is. For what asks about values only, e.g. where a
    network bends.

    Example:
        >>> from rescu_cli import catalogue
        >>> forward(catalogue.resolve("helu:alpha=0.05")).breakpoints
        (0,)
    """
    if activation.surrogate is None:
        return activation
    pieces: list[Piece] = []
    owners: list[Owner] = []
    for i, piece in enumerate(activation.pieces):
        if pieces and pieces[-1].value == piece.value:
            pieces[-1] = replace(pieces[-1], upper=piece.upper)
            continue
        if pieces:
            owners.append(activation.owners[i - 1])
        pieces.append(replace(piece, gradient=sp.diff(piece.value, X)))
    return replace(
        activation,
        pieces=tuple(pieces),
        owners=tuple(owners),
        forms=None,  # theirs has the surrogate; the pieces are enough
        surrogate=None,
    )


def shift_backward(activation: Activation, alpha: Number) -> Activation:
    """The same value, and backward the gradient at x + α.

    For ReLU this is HeLU: gradient passes where x > −α.

    Args:
        activation: A rectifier, every parameter bound.
        alpha: α ≥ 0; 0 gives the activation back.

    Raises:
        ParameterError: If α is negative, not finite, or nothing that a float32 can hold.
        UsageError: If it is no rectifier, or has such a backward pass already.
        UnsupportedError: If two joints would meet that belong to different sides.

    Example:
        >>> from rescu_cli import catalogue
        >>> shifted = shift_backward(catalogue.resolve("smelu:beta=1"), "0.5")
        >>> shifted.spec, disagreement(shifted)
        ('smelu_shifted:beta=1,shift=0.5', '(-3/2, 1)')
    """
    try:
        shift = exact(alpha)
    except ParameterError:
        raise ParameterError(_NO_SHIFT.format(str(alpha)[:40])) from None
    if shift < 0:
        raise ParameterError(_NO_SHIFT.format(str(alpha)[:40]))
    if shift != 0 and not _FLOAT32[0] <= shift <= _FLOAT32[1]:
        raise ParameterError(
            f"A backward shift of {_end(shift)} asked; a float32 holds numbers between 1.2e-38 and "
            "3.4e+38."
        )
    if activation.surrogate is not None:
        raise UsageError(f"{activation.spec} has a surrogate gradient already: {LABEL}.")
    if activation.kink is None:
        raise UsageError(
            f"A backward shift is for rectifiers; {activation.spec} rounds off no (leaky) ReLU."
        )
    if activation.free_parameters:
        activation = activation.with_defaults()
    if shift == 0:
        return activation
    joints = _joints(activation, shift)
    ends = [sp.S.NegativeInfinity, *(at for at, _ in joints), sp.S.Infinity]
    pieces = []
    for low, high in pairwise(ends):
        inside = _inside(low, high)
        gradient = _piece_at(activation, inside + shift).gradient
        value = _piece_at(activation, inside).value
        pieces.append(Piece(low, high, value, gradient.subs(X, X + shift)))
    forms = activation.forms
    return replace(
        activation,
        name=f"{activation.name}_shifted",
        parameters=(
            *activation.parameters,
            Parameter("shift", POSITIVE, "how far the backward pass is shifted", None, shift),
        ),
        pieces=tuple(pieces),
        owners=tuple(owner for _, owner in joints),
        forms=forms and Forms(forms.value, forms.gradient.subs(X, X + shift)),
        scaling=(),
        limits=(),
        surrogate=Surrogate(activation.spec, shift),
    )


def _joints(activation: Activation, shift: sp.Expr) -> list[tuple[sp.Expr, Owner]]:
    """Joints of the value and of the shifted gradient, ascending, each with its owner."""
    found: list[tuple[sp.Expr, Owner]] = []
    for end, owner in zip(activation.breakpoints, activation.owners, strict=True):
        for at in (end - shift, end):
            twin = next((o for e, o in found if sp.simplify(e - at) == 0), None)
            if twin is None:
                found.append((at, owner))
            elif twin != owner:
                raise UnsupportedError(
                    f"Shifted by {shift}, two joints of {activation.spec} meet at {at} that belong "
                    "to different sides; choose another shift."
                )
    return sorted(found, key=lambda joint: sp.N(joint[0], 60))


def _generic(domain: Domain) -> sp.Expr:
    """A value of a free parameter that no formula singles out."""
    low, high = domain.lower, domain.upper
    if low.is_finite and high.is_finite:
        return low + (high - low) * sp.Rational(35, 89)
    if low.is_finite:
        return low + sp.Rational(67, 89)
    return (high if high.is_finite else sp.S.Zero) - sp.Rational(67, 89)


def _vanishes(gap: sp.Expr, low: sp.Expr, high: sp.Expr) -> bool:
    """Whether a function of x is 0 on an interval, as far as a few points can tell."""
    if gap == 0 or sp.expand(gap) == 0:
        return True
    middle = _inside(low, high)
    reach = (high - low) / 2 if low.is_finite and high.is_finite else sp.S.One
    return all(
        _is_zero(gap.subs(X, middle + reach * step))
        for step in (sp.Rational(k, 97) for k in (0, 31, -53, 89))
    )


def _is_zero(number: sp.Expr) -> bool:
    return number == 0 or bool(abs(sp.N(number, _DIGITS, maxn=4 * _DIGITS)) < _ZERO)


def _inside(low: sp.Expr, high: sp.Expr) -> sp.Expr:
    if low.is_infinite and high.is_infinite:
        return sp.S.Zero
    if low.is_infinite:
        return high - 1
    return low + 1 if high.is_infinite else (low + high) / 2


def _piece_at(activation: Activation, point: sp.Expr) -> Piece:
    return next(p for p in activation.pieces if sp.N(p.upper - point, 60) > 0)


def _end(end: sp.Expr) -> str:
    """A joint or a shift for reading; exact unless that takes more digits than one can read."""
    if end.is_Rational and len(str(end)) > _LONGEST:
        return f"about {sp.N(end, 6)}"
    return str(end).replace("oo", "inf")
