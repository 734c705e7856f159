"""What autograd keeps, counted for functions of which it is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from rescu_cli import catalogue
from rescu_cli.bench import saved_for_backward
from rescu_cli.bench.contestants import contestants


def kept(function: object, dtype: torch.dtype = torch.float32) -> list[tuple[str, str]]:
    x = torch.linspace(-2, 2, 100).to(dtype)
    return [(s.which, s.dtype) for s in saved_for_backward(function, x)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "which"),
    [
        (functional.relu, ["output"]),
        (torch.tanh, ["output"]),
        (functional.silu, ["input"]),
        (torch.exp, ["output"]),
        (torch.neg, []),
        (lambda x: x * torch.sigmoid(x), ["other", "input"]),
    ],
    ids=["relu", "tanh", "silu", "exp", "neg", "two tensors"],
)
def test_what_is_known_of_torchs_own(function: object, which: list[str]) -> None:
    assert sorted(w for w, _ in kept(function)) == sorted(which)


class Keeps(torch.autograd.Function):
    """Negative control: a foreign activation that keeps two tensors, of other formats too."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        ctx.save_for_backward(x.double(), x > 0)  # type: ignore[attr-defined]
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: object, upstream: Tensor) -> Tensor:
        _, mask = ctx.saved_tensors  # type: ignore[attr-defined]
        return upstream * mask


def test_a_contestant_that_keeps_two_tensors_is_reported_with_two() -> None:
    found = saved_for_backward(Keeps.apply, torch.randn(100))
    assert [(s.which, s.dtype, s.n_bytes) for s in found] == [
        ("other", "float64", 800), ("other", "bool", 100)]  # fmt: skip


def test_a_view_counts_with_all_the_memory_it_holds() -> None:
    def function(x: Tensor) -> Tensor:
        return torch.cat([x, x])[: len(x)].square()

    (saved,) = saved_for_backward(function, torch.randn(100))
    assert (saved.shape, saved.n_bytes) == ((100,), 800)


def test_a_tensor_that_is_saved_twice_counts_once() -> None:
    (saved,) = saved_for_backward(lambda x: x * x, torch.randn(100))
    assert (saved.which, saved.n_bytes) == ("input", 400)


def test_the_input_is_left_alone() -> None:
    x = torch.randn(10)
    saved_for_backward(functional.silu, x)
    assert not x.requires_grad
    assert x.grad is None


@pytest.mark.parametrize("name", list(catalogue.names()))
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_exported_code_keeps_its_input_alone(name: str, dtype: str) -> None:
    """Even where it computes in a wider format: the promise of the torch backend."""
    (eager,) = contestants([name], ["eager"])
    assert kept(eager.function, getattr(torch, dtype)) == [("input", dtype)]
