"""How many models are trained together: chosen by time, without a say in what they become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rescu_cli.experiment import compare, pace, plan
from rescu_cli.experiment.pace import fastest

from .samples import make_dataset, make_regression

SIZES = (2, 4, 8, 16)


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        (lambda k: 1.0 + 0.1 * k, 16),  # a large share of each call is the same for any size
        (lambda k: 0.1 * k, 2),  # nothing is shared
        (lambda k: 0.5 + 0.1 * k + 0.03 * max(0, k - 4) ** 2, 4),  # the caches overflow
        (lambda k: 1.0 * k if k < 8 else 0.94 * k, 2),  # not looked at: the step to 4 saves nothing
    ],
)
def test_the_size_is_the_last_that_saved_time_for_each_model(
    seconds: Callable[[int], float], wanted: int
) -> None:
    assert fastest(SIZES, seconds) == wanted


def test_a_single_size_is_not_timed() -> None:
    def never(size: int) -> float:
        raise AssertionError(f"size {size} was timed")

    assert fastest((64,), never) == 64


@pytest.mark.parametrize("size", SIZES[:3])
def test_the_chosen_size_is_what_is_trained_together_and_changes_no_bit(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_dataset()
    monkeypatch.setattr(plan, "SIZES", (12,))
    asked: dict[str, Any] = {"data": data, "epochs": 2, "batch_size": 16, "seeds": 6}
    wanted = compare(["relu", "smelu"], **asked, out=tmp_path / "whole")
    seen: list[int] = []

    def clock(sizes: tuple[int, ...], seconds: Callable[[int], float]) -> int:
        for one in sizes:
            assert seconds(one) > 0
            seen.append(one)
        return size

    monkeypatch.setattr(plan, "SIZES", SIZES[:3])
    monkeypatch.setattr(pace, "fastest", clock)
    epochs: list[tuple[int, int]] = []
    found = compare(
        ["relu", "smelu"], **asked, out=tmp_path / "cut",
        progress=lambda done, total: epochs.append((done, total)),
    )  # fmt: skip
    assert seen == [2, 4, 8]
    assert epochs[-1] == (2 * -(-12 // size),) * 2
    for a, b in zip(wanted.activations, found.activations, strict=True):
        assert a.pd["pd_l1"] == b.pd["pd_l1"] and a.score == b.score


def test_an_excerpt_has_each_class_and_the_first_examples() -> None:
    data = make_dataset()
    late = np.sort(data.y_train)  # the last class comes last
    ordered = replace(data, y_train=late)
    few = ordered.excerpt(4, 3)
    assert set(few.y_train) == set(late) and len(few.y_test) == 3
    assert len(ordered.excerpt(10**6, 10**6).y_train) == len(late)
    plain = make_regression()
    assert (plain.excerpt(5, 2).y_train == plain.y_train[:5]).all()
