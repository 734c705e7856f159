"""What can be trained: an activation with its exported code, or a formula that brings its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rescu_cli.core.activation import Activation

if TYPE_CHECKING:
    from rescu_cli.experiment.models.stages import ElementwiseCode
    from rescu_cli.search.formula import AtScale, Formula

Subject: TypeAlias = "Activation | Formula | AtScale"


def code_of(subject: Subject) -> ElementwiseCode:
    """x ↦ f(x) and f′(x): the generated code of an activation, a formula itself."""
    if isinstance(subject, Activation):
        from rescu_cli.export import torch_functions

        return torch_functions(subject)
    return subject
