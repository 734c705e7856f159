"""A captured step repeats itself: everything that changes is read from tensors that stay.

A CUDA graph repeats the kernels it has seen, on the addresses it has seen, and runs no Python. The
recorder below does the same with the framework's operations on the CPU, so what a graph would get
wrong (a rate, a batch or a count that was baked in) it gets wrong too: see the controls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rescu_cli.experiment import optimizers, step
from rescu_cli.experiment import train as train_module
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.train import Member, Recipe, Trained, train

from .samples import Relu, Tanh, make_dataset, make_images, make_regression, make_table


class Recorder(TorchDispatchMode):
    """Notes operations with their arguments; `replay` does them again into the same results."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, out))
        return out

    def replay(self) -> None:
        for func, args, kwargs, before in self.calls:
            now = func(*args, **kwargs)
            for old, new in zip(tree_leaves(before), tree_leaves(now), strict=True):
                # Views and results in place are the old memory already.
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


def recorded(log: list[int] | None = None) -> step.Capture:
    """Captures by recording, which runs the step; so the first repetition does nothing."""

    def capture(run: step.Run) -> step.Run:
        recorder = Recorder()
        with recorder:
            run()
        if log is not None:
            log.append(len(recorder.calls))
        first = True

        def again() -> None:
            nonlocal first
            if not first:
                recorder.replay()
            first = False

        return again

    return capture


RECIPE = Recipe(
    model="mlp", hidden=(7, 6), norm="none", vary=("init", "order", "dropout"), epochs=4, lr=3e-3,
    batch_size=16, dtype="float32", device="cpu",
)  # fmt: skip
CASES: dict[str, tuple[Callable[[], Dataset], dict[str, Any]]] = {
    "plain": (make_dataset, {}),
    "layer norm": (make_dataset, {"norm": "layer"}),
    "batch norm": (make_dataset, {"norm": "batch"}),
    "dropout": (make_dataset, {"dropout": 0.3}),
    "regression": (make_regression, {}),
    "convolution": (lambda: make_images((1, 9)), {"model": "cnn", "hidden": (3, 4)}),
    "embedding": (lambda: make_table((4, 3), 2), {"optimizer": "adagrad", "lr": 0.05}),
    "double": (make_dataset, {"dtype": "float64"}),
}


def trained(
    case: str, monkeypatch: pytest.MonkeyPatch, capture: step.Capture | None
) -> list[Trained]:
    make, changes = CASES[case]
    whole = step.Steps.__init__

    def steps(self: step.Steps, *args: Any) -> None:
        whole(self, *args[:-1], capture)

    monkeypatch.setattr(step.Steps, "__init__", steps)
    members = [Member(code, 1.4, seed) for code in (0, 1) for seed in (0, 1)]
    found = train([Relu(), Tanh()], members, make(), replace(RECIPE, **changes))
    monkeypatch.undo()
    return found


def same(a: list[Trained], b: list[Trained]) -> bool:
    return all(
        x.predictions.tobytes() == y.predictions.tobytes() and x.curve == y.curve
        for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("case", CASES)
def test_a_step_that_is_captured_and_repeated_trains_the_same_bits(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[int] = []
    plain = trained(case, monkeypatch, None)
    assert same(trained(case, monkeypatch, recorded(log)), plain)
    assert log and min(log) > 10, "nothing was captured"


def test_each_size_of_a_batch_is_captured_once_it_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_dataset()
    assert len(data.y_train) % RECIPE.batch_size, "the last batch of an epoch has to be smaller"
    log: list[int] = []
    trained("plain", monkeypatch, recorded(log))
    assert len(log) == 2
    monkeypatch.setattr(step, "WARM_UP", 10**6)
    trained("plain", monkeypatch, recorded(log))
    assert len(log) == 2


def baked_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate as a number: what the optimizer did before."""
    fused = optimizers.adam

    def adam(*args: Any, lr: Any, **options: Any) -> None:
        fused(*args, lr=float(lr), **options)

    monkeypatch.setattr(optimizers, "adam", adam)


def baked_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows as they are given, not copied to where the graph reads."""
    call = step.Steps.__call__

    def moved(self: step.Steps, rows: torch.Tensor) -> None:
        known = self._by_size.get(rows.shape[1])
        if known is not None and known.again is not None:
            known.again()
        else:
            call(self, rows)

    monkeypatch.setattr(step.Steps, "__call__", moved)


@pytest.mark.parametrize("mistake", [baked_rate, baked_batch])
def test_a_number_that_is_baked_in_is_found(
    mistake: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = trained("plain", monkeypatch, None)
    mistake(monkeypatch)
    assert not same(trained("plain", monkeypatch, recorded()), plain)


def test_the_device_decides_whether_steps_are_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    whole = train_module.Steps

    def steps(*args: Any) -> step.Steps:
        seen.append(args[-1])
        return whole(*args)

    monkeypatch.setattr(train_module, "Steps", steps)
    train([Relu()], [Member(0, 1.4, 0)], make_dataset(), RECIPE)
    assert seen == [None]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("case", CASES)
def test_on_a_gpu_graphs_train_the_same_bits_as_steps_one_by_one(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, changes = CASES[case]
    members = [Member(code, 1.4, seed) for code in (0, 1) for seed in (0, 1)]
    recipe = replace(RECIPE, device="cuda", **changes)
    graphs = train([Relu(), Tanh()], members, make(), recipe)
    monkeypatch.setattr(step, "WARM_UP", 10**6)
    assert same(graphs, train([Relu(), Tanh()], members, make(), recipe))
