"""`homogeneous`: f_{cβ}(c·x) = c·f_β(x) for all c > 0, β the parameters that scale with x.

A statement about the family: with bound parameters it is proved for the catalogue's family that
the activation is a member of, otherwise asked with nothing scaled: f(c·x) = c·f(x).
docs/proofs/homogeneous.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import sympy as sp

from rescu_cli.certify.calculus.instances import instances
from rescu_cli.certify.calculus.witness import nonzero
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.facts import scales
from rescu_cli.certify.properties.answer import Answer
from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import X

_C = sp.Integer(2)
_PLACES = tuple(sp.Rational(*r) for r in ((-1, 2), (1, 2), (-2, 1), (2, 1), (-1, 8), (7, 1)))


def decide(answer: Answer) -> Claim:
    """An identity in c on every piece, or a confirmed point with c = 2 where it fails."""
    answer.facts.require_continuous()
    activation = answer.activation
    family = family_of(activation)
    degrees = scaling_degrees(family)
    shown = ", ".join(f"{s.name} -> c^{d}*{s.name}" for s, d in degrees)
    statement = "f(c*x) = c*f(x) for all c > 0" + (f" with {shown}" if shown else "")
    if scales(family, degrees):
        if family is not activation:
            statement += f", in the family {family.name}"
        return answer.proved(note=statement, lemma=None)
    for parameters in instances(family.assumptions):
        moved = {s: v * _C ** dict(degrees).get(s, 0) for s, v in parameters.items()}
        if not admissible(family, moved):
            continue
        for x in _PLACES:
            difference = value_at(family, _C * x, moved) - _C * value_at(family, x, parameters)
            ball = nonzero(difference, None, {})
            if ball is not None:
                return answer.refuted(
                    f"not so: {statement}",
                    {"x": str(x), "c": str(_C), **{s.name: str(v) for s, v in parameters.items()}},
                )
    return answer.undecided(f"{statement} is neither proved nor refuted")


def scaling_degrees(family: Activation) -> tuple[tuple[sp.Symbol, int], ...]:
    """The free parameters that scale with x, each with its degree in c."""
    free = {p.name: p.symbol for p in family.free_parameters}
    return tuple((free[n], d) for n, d in family.scaling if n in free)


def family_of(activation: Activation) -> Activation:
    """The catalogue's symbolic family if the activation is a member of it, else itself."""
    values = {p.name: p.value for p in activation.parameters if p.value is not None}
    if not values or not any(n in values for n, _ in activation.scaling):
        return activation
    from rescu_cli import catalogue  # reason: only bound members need it

    if activation.name not in catalogue.names():
        return activation
    family = catalogue.get(activation.name)
    if not set(values) <= {p.name for p in family.free_parameters}:
        return activation  # another function of that name
    bound = family.bind({k: v for k, v in values.items() if v is not None})
    return family if bound.digest == activation.digest else activation


def admissible(family: Activation, values: Mapping[sp.Symbol, sp.Expr]) -> bool:
    """Whether the family has a member with these parameter values."""
    known = family.assumptions
    if not all(d.contains(values[d.symbol(n)]) for n, d in known.domains.items()):
        return False
    margins = ((r.expr.subs(values), r.strict) for r in known.relations)
    return all(bool(m > 0) or (m == 0 and not strict) for m, strict in margins)


def value_at(activation: Activation, x: sp.Expr, parameters: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
    """f(x) exactly, at rational parameters."""
    for piece, owner in zip(activation.pieces, (*activation.owners, "left"), strict=True):
        upper = piece.upper.subs(parameters)
        right = owner == "right" and x == upper
        if upper.is_infinite or not (right or _above(x, upper)):
            return piece.value.subs({**parameters, X: x})
    raise AssertionError("the pieces cover the line")


def _above(x: sp.Expr, point: sp.Expr) -> bool:
    return bool(Fraction(str(x)) > Fraction(str(point))) if point.is_Rational else bool(x > point)
