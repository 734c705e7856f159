"""Leaving out ReLUs: what holds for any mask, that budgets are exact, what each method computes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import rescu_cli as rescu
from rescu_cli.api import linearizing
from rescu_cli.api.accuracies import accuracy_difference, accuracy_over_seeds
from rescu_cli.errors import InternalError, UnknownNameError, UnsupportedError, UsageError
from rescu_cli.experiment.data import load_dataset
from rescu_cli.network.linearize import autorep, deepreduce, random, snl, taylor
from rescu_cli.network.linearize.collapse import collapse
from rescu_cli.network.linearize.distil import distillation
from rescu_cli.network.linearize.gates import Gate
from rescu_cli.network.linearize.quadratic import Quadratic, coefficients
from rescu_cli.network.linearize.run import linearize, train_full
from rescu_cli.network.linearize.saving import save_student
from rescu_cli.network.linearize.student import Student, build_student
from rescu_cli.network.linearize.table import METHODS
from rescu_cli.network.linearize.task import HeldOut, Recipe, Task
from rescu_cli.network.loading import load_model
from rescu_cli.network.toy.models import build_toy
from rescu_cli.network.toy.training import Training

QUICK = Recipe(Training(epochs=3, lr=2e-3), search=2, tune=1)
WIDTHS = {"mlp": (12, 12, 6), "cnn": (3, 4)}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tensors this small are slower on several threads, by far on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data() -> Any:
    return load_dataset("digits").excerpt(128, 100)


@pytest.fixture(scope="module")
def full(data: Any) -> dict[str, nn.Sequential]:
    return {m: train_full(data, m, QUICK, 0, w) for m, w in WIDTHS.items()}


def student_of(data: Any, full: dict[str, nn.Sequential], model: str, **options: Any) -> Student:
    student = build_student(model, data, 1, hidden=WIDTHS[model], **options)
    student.take(full[model])
    return student


def masks(student: Student, keep: bool) -> None:
    for gate in student.gates.values():
        gate.set(torch.full_like(gate.keep, keep))


@pytest.mark.parametrize("model", WIDTHS)
@pytest.mark.parametrize("replace", ["identity", "poly2"])
@pytest.mark.parametrize("by", ["element", "channel"])
def test_with_all_kept_it_is_the_original_bit_for_bit(
    data: Any, full: dict[str, nn.Sequential], model: str, replace: str, by: str
) -> None:
    student = student_of(data, full, model, replace=replace, by=by)
    x = torch.from_numpy(data.x_test.copy())
    student.fit_replacements(x)
    assert torch.equal(student.model(x), full[model](x))
    masks(student, False)  # control: without them it is another function
    assert not torch.equal(student.model(x), full[model](x))


@pytest.mark.parametrize("model", WIDTHS)
def test_with_none_kept_it_is_affine_and_equals_its_collapsed_map(
    data: Any, full: dict[str, nn.Sequential], model: str
) -> None:
    student = student_of(data, full, model)
    masks(student, False)
    net = student.model.double()
    a, b = torch.from_numpy(data.x_test[:50].astype(float)), torch.from_numpy(
        data.x_test[50:100].astype(float))  # fmt: skip
    with torch.no_grad():
        mixed = net(3 * a - 2 * b)
        assert torch.allclose(mixed, 3 * net(a) - 2 * net(b), atol=1e-12)
        weight, offset = collapse(net, data.n_features)
        assert np.allclose(net(a).numpy(), a.numpy() @ weight.T + offset, atol=1e-12, rtol=0)
    masks(student, True)  # control: with its ReLUs it is not affine, and is not collapsed
    with torch.no_grad():
        assert not torch.allclose(net(3 * a - 2 * b), 3 * net(a) - 2 * net(b), atol=1e-3)
    with pytest.raises(UnsupportedError, match="is not affine: it keeps"):
        collapse(net, data.n_features)


def test_with_none_kept_there_is_one_region_and_with_all_there_are_more() -> None:
    spirals = load_dataset("spirals").excerpt(64, 16)
    student = build_student("mlp", spirals, 0, hidden=(6, 4))
    found = []
    for keep in (False, True):
        masks(student, keep)
        plain = [
            (nn.ReLU() if keep else nn.Identity()) if isinstance(layer, Gate) else layer
            for layer in student.model
        ]
        x = torch.from_numpy(spirals.x_test.copy())
        assert torch.equal(nn.Sequential(*plain)(x), student.model(x))
        found.append(rescu.regions(nn.Sequential(*plain), box=(-2, 2, -2, 2)))
    assert len(found[0].maps) == 1 < len(found[1].maps)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("budget", [0, 1, 30])
def test_budgets_are_met_exactly_by_every_method(
    data: Any, full: dict[str, nn.Sequential], method: str, budget: int
) -> None:
    student, outcome = linearize(
        data, full["mlp"], "mlp", method, budget, recipe=QUICK, hidden=WIDTHS["mlp"]
    )
    assert outcome.kept == budget == sum(outcome.by_layer.values())
    assert all(gate.weigh is None for gate in student.gates.values())
    assert outcome.finite and 0 <= outcome.accuracy <= 1


@pytest.mark.parametrize("method", METHODS)
def test_channels_never_exceed_the_budget_and_no_other_channel_would_fit(
    data: Any, full: dict[str, nn.Sequential], method: str
) -> None:
    budget = 100
    student, outcome = linearize(
        data, full["cnn"], "cnn", method, budget, recipe=QUICK, hidden=WIDTHS["cnn"],
        by="channel", replace="poly2",
    )  # fmt: skip
    costs = [g.cost for g in student.gates.values() if not bool(g.keep.all())]
    assert [g.cost for g in student.gates.values()] == [64, 16]
    assert budget - min(costs) < outcome.kept <= budget


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_makes_the_same_student_and_another_one_another(
    data: Any, full: dict[str, nn.Sequential], method: str
) -> None:
    def made(seed: int) -> tuple[list[Tensor], Tensor]:
        student, _ = linearize(
            data, full["cnn"], "cnn", method, 60, recipe=QUICK, hidden=WIDTHS["cnn"], seed=seed,
            replace="poly2",
        )  # fmt: skip
        x = torch.from_numpy(data.x_test.copy())
        return [g.keep.clone() for g in student.gates.values()], student.model(x)

    (m1, y1), (m2, y2), (_, y3) = made(0), made(0), made(1)
    assert all(torch.equal(a, b) for a, b in zip(m1, m2, strict=True)) and torch.equal(y1, y2)
    assert not torch.equal(y1, y3)


# -- the parabola ------------------------------------------------------------------------------


@pytest.mark.parametrize(("u", "v"), [(0.0, 1.0), (0.7, 0.4), (-2.0, 1.5), (3.0, 0.2)])
def test_the_parabola_is_the_least_squares_one_under_the_normal_density(u: float, v: float) -> None:
    x = u + v * np.linspace(-10, 10, 200_001)
    weight = np.exp(-0.5 * ((x - u) / v) ** 2)
    basis = np.stack([np.ones_like(x), x, x * x], 1) * np.sqrt(weight)[:, None]
    best = np.linalg.lstsq(basis, np.maximum(x, 0) * np.sqrt(weight), rcond=None)[0]
    found = [float(p) for p in coefficients(torch.tensor(u).double(), torch.tensor(v).double())]
    assert np.allclose(found, best, atol=1e-6)


def test_the_published_figures_at_the_standard_normal() -> None:
    p0, p1, p2 = (float(p) for p in coefficients(torch.zeros(()).double(), torch.ones(()).double()))
    assert (round(p0, 5), p1, round(p2, 5)) == (0.19947, 0.5, 0.19947)
    x = np.linspace(-10, 10, 200_001)
    density = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
    mse = ((p0 + p1 * x + p2 * x * x - np.maximum(x, 0)) ** 2 * density).sum() * (x[1] - x[0])
    assert round(mse, 5) == 0.01127
    # Control: the variance in the place of the deviation is another, worse parabola for v ≠ 1.
    wrong = coefficients(torch.zeros(()).double(), torch.tensor(4.0).double())
    assert abs(float(wrong[0]) - float(coefficients(torch.zeros(()).double(),
                                                    torch.tensor(2.0).double())[0])) > 0.3  # fmt: skip


def test_constant_channels_get_the_tangent_and_statistics_are_per_channel() -> None:
    found = coefficients(torch.tensor([2.0, -2.0, 0.0]), torch.zeros(3))
    assert torch.equal(torch.stack(found, 1),
                       torch.tensor([[0.0, 1, 0], [0, 0, 0], [0, 0.5, 0]]))  # fmt: skip
    parabola = Quadratic((2, 1, 1))
    x = torch.randn(500, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    x[:, 1] = x[:, 1] * 3 - 1
    parabola.fit(x)
    u, v = x.mean((0, 2, 3)), x.std((0, 2, 3), correction=0)
    assert torch.allclose(parabola.p2[:, 0, 0], coefficients(u, v)[2])
    with pytest.raises(UsageError, match="finite means"):
        coefficients(torch.tensor(float("nan")), torch.tensor(1.0))


# -- the methods -------------------------------------------------------------------------------


def test_distillation_vanishes_for_the_teacher_itself_and_is_t_squared_kl() -> None:
    teacher = nn.Linear(3, 4)
    x, y = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.arange(5) % 4
    logits = teacher(x)
    plain = nn.functional.cross_entropy(logits, y)
    assert torch.allclose(distillation(teacher)(logits, y, x), plain)
    other = logits.detach() + torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    p, q = (torch.softmax(z / 4, 1) for z in (logits, other))
    kl = (p * (p / q).log()).sum(1).mean()
    expected = nn.functional.cross_entropy(other, y) + 16 * kl
    assert torch.allclose(distillation(teacher)(other, y, x), expected, atol=1e-6)


def test_indicators_have_hysteresis_and_a_softplus_slope() -> None:
    gate = Gate()
    gate.prepare((4,), "element", "identity")
    indicator = autorep.Indicator(gate)
    t = autorep.HYSTERESIS
    for a, expected in (
        ([-t / 2, t / 2, -2 * t, 2 * t], [1.0, 1, 0, 1]),  # kept until below −t
        ([-t / 2, -2 * t, t / 2, -t / 2], [1.0, 0, 0, 1]),  # back only above t
        ([-2 * t, 2 * t, 2 * t, t / 2], [0.0, 1, 1, 1]),
    ):
        indicator.a.data = torch.tensor(a)
        assert indicator().tolist() == expected
    indicator.a.data = torch.tensor([0.0, 1.0, -1.0, 3.0])
    torch.autograd.backward((indicator() * torch.tensor([1.0, 2, 3, 4])).sum())
    expected_slope = torch.sigmoid(indicator.a.data) * torch.tensor([1.0, 2, 3, 4])
    assert torch.allclose(indicator.a.grad, expected_slope)


def test_soft_gates_mix_and_begin_as_the_full_network(
    data: Any, full: dict[str, nn.Sequential]
) -> None:
    student = student_of(data, full, "mlp")
    x = torch.from_numpy(data.x_test.copy())
    for gate in student.gates.values():
        gate.weigh = snl.Coefficients(gate)
    assert torch.allclose(student.model(x), full["mlp"](x), atol=1e-6)
    gate = Gate()
    gate.prepare((2,), "element", "identity")
    soft = snl.Coefficients(gate)
    soft.c.data = torch.tensor([0.25, 0.25])
    gate.weigh = soft
    assert gate(torch.tensor([[-4.0, 4.0]])).tolist() == [[-3.0, 4.0]]


def test_a_parabola_that_escapes_where_a_relu_is_kept_leaves_the_gradient_alone() -> None:
    gate = Gate()
    gate.prepare((2,), "element", "poly2")
    gate.replacement.p2.copy_(torch.tensor([1e20, 1.0]))  # p₂x is infinite at 1e25
    gate.set(torch.tensor([True, False]))
    x = torch.tensor([[1e25, 3.0]], requires_grad=True)
    torch.autograd.backward(gate(x).sum())
    assert x.grad is not None and x.grad.tolist() == [[1.0, 6.0]]


def test_taylor_scores_are_what_leaving_one_out_changes(data: Any) -> None:
    """Against the loss itself, with labels drawn so that the curvature is what is believed."""
    student = build_student("mlp", data, 0, hidden=(6,))
    net = student.model.double()
    generator = torch.Generator().manual_seed(0)
    x = 0.3 * torch.randn(4000, data.n_features, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        y = torch.multinomial(torch.softmax(net(x), 1), 1, generator=generator)[:, 0]
    found = taylor.scores(student, x, y)[0]
    gate = next(iter(student.gates.values()))

    def loss() -> float:
        with torch.no_grad():
            return float(nn.functional.cross_entropy(net(x), y))

    whole, changes = loss(), []
    for i in range(6):
        keep = torch.ones(6, dtype=torch.bool)
        keep[i] = False
        gate.set(keep)
        changes.append(loss() - whole)
        assert taylor.scores(student, x, y)[0][i] == -torch.inf
    masks(student, True)
    changes_t = torch.tensor(changes, dtype=torch.float64)
    assert torch.allclose(found, changes_t, rtol=0.3, atol=2e-3)
    assert float(changes_t.abs().max()) > 1e-2  # control: there is something to predict


def test_stages_are_runs_of_equal_shapes_and_layers_queue_by_criticality(data: Any) -> None:
    student = build_student("mlp", data, 0, hidden=(8, 8, 8, 4, 4))
    assert student.stages == [["act0", "act1", "act2"], ["act3", "act4"]]
    assert deepreduce.line(student.stages, [0.1, 0.3]) == ["act3", "act4", "act0", "act2", "act1"]
    assert deepreduce.line(student.stages, [0.3, 0.1])[:3] == ["act0", "act2", "act1"]
    scores = deepreduce._scores(student, ["act3", "act4", "act0", "act2", "act1"])
    student.keep_best(scores, 12)
    assert student.by_layer == {"act0": 4, "act1": 0, "act2": 0, "act3": 4, "act4": 4}


@pytest.mark.parametrize("n", [1, 2, 7, 64, 128])
def test_a_part_of_a_layer_is_evenly_spread(n: int) -> None:
    spread = deepreduce._spread(n)
    assert len(set(spread.tolist())) == n and 0 <= float(spread.min()) <= float(spread.max()) < 1
    for k in range(2, n // 2):
        places = torch.topk(spread, k).indices.sort().values
        gaps = torch.diff(torch.cat([places, places[:1] + n]))
        assert int(gaps.max()) <= 3 * n / k + 1


def test_criticality_is_highest_for_the_stage_that_does_the_work(data: Any) -> None:
    """Control: a stage whose ReLUs see only positive numbers gives nothing back."""
    full = train_full(data, "mlp", QUICK, 0, (8, 4))
    with torch.no_grad():
        full.get_submodule("hidden1").bias.fill_(1e3)  # its ReLUs are the identity
        full.get_submodule("readout").weight.mul_(0.01)
    student = build_student("mlp", data, 0, hidden=(8, 4))
    task = Task(data, full, 4, QUICK, 0, train_teacher=lambda others: full)
    found = deepreduce.criticality(student, task)
    assert len(found) == 2 and found[1] <= abs(found[0]) + 0.05


def test_criticality_is_judged_on_examples_that_no_weight_has_seen(data: Any) -> None:
    """Neither the labels of the held-out fifth nor a teacher that was trained on them take part."""
    held_out = HeldOut(data, 0)
    seen: list[set[bytes]] = []

    def train_teacher(others: Any) -> nn.Sequential:
        seen.append({row.tobytes() for row in others.x_train})
        return train_full(others, "mlp", QUICK, 0, (8, 4))

    def criticality(teacher: nn.Module) -> list[float]:
        student = build_student("mlp", data, 0, hidden=(8, 4), replace="poly2")
        return deepreduce.criticality(student, Task(data, teacher, 4, QUICK, 0, train_teacher))

    class Asked(nn.Module):
        """Control: the task's own teacher has seen everything, and must not be asked."""

        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError

    assert criticality(Asked()) == criticality(train_full(data, "mlp", QUICK, 0, (8, 4)))
    hidden = {row.tobytes() for row in held_out.x_test}
    assert hidden and all(not (rows & hidden) for rows in seen)


