"""Approximations as activations: exported, checked, read back."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

import rescu_cli as rescu
from rescu_cli.approximate import Polynomial, Quotient, as_activation
from rescu_cli.core.activation import Activation
from rescu_cli.core.reference import Reference
from rescu_cli.core.symbols import X
from rescu_cli.export import check, emit

CASES = [
    ("relu", "dapa", 2, None),
    ("gelu", "minimax", 7, None),
    ("mish", "least-squares", 12, None),
    ("relu", "rational", "5/4", "A"),
    ("swish", "rational", "5/4", "B"),
    ("smelu:beta=1", "rational", "4/3", "C"),
]


@pytest.mark.parametrize(("text", "method", "degree", "form"), CASES)
def test_generated_numpy_code_agrees_with_the_definition(
    text: str, method: str, degree: object, form: str | None
) -> None:
    found = rescu.approx(text, method=method, degree=degree, form=form).as_activation()
    report = check(emit(found, "numpy"), dtypes=["float32", "float64"], n_samples=400)
    assert report.ok, {
        d: {w: c.to_dict() for w, c in v.items()} for d, v in report.comparisons.items()
    }


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler here")
@pytest.mark.parametrize(("text", "method", "degree", "form"), [CASES[0], CASES[3]])
def test_generated_c_agrees_with_the_definition(
    text: str, method: str, degree: object, form: str | None
) -> None:
    found = rescu.approx(text, method=method, degree=degree, form=form).as_activation()
    assert check(emit(found, "c"), n_samples=400).ok


@pytest.mark.parametrize(("text", "method", "degree", "form"), CASES)
def test_a_written_file_is_read_back_as_the_same_function(
    text: str, method: str, degree: object, form: str | None
) -> None:
    approximation = rescu.approx(text, method=method, degree=degree, form=form)
    found = approximation.as_activation("again")
    read = Activation.from_dict(json.loads(json.dumps(found.to_dict())))
    assert read.digest == found.digest and read.name == "again"
    reference = Reference(read)
    for x in (-2.5, -0.3, 0.0, 0.7, 2.9):
        assert reference(x) == pytest.approx(approximation(x), rel=1e-15, abs=1e-300)


def test_the_factored_form_is_the_polynomial() -> None:
    p = Polynomial(tuple(map(Fraction, (3, -1, 2, 0, 1, -2, 1))))
    forms = as_activation(p, "poly").forms
    assert forms is not None
    for expr, piece in ((forms.value, "value"), (forms.gradient, "gradient")):
        exact = getattr(as_activation(p, "poly").pieces[0], piece)
        difference = sp.Poly(sp.expand(expr) - exact, X)
        assert max((abs(c) for c in difference.all_coeffs()), default=0) < sp.Rational(1, 10**50)


@pytest.mark.parametrize("c", [(2,), (0, 0, 3), (1, 2, 1), (Fraction(1, 3), 0, 0, 0, 5), (0, 1)])
def test_multiple_and_missing_roots_are_kept(c: tuple) -> None:
    p = Polynomial(tuple(map(Fraction, c)))
    found = as_activation(p, "poly")
    assert found.forms is not None
    value = sp.lambdify(X, found.forms.value)
    for x in (-1.5, 0.0, 0.4, 3.0):
        assert float(value(x)) == pytest.approx(
            float(sum(Fraction(k) * Fraction(x) ** i for i, k in enumerate(p.coefficients))),
            rel=1e-13,
            abs=1e-14,
        )


def test_a_quotient_is_finite_where_its_parts_overflow() -> None:
    q = Quotient(
        Polynomial(tuple(map(Fraction, (1, 1, 2, 1, 1, 3)))),
        tuple(map(Fraction, (1, 0, 1, 2))),
        "A",
    )
    artifact = emit(as_activation(q, "far"), "numpy")
    scope: dict = {}
    exec(compile(artifact.text, "far", "exec"), scope)
    for x in (1e200, -1e200, 1e300):
        assert scope["far"](np.array(x)) == pytest.approx(1.5 * x, rel=1e-12)


def test_remarks_state_the_bound() -> None:
    found = rescu.approx("relu", method="minimax", degree=3).as_activation()
    assert any("on [-3.0, 3.0] (proved)" in r for r in found.remarks)
    assert found.name == "relu_minimax3"
