"""Trainings and prediction difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.api.named import resolve_all
from rescu_cli.api.saving import save_figure

if TYPE_CHECKING:
    from rescu_cli.experiment import Report
    from rescu_cli.experiment.front import SweepReport

RESULT = "result.json"
RESULT_SCHEMA = 1


def compare(
    activations: Sequence[str],
    *,
    overrides: Mapping[str, Any] | None = None,
    splits: int | None = None,
    **options: Any,
) -> Report:
    """Train every activation with the same seeds; measure accuracy and prediction difference.

    The run directory also receives ``result.json``, the accuracy–PD figure and ``report.html``.

    Args:
        activations: As typed on the command line.
        overrides: Values for parameters that are still free, by name.
        splits: Divisions of the data on which all of it is done; see
            `rescu_cli.experiment.compare_splits`.
        options: Those of `rescu_cli.experiment.compare`: data, model, seeds, epochs, lr, …

    Example:
        >>> import rescu_cli as rescu
        >>> report = rescu.compare(["relu", "smelu"], seeds=3, epochs=1)
        >>> report.n_models
        6
    """
    from rescu_cli.experiment import compare as run
    from rescu_cli.experiment import compare_splits

    chosen = resolve_all(activations, overrides)
    if splits is None:
        report = run(chosen, **options)
    else:
        report = compare_splits(chosen, splits=splits, **options)
    _save_page(report)
    return report


def report_page(folder: str | Path) -> Path:
    """Draw ``report.html`` and the accuracy–PD figure of a finished run directory again.

    Args:
        folder: A run directory of `compare`, with its ``result.json``.

    Returns:
        Where the page is.

    Raises:
        StoreError: If the folder has no result, or predictions that do not fit it.
    """
    from rescu_cli.core.files import read_json
    from rescu_cli.errors import StoreError, UsageError

    path = Path(folder) / RESULT
    if not path.is_file():
        raise StoreError(
            f"{folder} has no {RESULT}, so it is not the directory of a finished run. Give the "
            "same 'rescu compare' with '--out' again: it trains nothing that is finished, and "
            "writes the page."
        )
    try:
        document = read_json(path)
    except UsageError as error:
        raise StoreError(f"{error} Run the same 'rescu compare' again.") from error
    if not isinstance(document, dict) or document.get("schema") != RESULT_SCHEMA:
        raise StoreError(
            f"{path} is not a result of schema {RESULT_SCHEMA}; it may be of another version of "
            "rescu. Run the same 'rescu compare' again."
        )
    return _draw_page(Path(folder), document)


def _save_page(report: Report) -> None:
    """The result, figures and report.html beside the run's data."""
    from rescu_cli import __version__
    from rescu_cli.core.files import write_json
    from rescu_cli.experiment.page.material import recorded_environment

    document = {
        "schema": RESULT_SCHEMA,
        "version": __version__,
        "environment": recorded_environment(report.run_dir),
        "result": report.to_dict(),
    }
    write_json(report.run_dir / RESULT, document)
    _draw_page(report.run_dir, document)


def _draw_page(folder: Path, document: Mapping[str, Any]) -> Path:
    """Everything that can be made from the stored result."""
    from rescu_cli.core.files import write_atomically
    from rescu_cli.experiment.page import Material, render_page
    from rescu_cli.experiment.page.material import load_disagreement, load_pictures

    result = document["result"]
    found = load_disagreement(folder, result)
    pictures, reason = load_pictures(result["spec"], found)
    material = Material(
        tradeoff=_draw_tradeoff(folder, result["activations"]),
        training=_draw_training(result["activations"]),
        disagreement=found,
        pictures=pictures,
        without_pictures=reason,
        environment=document["environment"],
    )
    page = folder / "report.html"
    write_atomically(page, render_page(result, document["version"], material))
    return page


