"""`dead_rates`: a network over a data set, batch after batch, counting the units that are off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rescu_cli.errors import UsageError
from rescu_cli.network.dead.rates import DeadReport, Tally
from rescu_cli.network.dead.watch import Function, blind_spots, watching

BATCH_SIZE = 256
SATURATED_BELOW = 0.01


def dead_rates(
    model: nn.Module,
    x: NDArray[Any],
    *,
    threshold: float = 0.0,
    tolerance: float = SATURATED_BELOW,
    batch_size: int = BATCH_SIZE,
    layers: Sequence[str] = (),
) -> DeadReport:
    """Static, dynamic and total rate of dead units, at every activation that runs.

    The model runs in evaluation mode without gradients and is left as it was, training flags
    included.

    Args:
        model: Takes one tensor (batch, …).
        x: Inputs (N, …), N ≥ 1, finite; moved to the dtype and device of the first parameter.
        threshold: A unit is off where the size of its output is at most this, ≥ 0.
        tolerance: A unit is saturated where |f′| is below this, > 0. Of an activation with a
            surrogate gradient f′ is what it passes backward.
        batch_size: Inputs at once, ≥ 1; the result does not depend on it.
        layers: Names of modules to take for activations too, e.g. of a class of one's own.

    Raises:
        UsageError: If the data do not fit the model, a number is not finite, an option is out of
            range, or no activation is found.
    """
    if not (isfinite(threshold) and threshold >= 0):
        raise UsageError(f"Threshold {threshold} asked; the size of an output is 0 or more.")
    if not (isfinite(tolerance) and tolerance > 0):
        raise UsageError(f"Tolerance {tolerance} asked for saturation; it must be positive.")
    if batch_size < 1:
        raise UsageError(f"Batches of {batch_size} inputs asked; at least 1.")
    if x.ndim < 2 or not len(x):
        raise UsageError(f"Inputs of shape {x.shape} found; (N, …) with N of at least 1 is needed.")
    if not np.isfinite(x).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise UsageError(f"Input {list(place)} is {x[place]}; inputs must be finite.")
    require_finite(model)
    count = _Count(threshold, tolerance)
    with evaluating(model), watching(model, count.see, layers) as watch, torch.no_grad():
        for start in range(0, len(x), batch_size):
            batch = as_input(model, x[start : start + batch_size])
            count.n_batch = len(batch)
            watch.start()
            _run(model, batch)
    count.n_done = len(x)
    return count.report(blind_spots(model))


def require_finite(model: nn.Module) -> None:
    """Refuse a model with a NaN or an infinity among its numbers.

    Raises:
        UsageError: If one is found, with its name and place.
    """
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            place = (~tensor.detach().isfinite()).nonzero()[0].tolist()
            raise UsageError(
                f"{name}{place} is {float(tensor.detach()[tuple(place)])}; the numbers of a model "
                "must be finite."
            )


def as_input(model: nn.Module, x: NDArray[Any]) -> Tensor:
    """A batch in the dtype and on the device of the model's first parameter.

    Whole numbers stay whole for a model that looks them up (``nn.Embedding``).
    """
    first = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    looks_up = any(isinstance(m, nn.Embedding | nn.EmbeddingBag) for m in model.modules())
    dtype = torch.int64 if looks_up and x.dtype.kind in "iu" else first.dtype
    return torch.from_numpy(np.array(x)).to(first.device, dtype)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode; every module gets its own flag back."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _run(model: nn.Module, batch: Tensor) -> None:
    try:
        model(batch)
    except UsageError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        takes = next((p for p in model.parameters() if p.ndim > 1), None)
        first = "" if takes is None else f" (its first weight is {tuple(takes.shape)})"
        raise UsageError(
            f"The model does not run on inputs of shape {tuple(batch.shape)}{first}: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error


class _Count:
    """The tallies of all places, in the order in which they are first reached."""

    def __init__(self, threshold: float, tolerance: float) -> None:
        self.threshold, self.tolerance = threshold, tolerance
        self.tallies: dict[str, Tally] = {}
        self.refused: dict[str, str] = {}
        self.n_batch = self.n_done = 0

    def see(self, name: str, kind: str, x: Tensor, y: Tensor, function: Function) -> None:
        if not y.ndim or y.shape[0] != self.n_batch:
            self.refused[name] = (
                f"{name}: left out, its output {tuple(y.shape)} does not have the "
                "inputs of the batch as its first axis."
            )
            return
        tally = self.tallies.setdefault(name, Tally(name, kind))
        if tally.shape not in (None, tuple(y.shape[1:])):
            self.refused[name] = (
                f"{name}: left out, its output is {tally.shape} on one batch and "
                f"{tuple(y.shape[1:])} on another, so that units cannot be followed."
            )
            return
        if not bool(y.isfinite().all()):
            raise UsageError(f"{name} puts out a NaN or an infinity; there is no rate for that.")
        slope = _slope(function, x)
        off = y.detach().abs() <= self.threshold
        tally.add(off, None if slope is None else slope.abs() < self.tolerance)

    def report(self, notes: list[str]) -> DeadReport:
        places = [t.rates() for n, t in self.tallies.items() if n not in self.refused]
        if not places:
            seen = " ".join([*self.refused.values(), *notes])
            raise UsageError(
                "No activation was found that can be counted. Known are the layers of torch.nn, "
                "calls such as F.relu, and activations of this package; name a layer of your own "
                f"with --layer NAME. {seen}".rstrip()
            )
        for place in places:
            if place.off.n_inputs != self.n_done:
                notes.append(
                    f"{place.name}: reached by {place.off.n_inputs} of {self.n_done} inputs, "
                    "which its rates speak of; it is not in the rate of all."
                )
        return DeadReport(
            self.threshold, self.tolerance, self.n_done, tuple(places),
            (*self.refused.values(), *notes),
        )  # fmt: skip


def _slope(function: Function, x: Tensor) -> Tensor | None:
    """f′ at every element; None where f is not a function of one element, or has no gradient."""
    with torch.enable_grad():
        inputs = x.detach().clone().requires_grad_(True)
        try:
            # An activation that works in place must not overwrite a leaf.
            outputs = function(inputs * 1.0)
            (slope,) = torch.autograd.grad(outputs.sum(), inputs)
        except RuntimeError:
            return None
    return slope if outputs.shape == inputs.shape else None
