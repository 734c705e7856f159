"""Leaving out ReLUs: methods, budgets and seeds in one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.api.trials import Progress, load_examples, over_seeds, paired
from rescu_cli.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from rescu_cli.network.linearize.run import Outcome
    from rescu_cli.network.linearize.task import Recipe
    from rescu_cli.network.toy.examples import Examples
    from rescu_cli.network.toy.training import Training

FLOOR = "random"


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
        methods: Names of the table, or ``all``.
        budgets: ReLUs to keep.
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
        out: Folder for ``results.json`` and the figure.
        progress: Called with epochs done and epochs in all.

    Returns:
        ``full``, ``students`` (one per method and budget, with intervals over seeds and the paired
        difference against random masks), ``front`` (what no other network beats with at most
        as many ReLUs), as in the command line's JSON.

    Raises:
        UsageError: If a budget is negative or above the count, or something else is not possible.
    """
    from rescu_cli.experiment.threads import one_thread_per_kernel
    from rescu_cli.network.linearize.run import linearize as run
    from rescu_cli.network.linearize.run import train_full
    from rescu_cli.network.linearize.student import build_student, require_budget
    from rescu_cli.network.toy.training import accuracy

    names, wanted = _methods(methods), _budgets(budgets)
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

    with one_thread_per_kernel():
        for seed in range(seeds):
            full = train_full(examples, model, recipe, seed, hidden)
            full_scores.append(accuracy(full, examples.x_test, examples.y_test))
            done += recipe.full.epochs
            for budget in wanted:
                for name in names:
                    if progress is not None:
                        progress(done, n_epochs)
                    outcome = run(examples, full, model, name, budget, recipe=recipe, seed=seed,
                                  hidden=hidden, by=by, replace=replace)[1]  # fmt: skip
                    found.append(outcome)
                    done += per_student
    students = _students(names, wanted, found, full_scores)
    full_student = {"method": "full", "kept": student.n_relus, "accuracy": over_seeds(full_scores)}
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
            "accuracy": over_seeds(full_scores),
        },
        "students": students,
        "front": _front(full_student, students),
        "figure": None,
    }  # fmt: skip
    return result if out is None else _saved(result, Path(out))


def _methods(asked: str | Sequence[str]) -> list[str]:
    from rescu_cli.network.linearize.table import METHODS

    names = [n.strip() for n in asked.split(",")] if isinstance(asked, str) else list(asked)
    if names == ["all"]:
        return list(METHODS)
    for name in names:
        if name not in METHODS:
            raise UnknownNameError("method", name, list(METHODS))
    return list(dict.fromkeys(names))


def _budgets(asked: int | Sequence[int]) -> list[int]:
    found = sorted({asked} if isinstance(asked, int) else set(asked), reverse=True)
    if not found:
        raise UsageError("No budget was given; write e.g. --budget 100, or 200,100,50.")
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
        floor = [o.accuracy for o in grouped.get((FLOOR, budget), [])]
        for name in names:
            outcomes = grouped[name, budget]
            scores = [o.accuracy for o in outcomes]
            students.append(
                {
                    "method": name,
                    "budget": budget,
                    "kept": max(o.kept for o in outcomes),
                    "kept_per_seed": [o.kept for o in outcomes],
                    "by_layer": [o.by_layer for o in outcomes],
                    "finite": all(o.finite for o in outcomes),
                    "accuracy": over_seeds(scores),
                    "against_full": paired(scores, full_scores),
                    "against_random": (paired(scores, floor) if floor and name != FLOOR else None),
                }
            )
    return students


def _front(full: Mapping[str, Any], students: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What no other network beats with at most as many ReLUs, fewest ReLUs first."""
    front: list[dict[str, Any]] = []
    ranked = sorted([*students, full], key=lambda s: (s["kept"], -s["accuracy"]["mean"]))
    for student in ranked:
        mean = student["accuracy"]["mean"]
        if not front or mean > front[-1]["accuracy"]:
            front.append({"method": student["method"], "kept": student["kept"], "accuracy": mean})
    return front


def _saved(result: dict[str, Any], folder: Path) -> dict[str, Any]:
    from rescu_cli.core.files import write_atomically, write_json
    from rescu_cli.errors import StoreError
    from rescu_cli.plot import figure_bytes, plot_linearize

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"Cannot make the folder {folder}: {error.strerror or error}.") from error
    figure = plot_linearize(result)
    for ending in ("png", "svg"):
        write_atomically(folder / f"front.{ending}", figure_bytes(figure, ending))
    result["figure"] = str(folder / "front.png")
    write_json(folder / "results.json", result)
    return result
