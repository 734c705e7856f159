"""The whole search, small: what is chosen, on what, and that it repeats and goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rescu_cli as rescu
from rescu_cli.cli.app import main
from rescu_cli.errors import StoreError, UsageError
from rescu_cli.search.formula import Formula

pytestmark = pytest.mark.xdist_group("search")  # one worker builds the space, once

SMALL: dict[str, Any] = {
    "epochs": (1, 1, 2), "seeds": 2, "confirm": 2, "top": 2, "hidden": (8,),
    "data": "breast_cancer", "prove": False, "lr": 3e-3,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("search")
    return rescu.search_activations(budget="16", out=folder / "run", **{**SMALL, "prove": True})


def test_the_result_counts_the_space_and_ranks_the_null_rows(run: Any) -> None:
    assert run["n_triples"] == 6250 and 3000 < run["n_distinct"] < 4200
    assert run["recognised"]["relu"] == "Max(0, x)"
    assert {r["activation"].partition(":")[0] for r in run["ranking"] if r["null"]} == {
        "relu", "swish", "smelu"
    }  # fmt: skip
    assert run["n_trained"] == 16 and not run["complete"]
    assert [rung["trained"] for rung in run["rungs"]] == [16, 4, 1]
    json.dumps(run, allow_nan=False)


def test_the_best_are_confirmed_with_seeds_that_the_search_did_not_use(run: Any) -> None:
    spec = run["confirmation"]["spec"]
    screened = json.loads(next(Path(run["run_dir"]).glob("rung0-*/spec.json")).read_text())
    searched = screened.get("seeds") or screened["spec"]["seeds"]
    assert not set(spec["seeds"]) & set(searched) and len(searched) == 2
    assert {w["activation"] for w in run["winners"]} <= {a["spec"] for a in spec["activations"]}
    screened = json.loads(next(Path(run["run_dir"]).glob("rung0-*/spec.json")).read_text())
    digest = screened.get("data_digest") or screened["spec"]["data_digest"]
    assert digest != spec["data_digest"]  # the search saw the training part only


def test_winners_are_files_that_the_other_commands_take(run: Any, tmp_path: Path) -> None:
    found = [w for w in run["winners"] if w["file"] is not None]
    assert found
    for winner in found:
        assert {c["claim"] for c in winner["claims"]} >= {"smooth", "monotone", "convex"}
        assert main(["show", winner["file"], "--json"]) == 0


def test_what_is_trained_longest_gets_its_best_learning_rate(tmp_path: Path) -> None:
    rates = (1e-3, 3e-2)
    options = {**SMALL, "lr": None, "epochs": (1, 1, 3), "tune": rates}
    found = rescu.search_activations(budget="8", out=tmp_path, **options)
    losses: dict[str, dict[float, list[float]]] = {}
    for name in ("rung2", "nulls-3"):
        for rate in rates:
            (folder,) = tmp_path.glob(f"{name}-*/lr-{rate:g}")
            for cell in (folder / "cells").iterdir():
                record = json.loads(cell.read_text())
                tried = losses.setdefault(record["activation"].removeprefix("scaled "), {})
                tried.setdefault(rate, []).append(record["loss"])
    ranking = json.loads((tmp_path / "ranking.json").read_text())["ranking"]
    longest = [row for row in ranking if row["epochs"] == 3]
    assert len(longest) == 1 + 3 and found["confirmation"]["spec"]["activations"][0]["lr"] in rates
    for row in longest:
        means = {rate: sum(v) / len(v) for rate, v in losses[row["activation"]].items()}
        assert row["lr"] == min(means, key=lambda rate: means[rate])
        assert row["loss"] == pytest.approx(min(means.values()), rel=1e-12)
    assert {row["lr"] for row in ranking if row["epochs"] == 1} == {1e-3}  # the model's own


def test_a_confirmation_that_is_stopped_leaves_the_ranking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rescu_cli.experiment.searching as searching

    def stopped(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(searching, "compare", stopped)
    with pytest.raises(KeyboardInterrupt):
        rescu.search_activations(budget="4", out=tmp_path, **SMALL)
    assert len(json.loads((tmp_path / "ranking.json").read_text())["ranking"]) == 4 + 3


def test_figures_and_the_full_ranking_are_kept(run: Any) -> None:
    folder = Path(run["run_dir"])
    assert (folder / "search.png").stat().st_size > 5000
    ranking = json.loads((folder / "ranking.json").read_text())
    assert len(ranking["ranking"]) == 16 + 3
    assert any(why.startswith("steep") for why in ranking["reasons"].values())


def test_the_same_command_trains_nothing_again_and_gives_the_same(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rescu_cli.experiment.work as work

    def refuse(*args: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(work, "train", refuse)
    again = rescu.search_activations(budget="16", out=run["run_dir"], **SMALL)
    assert again["ranking"] == run["ranking"]


def test_a_search_that_was_interrupted_goes_on_to_the_same_result(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rescu_cli.experiment.work as work

    real, calls = work.train, []

    def breaks(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(work, "train", breaks)
    with pytest.raises(KeyboardInterrupt) as stop:
        rescu.search_activations(budget="16", out=tmp_path / "run", **SMALL)
    assert "the same command goes on" in stop.value.__notes__[0]
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("cells/*.json")}
    assert kept
    monkeypatch.setattr(work, "train", real)
    again = rescu.search_activations(budget="16", out=tmp_path / "run", **SMALL)
    assert again["ranking"] == run["ranking"]
    assert kept == {p: p.stat().st_mtime_ns for p in kept}  # none was trained again


def test_another_search_and_a_comparison_are_refused_in_a_run_directory(
    run: Any, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(run["run_dir"], tmp_path / "run")
    before = (tmp_path / "run" / "search.json").read_bytes()
    for changed, said in (
        ({"seed": 5}, "seed: 5 asked, 0 there"),
        ({"lr": 1e-2}, "lr: 0.01 asked, 0.003 there"),
        ({"data": "digits"}, "data: digits asked, breast_cancer there"),
        ({"objective": "pd-at-accuracy"}, "objective: pd-at-accuracy asked"),
    ):
        with pytest.raises(StoreError, match=said):
            rescu.search_activations(budget="16", out=tmp_path / "run", **{**SMALL, **changed})
    assert (tmp_path / "run" / "search.json").read_bytes() == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "spec.json").write_text("{}")
    with pytest.raises(StoreError, match="of a comparison"):
        rescu.search_activations(budget="16", out=tmp_path / "other", **SMALL)


def test_files_of_an_earlier_budget_do_not_stay(run: Any, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(run["run_dir"], tmp_path / "run")
    (tmp_path / "run" / "found_9.json").write_text("{}")
    found = rescu.search_activations(budget="16", out=tmp_path / "run", **{**SMALL, "top": 1})
    assert {p.name for p in (tmp_path / "run").glob("found_*.json")} == {
        Path(w["file"]).name for w in found["winners"] if w["file"]
    }


def test_null_rows_are_not_trained_again_as_formulas(tmp_path: Path) -> None:
    """min(exp x, max(0, x)) is ReLU: in a confirmation both would be the same network."""
    from rescu_cli.search.controller import reinforce
    from rescu_cli.search.evolution import evolve
    from rescu_cli.search.formula import one_unit, shape_of
    from rescu_cli.search.outcome import Objective, Outcome
    from rescu_cli.search.sampler import Formulas

    relu = one_unit((18, 18, 4))  # max(max(x, 0), max(x, 0))
    mark = relu.shape()
    assert mark == shape_of(torch.relu) == shape_of(lambda x: 3 * torch.relu(x))

    class Stubborn(Formulas):
        """Draws ReLU at first, again and again."""

        def sample(self, rng: np.random.Generator) -> Formula:
            return relu if rng.random() < 0.5 else super().sample(rng)

    def score(part: Sequence[Formula], generation: int) -> list[Outcome]:
        assert all(formula.shape() != mark for formula in part)
        return [Outcome(score=0.5, loss=0.0, epochs=1) for _ in part]

    rng = np.random.default_rng(0)
    assert len(evolve(Stubborn(1), score, Objective(), rng, n_trained=40, known=[mark])) == 40
    known = {mark: Outcome(score=0.9, loss=0.0, epochs=1)}
    assert len(reinforce(1, score, Objective(), rng, n_trained=64, answers=known)) == 64
    large = one_unit((18, 19, 3))  # max(x, 0)/(min(x, 0) + ε): ReLU too, and refused
    assert large.shape() == mark and Formulas(1).rejection(large) is not None

    class Refused(Formulas):
        """The refused multiple first, then what it is a multiple of."""

        def __init__(self) -> None:
            super().__init__(1)
            self.drawn = iter([large, relu])

        def sample(self, rng: np.random.Generator) -> Formula:
            return next(self.drawn, None) or super().sample(rng)

    trained = evolve(Refused(), lambda part, _: [Outcome(score=0.5, loss=0.0) for _ in part],
                     Objective(), rng, n_trained=5)  # fmt: skip
    assert trained[0][0] == relu
    with pytest.raises(AssertionError):  # control: without, it is trained
        evolve(Stubborn(1), score, Objective(), rng, n_trained=40)


def test_a_larger_budget_trains_only_what_is_new(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    import rescu_cli.experiment.searching as searching

    monkeypatch.setattr(searching, "CHUNK", 8)
    shutil.copytree(run["run_dir"], tmp_path / "run")
    for budget, n in (("16", 16), ("24", 24)):
        found = rescu.search_activations(budget=budget, out=tmp_path / "run", **SMALL)
        assert found["n_trained"] == n
    first = sorted((tmp_path / "run").glob("rung0-*"))
    # In whatever batches: the 16 of before, and the 8 that are new.
    assert sorted(len(list((f / "cells").iterdir())) // 2 for f in first) == [8, 16]


@pytest.mark.parametrize(
    ("strategy", "space", "units"),
    [("evolution", "units", 2), ("reinforce", "units", 1), ("evolution", "gradient", 1),
     ("exhaustive", "gradient", 1)],
)  # fmt: skip
def test_every_strategy_ends_with_a_confirmed_ranking(
    strategy: str, space: str, units: int, tmp_path: Path
) -> None:
    options = {**SMALL, "epochs": (1, 1, 1), "objective": "pd-at-accuracy", "confirm": 3}
    one, two = (
        rescu.search_activations(strategy=strategy, space=space, units=units, budget="12", seed=4,
                     out=tmp_path / name, **options)
        for name in ("one", "two")
    )  # fmt: skip
    assert one["n_trained"] == 12 and len(one["winners"]) == 2
    assert one["n_triples"] == (6250 if space == "units" and units == 1 else None)
    assert one["ranking"] == two["ranking"]
    if space == "gradient":
        assert "at equal accuracy" in one["conclusion"][-1]
        assert all(row["knots"] for row in one["ranking"] if not row["null"])
        assert main(["verify", one["winners"][0]["file"], "--require", "rescu,convex"]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": "0s"}, "trains nothing"),
        ({"budget": "soon"}, "neither a time"),
        ({"strategy": "evolution"}, "give a budget"),
        ({"units": 2, "budget": "9"}, "100 million"),
        ({"units": 3, "budget": "9"}, "1 or 2"),
        ({"space": "gradient", "strategy": "reinforce", "budget": "9"}, "writes formulas"),
        ({"space": "gradient", "budget": "9", "knots": 1}, "2 to 8"),
        ({"space": "everything"}, "No space named"),
        ({"strategy": "luck"}, "No strategy named"),
        ({"objective": "speed"}, "No objective named"),
        ({"seeds": 1}, "two models"),
        ({"epochs": (3, 2, 1)}, "not falling"),
        ({"tune": (1e-3, 1e-2)}, "name one"),
        ({"lr": None, "tune": (1e-2, 1e-2)}, "at least two"),
        ({"lr": None, "tune": (1e-2, -1.0)}, "positive"),
        ({"model": "mpl"}, "No model named"),
    ],
)
def test_what_is_not_possible_is_refused(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        rescu.search_activations(**{**SMALL, "out": tmp_path / "run", **options})
    assert not list(tmp_path.rglob("*.npz"))


def test_the_command_prints_ranking_and_confirmation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(
        "search --budget 8 --epochs 1,1,1 --seeds 2 --confirm 2 --top 1 --width 8 --no-prove "
        f"--data breast_cancer --out {tmp_path / 'run'}".split()
    )
    shown = capsys.readouterr()
    assert code == 0
    assert "relu *" in shown.out and "Confirmed: 2 other seeds" in shown.out
    assert "cannot reach 5 %" in shown.err


def test_each_length_of_training_is_ranked_by_its_own_floor() -> None:
    """And what diverged is never one of the best while something did not."""
    import rescu_cli.experiment.searching as searching
    from rescu_cli.search.formula import one_unit
    from rescu_cli.search.outcome import Outcome
    from rescu_cli.search.request import Request

    made = [one_unit((0, w, 1)) for w in range(4)]
    outcomes = [
        Outcome(0.96, 0.1, 0.02, epochs=27),
        Outcome(0.90, 0.1, 0.13, epochs=9),
        Outcome(0.88, 0.1, 0.11, epochs=9),  # accurate enough after nine, and differs less
        Outcome(None, None, None, n_diverged=2, epochs=27),
    ]
    one: Any = object.__new__(searching._Search)
    one._request = Request(objective="pd-at-accuracy")
    one._floors = {9: 0.86, 27: 0.94}
    one._nulls = {9: [], 27: []}
    one._halved = lambda: ({}, list(zip(made, outcomes, strict=True)), [])
    found = one.run()
    assert [row.candidate for row in found.ranking] == [made[0], made[3], made[2], made[1]]
    assert [row.candidate for row in found.best(3)] == [made[0], made[2], made[1]]
