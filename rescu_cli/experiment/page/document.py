"""The page as a whole: its head, its sections in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from rescu_cli.experiment.disagreement import Disagreement
from rescu_cli.experiment.page.assets import POLICY, SCRIPT, STYLE
from rescu_cli.experiment.page.divisions import divisions
from rescu_cli.experiment.page.figures import inline_figure
from rescu_cli.experiment.page.flips import flips_section
from rescu_cli.experiment.page.sections import (
    comparisons,
    differences,
    formulas,
    made_with,
    reproduction,
    scores,
    settings,
)
from rescu_cli.experiment.page.summary import summary


@dataclass(frozen=True)
class Material:
    """What a page shows beside the result itself; whatever is missing is left out.

    Args:
        tradeoff: SVG document of score beside prediction difference.
        training: SVG document of the training curves.
        disagreement: Where the models disagree.
        pictures: HTML of a picture by position of the test example.
        without_pictures: Why there are none, in a sentence, where one could be expected.
        environment: Versions and machine by name.
    """

    tradeoff: str | None = None
    training: str | None = None
    disagreement: Disagreement | None = None
    pictures: Mapping[int, str] = field(default_factory=dict)
    without_pictures: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def render_page(result: Mapping[str, Any], version: str, material: Material | None = None) -> str:
    """The page of one report.

    Args:
        result: ``Report.to_dict()``.
        version: Of this program.
        material: Figures and what else there is to show.

    Returns:
        An HTML document; every text from outside is escaped.
    """
    material = material or Material()
    spec, rows = result["spec"], result["activations"]
    n_seeds = len(spec["seeds"])
    title = f"{', '.join(r['activation'] for r in rows)} on {spec['data']}"
    parts = [
        f"<header><h1>{escape(title)}</h1>",
        f"<p>{escape(str(spec['model']))}, {n_seeds} seed{'s' * (n_seeds != 1)}, "
        f"{result['n_models']} models. Intervals are 95&nbsp;%.</p></header>",
        summary(result),
        scores(rows),
        inline_figure(
            material.tradeoff, "tradeoff", "Score beside prediction difference, one point per "
            "activation, with 95 % intervals over seeds",
        ),
        comparisons(result["comparisons"]),
        divisions(result.get("splits")),
        differences(rows, result["formulas"]),
        _training(material.training),
        flips_section(material.disagreement, material.pictures, material.without_pictures),
        reproduction(result),
        settings(spec),
        made_with(material.environment, spec),
        formulas(result["formulas"]),
        f"<footer><p>rescu {escape(version)}. Beside this page: <code>result.json</code> (all "
        "figures in full precision), <code>predictions/</code> (of every model), "
        "<code>cells/</code> and <code>table.csv</code> (one record per model).</p></footer>",
    ]  # fmt: skip
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body>\n<main>\n{body}\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _training(svg: str | None) -> str:
    if svg is None:
        return ""
    figure = inline_figure(svg, "training", "Training loss by epoch, one line per activation")
    return (
        f'<section id="training"><h2>Training</h2>{figure}<p class="note">The line is the mean '
        "over the seeds whose training did not diverge, the band reaches from the lowest to the "
        "highest of them.</p></section>"
    )
