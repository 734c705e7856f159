"""`report.html`: one self-contained page for a finished comparison. No script, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top }
th { border-bottom: 1px solid #777; font-weight: 600 } td { border-bottom: 1px solid #e5e5e5 }
td.n, th.n { text-align: right; white-space: nowrap }
small { color: #555 } code { font-size: .85em } svg { max-width: 100%; height: auto }
@media (prefers-color-scheme: dark) {
  body { color: #e8e8e8; background: #181818 } td { border-color: #333 } small { color: #aaa }
  figure svg { background: #fff }
}
"""


def render_page(result: Mapping[str, Any], version: str, figures: Sequence[str] = ()) -> str:
    """The page of one report.

    Args:
        result: ``Report.to_dict()``.
        version: Of this program.
        figures: SVG documents to inline, in order.

    Returns:
        An HTML document; every text from outside is escaped.
    """
    spec, rows = result["spec"], result["activations"]
    n_seeds = len(spec["seeds"])
    title = f"{', '.join(r['activation'] for r in rows)} on {spec['data']}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(str(spec['model']))}, {n_seeds} seeds, {result['n_models']} models. "
        "Intervals are 95 %; the first is over seeds (would other seeds agree?), the second over "
        "test examples (would another test set agree?).</p>",
        "<h2>What these figures can say</h2>",
        _list(result["advice"]),
        "<h2>Accuracy, loss, prediction difference</h2>",
        _scores(rows),
        *(f"<figure>{_inline(svg)}</figure>" for svg in figures),
        "<h2>Every definition of prediction difference</h2>",
        _differences(rows, result["formulas"]),
        "<h2>Against the baseline, paired by seed</h2>",
        _comparisons(result["comparisons"]),
        "<h2>The experiment</h2>",
        _table(
            ["setting", "value"],
            [[f"<code>{escape(str(k))}</code>", escape(str(v))] for k, v in spec.items()],
        ),
        f"<p><small>rescu {escape(version)}. Predictions of every model are in "
        "<code>predictions/</code>, one record per model in <code>cells/</code> and "
        "<code>table.csv</code>.</small></p>",
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body>\n"
        "</html>\n"
    )


def _inline(svg: str) -> str:
    """The drawing without its XML prologue, which HTML does not allow inside a page."""
    return svg[svg.index("<svg") :]


def _list(sentences: Sequence[str]) -> str:
    if not sentences:
        return "<p>Nothing to warn about.</p>"
    return "<ul>" + "".join(f"<li>{escape(s)}</li>" for s in sentences) + "</ul>"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: int = 99) -> str:
    """Cells are HTML; columns from ``numeric`` on are set right."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if i >= numeric else ''}>{cell}</{tag}>"
            for i, cell in enumerate(row)
        )

    lines = "".join(f"<tr>{cells('td', row)}</tr>\n" for row in rows)
    head = f"<thead><tr>{cells('th', header)}</tr></thead>"
    return f"<div class=wide><table>{head}\n<tbody>{lines}</tbody></table></div>"


def _scores(rows: Sequence[Mapping[str, Any]]) -> str:
    return _table(
        ["activation", "accuracy", "loss", "pd_l1", "churn", "diverged", "seconds"],
        [
            [
                escape(r["activation"]),
                _estimate(r["accuracy"], "mean"),
                _estimate(r["loss"], "mean"),
                _estimate(r["pd"]["pd_l1"], "value"),
                _estimate(r["pd"]["churn"], "value"),
                str(r["n_diverged"]),
                f"{r['seconds']:.1f}",
            ]
            for r in rows
        ],
        numeric=1,
    )


def _differences(rows: Sequence[Mapping[str, Any]], formulas: Mapping[str, str]) -> str:
    header = ["key", "definition", *(escape(r["activation"]) for r in rows)]
    return _table(
        header,
        [
            [f"<code>{key}</code>", escape(text), *(_estimate(r["pd"][key], "value") for r in rows)]
            for key, text in formulas.items()
        ],
        numeric=2,
    )


def _comparisons(comparisons: Sequence[Mapping[str, Any]]) -> str:
    if not comparisons:
        return "<p>One activation: nothing to compare.</p>"
    return _table(
        ["activation", "baseline", "metric", "verdict", "difference", "p", "p adjusted (Holm)"],
        [
            [
                escape(c["a"]),
                escape(c["b"]),
                f"<code>{escape(c['metric'])}</code>",
                escape(c["verdict"]),
                _estimate(c, "difference", signed=True),
                _number(c["p"]),
                _number(c["p_adjusted"]),
            ]
            for c in comparisons
        ],
        numeric=4,
    )


def _estimate(entry: Mapping[str, Any], key: str, *, signed: bool = False) -> str:
    value = entry[key]
    if value is None:
        return "–"
    text = f"{value:+.4f}" if signed else f"{value:.4f}"
    for name in ("ci", "ci_examples"):
        interval = entry.get(name)
        if interval is not None:
            text += f"<br><small>[{interval[0]:.4f}, {interval[1]:.4f}]</small>"
    return text


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
