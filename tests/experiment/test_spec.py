"""The experiment's description: what it refuses, what its cells depend on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescu_cli.errors import UnknownNameError, UnsupportedError, UsageError
from rescu_cli.experiment.plan import MAX_MODELS, plan
from rescu_cli.experiment.spec import (
    ActivationKey,
    ExperimentSpec,
    hidden_sizes,
    refuse_unavailable,
)

from .samples import make_dataset

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
        ({"data": "digit"}, "Did you mean 'digits'"),
        ({"data": "mnist1d"}, "Known: breast_cancer, digits"),
        ({"model": "cnn"}, r"No model named 'cnn'.*mlp"),
        ({"norm": "batch"}, "not available yet; available: none, layer"),
        ({"norm": "group"}, "normalisation"),
        ({"init": "he"}, "initialisation named 'he'"),
        ({"vary": ()}, "all models would be equal"),
        ({"vary": ("init", "init")}, "each once"),
        ({"vary": ("split",)}, "not available yet; available: init, order"),
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


def test_width_and_depth() -> None:
    assert hidden_sizes(None, None) == (128, 64)
    assert hidden_sizes(32, None) == (32, 32)
    assert hidden_sizes(None, 3) == (128, 128, 128)
    with pytest.raises(UsageError, match="Depth 0"):
        hidden_sizes(8, 0)


def test_later_options_say_what_there_is() -> None:
    refuse_unavailable(tune=None, match=None)
    with pytest.raises(UnsupportedError, match="'--lr'"):
        refuse_unavailable(tune="lr=1e-3,3e-3")
    with pytest.raises(UnsupportedError, match="matched loss"):
        refuse_unavailable(match="loss")


def test_unknown_names_are_of_their_own_kind() -> None:
    with pytest.raises(UnknownNameError):
        make(data="nothing")


@given(st.integers(1, 300), st.integers(1, 9))
def test_batches_cover_each_missing_cell_once(n_seeds: int, min_batches: int) -> None:
    spec = make(seeds=tuple(range(n_seeds)))
    batches = plan(spec.expand(), spec, make_dataset(), min_batches)
    ids = [cell.id for batch in batches for cell in batch]
    assert sorted(ids) == sorted(cell.id for cell in spec.expand())
    assert all(1 <= len(batch) <= MAX_MODELS for batch in batches)
    assert len(batches) >= min(min_batches, 2 * n_seeds)
    # Early batches hold all activations of the early seeds, so that they can be compared.
    assert [c.seed for b in batches for c in b] == sorted(c.seed for b in batches for c in b)


def test_huge_models_are_trained_few_at_a_time() -> None:
    spec = make(hidden=(8192, 8192))
    assert [len(batch) for batch in plan(spec.expand(), spec, make_dataset())] == [1] * 6
