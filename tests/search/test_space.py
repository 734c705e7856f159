"""The one-unit space: what is in it, what is the same, and what cannot be trained."""

from __future__ import annotations

import pytest
import torch

from rescu_cli import catalogue
from rescu_cli.certify import certify
from rescu_cli.errors import DerivationError
from rescu_cli.export import torch_functions
from rescu_cli.search.formula import AtScale, Formula, one_unit
from rescu_cli.search.space import (
    Space,
    deduplicated,
    one_unit_space,
    rejection,
    shapes,
    sorted_out,
)
from tests.search.test_grammar import pairing, word

pytestmark = pytest.mark.xdist_group("search")  # one worker builds the space, once


class Plain:
    """A function as code."""

    def __init__(self, function: object) -> None:
        self._function = function

    def value(self, x: torch.Tensor, /) -> torch.Tensor:
        return self._function(x)  # type: ignore[operator, no-any-return]


@pytest.fixture(scope="module")
def space() -> Space:
    return one_unit_space({
        "relu": torch_functions(catalogue.get("relu")),
        "swish": torch_functions(catalogue.get("swish")),
        "max(x, sigmoid(x))": Plain(lambda x: torch.maximum(x, torch.sigmoid(x))),
        "cos(x) - x": Plain(lambda x: torch.cos(x) - x),
        "min(x, sin(x))": Plain(lambda x: torch.minimum(x, torch.sin(x))),
        "smelu": torch_functions(catalogue.get("smelu")),
        "x + 1/3": Plain(lambda x: x + 1 / 3),
    })  # fmt: skip


def test_every_triple_is_counted_and_a_bit_over_half_are_different(space: Space) -> None:
    assert space.n_triples == 25 * 25 * 10
    assert 0.5 * space.n_triples < len(space.distinct) < 0.65 * space.n_triples


def test_the_named_functions_are_in_it_and_those_that_are_not_are_not(space: Space) -> None:
    assert set(space.recognised) == {
        "relu", "swish", "max(x, sigmoid(x))", "cos(x) - x", "min(x, sin(x))"
    }  # fmt: skip
    assert space.recognised["swish"].spec == "x*sigmoid(x)"


def test_different_functions_stay_and_spellings_merge() -> None:
    plus, minus = pairing("x1+x2"), pairing("x1-x2")
    spellings = [one_unit((word("x"), word("|x|"), plus)), one_unit((word("|x|"), word("x"), plus))]
    assert len(deduplicated(spellings)) == 1
    close = [one_unit((word("x"), word("tanh(x)"), plus)),
             one_unit((word("x"), word("erf(x)"), plus)),
             one_unit((word("x"), word("tanh(x)"), minus))]  # fmt: skip
    assert len(deduplicated(close)) == 3