def _draw_tradeoff(folder: Path, activations: Sequence[Mapping[str, Any]]) -> str | None:
    """Writes the figure as PNG and SVG, and returns the SVG; None where PD is not defined."""
    from rescu_cli.core.files import write_atomically
    from rescu_cli.plot import figure_bytes, plot_tradeoff

    if any(entry["pd"]["pd_l1"]["value"] is None for entry in activations):
        return None
    figure = plot_tradeoff(activations)
    for ending in ("png", "svg"):
        drawing = figure_bytes(figure, ending)
        write_atomically(folder / f"tradeoff.{ending}", drawing)
    return drawing.decode()


def _draw_training(activations: Sequence[Mapping[str, Any]]) -> str | None:
    """SVG of the training curves; None for results without them."""
    from rescu_cli.plot import figure_bytes
    from rescu_cli.plot.training import has_training, plot_training

    if not has_training(activations):
        return None
    return figure_bytes(plot_training(activations), "svg").decode()


def sweep(
    activation: str,
    values: str,
    *,
    against: Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    **options: Any,
) -> SweepReport:
    """Train an activation at every value of a parameter, beside fixed ones.

    The run directory also receives the front as a figure, and the comparison's report.

    Args:
        activation: As typed on the command line, the swept parameter left out.
        values: ``beta=0.1:4:12`` or ``beta=0.5,1,2``.
        against: Fixed activations, the baseline first; relu, swish, gelu and softplus if None.
        overrides: Values for parameters that are still free, by name.
        options: Those of `rescu_cli.experiment.sweep` and of `compare`.

    Raises:
        UsageError: If the swept parameter is also overridden, or something else is not possible.
    """
    from rescu_cli.core.sweep import parse_sweep
    from rescu_cli.errors import UsageError
    from rescu_cli.experiment import sweep as run
    from rescu_cli.experiment.front import REFERENCES
    from rescu_cli.plot import plot_front

    through = parse_sweep(values)
    if through.parameter in (overrides or {}):
        raise UsageError(
            f"{through.parameter} is swept and set at once. Leave the setting out; if it is meant "
            "for a fixed activation, write it there: NAME:param=value."
        )
    fixed = REFERENCES if against is None else against
    # Together: a setting need only fit one of them.
    chosen, *references = resolve_all([activation, *fixed], overrides)
    found = run(chosen, through, references=references, **options)
    _save_page(found.report)
    save_figure(found.report.run_dir, "front", plot_front(found.to_dict()))
    return found


def landscape(
    activations: Sequence[str],
    *,
    out: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """The training loss around trained networks, along two filter-normalised directions.

    Args:
        activations: As typed on the command line.
        out: Where the figure goes; none is drawn if None.
        overrides: Values for parameters that are still free, by name.
        options: Those of `rescu_cli.experiment.landscape.landscape`.

    Returns:
        As in the command line's JSON: surfaces, cuts, and numbers with their definitions.
    """
    from rescu_cli.core.files import write_atomically
    from rescu_cli.errors import UsageError
    from rescu_cli.experiment.landscape import landscape as run
    from rescu_cli.plot import FORMATS, figure_bytes, plot_landscape

    ending = "" if out is None else Path(out).suffix.lstrip(".").lower()
    if out is not None and ending not in FORMATS:
        raise UsageError(f"A figure ends in {', '.join(FORMATS)}; found {str(out)!r}.")
    found = run(resolve_all(activations, overrides), **options).to_dict()
    if out is not None:
        write_atomically(Path(out), figure_bytes(plot_landscape(found), ending))
        found["figure"] = str(out)
    return found


def prediction_difference(
    paths: Sequence[str | Path], *, task: str | None = None
) -> dict[str, Any]:
    """Every prediction-difference metric of prediction files, with intervals over models.

    Args:
        paths: npz files, as `rescu_cli.experiment.prediction_difference` describes them.
        task: ``classification`` or ``regression``; seen from the files if None.
    """
    from rescu_cli.experiment import prediction_difference as measure

    return measure(paths, task=task)
