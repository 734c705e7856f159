"""What a search may say of its best: from made reports, one for each case."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rescu_cli.api.searching import _below_floor, _of_formulas, _of_gradients

WIDE = (-0.004, 0.004)


def compared(name: str, accuracy: float, pd: float, *, shown: str = "higher",
             ci: tuple[float, float] = WIDE) -> list[Any]:  # fmt: skip
    """`name` minus the best gradient: accuracies and prediction differences."""
    half = 0.001
    return [
        SimpleNamespace(a=name, metric="accuracy", difference=accuracy, verdict="",
                        ci=(accuracy + ci[0], accuracy + ci[1])),
        SimpleNamespace(a=name, metric="pd_l1", difference=pd, verdict=shown,
                        ci=(pd - half, pd + half)),
    ]  # fmt: skip


def report(*rivals: tuple[str, float, float, list[Any]]) -> Any:
    """Of a gradient with accuracy 0.98 and PD 0.02, against rivals (name, accuracy, pd, rows)."""
    results = [SimpleNamespace(activation="best", score_name="accuracy", pd={})]
    for name, _, pd, _ in rivals:
        results.append(SimpleNamespace(activation=name, score_name="accuracy",
                                       pd={"pd_l1": SimpleNamespace(value=0.02 + pd)}))  # fmt: skip
    results[0].pd = {"pd_l1": SimpleNamespace(value=0.02)}
    comparisons = [row for *_, rows in rivals for row in rows]
    confirmation = SimpleNamespace(
        activations=results, comparisons=comparisons, spec={"baseline": "best", "seeds": range(16)}
    )
    return SimpleNamespace(confirmation=confirmation)


def rival(name: str, accuracy: float, pd: float, **options: Any) -> Any:
    return name, accuracy, pd, compared(name, accuracy, pd, **options)


RELU = rival("relu", 0.0, 0.01)


def test_it_beats_what_has_more_difference_at_equal_accuracy() -> None:
    relu, smelu = _of_gradients(report(RELU, rival("smelu:beta=1", 0.0, 0.005)))
    assert "beats ReLU at equal accuracy (Holm, 5 %)" in relu
    assert "beats the best SmeLU (smelu:beta=1)" in smelu
    assert "pd_l1 differs by -0.0050, 95 % interval [-0.0060, -0.0040]" in smelu


@pytest.mark.parametrize(
    ("pd", "options"),
    [
        (-0.005, {"shown": "lower"}),
        (0.005, {"shown": "no difference shown"}),  # its own interval excludes 0, Holm does not
        (0.005, {"ci": (-0.02, 0.02)}),  # the accuracy may be lower by more than the margin
        (0.005, {"ci": (0.0, 0.0)}),  # scores that are all alike
    ],
)
def test_it_does_not_beat_where_that_is_not_shown(pd: float, options: dict[str, Any]) -> None:
    said = _of_gradients(report(RELU, rival("smelu:beta=1", 0.0, pd, **options)))[1]
    assert "is not shown to beat the best SmeLU" in said


def test_the_rival_is_the_smelu_with_least_difference_that_is_as_accurate() -> None:
    several = (
        rival("smelu:beta=1", 0.001, 0.009),
        rival("smelu:beta=4", -0.005, 0.003),  # within the margin: this one
        rival("smelu:beta=8", -0.02, -0.01),  # less accurate by more than the margin
    )
    assert "(smelu:beta=4)" in _of_gradients(report(RELU, *several))[1]


def test_without_a_smelu_that_is_as_accurate_none_is_beaten() -> None:
    said = _of_gradients(report(RELU, rival("smelu:beta=8", -0.02, 0.05)))
    assert said[1].startswith("No SmeLU of those tried comes within 0.01")


def test_winners_below_the_floor_are_told() -> None:
    def winner(score: float | None) -> Any:
        return SimpleNamespace(outcome=SimpleNamespace(score=score, epochs=27))

    def made(objective: str, *scores: float | None) -> Any:
        return SimpleNamespace(
            request=SimpleNamespace(objective=objective),
            winners=[winner(score) for score in scores],
            found=SimpleNamespace(floor={27: 0.9, 3: 0.99}),
        )

    assert not _below_floor(made("accuracy", 0.1))
    assert not _below_floor(made("pd-at-accuracy", 0.95, 0.9))
    (said,) = _below_floor(made("pd-at-accuracy", 0.95, 0.89, None))
    assert said.startswith("2 of the 3 that are confirmed")


def test_of_formulas_it_says_what_is_better_and_what_is_worse() -> None:
    """Ten winners with more prediction difference than ReLU are no finding to keep to oneself."""
    verdicts = {
        "a": ("higher", "higher"), "b": ("no difference shown", "higher"),
        "swish:k=1": ("lower", "lower"),  # a null row is none of the best
    }  # fmt: skip
    comparisons = [
        SimpleNamespace(a=name, metric=metric, verdict=verdict)
        for name, both in verdicts.items()
        for metric, verdict in zip(("accuracy", "pd_l1"), both, strict=True)
    ]
    confirmation = SimpleNamespace(
        activations=[SimpleNamespace(score_name="accuracy")], comparisons=comparisons,
        spec={"baseline": "relu", "seeds": range(12)},
    )  # fmt: skip
    winners = [SimpleNamespace(subject=SimpleNamespace(spec=name)) for name in ("a", "b")]
    assert _of_formulas(SimpleNamespace(confirmation=confirmation, winners=winners)) == [  # type: ignore[arg-type]
        "With 12 other seeds, 1 of the best has a higher accuracy than relu (Holm, 5 %): a.",
        "With 12 other seeds, no lower pd_l1 than relu was shown for any (Holm, 5 %).",
        "With 12 other seeds, 2 of the best have a higher pd_l1 than relu (Holm, 5 %): a, b.",
    ]