def test_the_same_space_comes_in_the_same_order(space: Space) -> None:
    assert one_unit_space().distinct == space.distinct


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("exp(x)", "x", "x1*x2"), "steep"),
        (("x", "sqrt|x|", "x1+x2"), "steep"),
        (("x", "x", "x1/(x2+eps)"), "not finite"),
        (("x^2", "sinh(x)", "x1/(x2+eps)"), "not finite"),  # a pole at -1e-7
        (("x^2", "x", "x1+x2"), "steep"),
        (("x", "x", "x1+x2"), "affine"),
        (("beta", "beta", "x1+x2"), "affine"),
        (("exp(x)", "cos(x)", "x1/(x2+eps)"), "steep"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_reason(
    words: tuple[str, str, str], kind: str
) -> None:
    why = rejection(one_unit((word(words[0]), word(words[1]), pairing(words[2]))))
    assert why is not None and why.startswith(kind)


@pytest.mark.parametrize(
    ("words", "steepest"),
    [(("x", "sqrt|x|", "x1*x2"), 10), (("tanh(x)", "sqrt|x|", "x1*x2"), 2),
     (("x", "sqrt|x|", "min(x1,x2)"), 2)],
)  # fmt: skip
def test_a_root_that_is_multiplied_away_at_0_is_no_reason(
    words: tuple[str, str, str], steepest: float
) -> None:
    """f'(0) is 0·∞ in code that takes the root's slope at 0, and bounded in truth."""
    formula = one_unit((word(words[0]), word(words[1]), pairing(words[2])))
    assert rejection(formula) is None
    x = torch.linspace(-40, 40, 8001, dtype=torch.float64)
    quotients = formula.value(x).diff() / x.diff()
    assert float(quotients.abs().max()) < steepest
    assert bool(formula.gradient(x).isfinite().all())


def test_filters_judge_what_is_trained_whatever_the_factor(space: Space) -> None:
    """What is nearly within 10 as it is written may be far beyond at ReLU's scale."""
    steep = one_unit((word("sin(x)"), word("min(x,0)"), pairing("sigmoid(x1)*x2")))
    x = torch.linspace(-40, 40, 8001)
    assert float(steep.gradient(x).abs().max()) < 11
    scaled = float(AtScale(steep).gradient(x).abs().max())
    assert 10 < scaled < 30 and (rejection(steep) or "").startswith("steep")
    for formula in sorted_out(space.distinct)[0][::50]:
        assert float(AtScale(formula).gradient(x).abs().max()) <= 10


def test_functions_that_differ_by_a_factor_have_one_shape_and_others_do_not() -> None:
    zero = word("max(x,0)")
    relu = one_unit((zero, zero, pairing("max(x1,x2)")))
    twice, other = (one_unit((zero, zero, pairing("x1+x2"))),
                    one_unit((zero, word("x"), pairing("x1+x2"))))  # fmt: skip
    assert relu.shape() == twice.shape() != other.shape()
    assert relu.fingerprint() != twice.fingerprint()
    z = torch.randn(200_000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for formula in (relu, twice, other):
        scaled = AtScale(formula)
        assert float((scaled.value(z) ** 2).mean()) == pytest.approx(0.5, rel=0.02)
        x = torch.tensor([0.7, -0.3], dtype=torch.float64)
        ratio = scaled.value(x) / formula.value(x).where(formula.value(x) != 0, torch.ones(()))
        assert scaled.gradient(x)[0] == pytest.approx(float(ratio[0] * formula.gradient(x)[0]))
    assert AtScale(relu).digest != relu.digest


def test_a_function_and_its_mirror_are_one_shape(space: Space) -> None:
    """−softplus(−x) = x − softplus(x); asinh is odd, so its reflection is a multiple of it."""
    softplus, identity = word("log(1+exp(x))"), word("x")
    one = one_unit((softplus, word("max(x,0)"), pairing("max(x1,x2)")))  # softplus itself
    mirrored = one_unit((identity, softplus, pairing("x1-x2")))
    assert one.shape() == mirrored.shape()
    assert one.fingerprint() != mirrored.fingerprint()
    shifted = one_unit((softplus, word("beta"), pairing("x1+x2")))
    assert shifted.shape() != one.shape()
    kept = shapes(sorted_out(space.distinct)[0])
    assert len(kept) == 1372
    assert len({formula.shape() for formula in kept.values()}) == len(kept)


def test_what_switches_where_two_functions_meet_has_a_certificate(space: Space) -> None:
    found = certify(space.recognised["min(x, sin(x))"].activation("meet"))
    assert found["continuous"].proved
    assert (found["smooth"].status.value, found["smooth"].value) == ("proved", "2")
    assert found["monotone"].status.value == "refuted"
    with pytest.raises(DerivationError, match="closed form"):  # x = σ(x) has none
        space.recognised["max(x, sigmoid(x))"].activation("meet")


def test_good_activations_are_not_refused(space: Space) -> None:
    for name, formula in space.recognised.items():
        assert rejection(formula) is None, name


def test_every_survivor_is_finite_and_has_a_gain(space: Space) -> None:
    kept, reasons, counts = sorted_out(space.distinct)
    assert len(kept) + len(reasons) == len(space.distinct)
    assert sum(counts.values()) == len(reasons)
    assert set(counts) == {"steep", "not finite", "affine", "dead"}
    x = torch.linspace(-30, 30, 401)
    for formula in kept[::40]:
        assert torch.isfinite(formula.value(x)).all() and torch.isfinite(formula.gradient(x)).all()
        assert 0 < formula.init_gain < float("inf")


def test_a_dead_function_is_refused() -> None:
    """exp(-|x|/2) of something far away: its gradient is nowhere alive."""
    far: Formula | None = None
    for formula in one_unit_space().distinct:
        if (rejection(formula) or "").startswith("dead"):
            far = formula
            break
    assert far is not None
    z = torch.randn(2000, generator=torch.Generator().manual_seed(0))
    assert float((far.gradient(z).abs() > 1e-3).float().mean()) < 0.15
