"""The variable, the parameters with their domains, and the numerically safe function symbols."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.printing.str import StrPrinter

from rescu_cli.errors import ParameterError, UsageError

X = sp.Symbol("x", real=True)
"""The pre-activation. Every expression of the package uses this one symbol."""


class sigmoid(sp.Function):  # noqa: N801  # reason: printed and parsed under its usual name
    """σ(u) = 1/(1 + e^(−u)), evaluated without overflow by every backend."""

    nargs = 1
    is_real = True
    is_positive = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        u = self.args[0]
        return sigmoid(u) * sigmoid(-u)


class log1p(sp.Function):  # noqa: N801  # reason: printed and parsed under its usual name
    """log(1 + u) without the loss of digits near u = 0."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return 1 / (1 + self.args[0])


class expm1(sp.Function):  # noqa: N801  # reason: printed and parsed under its usual name
    """e^u − 1 without the loss of digits near u = 0."""

    nargs = 1
    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.exp(self.args[0])


class Phi(sp.Function):
    """Φ(u) = erfc(−u/√2)/2, the normal distribution function, accurate in its left tail.

    SymPy rewrites erfc(−u) to 2 − erfc(u) on sight, which loses that tail; hence a symbol of its
    own.
    """

    nargs = 1
    is_real = True
    is_positive = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.exp(-(self.args[0] ** 2) / 2) / sp.sqrt(2 * sp.pi)


def spell(expr: sp.Expr) -> str:
    """The expression as text that SymPy parses.

    Terms with integrals are not sorted: SymPy sorts by value, and would evaluate each integral.
    """
    if isinstance(expr, sp.Basic) and expr.has(sp.Integral):
        return str(StrPrinter({"order": "none"}).doprint(expr))
    return str(expr)


def plain(expr: sp.Expr) -> sp.Expr:
    """The same function written with exp, log and erf only.

    Example:
        >>> from rescu_cli.core.symbols import X, log1p, plain
        >>> plain(log1p(X))
        log(x + 1)
    """
    return (
        expr.replace(sigmoid, lambda u: 1 / (1 + sp.exp(-u)))
        .replace(log1p, lambda u: sp.log(1 + u))
        .replace(expm1, lambda u: sp.exp(u) - 1)
        .replace(Phi, lambda u: (1 + sp.erf(u / sp.sqrt(2))) / 2)
    )


def algebraic_constants(expr: sp.Expr) -> sp.Expr:
    """The same function, with hyperbolic functions of constant logarithms as algebraic numbers.

    SymPy leaves them, and can then not compare them with other numbers.

    Example:
        >>> import sympy as sp
        >>> algebraic_constants(sp.tanh(sp.log(3)/2) + sp.exp(X))
        exp(x) + 1/2
    """

    def value(e: sp.Expr) -> sp.Expr:
        found = sp.radsimp(sp.simplify(e.rewrite(sp.exp)))
        # Much is asked of SymPy here; 40 digits keep its mistakes out of the proofs.
        same = found.is_algebraic and abs(sp.N(found - e, 50)) < sp.Rational(1, 10**40)
        return found if same else e

    return expr.replace(
        lambda e: isinstance(e, sp.sinh | sp.cosh | sp.tanh) and e.is_number and e.has(sp.log),
        value,
    )


def vanishes(expr: sp.Expr) -> bool:
    """Whether ``expr`` is shown to be identically 0, by the cheapest step that shows it.

    False means "not shown". ``simplify`` comes last: it is slow, and its first use loads a
    tenth of a second of modules.
    """
    if expr == 0 or sp.expand(expr) == 0:
        return True
    if expr.is_rational_function():
        return bool(sp.cancel(expr) == 0)
    return logarithms_cancel(expr) or bool(sp.simplify(expr) == 0)


def logarithms_cancel(expr: sp.Expr) -> bool:
    """Whether a factor of ``expr`` is Σ nᵢ·ln aᵢ/d, nᵢ and d whole, aᵢ > 0 algebraic, and is 0.

    It is exactly if the product of all aᵢ^nᵢ is 1, which algebraic arithmetic decides.

    Example:
        >>> import sympy as sp
        >>> root = sp.sqrt(5)
        >>> logarithms_cancel(X*(sp.log(root - 1) + sp.log(root + 1) - 2*sp.log(2)))
        True
    """
    return expr.has(sp.log) and any(
        algebraic_zero(product - 1)
        for factor in sp.Mul.make_args(sp.factor_terms(expr))
        if (product := _product_of_logarithms(factor)) is not None
    )


