"""The artifacts to read: SymPy and LaTeX say what the activation says."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.activation import Activation
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.derive import derive
from rescu_cli.core.expression import expression_shape
from rescu_cli.core.symbols import X, plain
from rescu_cli.export import check, emit
from rescu_cli.export.loader import load


def test_sympy_text_reads_as_the_formula() -> None:
    text = emit(catalogue.get("smelu"), "sympy").text
    assert text.endswith(
        'x = sp.Symbol("x", real=True)\n'
        'beta = sp.Symbol("beta", positive=True)\n\n'
        "smelu = sp.Piecewise(\n"
        "    (0, x <= -beta),\n"
        "    ((beta + x)**2/(4*beta), x <= beta),\n"
        "    (x, True),\n"
        "    evaluate=False,\n"
        ")\n\n"
        "smelu_gradient = sp.Piecewise(\n"
        "    (0, x <= -beta),\n"
        "    ((beta + x)/(2*beta), x <= beta),\n"
        "    (1, True),\n"
        "    evaluate=False,\n"
        ")\n"
    )


@pytest.mark.parametrize("name", catalogue.names())
def test_sympy_text_gives_back_the_very_expressions(name: str) -> None:
    """Symbols, fractions and constants survive: the branches are equal, not merely close."""
    activation = catalogue.get(name)
    module = load(emit(activation, "sympy"))
    for title, field in ((name, "value"), (f"{name}_gradient", "gradient")):
        found = sp.sympify(getattr(module, title))
        branches = [b for b, _ in found.args] if isinstance(found, sp.Piecewise) else [found]
        expected = [plain(getattr(p, field)) for p in activation.pieces]
        assert [sp.expand(a - b) for a, b in zip(branches, expected, strict=True)] == [0] * len(
            expected
        )


@pytest.mark.parametrize("text", ["smelu", "gsmelu:g_minus=0.1", "selu", "sau:s=0.3", "hard_swish"])
def test_sympy_text_is_checked_like_code(text: str) -> None:
    """Pieces, joints and ties are read back and evaluated by the reference: no more than rounding."""
    report = check(catalogue.resolve(text), "sympy", n_samples=150)
    assert report.ok
    assert all(c.max_ulp <= 0.5 for c in report.comparisons["float64"].values())


def test_an_integral_can_be_written_down_though_not_computed() -> None:
    activation = derive(expression_shape("tanh(x)*exp(-x**2/2)", read_assumptions([])), seconds=1)
    assert not activation.closed_form
    module = load(emit(activation, "sympy"))
    assert module.derived == activation.value
    assert r"\int" in emit(activation, "latex").text


def cases(text: str) -> list[list[str]]:
    """Rows of the first cases environment, as (expression, condition)."""
    (body,) = re.findall(r"\\begin\{cases\}\n(.*?)\n\s*\\end\{cases\}", text, re.S)[:1]
    return [[part.strip() for part in row.split("&")] for row in body.split(r"\\")]


def test_latex_is_the_papers_formula() -> None:
    text = emit(catalogue.get("smelu"), "latex").text
    assert cases(text) == [
        ["0", r"x \le - \beta"],
        [r"\frac{\left(\beta + x\right)^{2}}{4 \beta}", r"- \beta < x \le \beta"],
        ["x", r"x > \beta"],
    ]


def test_latex_shows_the_owner_of_a_joint_and_the_fields_letters() -> None:
    right = derive(expression_shape("0 if x < 0 else 1", read_assumptions([])))
    assert cases(emit(right, "latex").text) == [["0", "x < 0"], ["x", r"x \ge 0"]]
    assert "g_{-} x" in emit(catalogue.get("gsmelu"), "latex").text
    assert r"\operatorname{leaky\_relu}" in emit(catalogue.get("leaky_relu"), "latex").text


@pytest.mark.parametrize("name", catalogue.names())
def test_latex_is_balanced(name: str) -> None:
    """Braces, \\left and environments close; every line before the formula is a comment."""
    text = emit(catalogue.get(name), "latex").text
    comment, formula = text.split("\\begin{align*}")
    assert all(line.startswith("%") for line in comment.splitlines())
    assert formula.count("{") == formula.count("}")
    assert len(re.findall(r"\\left\b", formula)) == len(re.findall(r"\\right\b", formula))
    assert (
        formula.count(r"\begin{cases}")
        == formula.count(r"\end{cases}")
        == (2 if catalogue.get(name).breakpoints else 0)
    )


def test_numbers_of_latex_are_the_activations() -> None:
    """A cheap reader of \\frac and powers evaluates the quadratic piece: no digit was lost."""
    activation: Activation = catalogue.resolve("smelu:beta=0.3")
    (middle, _) = cases(emit(activation, "latex").text)[1]
    plain_text = middle.replace(r"\left", "").replace(r"\right", "").replace("^{2}", "**2")
    while r"\frac" in plain_text:  # from the inside out
        plain_text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", plain_text)
    plain_text = re.sub(r"(\d|\))\s+(?=[x(])", r"\1*", plain_text)
    again = sp.sympify(plain_text, locals={"x": X})
    assert sp.expand(again - activation.pieces[1].value) == 0


@pytest.mark.parametrize("gradient", ["x/(1+x**2)", "1/2 + x/(1+x**2)/2"])
def test_a_quotient_by_a_square_does_not_overflow(gradient: str) -> None:
    """x² is infinite from 1.8e19 on in float32, and the quotient was 0."""
    activation = derive(expression_shape(gradient, read_assumptions([])))
    report = check(activation, "numpy", exhaustive=False)
    assert report.ok
    module = load(report.artifact)
    slope = getattr(module, f"{report.artifact.name}_gradient")
    expected = 1e-25 if gradient.startswith("x") else 0.5
    assert slope(np.float32(1e25)) == np.float32(expected)
    assert all(c.excused == 0 for c in report.comparisons["float32"].values())
