"""The experiment's description: what it refuses, what its cells depend on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment.models import load_plan
from rescu_cli.experiment.plan import SIZES, batch_sizes, plan
from rescu_cli.experiment.spec import (
    ActivationKey,
    ExperimentSpec,
    hidden_sizes,
)

from .samples import make_dataset, make_images

RELU = ActivationKey("relu", "relu", "a" * 64, 1.4142)
SMELU = ActivationKey("smelu:beta=1", "smelu-beta-1", "b" * 64, 1.3803)


def make(**changes: Any) -> ExperimentSpec:
    given = {
        "activations": (RELU, SMELU),
        "data": "digits",
        "data_digest": "c" * 64,
        "baseline": "relu",
        "seeds": (0, 1, 2),
        **changes,
    }
    return ExperimentSpec(**given)


def test_round_trip_through_json() -> None:
    spec = make(hidden=(5,), vary=("order",), lr=3e-4, seeds=(7, 3))
    assert ExperimentSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize("data", [{}, {**make().to_dict(), "extra": 1}])
def test_from_dict_refuses_missing_and_unknown_fields(data: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"missing|unknown"):
        ExperimentSpec.from_dict(data)


def test_from_dict_refuses_a_field_of_another_kind() -> None:
    with pytest.raises(UsageError, match="Not an experiment"):
        ExperimentSpec.from_dict({**make().to_dict(), "seeds": 3})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activations": ()}, "No activation"),
        ({"activations": (RELU, replace(SMELU, digest="a" * 64))}, "same function"),
        ({"activations": (RELU, replace(SMELU, slug="relu"))}, "share the file name"),
        ({"baseline": "swish"}, "'swish' is not among the activations compared: relu, smelu"),
        ({"model": "cn"}, r"No model named 'cn'.*cnn"),
        ({"score": "f1"}, "score named 'f1'"),
        ({"optimizer": "sgd"}, "optimizer named 'sgd'"),
        ({"dropout": 1.0}, "Dropout 1.0"),
        ({"dropout": float("nan")}, "Dropout nan"),
        ({"vary": ("dropout",)}, "Dropout cannot vary where there is none"),
        ({"stop_at": 0.5}, "needs a validation part"),
        ({"stop_at": float("inf"), "validation": True}, "must be finite"),
        ({"activations": (replace(RELU, lr=-1.0), SMELU)}, "Learning rate -1.0"),
        ({"norm": "group"}, "normalisation"),
        ({"init": "he"}, "initialisation named 'he'"),
        ({"vary": ("init", "init")}, "once at most"),
        ({"vary": ("data",)}, "No source of variation named 'data'"),
        ({"epochs": 0}, "Epochs 0"),
        ({"epochs": 2.5}, "whole number"),
        ({"epochs": True}, "whole number"),
        ({"batch_size": -1}, "Batch size -1"),
        ({"hidden": ()}, "0 hidden layers"),
        ({"hidden": (8, 0)}, "Hidden width 0"),
        ({"lr": 0.0}, "Learning rate 0.0"),
        ({"lr": float("nan")}, "Learning rate nan"),
        ({"lr": float("inf")}, "Learning rate inf"),
        ({"lr": "fast"}, "Learning rate 'fast'"),
        ({"seeds": ()}, "at least one"),
        ({"seeds": (1, 1)}, "different"),
        ({"seeds": (-1,)}, "Seed -1"),
        ({"seeds": (2**63,)}, "Seed"),
        ({"seeds": tuple(range(60_000))}, "more than 100000 models"),
        ({"dtype": "float16"}, "dtype named 'float16'"),
        ({"device": "tpu"}, "device named 'tpu'"),
    ],
    ids=str,
)
def test_what_is_not_possible_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make(**change)


@pytest.mark.parametrize("gain", [0.0, -1.0, float("nan"), float("inf")])
def test_a_gain_that_cannot_be_used_is_refused(gain: float) -> None:
    with pytest.raises(UsageError, match="gain"):
        replace(RELU, init_gain=gain)


@pytest.mark.parametrize("slug", ["", "a/b", "a\\b", "..", ".hidden"])
def test_a_slug_that_is_no_file_name_is_refused(slug: str) -> None:
    with pytest.raises(UsageError, match="file name"):
        replace(RELU, slug=slug)


def test_cells_come_activation_by_activation() -> None:
    cells = make().expand()
    assert [(c.activation, c.seed) for c in cells] == [
        (name, seed) for name in ("relu", "smelu:beta=1") for seed in (0, 1, 2)
    ]
    assert len({c.id for c in cells}) == 6


CHANGES: list[dict[str, Any]] = [
    {"data_digest": "d" * 64},
    {"data": "breast_cancer"},
    {"hidden": (64, 128)},
    {"norm": "layer"},
    {"dropout": 0.1},
    {"optimizer": "adagrad"},
    {"validation": True},
    {"validation": True, "stop_at": 0.25},
    {"vary": ()},
    {"init": "default"},
    {"vary": ("init",)},
    {"epochs": 31},
    {"lr": 0.0010000001},
    {"batch_size": 65},
    {"dtype": "float64"},
    {"device": "cuda"},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_cells_id_depends_on_everything_that_determines_it(change: dict[str, Any]) -> None:
    before = {cell.id for cell in make().expand()}
    assert before.isdisjoint(cell.id for cell in make(**change).expand())
    assert make(**change).digest != make().digest


def test_a_cells_id_holds_the_seed_and_the_mathematics() -> None:
    one = make().expand()[0]
    assert make(seeds=(5,)).expand()[0].id != one.id
    other = make(activations=(replace(RELU, digest="e" * 64),)).expand()[0]
    assert other.id != one.id


def test_a_cells_id_does_not_depend_on_its_company_or_the_analysis() -> None:
    one = make().expand()[4]
    alone = make(activations=(SMELU,), seeds=(1,), baseline="smelu:beta=1").expand()
    assert alone[0].id == one.id
    assert make(baseline="smelu:beta=1").digest == make().digest


def test_version_of_the_recipe_is_part_of_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    before = make().expand()[0].id
    monkeypatch.setattr("rescu_cli.experiment.spec.RECIPE", 999)
    assert make().expand()[0].id != before


def test_a_tuned_rate_is_part_of_the_id() -> None:
    tuned = make(activations=(replace(RELU, lr=3e-3), SMELU))
    assert tuned.lr_of("relu") == 3e-3 and tuned.lr_of("smelu:beta=1") == tuned.lr
    before = make().expand()
    ids = [cell.id for cell in tuned.expand()]
    assert ids[0] != before[0].id and ids[3] == before[3].id
    # The same rate, tuned or asked for, is the same training.
    assert ids[0] == make(lr=3e-3).expand()[0].id


def test_batches_have_one_learning_rate() -> None:
    spec = make(activations=(replace(RELU, lr=3e-3), SMELU))
    batches = plan(spec.expand(), spec, SIZES[0])
    assert sorted(len(b) for b in batches) == [3, 3]
    assert all(len({spec.lr_of(c.activation) for c in batch}) == 1 for batch in batches)


def test_width_and_depth() -> None:
    assert hidden_sizes(None, None) is None
    assert hidden_sizes(32, None) == (32, 32)
    assert hidden_sizes(None, 3) == (128, 128, 128)
    assert hidden_sizes(None, 3, "cnn") == (16, 16, 16)
    with pytest.raises(UsageError, match="Depth 0"):
        hidden_sizes(8, 0)


def test_unknown_names_are_of_their_own_kind() -> None:
    with pytest.raises(UnknownNameError):
        make(model="nothing")


@given(st.integers(1, 300), st.integers(1, 9))
def test_batches_cover_each_missing_cell_once(n_seeds: int, min_batches: int) -> None:
    spec = make(seeds=tuple(range(n_seeds)))
    batches = plan(spec.expand(), spec, SIZES[0], min_batches)
    ids = [cell.id for batch in batches for cell in batch]
    assert sorted(ids) == sorted(cell.id for cell in spec.expand())
    assert all(1 <= len(batch) <= SIZES[0] for batch in batches)
    assert len(batches) >= min(min_batches, 2 * n_seeds)
    # Early batches hold all activations of the early seeds, so that they can be compared.
    assert [c.seed for b in batches for c in b] == sorted(c.seed for b in batches for c in b)


def test_huge_models_are_trained_few_at_a_time() -> None:
    spec = make(hidden=(8192, 8192))
    assert batch_sizes(spec.expand(), spec, make_dataset()) == (1,)
    assert [len(batch) for batch in plan(spec.expand(), spec, 1)] == [1] * 6


def test_large_batches_are_tried_only_where_models_fill_them_on_every_worker() -> None:
    spec = make(hidden=(8,), seeds=tuple(range(100)))  # 200 cells
    assert batch_sizes(spec.expand(), spec, make_dataset()) == (64, 128)
    assert batch_sizes(spec.expand(), spec, make_dataset(), at_once=2) == (64,)
    tuned = replace(spec, activations=(replace(RELU, lr=3e-3), SMELU))
    assert batch_sizes(tuned.expand(), tuned, make_dataset()) == (64,)


def test_what_flows_through_a_convolution_counts_too() -> None:
    """A small kernel at many places has few parameters and computes many numbers."""
    images = make_images((1, 64, 64))
    spec = make(model="cnn", hidden=(64,), seeds=tuple(range(100)))
    found = load_plan("cnn", images, (64,))
    assert found.n_computed == 32 * 32 * (9 + 64 + 64)
    assert batch_sizes(spec.expand(), spec, images) == (2**26 // (256 * found.n_computed),)