_MAX_POWER = 64


def _product_of_logarithms(expr: sp.Expr) -> sp.Expr | None:
    if not expr.is_Add:
        return None
    terms = [term.as_coeff_Mul() for term in expr.args]
    if not all(c.is_Rational and isinstance(rest, sp.log) for c, rest in terms):
        return None
    common = sp.ilcm(*(c.q for c, _ in terms))
    powers = [(rest.args[0], int(c * common)) for c, rest in terms]
    sound = all(a.is_positive and a.is_algebraic and abs(n) <= _MAX_POWER for a, n in powers)
    return sp.Mul(*(a**n for a, n in powers)) if sound else None


def algebraic_zero(number: sp.Expr) -> bool:
    """Whether an algebraic number is 0, by its minimal polynomial, which is exact.

    Roots without radicals are not tried: their sums have polynomials of huge degree.
    """
    if number.is_algebraic is not True or number.has(sp.CRootOf):
        return False
    variable = sp.Dummy()
    try:
        return bool(sp.minimal_polynomial(number, variable) == variable)
    except (NotImplementedError, sp.PolynomialError):  # SymPy has no way for this number
        return False


@dataclass(frozen=True)
class Domain:
    """An interval of admissible parameter values with rational (or infinite) ends.

    Args:
        lower: Lower end, ``-oo`` for none.
        upper: Upper end, ``oo`` for none.
        lower_open: Whether ``lower`` itself is excluded.
        upper_open: Whether ``upper`` itself is excluded.

    Raises:
        UsageError: If the interval is empty.
    """

    lower: sp.Expr = sp.S.NegativeInfinity
    upper: sp.Expr = sp.S.Infinity
    lower_open: bool = True
    upper_open: bool = True

    def __post_init__(self) -> None:
        width = self.upper - self.lower
        if width.is_negative or (width.is_zero and (self.lower_open or self.upper_open)):
            raise UsageError(f"No value satisfies {self.describe('it')}; the interval is empty.")

    def describe(self, name: str) -> str:
        """The domain as a condition on ``name``, e.g. ``beta > 0``."""
        low, high = self.lower.is_finite, self.upper.is_finite
        if low and high:
            left = "<" if self.lower_open else "<="
            right = "<" if self.upper_open else "<="
            return f"{self.lower} {left} {name} {right} {self.upper}"
        if low:
            return f"{name} {'>' if self.lower_open else '>='} {self.lower}"
        if high:
            return f"{name} {'<' if self.upper_open else '<='} {self.upper}"
        return f"{name} real"

    def contains(self, value: sp.Expr) -> bool:
        """Whether the exact real constant ``value`` lies in the domain."""
        if value.is_finite is False or not value.is_real:
            return False
        above = value > self.lower if self.lower_open else value >= self.lower
        below = value < self.upper if self.upper_open else value <= self.upper
        return bool(above) and bool(below)

    def intersect(self, other: Domain) -> Domain:
        """The values in both domains.

        Raises:
            UsageError: If there are none.
        """
        lower, lower_open = _tighter(
            (self.lower, self.lower_open), (other.lower, other.lower_open), 1
        )
        upper, upper_open = _tighter(
            (self.upper, self.upper_open), (other.upper, other.upper_open), -1
        )
        return Domain(lower, upper, lower_open, upper_open)

    def symbol(self, name: str) -> sp.Symbol:
        """The SymPy symbol that carries what of the domain SymPy can use: its sign."""
        if self.lower >= 0:
            strict = self.lower > 0 or self.lower_open
            return sp.Symbol(name, positive=True) if strict else sp.Symbol(name, nonnegative=True)
        if self.upper <= 0:
            strict = self.upper < 0 or self.upper_open
            return sp.Symbol(name, negative=True) if strict else sp.Symbol(name, nonpositive=True)
        return sp.Symbol(name, real=True)

    def to_dict(self) -> dict[str, Any]:
        return {
            "lower": str(self.lower),
            "upper": str(self.upper),
            "lower_open": self.lower_open,
            "upper_open": self.upper_open,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Domain:
        return cls(_end(data["lower"]), _end(data["upper"]), data["lower_open"], data["upper_open"])


def _end(text: str) -> sp.Expr:
    if text in ("oo", "-oo"):
        return sp.S.Infinity if text == "oo" else sp.S.NegativeInfinity
    return exact(text)


def _tighter(a: tuple[sp.Expr, bool], b: tuple[sp.Expr, bool], side: int) -> tuple[sp.Expr, bool]:
    """The more restrictive of two interval ends; ``side`` is 1 for lower, -1 for upper."""
    if a[0] == b[0]:
        return a[0], a[1] or b[1]
    return a if bool((a[0] - b[0]) * side > 0) else b


_MAX_PROSE = 500


def require_prose(what: str, *texts: str) -> None:
    """Check texts that end up in docstrings and comments of generated code.

    Shape files come from anywhere: a quote or line break in a summary must not become a
    statement of the code we emit.

    Raises:
        UsageError: If a text is not one printable line without backslashes and triple quotes.
    """
    for text in texts:
        bad = (
            not isinstance(text, str)
            or len(text) > _MAX_PROSE
            or not text.isprintable()
            or "\\" in text
            or '"""' in text
            or text.endswith('"')
        )
        if bad:
            raise UsageError(
                f"The {what} {str(text)[:40]!r} is not one line of plain text (printable, at most "
                f"{_MAX_PROSE} characters, no backslash, no triple quotes)."
            )


REAL = Domain()
POSITIVE = Domain(lower=sp.Integer(0))
NONNEGATIVE = Domain(lower=sp.Integer(0), lower_open=False)


@dataclass(frozen=True)
class Parameter:
    """A named constant of an activation.

    Args:
        name: ASCII identifier.
        domain: Admissible values.
        meaning: One phrase for tables and docstrings.
        default: Value used where a number is needed and none was given.
        value: The bound value; None while the parameter is symbolic.
    """

    name: str
    domain: Domain = POSITIVE
    meaning: str = ""
    default: sp.Expr | None = None
    value: sp.Expr | None = None

    def __post_init__(self) -> None:
        if not (self.name.isidentifier() and self.name.isascii()):
            raise ParameterError(
                f"Parameter name {self.name!r} is not an ASCII identifier; use e.g. 'beta'."
            )
        if self.name == X.name:
            raise ParameterError("A parameter cannot be called 'x'; that is the variable.")
        require_prose("meaning of a parameter", self.meaning)

    @property
    def symbol(self) -> sp.Symbol:
        """The symbol that stands for the parameter while it is unbound."""
        return self.domain.symbol(self.name)

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "domain": self.domain.to_dict(),
            "meaning": self.meaning,
            "default": None if self.default is None else str(self.default),
            "value": None if self.value is None else str(self.value),
        }


