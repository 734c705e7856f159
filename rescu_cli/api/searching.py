"""`search`: find activations, prove what the best are, and keep them in files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rescu_cli.api.saving import save_figure

if TYPE_CHECKING:
    from rescu_cli.core.activation import Activation
    from rescu_cli.experiment.searching import Row, SearchReport
    from rescu_cli.search.formula import Formula

RUNS = "rescu-runs"
RESULT = "search.json"


def search_activations(
    *,
    space: str = "units",
    strategy: str = "exhaustive",
    objective: str = "accuracy",
    units: int = 1,
    knots: int = 4,
    interpolation: str = "pchip",
    budget: str | None = None,
    top: int = 10,
    seed: int = 0,
    seeds: int = 3,
    confirm: int = 12,
    epochs: Sequence[int] = (3, 9, 27),
    data: str = "digits",
    model: str = "mlp",
    hidden: Sequence[int] | None = (32,),
    lr: float | None = None,
    tune: Sequence[float] | None = None,
    batch_size: int | None = None,
    prove: bool = True,
    engine: str = "local",
    workers: int | None = None,
    out: str | Path | None = None,
    resume: bool = True,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Search for activations by what training says of them.

    Candidates are judged on a validation part of the training data, beside ReLU, SiLU and SmeLU.
    The best are trained anew with other seeds and judged on the test part.

    Args:
        space: ``units``: formulas b(u₁(x), u₂(x)); ``gradient``: monotone gradients through knots.
        strategy: ``exhaustive`` with successive halving, ``evolution`` or ``reinforce``.
        objective: ``accuracy``, or ``pd-at-accuracy``: the least prediction difference of those
            whose accuracy is at most 0.01 below ReLU's.
        units: Of a formula, 1 or 2.
        knots: Of a gradient, 2 to 8.
        interpolation: ``linear`` or ``pchip``.
        budget: ``300s``, ``5m``, or a number of candidates; None for the whole one-unit space.
        top: How many are confirmed.
        seed: Of everything that is drawn. The same seed and a budget that is a number give the same
            result; a budget in seconds ends where the machine has got to.
        seeds: Trainings per candidate.
        confirm: Trainings of each of the best, with seeds that the search has not used.
        epochs: Of the rungs of successive halving; evolution and reinforcement use the last.
        data: As `compare` takes it.
        model: Likewise.
        hidden: Hidden widths.
        lr: Learning rate of everything. If None, the shorter trainings have the model's own, and
            whatever is trained longest, in the search as in the confirmation, its best of ``tune``.
        tune: Learning rates, judged by the loss on the validation part; 1, 3, 10 and 30 times the
            model's own if None.
        batch_size: Examples per step.
        prove: Whether to decide the claims about each of the best.
        engine: As `compare` takes it.
        workers: Likewise.
        out: Run directory; one named after the request if None.
        resume: False trains again what is finished.
        progress: Called with (what is done, epochs done, epochs to do).

    Returns:
        As in the JSON of the command line.

    Raises:
        UsageError: If something does not go together.
        StoreError: If the run directory holds something else.

    Example:
        >>> import rescu_cli as rescu
        >>> found = rescu.search_activations(
        ...     budget="6", epochs=(1, 1, 1), seeds=2, confirm=2, top=1, prove=False, out="found")
        >>> found["n_triples"], len([row for row in found["ranking"] if row["null"]])
        (6250, 3)
    """
    from rescu_cli.core.files import write_json
    from rescu_cli.errors import UsageError
    from rescu_cli.experiment.data import load_dataset
    from rescu_cli.experiment.searching import search as run
    from rescu_cli.search.budget import Budget, read_budget
    from rescu_cli.search.halving import RUNGS, Rung
    from rescu_cli.search.request import Request

    if len(epochs) != len(RUNGS) or any(e < 1 for e in epochs) or list(epochs) != sorted(epochs):
        raise UsageError(f"Epochs of the three rungs, not falling, e.g. 3,9,27; found {epochs}.")
    rungs = tuple(Rung(e, r.kept, r.until) for e, r in zip(epochs, RUNGS, strict=True))
    request = Request(
        space=space, strategy=strategy, objective=objective, n_units=units, n_knots=knots,
        interpolation=interpolation, top=top, seed=seed, seeds=seeds, confirm=confirm, rungs=rungs,
        budget=Budget() if budget is None else read_budget(budget),
    )  # fmt: skip
    name = f"search-{space}{units if space == 'units' else knots}-{strategy}-{objective}-{seed}"
    folder = Path(RUNS) / name if out is None else Path(out)
    report = run(
        request, load_dataset(data), model=model, hidden=hidden, lr=lr,
        tune=tune, batch_size=batch_size,
        engine=engine, workers=workers, out=folder, resume=resume, progress=progress,
    )  # fmt: skip
    for old in folder.glob("found_*.json"):  # of a smaller budget: other activations
        old.unlink()
    result = _result(report, data, budget, prove)
    write_json(folder / RESULT, result)
    _draw(report, folder)
    return result


