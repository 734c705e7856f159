"""How a property phrases what it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, Context, Decimal
from functools import cached_property
from importlib import import_module

import sympy as sp

from rescu_cli.certify.calculus.instances import Instance, instances
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.calculus.witness import Point, Witness, decimal, enclose
from rescu_cli.certify.claims import Claim, Value
from rescu_cli.certify.facts import Facts, facts
from rescu_cli.certify.table import CLAIMS
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core.activation import Activation
from rescu_cli.core.balls import Enclosed
from rescu_cli.core.symbols import X

METHOD = "exact"
_GIVE_UP = (sp.polys.polyerrors.BasePolynomialError, NotImplementedError, RecursionError)
"""How SymPy says that an expression is outside an algorithm; anything else is a bug of ours."""
DERIVATIVES = ("f", "f'", "f''", "f'''")


class Answer:
    """The answers a property can give about one activation, built by the engine that asks.

    Args:
        claim: Name of the property.
        activation: What is asked about.
        known: Its facts, with the engine's means of finding signs; the exact ones by default.
        method: Name of the engine, which a verdict is signed with.
        models: Points, places x among them, at which something is known to fail; tried first.
    """

    def __init__(
        self,
        claim: str,
        activation: Activation,
        known: Facts | None = None,
        *,
        method: str = METHOD,
        models: Sequence[Point] = (),
    ) -> None:
        self.claim = claim
        self.activation = activation
        self.facts: Facts = facts(activation) if known is None else known
        self.method = method
        self.models = tuple(models)
        self.for_all = activation.assumptions.describe()

    def proved(
        self,
        value: Value | sp.Expr | tuple[sp.Expr, ...] | None = None,
        note: str | None = None,
        *,
        lemma: str | None = "",
    ) -> Claim:
        """A theorem; ``lemma`` is the reduction it used, by default that of the facts."""
        shown, error = _spelled(value)
        parts = [t for t in (note, self.facts.lemma if lemma == "" else lemma) if t]
        return Claim(
            self.claim,
            Verdict.PROVED,
            shown,
            self.for_all,
            self.method,
            None,
            "; ".join(parts) or None,
            error,
        )

    def refuted(
        self,
        reason: str,
        witness: dict[str, str] | None = None,
        value: Value | None = None,
    ) -> Claim:
        return Claim(
            self.claim, Verdict.REFUTED, value, self.for_all, self.method, witness or None, reason
        )

    def undecided(self, reason: str) -> Claim:
        return Claim(self.claim, Verdict.UNDECIDED, None, self.for_all, None, None, reason)

    @cached_property
    def unscaled(self) -> Facts:
        """The facts of the family itself, for what need not scale with its values."""
        if self.facts.scaling is None:
            return self.facts
        return Facts(self.activation, scaled=False, oracle=self.facts.knowledge.oracle)

    # -- witnesses -------------------------------------------------------------------------

    @cached_property
    def points(self) -> list[Instance]:
        """Parameter values to try, a scaling parameter at 1 where its domain has 1."""
        symbols = [p.symbol for p in self.activation.free_parameters]
        models = [{s: m[s] for s in symbols} for m in self.models if m.keys() >= set(symbols)]
        found = [*models, *instances(self.activation.assumptions)]
        for symbol in self.facts.unit:
            if self.activation.assumptions.domains[symbol.name].contains(sp.S.One):
                found = [{**p, symbol: sp.S.One} for p in found]
        return [dict(t) for t in dict.fromkeys(tuple(p.items()) for p in found)]

    @cached_property
    def places(self) -> tuple[sp.Expr, ...]:
        """Points x of the unit function to try beside the usual ones."""
        return tuple(dict.fromkeys(m[X] for m in self.models if X in m))

    def witness(self, found: Witness, what: str, power: int = 0) -> dict[str, str]:
        """A point of the unit function as a point of the function asked about.

        Args:
            found: Confirmed witness.
            what: Name of the shown quantity.
            power: The power of c with which that quantity scales: 1 for f, 0 for f', -1 for f''.
        """
        factor = enclose(self.facts.c**power, None, found.parameters, 64)
        ball = found.ball if factor is None else found.ball * factor
        return self.at(found.x, found.parameters) | {what: decimal(ball)}

    def at(
        self, x: sp.Expr | None, parameters: Point, known: Facts | None = None
    ) -> dict[str, str]:
        """The point and the parameters as exact text; ``known`` says which unit x is in."""
        values = dict(parameters)
        named = {s.name: str(v) for s, v in sorted(values.items(), key=lambda p: str(p[0]))}
        if x is None:
            return named
        place = ((known or self.facts).c * x).subs(values)
        return {"x": str(place), **named}


def answered(answer: Answer) -> Claim:
    """Ask the property that the table names; giving up becomes an undecided claim."""
    module, name = CLAIMS[answer.claim]
    decide: Callable[[Answer], Claim] = getattr(
        import_module(f"rescu_cli.certify.properties.{module}"), name
    )
    try:
        return decide(answer)
    except UndecidedError as reason:
        return answer.undecided(str(reason))
    except _GIVE_UP as failure:
        return answer.undecided(
            f"a symbolic step failed ({type(failure).__name__}: {str(failure)[:80]})"
        )


def _spelled(
    value: Value | sp.Expr | tuple[sp.Expr, ...] | None,
) -> tuple[Value | None, str | None]:
    """The value as text, and how far its decimals may be off."""
    if isinstance(value, sp.Expr):
        return text(value), _error([value])
    if isinstance(value, tuple):
        numbers = [v for v in value if isinstance(v, sp.Expr)]
        return tuple(text(v) if isinstance(v, sp.Expr) else v for v in value), _error(numbers)
    return value, None


def _error(values: list[sp.Expr]) -> str | None:
    errors = [e.error for v in values for e in v.atoms(Enclosed)]
    if not errors:
        return None
    digits = Context(prec=3, rounding=ROUND_CEILING)  # a bound may only grow
    largest = max(errors)
    return str(digits.divide(Decimal(int(largest.p)), Decimal(int(largest.q)))).lower()


def text(value: sp.Expr) -> str:
    """An exact value as text; ±∞ as ``inf`` and ``-inf``."""
    if value is sp.S.Infinity:
        return "inf"
    if value is sp.S.NegativeInfinity:
        return "-inf"
    return str(value)
