"""Every entry is what its literature says, at every digit we have of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.catalogue.table import ALIASES, TABLE
from rescu_cli.core.activation import Activation
from rescu_cli.core.reference import Reference
from rescu_cli.core.symbols import X, plain
from rescu_cli.errors import ParameterError, UnknownNameError

POINTS = ("-7.5", "-3", "-1.4", "-0.9", "-0.2", "0", "0.1", "0.75", "1", "2.6", "9")

m = mpmath
LITERATURE: dict[str, Callable[[m.mpf], m.mpf]] = {
    # written down a second time, from the papers' own formulas, at the defaults
    "relu": lambda x: max(x, m.mpf(0)),
    "leaky_relu": lambda x: x if x > 0 else x / 100,
    "helu": lambda x: max(x, m.mpf(0)),
    "smelu": lambda x: 0 if x <= -1 else (x if x >= 1 else (x + 1) ** 2 / 4),
    "gsmelu": lambda x: 0 if x <= -1 else (x if x >= 1 else (x + 1) ** 2 / 4),
    "softplus": lambda x: m.log(1 + m.exp(x)),
    "squareplus": lambda x: (x + m.sqrt(x**2 + 4)) / 2,
    "swish": lambda x: x / (1 + m.exp(-x)),
    "gelu": lambda x: x * m.ncdf(x),
    "gelu_tanh": lambda x: x / 2 * (1 + m.tanh(m.sqrt(2 / m.pi) * (x + m.mpf("0.044715") * x**3))),
    "mish": lambda x: x * m.tanh(m.log(1 + m.exp(x))),
    "tanhexp": lambda x: x * m.tanh(m.exp(x)),
    "elu": lambda x: x if x > 0 else m.exp(x) - 1,
    "celu": lambda x: x if x > 0 else m.exp(x) - 1,
    "selu": lambda x: (
        m.mpf("1.0507009873554804934193349852946")
        * (x if x > 0 else m.mpf("1.6732632423543772848170429916717") * (m.exp(x) - 1))
    ),
    "sau": lambda x: (
        m.mpf("0.575") * x
        + m.mpf("0.425") * x * m.erf(x / (m.mpf("0.5") * m.sqrt(2)))
        + m.mpf("0.85") * m.mpf("0.5") / m.sqrt(2 * m.pi) * m.exp(-(x**2) / (2 * m.mpf("0.25")))
    ),
    "smu": lambda x: (m.mpf("1.25") * x + m.mpf("0.75") * x * m.erf(m.mpf("0.75") * x)) / 2,
    "smu1": lambda x: (m.mpf("1.25") * x + m.sqrt((m.mpf("0.75") * x) ** 2 + 1)) / 2,
    "hard_swish": lambda x: x * min(max(x + 3, m.mpf(0)), m.mpf(6)) / 6,
    "sigmoid": lambda x: 1 / (1 + m.exp(-x)),
    "tanh": m.tanh,
    "identity": lambda x: x,
    "rescu_gaussian": lambda x: x * m.ncdf(x) + m.npdf(x),
    "rescu_laplace": lambda x: m.exp(x) / 2 if x < 0 else x + m.exp(-x) / 2,
}
SHAPED = {
    "rescu_smoothstep": lambda w: 3 * w**2 - 2 * w**3,
    "rescu_smootherstep": lambda w: 6 * w**5 - 15 * w**4 + 10 * w**3,
    "rescu_cosine": lambda w: (1 - m.cos(m.pi * w)) / 2,
}


def value(name: str, x: str, what: str = "value") -> m.mpf:
    """The reference at a decimal point, as an mpmath number."""
    from fractions import Fraction

    ball = Reference(catalogue.get(name).with_defaults()).enclose(Fraction(x), what, bits=110)  # type: ignore[arg-type]
    return m.mpf(ball.mid().str(35, radius=False))


def test_nothing_is_missing_here() -> None:
    assert set(LITERATURE) | set(SHAPED) == set(catalogue.names())


@pytest.mark.parametrize("name", LITERATURE)
def test_values_are_the_published_formula(name: str) -> None:
    with m.workdps(40):
        for x in POINTS:
            assert abs(value(name, x) - LITERATURE[name](m.mpf(x))) < m.mpf(10) ** -30


@pytest.mark.parametrize("name", SHAPED)
def test_rescu_gradients_are_the_published_shape(name: str) -> None:
    with m.workdps(40):
        for x in POINTS:
            w = min(max((m.mpf(x) + 1) / 2, m.mpf(0)), m.mpf(1))
            assert abs(value(name, x, "gradient") - SHAPED[name](w)) < m.mpf(10) ** -30


@pytest.mark.parametrize("name", [n for n in TABLE if catalogue.get(n).surrogate is None])
def test_gradients_are_derivatives(name: str) -> None:
    """Every piece: d/dx value = gradient, at 40 digits and rational points."""
    activation = catalogue.get(name)
    numbers = {p.symbol: sp.Rational(3, 7) + i for i, p in enumerate(activation.parameters)}
    for p in activation.parameters:
        if not p.domain.contains(numbers[p.symbol]):
            numbers[p.symbol] = sp.Rational(3, 7)
    for piece in activation.pieces:
        difference = (sp.diff(piece.value, X) - piece.gradient).subs(numbers)
        for x in ("-9/4", "1/3", "2"):
            assert abs(difference.subs(X, sp.Rational(x)).evalf(40)) < sp.Float("1e-35")


@pytest.mark.parametrize("name", TABLE)
def test_safe_forms_are_the_same_function(name: str) -> None:
    activation = catalogue.get(name).with_defaults()
    if activation.forms is None:
        assert any(p.value.has(sp.exp) for p in activation.pieces) or all(
            p.value.is_polynomial(X) for p in activation.pieces
        )
        return
    reference = Reference(activation)
    from fractions import Fraction

    for form, what in ((activation.forms.value, "value"), (activation.forms.gradient, "gradient")):
        for x in POINTS:
            truth = sp.Float(
                reference.enclose(Fraction(x), what, bits=110).mid().str(35, radius=False), 40
            )  # type: ignore[arg-type]
            # clamps at e.g. −1000 are exact only to what every float format can tell apart
            assert abs(plain(form).subs(X, sp.Rational(x)).evalf(40) - truth) < sp.Float("1e-20")


@pytest.mark.parametrize(
    ("name", "f0", "g0"),
    [("softplus", 0.6931471805599453, 0.5), ("swish", 0, 0.5), ("gelu", 0, 0.5), ("mish", 0, 0.6),
     ("tanhexp", 0, 0.7615941559557649), ("smelu", 0.25, 0.5), ("squareplus", 1.0, 0.5)],
)  # fmt: skip
def test_values_at_zero(name: str, f0: float, g0: float) -> None:
    reference = Reference(catalogue.get(name).with_defaults())
    assert reference(0.0) == pytest.approx(f0, abs=1e-15)
    assert reference(0.0, "gradient") == pytest.approx(g0, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "place", "minimum"),
    [("swish", -1.278464543, -0.278464543), ("mish", -1.192431215, -0.308843413),
     ("gelu", -0.7518, -0.1700), ("tanhexp", -1.0789, -0.3533)],
)  # fmt: skip
def test_minima(name: str, place: float, minimum: float) -> None:
    """Found here by root finding on the reference's gradient."""
    reference = Reference(catalogue.get(name).with_defaults())
    low, high = place - 0.3, place + 0.3
    assert reference(low, "gradient") < 0 < reference(high, "gradient")
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if reference(middle, "gradient") < 0 else (low, middle)
    digits = 4 if abs(minimum * 10**4 - round(minimum * 10**4)) < 1e-9 else 9
    assert low == pytest.approx(place, abs=2 * 10**-digits)
    assert reference(low) == pytest.approx(minimum, abs=0.6 * 10**-digits)


