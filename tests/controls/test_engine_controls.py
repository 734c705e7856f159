"""Functions made to fool an engine, each beside a near twin of which the claim is true.

The false one must be refuted at a point that an evaluation of its own confirms; where an engine
cannot know, it may only be silent. Of the true one no engine may say that it is false.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import flint
import mpmath
import pytest
import sympy as sp

from rescu_cli.certify import Claim, Verdict, certify
from rescu_cli.certify.enclosure.form import Far
from rescu_cli.certify.enclosure.growth import Coefficient, FarError, Growth
from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.derive import derive
from rescu_cli.core.parse import parse_exact
from rescu_cli.core.shape import named_shape
from rescu_cli.core.symbols import Parameter, X
from rescu_cli.errors import UsageError
from tests.theorems.honest_cases import tile
from tests.theorems.honest_oracle import lies

PROVED, REFUTED, UNDECIDED = Verdict.PROVED, Verdict.REFUTED, Verdict.UNDECIDED
HAIR = sp.Rational(1, 10**9)
ROOT2 = sp.sqrt(2)
ONE = sp.S.One


def asked(activation: Activation, claim: str, engine: str) -> Claim:
    """The claim by one engine, after its witness (or proof) was held against evaluation."""
    engines = None if engine == "all" else [engine]
    certificate = certify(activation, [claim], engines=engines)
    found = certificate[claim]
    if found.status is REFUTED:
        assert not [str(lie) for lie in lies(activation, certificate, Random(0))]
    return found


@dataclass(frozen=True)
class Twins:
    """Two functions that differ by a hair.

    Args:
        claim: What is claimed of both.
        false: The one of which it is false.
        true: The one of which it is true.
        engines: Who refutes the one.
        proves: Who proves the other.
    """

    claim: str
    false: Activation
    true: Activation
    engines: tuple[str, ...] = ("exact", "ball", "all")
    proves: tuple[str, ...] = ("exact", "ball", "all")


def dip(depth: sp.Expr, at: sp.Expr, sharpness: int) -> Activation:
    """f′ = 1 − (1 + depth)·e^(−(s(x − at))²), smooth, and below 0 by ``depth`` at one place."""
    return tile(
        [X - (1 + depth) * sp.sqrt(sp.pi) / (2 * sharpness) * sp.erf(sharpness * (X - at))], []
    )


def late(slope: sp.Expr, sign: int) -> Activation:
    """f′ = slope + sign·e^(x−60), an exponential that takes over at x = 60."""
    return tile([slope * X + sign * sp.exp(X - 60)], [])


def family(text: str, assume: str, joints: tuple[str, ...] = ()) -> Activation:
    """Pieces separated by ``|`` in x and b under assumptions on b."""
    known = read_assumptions([assume])
    parameter = Parameter("b", known.domains["b"])
    names = {"b": parameter.symbol, "x": X}
    values = [sp.sympify(part, locals=names) for part in text.split("|")]
    return tile(values, [sp.sympify(j, locals=names) for j in joints], (parameter,))


PLACE = sp.Rational(123456, 10**5)
FAR = sp.Integer(10**6)
BY_BALLS = ("ball", "all")
SOFT = sp.log(1 + sp.exp(X))
TWINS = {
    "a dip of 1e-9 in a smooth region": Twins(
        "monotone", dip(HAIR, PLACE, 1000), dip(-HAIR, PLACE, 1000), BY_BALLS, BY_BALLS),
    "a dip of 1e-9 beside one that only touches zero": Twins(
        "monotone", dip(HAIR, PLACE, 1000), dip(sp.S.Zero, PLACE, 1000), BY_BALLS, BY_BALLS),
    "a dip 1e-9 wide": Twins(
        "monotone", dip(HAIR, PLACE, 10**9), dip(-HAIR, PLACE, 10**9), BY_BALLS, BY_BALLS),
    "a dip near 1e6": Twins(
        "monotone", dip(HAIR, FAR, 1), dip(-HAIR, FAR, 1), BY_BALLS, BY_BALLS),
    "a wave that just turns back": Twins(
        "monotone", tile([X + (1 + HAIR) * sp.sin(X)], []), tile([X + sp.sin(X)], []), BY_BALLS),
    "a kink of 1e-12 at an irrational point": Twins(
        "convex",
        tile([sp.exp(X), sp.exp(X) - (X - ROOT2) / 10**12], [ROOT2]),
        tile([sp.exp(X), sp.exp(X) + (X - ROOT2) / 10**12], [ROOT2])),
    "a jump of 1e-12 at an irrational point": Twins(
        "continuous",
        tile([sp.tanh(X), sp.tanh(X) + sp.Rational(1, 10**12)], [sp.pi]),
        tile([sp.tanh(X), sp.tanh(X) + (X - sp.pi) / 10**12], [sp.pi])),
    "a jump hidden by removable syntax": Twins(
        "continuous",
        tile([(X**2 - 1) / (X - 1), X + 1 + HAIR], [ONE]),
        tile([(X**2 - 1) / (X - 1), X + 1], [ONE]),
        proves=()),
    "a jump as small as exp(pi*sqrt(163)) is close to an integer": Twins(
        "continuous",
        tile([X, X + sp.exp(sp.pi * sp.sqrt(163)) - 262537412640768744], [sp.S.Zero]),
        tile([X, X + sp.sqrt(2) + sp.sqrt(3) - sp.sqrt(5 + 2 * sp.sqrt(6))], [sp.S.Zero])),
    "false beyond 50": Twins("monotone", late(ONE, -1), late(ONE, 1)),
    "a square that takes over at 100": Twins(
        "monotone", tile([X - X**3 / 30000], []), tile([X + X**3 / 30000], [])),
    "false beyond 1e30": Twins(
        "monotone", tile([X - X**3 / 10**61], []), tile([X + X**3 / 10**61], [])),
    "a slope that decays like 1/x^2 below a line of 1e-9": Twins(
        "monotone", tile([sp.atan(X) - HAIR * X], []), tile([sp.atan(X) + HAIR * X], [])),
    "a tail exp(-exp(x)) below a line of 1e-12": Twins(
        "monotone",
        tile([sp.exp(-sp.exp(-X)) - X / 10**12], []),
        tile([sp.exp(-sp.exp(-X)) + X / 10**12], [])),
    "a slope that cancels to 1e-9": Twins(
        "monotone",
        tile([sp.sqrt(X**2 + 1) - sp.sqrt(X**2 + 1 + HAIR) - HAIR * X], []),
        tile([sp.sqrt(X**2 + 1) - sp.sqrt(X**2 + 1 + HAIR) + X], []), proves=BY_BALLS),
    "a limit from above instead of below": Twins(
        "convex", tile([sp.sqrt(1 + X**2) - HAIR * X**2], []),
        tile([sp.sqrt(1 + X**2) + HAIR * X**2], []), BY_BALLS),
    "a well at infinity": Twins(
        "bounded_below", tile([SOFT + SOFT.subs(X, -X) - X - HAIR * X], []),
        tile([SOFT + SOFT.subs(X, -X) - X], [])),
}  # fmt: skip
PAIRS = [(n, e) for n, t in TWINS.items() for e in ("exact", "ball", "all")]


@pytest.mark.parametrize(("name", "engine"), PAIRS)
def test_the_false_twin_is_refuted_at_a_point_where_it_fails(name: str, engine: str) -> None:
    twins = TWINS[name]
    found = asked(twins.false, twins.claim, engine)
    assert found.status is (REFUTED if engine in twins.engines else UNDECIDED), found


@pytest.mark.parametrize(("name", "engine"), PAIRS)
def test_the_true_twin_is_not_refuted(name: str, engine: str) -> None:
    twins = TWINS[name]
    found = asked(twins.true, twins.claim, engine)
    assert found.status is (PROVED if engine in twins.proves else UNDECIDED), found


# -- families --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Families:
    """A claim about f_b that fails for some b only, and assumptions under which it holds.

    Args:
        claim: What is claimed.
        text: Pieces, separated by ``|``.
        false: Assumptions that let a bad b in.
        true: Assumptions, or other pieces under the same ones, that do not.
        joints: Between the pieces.
        silent: Engines that cannot say.
    """

    claim: str
    text: str
    false: str
    true: str
    joints: tuple[str, ...] = ()
    silent: tuple[str, ...] = ("ball",)


HAIR_TEXT = "Rational(1, 10**9)"
FAMILIES = {
    "monotone until b = 100": Families("monotone", "x + (100 - b)*x**3/3", "b > 0", "0 < b <= 100"),
    "convex until b = 100": Families(
        "convex", "x|x + (100 - b)*x**2", "b > 0", "0 < b <= 100", ("0",)),
    "bounded until b = 100": Families("bounded_below", "x**2*(100 - b) + 1", "b > 0", "0 < b < 100"),
    "right at 1/10, 1 and 10, wrong at 1/7": Families(
        "monotone", f"((b - Rational(1, 7))**2 - {HAIR_TEXT})*x", "b > 0",
        f"((b - Rational(1, 7))**2 + {HAIR_TEXT})*x"),
    "joined at 1/10, 1 and 10 only": Families(
        "continuous", "0|(b - Rational(1, 10))*(b - 1)*(b - 10)", "b > 0", "0|b*x", ("0",)),
    "a gradient that is right at 1 only": Families(
        "rescu", "0|x**2/2|b*(x - 1) + Rational(1, 2)", "b > 0", "0|b*x**2/2|b*(x - 1) + b/2", ("0", "1")),
    "a turn that comes when two parameters' order flips": Families(
        "rescu", "0|x**2/2|x - Rational(1, 2) + (b - 2)*(x - 1)**2/2|(b - 1)*(x - 2) + b/2 + Rational(1, 2)",
        "b > 0", "b >= 2", ("0", "1", "2")),
}  # fmt: skip
QUESTIONS = [(n, e) for n in FAMILIES for e in ("exact", "z3", "ball", "all")]


def family_twins(name: str) -> tuple[Activation, Activation]:
    case = FAMILIES[name]
    other = (case.text, case.true) if "x" not in case.true else (case.true, case.false)
    return family(case.text, case.false, case.joints), family(*other, case.joints)


@pytest.mark.parametrize(("name", "engine"), QUESTIONS)
def test_a_family_with_one_bad_member_is_refuted_by_that_member(name: str, engine: str) -> None:
    found = asked(family_twins(name)[0], FAMILIES[name].claim, engine)
    assert found.status is not PROVED
    if engine == "all":
        assert found.status is REFUTED
        assert found.witness is not None
        assert "b" in found.witness


@pytest.mark.parametrize(("name", "engine"), QUESTIONS)
def test_a_family_without_a_bad_member_is_not_refuted(name: str, engine: str) -> None:
    found = asked(family_twins(name)[1], FAMILIES[name].claim, engine)
    assert found.status is not REFUTED
    assert found.status is PROVED or engine != "all"


def test_joints_whose_order_depends_on_the_parameter_are_refused() -> None:
    """b < 1 and b > 1 are two functions; neither may be proved for the other."""
    with pytest.raises(UsageError):
        family("0|x|1", "b > 0", ("b", "1"))
    assert asked(family("0|x|1", "b > 1", ("1", "b")), "continuous", "all").status is REFUTED


# -- extrema ---------------------------------------------------------------------------------

EXTREMA = {
    "self-gated tanh": X * sp.tanh(X),
    "mish": X * sp.tanh(SOFT),
    "two gates": X / (1 + sp.exp(-X)) + X / (2 + 2 * sp.exp(-3 * X)),
    "a Gaussian step": X * (1 + sp.erf(X / ROOT2)) / 2,
    "double exponential": sp.exp(-sp.exp(-X)),
    "wave in a bell": sp.sin(3 * X) * sp.exp(-(X**2)) + X / 5,
    "difference of roots": sp.sqrt(X**2 + 1) - sp.sqrt(X**2 + 2),
    "steep step": sp.tanh(10**6 * (X - sp.Rational(1, 7))),
    "arctangents": sp.atan(X) - sp.atan(X / 2) / 3,
    "limit only": X + sp.sqrt(1 + X**2),
    "nearly flat": sp.log(1 + sp.exp(X)) - X / (1 + sp.exp(-X)),
    "far bell": sp.exp(-((X - 20) ** 2)) + sp.tanh(X),
    "rational": (X**2 - X) / (X**2 + 2),
}
WANTED = {"bounded_below": 0, "gradient_range": 1, "gradient_lipschitz": 2}


def truth(expr: sp.Expr, order: int, sign: int) -> mpmath.mpf:
    """sup of sign·(d^order) on a grid fine at the origin, at every place of steepness, and far out."""
    f = sp.lambdify(X, sign * sp.diff(expr, X, order), "mpmath")
    spots = [0, mpmath.mpf(1) / 7, 20]
    offsets = [
        s * mpmath.mpf(k) / 10 * u
        for k in range(61)
        for s in (-1, 1)
        for u in (1, mpmath.mpf(10) ** -6)
    ]
    towers = any(e.args[0].has(sp.exp) for e in expr.atoms(sp.exp))
    far = (1, 1.5, 2, 3) if towers else (1, 1.5, 2, 3, 6, 12, 25)  # e^(e^x) fills the memory
    offsets += [s * mpmath.mpf(10) ** k for k in far for s in (-1, 1)]
    places = sorted({p + o for p in spots for o in offsets})
    values = [f(x) for x in places]
    k = max(range(len(places)), key=values.__getitem__)
    low, high = places[max(k - 1, 0)], places[min(k + 1, len(places) - 1)]
    golden = (mpmath.sqrt(5) - 1) / 2
    for _ in range(120):
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (a, high) if f(a) < f(b) else (low, b)
    return max(values[k], f((low + high) / 2))


@pytest.mark.parametrize("engine", ["exact", "ball"])
@pytest.mark.parametrize("name", EXTREMA)
def test_every_extremum_lies_within_its_stated_error(name: str, engine: str) -> None:
    """Against a search with mpmath at 60 digits; what it reaches is a bound from one side."""
    expr = EXTREMA[name]
    certificate = certify(tile([expr], []), list(WANTED), engines=[engine])
    with mpmath.workdps(60):
        for claim in certificate:
            if claim.status is not PROVED or claim.value is None:
                continue
            order = WANTED[claim.claim]
            if claim.claim == "gradient_range":
                stated = [(claim.value[0], [-1]), (claim.value[1], [1])]  # type: ignore[index]
            else:
                stated = [(claim.value, [-1] if order == 0 else [-1, 1])]  # type: ignore[list-item]
            error = mpmath.mpf(claim.error or 0)
            assert error < mpmath.mpf(10) ** -9 * (1 + abs(decimal(stated[0][0])))
            for text, signs in stated:
                best = max(truth(expr, order, s) for s in signs)
                value = decimal(text) * (-1 if signs == [-1] else 1)
                hair = mpmath.mpf(10) ** -45
                assert best <= value + error + hair, claim
                assert value - error - best <= mpmath.mpf(10) ** -9 * (1 + abs(value)), claim


def decimal(text: str) -> mpmath.mpf:
    return mpmath.mpf(text if "inf" in text else str(sp.N(sp.sympify(text), 55)))


def test_a_supremum_that_is_only_a_limit_is_exact_and_not_passed() -> None:
    for value, limits in (
        (X + sp.sqrt(1 + X**2), ("0", "2")),
        (sp.atan(X) * 2 / sp.pi * X - sp.log(1 + X**2) / sp.pi, ("-1", "1")),
        (SOFT, ("0", "1")),
    ):
        for engine in ("exact", "ball", "all"):
            found = asked(tile([value], []), "gradient_range", engine)
            assert found.value in (limits, None)
            assert found.value == limits or engine != "all"


# -- found by random functions ---------------------------------------------------------------


def test_a_shape_that_shares_the_name_of_a_family_is_still_answered() -> None:
    """With other parameters than the family of the catalogue has, it is no member of it."""
    shape = derive(named_shape("cosine", asymmetric=True, leaky=True))
    member = shape.bind({"alpha": ONE, "g_minus": sp.Integer(2), "g_plus": sp.Rational(4, 5)})
    assert certify(member, ["homogeneous"])["homogeneous"].status is REFUTED


def test_a_witness_against_homogeneity_minds_who_owns_a_joint() -> None:
    """At −1/2 the left neighbour would refute; the joint is not its own."""
    half = -sp.Rational(1, 2)
    pieces = (Piece(-sp.oo, half, X + 1, ONE), Piece(half, sp.oo, sp.S.Zero, sp.S.Zero))
    found = certify(Activation("control", (), pieces, ("right",)), ["homogeneous"])["homogeneous"]
    assert found.status is REFUTED
    assert found.witness is not None
    assert found.witness["x"] != "-1/2"


def test_a_value_that_holds_where_an_equation_does_is_read_back() -> None:
    text = "Piecewise((2*b, Eq(b, 1) & Eq(4*b**2 - 4*b, 5)), (3, Eq(b**2, 2)), (4, True))"
    b = sp.Symbol("b", positive=True)
    assert str(parse_exact(text, {"b": b})) == text
    open_case = family("0|(b**2 - 2)*x", "b > 0", ("0",))
    assert asked(open_case, "gradient_lipschitz", "all").status is PROVED


def test_digits_that_a_witness_shows_are_right() -> None:
    """A slope of −8.479e−10 is what is left of 1 − 1: at 64 bits five digits of it are noise."""
    activation = dip(HAIR, PLACE, 10**9)
    found = asked(activation, "monotone", "ball")
    assert found.witness is not None
    with mpmath.workdps(60):
        slope = sp.lambdify(X, activation.pieces[0].gradient, "mpmath")
        true = slope(
            mpmath.mpf(sp.Rational(found.witness["x"]).p) / sp.Rational(found.witness["x"]).q
        )
        assert abs(true - mpmath.mpf(found.witness["f'"])) < abs(true) * mpmath.mpf(10) ** -9


def test_a_growing_factor_on_what_may_vanish_has_no_limit() -> None:
    """e^(x²)·c(x) with 0 ≤ c ≤ 1 need not grow: c may be e^(−e^x)."""
    some = Coefficient(flint.arb(0).union(flint.arb(1)), None, 1)
    with pytest.raises(FarError):
        Far(16, {Growth(X**2, sp.S.Zero): some}).limit()
