"""What is known about the parameters, and the signs that follow from it.

Two sources of knowledge: each parameter's interval, and linear relations between parameters such
as ``alpha < beta``. Signs of affine expressions are decided completely by Fourier–Motzkin
elimination over the rationals; others by exact factorisation. A sign that does not follow is None,
never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import sympy as sp

from rescu_cli.core.symbols import Domain, Parameter
from rescu_cli.errors import AssumptionError, UsageError

Sign = Literal["+", "-", "0", ">=", "<="]
_PRODUCT: dict[tuple[str, str], Sign] = {
    ("+", "+"): "+", ("+", "-"): "-", ("-", "-"): "+",
    ("+", ">="): ">=", ("+", "<="): "<=", ("-", ">="): "<=", ("-", "<="): ">=",
    (">=", ">="): ">=", (">=", "<="): "<=", ("<=", "<="): ">=",
}  # fmt: skip
_MAX_ROWS = 400  # Fourier–Motzkin can square the number of rows at each step


@dataclass(frozen=True)
class Relation:
    """``expr > 0`` (strict) or ``expr >= 0``, affine in the parameters."""

    expr: sp.Expr
    strict: bool

    def __str__(self) -> str:
        left = sp.Add(*[t for t in sp.Add.make_args(self.expr) if not _leads_negative(t)])
        right = sp.Add(*[-t for t in sp.Add.make_args(self.expr) if _leads_negative(t)])
        return f"{left} {'>' if self.strict else '>='} {right}"


def _leads_negative(term: sp.Expr) -> bool:
    return bool(term.as_coeff_Mul()[0] < 0)


@dataclass(frozen=True)
class Assumptions:
    """The parameters' domains with relations between them.

    Args:
        domains: Interval of each parameter.
        relations: Linear relations between parameters.

    Raises:
        AssumptionError: If no parameter values satisfy all of them.
    """

    domains: Mapping[str, Domain]
    relations: tuple[Relation, ...] = ()

    def __post_init__(self) -> None:
        if self.relations and _infeasible(self._rows()):
            listed = ", ".join([*(d.describe(n) for n, d in self.domains.items()),
                                *(str(r) for r in self.relations)])  # fmt: skip
            raise AssumptionError(f"The assumptions contradict each other: {listed}.")

    @classmethod
    def of(
        cls, parameters: Iterable[Parameter], relations: tuple[Relation, ...] = ()
    ) -> Assumptions:
        """The assumptions carried by a tuple of parameters (bound ones are constants)."""
        free = {p.name: p.domain for p in parameters if p.value is None}
        return cls(free, relations)

    def with_domain(self, name: str, domain: Domain) -> Assumptions:
        """The same with one parameter restricted further."""
        old = self.domains.get(name)
        try:
            new = domain if old is None else old.intersect(domain)
        except UsageError:
            both = f"{old.describe(name)} and {domain.describe(name)}" if old else ""
            raise AssumptionError(
                f"The assumptions contradict each other: {both} leave no value."
            ) from None
        return Assumptions({**self.domains, name: new}, self.relations)

    def describe(self) -> str | None:
        """Human text such as ``beta > 0``; None when there are no free parameters."""
        parts = [d.describe(n) for n, d in sorted(self.domains.items())]
        parts += [str(r) for r in self.relations]
        return ", ".join(parts) or None

    def sign(self, expr: sp.Expr) -> Sign | None:
        """The sign of ``expr`` for all admissible parameter values, or None if unknown.

        Example:
            >>> import sympy as sp
            >>> from rescu_cli.core.symbols import POSITIVE
            >>> beta = POSITIVE.symbol("beta")
            >>> Assumptions({"beta": POSITIVE}).sign(-beta / 3)
            '-'
        """
        expr = sp.sympify(expr, strict=True)
        weak: Sign | None = None
        for form in (lambda e: e, sp.expand, sp.factor):
            expr = form(expr)
            known = self._sympy_sign(expr) or self._affine_sign(expr)
            if known in ("+", "-", "0"):
                return known
            weak = weak or known
        return self._product_sign(sp.Mul.make_args(sp.factor(sp.together(expr)))) or weak

    def _product_sign(self, factors: tuple[sp.Expr, ...]) -> Sign | None:
        total: Sign = "+"
        for factor in factors:
            known = self._factor_sign(factor)
            if known is None:
                return None
            if known == "0" or total == "0":
                return "0"
            pair = (total, known) if (total, known) in _PRODUCT else (known, total)
            total = _PRODUCT[pair]
        return total

    def _factor_sign(self, factor: sp.Expr) -> Sign | None:
        base, exponent = factor.as_base_exp()
        known = self._sympy_sign(base) or self._affine_sign(sp.expand(base))
        if known is None or not exponent.is_integer:
            return self._sympy_sign(factor)
        if exponent.is_even and known in "+-":
            return "+"
        if exponent.is_even:
            return ">=" if exponent.is_positive else None
        if exponent.is_negative and known not in "+-":
            return None
        return known

    @staticmethod
    def _sympy_sign(expr: sp.Expr) -> Sign | None:
        if expr.is_zero:
            return "0"
        if expr.is_positive:
            return "+"
        if expr.is_negative:
            return "-"
        if expr.is_nonnegative:
            return ">="
        if expr.is_nonpositive:
            return "<="
        return None

    def _affine_sign(self, expr: sp.Expr) -> Sign | None:
        row = _affine_row(expr)
        if row is None or not set(row) - {""} <= set(self.domains):
            return None
        rows = self._rows()
        negated = {k: -v for k, v in row.items()}
        not_negative = _infeasible([*rows, (negated, True)])  # expr < 0 is impossible
        not_positive = _infeasible([*rows, (row, True)])
        if not_negative and not_positive:
            return "0"
        if not_negative:
            return "+" if _infeasible([*rows, (negated, False)]) else ">="
        if not_positive:
            return "-" if _infeasible([*rows, (row, False)]) else "<="
        return None

    def _rows(self) -> list[_Row]:
        rows: list[_Row] = []
        for name, domain in self.domains.items():
            if domain.lower.is_finite and domain.lower.is_Rational:
                rows.append(({name: sp.S.One, "": -domain.lower}, domain.lower_open))
            if domain.upper.is_finite and domain.upper.is_Rational:
                rows.append(({name: -sp.S.One, "": domain.upper}, domain.upper_open))
        for relation in self.relations:
            row = _affine_row(relation.expr)
            if row is not None:
                rows.append((row, relation.strict))
        return rows


_Row = tuple[dict[str, sp.Rational], bool]
"""Coefficients by parameter name ('' is the constant) of a form that is > 0 (True) or >= 0."""


def _affine_row(expr: sp.Expr) -> dict[str, sp.Rational] | None:
    row: dict[str, sp.Rational] = {}
    for term in sp.Add.make_args(sp.expand(expr)):
        coefficient, rest = term.as_coeff_Mul()
        if not coefficient.is_Rational:
            return None
        if rest == 1:
            row[""] = row.get("", sp.S.Zero) + coefficient
        elif rest.is_Symbol:
            row[rest.name] = row.get(rest.name, sp.S.Zero) + coefficient
        else:
            return None
    return row


def _infeasible(rows: list[_Row]) -> bool:
    """Whether no real point satisfies all rows (Fourier–Motzkin; sound, complete up to a cap)."""
    names = sorted({k for row, _ in rows for k in row if k})
    for name in names:
        lower = [r for r in rows if r[0].get(name, 0) > 0]
        upper = [r for r in rows if r[0].get(name, 0) < 0]
        rows = [r for r in rows if r[0].get(name, 0) == 0]
        if len(rows) + len(lower) * len(upper) > _MAX_ROWS:
            return False  # not shown infeasible
        for low, low_strict in lower:
            for up, up_strict in upper:
                a, b = low[name], -up[name]
                keys = set(low) | set(up)
                merged = {k: b * low.get(k, 0) + a * up.get(k, 0) for k in keys if k != name}
                rows.append((merged, low_strict or up_strict))
    for row, strict in rows:
        constant = row.get("", sp.S.Zero)
        if constant < 0 or (strict and constant == 0):
            return True
    return False