def exact(value: sp.Expr | int | float | str | Fraction) -> sp.Expr:
    """An exact number; a float stands for its shortest decimal (0.1 is 1/10).

    Raises:
        ParameterError: If ``value`` is not a finite real number.
    """
    if isinstance(value, sp.Expr):
        number = value
    elif isinstance(value, Fraction):
        number = sp.Rational(value.numerator, value.denominator)
    elif isinstance(value, bool):
        raise ParameterError(f"Expected a number, found {value!r}.")
    elif isinstance(value, int):
        number = sp.Integer(value)
    else:
        text = repr(float(value)) if isinstance(value, float) else str(value).strip()
        try:
            ratio = _decimal(text)
        except (ValueError, ZeroDivisionError):
            raise ParameterError(
                f"Expected a finite real number such as 2, 0.5 or 1/3, found {text[:40]!r}."
            ) from None
        number = sp.Rational(ratio.numerator, ratio.denominator)
    if not number.is_number or number.is_real is not True or number.is_finite is not True:
        raise ParameterError(f"Expected a finite real number, found {str(number)[:40]!r}.")
    return number


def _decimal(text: str) -> Fraction:
    """Exact value of a decimal or fraction, with the exponent bounded before it is expanded."""
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > 400 or (exponent and abs(int(exponent)) > 400):
        raise ValueError(text)
    return Fraction(text)
