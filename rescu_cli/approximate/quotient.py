"""`Quotient`: a rational function whose denominator is positive by its form.

    form A   Q(x) = 1 + Σ_{i=1}^n |b_i·x^i|
    form B   Q(x) = 1 + |Σ_{i=1}^n b_i·x^i|
    form C   Q(x) = 1/10 + |Σ_{i=1}^n b_i·x^i|

Statement: P/Q has no pole on the real line. Proof: every absolute value is ≥ 0, so Q ≥ 1 (A, B)
or Q ≥ 1/10 (C) at every real x. The forms are those of the Padé activation units (Molina,
Schramowski and Kersting, 2020).

In form A, |b_i x^i| = |b_i|·(±x)^i on each side of 0. In B and C this class further asks that the
sum s(x) keeps one sign on each side of 0, and checks it exactly, by isolating the real roots: then
Q is a polynomial on each side, and the only corner is at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import flint

from rescu_cli.approximate.polynomial import Polynomial, to_flint
from rescu_cli.core import balls
from rescu_cli.errors import UsageError

FORMS = {"A": Fraction(1), "B": Fraction(1), "C": Fraction(1, 10)}
"""The constant term of Q, below which Q never falls."""


@dataclass(frozen=True)
class Quotient:
    """P/Q with Q of one of the `FORMS`.

    Args:
        numerator: P.
        weights: b_1, …, b_n.
        form: A, B or C.

    Raises:
        UsageError: If the form is unknown, or s changes its sign away from 0 in B or C.
    """

    numerator: Polynomial
    weights: tuple[Fraction, ...]
    form: str

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise UsageError(f"No rational form {self.form!r}; choose one of {', '.join(FORMS)}.")
        if self.form != "A" and None in (self._sign(-1), self._sign(1)):
            raise UsageError(
                f"In form {self.form}, the sum of b_i·x^i changes its sign away from x = 0, which "
                "makes a corner there; use form A, or other weights."
            )

    @property
    def floor(self) -> Fraction:
        """Q(x) ≥ floor at every real x."""
        return FORMS[self.form]

    def _sign(self, side: int) -> int | None:
        """Sign of s on the open half-line, 0 if s = 0; None if it changes there."""
        half = to_flint([Fraction(0), *(b * side**i for i, b in enumerate(self.weights, 1))])
        if half == 0:
            return 0
        signs = {c > 0 for c in half.coeffs() if c != 0}
        if len(signs) == 1:
            return 1 if signs.pop() else -1
        for root, multiplicity in half.numer().complex_roots():
            if multiplicity % 2 and root.imag.contains(0) and root.real > 0:
                return None
        lead = half.coeffs()[-1]
        return 1 if lead > 0 else -1

    @cached_property
    def sides(self) -> tuple[Polynomial, Polynomial]:
        """Q for x ≤ 0 and for x ≥ 0, as polynomials in x."""
        found = []
        for side in (-1, 1):
            if self.form == "A":
                terms = [abs(b) * side**i for i, b in enumerate(self.weights, 1)]
            else:
                sign = self._sign(side) or 0
                terms = [b * sign for b in self.weights]
            found.append(Polynomial((self.floor, *terms)))
        return found[0], found[1]

    @property
    def smooth(self) -> bool:
        """Whether Q is one polynomial on the whole line."""
        return self.sides[0] == self.sides[1]

    # -- on balls --------------------------------------------------------------------------------

    def _denominator(self, x: balls.Ball) -> Polynomial:
        return self.sides[1 if x.mid() > 0 else 0]

    def at(self, x: balls.Ball) -> tuple[balls.Ball, balls.Ball]:
        """R = P/Q and R′ at a point."""
        p, dp = self.numerator.at(x)
        q, dq = self._denominator(x).at(x)
        value = p / q
        return value, (dp - value * dq) / q

    def taylor(
        self, middle: balls.Ball, width: balls.Ball, length: int
    ) -> tuple[list[balls.Ball], balls.Ball]:
        """The Taylor polynomial at a point, and the remainder on middle ± width.

        The box lies on one side of 0.
        """
        below = self._denominator(middle)
        terms = self._series(below, middle, length)
        rest = self._series(below, middle + width * flint.arb(0, 1), length + 1)
        return terms, rest[length]

    def _series(self, below: Polynomial, x: balls.Ball, length: int) -> list[balls.Ball]:
        """Coefficients of P/Q: Σ_j r_j·q_(k−j) = p_k, solved one after the other."""
        p, q = (_padded(part.shifted(x), length) for part in (self.numerator, below))
        if not q[0] > 0:  # true, but not seen on so wide a box
            return [flint.arb("nan")] * length
        found: list[balls.Ball] = []
        for k in range(length):
            known = sum((r * q[k - j] for j, r in enumerate(found)), flint.arb(0))
            found.append((p[k] - known) / q[0])
        return found

    def statement(self) -> dict[str, str | bool]:
        """That there is no pole, and why."""
        inside = "sum of |b_i x^i|" if self.form == "A" else "|sum of b_i x^i|"
        return {
            "proved": True,
            "statement": f"Q(x) >= {self.floor} for every real x",
            "proof": f"Q(x) = {self.floor} + {inside}, and absolute values are nonnegative",
        }


def _padded(terms: list[balls.Ball], length: int) -> list[balls.Ball]:
    return (terms + [flint.arb(0)] * length)[:length]
