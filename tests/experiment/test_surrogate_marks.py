"""An activation trained with another gradient than its own is marked wherever it is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rescu_cli as rescu
from rescu_cli.core.surrogate import LABEL, MARK
from rescu_cli.plot.labels import SURROGATE
from rescu_cli.plot.tradeoff import plot_tradeoff
from rescu_cli.plot.training import plot_training

MARKED, PLAIN = f"helu:alpha=0.05 {MARK}", f"relu {MARK}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("marks")
    return rescu.compare(["relu", "helu"], seeds=3, epochs=1, out=folder / "run")


def test_the_result_says_it_of_the_one_and_not_of_the_other(run: Any) -> None:
    relu, helu = run.to_dict()["activations"]
    assert relu["surrogate"] is None
    assert helu["surrogate"].startswith(LABEL)
    assert [a for a in run.advice if a.startswith(MARKED)]
    assert not [a for a in run.advice if a.startswith(PLAIN)]


def test_figures_bear_the_mark(run: Any) -> None:
    rows = run.to_dict()["activations"]
    for draw in (plot_tradeoff, plot_training):
        figure = draw(rows)
        texts = [t.get_text() for a in figure.axes for t in a.texts]
        texts += [t.get_text() for legend in figure.legends for t in legend.get_texts()]
        marked = [" ".join(t.split()) for t in texts if "HeLU" in t]
        assert marked and all(SURROGATE in t for t in marked)
        assert not [t for t in texts if t.startswith("ReLU") and "backward" in t]


def test_the_page_and_the_terminal_bear_it(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from rescu_cli.cli.report import print_report

    page = (Path(run.run_dir) / "report.html").read_text(encoding="utf-8")
    assert MARK in page and PLAIN not in page
    print_report(run.to_dict())
    shown = capsys.readouterr().out
    assert MARKED in shown and PLAIN not in shown
