"""The report page: self-contained, well formed, and deaf to markup in names."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from rescu_cli.experiment.page import render_page


class Checker(HTMLParser):
    """Collects tags, text and whatever would be fetched."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.fetched: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.fetched += [v or "" for k, v in attrs if k in ("src", "href") and v]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def result(name: str = "smelu:beta=1") -> dict[str, Any]:
    score = {"mean": 0.97, "ci": [0.96, 0.98], "ci_examples": [0.95, 0.99], "per_seed": [0.97]}
    pd = {"value": None, "ci": None, "ci_examples": None, "n_models": 1}
    row = {"activation": name, "accuracy": score, "loss": score, "n_diverged": 0, "seconds": 1.0,
           "pd": {"pd_l1": pd, "churn": pd}}  # fmt: skip
    return {
        "spec": {"data": "digits", "model": "mlp", "seeds": [0]},
        "n_models": 1,
        "activations": [row],
        "comparisons": [],
        "advice": ["a < b & c"],
        "formulas": {"pd_l1": "Σ|P − P̄|", "churn": "1[i<j]"},
    }


def test_the_page_is_well_formed_and_fetches_nothing() -> None:
    checker = Checker()
    checker.feed(render_page(result(), "1.0", ['<?xml version="1.0"?><svg><g></g></svg>']))
    assert checker.open == []
    assert checker.fetched == []
    assert "script" not in checker.seen
    assert checker.seen.count("table") >= 3
    assert "0.9700" in checker.text
    assert "a < b & c" in checker.text
    assert "–" in checker.text  # one model has no prediction difference


def test_names_cannot_become_markup() -> None:
    page = render_page(result("<script>alert(1)</script>"), "1.0")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
