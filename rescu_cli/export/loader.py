"""Runs generated text as a module; only text that this package generated just now."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from rescu_cli.core.activation import Activation
from rescu_cli.errors import MissingDependencyError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.backend import emit
from rescu_cli.export.naming import class_name

if TYPE_CHECKING:
    from torch import Tensor, nn

INSTALL = {
    "torch": "pip install torch",
    "numpy": "pip install numpy",
    "sympy": "pip install sympy",
    "jax": "pip install jax",
    "keras": "pip install keras torch",
    "onnx": "pip install onnx onnxruntime",
    "triton": "pip install triton torch",
}


def load(artifact: Artifact) -> ModuleType:
    """The artifact's text as a module.

    The text is registered under its pseudo file name, so that tracebacks and torch.compile see
    the generated lines.

    Raises:
        MissingDependencyError: If the artifact's framework is not installed.
    """
    # pickle and torch.compile look classes up in sys.modules, hence a name that is there.
    title = f"rescu_generated_{artifact.target}_{artifact.name}_{artifact.digest[:12]}"
    source = f"<generated {artifact.target} {artifact.activation.spec} {artifact.digest[:12]}>"
    module = ModuleType(title)
    module.__file__ = source
    lines = artifact.text.splitlines(keepends=True)
    linecache.cache[source] = (len(artifact.text), None, lines, source)
    code = compile(artifact.text, source, "exec")
    sys.modules[title] = module
    try:
        exec(code, module.__dict__)  # noqa: S102  # reason: our own text, never a user's
    except ImportError as error:
        del sys.modules[title]
        raise MissingDependencyError(
            artifact.target, f"Running the {artifact.target} artifact", INSTALL[artifact.target]
        ) from error
    return module


@dataclass(frozen=True)
class TorchFunctions:
    """The generated torch code of one activation, its parameters fixed.

    Args:
        artifact: What was generated.
        value: x ↦ f(x) without a graph, temporaries reused; any shape, float dtype.
        gradient: x ↦ f′(x), likewise.
        value_and_gradient: x ↦ (f(x), f′(x)), likewise, sharing what they share.
        function: x ↦ f(x), differentiable any number of times.
        module: Makes a new ``nn.Module``.
    """

    artifact: Artifact
    value: Callable[[Tensor], Tensor]
    gradient: Callable[[Tensor], Tensor]
    value_and_gradient: Callable[[Tensor], tuple[Tensor, Tensor]]
    function: Callable[[Tensor], Tensor]
    module: Callable[[], nn.Module]

    @property
    def source(self) -> str:
        """The generated text."""
        return self.artifact.text


def torch_functions(activation: Activation) -> TorchFunctions:
    """The generated torch code of an activation; free parameters take their defaults.

    Raises:
        MissingDependencyError: If torch is not installed.
        ParameterError: If a free parameter has no default.
        UnsupportedError: If the activation cannot be exported.

    Example:
        >>> import torch
        >>> from rescu_cli import catalogue
        >>> torch_functions(catalogue.resolve("smelu:beta=1")).value(torch.tensor([0.0, 2.0]))
        tensor([0.2500, 2.0000])
    """
    # Bound first: two spellings of one function must not load two modules of one title.
    return _torch_functions(activation.with_defaults())


def activation_of(kind: type) -> Activation | None:
    """Which activation a class is generated code of, if it was made by `torch_functions`."""
    return _ORIGINS.get(kind)


_ORIGINS: dict[type, Activation] = {}


@cache
def _torch_functions(activation: Activation) -> TorchFunctions:
    artifact = emit(activation, "torch")
    module = load(artifact)
    name = artifact.name
    _ORIGINS[getattr(module, class_name(name))] = activation
    return TorchFunctions(
        artifact=artifact,
        value=getattr(module, f"{name}_value"),
        gradient=getattr(module, f"{name}_gradient"),
        value_and_gradient=getattr(module, f"{name}_value_and_gradient"),
        function=getattr(module, name),
        module=getattr(module, class_name(name)),
    )
