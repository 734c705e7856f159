"""The training loss around trained networks, along two random directions of their parameters.

L(a, b) = loss(θ + a·d₁ + b·d₂), with θ the trained parameters; `surface.py` has the directions and
the losses. Here: which networks, on which examples, and what is said of what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from rescu_cli.core import surrogate
from rescu_cli.core.gain import init_gain
from rescu_cli.errors import UsageError
from rescu_cli.experiment.data import load_dataset
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.models import MODELS, load_plan
from rescu_cli.experiment.models.network import Plan, StackedNetwork
from rescu_cli.experiment.scores import score_name
from rescu_cli.experiment.spec import ActivationKey, ExperimentSpec
from rescu_cli.experiment.stats import mean_estimate
from rescu_cli.experiment.surface import (
    Floats,
    Parameters,
    filter_normalised,
    perturbed_losses,
    random_directions,
)
from rescu_cli.experiment.train import Member, Part, Recipe, train
from rescu_cli.export import torch_functions

if TYPE_CHECKING:
    from rescu_cli.core.activation import Activation
    from rescu_cli.experiment.models.stages import ElementwiseCode

Progress = Callable[[int, int], None]

GRID = 41
EXAMPLES = 512
CUT_POINTS = 10
"""Steps of a cut per step of the grid."""
NUMBERS = ("centre", "sharpness", "nonconvex", "roughness")
DEFINITIONS = {
    "centre": "loss of the trained network on the examples",
    "sharpness": "largest loss on the grid points with a² + b² ≤ radius², minus the centre",
    "nonconvex": "share of the inner grid points at which the discrete Hessian (central "
    "differences) has an eigenvalue below −1e-12·max|L|/step²",
    "roughness": "Σ|third difference| / Σ|first difference| over both cuts through the centre, "
    "with the step of the cuts",
}

_SAMPLE = 102
"""First word of the seed of what is drawn here, apart from those of `draws.PURPOSES`."""


@dataclass(frozen=True)
class Slice:
    """The loss around one trained network.

    Args:
        loss: Float64, shape (grid, grid): row i is b = axis[i], column j is a = axis[j].
        cuts: Float64, shape (2, points): along a at b = 0, and along b at a = 0.
        train_loss: Of the training, on all training examples.
    """

    loss: Floats
    cuts: Floats
    train_loss: float


@dataclass(frozen=True)
class Landscape:
    """Slices of several activations, with the same draws.

    Args:
        spec: The training, as `compare` would do it.
        examples: Number of training examples that the loss is the mean of.
        n_parameters: Of one model: the slice shows 2 dimensions of them.
        axis: Float64, shape (grid,), symmetric about 0.
        cut_axis: Float64, shape (points,), of the cuts.
        slices: For each activation, one per seed.
        surrogates: For each activation, what to know if it is trained with another gradient than
            its own, else None.
    """

    spec: ExperimentSpec
    examples: int
    n_parameters: int
    axis: Floats
    cut_axis: Floats
    slices: tuple[tuple[Slice, ...], ...]
    surrogates: tuple[str | None, ...]

    @property
    def radius(self) -> float:
        """Of the disc that the sharpness looks at: 1, or the span if that is less."""
        return float(min(1.0, self.axis[-1]))

    def numbers(self, found: Slice) -> dict[str, float]:
        """`NUMBERS` of one slice; see `DEFINITIONS`."""
        return {
            "centre": float(found.loss[len(self.axis) // 2, len(self.axis) // 2]),
            "sharpness": sharpness(found.loss, self.axis, self.radius),
            "nonconvex": nonconvex_share(found.loss, float(self.axis[1] - self.axis[0])),
            "roughness": roughness(found.cuts),
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the surfaces are those of the first seed, None where a loss overflows."""
        rows = []
        for key, slices, said in zip(
            self.spec.activations, self.slices, self.surrogates, strict=True
        ):
            found = [self.numbers(one) for one in slices]
            rows.append({
                "activation": key.spec,
                "surrogate": said,
                **{name: _summary([numbers[name] for numbers in found]) for name in NUMBERS},
                "train_loss": [one.train_loss for one in slices],
                "surface": _plain(slices[0].loss),
                "cuts": _plain(slices[0].cuts),
            })  # fmt: skip
        return {
            "spec": self.spec.to_dict(),
            "examples": self.examples,
            "n_parameters": self.n_parameters,
            "dimensions": 2,
            "axis": self.axis.tolist(),
            "cut_axis": self.cut_axis.tolist(),
            "step": float(self.axis[1] - self.axis[0]),
            "cut_step": float(self.cut_axis[1] - self.cut_axis[0]),
            "radius": self.radius,
            "definitions": DEFINITIONS,
            "activations": rows,
        }


