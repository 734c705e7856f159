"""The tableau: every named gradient profile with its kernel, in the standard variable t.

A profile is a symmetric density k with mean zero (the kernel), its distribution function K (the
gradient shape from 0 to 1) and the two integrals that the two ways to an activation use:

* from the gradient:  P(t) = ∫_{−∞}^t K(s) ds,
* from the kernel:    M(t) = ∫_{−∞}^t s·k(s) ds, so that (ReLU * k)(t) = t·K(t) − M(t).

``tests/theorems`` checks K′ = k, P′ = K, M′ = t·k and P = t·K − M for every row, symbolically and
against quadrature; nothing here is taken on trust. Since k is symmetric, P(t) = max(t, 0) + B(|t|)
with the bump B(y) = P(−y): the form that never cancels, used for generated code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import sympy as sp

from rescu_cli.core.symbols import Phi, expm1, log1p, sigmoid
from rescu_cli.errors import UnknownNameError, UnsupportedError

T = sp.Symbol("t", real=True)
"""The standard variable: t = (x − centre)/half-width."""

_BIG = sp.Integer(2) ** 60
"""t² stays finite in float32 up to here, and 1 − K(t) is below its rounding long before."""
_MAX_ORDER = 20


@dataclass(frozen=True)
class Profile:
    """One row: expressions in ``T``, one per stretch between ``joints``.

    Args:
        shape: Name of the gradient shape.
        kernel: Name of the kernel.
        joints: Ascending joints in t; empty for analytic profiles.
        density: k on each stretch.
        cdf: K on each stretch.
        primitive: P on each stretch; for a kernel without first moment, the one with P(0) = 0.
        moment: M on each stretch; None if the first moment does not exist.
        bump: B(|t|) in safe arithmetic, as a function of T.
        cdf_safe: K in safe arithmetic.
        variance: ∫ t²k, ``oo`` if it diverges.
        note: What the field knows it as.
    """

    shape: str
    kernel: str
    joints: tuple[sp.Expr, ...]
    density: tuple[sp.Expr, ...]
    cdf: tuple[sp.Expr, ...]
    primitive: tuple[sp.Expr, ...]
    moment: tuple[sp.Expr, ...] | None
    bump: sp.Expr
    cdf_safe: sp.Expr
    variance: sp.Expr
    note: str = ""
    aliases: tuple[str, ...] = field(default=())

    @property
    def compact(self) -> bool:
        """Whether the transition ends at t = ±1 (so that half-widths are true half-widths)."""
        return bool(self.joints) and self.joints[0] == -1

    @property
    def peak(self) -> sp.Expr:
        """k(0), the steepest rise of the gradient."""
        middle = len(self.density) // 2
        return self.density[middle].subs(T, 0)


def _polynomial(shape: str, kernel: str, density: sp.Expr, note: str = "") -> Profile:
    """A compact profile from a polynomial density on [−1, 1], everything integrated exactly."""
    cdf = sp.factor(_integral(density, -1))
    primitive = sp.factor(_integral(cdf, -1))
    moment = sp.factor(_integral(T * density, -1))
    v = sp.Max(1 - sp.Abs(T), 0)  # distance into the transition: no digits are lost in it
    w = sp.Min(sp.Max((T + 1) / 2, 0), 1)
    s = sp.Dummy()
    in_v = sp.horner(sp.Poly(sp.expand(primitive.subs(T, s - 1)), s).as_expr())
    lowest = min(m[0] for m in sp.Poly(sp.expand(primitive.subs(T, s - 1)), s).monoms())
    in_v = s**lowest * sp.horner(sp.cancel(primitive.subs(T, s - 1) / s**lowest))
    # K = w^(n+1)·ΣC(n+k, k)·r^k with r = 1 − w: all terms positive, nothing cancels near 1.
    in_w = sp.expand(cdf.subs(T, 2 * s - 1))
    order = min(m[0] for m in sp.Poly(in_w, s).monoms())
    in_r = sp.horner(sp.expand(sp.cancel(in_w / s**order).subs(s, 1 - s)))
    r = sp.Min(sp.Max((1 - T) / 2, 0), 1)
    one, zero = sp.S.One, sp.S.Zero
    return Profile(
        shape=shape,
        kernel=kernel,
        joints=(-one, one),
        density=(zero, density, zero),
        cdf=(zero, cdf, one),
        primitive=(zero, primitive, T),
        moment=(zero, moment, zero),
        bump=in_v.subs(s, v),
        cdf_safe=w**order * in_r.subs(s, r),
        variance=_integral(T**2 * density, -1).subs(T, 1),
        note=note,
    )


def _integral(expr: sp.Expr, start: int) -> sp.Expr:
    antiderivative = sp.Poly(sp.expand(expr), T).integrate().as_expr()
    return sp.expand(antiderivative - antiderivative.subs(T, start))


def smoothstep(n: int) -> Profile:
    """The smoothstep of order n: density ∝ (1 − t²)^n, gradient C^(n−1)... joined C^n to 0 and 1.

    Raises:
        UnsupportedError: If n is not between 0 and 20.
    """
    if not 0 <= n <= _MAX_ORDER:
        raise UnsupportedError(
            f"smoothstep:{n} is not available; the order goes from 0 to {_MAX_ORDER}."
        )
    shape, kernel, note = {
        0: ("piecewise-linear", "box", "the ramp; gives SmeLU and gSmeLU"),
        1: ("smoothstep", "epanechnikov", "3w² − 2w³; the base of S-ReLU (2026)"),
        2: ("smootherstep", "biweight", "6w⁵ − 15w⁴ + 10w³"),
    }.get(n, (f"smoothstep:{n}", f"(1-t^2)^{n}", f"smoothstep of order {n}"))
    norm = _integral((1 - T**2) ** n, -1).subs(T, 1)
    return _polynomial(shape, kernel, sp.expand((1 - T**2) ** n) / norm, note)


def _triangle() -> Profile:
    zero, one = sp.S.Zero, sp.S.One
    return Profile(
        shape="triangle",
        kernel="triangle",
        joints=(-one, zero, one),
        density=(zero, 1 + T, 1 - T, zero),
        cdf=(zero, (1 + T) ** 2 / 2, 1 - (1 - T) ** 2 / 2, one),
        primitive=(zero, (1 + T) ** 3 / 6, T + (1 - T) ** 3 / 6, T),
        moment=(zero, T**2 / 2 + T**3 / 3 - sp.Rational(1, 6),
                T**2 / 2 - T**3 / 3 - sp.Rational(1, 6), zero),
        bump=sp.Max(1 - sp.Abs(T), 0) ** 3 / 6,
        # K = v²/2 left of 0 and 1 − v²/2 right of it, v = max(1 − |t|, 0); r = clip(t, 0, 1)
        # adds r(2 − r) = 1 − v² on the right and nothing on the left.
        cdf_safe=sp.Max(1 - sp.Abs(T), 0) ** 2 / 2
        + sp.Min(sp.Max(T, 0), 1) * (2 - sp.Min(sp.Max(T, 0), 1)),
        variance=sp.Rational(1, 6),
        note="two box averages in a row",
    )  # fmt: skip


def _cosine() -> Profile:
    zero, one, pi = sp.S.Zero, sp.S.One, sp.pi
    z = pi * sp.Max(1 - sp.Abs(T), 0) / 2
    return Profile(
        shape="cosine",
        kernel="cosine",
        joints=(-one, one),
        density=(zero, pi * sp.cos(pi * T / 2) / 4, zero),
        cdf=(zero, (1 + sp.sin(pi * T / 2)) / 2, one),
        primitive=(zero, (T + 1) / 2 - sp.cos(pi * T / 2) / pi, T),
        moment=(zero, T * sp.sin(pi * T / 2) / 2 + sp.cos(pi * T / 2) / pi - sp.Rational(1, 2),
                zero),
        bump=(z - sp.sin(z)) / pi,
        # (1 + sin a)/2 = sin²(w·π/2) with w = clip((t + 1)/2): no digits lost near −1
        cdf_safe=sp.sin(pi * sp.Min(sp.Max((T + 1) / 2, 0), 1) / 2) ** 2,
        variance=1 - 8 / pi**2,
        note="(1 − cos πw)/2",
    )  # fmt: skip


def _logistic() -> Profile:
    return Profile(
        shape="logistic",
        kernel="logistic",
        joints=(),
        density=(sp.exp(-T) / (1 + sp.exp(-T)) ** 2,),
        cdf=(1 / (1 + sp.exp(-T)),),
        primitive=(sp.log(1 + sp.exp(T)),),
        moment=(T / (1 + sp.exp(-T)) - sp.log(1 + sp.exp(T)),),
        bump=log1p(sp.exp(-sp.Abs(T))),
        cdf_safe=sigmoid(T),
        variance=sp.pi**2 / 3,
        note="gives softplus",
    )


def _gaussian() -> Profile:
    phi = sp.exp(-(T**2) / 2) / sp.sqrt(2 * sp.pi)
    cdf = (1 + sp.erf(T / sp.sqrt(2))) / 2
    y = sp.Min(sp.Abs(T), 40)  # φ(40) is 0 in every float format; keeps y·erfc(y) from inf·0
    return Profile(
        shape="gaussian",
        kernel="gaussian",
        joints=(),
        density=(phi,),
        cdf=(cdf,),
        primitive=(T * cdf + phi,),
        moment=(-phi,),
        bump=sp.exp(-(y**2) / 2) / sp.sqrt(2 * sp.pi) - y * Phi(-y),
        cdf_safe=Phi(T),
        variance=sp.S.One,
        note="gives x·Φ + φ; on a leaky base SAU",
    )


def _student2() -> Profile:
    r = sp.sqrt(1 + T**2)
    y = sp.Abs(T)
    ry = sp.Max(sp.sqrt(1 + sp.Min(y, _BIG) ** 2), y)  # √(1 + y²) is y beyond, and y² overflows
    tail = 1 / (2 * (1 + y * (y + ry)))
    # 1 right of 0 and 0 left of it; within 2^−60 of 0, 1 − 2K(−y) is 0 in every format
    passed = sp.Min(_BIG * sp.Max(T, 0), 1)
    return Profile(
        shape="algebraic",
        kernel="student2",
        joints=(),
        density=(1 / (2 * (1 + T**2) ** sp.Rational(3, 2)),),
        cdf=((1 + T / r) / 2,),
        primitive=((T + r) / 2,),
        moment=(-1 / (2 * r),),
        bump=1 / (ry / 2 + y / 2) / 4,  # not 1/(2(r + y)), which would be 0 where r + y overflows
        # K(−y) = 1/(2r(r + y)) = 1/(2(1 + y(y + r))) without cancellation, and K(y) = 1 − K(−y)
        cdf_safe=tail + passed * (1 - 2 * tail),
        variance=sp.S.Infinity,
        note="Student's t with 2 degrees of freedom; gives squareplus",
    )


def _cauchy() -> Profile:
    y = sp.Abs(T)
    c = sp.Integer(2) ** 30
    tiny = sp.Integer(2) ** -100
    # log(1 + y²)/2 = log1p(m²)/2 + log(y/m) beyond m = 2^30, where 1/y² is below rounding
    half_log = log1p(sp.Min(y, c) ** 2) / 2 + sp.log(sp.Max(y, c) / c)
    return Profile(
        shape="arctan",
        kernel="cauchy",
        joints=(),
        density=(1 / (sp.pi * (1 + T**2)),),
        cdf=(sp.Rational(1, 2) + sp.atan(T) / sp.pi,),
        primitive=(T / 2 + (T * sp.atan(T) - sp.log(1 + T**2) / 2) / sp.pi,),
        moment=None,
        bump=-(sp.Min(y, c) * sp.atan(1 / sp.Max(sp.Min(y, c), tiny)) + half_log) / sp.pi,
        cdf_safe=sp.Rational(1, 2) + sp.atan(T) / sp.pi,
        variance=sp.S.Infinity,
        note="no first moment: the left tail of its integral falls like −log|x|",
    )


def _laplace() -> Profile:
    return Profile(
        shape="laplace",
        kernel="laplace",
        joints=(sp.S.Zero,),
        density=(sp.exp(T) / 2, sp.exp(-T) / 2),
        cdf=(sp.exp(T) / 2, 1 - sp.exp(-T) / 2),
        primitive=(sp.exp(T) / 2, T + sp.exp(-T) / 2),
        moment=((T - 1) * sp.exp(T) / 2, -(T + 1) * sp.exp(-T) / 2),
        bump=sp.exp(-sp.Abs(T)) / 2,
        cdf_safe=sp.exp(-sp.Abs(T)) / 2 - expm1(-sp.Max(T, 0)),
        variance=sp.Integer(2),
        note="two-sided exponential",
    )


_TABLE: dict[str, Callable[[], Profile]] = {
    "piecewise-linear": lambda: smoothstep(0),
    "smoothstep": lambda: smoothstep(1),
    "smootherstep": lambda: smoothstep(2),
    "triangle": _triangle,
    "cosine": _cosine,
    "logistic": _logistic,
    "gaussian": _gaussian,
    "algebraic": _student2,
    "arctan": _cauchy,
    "laplace": _laplace,
}
_KERNELS = {
    "box": "piecewise-linear",
    "triangle": "triangle",
    "epanechnikov": "smoothstep",
    "biweight": "smootherstep",
    "cosine": "cosine",
    "logistic": "logistic",
    "gaussian": "gaussian",
    "laplace": "laplace",
    "student2": "algebraic",
    "cauchy": "arctan",
}
SHAPES: tuple[str, ...] = ("step", *_TABLE)
"""Names of gradient shapes; ``smoothstep:n`` is a family beside them."""
KERNELS: tuple[str, ...] = tuple(_KERNELS)


@cache
def profile(shape: str) -> Profile:
    """The row of a gradient shape by name, ``smoothstep:n`` included.

    Raises:
        UnknownNameError: If there is none.
        UnsupportedError: If the order of ``smoothstep:n`` is out of range.

    Example:
        >>> profile("piecewise-linear").cdf[1]
        (t + 1)/2
    """
    head, _, order = shape.partition(":")
    if head == "smoothstep" and order.isdecimal() and len(order) < 4:
        return smoothstep(int(order))
    if shape not in _TABLE:
        raise UnknownNameError("gradient shape", shape[:60], [*SHAPES, "smoothstep:n"])
    return _TABLE[shape]()


def kernel_profile(kernel: str) -> Profile:
    """The row of a kernel by name.

    Raises:
        UnknownNameError: If there is none.
    """
    if kernel not in _KERNELS:
        raise UnknownNameError("kernel", kernel[:60], KERNELS)
    return profile(_KERNELS[kernel])
