"""`dead_rates`: a network over a data set, batch after batch, counting the units that are off.

Which axis of a tensor is that of the inputs is not guessed from its length, which may be another's
by chance: every place is also reached with a batch of another length, which its first axis must
follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rescu_cli.errors import RescuError, UsageError
from rescu_cli.network.dead.calls import Function
from rescu_cli.network.dead.rates import DeadReport, Tally
from rescu_cli.network.dead.watch import (
    Seen,
    _Watch,
    blind_spots,
    of_the_batch,
    swallowed,
    watching,
)

BATCH_SIZE = 256
SATURATED_BELOW = 0.01
_COMPARED = 8  # inputs whose outputs are kept, to see whether the rest of the batch changes them
_SAME = 1e-3
"""Share of the largest output below which two are the same: batches of another length are summed in
another order."""


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
        batch_size: Inputs at once, ≥ 1; the result does not depend on it, unless a note says so.
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
    x = plain_numbers(x)
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
            count.begin(len(batch))
            try:
                _run(model, batch, watch)
            except UsageError as error:
                if len(batch) > 1 or len(x) == 1 or batch_size == 1:
                    raise
                raise UsageError(
                    f"{error} That batch is what is left of {len(x)} inputs in batches of "
                    f"{batch_size}; with another '--batch-size' there is none of one input."
                ) from error
            _probe(model, batch, watch, count)
    count.n_done = len(x)
    notes = [
        *blind_spots(model),
        *of_the_batch(model),
        *swallowed(model, layers),
        *watch.doubtful(),
    ]
    if count.shifting is not None and not of_the_batch(model):
        notes.append(
            f"{count.shifting}: the same inputs gave other outputs in a batch of another length, "
            "so that the rates depend on '--batch-size', or on chance (dropout that is always on)."
        )
    return count.report(notes)


def plain_numbers(x: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in a dtype that torch has: native byte order, no extended precision.

    Raises:
        UsageError: If they are no real numbers.
    """
    if x.dtype.kind not in "biuf":
        raise UsageError(f"Inputs should be real numbers; found {x.dtype}.")
    if x.dtype.kind == "f":
        native = np.float64 if x.dtype.itemsize > 8 else x.dtype.newbyteorder("=")
        return x.astype(native, copy=False)
    if x.dtype.kind == "u" and x.dtype.itemsize == 8 and x.size and x.max() > np.iinfo("i8").max:
        return x.astype(np.float64)
    return x if x.dtype.kind == "b" else x.astype(np.int64, copy=False)


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
    return torch.from_numpy(np.array(plain_numbers(x))).to(first.device, dtype)


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


def _run(model: nn.Module, batch: Tensor, watch: _Watch) -> None:
    watch.start()
    try:
        model(batch)
    except RescuError:
        raise
    except Exception as error:  # reason: a user's forward may raise anything
        if error is watch.failure:
            raise
        takes = next((p for p in model.parameters() if p.ndim > 1), None)
        first = "" if takes is None else f" (its first weight is {tuple(takes.shape)})"
        raise UsageError(
            f"The model does not run on inputs of shape {tuple(batch.shape)}{first}: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": ")
        ) from error