def test_deepreduce_gets_its_throw_away_teacher_from_the_run(
    data: Any, full: dict[str, nn.Sequential], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def spy(student: Student, task: Task) -> int:
        sizes.append(len(task.examples.y_train))
        teacher = task.train_teacher(HeldOut(task.examples, task.seed))
        assert not any(p.requires_grad for p in teacher.parameters())
        assert not torch.equal(teacher.get_submodule("hidden0").weight,
                               full["mlp"].get_submodule("hidden0").weight)  # fmt: skip
        return deepreduce.choose(student, task)

    method = dataclasses.replace(METHODS["deepreduce"], choose=spy)
    monkeypatch.setitem(METHODS, "deepreduce", method)
    linearize(data, full["mlp"], "mlp", "deepreduce", 5, recipe=QUICK, hidden=WIDTHS["mlp"])
    assert sizes == [128]


def test_held_out_examples_come_from_the_training_part_alone(data: Any) -> None:
    part = HeldOut(data)
    assert len(part.y_train) + len(part.y_test) == len(data.y_train)
    rows = {r.tobytes() for r in data.x_train}
    assert {r.tobytes() for r in part.x_test} <= rows
    assert not ({r.tobytes() for r in part.x_test} & {r.tobytes() for r in part.x_train}) or len(
        rows
    ) < len(data.x_train)


def test_keeping_the_best_breaks_ties_by_place_and_takes_nan_last(data: Any) -> None:
    student = build_student("mlp", data, 0, hidden=(3, 2))
    student.keep_best([torch.tensor([1.0, float("nan"), 1.0]), torch.tensor([1.0, 2.0])], 3)
    kept = [g.keep.tolist() for g in student.gates.values()]
    assert kept == [[True, False, True], [False, True]]
    with pytest.raises(InternalError):
        next(iter(student.gates.values())).set(torch.ones(4, dtype=torch.bool))


# -- the whole -----------------------------------------------------------------------------------


def quick(methods: str | Sequence[str], budgets: int | Sequence[int], **options: Any) -> Any:
    usual = {"seeds": 2, "epochs": 2, "search": 1, "tune": 1, "hidden": (16, 8)}
    return rescu.linearize(methods, budgets, **{**usual, **options})


def test_results_have_intervals_paired_differences_a_front_and_a_figure(tmp_path: Path) -> None:
    ticks: list[tuple[int, int]] = []
    found = quick("random,taylor", [12, 4], out=tmp_path / "run",
                  progress=lambda done, total: ticks.append((done, total)))  # fmt: skip
    assert [(s["method"], s["budget"], s["kept"]) for s in found["students"]] == [
        ("random", 12, 12), ("taylor", 12, 12), ("random", 4, 4), ("taylor", 4, 4)]  # fmt: skip
    floor, ours = found["students"][:2]
    assert floor["against_random"] is None
    assert ours["against_random"]["per_seed"] == [
        a - b
        for a, b in zip(ours["accuracy"]["per_seed"], floor["accuracy"]["per_seed"], strict=True)
    ]
    low, high = ours["accuracy"]["ci"]
    assert low <= ours["accuracy"]["mean"] <= high
    kept = [point["kept"] for point in found["front"]]
    heights = [point["accuracy"] for point in found["front"]]
    assert kept == sorted(kept) and heights == sorted(heights)
    assert found["full"]["relus"] == 24 and found["spec"]["judge"] == "test"
    assert json.loads((tmp_path / "run" / "results.json").read_text()) == found
    assert (tmp_path / "run" / "front.png").stat().st_size > 5_000
    assert "taylor" in (tmp_path / "run" / "front.svg").read_text()
    assert [t[0] for t in ticks] == sorted(t[0] for t in ticks)
    assert all(done < total for done, total in ticks)


@pytest.mark.parametrize("by", ["element", "channel"])
@pytest.mark.parametrize("model", WIDTHS)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_saved_student_is_the_same_function_out_of_plain_layers(
    data: Any, full: dict[str, nn.Sequential], tmp_path: Path, model: str, by: str, share: float
) -> None:
    student = student_of(data, full, model, by=by)
    budget = int(student.n_relus * share)
    random.choose(student, Task(data, full[model], budget, QUICK, 0, lambda others: full[model]))
    files = save_student(student, tmp_path / "a.b")
    x = torch.from_numpy(data.x_test.copy())
    with torch.no_grad():
        assert torch.equal(load_model(files["module"] or "")(x), student.model.eval()(x))
    with np.load(files["arrays"] or "") as arrays:
        for name, gate in student.gates.items():
            assert np.array_equal(arrays[f"{name}.keep"], gate.keep.numpy())
        assert np.array_equal(arrays["hidden0.weight"], student.model.hidden0.weight.detach())


def test_a_student_with_parabolas_is_saved_as_arrays_alone(
    data: Any, full: dict[str, nn.Sequential], tmp_path: Path
) -> None:
    student = student_of(data, full, "cnn", replace="poly2")
    student.fit_replacements(torch.from_numpy(data.x_test.copy()))
    masks(student, False)
    files = save_student(student, tmp_path / "run")
    assert files["module"] is None and not (tmp_path / "run.pt").exists()
    with np.load(files["arrays"] or "") as arrays:
        assert np.array_equal(arrays["act1.replacement.p2"], student.gates["act1"].replacement.p2)
    masks(student, True)  # no parabola is in use
    assert save_student(student, tmp_path / "run")["module"] is not None


def test_without_relus_the_saved_student_is_one_region(tmp_path: Path) -> None:
    spirals = load_dataset("spirals").excerpt(64, 16)
    found = quick("deepreduce", [24, 16, 0], data=spirals, seeds=1, out=tmp_path / "run")
    regions = []
    for student in found["students"]:
        (files,) = student["files"]
        assert files["seed"] == 0 and Path(files["arrays"]).exists()
        regions.append(len(rescu.regions(files["module"], box=(-2, 2, -2, 2)).maps)
                       if student["kept"] in (24, 0) else 0)  # fmt: skip
    assert regions[2] == 1 < regions[0]


def test_training_that_diverges_is_an_error_and_no_result(data: Any) -> None:
    for rate in (1e3, 1e30):
        with pytest.raises(UsageError, match=r"seed 0 diverged.*a lower rate"):
            train_full(data, "mlp", Recipe(Training(epochs=2, lr=rate)), 0, (12,))
    with pytest.raises(UsageError, match="diverged"):
        quick("random", 4, lr=1e4)


def test_unequal_relus_are_marked_where_channels_fill_a_budget_by_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A method that keeps the dear channels of the first layer alone, and so fewer ReLUs."""

    def first_alone(student: Student, task: Task) -> int:
        for name, gate in student.gates.items():
            gate.set(torch.full_like(gate.keep, False))
            if name == "act0":
                gate.keep[0] = True
        return 0

    monkeypatch.setitem(METHODS, "taylor", dataclasses.replace(METHODS["taylor"],
                                                               choose=first_alone))  # fmt: skip
    digits = load_dataset("digits").excerpt(100, 50)
    found = quick("random,taylor", 100, data=digits, model="cnn", hidden=(3, 4), by="channel")
    floor, ours = found["students"]
    assert ours["kept_per_seed"] == [64, 64] and floor["kept_per_seed"] != [64, 64]
    assert ours["equal_relus"] is False and floor["equal_relus"] is None
    units = quick("random,snl", 6)["students"]
    assert units[1]["equal_relus"] is True


def test_intervals_of_accuracies_end_where_accuracies_end() -> None:
    found = quick("random,snl", 2, seeds=2)
    for student in found["students"]:
        low, high = student["accuracy"]["ci"]
        assert 0 <= low <= high <= 1
    wide = accuracy_over_seeds([0.2, 0.9])
    assert wide["ci"] == [0.0, 1.0] and wide["mean"] == 0.55
    assert accuracy_difference([0.2, 0.9], [0.9, 0.1])["ci"] == [-1.0, 1.0]


def test_rounding_puts_nobody_on_the_front() -> None:
    def student(kept: int, mean: float) -> dict[str, Any]:
        return {"method": "snl", "kept": kept, "accuracy": {"mean": mean}}

    thirds = (0.1 + 0.2 + 0.3) / 3, (0.3 + 0.2 + 0.1) / 3
    assert thirds[0] > thirds[1]  # the same three, added in another order
    front = linearizing._front(student(9, thirds[0]), [student(4, thirds[1]), student(2, 0.1)])
    assert [point["kept"] for point in front] == [2, 4]


def test_all_may_stand_among_names() -> None:
    assert linearizing._methods("all,random") == list(METHODS)
    assert linearizing._methods("taylor, all")[0] == "taylor"
    with pytest.raises(UnknownNameError, match="Did you mean 'all'"):
        linearizing._methods("alll")


def test_the_test_part_is_not_looked_at_when_judging_on_validation() -> None:
    digits = load_dataset("digits").excerpt(300, 100)
    plain = quick("random", 6, data=digits, judge="validation")
    blind = dataclasses.replace(digits, x_test=np.zeros_like(digits.x_test))
    assert quick("random", 6, data=blind, judge="validation") == plain
    assert quick("random", 6, data=blind) != quick("random", 6, data=digits)


@pytest.mark.parametrize(
    ("methods", "budgets", "options", "error", "words"),
    [
        ("random", 25, {}, UsageError, "between 0 and 24"),
        ("random", -1, {}, UsageError, "A budget of -1"),
        ("random", [], {}, UsageError, "No budget"),
        ("random", [True, 2.5], {}, UsageError, "whole numbers"),
        ("random", [4, 2.5], {}, UsageError, "whole numbers"),
        ("random", [True], {}, UsageError, "whole numbers"),
        ([], 4, {}, UsageError, "No method"),
        ("snnl", 4, {}, UnknownNameError, "Did you mean 'snl'"),
        ("random", 4, {"replace": "poly3"}, UnknownNameError, "Did you mean 'poly2'"),
        ("random", 4, {"by": "layer"}, UnknownNameError, "Known: element, channel"),
        ("random", 4, {"judge": "train"}, UnknownNameError, "judge"),
        ("random", 4, {"model": "ctr"}, UnknownNameError, "model"),
        ("random", 4, {"seeds": 0}, UsageError, "0 seeds"),
        ("random", 4, {"search": 0}, UsageError, "both must be at least 1"),
        ("random", 4, {"data": "regression"}, UsageError, "cannot be used here"),
        ("random", 4, {"data": "breast_cancer", "model": "cnn"}, UsageError, "is a table"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_anything_is_trained(
    methods: Any, budgets: Any, options: Any, error: Any, words: str
) -> None:
    with pytest.raises(error, match=words):
        quick(methods, budgets, **options)


def test_unknown_methods_and_layers_are_named(data: Any, full: dict[str, nn.Sequential]) -> None:
    with pytest.raises(UnknownNameError):
        linearize(data, full["mlp"], "mlp", "greedy", 3, hidden=WIDTHS["mlp"])
    with pytest.raises(UnsupportedError, match="is a Tanh, not known to be linear"):
        collapse(nn.Sequential(nn.Linear(2, 2), nn.Tanh()), 2)
    toy = build_toy("mlp", data, nn.Identity, 0)
    with pytest.raises(UnsupportedError, match="Identity"):
        collapse(toy, data.n_features)