@pytest.mark.parametrize(
    ("name", "place", "slope"),
    [
        ("swish", 2.39936, 1.09984),
        ("gelu", 1.414, 1.1289),
        ("mish", 1.49057, 1.088498),
        ("tanhexp", 0.70, 1.0620),
    ],
)
def test_largest_slopes(name: str, place: float, slope: float) -> None:
    """The gradient is flat there to first order, and has the stated height."""
    reference = Reference(catalogue.get(name).with_defaults())
    here = reference(place, "gradient")
    assert here == pytest.approx(slope, abs=6e-5)
    assert max(reference(place + d, "gradient") for d in (-0.1, 0.1)) < here


def test_gelu_and_its_tanh_form_are_different_functions() -> None:
    a, b = (Reference(catalogue.get(n).with_defaults()) for n in ("gelu", "gelu_tanh"))
    gap = max(abs(a(x / 100) - b(x / 100)) for x in range(-500, 501))
    assert 4.6e-4 < gap < 4.8e-4


def test_sau_at_the_reported_width_is_leaky_relu() -> None:
    sau = Reference(catalogue.resolve("sau:s=5e-5").with_defaults())
    leaky = Reference(catalogue.resolve("leaky_relu:alpha=0.15"))
    gap = max(abs(sau(x) - leaky(x)) for x in (-1.0, -1e-4, -1e-5, 0.0, 1e-5, 1e-4, 1.0))
    assert gap == pytest.approx(0.85 * 5e-5 / math.sqrt(2 * math.pi), rel=1e-9)
    assert gap < 1.7e-5