def _probe(model: nn.Module, batch: Tensor, watch: _Watch, count: _Count) -> None:
    """Reach the places that are new with batches of other lengths."""
    half = -(-len(batch) // 2)
    others = [batch[:half]] * (len(batch) > 1) + [torch.cat([batch, batch[:half]])]
    for other in others:
        if not count.unchecked:
            return
        count.probing = len(other)
        try:
            _run(model, other, watch)
        except UsageError:
            continue  # not every model takes every length; what stays unchecked is left out
        finally:
            count.probing = None


class _Count:
    """The tallies of all places, in the order in which they are first reached."""

    def __init__(self, threshold: float, tolerance: float) -> None:
        self.threshold, self.tolerance = threshold, tolerance
        self.tallies: dict[str, Tally] = {}
        self.refused: dict[str, str] = {}
        self.checked: set[str] = set()
        self.unchecked: dict[str, Tensor] = {}
        self.elementwise: dict[str, bool] = {}
        self.shifting: str | None = None
        self.probing: int | None = None
        self.n_batch = self.n_done = 0

    def begin(self, n_batch: int) -> None:
        """A new batch."""
        self.n_batch = n_batch
        self.unchecked.clear()

    def see(self, seen: Seen) -> None:
        """Count an activation, or only look at it while another length is tried."""
        name, y = seen.name, seen.y.detach()
        if self.probing is not None:
            if name in self.unchecked and self._follows(name, y, self.probing):
                self._compare(name, y)
            return
        if name in self.refused or not self._follows(name, y, self.n_batch):
            return
        if not bool(y.isfinite().all()):
            raise UsageError(f"{name} puts out a NaN or an infinity; there is no rate for that.")
        if name not in self.tallies:
            self.tallies[name] = Tally(
                name, seen.kind, channel_axis=seen.channel_axis, surrogate=seen.surrogate
            )
            self.elementwise[name] = _is_elementwise(seen.function, seen.x)
        if name not in self.checked:
            self.unchecked[name] = y[:_COMPARED].clone()
        slope = _slope(seen.function, seen.x) if self.elementwise[name] else None
        self.tallies[name].add(
            y.abs() <= self.threshold, None if slope is None else slope.abs() < self.tolerance
        )

    def _follows(self, name: str, y: Tensor, n_inputs: int) -> bool:
        """Whether the first axis is that of the inputs, and the others are as before."""
        if not y.ndim or y.shape[0] != n_inputs:
            self.refused[name] = (
                f"{name}: left out, its output {tuple(y.shape)} does not have the {n_inputs} "
                "inputs of the batch as its first axis."
            )
            return False
        before = self.tallies[name].shape if name in self.tallies else None
        if before not in (None, tuple(y.shape[1:])):
            self.refused[name] = (
                f"{name}: left out, its output is {before} on one batch and "
                f"{tuple(y.shape[1:])} on another, so that units cannot be followed."
            )
            return False
        return True

    def _compare(self, name: str, y: Tensor) -> None:
        """The outputs for the first inputs again, among other ones."""
        self.checked.add(name)
        before = self.unchecked.pop(name)
        n = min(len(before), len(y))
        # In half precision two orders of summing differ by more than in single.
        allowed = max(_SAME, 16 * torch.finfo(y.dtype).eps) if y.is_floating_point() else _SAME
        apart = (y[:n].double() - before[:n].double()).abs()
        far = apart > allowed * before.double().abs().max() if before.numel() else apart > 0
        if self.shifting is None and bool(far.any()):
            self.shifting = name

    def report(self, notes: list[str]) -> DeadReport:
        for name in self.tallies:
            if name not in self.checked:
                self.refused.setdefault(
                    name,
                    f"{name}: left out, the model reaches it with batches of one length only, so "
                    "that the axis of the inputs cannot be told from others.",
                )
        places = [t.rates() for n, t in self.tallies.items() if n not in self.refused]
        if not places:
            seen = " ".join([*self.refused.values(), *notes])
            raise UsageError(
                "No activation was found that can be counted. Known are the layers of torch.nn, "
                "calls such as F.relu, x.clamp(min=0) and torch.maximum(x, zero), and activations "
                "of this package; name a layer of your own with '--layer NAME'. "
                f"{seen}".rstrip()
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


def _is_elementwise(function: Function, x: Tensor) -> bool:
    """Whether an output depends on the input at its place alone, told by moving half the others.

    A softmax has no slope per unit: the gradient of the sum of its outputs is 0 everywhere.
    """
    if not x.is_floating_point():
        return False
    generator = torch.Generator().manual_seed(0)
    moved = (torch.rand(x.shape, generator=generator) < 0.5).to(x.device)
    with torch.no_grad():
        try:
            before = function(x.detach().clone())
            after = function(torch.where(moved, x + 1 + x.abs().max(), x))
            return before.shape == x.shape and torch.equal(before[~moved], after[~moved])
        except Exception:  # noqa: BLE001  # reason: a user's layer may raise anything
            return False


def _slope(function: Function, x: Tensor) -> Tensor | None:
    """f′ at every element; None where f has no gradient."""
    with torch.enable_grad():
        inputs = x.detach().clone().requires_grad_(True)
        try:
            # An activation that works in place must not overwrite a leaf.
            outputs = function(inputs * 1.0)
            (slope,) = torch.autograd.grad(outputs.sum(), inputs)
        except Exception:  # noqa: BLE001  # reason: a user's layer may raise anything
            return None
    return slope if outputs.shape == inputs.shape else None