def landscape(
    activations: Sequence[Activation],
    *,
    data: str | Dataset = "digits",
    label: str | None = None,
    model: str = "mlp",
    seed: int = 0,
    seeds: int = 1,
    epochs: int | None = None,
    lr: float | None = None,
    hidden: Sequence[int] | None = None,
    norm: str = "none",
    dtype: str = "float32",
    span: float = 1.0,
    grid: int = GRID,
    examples: int = EXAMPLES,
    progress: Progress | None = None,
) -> Landscape:
    """Trains every activation and evaluates the training loss around what was found.

    The same seed gives every activation the same initial draws, the same order of the data and the
    same random numbers for the directions, which each network then normalises by its own weights.
    The loss is evaluated in double precision, whatever the training used.

    Args:
        activations: Parameters left out take their documented defaults.
        data: Name in the table of data sets, a path, or a `Dataset`.
        label: Label column of a file.
        model: Name in the table of models.
        seed: The first seed.
        seeds: How many, counted upwards from ``seed``; the first one's surface is kept.
        epochs: Passes over the data; the model's own if None, as all that follow.
        lr: First learning rate.
        hidden: Hidden widths, or channels.
        norm: ``none`` or ``layer``. Not ``batch``: its running moments belong to the trained
            network, and are wrong for a perturbed one.
        dtype: Of the training.
        span: The axes go from −span to span; 1 moves every unit by the norm of its own weights.
        grid: Points per axis, odd, so that the centre is one of them.
        examples: How many training examples, the same for all; all of them if there are fewer.
        progress: Called with (epochs done, epochs to do).

    Raises:
        UsageError: If something asked is not possible, or a training diverged.
    """
    if norm == "batch":
        raise UsageError(
            "A landscape with batch norm is not defined here: the running mean and variance belong "
            "to the trained network and are wrong for its perturbed copies; use '--norm layer'."
        )
    _require_grid(span, grid, seeds, examples)
    dataset = data if isinstance(data, Dataset) else load_dataset(data, label=label)
    chosen = [activation.with_defaults() for activation in activations]
    spec = _spec(chosen, dataset, data, model=model, seeds=range(seed, seed + seeds),
                 epochs=epochs, lr=lr, hidden=hidden, norm=norm, dtype=dtype)  # fmt: skip
    plan = load_plan(model, dataset, spec.hidden)
    rows = sample_rows(len(dataset.y_train), examples)
    axis, cut_axis = _axis(span, grid), _axis(span, (grid - 1) * CUT_POINTS + 1)
    codes = [torch_functions(activation) for activation in chosen]
    explore = _Explorer(plan, norm, dataset, rows, axis, cut_axis)
    by_seed = []
    for number, one in enumerate(spec.seeds):
        tick = None if progress is None else partial(_moved, progress, number, spec)
        by_seed.append(explore(codes, _train(codes, one, dataset, spec, tick), one))
    slices = tuple(zip(*by_seed, strict=True))
    surrogates = tuple(surrogate.label(a) for a in chosen)
    return Landscape(spec, len(rows), plan.n_parameters, axis, cut_axis, slices, surrogates)


def _require_grid(span: float, grid: int, seeds: int, examples: int) -> None:
    if not 0 < span < float("inf"):
        raise UsageError(f"Span {span!r} must be positive and finite; 1 is usual.")
    if grid < 5 or grid % 2 == 0:
        raise UsageError(
            f"A grid of {grid} points per axis asked; it must be odd, so that the trained network "
            "is one of them, and at least 5."
        )
    if seeds < 1 or examples < 1:
        raise UsageError(f"{seeds} seeds and {examples} examples asked; needed is 1 of each.")