def _result(report: SearchReport, data: str, budget: str | None, prove: bool) -> dict[str, Any]:
    request, found = report.request, report.found
    facts = {k: v for k, v in found.facts.items() if k != "reasons"}
    winners = [_winner(row, number, report, prove) for number, row in enumerate(report.winners, 1)]
    shown = {id(row) for row in (*report.winners, *found.nulls)}
    return {
        "space": request.space,
        "strategy": request.strategy,
        "objective": request.objective,
        "seed": request.seed,
        "seeds": request.seeds,
        "budget": budget,
        "data": data,
        "complete": found.complete,
        "n_triples": facts.pop("n_triples", None),
        "n_distinct": facts.pop("n_distinct", None),
        **facts,
        "n_trained": sum(row.candidate is not None for row in found.ranking),
        "rungs": list(found.rungs),
        "floor": {str(e): v for e, v in found.floor.items() if v > float("-inf")},
        "ranking": [
            {"rank": place, **row.to_dict()}
            for place, row in enumerate(found.ranking, 1) if id(row) in shown
        ],
        "winners": winners,
        "confirmation": report.confirmation.to_dict(),
        "conclusion": conclusion(report),
        "run_dir": str(report.run_dir),
    }  # fmt: skip


def _winner(row: Row, number: int, report: SearchReport, prove: bool) -> dict[str, Any]:
    """One of the best: its file, and what is proved of it, or why nothing is."""
    from rescu_cli.certify import Verdict, certify
    from rescu_cli.core.files import write_json
    from rescu_cli.errors import RescuError

    found: dict[str, Any] = {"activation": row.subject.spec, "file": None, "claims": None,
                             "reason": None}  # fmt: skip
    try:
        activation = _as_activation(row, f"found_{number}")
        # One claim at least: a formula that is undefined somewhere, such as sin(x)/x, has no file.
        certificate = certify(activation, None if prove else ["continuous"])
        found["claims"] = [claim.to_dict() for claim in certificate.claims]
        if certificate["continuous"].status is not Verdict.PROVED:
            found["reason"] = "It is not proved to be continuous, so no file is written."
            return found
        path = report.run_dir / f"found_{number}.json"
        write_json(path, activation.to_dict())
        found["file"] = str(path)
    except RescuError as error:  # a formula without a certificate is still a result of training
        # What would be right speaks to somebody who wrote the formula.
        found["reason"] = re.split(r"[;:] (?:write|give) ", str(error))[0].rstrip(".") + "."
    return found


def _as_activation(row: Row, name: str) -> Activation:
    from rescu_cli.search.gradients import Curve

    if isinstance(row.candidate, Curve):
        return row.candidate.activation()
    return cast("Formula", row.candidate).activation(name)


def conclusion(report: SearchReport) -> list[str]:
    """What the confirmation shows, in sentences: it speaks of seeds the search has not seen."""
    from rescu_cli.experiment.stats import seeds_needed

    found = report.confirmation
    n, needed = len(found.spec["seeds"]), seeds_needed(len(found.activations) - 1)
    said = []
    if n < needed:
        said.append(f"{n} other seeds cannot reach 5 % after Holm's correction; it takes {needed}.")
    # Of how many seeds it takes, the sentence above speaks: '--seeds' is something else here.
    advice = [sentence for sentence in found.advice if "'--seeds" not in sentence]
    judged = _of_gradients if report.request.space == "gradient" else _of_formulas
    return [*said, *_below_floor(report), *advice, *judged(report)]


def _signed(value: float) -> str:
    """``+0.0123``; what rounds to nothing has no sign."""
    said = f"{value:+.4f}"
    return "0.0000" if float(said) == 0 else said


