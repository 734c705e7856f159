"""What a black box computes stretch by stretch, as polynomials, and what the truth is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rescu_cli.audit.report import shown

Array = npt.NDArray[np.float64]
Ask = Callable[[Array], Array]
_CLOSE = 1e-6


@dataclass(frozen=True)
class Stretch:
    """A function that is a polynomial between two ends.

    Args:
        low: Left end, −inf for none.
        high: Right end.
        coefficients: Ascending powers of x.
    """

    low: float
    high: float
    coefficients: tuple[float, ...]

    @property
    def constant(self) -> float | None:
        """Its value if it has only one."""
        return self.coefficients[0] if len(self.coefficients) == 1 else None

    def where(self) -> str:
        """``for all x <= −1``."""
        if np.isinf(self.low) and np.isinf(self.high):
            return "for all x"
        if np.isinf(self.low):
            return f"for all x <= {shown(self.high)}"
        if np.isinf(self.high):
            return f"for all x >= {shown(self.low)}"
        return f"for {shown(self.low)} <= x <= {shown(self.high)}"


def polynomial(ask: Ask, low: float, high: float, reach: float) -> Stretch | None:
    """The polynomial of degree up to 2 that a function is strictly between two ends, if it is one.

    Args:
        ask: The function.
        low: Left end; infinite ends are taken ``reach`` away.
        high: Right end.
        reach: How far out to sample.
    """
    a = low if np.isfinite(low) else min(-reach, high - reach)
    b = high if np.isfinite(high) else max(reach, low + reach)
    middle, half = (a + b) / 2, (b - a) / 2
    xs = middle + half * np.linspace(-0.995, 0.995, 41)
    ys = ask(xs)
    if not np.all(np.isfinite(ys)):
        return None
    scale = max(1.0, float(np.max(np.abs(ys))))
    for degree in range(3):
        fit = np.polynomial.Polynomial.fit(xs, ys, degree)
        residual: Array = np.abs(np.asarray(fit(xs), dtype=np.float64) - ys)
        if float(residual.max()) <= _CLOSE * scale:
            found = fit.convert().coef
            row = tuple(0.0 if abs(float(c)) < 1e-5 else float(f"{c:.5g}") for c in found)
            return Stretch(low, high, row)
    return None


def formula(coefficients: tuple[float, ...]) -> str:
    """``0.25*x^2 + 0.125*x``, highest power first."""
    terms: list[str] = []
    for power in range(len(coefficients) - 1, -1, -1):
        c = coefficients[power]
        if c == 0:
            continue
        symbol = {0: "", 1: "x"}.get(power, f"x^{power}")
        body = f"{abs(c):.5g}" if not symbol else (
            symbol if abs(c) == 1 else f"{abs(c):.5g}*{symbol}")  # fmt: skip
        sign = "-" if c < 0 else "+"
        terms.append(f"{sign} {body}" if terms else (f"-{body}" if c < 0 else body))
    return " ".join(terms) or "0"


def difference(xs: Array, found: Array, truth: Array) -> str | None:
    """``found − truth`` as a sum of at most two of 1, x, 1/x, x², if it is one everywhere."""
    kept = np.isfinite(found) & (np.abs(xs) > 1e-3)
    xs, gap = xs[kept], (found - truth)[kept]
    if len(xs) < 16:
        return None
    names = ("", "x", "/x", "x^2")
    columns = [np.ones_like(xs), xs, 1 / xs, xs**2]
    for chosen in ((0,), (1,), (2,), (3,), (0, 1), (1, 2), (0, 2), (1, 3)):
        basis = np.column_stack([columns[i] for i in chosen])
        solution, *_ = np.linalg.lstsq(basis, gap, rcond=None)
        allowed = _CLOSE * np.maximum(1.0, np.maximum(np.abs(found[kept]), np.abs(xs)))
        if np.all(np.abs(basis @ solution - gap) <= allowed):
            return _sum([(float(c), names[i]) for c, i in zip(solution, chosen, strict=True)])
    return None


def _sum(terms: list[tuple[float, str]]) -> str:
    text = ""
    for c, name in terms:
        body = f"{abs(c):.5g}" + ("" if not name else name if name == "/x" else f"*{name}")
        sign = "-" if c < 0 else "+"
        text += f" {sign} {body}" if text else (f"-{body}" if c < 0 else body)
    return text
