"""Scale parameters at which different families smooth by the same amount.

A smooth rectifier is a kinked line averaged with the kernel k = f″/(g₊ − g₋), where g₋ and g₊ are
the slopes at −∞ and +∞ (Shamir et al. 2020). "The same smoothing" is either the same variance of k
or the same curvature f″(0). A scale parameter moves both by a known power: with f_c(x) = c·f(x/c)
the variance is c² times, the curvature 1/c times the one of f. Hence one evaluation solves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import flint
import mpmath
import sympy as sp

from rescu_cli.core import balls
from rescu_cli.core.activation import Activation
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.budget import OutOfTime, time_budget
from rescu_cli.core.integrate import antiderivative, limit_at_infinity
from rescu_cli.core.profiles import SHAPES, Profile, T, profile
from rescu_cli.core.reference import Reference
from rescu_cli.core.shape import Placement
from rescu_cli.core.symbols import X, plain, vanishes
from rescu_cli.errors import UnknownNameError, UnsupportedError

MEASURES = ("variance", "curvature")
DIGITS = 12
"""Of a matched parameter that is not rational."""

_NOTHING_ASSUMED = Assumptions.of((), ())
_SECONDS = 1.0
_RELATIVE = mpmath.mpf("1e-10")
_DECIMALS = 30
_SHOWN = 6
_PROBES = tuple(sp.Integer(2) ** sp.Rational(n, 2) for n in range(-8, 13))
"""Distances from 0 at which the sign of a kernel is looked at."""


class _UndefinedError(Exception):
    """Why an activation has no such measure: a predicate, whose subject is the activation."""


def match_scale(activations: Sequence[Activation], by: str) -> list[Activation]:
    """The activations with their scale parameters chosen so that all smooth like the first.

    Args:
        activations: The first one is kept; the others leave the parameters of `Activation.scaling`
            free. Every other parameter takes its documented default. Where several parameters
            scale (gSmeLU), the ratio of their defaults stays.
        by: ``variance`` of the kernel f″/(g₊ − g₋), or ``curvature`` f″(0).

    Returns:
        One activation each, without free parameters. A scale that is not rational is a decimal of
        `DIGITS` digits.

    Raises:
        UnknownNameError: If ``by`` is neither.
        UnsupportedError: If a measure does not exist, with the reason, or there is no scale
            parameter, or it was given a value that does not match.

    Example:
        >>> from rescu_cli.catalogue import resolve
        >>> given = [resolve("smelu:beta=1"), resolve("softplus")]
        >>> first, second = match_scale(given, "curvature")
        >>> second.spec
        'softplus:k=2'
    """
    if not activations:
        return []
    first = activations[0].with_defaults()
    wanted = smoothing(first, by)
    return [first, *(_scaled(activation, wanted, by, first) for activation in activations[1:])]


def smoothing(activation: Activation, by: str) -> sp.Expr:
    """How much an activation smooths, positive.

    Args:
        activation: Free parameters take their defaults.
        by: ``variance``: ∫(x − m)²k(x)dx with k = f″/(g₊ − g₋) and m = ∫x·k(x)dx; jumps of f′ are
            point masses of k, and k must be a density. ``curvature``: f″(0).

    Returns:
        An exact expression, or a SymPy float where quadrature had to answer (to 1e-10).

    Raises:
        UnknownNameError: If ``by`` is neither.
        UnsupportedError: If it does not exist or is not positive, with the reason.

    Example:
        >>> from rescu_cli.catalogue import resolve
        >>> smoothing(resolve("smelu:beta=3"), "variance")
        3
    """
    if by not in MEASURES:
        raise UnknownNameError("measure of smoothing", by, MEASURES)
    ready = activation.with_defaults()
    try:
        return _measured(ready, by)
    except _UndefinedError as reason:
        (other,) = (measure for measure in MEASURES if measure != by)
        raise UnsupportedError(
            f"Matching by {by} was asked, but {ready.spec} {reason}. {_instead(ready, other)}"
        ) from reason


def _measured(ready: Activation, by: str) -> sp.Expr:
    return _variance(ready) if by == "variance" else _curvature(ready)


def _instead(ready: Activation, other: str) -> str:
    """What can be done where one measure does not exist."""
    try:
        found = _measured(ready, other)
    except _UndefinedError:
        return f"It has no {other} either: leave it out, or leave every scale as it is."
    return f"It has a {other} of {_show(found)}: match by {other}."


def _scaled(activation: Activation, wanted: sp.Expr, by: str, first: Activation) -> Activation:
    """One activation with the measure of the first: c = √(wanted/found), or found/wanted."""
    found = smoothing(activation, by)
    c = sp.sqrt(wanted / found) if by == "variance" else found / wanted
    c = c if c.has(sp.Float) else sp.radsimp(sp.simplify(c))
    if c == 1:
        return activation.with_defaults()
    if not activation.scaling:
        raise UnsupportedError(
            f"{activation.spec} has no parameter that scales it with x, so its {by} of "
            f"{_show(found)} cannot be moved to the {_show(wanted)} of {first.spec}. Name it "
            "first, and the others will be matched to it."
        )
    free = {p.name for p in activation.free_parameters}
    fixed = [name for name, _ in activation.scaling if name not in free]
    if fixed:
        raise UnsupportedError(
            f"{activation.spec} has {', '.join(fixed)} given, with a {by} of {_show(found)}; "
            f"matching it to the {_show(wanted)} of {first.spec} chooses {', '.join(fixed)}, so "
            "leave it out."
        )
    ready = activation.with_defaults()
    return activation.bind(
        {name: _number(ready.parameter(name).value * c**degree)
         for name, degree in activation.scaling}
    ).with_defaults()  # fmt: skip


def _number(value: sp.Expr) -> sp.Rational:
    """Itself if rational, otherwise a decimal of `DIGITS` digits."""
    return value if value.is_Rational else sp.Rational(str(sp.N(value, DIGITS)))


def _show(value: sp.Expr) -> str:
    return f"{float(value):.{_SHOWN}g}"


# -- curvature ------------------------------------------------------------------------------


def _curvature(activation: Activation) -> sp.Expr:
    around = [
        piece for piece in activation.pieces if piece.lower <= 0 and piece.upper >= 0
    ]  # two where 0 is a joint
    slopes = [sp.simplify(plain(p.gradient).subs(X, 0)) for p in around]
    if not _equal(slopes[0], slopes[-1]):
        raise _UndefinedError(
            f"has no curvature at 0: its gradient jumps there from {_show(slopes[0])} to "
            f"{_show(slopes[-1])}"
        )
    bends = [sp.simplify(sp.diff(plain(p.gradient), X).subs(X, 0)) for p in around]
    if not _equal(bends[0], bends[-1]):
        raise _UndefinedError(
            f"has no curvature at 0: f″ is {_show(bends[0])} left of it and {_show(bends[-1])} "
            "right of it"
        )
    if not bends[0].is_finite or not bends[0] > 0:
        raise _UndefinedError(
            f"has the curvature f″(0) = {bends[0]}, and only a positive one can be matched by a "
            "change of scale"
        )
    return bends[0]


def _equal(a: sp.Expr, b: sp.Expr) -> bool:
    return vanishes(a - b) or abs(sp.N(a - b, _DECIMALS)) < 1e-20


# -- variance -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kernel:
    """The measure f″dx of an activation without free parameters.

    Args:
        stretches: (from, to, f″) of the pieces.
        masses: (joint, jump of f′), where it jumps.
        rise: g₊ − g₋, its total mass.
    """

    stretches: tuple[tuple[sp.Expr, sp.Expr, sp.Expr], ...]
    masses: tuple[tuple[sp.Expr, sp.Expr], ...]
    rise: sp.Expr


def _variance(activation: Activation) -> sp.Expr:
    found = _by_tableau(activation)
    if found is None:
        kernel = _kernel(activation)
        _require_density(kernel)
        _require_light_tails(kernel)
        moments = _exact_moments(kernel) or _quadrature(kernel)
        mean, square = moments
        found = sp.simplify(square - mean**2)
    if not found.is_finite:
        raise _infinite()
    if found.is_negative or (found.has(sp.Float) and found <= 0):
        # Where no probe met a negative value, the moment still shows that there is one.
        raise _UndefinedError(
            "is no average of a kinked line: the second central moment of f″/(g₊ − g₋) is "
            f"{_show(found)}, which no density has"
        )
    if found == 0:
        raise _UndefinedError("has a kink and smooths nothing: the variance of f″ is 0")
    return found


def _infinite() -> _UndefinedError:
    return _UndefinedError(
        "has no variance to match: its f″ falls like |x|⁻³ or slower, so that ∫x²f″ is infinite"
    )


def _by_tableau(activation: Activation) -> sp.Expr | None:
    """h²·∫t²k(t)dt if f′ is shown to be a profile of the tableau with half-width h, else None."""
    kink = activation.kink
    if kink is None:
        return None
    for shape in SHAPES[1:]:
        row = profile(shape)
        if len(row.joints) != len(activation.breakpoints):
            continue
        rise = kink.slope_right - kink.slope_left
        middle = plain(activation.pieces[len(row.density) // 2].gradient)
        peak = sp.diff(middle, X).subs(X, kink.at)
        if peak == 0 or not peak.is_finite:
            continue
        place = Placement(
            row, kink.at, sp.simplify(rise * row.peak / peak), kink.slope_left, kink.slope_right
        )
        if place.half.is_positive and _is_placed(activation, place, row):
            return sp.oo if row.variance is sp.oo else sp.simplify(place.half**2 * row.variance)
    return None


def _is_placed(activation: Activation, place: Placement, row: Profile) -> bool:
    """Whether f′ = g₋ + (g₊ − g₋)·K((x − centre)/half) on every piece, by algebra."""
    rise = place.g_plus - place.g_minus
    joints = [place.center + place.half * joint for joint in row.joints]
    if not all(_equal(a, b) for a, b in zip(joints, activation.breakpoints, strict=True)):
        return False
    differences = [
        plain(piece.gradient) - place.g_minus - rise * cdf.subs(T, place.t)
        for piece, cdf in zip(activation.pieces, row.cdf, strict=True)
    ]
    probe = place.center + place.half / 3
    if any(
        abs(sp.N(difference.subs(X, probe), _DECIMALS)) > 1e-20
        for difference, piece in zip(differences, activation.pieces, strict=True)
        if piece.lower < probe < piece.upper
    ):
        return False  # cheap, and true of nearly every row
    try:
        with time_budget(_SECONDS * 4):
            return all(vanishes(difference) for difference in differences)
    except OutOfTime:
        return False


def _kernel(activation: Activation) -> _Kernel:
    """Pieces and jumps of f″, and its total mass."""
    slopes = [plain(piece.gradient) for piece in activation.pieces]
    ends = [_slope_at_infinity(activation, side) for side in (-1, 1)]
    if not all(end.is_finite for end in ends):
        raise _UndefinedError("has no finite slopes at −∞ and +∞, so f″ is no multiple of a kernel")
    rise = sp.simplify(ends[1] - ends[0])
    if rise == 0:
        raise _UndefinedError(
            f"has the slope {ends[0]} at −∞ and at +∞: it smooths no kink, and f″/(g₊ − g₋) is no "
            "kernel"
        )
    jumps = [
        (joint, sp.simplify((right - left).subs(X, joint)))
        for joint, left, right in zip(activation.breakpoints, slopes, slopes[1:], strict=False)
    ]
    return _Kernel(
        tuple(
            (piece.lower, piece.upper, sp.diff(slope, X))
            for piece, slope in zip(activation.pieces, slopes, strict=True)
        ),
        tuple((joint, jump) for joint, jump in jumps if jump != 0),
        rise,
    )


def _slope_at_infinity(activation: Activation, side: int) -> sp.Expr:
    """Lim f′, exact if SymPy finds it, else read off far out."""
    slope = plain(activation.pieces[0 if side < 0 else -1].gradient)
    found = limit_at_infinity(slope, side, _NOTHING_ASSUMED, _SECONDS)
    if found is not None:
        return found
    far = Reference(activation).at_infinity(side, "gradient")
    return sp.Integer(int(far)) if far.is_integer() else sp.Float(far)


def _require_density(kernel: _Kernel) -> None:
    """Refuses a kernel that is shown to be negative somewhere: its moments are no width.

    Jumps are decided; between them only a coarse grid is looked at, so that a narrow negative
    stretch may pass.

    Raises:
        _UndefinedError: With the place and the value.
    """
    for joint, jump in kernel.masses:
        if (jump / kernel.rise).is_negative:
            raise _negative(joint, f"has a point mass of {_show(jump / kernel.rise)}")
    for lower, upper, bend in kernel.stretches:
        density = bend / kernel.rise
        for place in (sign * probe for probe in _PROBES for sign in (-1, 1)):
            if lower < place < upper:
                value = balls.evaluate(density, {X: balls.evaluate(place, {})})
                if value.is_finite() and value < 0:
                    raise _negative(place, f"is {float(value.mid()):.{_SHOWN}g}")


def _negative(place: sp.Expr, found: str) -> _UndefinedError:
    return _UndefinedError(
        f"is no average of a kinked line: f″/(g₊ − g₋) {found} at x = {_show(place)}, so it is no "
        "density and its variance no width"
    )


def _require_light_tails(kernel: _Kernel) -> None:
    """Refuses f″ ~ |x|^(−p) with p ≤ 3, read off between 2^40 and 2^60.

    Raises:
        _UndefinedError: If ∫x²f″ is infinite.
    """
    with balls.precision(600):  # cancelling terms of size 1 must leave digits of |x|⁻³
        near, far = flint.arb(2) ** 40, flint.arb(2) ** 60
        for (_, _, bend), side in ((kernel.stretches[0], -1), (kernel.stretches[-1], 1)):
            if bend == 0:
                continue
            sizes = [abs(balls.evaluate(bend, {X: side * x})) for x in (near, far)]
            if not all(size.is_finite() and size > 0 for size in sizes):
                continue  # below e^(−2^60), or too small to be told from 0: no power of x
            if (sizes[0] / sizes[1]).log() < flint.arb("3.001") * (far / near).log():
                raise _infinite()


def _exact_moments(kernel: _Kernel) -> tuple[sp.Expr, sp.Expr] | None:
    """∫x·k and ∫x²·k from antiderivatives that were verified; None if one was not found."""
    moments = []
    for power in (1, 2):
        parts = [jump * joint**power for joint, jump in kernel.masses]
        for lower, upper, bend in kernel.stretches:
            part = _integral(X**power * bend, lower, upper)
            if part is None:
                return None
            parts.append(part)
        moments.append(sp.simplify(reduce(add, parts) / kernel.rise))
    return moments[0], moments[1]


def _integral(integrand: sp.Expr, lower: sp.Expr, upper: sp.Expr) -> sp.Expr | None:
    """The definite integral, exact; None if it was not found."""
    if integrand == 0:
        return sp.S.Zero
    found = antiderivative(integrand, lower, upper, _NOTHING_ASSUMED, _SECONDS)
    if found is None:
        return None
    ends = [
        limit_at_infinity(found, 1 if end is sp.oo else -1, _NOTHING_ASSUMED, _SECONDS)
        if end.is_infinite
        else found.subs(X, end)
        for end in (lower, upper)
    ]
    if ends[0] is None or ends[1] is None:
        return None
    return ends[1] - ends[0]


def _quadrature(kernel: _Kernel) -> tuple[sp.Expr, sp.Expr]:
    """∫x·k and ∫x²·k to a relative 1e-10 of ∫x²·|k|, as SymPy floats.

    Raises:
        _UndefinedError: If the quadrature does not settle.
    """
    with mpmath.workdps(_DECIMALS):
        found = []
        for power in (1, 2):
            total = sum(
                (mpmath.mpf(sp.N(jump * joint**power, _DECIMALS)) for joint, jump in kernel.masses),
                mpmath.mpf(0),
            )
            for lower, upper, bend in kernel.stretches:
                if bend == 0:
                    continue
                integrand = sp.lambdify(X, X**power * bend, "mpmath")
                try:
                    value, error = mpmath.quad(
                        integrand, _nodes(lower, upper), error=True, maxdegree=12
                    )
                except (MemoryError, OverflowError) as reason:
                    raise _UndefinedError(
                        "has moments of f″ that could not be computed: its formula overflows far "
                        "from 0"
                    ) from reason
                if not error <= _RELATIVE * max(abs(value), mpmath.mpf("1e-3")):
                    raise _UndefinedError(
                        "has moments of f″ that could not be computed to 1e-10 (error "
                        f"{mpmath.nstr(error, 2)} of {mpmath.nstr(value, 6)})"
                    )
                total += value
            found.append(sp.Float(total / mpmath.mpf(sp.N(kernel.rise, _DECIMALS)), _DECIMALS))
    return found[0], found[1]


def _nodes(lower: sp.Expr, upper: sp.Expr) -> list[mpmath.mpf]:
    """Ends of a stretch, and powers of 4 around 0 between them: the width is not known."""
    low, high = (
        mpmath.mpf(str(sp.N(end, _DECIMALS)).replace("oo", "inf")) for end in (lower, upper)
    )
    powers = [mpmath.mpf(4) ** n for n in range(-4, 5)]
    inner = sorted([*powers, mpmath.mpf(0), *(-power for power in powers)])
    return [low, *(node for node in inner if low < node < high), high]
