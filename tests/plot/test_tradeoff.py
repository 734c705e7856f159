"""Accuracy beside prediction difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from rescu_cli.errors import UsageError
from rescu_cli.plot import figure_bytes, plot_tradeoff, plot_tradeoff_grid


def entry(
    name: str, accuracy: float | None, pd: float | None, half: float | None = 0.003
) -> dict[str, Any]:
    def around(centre: float | None) -> list[float] | None:
        return None if half is None or centre is None else [centre - half, centre + half]

    return {
        "activation": name,
        "accuracy": {"mean": accuracy, "ci": around(accuracy),
                     "per_seed": [accuracy, None if accuracy is None else accuracy + 0.004]},
        "loss": {"mean": 0.1, "ci": around(0.1), "per_seed": [0.1, 0.1]},
        "pd": {"pd_l1": {"value": pd, "ci": around(pd), "n_models": 5},
               "churn": {"value": None if pd is None else pd / 3, "ci": None, "n_models": 5}},
    }  # fmt: skip


THREE = [
    entry("relu", 0.9673, 0.0467),
    entry("smelu:beta=1", 0.9683, 0.0390),
    entry("swish:k=1", 0.9679, 0.0419),
]
CROWD = [
    *THREE,
    entry("smelu:beta=0.5", 0.9684, 0.0417),
    entry("gelu:k=1", 0.9676, 0.0425),
    entry("mish", 0.9671, 0.0409),
    entry("softplus:k=1", 0.964, 0.035),
    entry("gsmelu:alpha=0.5,beta=1,g_minus=0.01,g_plus=1", 0.9681, 0.0421),
]


def named(figure: Figure, prefix: str) -> list[Any]:
    return [li for a in figure.axes for li in a.lines if (li.get_gid() or "").startswith(prefix)]


def test_one_point_per_activation_with_both_intervals() -> None:
    figure = plot_tradeoff(THREE)
    points = [(float(p.get_xdata()[0]), float(p.get_ydata()[0])) for p in named(figure, "point-")]
    assert points == [(0.0467, 0.9673), (0.0390, 0.9683), (0.0419, 0.9679)]
    bars = [np.asarray(b.get_data(), dtype=float).tolist() for b in named(figure, "bar-0")]
    assert bars == [
        [[0.0467 - 0.003, 0.0467 + 0.003], [0.9673, 0.9673]],
        [[0.0467, 0.0467], [0.9673 - 0.003, 0.9673 + 0.003]],
    ]
    assert {t.get_text() for t in figure.axes[0].texts} == {"ReLU", "SmeLU β=1", "Swish k=1"}


def test_axes_name_the_metric_its_definition_and_the_number_of_models() -> None:
    axes = plot_tradeoff(THREE).axes[0]
    assert axes.get_ylabel() == "accuracy"
    assert axes.get_xlabel().startswith("pd_l1  (M = 5 models)\n(1/N)")
    assert axes.get_title(loc="left") == "↖ better"
    loss = plot_tradeoff(THREE, "churn", against="loss").axes[0]
    assert (loss.get_ylabel(), loss.get_title(loc="left")) == ("test loss", "↙ better")
    assert loss.get_xlabel().startswith("churn")


@pytest.mark.parametrize("entries", [THREE, CROWD])
def test_labels_do_not_overlap_and_stay_in_the_frame(entries: list[dict[str, Any]]) -> None:
    figure = plot_tradeoff(entries)
    axes = figure.axes[0]
    boxes = [t.get_window_extent() for t in axes.texts]  # of an annotation: with its leader
    texts = [super(type(t), t).get_window_extent() for t in axes.texts]
    frame = axes.get_window_extent()
    assert len(boxes) == len(entries)
    for i, a in enumerate(texts):
        assert frame.x0 - 1 <= a.x0
        assert a.x1 <= frame.x1 + 1
        assert frame.y0 - 1 <= a.y0
        assert a.y1 <= frame.y1 + 1
        assert not any(a.overlaps(b) for b in texts[i + 1 :])
        for point in named(figure, "point-"):
            at = axes.transData.transform((point.get_xdata()[0], point.get_ydata()[0]))
            assert not a.contains(*at)


def test_missing_intervals_are_drawn_without_bars() -> None:
    figure = plot_tradeoff([entry("relu", 0.9, 0.1, half=None), entry("smelu", 0.91, 0.08)])
    assert len(named(figure, "bar-0")) == 0
    assert len(named(figure, "bar-1")) == 2
    assert len(named(figure, "point-")) == 2


def test_an_activation_without_a_value_is_named_not_dropped_in_silence() -> None:
    figure = plot_tradeoff([*THREE, entry("mish", None, None)])
    assert len(named(figure, "point-")) == 3
    assert "without a value: Mish" in figure.axes[0].get_xlabel()


def test_scores_of_single_seeds_can_be_shown() -> None:
    assert not named(plot_tradeoff(THREE), "seeds-")
    (first, *_) = named(plot_tradeoff(THREE, per_seed=True), "seeds-")
    assert list(first.get_ydata()) == pytest.approx([0.9673, 0.9713])


def test_the_score_is_the_one_that_the_result_has() -> None:
    regression = [{**{k: v for k, v in e.items() if k != "accuracy"}, "r2": e["accuracy"]}
                  for e in THREE]  # fmt: skip
    assert plot_tradeoff(regression).axes[0].get_ylabel() == "R²"


def test_small_multiples_share_axes_and_a_legend() -> None:
    figure = plot_tradeoff_grid(CROWD, ("pd_l1", "churn"))
    assert len(figure.axes) == 4
    assert [a.get_ylabel() for a in figure.axes] == ["accuracy", "", "test loss", ""]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert figure.axes[0].get_xlim() == figure.axes[2].get_xlim()
    assert [t.get_text() for t in figure.legends[0].get_texts()][:2] == ["ReLU", "SmeLU β=1"]


def test_the_figure_is_deterministic() -> None:
    assert figure_bytes(plot_tradeoff(CROWD), "svg") == figure_bytes(plot_tradeoff(CROWD), "svg")


def test_unknown_metrics_and_scores_name_what_there_is() -> None:
    with pytest.raises(UsageError, match="no prediction difference 'pd_l3'; it has: pd_l1, churn"):
        plot_tradeoff(THREE, "pd_l3")
    with pytest.raises(UsageError, match="no score 'auc'; it has: accuracy, loss"):
        plot_tradeoff(THREE, against="auc")
    with pytest.raises(UsageError, match="at least two models"):
        plot_tradeoff([entry("relu", 0.9, None)])
    with pytest.raises(UsageError, match="none of the scores"):
        plot_tradeoff([])
    with pytest.raises(UsageError, match="at least one metric"):
        plot_tradeoff_grid(THREE, ())
