"""Pruning with rewind: which weights go, that they stay gone, and that the rest starts over."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import rescu_cli as rescu
from rescu_cli.errors import ParameterError, UnknownNameError, UsageError
from rescu_cli.network.prune import rounds as rounds_module
from rescu_cli.network.prune.criteria import least_moved_negative, size, smallest
from rescu_cli.network.prune.masks import Masks, snapshot, weights_of
from rescu_cli.network.prune.plan import PrunePlan
from rescu_cli.network.prune.rounds import SeedRun, prune_seed, pruned, rewind
from rescu_cli.network.toy.models import build_toy
from rescu_cli.network.toy.training import Training


class Tiny:
    """Two classes in a plane, as `Examples`."""

    name, n_classes, n_features, task = "tiny", 2, 2, "classification"
    cardinalities: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()

    def __init__(self) -> None:
        generator = np.random.default_rng(1)
        x = generator.standard_normal((90, 2)).astype(np.float32)
        y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
        self.x_train, self.y_train = x[:60], y[:60]
        self.x_test, self.y_test = x[60:], y[60:]


PLAN = PrunePlan(rounds=3, hidden=(12, 8), training=Training(epochs=2, lr=1e-2))


def run(plan: PrunePlan = PLAN, seed: int = 0) -> list[SeedRun]:
    return prune_seed(plan, Tiny(), nn.ReLU, 2**0.5, seed)


def model() -> nn.Sequential:
    return build_toy("mlp", Tiny(), nn.ReLU, 0, hidden=(12, 8))


def equal(one: SeedRun, other: SeedRun) -> bool:
    return len(one.rounds) == len(other.rounds) and all(
        replace(a, masks=b.masks) == b
        and all(torch.equal(a.masks.kept[n], b.masks.kept[n]) for n in a.masks.kept)
        for a, b in zip(one.rounds, other.rounds, strict=True)
    )


def same_numbers(one: SeedRun, other: SeedRun) -> bool:
    key = [(r.accuracy, r.dead, r.masks.n_kept) for r in one.rounds]
    masks = all(torch.equal(a.masks.kept[n], b.masks.kept[n])
                for a, b in zip(one.rounds, other.rounds, strict=True) for n in a.masks.kept)  # fmt: skip
    return key == [(r.accuracy, r.dead, r.masks.n_kept) for r in other.rounds] and masks


# -- which weights go -----------------------------------------------------------------------


def test_the_smallest_weights_of_all_layers_together_go() -> None:
    weights = {"a": torch.tensor([[3.0, -0.1], [0.5, 2.0]]), "b": torch.tensor([[-0.2, 0.05]])}
    masks = Masks({n: torch.ones_like(w, dtype=torch.bool) for n, w in weights.items()})
    assert {n: p.tolist() for n, p in smallest(weights, masks, 3).items()} == {
        "a": [1],
        "b": [0, 1],
    }
    fewer = masks.without(smallest(weights, masks, 2))
    assert {n: p.tolist() for n, p in smallest(weights, fewer, 2).items()} == {"a": [2], "b": [0]}
    assert size(smallest(weights, masks, 0)) == 0


def test_ties_go_by_order_so_that_masks_are_repeatable() -> None:
    weights = {"a": torch.ones(4, 4), "b": torch.ones(2, 4)}
    masks = Masks({n: torch.ones_like(w, dtype=torch.bool) for n, w in weights.items()})
    found = smallest(weights, masks, 5)
    assert found["a"].tolist() == [0, 1, 2, 3, 4]
    assert found["b"].tolist() == []


def test_ap_takes_negative_weights_in_the_order_of_their_movement() -> None:
    start = {"a": torch.tensor([-1.0, -1.0, 1.0, -1.0, 0.2, -5.0])}
    end = {"a": torch.tensor([-1.3, -0.9, 1.0, -1.01, -0.2, 0.5])}
    masks = Masks({"a": torch.tensor([True, True, True, True, True, True])})
    order = [least_moved_negative(end, start, masks, k)["a"].tolist() for k in range(6)]
    # moved by .3, .1, 0 (positive), .01, .4, 5.5 (now positive)
    assert order == [[], [3], [1, 3], [0, 1, 3], [0, 1, 3, 4], [0, 1, 3, 4]]
    gone = Masks({"a": torch.tensor([True, True, True, False, True, True])})
    assert least_moved_negative(end, start, gone, 1)["a"].tolist() == [1]


def test_a_round_of_ap_takes_its_share_of_negative_weights_after_the_smallest() -> None:
    net = model()
    first = snapshot(net)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in weights_of(net).values():
            weight += 0.3 * torch.randn(weight.shape, generator=generator)
    plan = replace(PLAN, rate=0.3, ap_share=0.1)
    before = Masks.full(net)
    after, by_magnitude, by_ap, note = pruned(plan, "ap", net, first, before)
    n = before.n_weights
    assert (by_magnitude, by_ap, note) == (round(0.3 * n) - round(0.1 * n), round(0.1 * n), "")
    weights = {k: w.detach() for k, w in weights_of(net).items()}
    middle = before.without(smallest(weights, before, by_magnitude))
    flat = {k: torch.cat([t.flatten() for t in d.values()]) for k, d in
            {"w": weights, "start": {m: first[m] for m in weights}, "middle": middle.kept, "after": after.kept}.items()}  # fmt: skip
    taken = flat["middle"] & ~flat["after"]
    left = flat["after"] & (flat["w"] < 0)
    moved = (flat["w"] - flat["start"]).abs()
    assert int(taken.sum()) == by_ap
    assert bool((flat["w"][taken] < 0).all())
    assert float(moved[taken].max()) <= float(moved[left].min())


def test_too_few_negative_weights_are_said_and_made_up_by_size() -> None:
    net = model()
    with torch.no_grad():
        for weight in weights_of(net).values():
            weight.abs_()
        weights_of(net)["hidden0.weight"].view(-1)[5] = -10.0
    before = Masks.full(net)
    after, by_magnitude, by_ap, note = pruned(
        replace(PLAN, ap_share=0.1), "ap", net, snapshot(net), before
    )
    assert by_ap == 1
    assert not after.kept["hidden0.weight"].view(-1)[5]
    assert "found 1" in note and "by size instead" in note
    assert before.n_kept - after.n_kept == round(PLAN.rate * before.n_kept) == by_magnitude + by_ap


# -- rounds ---------------------------------------------------------------------------------


def test_masks_are_nested_and_densities_exact_whole_numbers() -> None:
    for one in run():
        counts = [r.masks.n_kept for r in one.rounds]
        expected = [counts[0]]
        for _ in range(3):
            expected.append(expected[-1] - round(0.2 * expected[-1]))
        assert counts == expected
        assert counts[0] == 2 * 12 + 12 * 8 + 8 * 2
        for a, b in zip(one.rounds, one.rounds[1:], strict=False):
            assert all(bool((b.masks.kept[n] <= a.masks.kept[n]).all()) for n in a.masks.kept)
            assert a.masks.n_kept - b.masks.n_kept == b.by_magnitude + b.by_ap


def test_the_rewind_gives_the_first_weights_back_bit_for_bit() -> None:
    net = model()
    first = snapshot(net)
    masks = Masks.full(net).without({"hidden1.weight": torch.tensor([0, 7, 9])})
    with torch.no_grad():
        for p in net.parameters():
            p += 1.0
    rewind(net, first, masks)
    for name, tensor in net.state_dict().items():
        kept = masks.kept.get(name, torch.ones_like(tensor, dtype=torch.bool))
        assert torch.equal(tensor[kept], first[name][kept])
        assert bool((tensor[~kept] == 0).all())


def test_pruned_weights_are_0_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    fit = rounds_module.fit

    def watched(model: nn.Module, *args: object, after_step, **options: object) -> None:  # type: ignore[no-untyped-def]
        masks = after_step.__closure__[0].cell_contents

        def step() -> None:
            after_step()
            for name, weight in weights_of(model).items():
                gone = weight.detach()[~masks.kept[name]]
                assert bool((gone == 0).all()) and not bool(torch.signbit(gone).any())
                seen.append(len(gone))

        fit(model, *args, after_step=step, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(rounds_module, "fit", watched)
    run()
    assert max(seen) > 0


def test_without_the_masks_pruned_weights_would_come_back() -> None:
    """The control: Adam moves a weight that was put to 0 once only."""
    net = model()
    masks = Masks.full(net).without({"hidden1.weight": torch.arange(40)})
    rewind(net, snapshot(net), masks)
    rounds_module.fit(net, Tiny(), Training(epochs=1), 0)
    assert bool(
        (weights_of(net)["hidden1.weight"].detach()[~masks.kept["hidden1.weight"]] != 0).any()
    )


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    one, again, other = run()[1], run()[1], run(seed=1)[1]
    assert same_numbers(one, again)
    assert not same_numbers(one, other)


def test_ap_without_a_share_is_the_magnitude_pruner_bit_for_bit() -> None:
    magnitude, ap = run(replace(PLAN, ap_share=0.0))
    assert same_numbers(magnitude, ap)
    magnitude, ap = run(replace(PLAN, ap_share=0.1))
    assert not same_numbers(magnitude, ap)


def test_methods_do_not_depend_on_each_other() -> None:
    both = run()
    alone = [run(replace(PLAN, methods=(m,)))[0] for m in PLAN.methods]
    turned = run(replace(PLAN, methods=("ap", "magnitude")))
    for a, b, c in zip(both, alone, turned[::-1], strict=True):
        assert same_numbers(a, b) and same_numbers(a, c)


def test_an_emptied_layer_stops_pruning_and_is_named() -> None:
    plan = replace(PLAN, rounds=9, rate=0.8, hidden=(3, 2))
    for one in run(plan):
        assert "without a weight" in one.stopped or "of them is none" in one.stopped
        assert len(one.rounds) < 10
        assert all(not r.masks.emptied for r in one.rounds)


def test_masks_refuse_what_is_gone_already() -> None:
    masks = Masks({"a": torch.tensor([True, False])})
    with pytest.raises(UsageError, match="gone already"):
        masks.without({"a": torch.tensor([1])})
    with pytest.raises(UsageError, match="bool"):
        Masks({"a": torch.ones(3)})
    with pytest.raises(UsageError, match="no weights"):
        Masks.full(nn.Sequential(nn.ReLU()))


def test_dead_units_of_a_round_are_those_of_its_network() -> None:
    """Counted by hand from a network that is trained once more."""
    (one, _) = run(replace(PLAN, rounds=1))
    net = model()
    rounds_module.fit(net, Tiny(), PLAN.training, 0)
    hidden: list[Tensor] = []
    value = torch.from_numpy(Tiny().x_test)
    for key, layer in net.named_children():
        value = layer(value)
        if key.startswith("act"):
            hidden.append(value.detach())
    off = torch.cat([h == 0 for h in hidden], dim=1)
    assert one.rounds[0].dead.n_off == int(off.sum())
    assert one.rounds[0].dead.n_static == int(off.all(0).sum())


# -- the plan and the api -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": 0.0}, "above 0 and below 1"),
        ({"rate": 1.0}, "above 0 and below 1"),
        ({"rate": 0.1, "ap_share": 0.2}, "between 0 and '--rate'"),
        ({"ap_share": -0.1}, "between 0 and '--rate'"),
        ({"rounds": 0}, "at least 1"),
        ({"methods": ()}, "name each once"),
        ({"methods": ("ap", "ap")}, "name each once"),
        ({"threshold": -1.0}, "0 or more"),
    ],
)
def test_contradictory_plans_are_refused_before_anything_is_trained(
    options: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        PrunePlan(**options)  # type: ignore[arg-type]


def test_unknown_methods_and_seeds_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="magnitude"):
        PrunePlan(methods=("magnitud",))
    for wrong in (0, [], [1, 1], [-1], [2**70], [0.5], [True], 2**70):
        with pytest.raises(UsageError, match="Seeds"):
            rescu.prune(seeds=wrong)
    assert rescu.prune(**{**QUICK, "seeds": np.arange(2)})["seeds"] == [0, 1]  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="rounds off no"):
        rescu.prune(activation="tanh", backward_shift="0.1")
    with pytest.raises(UsageError, match="surrogate gradient already"):
        rescu.prune(activation="helu", backward_shift="0.1")
    for wrong in ("-0.1", "nan", "inf", "soon", float("nan"), float("inf")):
        with pytest.raises(ParameterError, match="finite number, 0 or more"):
            rescu.prune(activation="relu", backward_shift=wrong)
    for wrong in ("1e300", "1e-300"):
        with pytest.raises(ParameterError, match="float32") as refused:
            rescu.prune(activation="relu", backward_shift=wrong)
        assert len(str(refused.value)) < 200


QUICK = {"seeds": 3, "rounds": 2, "epochs": 1, "hidden": [10]}


def test_intervals_are_over_seeds_and_the_difference_is_paired(tmp_path: Path) -> None:
    found = rescu.prune(**QUICK, ap_share=0.1, out=tmp_path / "run")  # type: ignore[arg-type]
    from rescu_cli.experiment.stats import mean_estimate

    for row in found["rounds"]:
        for quantity, difference in row["difference"].items():
            ours, theirs = (
                np.array(row["methods"][m][quantity]["per_seed"]) for m in ("ap", "magnitude")
            )
            estimate = mean_estimate(ours - theirs)
            assert difference["mean"] == estimate.value
            assert difference["ci"] == pytest.approx(estimate.interval())
        total = row["methods"]["ap"]["total"]["mean"]
        parts = [row["methods"]["ap"][k]["mean"] for k in ("static", "dynamic")]
        assert total == pytest.approx(sum(parts), abs=1e-12)
    assert found["rounds"][0]["density"] == 1.0
    assert set(found["rounds"][0]["difference"]["accuracy"]["per_seed"]) == {0.0}
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == json.loads(
        json.dumps(found)
    )
    assert (tmp_path / "run" / "pruning.png").read_bytes().startswith(b"\x89PNG")
    one = rescu.prune(**{**QUICK, "seeds": 1}, methods=["ap"])  # type: ignore[arg-type]
    assert one["rounds"][1]["methods"]["ap"]["accuracy"]["ci"] is None
    assert one["rounds"][1]["difference"] is None
    assert any("One seed" in note for note in one["notes"])


def test_a_shifted_backward_trains_as_helu_does() -> None:
    options = {**QUICK, "seeds": 1, "rounds": 1, "methods": ["magnitude"], "epochs": 3, "lr": 0.02}
    helu = rescu.prune(activation="helu:alpha=0.5", **options)  # type: ignore[arg-type]
    shifted = rescu.prune(activation="relu", backward_shift="0.5", **options)  # type: ignore[arg-type]
    plain = rescu.prune(activation="relu", **options)  # type: ignore[arg-type]
    assert helu["rounds"] == shifted["rounds"] != plain["rounds"]
    assert "not the gradient of the forward on (-1/2, 0]" in helu["surrogate"]
    assert "not the gradient of the forward on (-1/2, 0]" in shifted["surrogate"]
    assert plain["surrogate"] is None


def _breaking(monkeypatch: pytest.MonkeyPatch, seed: int, at: int) -> None:
    """The training number ``at`` of a seed leaves a NaN behind."""
    fit, count = rounds_module.fit, 0

    def broken(model: nn.Module, examples: object, training: object, number: int, **options: object) -> None:  # fmt: skip
        nonlocal count
        fit(model, examples, training, number, **options)  # type: ignore[arg-type]
        if number == seed:
            if count == at:
                next(model.parameters()).data[0] = float("nan")
            count += 1

    monkeypatch.setattr(rounds_module, "fit", broken)


def test_a_seed_that_diverges_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    _breaking(monkeypatch, 1, 0)
    found = rescu.prune(**QUICK)  # type: ignore[arg-type]
    assert (found["seeds"], found["diverged"]) == ([0, 2], [1])
    assert len(found["rounds"]) == 3
    assert len(found["rounds"][0]["methods"]["ap"]["accuracy"]["per_seed"]) == 2
    assert any("Seed 1 is in no number" in note and "diverged" in note for note in found["notes"])
    with pytest.raises(UsageError, match="smaller '--lr'"):
        _breaking(monkeypatch, 0, 0)
        rescu.prune(**{**QUICK, "seeds": [0]})  # type: ignore[arg-type]


def test_a_later_round_that_diverges_ends_there_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    _breaking(monkeypatch, 1, 2)  # the second round by magnitude
    found = rescu.prune(**QUICK)  # type: ignore[arg-type]
    assert (found["seeds"], found["diverged"], len(found["rounds"])) == ([0, 1, 2], [], 2)
    assert any("magnitude, seed 1: The training of round 2" in note for note in found["notes"])


def test_a_run_that_stops_in_its_first_round_keeps_its_result(tmp_path: Path) -> None:
    (tmp_path / "pruning.png").write_bytes(b"of a run before")
    found = rescu.prune(seeds=2, rounds=2, epochs=1, hidden=[1], rate=0.99, out=tmp_path)
    assert len(found["rounds"]) == 1
    assert json.loads((tmp_path / "result.json").read_text())["rounds"] == found["rounds"]
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]
    assert any("nothing to draw" in note for note in found["notes"])


def test_few_seeds_are_said_to_make_wide_intervals() -> None:
    def said(n_seeds: int) -> bool:
        options = {**QUICK, "seeds": n_seeds, "rounds": 1, "methods": ["ap"]}
        return any("wide intervals" in n for n in rescu.prune(**options)["notes"])  # type: ignore[arg-type]

    assert [said(n) for n in (2, 5)] == [True, False]


def test_the_label_does_not_wait_for_a_proof() -> None:
    """To simplify the difference took longer than a minute here, after all the training."""
    found = rescu.prune(seeds=1, rounds=1, epochs=1, hidden=[4], methods=["ap"],
                        activation="gelu_tanh", backward_shift="0.1")  # fmt: skip
    assert "on (-inf, inf): gelu_tanh at x + 1/10" in found["surrogate"]


def test_a_convolutional_network_is_pruned_too() -> None:
    found = rescu.prune(model="cnn", seeds=1, rounds=1, epochs=1, hidden=[2, 3], methods=["ap"])
    n_weights = 2 * 9 + 3 * 2 * 9 + 10 * 3 * 16
    assert [row["n_weights"] for row in found["rounds"]] == [
        n_weights,
        n_weights - round(0.2 * n_weights),
    ]
