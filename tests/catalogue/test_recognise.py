"""A name is given only to what it names."""

from __future__ import annotations

import pytest

import rescu_cli as rescu


@pytest.mark.parametrize(
    ("gradient", "expected"),
    [
        ("step", "relu"),
        ("piecewise-linear", "smelu"),
        ("logistic", "softplus:k=1/beta"),
        ("gaussian", "rescu_gaussian"),
        ("algebraic", "squareplus:c=beta"),
        ("(1 + tanh(x/beta))/2", "softplus:k=2/beta"),
        ("0 if x < -beta else (x+beta)/(2*beta) if x < beta else 1", "smelu"),
        ("clip(x + 0.5, 0, 1)", "smelu:beta=1/2"),
        ("(1 + x/sqrt(x**2 + c**2))/2", "squareplus"),
        ("sigmoid(k*x)*(1 + k*x*(1 - sigmoid(k*x)))", "swish"),
        ("Phi(x) + x*phi(x)", "gelu:k=1"),
        ("alpha if x < 0 else 1", "leaky_relu"),
    ],
)
def test_recognises(gradient: str, expected: str) -> None:
    assert rescu.derive(gradient).recognised[0] == expected


@pytest.mark.parametrize(
    "gradient",
    ["triangle", "arctan", "clip(x + 0.5000001, 0, 1)", "(1 + tanh(x))/2 + exp(-x**2)/10**9",
     "0 if x < -1 else (x + 1)/2 if x < 1 else 0.999999999"],
)  # fmt: skip
def test_near_misses_are_not_named_smelu_softplus_or_the_like(gradient: str) -> None:
    found = rescu.derive(gradient).recognised
    assert not {"smelu", "smelu:beta=1/2", "softplus:k=2"} & set(found)


def test_kernels_are_recognised_too() -> None:
    assert rescu.derive(kernel="box").recognised[0] == "smelu"
    sau = rescu.derive(kernel="gaussian", base="leaky_relu:alpha=0.1").recognised
    assert sau == ("sau:alpha=1/10,s=beta",)


def test_another_anchor_is_another_function() -> None:
    assert rescu.derive("piecewise-linear", anchor="zero").recognised == ()
