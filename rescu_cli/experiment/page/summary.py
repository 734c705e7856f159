"""The result in words: what was shown, what was not, and what more seeds would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rescu_cli.experiment.page.tables import written, written_interval, written_p

SCORES = {"accuracy": "accuracy", "auc": "AUC", "r2": "R²"}
"""Keys of the scores that a result can have, and how they are written."""
HEADLINE = "pd_l1"
NOTHING = "no difference shown"
NBSP = "\N{NO-BREAK SPACE}"


def score_key(row: Mapping[str, Any]) -> str:
    """Which score the result has.

    Raises:
        KeyError: If it has none.
    """
    for key in SCORES:
        if key in row:
            return key
    raise KeyError(f"none of {', '.join(SCORES)}")


def summary(result: Mapping[str, Any]) -> str:
    """The verdicts on prediction difference and score, then advice."""
    score = score_key(result["activations"][0])
    found = [c for c in result["comparisons"] if c["metric"] in (HEADLINE, score)]
    advice = [*result["advice"], *_more_seeds(found, len(result["spec"]["seeds"]))]
    limits = f"<h3>What these figures can and cannot say</h3>{_list(advice)}" if advice else ""
    return (
        f'<section class="summary"><h2>In short</h2><p class="lead">{_lead(found, score)}</p>'
        f"{_verdicts(found)}{limits}</section>"
    )


def _name(metric: str) -> str:
    """How a metric is spoken of."""
    return "prediction difference" if metric == HEADLINE else SCORES.get(metric, metric)


def _lead(comparisons: Sequence[Mapping[str, Any]], score: str) -> str:
    if not comparisons:
        return "One activation: nothing to compare."
    base = escape(str(comparisons[0]["b"]))
    sentences = []
    for metric in (HEADLINE, score):
        family = [c for c in comparisons if c["metric"] == metric]
        for verdict in ("lower", "higher"):
            names = [escape(str(c["a"])) for c in family if c["verdict"] == verdict]
            if names:
                has = "has" if len(names) == 1 else "have"
                sentences.append(f"{_joined(names)} {has} a {verdict} {_name(metric)} than {base}.")
    if not sentences:
        return f"No difference from {base} was shown, in {_name(HEADLINE)} or {_name(score)}."
    silent = [m for m in (HEADLINE, score)
              if all(c["verdict"] == NOTHING for c in comparisons if c["metric"] == m)]  # fmt: skip
    return " ".join(
        [*sentences, *(f"No difference in {_name(m)} from {base} was shown." for m in silent)]
    )


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _verdicts(comparisons: Sequence[Mapping[str, Any]]) -> str:
    if not comparisons:
        return ""
    items = []
    for name in dict.fromkeys(c["a"] for c in comparisons):
        sentences = [_sentence(c) for c in comparisons if c["a"] == name]
        # The prediction difference first: it is what the experiment is about.
        sentences.reverse()
        items.append(f"<li><strong>{escape(str(name))}</strong>: {'; '.join(sentences)}.</li>")
    base = escape(str(comparisons[0]["b"]))
    return (
        f"<p>Against {base}: differences of prediction difference (<code>{HEADLINE}</code>) and "
        f"score, 95{NBSP}% intervals over seeds, p adjusted for the number of activations "
        f"(Holm).</p><ul>{''.join(items)}</ul>"
    )


def _sentence(comparison: Mapping[str, Any]) -> str:
    metric, verdict = _name(str(comparison["metric"])), str(comparison["verdict"])
    said = f"no difference in {metric} shown" if verdict == NOTHING else f"{verdict} {metric}"
    figures = []
    if comparison["difference"] is not None:
        figures.append(written(comparison["difference"], signed=True))
        if comparison["ci"] is not None:
            figures[-1] += f" {written_interval(comparison['ci'])}"
    p = comparison["p_adjusted"]
    if p is None:
        figures.append("no test possible")
    else:
        text = written_p(p)
        relation = text if text.startswith("<") else f"= {text}"
        figures.append(f"p{NBSP}{relation.replace(' ', NBSP)}")
    equal = equivalence(comparison)
    return escape(", ".join([said, *figures, *([equal] if equal else [])]))


def equivalence(comparison: Mapping[str, Any]) -> str:
    """The outcome of the test that the scores are equal; nothing if it was not asked."""
    found = comparison.get("equivalence")
    if found is None:
        return ""
    shown = "" if found["equivalent"] else " not shown"
    return f"equivalence within ±{found['margin']:g}{shown}"


def _more_seeds(comparisons: Sequence[Mapping[str, Any]], n_seeds: int) -> list[str]:
    open_ = [c for c in comparisons if c["verdict"] == NOTHING]
    if not open_:
        return []
    texts = ["'No difference shown' does not mean equal: a difference inside the interval may be "
             "there."]  # fmt: skip
    if n_seeds >= 3:
        texts.append(
            "Intervals shrink with the square root of the number of seeds: "
            f"'--seeds {4 * n_seeds}' would make them about half as wide."
        )
    return texts


def _list(sentences: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(s)}</li>" for s in sentences) + "</ul>"
