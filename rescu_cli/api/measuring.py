"""Trainings and prediction difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.api.named import resolve_all

if TYPE_CHECKING:
    from rescu_cli.experiment import Report


def compare(
    activations: Sequence[str], *, overrides: Mapping[str, Any] | None = None, **options: Any
) -> Report:
    """Train every activation with the same seeds; measure accuracy and prediction difference.

    The run directory also receives the accuracy–PD figure and ``report.html``.

    Args:
        activations: As typed on the command line.
        overrides: Values for parameters that are still free, by name.
        options: Those of `rescu_cli.experiment.compare`: data, model, seeds, epochs, lr, …

    Example:
        >>> import rescu_cli as rescu
        >>> report = rescu.compare(["relu", "smelu"], seeds=3, epochs=1)
        >>> report.n_models
        6
    """
    from rescu_cli.experiment import compare as run

    report = run(resolve_all(activations, overrides), **options)
    _save_page(report)
    return report


def _save_page(report: Report) -> None:
    """Figures and report.html beside the run's data."""
    from rescu_cli import __version__
    from rescu_cli.core.files import write_atomically
    from rescu_cli.experiment.page import render_page
    from rescu_cli.plot import figure_bytes, plot_tradeoff

    result = report.to_dict()
    drawings = []
    if all(r["pd"]["pd_l1"]["value"] is not None for r in result["activations"]):
        figure = plot_tradeoff(result["activations"])
        for ending in ("png", "svg"):
            drawing = figure_bytes(figure, ending)
            write_atomically(report.run_dir / f"tradeoff.{ending}", drawing)
        drawings.append(drawing.decode())
    page = render_page(result, __version__, drawings)
    write_atomically(report.run_dir / "report.html", page)


def prediction_difference(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Every prediction-difference metric of prediction files, with intervals over models."""
    from rescu_cli.experiment import prediction_difference as measure

    return measure(paths)