def _spec(
    chosen: Sequence[Activation], dataset: Dataset, data: str | Dataset, *, model: str,
    seeds: Sequence[int], epochs: int | None, lr: float | None, hidden: Sequence[int] | None,
    norm: str, dtype: str,
) -> ExperimentSpec:  # fmt: skip
    """The experiment whose networks are looked at, checked as `compare` checks it."""
    keys = []
    for activation in chosen:
        # Rounded as `compare` rounds it: then these are its networks, bit for bit.
        gain = float(f"{init_gain(activation):.12g}")
        keys.append(ActivationKey(activation.spec, activation.slug, activation.digest, gain))
    if model in MODELS and MODELS[model].trainer:
        raise UsageError(f"Model {model!r} has no landscape; only chains of dense layers and "
                         "convolutions have one.")  # fmt: skip
    load_plan(model, dataset, hidden or (1,))  # refuses an unknown model
    row = MODELS[model]
    return ExperimentSpec(
        activations=tuple(keys),
        data=dataset.name if isinstance(data, Dataset) else data,
        data_digest=dataset.digest,
        baseline=keys[0].spec if keys else "",
        seeds=tuple(seeds),
        score=score_name(dataset.task, row.score),
        model=model,
        hidden=row.hidden if hidden is None else tuple(hidden),
        norm=norm,
        epochs=row.epochs if epochs is None else epochs,
        optimizer=row.optimizer,
        lr=row.lr if lr is None else lr,
        batch_size=min(row.batch_size, len(dataset.y_train)),
        dtype=dtype,
    )


def _moved(progress: Progress, number: int, spec: ExperimentSpec, epochs: int) -> None:
    progress(number * spec.epochs + epochs, len(spec.seeds) * spec.epochs)


@dataclass(frozen=True)
class Found:
    """One trained network.

    Args:
        parameters: Float64 tensors by name, each in the shape of one model.
        train_loss: On all training examples, by the training's own precision.
    """

    parameters: Parameters
    train_loss: float


def _train(
    codes: Sequence[ElementwiseCode], seed: int, dataset: Dataset, spec: ExperimentSpec,
    tick: Callable[[int], None] | None,
) -> list[Found]:  # fmt: skip
    """All activations with one seed.

    Raises:
        UsageError: If a training diverged.
    """
    recipe = Recipe(
        model=spec.model, hidden=spec.hidden, norm=spec.norm, vary=spec.vary, epochs=spec.epochs,
        lr=spec.lr, batch_size=spec.batch_size, dtype=spec.dtype, device=spec.device,
        optimizer=spec.optimizer,
    )  # fmt: skip
    kept: dict[int, Parameters] = {}
    names = load_plan(spec.model, dataset, spec.hidden).shapes(spec.norm)

    def keep(places: Sequence[int], network: StackedNetwork) -> None:
        for model, place in enumerate(places):
            kept[place] = {
                name: network.stack.value(name)[model].to(torch.float64).clone() for name in names
            }

    members = [Member(number, key.init_gain, seed) for number, key in enumerate(spec.activations)]
    trained = train(codes, members, dataset, recipe, tick, keep=keep)
    for key, one in zip(spec.activations, trained, strict=True):
        if one.diverged:
            raise UsageError(
                f"{key.spec} diverged with seed {seed}: there is no landscape around it. Use a "
                f"smaller learning rate than {spec.lr:g}."
            )
    return [Found(kept[i], one.train_loss) for i, one in enumerate(trained)]


# -- evaluation -----------------------------------------------------------------------------


def sample_rows(n: int, examples: int) -> NDArray[np.int64]:
    """The training examples that a landscape is the loss of, ascending; the same for every seed."""
    order = np.random.default_rng([_SAMPLE, n]).permutation(n)
    return np.sort(order[:examples]).astype(np.int64)


