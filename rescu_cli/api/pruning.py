"""Iterative pruning with rewind over seeds: by magnitude, and with activating-while-pruning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.api.saving import few_seeds, save_figure
from rescu_cli.core.files import make_folder
from rescu_cli.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rescu_cli.core.activation import Activation
    from rescu_cli.network.prune.rounds import SeedRun

QUANTITIES = ("accuracy", "static", "dynamic", "total")
FIGURE = "pruning"
RESULT = "result.json"
MOST_SEEDS = 10_000


def prune(
    *,
    data: str = "digits",
    model: str = "mlp",
    methods: Sequence[str] = ("magnitude", "ap"),
    seeds: int | Sequence[int] = 5,
    rounds: int = 5,
    rate: float = 0.2,
    ap_share: float = 0.02,
    activation: str = "relu",
    backward_shift: str | float | None = None,
    hidden: Sequence[int] | None = None,
    epochs: int = 30,
    lr: float = 1e-3,
    batch_size: int = 64,
    threshold: float = 0.0,
    out: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Prune toy networks round by round; accuracy and dead units with intervals over seeds.

    Args:
        data: A data set by name, or a file with labels.
        model: ``mlp`` or ``cnn``.
        methods: ``magnitude`` and ``ap``; both start from the same trained networks.
        seeds: How many (0, 1, …), or which.
        rounds: Of pruning; round 0 is the whole network.
        rate: Share of the weights left that goes in a round.
        ap_share: Part of the rate that AP takes from negative weights.
        activation: As typed on the command line.
        backward_shift: α: train with the activation's gradient at x + α.
        hidden: Widths, or channels.
        epochs: Of every round.
        lr: First learning rate.
        batch_size: Examples per step.
        threshold: A unit is off where the size of its output is at most this.
        out: Folder for ``result.json`` and the figure; nothing is written if None.
        progress: Called with (trainings done, trainings to do).

    Returns:
        The ``result`` of ``rescu net prune --json``: per round and method the mean over seeds of
        accuracy, static, dynamic and total rate with 95 % t intervals, and AP − magnitude, paired
        by seed.

    Raises:
        UsageError: If something asked is not possible.
        StoreError: If the folder cannot be written.

    Example:
        >>> import rescu_cli as rescu
        >>> found = rescu.prune(seeds=2, rounds=1, epochs=1, hidden=[8])
        >>> [row["n_weights"] for row in found["rounds"]]
        [592, 474]
    """
    from rescu_cli.experiment.data import load_dataset
    from rescu_cli.network.loading import layer_of
    from rescu_cli.network.prune.plan import PrunePlan
    from rescu_cli.network.prune.rounds import prune_seed
    from rescu_cli.network.toy.training import Training

    plan = PrunePlan(
        methods=tuple(methods), rounds=rounds, rate=rate, ap_share=ap_share, model=model,
        hidden=None if hidden is None else tuple(hidden),
        training=Training(epochs, lr, batch_size), threshold=threshold,
    )  # fmt: skip
    which = _seeds(seeds)
    chosen = trained_as(activation, backward_shift)
    about = _about(chosen)  # before the work, should it take long or fail
    examples = load_dataset(data)
    folder = None if out is None else make_folder(out)
    n_all, n_done = len(which) * (1 + len(plan.methods) * plan.rounds), 0

    def tick() -> None:
        nonlocal n_done
        n_done += 1
        if progress is not None:
            progress(n_done, n_all)

    runs = [
        prune_seed(plan, examples, lambda: layer_of(chosen), chosen.init_gain or 1.0,
                   seed, progress=tick)
        for seed in which
    ]  # fmt: skip
    trained = [seed for seed in runs if all(run.rounds for run in seed)]
    if not trained:
        raise UsageError(f"{runs[0][0].stopped} So it went for all seeds; try a smaller '--lr'.")
    result = {
        **plan.to_dict(),
        **about,
        "data": data,
        "seeds": [seed[0].seed for seed in trained],
        "diverged": [seed[0].seed for seed in runs if seed not in trained],
        "n_inputs": len(examples.x_test),
        "rounds": _rounds(plan.methods, trained),
        "notes": _notes(runs),
    }
    if folder is not None:
        _save(folder, result)
    return result


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(seeds, int):
        asked: Sequence[Any] = range(seeds) if seeds <= MOST_SEEDS else ()
    else:
        asked = seeds
    try:
        which = tuple(index(s) for s in asked if not isinstance(s, bool))
    except TypeError:
        which = ()
    # Beyond 64 bits torch's generator takes none.
    fitting = len(which) == len(asked) and all(0 <= s < 2**64 for s in which)
    if not which or not fitting or len(set(which)) != len(which):
        raise UsageError(
            f"Seeds {seeds} asked; one at least (as a number of seeds {MOST_SEEDS} at most), "
            "each a whole number from 0 to 2^64 - 1, none twice."
        )
    return which


