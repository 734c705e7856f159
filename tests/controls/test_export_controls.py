"""Faults that a check once excused, or that an export once let through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescu_cli import catalogue
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.derive import derive
from rescu_cli.core.expression import expression_shape
from rescu_cli.errors import UnsupportedError, UsageError
from rescu_cli.export import CheckReport, check, emit
from rescu_cli.export.loader import load
from tests.export.compilers import need


def broken(name: str, line: str) -> CheckReport:
    """A NumPy artifact with one more statement before it returns f(x)."""
    artifact = emit(catalogue.resolve(name), "numpy")
    returned = "    return np.asarray(result, dtype=dtype)[()]"
    text = artifact.text.replace(returned, f"    {line}\n{returned}", 1)
    assert text != artifact.text
    return check(replace(artifact, text=text), exhaustive=False, n_samples=300)


@pytest.mark.parametrize(
    "line",
    [
        "result = np.where((x > 1e35) & np.isfinite(x), 0.0, result)",
        "result = np.where(x < -1, result * (1 + 1e-4), result)",
        "result = np.where(np.isnan(x), 0.5, result)",
    ],
)
def test_wrong_tails_and_lost_nans_are_not_excused(line: str) -> None:
    assert broken("sigmoid", "result = result").ok
    assert not broken("sigmoid", line).ok


def test_tiny_results_on_the_wrong_side_are_not_excused() -> None:
    line = "result = np.where(np.abs(result) < np.finfo(x.dtype).tiny, -result, result)"
    assert not broken("gelu:k=1", line).ok


def test_a_report_of_nothing_is_no_agreement() -> None:
    assert not CheckReport(emit(catalogue.get("relu"), "numpy"), {}).ok


@pytest.mark.parametrize("target", ["c", "cpp", "cuda", "rust", "javascript"])
def test_a_parameter_called_like_a_loop_is_refused(target: str) -> None:
    """In C the loop's own i would be passed in its place."""
    shape = expression_shape("(1 + i*x/sqrt(1 + i**2*x**2))/2", read_assumptions(["i > 0"]))
    with pytest.raises(UsageError, match="parameter called 'i'"):
        emit(derive(shape), target)


@pytest.mark.parametrize("name", ["NULL", "cbrt", "offsetof", "i", "nan", "M_PI"])
def test_names_of_the_c_library_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="keeps for itself"):
        emit(catalogue.get("sigmoid"), "c", name)


@pytest.mark.parametrize("text", ["smelu:beta=1e-300", "smelu:beta=1e300"])
def test_parameters_beyond_float32(text: str) -> None:
    """float64 works everywhere; CUDA, which computes float in float, says no."""
    torch = pytest.importorskip("torch")
    activation = catalogue.resolve(text)
    x = torch.tensor([-1.0, 0.5], dtype=torch.float64)
    beta = float(activation.parameter("beta").value or 0)
    found = load(emit(activation, "torch")).smelu(x)
    expected = torch.where(x.abs() >= beta, x.clamp(min=0), (x + beta) * (0.25 + 0.25 * x / beta))
    assert torch.allclose(found, expected, rtol=1e-14, atol=0)
    for target in ("c", "rust"):
        assert "1e-300f" not in emit(activation, target).text
    with pytest.raises(UnsupportedError, match="float32 does not hold"):
        emit(activation, "cuda")


@pytest.mark.parametrize(
    ("gradient", "assumptions"),
    [("log(1 + x**2)", []), ("1/2 + atan(c*x)/pi", ["c > 0"])],
)
def test_formulas_that_are_wrong_far_out_are_refused(gradient: str, assumptions: list[str]) -> None:
    """−∞ for ∞, a finite number for −∞."""
    shape = expression_shape(gradient, read_assumptions(assumptions))
    with pytest.raises(UnsupportedError, match="No formula for"):
        emit(derive(shape), "numpy")


def _replaced(name: str, target: str, old: str, new: str) -> CheckReport:
    artifact = emit(catalogue.get(name), target)
    assert artifact.text.count(old) >= 1
    wrong = replace(artifact, text=artifact.text.replace(old, new))
    return check(wrong, dtypes=["float32", "float64"], n_samples=200, thorough=target == "c")


def test_a_wrong_gradient_of_a_parameter_is_caught() -> None:
    """Value and gradient are right; one constant of df/dbeta is not."""
    pytest.importorskip("torch")
    report = _replaced(
        "smelu", "torch", "return -(product * 0.25)", "return -(product * 0.2500003)"
    )
    assert not report.ok
    for by_what in report.comparisons.values():
        assert by_what["value"].ok and by_what["gradient"].ok and not by_what["beta_gradient"].ok


def test_a_formula_that_is_right_at_the_default_only_is_caught() -> None:
    need("gcc")
    report = _replaced("smelu", "c", "smelu_max_(x, -beta)", "smelu_max_(x, -beta * beta)")
    assert all(c.ok for by_what in report.comparisons.values() for c in by_what.values())
    assert not report.ok
    assert [sample.parameters for sample in report.samples] == [{"beta": 0.37}, {"beta": 3.3}]