def _axis(span: float, points: int) -> Floats:
    """Equal steps from −span to span, exactly symmetric, with an exact 0 in the middle."""
    half = span * np.arange(1, points // 2 + 1) / (points // 2)
    return np.concatenate([-half[::-1], [0.0], half])


class _Explorer:
    """Evaluates surfaces and cuts of trained networks on one set of examples."""

    def __init__(
        self, plan: Plan, norm: str, dataset: Dataset, rows: NDArray[np.int64], axis: Floats,
        cut_axis: Floats,
    ) -> None:  # fmt: skip
        self._plan, self._norm = plan, norm
        self._part = Part.of(
            dataset.x_train[rows], dataset.y_train[rows], n_outputs=plan.n_outputs,
            order=plan.order, kind=(torch.float64, torch.device("cpu")),
        )  # fmt: skip
        b, a = (grid.ravel() for grid in np.meshgrid(axis, axis, indexing="ij"))
        nought = np.zeros_like(cut_axis)
        self._points = np.concatenate([
            np.stack([a, b], 1), np.stack([cut_axis, nought], 1), np.stack([nought, cut_axis], 1)
        ])  # fmt: skip
        self._grid, self._cut = len(axis), len(cut_axis)

    def __call__(
        self, codes: Sequence[ElementwiseCode], trained: Sequence[Found], seed: int
    ) -> list[Slice]:
        """One slice per activation."""
        drawn = random_directions(self._plan, self._norm, seed)
        slices = []
        for code, found in zip(codes, trained, strict=True):
            first, second = (
                filter_normalised(self._plan, direction, found.parameters) for direction in drawn
            )
            losses = perturbed_losses(
                self._plan, self._norm, code, found.parameters, (first, second), self._points,
                self._part,
            )  # fmt: skip
            surface, cuts = np.split(losses, [self._grid**2])
            slices.append(Slice(surface.reshape(self._grid, self._grid),
                                cuts.reshape(2, self._cut), found.train_loss))  # fmt: skip
        return slices


# -- numbers --------------------------------------------------------------------------------


def sharpness(loss: Floats, axis: Floats, radius: float) -> float:
    """Max of L over grid points with a² + b² ≤ radius², minus L(0, 0)."""
    near = axis[:, None] ** 2 + axis[None, :] ** 2 <= radius**2 * (1 + 1e-12)
    middle = len(axis) // 2
    return float(loss[near].max() - loss[middle, middle])


def nonconvex_share(loss: Floats, step: float) -> float:
    """Share of inner grid points whose discrete Hessian has a negative eigenvalue.

    Negative is below −1e-12·max|L|/step².

    Central differences: L_aa = (L(a+s) − 2L + L(a−s))/s², likewise L_bb, and L_ab from the four
    diagonal neighbours over 4s². The tolerance is what rounding may do.
    """
    middle = loss[1:-1, 1:-1]
    aa = (loss[1:-1, 2:] - 2 * middle + loss[1:-1, :-2]) / step**2
    bb = (loss[2:, 1:-1] - 2 * middle + loss[:-2, 1:-1]) / step**2
    ab = (loss[2:, 2:] - loss[2:, :-2] - loss[:-2, 2:] + loss[:-2, :-2]) / (4 * step**2)
    least = (aa + bb) / 2 - np.hypot((aa - bb) / 2, ab)
    return float((least < -1e-12 * np.abs(loss).max() / step**2).mean())


def roughness(cuts: Floats) -> float:
    """Σ|Δ³L| / Σ|ΔL| over the cuts, (2, points): 0 for parabolas, and free of the loss's scale.

    For a smooth L it falls as step²; kinks make it fall only as the step (a kink adds its jump of
    slope, times the step, to |Δ³L|).
    """
    first = np.abs(np.diff(cuts, axis=1)).sum()
    return float(np.abs(np.diff(cuts, n=3, axis=1)).sum() / first)


def _summary(values: Sequence[float]) -> dict[str, Any]:
    """Mean, 95 % interval over seeds (None with one seed) and the values."""
    estimate = mean_estimate(np.array(values))
    interval = estimate.interval()
    return {
        "mean": estimate.value,
        "ci": None if interval is None else list(interval),
        "per_seed": list(values),
    }


def _plain(values: Floats) -> list[list[float | None]]:
    return [[v if np.isfinite(v) else None for v in row] for row in values.tolist()]