def _below_floor(report: SearchReport) -> list[str]:
    """That none, or not all, of those confirmed are as accurate as the objective asks."""
    request = report.request
    if request.objective != "pd-at-accuracy":
        return []
    low = [
        row for row in report.winners
        if row.outcome.score is None
        or row.outcome.score < report.found.floor.get(row.outcome.epochs, float("-inf"))
    ]  # fmt: skip
    if not low:
        return []
    return [
        f"{len(low)} of the {len(report.winners)} that are confirmed are not within 0.01 of ReLU's "
        "score on the validation part: no better ones were found."
    ]


def _of_formulas(report: SearchReport) -> list[str]:
    """How many of the best are better than ReLU in score, and in PD, and how many are worse."""
    found = report.confirmation
    score, n = found.activations[0].score_name, len(found.spec["seeds"])
    best = {row.subject.spec for row in report.winners}
    said = []
    for metric, good, bad in ((score, "higher", "lower"), ("pd_l1", "lower", "higher")):
        for verdict in (good, bad):
            names = [c.a for c in found.comparisons
                     if c.metric == metric and c.verdict == verdict and c.a in best]  # fmt: skip
            what = f"{verdict} {metric} than {found.spec['baseline']}"
            if names:
                have = "has" if len(names) == 1 else "have"
                said.append(
                    f"With {n} other seeds, {len(names)} of the best {have} a {what} "
                    f"(Holm, 5 %): {', '.join(names[:3])}{', …' * (len(names) > 3)}."
                )
            elif verdict == good:
                said.append(f"With {n} other seeds, no {what} was shown for any (Holm, 5 %).")
    return said


def _of_gradients(report: SearchReport) -> list[str]:
    """Whether the best gradient has less PD at equal score than ReLU, and than the best SmeLU.

    The best SmeLU is the one with the least PD among those whose score is at most the margin below
    the gradient's, both on the test part: chosen with hindsight, which can only make it harder to
    beat.
    """
    from rescu_cli.search.outcome import MARGIN

    found = report.confirmation
    score = found.activations[0].score_name
    of = {(c.a, c.metric): c for c in found.comparisons}
    rivals: dict[str, float] = {}
    for result in found.activations:
        gap = of.get((result.activation, score))
        pd = result.pd["pd_l1"].value
        if not result.activation.startswith("smelu:") or gap is None or pd is None:
            continue
        if gap.difference is not None and gap.difference >= -MARGIN:
            rivals[result.activation] = pd
    said = [_against(report, score, "relu", "ReLU")]
    if rivals:
        best = min(rivals, key=lambda name: rivals[name])
        said.append(_against(report, score, best, f"the best SmeLU ({best})"))
    else:
        said.append(
            f"No SmeLU of those tried comes within {MARGIN:g} of its {score}: none to compare its "
            "pd_l1 with."
        )
    return said


def _against(report: SearchReport, score: str, rival: str, called: str) -> str:
    from rescu_cli.search.outcome import MARGIN

    best = report.confirmation.spec["baseline"]
    of = {c.metric: c for c in report.confirmation.comparisons if c.a == rival}
    pd, quality = of["pd_l1"], of[score]
    if pd.ci is None or quality.ci is None or pd.difference is None or quality.difference is None:
        return f"{best} against {called}: too few seeds for an interval."
    # An interval without width, of scores that are all alike, shows nothing.
    equal = quality.ci[0] < quality.ci[1] < MARGIN
    verdict = "beats" if equal and pd.verdict == "higher" else "is not shown to beat"
    return (
        f"The best gradient ({best}) {verdict} {called} at equal {score} (Holm, 5 %): pd_l1 "
        f"differs by {_signed(-pd.difference)}, 95 % interval [{_signed(-pd.ci[1])}, "
        f"{_signed(-pd.ci[0])}]; {score} by {_signed(-quality.difference)} "
        f"[{_signed(-quality.ci[1])}, {_signed(-quality.ci[0])}], which may fall by {MARGIN:g} at "
        "most."
    )


def _draw(report: SearchReport, folder: Path) -> None:
    from rescu_cli.plot import plot_search

    rows: list[Mapping[str, Any]] = [row.to_dict() for row in report.found.ranking]
    sound = any(row["pd"] is not None and row["score"] is not None for row in rows)
    best = [row.subject.spec for row in report.winners[:3]]
    save_figure(folder, "search", plot_search(rows, best) if sound else None)
