"""Derivatives by a parameter of branch-free forms, tidied so that infinities cancel on paper."""

from __future__ import annotations

import sympy as sp

from rescu_cli.core.symbols import Phi, X, sigmoid


def parameter_slope(form: sp.Expr, parameter: sp.Symbol) -> sp.Expr:
    """∂form/∂parameter in the vocabulary of programs (Heaviside is ``step``).

    Example:
        >>> from rescu_cli.core.symbols import POSITIVE, X
        >>> beta = POSITIVE.symbol("beta")
        >>> parameter_slope(sp.Max(0, beta - X) ** 2 / 2, beta)
        Max(0, beta - x)
    """
    slope = sp.diff(form.replace(sp.Max, _beside_the_ray), parameter)
    slope = _one_sided(slope.replace(sp.Mul, _absorbed))
    if slope.is_Add:
        slope = _cancelled(slope)
    return slope


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


def _leads(difference: sp.Expr) -> bool:
    """Whether the longest term of a − b belongs to a."""
    longest = max(sp.Add.make_args(difference), key=lambda t: (sp.count_ops(t), str(t)))
    return not longest.could_extract_minus_sign()


def _beside_the_ray(*args: sp.Expr) -> sp.Expr:
    """max(u, w²/(4h)), w = clip(u + h, 0, 2h), u = x − c, as max(u, 0) + max(h − |u|, 0)²/(4h).

    Where the parabola meets its tangent the first form is chosen by a comparison of rounded
    numbers, and its slope would be that of the wrong side.
    """
    for ray in args:
        if len(args) != 2 or not (X - ray).is_polynomial() or (X - ray).has(X):
            continue
        (parabola,) = (a for a in args if a is not ray)
        clips = [c for c in parabola.atoms(sp.Min) if not (parabola / c**2).has(X)]
        ends = [e for c in clips for e in c.args if not e.has(X)]
        if len(clips) == 1 and len(ends) == 1 and (ends[0] * parabola / clips[0] ** 2) == sp.S.Half:
            half = ends[0] / 2
            return sp.Max(ray, 0) + sp.Max(half - sp.Abs(ray), 0) ** 2 / (4 * half)
    return sp.Max(*args)


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
