"""`Case`: a claim on its way to obligations, with the places that had to be found for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.evidence.obligation import Obligation, Point
from rescu_cli.certify.facts import Facts, facts
from rescu_cli.certify.properties.answer import Answer
from rescu_cli.core.activation import Activation
from rescu_cli.core.parse import parse_exact
from rescu_cli.core.symbols import X
from rescu_cli.errors import UsageError

NOT_FINITE = (sp.oo, -sp.oo, sp.zoo, sp.nan)
"""What a number of a certificate may not hold, where it has to be one."""


class Case:
    """Collects the obligations of one claim.

    Choices are what a search found (a point where an extremum is reached, a second witness). The
    first time they are searched for and kept; a replay takes them from the certificate.

    Args:
        claim: A decided claim.
        activation: What it is about.
        choices: Kept choices; None to search.
    """

    def __init__(
        self, claim: Claim, activation: Activation, choices: Mapping[str, Any] | None = None
    ) -> None:
        self.claim = claim
        self.activation = activation
        # A witness is a point of the family itself; proofs may study the unit function.
        self.facts = facts(activation) if claim.proved else Facts(activation, scaled=False)
        self.answer = Answer(claim.claim, activation, self.facts)
        self.obligations: list[Obligation] = []
        self.hints: list[sp.Expr] = []
        self._replaying = choices is not None
        self.choices: dict[str, Any] = dict(choices or {})

    def choose(self, key: str, search: Callable[[], Any]) -> Any:
        """A choice as plain data.

        Raises:
            UndecidedError: If a replay misses it.
        """
        if key not in self.choices:
            if self._replaying:
                raise UndecidedError(f"the evidence lacks the choice {key!r}")
            self.choices[key] = search()
        return self.choices[key]

    def unknown(self, reason: str) -> UndecidedError:
        """What to raise where the claim has no smaller form."""
        return UndecidedError(reason)

    def joint(self, kept: Any) -> int:
        """A kept joint as an index; a negative one would compare the wrong two pieces.

        Raises:
            UndecidedError: If there is no such joint.
        """
        return self.index(kept, len(self.facts.joints))

    def index(self, kept: Any, count: int) -> int:
        """A kept index of one of ``count`` things.

        Raises:
            UndecidedError: If there is none of that index.
        """
        if type(kept) is not int or not 0 <= kept < count:
            raise self.unknown(f"there is no number {kept!r:.20} of {count}")
        return kept

    def one_of(self, kept: Any, allowed: tuple[int, ...]) -> int:
        """A kept whole number out of those for which the reduction is a theorem.

        Raises:
            UndecidedError: If it is another.
        """
        if type(kept) is not int or kept not in allowed:
            raise self.unknown(f"{kept!r:.20} is none of {allowed}")
        return kept

    def number(self, text: str) -> sp.Expr:
        """Text of a certificate as an exact expression in the free parameters.

        Raises:
            UndecidedError: If it is not in the grammar.
        """
        if text in ("inf", "-inf"):
            return sp.oo if text == "inf" else -sp.oo
        names = {p.name: p.symbol for p in self.activation.free_parameters}
        try:
            return parse_exact(text, names)
        except UsageError as error:
            raise UndecidedError(f"{text[:60]!r} cannot be read back: {error}") from None

    def parameters(self, texts: Mapping[str, str]) -> dict[sp.Symbol, sp.Expr]:
        """Values of all free parameters (but a scaled one), checked to be admissible.

        Raises:
            UndecidedError: If one is missing or not admissible.
        """
        found: dict[sp.Symbol, sp.Expr] = {}
        for parameter in self.activation.free_parameters:
            if parameter.symbol in self.facts.unit:
                found[parameter.symbol] = sp.S.One
                continue
            if parameter.name not in texts:
                raise self.unknown(f"the point does not say {parameter.name}")
            value = self.number(str(texts[parameter.name]))
            if not (value.is_number and parameter.domain.contains(value)):
                raise self.unknown(f"{parameter.name} = {value} is not admissible")
            found[parameter.symbol] = value
        for relation in self.activation.relations:
            margin = relation.expr.subs(found)
            if not (margin > 0 or (margin == 0 and not relation.strict)):
                raise self.unknown(f"{relation} does not hold at the point")
        return found

    # -- obligations -------------------------------------------------------------------------

    def add(self, obligation: Obligation) -> None:
        """Keep an obligation unless it is a plain truth such as 0 ≥ 0 or already there."""
        expr = obligation.expr
        trivial = (
            (obligation.kind in ("nonnegative", "nonnegative_at") and expr.is_Rational
             and expr >= 0)
            or (obligation.kind in ("positive", "positive_at") and expr.is_Rational and expr > 0)
            or (obligation.kind == "vanishes" and expr == 0)
            or (obligation.kind in ("analytic", "continuous") and expr.is_polynomial())
            or (obligation.kind == "limit" and obligation.expr == obligation.value)
        )  # fmt: skip
        if not trivial and obligation not in self.obligations:
            self.obligations.append(obligation)

    def nonnegative(self, expr: sp.Expr, index: int | None = None) -> None:
        """expr ≥ 0 on a piece, or for all parameters if it has no x."""
        if index is None or not expr.has(X):
            self.add(Obligation("nonnegative", expr))
        else:
            span = self.facts.branches[index].span
            self.add(Obligation("nonnegative", expr, span.lower, span.upper))

    def vanishes(self, expr: sp.Expr) -> None:
        """expr = 0 identically."""
        self.add(Obligation("vanishes", expr))

    def at(self, kind: Any, expr: sp.Expr, point: Mapping[sp.Symbol, sp.Expr]) -> None:
        """A statement at one point, which names only the symbols that matter."""
        free = sorted(expr.free_symbols, key=str)
        kept: Point = tuple((s, point[s]) for s in free)
        self.add(Obligation(kind, expr, point=kept))

    def limit(self, expr: sp.Expr, side: int, value: sp.Expr) -> None:
        self.add(Obligation("limit", expr, value=value, side=side))

    def again(self) -> None:
        """Nothing smaller is known."""
        self.obligations = [Obligation("again")]

    # -- common ground -----------------------------------------------------------------------

    def analytic(self) -> None:
        """Every piece is analytic, and the stated slopes that are used are the derivatives."""
        for i, branch in enumerate(self.facts.branches):
            self.add(Obligation("analytic", branch.value, branch.span.lower, branch.span.upper))
            if self.facts.derivative(i, 1) == branch.gradient:
                self.vanishes(self.facts.gradient_mismatch(i))

    def continuous(self, parts: list[sp.Expr]) -> None:
        """Each part is continuous on its piece."""
        for part, branch in zip(parts, self.facts.branches, strict=True):
            self.add(Obligation("continuous", part, branch.span.lower, branch.span.upper))

    def scaling(self) -> None:
        """f_p(x) = c·f_1(x/c) with c = p^(1/d): the reduction to the unit function."""
        scaling = self.facts.scaling
        if scaling is None:
            return
        c, p = scaling.c, scaling.parameter
        for piece in self.activation.pieces:
            value = piece.value
            unit = value.subs({X: X / c, p: 1}, simultaneous=True)
            self.vanishes(value - c * unit)
        for end in self.activation.breakpoints:
            self.vanishes(end - c * end.subs(p, 1))

    def jumps_vanish(self, up_to: int) -> None:
        """Jumps of f, …, f^(up_to) are 0 at every joint whose pieces differ."""
        for joint in range(len(self.facts.joints)):
            if self.facts.seamless[joint]:
                left, right = (self.facts.branches[joint + k].value for k in (0, 1))
                self.vanishes(left - right)
                continue
            for order in range(up_to + 1):
                self.vanishes(self.facts.jump(joint, order))
