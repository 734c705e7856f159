"""The language model through the experiment store: text as data, and one more kind of model."""

from __future__ import annotations

from math import exp, log
from pathlib import Path

import numpy as np
import pytest

import rescu_cli as rescu
from rescu_cli.catalogue import resolve
from rescu_cli.errors import StoreError, UsageError
from rescu_cli.experiment.data import load_dataset
from rescu_cli.experiment.data.grammar import RULES, entropy_rate, generate
from rescu_cli.experiment.models import load_plan
from rescu_cli.experiment.train import Member, Recipe, train
from rescu_cli.export import torch_functions
from rescu_cli.sequence.language import LanguageModel

SMALL = "grammar:n=5000,window=8"


def _recipe(**more: object) -> Recipe:
    options = {
        "model": "retnet", "hidden": (8,), "norm": "none", "vary": ("init", "order"), "epochs": 1,
        "lr": 3e-3, "batch_size": 64, "dtype": "float32", "device": "cpu",
    }  # fmt: skip
    return Recipe(**{**options, **more})  # type: ignore[arg-type]


def _codes(*names: str) -> list[object]:
    return [torch_functions(resolve(name).with_defaults()) for name in names]


def test_entropy_of_a_fair_coin_and_of_a_recursion_are_those_of_paper() -> None:
    assert entropy_rate({"s": [(0.5, "a"), (0.5, "b")]}, "s") == pytest.approx(log(2))
    # geometric: H = ln 2/(1 − ½)… over E[length] = 2
    assert entropy_rate({"s": [(0.5, "a"), (0.5, "b<s>")]}, "s") == pytest.approx(log(2))


def test_entropy_rate_is_what_the_text_shows() -> None:
    """−ln p of whole sentences, counted in a long text, over their characters."""
    text = generate(RULES, "sentence", 400_000, 1)
    sentences = text.split(". ")[:-1]
    counts: dict[str, int] = {}
    for one in sentences:
        counts[one] = counts.get(one, 0) + 1
    rules = {
        "the cat sleeps": 0.5 * 0.75 * 0.5 * 0.5,
        "the owls that the dog sees dream": 0.5 * 0.25 * 0.125 * 0.5 * 0.75 * 0.25 * 0.5 * 0.25,
    }
    for sentence, p in rules.items():
        share = counts.get(sentence, 0) / len(sentences)
        assert share == pytest.approx(p, abs=4 * (p / len(sentences)) ** 0.5)


def test_entropy_rate_is_the_limit_of_derivations_of_bounded_depth() -> None:
    """The same two numbers without a linear system: level by level."""
    h, n = dict.fromkeys(RULES, 0.0), dict.fromkeys(RULES, 0.0)
    for _ in range(200):
        new_h, new_n = {}, {}
        for name, expansions in RULES.items():
            new_h[name] = new_n[name] = 0.0
            for p, text in expansions:
                parts = text.replace("<", ">").split(">")  # characters and symbols in turn
                new_h[name] += p * (sum(h[s] for s in parts[1::2]) - log(p))
                new_n[name] += p * (sum(n[s] for s in parts[1::2]) + sum(map(len, parts[::2])))
        h, n = new_h, new_n
    assert entropy_rate(RULES, "sentence") == pytest.approx(h["sentence"] / n["sentence"])


def test_text_is_a_function_of_its_seed_and_longer_ones_continue_it() -> None:
    assert generate(RULES, "sentence", 500, 4) == generate(RULES, "sentence", 900, 4)[:500]
    assert generate(RULES, "sentence", 500, 4) != generate(RULES, "sentence", 500, 5)


