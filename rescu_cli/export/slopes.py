"""Derivatives by a parameter of branch-free forms, tidied so that infinities cancel on paper."""

from __future__ import annotations

import sympy as sp

from rescu_cli.core.activation import Piece
from rescu_cli.core.symbols import Phi, X, expm1, sigmoid
from rescu_cli.export.bell import uncancelled


def parameter_slope(form: sp.Expr, parameter: sp.Symbol) -> sp.Expr:
    """∂form/∂parameter in the vocabulary of programs (Heaviside is ``step``).

    Example:
        >>> from rescu_cli.core.symbols import POSITIVE, X
        >>> beta = POSITIVE.symbol("beta")
        >>> parameter_slope(sp.Max(0, beta - X) ** 2 / 2, beta)
        Max(0, beta - x)
    """
    slope = sp.diff(form, parameter)
    slope = _in_one_variable(_one_sided(slope.replace(sp.Mul, _absorbed)))
    if slope.is_Add:
        slope = _cancelled(slope)
    return uncancelled(slope)


def _one_sided(slope: sp.Expr) -> sp.Expr:
    """Weights of branches that sum to 1 where the branches meet.

    SymPy gives step(a − b) and step(b − a) to the branches of a maximum, and sign to |u|: at a tie,
    which rounding makes of much that is none, all of them are 0 and the slope is lost. Here one of
    two mirrored steps becomes 1 − step, in favour of the longer argument (√(x² + c), not x); steps
    that fall with x, and sign(u), are written by those that rise.
    """
    slope = slope.replace(sp.sign, lambda u: 2 * sp.Heaviside(u) - 1)
    for step in sorted(slope.atoms(sp.Heaviside), key=str):
        u, mirrored = step.args[0], sp.Heaviside(-step.args[0])
        rate = sp.diff(u, X)
        if rate.is_number and rate != 0:
            if rate < 0:  # all that meet at one joint answer for its left side
                slope = slope.xreplace({step: 1 - mirrored})
        elif {step, mirrored} <= slope.atoms(sp.Heaviside):
            kept, other = (mirrored, step) if _leads(u) else (step, mirrored)
            slope = slope.xreplace({other: 1 - kept})
    return slope


def _in_one_variable(slope: sp.Expr) -> sp.Expr:
    """A polynomial in max(h − |x|, 0) by Horner's rule in v = max(h − |x|, 0)/h.

    A derivative by h of nested products leaves a sum over them, which is longer, and cancels.
    """
    hats = {m for m in slope.atoms(sp.Max) if _hat(m)}
    if len(hats) != 1:
        return slope
    (hat,) = hats
    half = _hat(hat)
    v = sp.Dummy("v", positive=True)
    inside = next(a for a in hat.args if a != 0)
    in_v = slope.xreplace({hat: half * v, sp.Heaviside(inside): sp.S.One})
    if in_v.has(X):
        return slope
    poly = sp.Poly(sp.expand(in_v), v)
    terms = {degree: sp.simplify(c) for (degree,), c in poly.terms()}
    size, n = hat / half, min(terms)
    if n < 1:  # then the step counts
        return slope
    total = sp.S.Zero
    for degree in range(max(terms), n - 1, -1):
        total = terms.get(degree, sp.S.Zero) + size * total
    return size**n * total


def _hat(m: sp.Expr) -> sp.Expr | None:
    """The h of max(h − |x|, 0), a positive number or parameter; else None."""
    if not (isinstance(m, sp.Max) and len(m.args) == 2 and sp.S.Zero in m.args):
        return None
    half = next(a for a in m.args if a != 0) + sp.Abs(X)
    return half if half.is_positive and not half.has(X) else None


def _leads(difference: sp.Expr) -> bool:
    """Whether the longest term of a − b belongs to a."""
    longest = max(sp.Add.make_args(difference), key=lambda t: (sp.count_ops(t), str(t)))
    return not longest.could_extract_minus_sign()


def _absorbed(*factors: sp.Expr) -> sp.Expr:
    """step(u)·max(u, 0) is max(u, 0)."""
    bases = {f.as_base_exp()[0] for f in factors}
    kept = [
        f for f in factors if not (isinstance(f, sp.Heaviside) and sp.Max(0, f.args[0]) in bases)
    ]
    return sp.Mul(*kept)


def _cancelled(expr: sp.Expr) -> sp.Expr:
    """a·x − a·max(x, low)·G as a·min(x − low, 0) + a·max(x, low)·(1 − G): no ∞ − ∞."""
    terms = list(sp.Add.make_args(expr))
    lone = next((t for t in terms if t.has(X) and not (t / X).has(X)), None)
    if lone is None:
        return expr
    scale = lone / X
    for term in terms:
        factors = sp.Mul.make_args(-term / scale)
        gate = next((f for f in factors if isinstance(f, Phi | sigmoid)), None)
        floor = sp.Mul(*[f for f in factors if f is not gate])
        if gate is not None and isinstance(floor, sp.Max) and X in floor.args:
            low = sp.Add(*[a for a in floor.args if a != X])
            rest = sp.Add(*[t for t in terms if t not in (lone, term)])
            mirrored = gate.func(-gate.args[0])
            return rest + scale * (sp.Min(X - low, 0) + floor * mirrored)
    return expr


def piece_slope(piece: Piece, parameter: sp.Symbol) -> sp.Expr:
    """∂piece/∂parameter for x in the piece, without e^u − 1 − u·e^u, where all digits cancel.

    A polynomial is factored: it vanishes exactly where a factor does.
    """
    slope = sp.diff(piece.value, parameter)
    for exponential in slope.atoms(sp.exp):
        u = exponential.args[0]
        falls = piece.upper == 0 and (u / X).is_positive
        if falls and sp.expand(slope - exponential + 1 + u * exponential) == 0:
            return _exponential_gap(u)
    return sp.factor(slope) if slope.is_polynomial(X) else slope


_NEAR = -sp.S.Half
_GAP_TERMS = 14
"""Of Σ v^k/(k!·(k + 2)): what they leave for −1/2 ≤ v ≤ 0 is below 2^−53 of the sum."""


def _exponential_gap(u: sp.Expr) -> sp.Expr:
    """e^u − 1 − u·e^u for u ≤ 0, as −u²·Σ u^k/(k!·(k + 2)) down to u = −1/2."""
    near, far = sp.Max(u, _NEAR), sp.Min(u, _NEAR)
    series = sp.S.Zero
    for k in reversed(range(_GAP_TERMS)):
        series = 1 / (sp.factorial(k) * (k + 2)) + near * series
    beyond = sp.Heaviside(_NEAR - u)
    return beyond * (expm1(far) - far * sp.exp(far)) - (1 - beyond) * near**2 * series
