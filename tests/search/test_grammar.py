"""Words and formulas: their slopes, their mathematics and their code are one thing."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
import torch

from rescu_cli.certify import certify
from rescu_cli.core.symbols import X, plain
from rescu_cli.errors import UsageError
from rescu_cli.search.formula import Formula, Unit, one_unit
from rescu_cli.search.grammar import BINARY, UNARY
from rescu_cli.search.sampler import Formulas

PLACES = [-2.3, -0.7, -0.004, 0.003, 0.61, 1.9]


def x64(points: list[float]) -> torch.Tensor:
    return torch.tensor(points, dtype=torch.float64)


def word(name: str) -> int:
    return [u.name for u in UNARY].index(name)


def pairing(name: str) -> int:
    return [b.name for b in BINARY].index(name)


def test_there_are_as_many_words_as_in_the_paper_and_no_two_alike() -> None:
    assert (len(UNARY), len(BINARY)) == (25, 10)
    values = {u.pair(x64(PLACES))[0].numpy().round(9).tobytes() for u in UNARY}
    assert len(values) == 25


@pytest.mark.parametrize("number", range(len(UNARY)), ids=[u.name for u in UNARY])
def test_a_word_is_its_sympy_expression_and_its_slope_the_derivative(number: int) -> None:
    unary = UNARY[number]
    value, slope = unary.pair(x64(PLACES))
    expr = plain(sp.sympify(unary.expr(X))).rewrite(sp.Piecewise)
    with mpmath.workdps(30):
        f = sp.lambdify(X, expr, "mpmath")
        for at, v, d in zip(PLACES, value.tolist(), slope.tolist(), strict=True):
            assert v == pytest.approx(float(f(mpmath.mpf(at))), rel=1e-9, abs=1e-12)
            assert d == pytest.approx(float(mpmath.diff(f, at)), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("number", range(len(BINARY)), ids=[b.name for b in BINARY])
def test_a_pairing_is_its_expression_and_follows_the_chain_rule(number: int) -> None:
    formula = one_unit((word("sin(x)"), word("exp(-x^2)"), number))
    x = x64(PLACES).requires_grad_()
    value, slope = formula.pair(x)
    (wanted,) = torch.autograd.grad(value.sum(), x)
    torch.testing.assert_close(slope.detach(), wanted, rtol=1e-9, atol=1e-12)
    f = sp.lambdify(X, plain(formula.expr), "mpmath")
    for at, v in zip(PLACES, value.tolist(), strict=True):
        assert v == pytest.approx(float(f(mpmath.mpf(at))), rel=1e-6, abs=1e-9)


def test_pairings_said_to_commute_do_and_the_others_do_not() -> None:
    a, b = (UNARY[word(n)].pair(x64(PLACES)) for n in ("sin(x)", "exp(x)"))
    for binary in BINARY:
        same = torch.allclose(binary.pair(a, b)[0], binary.pair(b, a)[0])
        assert same == binary.commutes, binary.name


def test_formulas_of_two_units_chain_their_slopes() -> None:
    rng = np.random.default_rng(3)
    sampler = Formulas(2)
    checked = 0
    for _ in range(60):
        formula = sampler.mutate(sampler.sample(rng), rng)
        assert 1 in (formula.units[1].first[1], formula.units[1].second[1])
        x = x64([-1.37, -0.41, 0.53, 1.29]).requires_grad_()
        value, slope = formula.pair(x)
        if not torch.isfinite(value).all() or not value.requires_grad:
            continue
        (wanted,) = torch.autograd.grad(value.sum(), x)
        if torch.isfinite(wanted).all() and float(wanted.abs().max()) < 1e6:
            torch.testing.assert_close(slope.detach(), wanted, rtol=1e-6, atol=1e-8)
            checked += 1
    assert checked > 30


def test_a_formula_as_an_activation_is_cut_into_pieces_and_certified() -> None:
    formula = one_unit((word("sin(x)"), word("min(x,0)"), pairing("x1+x2")))
    activation = formula.activation("mine")
    assert [p.lower for p in activation.pieces] == [-sp.oo, 0]
    smooth = certify(activation, ["smooth", "monotone"])
    assert smooth["smooth"].value == "0"
    assert str(smooth["monotone"].status.value) == "refuted"


def test_the_gain_is_that_of_the_catalogue() -> None:
    relu = one_unit((word("max(x,0)"), word("max(x,0)"), pairing("max(x1,x2)")))
    assert relu.init_gain == pytest.approx(2**0.5, rel=1e-5)


def test_what_is_not_a_formula_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one unit"):
        Formula(())
    with pytest.raises(UsageError, match="Not a unit"):
        Formula((Unit(0, (0, 1), (0, 0)),))  # the first unit has none before it
    with pytest.raises(UsageError, match="Not a unit"):
        one_unit((25, 0, 0))
