"""The algebra of signs: what follows for sums, products, powers and unions."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.assumptions import Sign


def sum_sign(signs: Iterable[Sign | None]) -> Sign | None:
    """The sign of a sum of terms with these signs."""
    found = set(signs)
    if found <= {"0"}:
        return "0"
    if found <= {"+", ">=", "0"}:
        return "+" if "+" in found else ">="
    if found <= {"-", "<=", "0"}:
        return "-" if "-" in found else "<="
    return None


def product_sign(signs: Iterable[Sign | None]) -> Sign | None:
    """The sign of a product of (finite) factors with these signs."""
    negative = weak = False
    listed = list(signs)
    if any(s == "0" for s in listed):
        return "0" if all(s is not None for s in listed) else None
    for sign in listed:
        if sign is None:
            return None
        negative ^= sign in ("-", "<=")
        weak |= sign in (">=", "<=")
    if weak:
        return "<=" if negative else ">="
    return "-" if negative else "+"


def power_sign(base: Sign | None, exponent: sp.Rational) -> Sign | None:
    """The sign of base**exponent where that is a finite real number, None if it need not be."""
    if exponent.q != 1:
        if base == "+":
            return "+"
        return base if base in (">=", "0") and exponent > 0 else None
    if exponent == 0:
        return "+"
    if base in ("+", "-"):
        return base if exponent % 2 else "+"
    if base is None:
        return ">=" if exponent > 0 and exponent % 2 == 0 else None
    if exponent < 0:
        return None
    return base if exponent % 2 or base == "0" else ">="


def flip(sign: Sign | None) -> Sign | None:
    """The sign of the negative."""
    if sign is None:
        return None
    flipped: dict[Sign, Sign] = {"+": "-", "-": "+", "0": "0", ">=": "<=", "<=": ">="}
    return flipped[sign]


def extreme_sign(signs: list[Sign | None], largest: bool) -> Sign | None:
    """The sign of the largest (or smallest) of numbers with these signs."""
    wanted = signs if largest else [flip(s) for s in signs]
    result: Sign | None = None
    if "+" in wanted:
        result = "+"
    elif any(s in (">=", "0") for s in wanted):
        result = "0" if set(wanted) <= {"0", "<=", "-"} else ">="
    elif set(wanted) <= {"-", "<="}:
        result = "<=" if "<=" in wanted else "-"
    return result if largest else flip(result)


def everywhere(signs: Iterable[Sign | None]) -> Sign | None:
    """The sign that holds on a union of sets with these signs."""
    found = set(signs)
    if len(found) == 1:
        return found.pop()
    if found <= {"+", ">=", "0"}:
        return ">="
    return "<=" if found <= {"-", "<=", "0"} else None


def times(a: Sign, b: Sign) -> Sign:
    """The sign of a product of two numbers of known sign."""
    return required(product_sign((a, b)))


def required(sign: Sign | None, expr: sp.Expr | None = None) -> Sign:
    """A sign that is needed to go on.

    Raises:
        UndecidedError: If it is not known.
    """
    if sign is None:
        what = "a sign" if expr is None else f"the sign of {expr}"
        raise UndecidedError(f"{what} does not follow from the assumptions")
    return sign
