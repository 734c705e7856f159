"""Leaving out ReLUs: methods, budgets and seeds in one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.api.accuracies import accuracy_difference, accuracy_over_seeds
from rescu_cli.api.saving import save_figure
from rescu_cli.api.trials import Progress, load_examples
from rescu_cli.core.files import make_folder
from rescu_cli.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from rescu_cli.network.linearize.run import Outcome
    from rescu_cli.network.linearize.task import Recipe
    from rescu_cli.network.toy.examples import Examples
    from rescu_cli.network.toy.training import Training

FLOOR = "random"
STUDENTS = "students"
_NOISE = 1e-12
"""Means of equal accuracies differ by rounding alone; nobody is better by that."""


def linearize(
    methods: str | Sequence[str] = "all",
    budgets: int | Sequence[int] = 100,
    *,
    data: str | Examples = "digits",
    label: str | None = None,
    model: str = "mlp",
    hidden: Sequence[int] | None = None,
    replace: str = "identity",
    by: str = "element",
    seeds: int = 3,
    epochs: int | None = None,
    search: int | None = None,
    tune: int | None = None,
    lr: float | None = None,
    judge: str = "test",
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Leave out ReLUs of toy networks by several methods; accuracy against what is left.

    For each seed one full network is trained; every method and budget begins with its weights and
    learns from it.

    Args:
        methods: Names of the table; ``all`` for all of them.
        budgets: ReLUs to keep, whole numbers.
        data: Data set, as `compare` takes it.
        label: Label column of a file.
        model: mlp or cnn.
        hidden: Widths, or channels.
        replace: identity or poly2: what takes a ReLU's place.
        by: element or channel: what is left out as one.
        seeds: Full networks, at least 1; 3 or more for intervals worth reading.
        epochs: Of the full networks.
        search: Epochs of the search; see `rescu_cli.network.linearize.task.Recipe`.
        tune: Epochs of fine-tuning.
        lr: First learning rate of both.
        judge: ``test``, or ``validation``: train on four fifths of the training part and judge on
            the rest. What is to be tuned belongs there.
        out: Folder for ``results.json``, the figure, and every student (see
            `rescu_cli.network.linearize.saving`).
        progress: Called with epochs done and epochs in all.

    Returns:
        ``full``, ``students`` (one per method and budget, with intervals over seeds and the paired
        difference against random masks; ``equal_relus`` says whether those two have as many ReLUs,
        which whole channels need not), ``front`` (what no other network beats with at most
        as many ReLUs), as in the command line's JSON.

    Raises:
        UsageError: If a budget is negative or above the count, a full network diverges, or
            something else is not possible.
    """
    from rescu_cli.experiment.threads import one_thread_per_kernel
    from rescu_cli.network.linearize.run import linearize as run
    from rescu_cli.network.linearize.run import train_full
    from rescu_cli.network.linearize.saving import save_student
    from rescu_cli.network.linearize.student import build_student, require_budget
    from rescu_cli.network.toy.training import accuracy

    names, wanted = _methods(methods), _budgets(budgets)
    folder = None if out is None else Path(out)
    if seeds < 1:
        raise UsageError(f"{seeds} seeds asked; at least 1.")
    examples = load_examples(data, label, judge)
    recipe = _recipe(epochs, search, tune, lr)
    student = build_student(model, examples, 0, hidden=hidden, by=by, replace=replace)
    for budget in wanted:
        require_budget(budget, student.n_relus)
    per_student = recipe.search + recipe.tune
    n_epochs = seeds * (recipe.full.epochs + len(names) * len(wanted) * per_student)
    done, full_scores, found = 0, [], []
    files: dict[tuple[str, int], list[dict[str, Any]]] = {}
    if folder is not None:
        make_folder(folder / STUDENTS)  # before hours of training, not after

    with one_thread_per_kernel():
        for seed in range(seeds):
            full = train_full(examples, model, recipe, seed, hidden)
            full_scores.append(accuracy(full, examples.x_test, examples.y_test))
            done += recipe.full.epochs
            for budget in wanted:
                for name in names:
                    if progress is not None:
                        progress(done, n_epochs)
                    made, outcome = run(
                        examples, full, model, name, budget, recipe=recipe, seed=seed,
                        hidden=hidden, by=by, replace=replace,
                    )  # fmt: skip
                    found.append(outcome)
                    if folder is not None:
                        path = folder / STUDENTS / f"{name}-{budget}-seed{seed}"
                        files.setdefault((name, budget), []).append(
                            {"seed": seed, **save_student(made, path)}
                        )
                    done += per_student
    students = _students(names, wanted, found, full_scores)
    for one in students:
        one["files"] = files.get((one["method"], one["budget"]))
    full_student = {
        "method": "full",
        "kept": student.n_relus,
        "accuracy": accuracy_over_seeds(full_scores),
    }
    result: dict[str, Any] = {
        "spec": {
            "data": examples.name, "model": model, "by": by, "replace": replace,
            "hidden": None if hidden is None else list(hidden), "judge": judge,
            "methods": names, "budgets": wanted, "seeds": list(range(seeds)),
            "epochs": recipe.full.epochs, "search": recipe.search, "tune": recipe.tune,
            "lr": recipe.full.lr, "batch_size": recipe.full.batch_size,
        },
        "full": {
            "relus": student.n_relus,
            "by_layer": {k: g.n_relus for k, g in student.gates.items()},
            "accuracy": accuracy_over_seeds(full_scores),
        },
        "students": students,
        "front": _front(full_student, students),
        "figure": None,
    }  # fmt: skip
    return result if folder is None else _saved(result, folder)