def test_init_gains() -> None:
    """√2 for ReLU, 1 for the identity and SELU; ReLU and SmeLU against closed forms."""
    gains = {n: catalogue.get(n).with_defaults().init_gain for n in ("relu", "identity", "selu")}
    assert gains["relu"] == pytest.approx(math.sqrt(2), rel=1e-13)
    assert gains["identity"] == pytest.approx(1, rel=1e-13)
    assert gains["selu"] == pytest.approx(1, rel=1e-6)
    with m.workdps(25):
        second = m.quad(lambda z: LITERATURE["smelu"](z) ** 2 * m.npdf(z), [-1, 1, 14])
        expected = float(1 / m.sqrt(second))
    assert catalogue.resolve("smelu:beta=1").init_gain == pytest.approx(expected, rel=1e-12)
    assert catalogue.resolve("smelu:beta=1e-6").init_gain == pytest.approx(math.sqrt(2), rel=1e-5)
    assert catalogue.get("smelu").init_gain is None


def test_smelu_facts() -> None:
    """f(x) − f(−x) = x; f_β(cx) = c f_{β/c}(x); ∂f/∂β = (β² − x²)/(4β²) inside."""
    f = catalogue.get("smelu")
    beta = f.parameter("beta").symbol
    middle = f.pieces[1].value
    assert sp.simplify(middle - middle.subs(X, -X) - X) == 0
    c = sp.Symbol("c", positive=True)
    assert sp.simplify(middle.subs(X, c * X) - c * middle.subs(beta, beta / c)) == 0
    assert sp.simplify(sp.diff(middle, beta) - (beta**2 - X**2) / (4 * beta**2)) == 0


def test_names_aliases_and_files(tmp_path: object) -> None:
    assert catalogue.resolve("silu").digest == catalogue.resolve("swish").digest
    assert set(ALIASES.values()) <= set(TABLE)
    with pytest.raises(UnknownNameError, match="Did you mean 'smelu'"):
        catalogue.resolve("smleu")
    with pytest.raises(ParameterError, match="no parameter 'beta'"):
        catalogue.resolve("swish:beta=1")


@pytest.mark.parametrize("name", TABLE)
def test_round_trip_and_citation(name: str) -> None:
    activation = catalogue.get(name)
    assert Activation.from_dict(activation.to_dict()).digest == activation.digest
    assert activation.source is not None
    assert activation.source.text
    assert activation.summary
    bound = activation.with_defaults()
    assert Activation.from_dict(bound.to_dict()).digest == bound.digest


def test_slugs_are_file_names_and_tell_apart() -> None:
    specs = [
        "smelu:beta=0.5",
        "smelu:beta=1/3",
        "smelu:beta=1",
        "gsmelu:g_minus=-1",
        "gsmelu:g_minus=1",
    ]
    slugs = [catalogue.resolve(s).slug for s in specs]
    assert len(set(slugs)) == len(slugs)
    assert slugs[0] == "smelu-beta-0.5"
    assert all(set(s) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.-") for s in slugs)
