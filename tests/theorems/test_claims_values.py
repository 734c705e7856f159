"""Proved values against independent oracles: closed forms of the literature, mpmath searches.

The oracle evaluates the activation's printed formula with mpmath; it shares no code with the proof.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.certify import Verdict, certify
from rescu_cli.core.activation import Activation
from rescu_cli.core.derive import derive
from rescu_cli.core.shape import named_shape
from rescu_cli.core.symbols import X

BETA, ALPHA = sp.symbols("beta alpha", positive=True)

LITERATURE = [
    # activation, claim, value as the literature states it
    ("smelu", "relu_gap", "beta/4"),
    ("smelu", "gradient_lipschitz", "1/(2*beta)"),
    ("smelu", "smooth", "1"),
    ("smelu", "gradient_range", ("0", "1")),
    ("smelu", "bounded_below", "0"),
    ("gsmelu", "gradient_lipschitz", "Abs(g_plus - g_minus)/(alpha + beta)"),
    ("gsmelu", "gradient_range", ("Min(g_minus, g_plus)", "Max(g_minus, g_plus)")),
    ("gsmelu", "relu_gap", "Abs(g_plus - g_minus)*(alpha + beta)/8"),
    ("sau", "relu_gap", "(1 - alpha)*s/sqrt(2*pi)"),
    ("sau", "gradient_range", ("alpha", "1")),
    ("sau", "gradient_lipschitz", "(1 - alpha)/(s*sqrt(2*pi))"),
    ("softplus", "relu_gap", "log(2)/k"),
    ("softplus", "gradient_lipschitz", "k/4"),
    ("squareplus", "relu_gap", "c/2"),
    ("squareplus", "gradient_lipschitz", "1/(2*c)"),
    ("smu1", "relu_gap", "mu/2"),
    ("rescu_smoothstep", "smooth", "2"),
    ("rescu_smootherstep", "smooth", "3"),
    ("rescu_cosine", "smooth", "2"),
    ("rescu_laplace", "smooth", "2"),
    ("rescu_gaussian", "smooth", "inf"),
    ("rescu_smoothstep", "relu_gap", "3*beta/16"),
    ("rescu_laplace", "relu_gap", "beta/2"),
    ("rescu_gaussian", "relu_gap", "beta/sqrt(2*pi)"),
    ("rescu_cosine", "gradient_lipschitz", "pi/(4*beta)"),
    ("celu", "bounded_below", "-alpha"),
    ("celu", "smooth", "1"),
    ("elu", "smooth", "0"),
    ("elu", "bounded_below", "-alpha"),
    ("sigmoid", "gradient_range", ("0", "1/4")),
    ("sigmoid", "gradient_lipschitz", "sqrt(3)/18"),
    ("tanh", "gradient_lipschitz", "4*sqrt(3)/9"),
    ("gelu", "gradient_lipschitz", "k*sqrt(2/pi)"),
    ("hard_swish", "bounded_below", "-3/8"),
    ("hard_swish", "gradient_range", ("-1/2", "3/2")),
    ("relu", "gradient_lipschitz", "inf"),
    ("leaky_relu", "gradient_lipschitz", "Piecewise((0, Eq(alpha, 1)), (oo, True))"),
]


def same(found: str, expected: str, activation: Activation) -> bool:
    if "inf" in (found, expected):
        return found == expected
    names = {p.name: p.symbol for p in activation.free_parameters}
    difference = sp.sympify(found, names) - sp.sympify(expected, names)
    if found.startswith("Piecewise"):
        return bool(sp.sympify(found, names) == sp.sympify(expected, names))
    return bool(sp.simplify(difference) == 0)


@pytest.mark.parametrize(("name", "claim", "expected"), LITERATURE)
def test_values_of_the_literature(name: str, claim: str, expected: str | tuple[str, str]) -> None:
    activation = catalogue.get(name)
    found = certify(activation, [claim])[claim]
    assert found.status is Verdict.PROVED
    if isinstance(expected, tuple):
        assert isinstance(found.value, tuple)
        pairs = list(zip(found.value, expected, strict=True))
    else:
        assert isinstance(found.value, str)
        pairs = [(found.value, expected)]
    for value, wanted in pairs:
        assert same(value, wanted, activation), (value, wanted)


# -- numerical oracle ------------------------------------------------------------------------

SPECS = [
    "relu", "leaky_relu:alpha=0.1", "smelu:beta=0.5", "gsmelu:alpha=0.5,beta=2,g_minus=-0.25,g_plus=1",
    "gsmelu:alpha=1,beta=1,g_minus=1,g_plus=0.5", "rescu_smoothstep:beta=2",
    "rescu_smootherstep:beta=0.3", "rescu_cosine:beta=1.5", "rescu_gaussian:beta=0.7",
    "rescu_laplace:beta=0.4", "softplus:k=2", "squareplus:c=0.5", "sau:alpha=0.15,s=0.5",
    "smu:alpha=0.25,mu=2", "smu1:alpha=0.25,mu=0.5", "gelu:k=1.7", "hard_swish", "elu:alpha=0.7",
    "elu:alpha=1", "celu:alpha=2", "selu", "sigmoid", "tanh", "identity", "swish:k=1", "mish",
]  # fmt: skip


def functions(activation: Activation) -> tuple[list[mpmath.mpf], list[Callable[..., mpmath.mpf]]]:
    """A grid with both sides of every joint, and f, f′, f″ as mpmath functions of (piece, x)."""
    makers = [
        [sp.lambdify(X, sp.diff(p.value, X, k), "mpmath") for p in activation.pieces]
        for k in range(3)
    ]
    joints = [mpmath.mpf(str(sp.N(b, 30))) for b in activation.breakpoints]
    grid = sorted(
        [mpmath.mpf(k) / 64 for k in range(-64 * 9, 64 * 9 + 1)]
        + [j + s * mpmath.mpf(10) ** -12 for j in joints for s in (-1, 1)]
        + [s * mpmath.mpf(10) ** p for p in (2, 3, 4) for s in (-1, 1)]
    )

    def at(order: int) -> Callable[[mpmath.mpf], mpmath.mpf]:
        def evaluate(x: mpmath.mpf) -> mpmath.mpf:
            index = sum(1 for j in joints if x > j)
            return mpmath.mpf(makers[order][index](x))

        return evaluate

    return grid, [at(k) for k in range(3)]


def number(text: str) -> mpmath.mpf:
    if text in ("inf", "-inf"):
        return mpmath.mpf(text)
    return mpmath.mpf(str(sp.N(sp.sympify(text), 60)))


@pytest.mark.parametrize("spec", SPECS)
def test_no_proved_value_is_contradicted_or_loose(spec: str) -> None:
    """Extremes found by search stay within the proved ones and come within 2 % of them."""
    activation = catalogue.resolve(spec)
    certificate = certify(activation)
    with mpmath.workdps(40):
        grid, (f, slope, curvature) = functions(activation)
        values, slopes = [f(x) for x in grid], [slope(x) for x in grid]
        bends = [abs(curvature(x)) for x in grid]
        close = mpmath.mpf("0.02")

        claim = certificate["bounded_below"]
        if claim.status is Verdict.PROVED and claim.value is not None:
            low = number(str(claim.value))
            assert low - mpmath.mpf(10) ** -20 <= min(values) <= low + close
        claim = certificate["gradient_range"]
        if claim.status is Verdict.PROVED and isinstance(claim.value, tuple):
            low, high = (number(v) for v in claim.value)
            assert low - mpmath.mpf(10) ** -20 <= min(slopes) <= low + close
            assert high - close <= max(slopes) <= high + mpmath.mpf(10) ** -20
        claim = certificate["gradient_lipschitz"]
        if claim.status is Verdict.PROVED and claim.value != "inf":
            bound = number(str(claim.value))
            assert bound * (1 - close) <= max(bends) <= bound + mpmath.mpf(10) ** -20
        claim = certificate["relu_gap"]
        kink = activation.kink
        if claim.status is Verdict.PROVED and kink is not None:
            left, right, at, offset = (
                number(str(v)) for v in (kink.slope_left, kink.slope_right, kink.at, kink.offset)
            )
            gaps = [
                abs(y - offset - (left if x < at else right) * (x - at))
                for x, y in zip(grid, values, strict=True)
            ]
            bound = number(str(claim.value))
            assert bound * (1 - close) <= max(gaps) <= bound + mpmath.mpf(10) ** -20


@pytest.mark.parametrize("spec", SPECS)
def test_asymptotes_are_approached(spec: str) -> None:
    activation = catalogue.resolve(spec)
    certificate = certify(activation, ["left_asymptote", "right_asymptote"])
    with mpmath.workdps(80):
        _, (f, _, _) = functions(activation)
        for claim, side in zip(certificate, (-1, 1), strict=True):
            assert claim.status is Verdict.PROVED
            assert isinstance(claim.value, dict)
            slope, intercept = number(claim.value["slope"]), number(claim.value["intercept"])
            distances = [
                abs(f(side * x) - slope * side * x - intercept)
                for x in (mpmath.mpf(10) ** 3, mpmath.mpf(10) ** 6)
            ]
            assert distances[1] < mpmath.mpf(10) ** -5
            assert distances[1] <= distances[0]


def test_known_minima_of_the_comparison_functions_stay_above_the_refuted_bound() -> None:
    """GELU: slope 1.1289 at 1.414; the proved range is its closed form."""
    value = certify(catalogue.resolve("gelu:k=1"), ["gradient_range"])["gradient_range"].value
    assert isinstance(value, tuple)
    assert abs(number(value[1]) - mpmath.mpf("1.1289")) < 1e-4


@pytest.mark.parametrize("order", range(7))
def test_the_smoothstep_of_order_n_joins_c_n_plus_1(order: int) -> None:
    shape = derive(named_shape(f"smoothstep:{order}"))
    assert certify(shape, ["smooth", "rescu"])["smooth"].value == str(order + 1)
    assert certify(shape, ["rescu"])["rescu"].value == ("0", "1")


@pytest.mark.parametrize(
    ("shape", "asymmetric", "leaky"),
    [("piecewise-linear", True, False), ("smoothstep", True, False), ("smoothstep", False, True),
     ("triangle", False, False), ("cosine", False, True), ("logistic", False, True),
     ("gaussian", False, True), ("laplace", True, False), ("algebraic", False, True)],
)  # fmt: skip
def test_families_of_several_parameters_are_rescu(
    shape: str, asymmetric: bool, leaky: bool
) -> None:
    activation = derive(named_shape(shape, asymmetric=asymmetric, leaky=leaky))
    certificate = certify(activation)
    for claim in ("continuous", "gradient_matches", "rescu", "homogeneous"):
        assert certificate[claim].status is Verdict.PROVED, certificate[claim]
    assert certificate["rescu"].value == (("g_minus", "g_plus") if leaky else ("0", "1"))


def test_the_arctan_shape_has_no_left_asymptote_because_it_diverges_logarithmically() -> None:
    """The Cauchy kernel has no first moment."""
    certificate = certify(derive(named_shape("arctan")))
    for side in ("left_asymptote", "right_asymptote"):
        assert certificate[side].status is Verdict.REFUTED
        assert "log" in (certificate[side].reason or "")
    assert certificate["convex"].status is Verdict.PROVED
    assert certificate["gradient_range"].value == ("0", "1")
