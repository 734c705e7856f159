"""Hold verdicts against evaluation: enclosures of 400 bits at hundreds of points of every piece.

Evaluates the pieces as printed, with its own walk over the expression; shares no code with the
engines. An enclosure contradicts only if all of it does, so that no tolerance hides a lie and no
rounding invents one. Values that are extrema are also held against the best point found, since
a bound that is too wide is a wrong value too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import flint
import sympy as sp

from rescu_cli.certify import Certificate, Claim, Verdict, certify
from rescu_cli.certify.recheck import recheck
from rescu_cli.core import symbols
from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import X

BITS = 400
Ball = Any
PROVED, REFUTED = Verdict.PROVED, Verdict.REFUTED
OUT_OF_TIME = "decided again it is undecided with value None"
"""A claim whose evidence is that it is decided again, on a machine busier than before."""
_LOOSE = sp.Rational(1, 500)
_FUNCTIONS: dict[type, Callable[[Ball], Ball]] = {
    sp.exp: lambda u: u.exp(), sp.log: lambda u: u.log(), sp.tanh: lambda u: u.tanh(),
    sp.erf: lambda u: u.erf(), sp.erfc: lambda u: u.erfc(), sp.atan: lambda u: u.atan(),
    sp.asinh: lambda u: u.asinh(), sp.sin: lambda u: u.sin(), sp.cos: lambda u: u.cos(),
    sp.tan: lambda u: u.tan(), sp.sinh: lambda u: u.sinh(), sp.cosh: lambda u: u.cosh(),
    sp.Abs: abs, symbols.sigmoid: lambda u: 1 / (1 + (-u).exp()),
    symbols.log1p: lambda u: (1 + u).log(), symbols.expm1: lambda u: u.exp() - 1,
    symbols.Phi: lambda u: (-u / flint.arb(2).sqrt()).erfc() / 2,
}  # fmt: skip


# -- evaluation ------------------------------------------------------------------------------


def evaluate(expr: sp.Expr, xs: list[Ball]) -> list[Ball]:
    """Enclosures of an expression in x at each of the points."""
    return _walk(sp.sympify(expr), xs, {})


def number(expr: sp.Expr) -> Ball:
    """The enclosure of an expression without symbols."""
    if expr is sp.oo or expr is -sp.oo:
        return flint.arb("inf") if expr is sp.oo else flint.arb("-inf")
    return evaluate(expr, [flint.arb(0)])[0]


def _walk(expr: sp.Expr, xs: list[Ball], memo: dict[sp.Expr, list[Ball]]) -> list[Ball]:
    if expr not in memo:
        memo[expr] = _node(expr, xs, memo) if expr.has(X) else [_constant(expr)] * len(xs)
    return memo[expr]


def _node(expr: sp.Expr, xs: list[Ball], memo: dict[sp.Expr, list[Ball]]) -> list[Ball]:
    if expr == X:
        return xs
    parts = [_walk(a, xs, memo) for a in expr.args]
    return [_apply(expr, list(column)) for column in zip(*parts, strict=True)]


def _constant(expr: sp.Expr) -> Ball:
    if expr.is_Rational:
        return flint.arb(flint.fmpq(int(expr.p), int(expr.q)))
    if expr is sp.pi:
        return flint.arb.pi()
    if expr is sp.E:
        return flint.arb(1).exp()
    if expr.is_Float:
        return _constant(sp.Rational(expr))
    if isinstance(expr, sp.Piecewise):
        for value, condition in expr.args:
            if condition == sp.true:
                return _constant(value)
    if isinstance(expr, sp.polys.rootoftools.ComplexRootOf):
        digits = 90
        mid, size = flint.arb(str(sp.N(expr, digits + 10))), 1 + abs(sp.N(expr, 15))
        return mid + flint.arb(0, 1) * flint.arb(str(size)) * flint.arb(10) ** -digits
    return _apply(expr, [_constant(a) for a in expr.args])


def _apply(expr: sp.Expr, args: list[Ball]) -> Ball:
    if expr.is_Add:
        total = args[0]
        for a in args[1:]:
            total = total + a
        return total
    if expr.is_Mul:
        total = args[0]
        for a in args[1:]:
            total = total * a
        return total
    if expr.is_Pow and not isinstance(expr, sp.exp):
        exponent = expr.exp
        if exponent.is_Integer and abs(exponent) <= 12:
            total = args[0]
            for _ in range(abs(int(exponent)) - 1):
                total = total * args[0]
            return total if exponent > 0 else 1 / total
        if exponent.is_Rational and exponent.q == 2:
            return args[0].sqrt() ** int(exponent.p)
        return args[0] ** args[1]
    if isinstance(expr, sp.Max | sp.Min):
        best = args[0]
        for a in args[1:]:
            best = best.max(a) if isinstance(expr, sp.Max) else best.min(a)
        return best
    return _FUNCTIONS[type(expr)](args[0])


# -- evidence ---------------------------------------------------------------------------------


def fallen(activation: Activation) -> list[str]:
    """What of a certificate with evidence does not stand after a journey through JSON."""
    written = json.dumps(certify(activation, evidence=True).to_dict())
    outcome = recheck(Certificate.from_dict(json.loads(written)), activation)
    return [
        f"{c.claim} {c.status}: {c.reason}"
        for c in outcome.claims
        if c.stands is False and c.reason != OUT_OF_TIME
    ]


# -- one member ------------------------------------------------------------------------------


class Member:
    """A function without free parameters, evaluated once for all claims.

    Args:
        activation: Where it is from.
        parameters: Values of the free parameters.
    """

    def __init__(self, activation: Activation, parameters: Mapping[sp.Symbol, sp.Expr]) -> None:
        self.parameters = dict(parameters)
        swap = self.parameters
        self.pieces = [
            (sp.sympify(p.lower).subs(swap), sp.sympify(p.upper).subs(swap),
             sp.sympify(p.value).subs(swap), sp.sympify(p.gradient).subs(swap))
            for p in activation.pieces
        ]  # fmt: skip
        self.joints = [p[1] for p in self.pieces[:-1]]
        self.xs = [_points(low, high) for low, high, _, _ in self.pieces]
        self.tables = [
            [evaluate(self.derivative(i, k), xs) for i, xs in enumerate(self.xs)] for k in range(3)
        ]
        self.stated = [evaluate(p[3], xs) for p, xs in zip(self.pieces, self.xs, strict=True)]

    def derivative(self, index: int, order: int) -> sp.Expr:
        value = self.pieces[index][2]
        return sp.diff(value, X, order) if order else value

    def flat(self, order: int) -> list[Ball]:
        return [y for row in self.tables[order] for y in row if y.is_finite()]

    def jumps(self, order: int) -> list[Ball]:
        found = []
        for i, joint in enumerate(self.joints):
            left, right = (self.derivative(k, order) for k in (i, i + 1))
            ends = [e.subs(X, joint) for e in (left, right)]
            if sp.nan in ends:  # a removable hole
                ends = [sp.cancel(e).subs(X, joint) for e in (left, right)]
            found.append(number(ends[1]) - number(ends[0]))
        return found

    def at(self, place: sp.Expr, order: int) -> Ball:
        """d^order f at a point that is no joint."""
        for i, (_, upper, _, _) in enumerate(self.pieces):
            if upper is sp.oo or number(place - upper) < 0:
                return number(self.derivative(i, order).subs(X, place))
        raise AssertionError("the pieces cover the line")

    def value(self, x: Ball) -> Ball:
        """f at a point."""
        for _, upper, value, _ in self.pieces:  # a joint belongs to its left neighbour
            if upper is sp.oo or not x > number(upper):
                return evaluate(value, [x])[0]
        raise AssertionError("the pieces cover the line")

    def best(self, order: int, sign: int) -> Ball:
        """A number that sign·(d^order f) reaches, as large as a search makes it."""
        found = flint.arb("-inf")
        for i, (xs, ys) in enumerate(zip(self.xs, self.tables[order], strict=True)):
            finite = [(float((sign * y).mid()), k) for k, y in enumerate(ys) if y.is_finite()]
            # Far out, places are wider apart than a wave is long.
            here = [pair for pair in finite if abs(xs[pair[1]]) < 30]
            expr = sign * self.derivative(i, order)
            for k in {max(some)[1] for some in (finite, here) if some}:
                low, high = xs[max(k - 1, 0)], xs[min(k + 1, len(xs) - 1)]
                found = _climbed(expr, low, high, found)
        return found


def _climbed(expr: sp.Expr, low: Ball, high: Ball, found: Ball) -> Ball:
    """The largest value met on finer and finer grids around the best place, or ``found``."""
    for round_ in range(12):
        before = found
        grid = _grid(low, high)
        row = evaluate(expr, grid)
        j = max(range(17), key=lambda n: float(row[n].mid()) if row[n].is_finite() else -1e308)
        if row[j].is_finite() and row[j].lower() > found:
            found = row[j].lower()
        low, high = grid[max(j - 1, 0)], grid[min(j + 1, 16)]
        if round_ > 3 and found <= before:
            break  # a vertex far narrower than the places around it takes longer
    return found


def _grid(low: Ball, high: Ball) -> list[Ball]:
    """17 places from one end to the other; by their magnitude where that varies."""
    if (low < 1 and high > -1) or (abs(high) < 4 * abs(low) and abs(low) < 4 * abs(high)):
        return [low + (high - low) * flint.arb(j) / 16 for j in range(17)]
    ratio = (high / low).log() / 16
    return [low * (ratio * j).exp() for j in range(17)]


_UNIT = tuple(sp.Rational(k, 64) for k in range(65))
_NEAR = tuple(sp.Rational(1, 10**k) for k in (3, 6, 12))
_FAR = (sp.Integer(6), sp.Integer(10), sp.Integer(17), sp.Integer(40), sp.Integer(150), sp.Integer(1000),
        sp.Integer(10**4), sp.Integer(10**6), sp.Integer(10**11), sp.Integer(10**17),
        sp.Integer(10**40))  # fmt: skip


def _points(lower: sp.Expr, upper: sp.Expr) -> list[Ball]:
    """Ascending: both ends, near them, a grid, and out to 10⁴⁰ where there is no end."""
    if lower.is_infinite and upper.is_infinite:
        right = [*(sp.Rational(k, 16) for k in range(1, 81)), *_FAR]
        places = [-r for r in reversed(right)] + [sp.S.Zero, *right]
        return [number(p) for p in places]
    if lower.is_infinite or upper.is_infinite:
        offsets = [sp.S.Zero, *reversed(_NEAR), *(sp.Rational(k, 16) for k in range(1, 81)), *_FAR]
        if lower.is_infinite:
            return [number(upper) - number(o) for o in reversed(offsets)]
        return [number(lower) + number(o) for o in offsets]
    a, b = number(lower), number(upper)
    shares = sorted({*_UNIT, *_NEAR, *(1 - n for n in _NEAR)})
    return [a + (b - a) * number(s) for s in shares]


def members(activation: Activation, count: int, rng: Random) -> list[Member]:
    """Members at random admissible parameters; the function itself if it has none."""
    if not activation.free_parameters:
        return [Member(activation, {})]
    found: list[Member] = []
    for _ in range(50 * count):
        point = {}
        for p in activation.free_parameters:
            size = sp.Rational(rng.randint(1, 400), rng.choice([1, 3, 20, 1000]))
            point[p.symbol] = size * rng.choice([-1, 1])
        if admissible(activation, point):
            found.append(Member(activation, point))
            if len(found) == count:
                break
    return found


def admissible(activation: Activation, point: Mapping[sp.Symbol, sp.Expr]) -> bool:
    """Whether parameter values satisfy all assumptions."""
    inside = all(p.domain.contains(point[p.symbol]) for p in activation.free_parameters)
    return inside and all(
        r.expr.subs(point) > 0 if r.strict else r.expr.subs(point) >= 0
        for r in activation.relations
    )


# -- verdicts --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lie:
    """A verdict that evaluation contradicts.

    Args:
        claim: Its claim.
        what: What is wrong with it.
    """

    claim: Claim
    what: str

    def __str__(self) -> str:
        c = self.claim
        return f"{c.claim} {c.status} {c.value} {c.witness} by {c.method}: {self.what}"


def lies(activation: Activation, found: Certificate, rng: Random, n_members: int = 3) -> list[Lie]:
    """Everything in a certificate that evaluation contradicts; empty for an honest one."""
    before, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        known = members(activation, n_members, rng)
        result = []
        for claim in found:
            if claim.status is PROVED:
                result += [
                    Lie(claim, w) for m in known for w in _PROOFS[claim.claim](claim, m, found)
                ]
            elif claim.status is REFUTED:
                result += [Lie(claim, w) for w in _refutation(claim, activation, known)]
        return result
    finally:
        flint.ctx.prec = before


def _read(text: str, member: Member) -> sp.Expr:
    if text in ("inf", "-inf"):
        return sp.oo if text == "inf" else -sp.oo
    names = {s.name: s for s in member.parameters}
    return sp.sympify(text, locals=names).subs(member.parameters)


def _error(claim: Claim, text: str, m: Member) -> Ball:
    """How far the value may be off when each decimal in its text is off by the stated error."""
    if not claim.error or text in ("inf", "-inf"):
        return flint.arb(0)
    error = sp.Rational(claim.error)
    whole = sp.sympify(text, locals={p.name: p for p in m.parameters}, rational=False)
    value, total = whole.subs(m.parameters), flint.arb(0)
    for decimal in whole.atoms(sp.Float):
        moved = whole.xreplace({decimal: sp.Rational(decimal) + error}).subs(m.parameters)
        total += abs(number(sp.nsimplify(moved - value, rational=True)))
    return total * flint.arb("1.01")  # the difference was rounded


def _continuous(claim: Claim, m: Member, found: Certificate) -> Iterable[str]:
    for joint, jump in zip(m.joints, m.jumps(0), strict=True):
        if not jump.contains(0):
            yield f"f jumps by {jump.str(5)} at {joint}"


def _smooth(claim: Claim, m: Member, found: Certificate) -> Iterable[str]:
    order = 6 if claim.value == "inf" else int(str(claim.value))
    for k in range(order + 1):
        if any(not j.contains(0) for j in m.jumps(k)):
            yield f"derivative {k} jumps"
    if claim.value != "inf" and not m.parameters:
        steps = m.jumps(order + 1)
        if all(j.contains(0) for j in steps):
            yield f"derivative {order + 1} does not jump"


def _gradient_matches(claim: Claim, m: Member, found: Certificate) -> Iterable[str]:
    for stated, true in zip(m.stated, m.tables[1], strict=True):
        if any(a.is_finite() and b.is_finite() and not a.overlaps(b)
               for a, b in zip(stated, true, strict=True)):  # fmt: skip
            yield "the gradient is not the derivative"


def _nonnegative(order: int) -> Callable[[Claim, Member, Certificate], Iterable[str]]:
    def check(claim: Claim, m: Member, found: Certificate) -> Iterable[str]:
        for xs, ys in zip(m.xs, m.tables[order], strict=True):
            for x, y in zip(xs, ys, strict=True):
                if y < 0:
                    yield f"derivative {order} is {y.str(5)} at {x.str(8)}, {m.parameters}"
                    break
        for k in range(order):
            for joint, jump in zip(m.joints, m.jumps(k), strict=True):
                if jump < 0 or (k == 0 and order == 2 and jump > 0):
                    yield f"derivative {k} jumps by {jump.str(5)} at {joint}, {m.parameters}"

    return check


def _bound(claim: Claim, m: Member, text: str, order: int, sign: int) -> Iterable[str]:
    """sup of sign·(d^order f) is sign·value: nothing above it, and something close to it."""
    stated, error = sign * number(_read(text, m)), _error(claim, text, m)
    best = m.best(order, sign)
    for y in m.flat(order):
        if sign * y > stated + error:
            yield f"{text} is passed by {y.str(12)}, {m.parameters}"
            break
    if best > stated + error:
        yield f"{text} is passed by {best.str(12)}, {m.parameters}"
    if stated.is_finite() and best < stated - error - number(_LOOSE) * (1 + abs(stated)):
        yield f"{text} is not approached: {best.str(12)}, {m.parameters}"
    if not stated.is_finite() and best < 30:
        yield f"{text}, yet only {best.str(8)} was reached, {m.parameters}"


def _bounded_below(claim: Claim, m: Member, found: Certificate) -> Iterable[str]:
    if isinstance(claim.value, str):
        yield from _bound(claim, m, claim.value, 0, -1)


def _gradient_range(claim: Claim, m: Member, found: Certificate) -> Iterable[str]:
    if isinstance(claim.value, tuple):
        yield from _bound(claim, m, claim.value[0], 1, -1)
        yield from _bound(claim, m, claim.value[1], 1, 1)


def _gradient_lipschitz(claim: Claim, m: Member, found: Certificate) -> Iterable[str]:
    torn = any(not j.contains(0) for k in (0, 1) for j in m.jumps(k))
    stated, error = number(_read(str(claim.value), m)), _error(claim, str(claim.value), m)
    if torn:
        if stated.is_finite():
            yield f"{claim.value}, yet f or f' jumps, {m.parameters}"
        return
    best = max((m.best(2, s) for s in (-1, 1)), key=lambda y: float(y.mid()))
    if best > stated + error:
        yield f"{claim.value} is passed by {best.str(12)}, {m.parameters}"
    if stated.is_finite() and best < stated - error - number(_LOOSE) * (1 + stated):
        yield f"{claim.value} is not approached: {best.str(12)}, {m.parameters}"
    if not stated.is_finite() and best < 30:
        yield f"{claim.value}, yet f'' reaches only {best.str(8)}, {m.parameters}"


def _line(claim: Claim, m: Member) -> tuple[Ball, Ball]:
    assert isinstance(claim.value, Mapping)
    slope, intercept = (number(_read(claim.value[k], m)) for k in ("slope", "intercept"))
    return slope, intercept


def _asymptote(side: int) -> Callable[[Claim, Member, Certificate], Iterable[str]]:
    def check(claim: Claim, m: Member, found: Certificate) -> Iterable[str]:
        slope, intercept = _line(claim, m)
        for power, close in ((8, 5), (16, 10)):
            x = side * flint.arb(10) ** power
            distance = abs(m.value(x) - slope * x - intercept)
            if distance > flint.arb(10) ** -close * (1 + abs(slope) + abs(intercept)) * 100:
                yield f"the distance at 10^{power} is {distance.str(5)}, {m.parameters}"

    return check


def _relu_gap(claim: Claim, m: Member, found: Certificate) -> Iterable[str]:
    lines = [found[f"{side}_asymptote"] for side in ("left", "right")]
    if claim.value is None or any(line.status is not PROVED or line.error for line in lines):
        return
    (a, b), (c, d) = (_line(line, m) for line in lines)
    stated, best = number(_read(str(claim.value), m)), flint.arb(0)
    if (c - a).contains(0):
        return  # a kink at infinity, or a base that is stored
    at = (b - d) / (c - a)
    for xs, ys in zip(m.xs, m.tables[0], strict=True):
        for x, y in zip(xs, ys, strict=True):
            gap = abs(y - (a * x + b if x < at else c * x + d))
            if x.overlaps(at) or not gap.is_finite():
                continue
            if gap > stated + _error(claim, str(claim.value), m):
                yield f"{claim.value} is passed by {gap.str(12)} at {x.str(8)}, {m.parameters}"
                return
            best = best.max(gap)
    if m.value(at).is_finite():
        best = best.max(abs(m.value(at) - a * at - b))
    if best < stated * flint.arb("0.9") - flint.arb(10) ** -9:
        yield f"{claim.value} is not approached: {best.str(12)}, {m.parameters}"


def _homogeneous(claim: Claim, m: Member, found: Certificate) -> Iterable[str]:
    if m.parameters or claim.reason is None or "->" in claim.reason or "family" in claim.reason:
        return
    for xs, ys in zip(m.xs, m.tables[0], strict=True):
        for x, y in list(zip(xs, ys, strict=True))[1:-1:9]:
            if not m.value(2 * x).overlaps(2 * y):
                yield f"f(2x) is not 2 f(x) at {x.str(8)}"
                return


def _rescu(claim: Claim, m: Member, found: Certificate) -> Iterable[str]:
    for k in (0, 1):
        if any(not j.contains(0) for j in m.jumps(k)):
            yield f"derivative {k} jumps, {m.parameters}"
    bends = m.flat(2)
    if any(y < 0 for y in bends) and any(y > 0 for y in bends):
        yield f"the gradient turns, {m.parameters}"
    if isinstance(claim.value, tuple):
        for text, index, row in zip(claim.value, (0, -1), (0, -1), strict=True):
            end, stated = m.tables[1][row][index], number(_read(text, m))
            if end.is_finite() and abs(end - stated) > flint.arb("1e-3") * (1 + abs(stated)):
                yield f"the end slope is {end.str(8)}, not {text}, {m.parameters}"


_PROOFS: dict[str, Callable[[Claim, Member, Certificate], Iterable[str]]] = {
    "continuous": _continuous, "smooth": _smooth, "gradient_matches": _gradient_matches,
    "monotone": _nonnegative(1), "convex": _nonnegative(2), "bounded_below": _bounded_below,
    "gradient_range": _gradient_range, "gradient_lipschitz": _gradient_lipschitz,
    "left_asymptote": _asymptote(-1), "right_asymptote": _asymptote(1), "relu_gap": _relu_gap,
    "homogeneous": _homogeneous, "rescu": _rescu,
}  # fmt: skip


# -- refutations -----------------------------------------------------------------------------


def _refutation(claim: Claim, activation: Activation, known: list[Member]) -> Iterable[str]:
    witness = dict(claim.witness or {})
    free = {p.name: p.symbol for p in activation.free_parameters}
    point = {s: sp.sympify(witness[n]) for n, s in free.items() if n in witness}
    if point.keys() == set(free.values()):
        if free and not admissible(activation, point):
            yield f"the witness {point} is not admissible"
            return
        member = Member(activation, point) if free else known[0]
    elif claim.claim in ("relu_gap", "left_asymptote", "right_asymptote", "rescu", "homogeneous"):
        member = known[0]  # a reason that holds for all of the family
    else:
        yield "the witness leaves a parameter open"
        return
    yield from _violated(claim, member, witness)


def _violated(claim: Claim, m: Member, witness: dict[str, str]) -> Iterable[str]:
    place = sp.sympify(witness["x"]) if "x" in witness and "inf" not in witness["x"] else None
    shown = [k for k in witness if k in ("f'", "f''", "jump of f", "jump of f'", "f' - gradient")]
    for name in shown:
        assert place is not None
        if name.startswith("jump"):
            order = name.count("'")
            joints = [i for i, j in enumerate(m.joints) if number(j - place).contains(0)]
            if not joints:
                yield f"{place} is no joint"
                continue
            true = m.jumps(order)[joints[0]]
            falls = claim.claim in ("monotone",) or (
                name == "jump of f'" and claim.claim == "convex"
            )
            wrong = true < 0 if falls else not true.contains(0)
        elif name == "f' - gradient":
            index = next(
                i for i, p in enumerate(m.pieces) if p[1] is sp.oo or number(place - p[1]) < 0
            )
            true = m.at(place, 1) - evaluate(m.pieces[index][3], [number(place)])[0]
            wrong = not true.contains(0)
        else:
            true = m.at(place, name.count("'"))
            wrong = true < 0
        if not wrong:
            yield f"{name} is {true.str(8)} at {place}, {m.parameters}"
        if abs(true - flint.arb(witness[name])) > abs(true) * flint.arb("1e-6"):
            yield f"{name} is {true.str(8)}, not {witness[name]}, at {place}, {m.parameters}"
    if (
        claim.claim in ("continuous", "smooth", "monotone", "convex", "gradient_matches")
        and not shown
    ):
        yield "refuted without a quantity"
    check = _REFUTED.get(claim.claim)
    if check is not None:
        yield from check(claim, m, witness)


def _unbounded(claim: Claim, m: Member, witness: dict[str, str]) -> Iterable[str]:
    side = -1 if witness["x"] == "-inf" else 1
    values = [m.value(side * flint.arb(10) ** k) for k in (6, 20, 60)]
    if values[0] < -1000 and not values[2].is_finite():
        return
    # Like log x at least, from 10^6 over 10^20 to 10^60; a limit would be approached by then.
    slow, fast = values[0] - values[1], values[1] - values[2]
    deep = fast > 0 and values[2] < -30
    if not (deep or (slow > 0 and fast > slow * 2)):
        yield f"f is {[v.str(5) for v in values]} far out"


def _no_line(side: int) -> Callable[[Claim, Member, dict[str, str]], Iterable[str]]:
    def check(claim: Claim, m: Member, witness: dict[str, str]) -> Iterable[str]:
        lines = []
        for power in (6, 40):  # what grows like 10⁻³⁰·x² has to be seen
            x = side * flint.arb(10) ** power
            slope = (m.value(2 * x) - m.value(x)) / x
            lines.append((slope, m.value(x) - slope * x))
        (a, b), (c, d) = lines
        if abs(a - c) < flint.arb("1e-9") and abs(b - d) < flint.arb("1e-4"):
            yield f"f follows {c.str(8)}*x + {d.str(8)}, {m.parameters}"

    return check


def _inhomogeneous(claim: Claim, m: Member, witness: dict[str, str]) -> Iterable[str]:
    if m.parameters or "->" in (claim.reason or ""):
        return
    x, c = sp.sympify(witness["x"]), sp.sympify(witness["c"])
    if m.value(number(c * x)).overlaps(number(c) * m.value(number(x))):
        yield f"f({c}*x) = {c}*f(x) at {x}"


def _turns(claim: Claim, m: Member, witness: dict[str, str]) -> Iterable[str]:
    if "f''" not in witness:
        return
    rises = sp.sympify((claim.reason or "").rpartition("x = ")[2])
    if not m.at(rises, 2) > 0:
        yield f"f'' is {m.at(rises, 2).str(8)} at {rises}, {m.parameters}"


_REFUTED: dict[str, Callable[[Claim, Member, dict[str, str]], Iterable[str]]] = {
    "bounded_below": _unbounded, "left_asymptote": _no_line(-1), "right_asymptote": _no_line(1),
    "homogeneous": _inhomogeneous, "rescu": _turns,
}  # fmt: skip