def _methods(asked: str | Sequence[str]) -> list[str]:
    from rescu_cli.network.linearize.table import METHODS

    names = [n.strip() for n in asked.split(",")] if isinstance(asked, str) else list(asked)
    if not names:
        raise UsageError(f"No method was given; choose from {', '.join(METHODS)}, or all.")
    found: dict[str, None] = {}
    for name in names:
        if name != "all" and name not in METHODS:
            raise UnknownNameError("method", name, [*METHODS, "all"])
        found |= dict.fromkeys(METHODS if name == "all" else [name])
    return list(found)


def _budgets(asked: int | Sequence[int]) -> list[int]:
    given = [asked] if isinstance(asked, int) else list(asked)
    try:
        # Not int(), which takes 2.5 for 2; and True is no number of ReLUs.
        found = sorted({index(b) for b in given if not isinstance(b, bool)}, reverse=True)
    except TypeError:
        found = []
    if not given:
        raise UsageError("No budget was given; write e.g. --budget 100, or 200,100,50.")
    if not found or any(isinstance(b, bool) for b in given):
        raise UsageError(f"The budgets {given} are not all whole numbers of ReLUs.")
    return found


def _recipe(epochs: int | None, search: int | None, tune: int | None, lr: float | None) -> Recipe:
    from rescu_cli.network.linearize.task import Recipe
    from rescu_cli.network.toy.training import Training

    usual = Recipe()
    full: Training = Training(
        usual.full.epochs if epochs is None else epochs,
        usual.full.lr if lr is None else lr,
        usual.full.batch_size,
    )
    return Recipe(full, usual.search if search is None else search,
                  usual.tune if tune is None else tune)  # fmt: skip


def _students(
    names: Sequence[str], budgets: Sequence[int], found: Iterable[Outcome],
    full_scores: Sequence[float],
) -> list[dict[str, Any]]:  # fmt: skip
    grouped: dict[tuple[str, int], list[Outcome]] = {}
    for outcome in found:
        grouped.setdefault((outcome.method, outcome.budget), []).append(outcome)
    students = []
    for budget in budgets:
        floor = grouped.get((FLOOR, budget), [])
        floor_scores = [o.accuracy for o in floor]
        for name in names:
            outcomes = grouped[name, budget]
            scores = [o.accuracy for o in outcomes]
            kept = [o.kept for o in outcomes]
            compared = bool(floor) and name != FLOOR
            students.append(
                {
                    "method": name,
                    "budget": budget,
                    "kept": max(kept),
                    "kept_per_seed": kept,
                    "by_layer": [o.by_layer for o in outcomes],
                    "finite": all(o.finite for o in outcomes),
                    "accuracy": accuracy_over_seeds(scores),
                    "against_full": accuracy_difference(scores, full_scores),
                    "against_random": (
                        accuracy_difference(scores, floor_scores) if compared else None
                    ),
                    # Whole channels fill a budget by steps of their own size.
                    "equal_relus": kept == [o.kept for o in floor] if compared else None,
                }
            )
    return students


def _front(full: Mapping[str, Any], students: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What no other network beats with at most as many ReLUs, fewest ReLUs first."""
    front: list[dict[str, Any]] = []
    ranked = sorted([*students, full], key=lambda s: (s["kept"], -s["accuracy"]["mean"]))
    for student in ranked:
        mean = student["accuracy"]["mean"]
        if not front or mean > front[-1]["accuracy"] + _NOISE:
            front.append({"method": student["method"], "kept": student["kept"], "accuracy": mean})
    return front


def _saved(result: dict[str, Any], folder: Path) -> dict[str, Any]:
    from rescu_cli.core.files import write_json
    from rescu_cli.plot import plot_linearize

    save_figure(folder, "front", plot_linearize(result))
    result["figure"] = str(folder / "front.png")
    write_json(folder / "results.json", result)
    return result