def trained_as(activation: str, backward_shift: str | float | None = None) -> Activation:
    """An activation with every parameter bound, its backward pass shifted if asked.

    Raises:
        UsageError: If it is no rectifier, or has a surrogate gradient already.
    """
    from rescu_cli import catalogue
    from rescu_cli.core.parse import parse_number
    from rescu_cli.core.surrogate import shift_backward
    from rescu_cli.errors import ParameterError, ParseError

    found = catalogue.resolve(activation).with_defaults()
    if backward_shift is None:
        return found
    try:
        shift = parse_number(backward_shift) if isinstance(backward_shift, str) else backward_shift
    except ParseError:
        raise ParameterError(
            f"Cannot read the backward shift {backward_shift!r}; it must be a finite number, 0 or "
            "more, such as 0.05 or 1/20."
        ) from None
    return shift_backward(found, shift)


def draw_pruning(result: dict[str, Any]) -> Figure:
    """Accuracy and dead units against density, with intervals."""
    from rescu_cli.plot import plot_pruning

    return plot_pruning(result)


def _about(activation: Activation) -> dict[str, Any]:
    from rescu_cli.core.surrogate import label

    return {"activation": activation.spec, "surrogate": label(activation)}


def _rounds(methods: Sequence[str], runs: Sequence[Sequence[SeedRun]]) -> list[dict[str, Any]]:
    """One row per round that all seeds of all methods have reached; one at least."""
    n_common = min(len(run.rounds) for seed in runs for run in seed)
    return [_row(methods, runs, number) for number in range(n_common)]


def _row(methods: Sequence[str], runs: Sequence[Sequence[SeedRun]], number: int) -> dict[str, Any]:
    import numpy as np

    values: dict[str, dict[str, Any]] = {}
    for place, method in enumerate(methods):
        found = [seed[place].rounds[number] for seed in runs]
        values[method] = {
            "accuracy": np.array([r.accuracy for r in found]),
            **{k: np.array([getattr(r.dead, k) for r in found]) for k in QUANTITIES[1:]},
        }
    first = runs[0][0].rounds[number].masks
    row: dict[str, Any] = {
        "round": number,
        "n_weights": first.n_kept,
        "density": first.density,
        "methods": {
            m: {k: _estimate(v) for k, v in quantities.items()} for m, quantities in values.items()
        },
        "difference": None,
    }
    if {"magnitude", "ap"} <= set(values):
        row["difference"] = {
            k: _estimate(values["ap"][k] - values["magnitude"][k]) for k in QUANTITIES
        }
    return row


def _estimate(values: Any) -> dict[str, Any]:
    from rescu_cli.experiment.stats import mean_estimate

    found = mean_estimate(values)
    interval = found.interval()
    return {
        "mean": found.value,
        "ci": None if interval is None else list(interval),
        "per_seed": [float(v) for v in values],
    }


def _notes(runs: Sequence[Sequence[SeedRun]]) -> list[str]:
    notes = []
    trained = [seed for seed in runs if all(run.rounds for run in seed)]
    for seed in runs:
        if seed not in trained:
            notes.append(
                f"Seed {seed[0].seed} is in no number here: {seed[0].stopped} What is left "
                "speaks of runs that did not diverge."
            )
    for run in (run for seed in trained for run in seed):
        where = f"{run.method}, seed {run.seed}"
        notes += [f"{where}, round {r.number}: {r.note}" for r in run.rounds if r.note]
        if run.stopped:
            notes.append(f"{where}: {run.stopped} Later rounds are left out for all.")
    if min(len(run.rounds) for seed in trained for run in seed) < 2:
        notes.append("No round of pruning was finished by all seeds, so there is nothing to draw.")
    return notes + few_seeds(len(trained))


def _save(folder: Path, result: dict[str, Any]) -> None:
    from rescu_cli.core.files import write_json

    write_json(folder / RESULT, result)
    save_figure(folder, FIGURE, draw_pruning(result) if len(result["rounds"]) > 1 else None)
