"""Generated code as a module, and the functions that the trainer runs."""

from __future__ import annotations

import builtins
import importlib
import sys
import traceback
from typing import Any

import pytest
import torch

from rescu_cli import catalogue
from rescu_cli.errors import ExitCode, MissingDependencyError
from rescu_cli.export import check, emit, torch_functions
from rescu_cli.export.loader import load


def test_the_five_ways_to_run_it_agree() -> None:
    f = torch_functions(catalogue.resolve("smelu:beta=0.5"))
    x = torch.linspace(-1, 1, 7)
    value, gradient = f.value_and_gradient(x)
    expected = torch.tensor([0, 0, 1 / 72, 1 / 8, 25 / 72, 2 / 3, 1])
    assert torch.allclose(value, expected, atol=1e-7)
    assert torch.equal(f.value(x), value) and torch.equal(f.function(x), value)
    assert torch.equal(f.module()(x), value)
    assert torch.allclose(f.gradient(x), torch.tensor([0, 0, 1 / 6, 1 / 2, 5 / 6, 1, 1]), atol=1e-7)
    assert torch.equal(f.gradient(x), gradient)
    assert f.source == f.artifact.text and "smelu:beta=0.5 for PyTorch" in f.source


def test_free_parameters_take_their_defaults_and_the_result_is_kept() -> None:
    activation = catalogue.get("swish")
    assert torch_functions(activation) is torch_functions(activation)
    x = torch.randn(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(torch_functions(activation).value(x), torch.nn.functional.silu(x))


def test_what_runs_is_the_text_that_is_exported() -> None:
    activation = catalogue.resolve("smelu:beta=0.5")
    assert torch_functions(activation).source == emit(activation, "torch").text


def test_tracebacks_show_the_generated_lines() -> None:
    module = load(emit(catalogue.get("smelu"), "torch"))
    with pytest.raises(TypeError) as caught:
        module.smelu(torch.arange(3))
    assert 'raise TypeError(f"smelu takes a float tensor' in "".join(
        traceback.format_exception(caught.value)
    )


@pytest.mark.parametrize("target", ["torch", "numpy"])
def test_a_missing_framework_is_exit_code_4_with_the_install_line(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = emit(catalogue.resolve("smelu:beta=0.125"), target)
    importlib.import_module(f"rescu_cli.export.runners.{target}")  # our own need of NumPy apart
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == target:
            raise ImportError(f"No module named {name!r}")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        MissingDependencyError,
        match=f"needs {target}, which is not installed. Install: pip install {target}",
    ) as caught:
        load(artifact)
    assert caught.value.exit_code == ExitCode.MISSING_DEPENDENCY
    assert not any(artifact.digest[:12] in name for name in sys.modules)
    with pytest.raises(MissingDependencyError):
        check(artifact)


def test_two_spellings_of_one_function_are_one_module() -> None:
    """Pickles look a class up by the title of its module: a second one would hide the first."""
    plain, spelled = (torch_functions(catalogue.resolve(t)) for t in ("smelu", "smelu:beta=1"))
    assert plain is spelled