def test_windows_are_the_text_and_share_no_character() -> None:
    text = generate(RULES, "sentence", 5000, 0)
    found = load_dataset(SMALL)
    alphabet = sorted(set(text[: 5000 // 9 * 9]))
    rows = np.column_stack([found.x_train, found.y_train]).astype(int)
    assert "".join(alphabet[i] for i in rows.ravel()) == text[: rows.size]
    assert found.cardinalities == (len(alphabet),) * 8
    assert found.example_ids[0] == len(found.x_train)


def test_a_users_text_becomes_windows_with_the_alphabet_of_its_training_part(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a,b:c.txt"
    text = "abcde" * 120 + "X" + "abcde" * 100
    path.write_text(text, encoding="utf-8")
    found = load_dataset(f"text:{path},window=3")
    assert found.n_classes == 6 and found.x_train.shape[1] == 3 and not found.caveats
    assert load_dataset(f"text:{path}").x_train.shape[1] == 32


def test_what_the_training_part_does_not_know_is_left_out_or_replaced_and_told(
    tmp_path: Path,
) -> None:
    """No perplexity is of characters that nobody could predict, nor of what replaced them."""
    path = tmp_path / "x.txt"
    windows = ["abbc", "cabb", "bcab"] * 30
    windows[80], windows[85], windows[86] = "abbZ", "aZbc", "abcY"  # the last fifth: from 72 on
    path.write_text("".join(windows), encoding="utf-8")
    found = load_dataset(f"text:{path},window=3")
    assert found.n_classes == 3 and len(found.y_test) == 16
    assert not {80, 86} & set(found.example_ids.tolist()) and 85 in found.example_ids
    row = found.x_test[found.example_ids.tolist().index(85)]
    assert row.tolist() == [0, 1, 1]  # Z is b, the most common
    assert found.caveats[0].startswith("2 of 18 test windows are left out")
    assert found.caveats[1].startswith("2.1 % of the characters before")
    report = rescu.compare(["relu"], model="retnet", data=f"text:{path},window=3", seeds=2, epochs=1,
                           hidden=(8,), out=tmp_path / "run")  # fmt: skip
    assert [said for said in report.advice if said in found.caveats] == list(found.caveats)


def test_a_small_text_of_the_grammar_is_enough() -> None:
    for seed in range(4):
        assert len(load_dataset(f"grammar:n=2000,seed={seed}").y_test) > 5


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "no text"), (b"  \n", "no text"), (b"short", "longer text"), (b"\xff\xfe", "UTF-8"),
     (b"a" * 5000, "one character only"), (b"ab" * 2000 + b"c" * 1000, "no test window ends in")],
)  # fmt: skip
def test_empty_and_unreadable_corpora_are_refused(
    content: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        load_dataset(f"text:{path}")


def test_a_missing_file_and_wrong_parameters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Cannot read"):
        load_dataset(f"text:{tmp_path / 'no.txt'}")
    with pytest.raises(UsageError, match="text:FILE"):
        load_dataset("text:")
    with pytest.raises(UsageError, match="window"):
        load_dataset("grammar:window=1")
    with pytest.raises(UsageError, match="longer text"):
        load_dataset("grammar:n=2000,window=900")


def test_a_model_is_the_same_in_any_company() -> None:
    dataset = load_dataset(SMALL)
    codes = _codes("swish", "relu")
    alone = train(codes, [Member(1, 1.5, 4)], dataset, _recipe())  # type: ignore[arg-type]
    company = [Member(0, 1.0, 4), Member(1, 1.5, 4), Member(1, 1.5, 5)]
    ticks: list[int] = []
    together = train(codes, company, dataset, _recipe(), ticks.append)  # type: ignore[arg-type]
    np.testing.assert_array_equal(alone[0].predictions, together[1].predictions)
    assert alone[0].curve == together[1].curve
    assert not np.array_equal(together[0].predictions, together[1].predictions)
    assert not np.array_equal(together[1].predictions, together[2].predictions)
    assert ticks[-1] == 1


def test_the_plan_counts_the_parameters_of_the_model() -> None:
    plan = load_plan("retnet", load_dataset(SMALL), (16, 16))
    model = LanguageModel(plan.n_outputs, lambda x: x, width=16, n_layers=2, n_heads=4)
    norms = 2 * 16 * (2 * 2 + 1)
    assert plan.n_parameters == sum(p.numel() for p in model.parameters()) - norms
    assert plan.n_computed > 0


def test_nothing_varies_where_nothing_is_to_and_the_gain_matters() -> None:
    dataset, codes = load_dataset(SMALL), _codes("swish")
    members = [Member(0, 1.0, 0), Member(0, 1.0, 1), Member(0, 3.0, 1), Member(0, None, 1)]
    found = train(codes, members, dataset, _recipe(vary=()))  # type: ignore[arg-type]
    np.testing.assert_array_equal(found[0].predictions, found[1].predictions)
    assert len({model.loss for model in found}) == 3


def test_without_a_gate_no_activation_takes_part() -> None:
    dataset = load_dataset(SMALL)
    found = train(
        _codes("swish", "relu"), [Member(0, 1.0, 0), Member(1, 2.0, 0)], dataset,  # type: ignore[arg-type]
        _recipe(model="retnet_ungated"),
    )  # fmt: skip
    np.testing.assert_array_equal(found[0].predictions, found[1].predictions)


def test_a_surrogate_gradient_is_the_one_that_is_trained_with() -> None:
    """relu and HeLU have the same values; only the backward pass tells them apart."""
    dataset = load_dataset(SMALL)
    members = [Member(0, 1.4, 0), Member(1, 1.4, 0)]
    found = train(_codes("relu", "helu:alpha=0.5"), members, dataset, _recipe())  # type: ignore[arg-type]
    assert found[0].loss != found[1].loss


def test_divergence_is_reported() -> None:
    dataset = load_dataset(SMALL)
    (found,) = train(_codes("swish"), [Member(0, 1.0, 0)], dataset, _recipe(lr=1e30))  # type: ignore[arg-type]
    assert found.diverged


def test_matched_loss_stops_where_it_is_reached() -> None:
    dataset = load_dataset(SMALL)
    held = dataset.validation(0.2)
    recipe = _recipe(epochs=3, stop_at=2.9)
    (found,) = train(_codes("swish"), [Member(0, 1.0, 0)], dataset, recipe, None, held)  # type: ignore[arg-type]
    assert len(found.validation) == 3
    first = next((i for i, v in enumerate(found.validation) if v <= 2.9), 2)
    assert found.epoch == first + 1


@pytest.mark.parametrize("more", [{"norm": "batch"}, {"dropout": 0.5}])
def test_norms_and_dropout_are_refused(more: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="layer norms of its own"):
        train(_codes("swish"), [Member(0, 1.0, 0)], load_dataset(SMALL), _recipe(**more))  # type: ignore[arg-type]


def test_data_that_are_no_text_and_widths_that_do_not_divide_are_refused() -> None:
    with pytest.raises(UsageError, match="windows of text"):
        rescu.compare(["swish"], model="retnet", data="digits")
    with pytest.raises(UsageError, match="multiple of 8"):
        rescu.compare(["swish"], model="retnet", data=SMALL, hidden=[12])
    with pytest.raises(UsageError, match="one width"):
        rescu.compare(["swish"], model="retnet", data=SMALL, hidden=[8, 16])
    with pytest.raises(UsageError, match="no landscape"):
        rescu.landscape(["swish"], model="retnet", data=SMALL)


def test_gates_are_compared_through_the_store_and_resumed(tmp_path: Path) -> None:
    options = {"data": SMALL, "seeds": 3, "epochs": 1, "hidden": [8], "out": tmp_path}
    found = rescu.compare_gates(["swish", "relu", "none"], **options)  # type: ignore[arg-type]
    assert [row["activation"] for row in found["gates"]] == ["swish:k=1", "relu", "none"]
    assert found["floor"] == pytest.approx(exp(entropy_rate(RULES, "sentence")))
    for row in found["gates"]:
        low, high = row["perplexity"]["ci"]
        assert found["floor"] < low < row["perplexity"]["mean"] < high
        assert row["pd_l1"]["value"] > 0 and row["pd_l1"]["ci"] is not None
    assert found["gates"][0]["ratio"] is None and found["gates"][0]["pd_l1_difference"] is None
    for row in found["gates"][1:]:
        difference = row["pd_l1"]["value"] - found["gates"][0]["pd_l1"]["value"]
        assert row["pd_l1_difference"]["value"] == pytest.approx(difference)
    logs = np.log(np.array([row["perplexity"]["per_seed"] for row in found["gates"]]))
    assert found["gates"][2]["ratio"]["mean"] == pytest.approx(exp(np.mean(logs[2] - logs[0])))
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("cells/*.json")}
    assert len(before) == 9
    again = rescu.compare_gates(["swish", "relu", "none"], **options)  # type: ignore[arg-type]
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("cells/*.json")} == before
    assert again["gates"] == found["gates"]
    assert (tmp_path / "report.html").is_file() and (tmp_path / "ungated" / "result.json").is_file()


def test_one_seed_has_no_interval_and_no_gate_alone_is_possible(tmp_path: Path) -> None:
    found = rescu.compare_gates(
        ["none"], data=SMALL, seeds=1, epochs=1, hidden=[8], out=tmp_path
    )  # fmt: skip
    assert found["gates"][0]["perplexity"]["ci"] is None
    assert found["gates"][0]["pd_l1"]["value"] is None


@pytest.mark.parametrize("gates", [[], ["swish", "swish"]])
def test_gates_must_be_some_and_different(gates: list[str]) -> None:
    with pytest.raises(UsageError, match="none twice"):
        rescu.compare_gates(gates)
