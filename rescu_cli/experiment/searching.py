"""`search`: candidates of a space trained in batches, ranked beside null rows, and confirmed.

Whatever is chosen is chosen on a validation part of the training data. The best are then trained
anew with other seeds, each with its best learning rate, and judged on the test part, which the
search has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rescu_cli.core.files import write_json
from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment.comparison import compare
from rescu_cli.experiment.engine import open_executor
from rescu_cli.experiment.known import KnownOutcomes, claim
from rescu_cli.experiment.models import MODELS
from rescu_cli.experiment.screening import Screened, Screening
from rescu_cli.experiment.spec import VALIDATION_SHARE
from rescu_cli.experiment.store import locked
from rescu_cli.search.evolution import BROOD, POPULATION, evolve
from rescu_cli.search.formula import AtScale, Formula, shape_of
from rescu_cli.search.gradients import Curve, Curves
from rescu_cli.search.halving import successive_halving
from rescu_cli.search.outcome import MARGIN, Objective, Outcome
from rescu_cli.search.request import Request
from rescu_cli.search.sampler import Formulas, Sampler
from rescu_cli.search.space import one_unit_space, shapes, sorted_out

if TYPE_CHECKING:
    from rescu_cli.core.activation import Activation
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.report import Report
    from rescu_cli.experiment.subject import Subject

NULLS = ("relu", "swish", "smelu")
SMELU_BETAS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
CHUNK = 192
FACTORS = (1, 3, 10, 30)
"""What is trained longest gets its best of so many times the model's own learning rate: at a fixed
rate a steeper function only learns faster."""
RANKING = "ranking.json"
KNOWN = ("relu", "swish", "softplus", "tanh", "sigmoid", "identity")

Candidate = Formula | Curve


@dataclass(frozen=True)
class Row:
    """One line of the ranking.

    Args:
        subject: What was trained.
        candidate: Where it lies in the space; None for a null row.
        outcome: On the validation part.
    """

    subject: Subject
    candidate: Candidate | None
    outcome: Outcome

    def to_dict(self) -> dict[str, Any]:
        found = asdict(self.outcome)
        knots = self.candidate.knots if isinstance(self.candidate, Curve) else None
        return {"activation": self.subject.spec, "null": self.candidate is None, "knots": knots,
                **found}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a search found on the validation part.

    Args:
        facts: Of the space: how many triples, distinct functions, trainable ones, and why others
            are not; empty for a space that is not counted.
        ranking: All that were trained: those trained longest first, then by the objective; null
            rows among them.
        rungs: Candidates trained and left in each round.
        complete: Whether the budget left nothing of a space that has an end.
        floor: Score that counts as accurate enough, by epochs.
    """

    facts: Mapping[str, Any]
    ranking: tuple[Row, ...]
    rungs: tuple[Mapping[str, int], ...]
    complete: bool
    floor: Mapping[int, float]

    def best(self, n: int) -> tuple[Row, ...]:
        """The best n candidates that did not diverge, best first; if all did, the first."""
        rows = [row for row in self.ranking if row.candidate is not None]
        sound = [row for row in rows if not row.outcome.n_diverged]
        return tuple((sound or rows[:1])[:n])

    @property
    def nulls(self) -> tuple[Row, ...]:
        """The null rows, best first."""
        return tuple(row for row in self.ranking if row.candidate is None)

    def to_dict(self) -> dict[str, Any]:
        """The ranking, and why the others were not trained."""
        return {
            "ranking": [row.to_dict() for row in self.ranking],
            "reasons": dict(self.facts.get("reasons", {})),
        }


@dataclass(frozen=True)
class SearchReport:
    """A search and what became of the best.

    Args:
        request: What was asked.
        found: On the validation part.
        confirmation: The best and the null rows with other seeds, on the test part.
        run_dir: Where everything is kept.
    """

    request: Request
    found: Found
    confirmation: Report
    run_dir: Path

    @property
    def winners(self) -> tuple[Row, ...]:
        """The candidates that were confirmed, best first."""
        return self.found.best(self.request.top)


def search(
    request: Request,
    dataset: Dataset,
    *,
    model: str = "mlp",
    hidden: Sequence[int] | None = None,
    lr: float | None = None,
    tune: Sequence[float] | None = None,
    batch_size: int | None = None,
    engine: str | Executor = "local",
    workers: int | None = None,
    out: str | Path = "rescu-runs/search",
    resume: bool = True,
    progress: Callable[[str, int, int], None] | None = None,
) -> SearchReport:
    """Searches a space.

    Args:
        request: What and how.
        dataset: Data; a fifth of its training part judges the candidates.
        model: Name in the table of models.
        hidden: Hidden widths.
        lr: Learning rate of everything. If None, the shorter trainings have the model's own, and
            whatever is trained longest, null rows and confirmation too, its best of ``tune``.
        tune: Learning rates, judged by validation loss; `FACTORS` times the model's own if None.
        batch_size: Examples per step.
        engine: As `compare` takes it.
        workers: Likewise.
        out: Run directory. The same request in it goes on where it stopped, also with another
            budget, and trains nothing twice.
        resume: False trains again what is finished.
        progress: Called with (what is done, epochs done, epochs to do) for each batch.

    Raises:
        UsageError: If something does not go together, or nothing can be trained.
        StoreError: If the run directory belongs to something else.
    """
    folder = Path(out)
    rates = _rates(model, lr, tune)
    held = dataset.validation(VALIDATION_SHARE)
    with open_executor(engine, workers) as executor, locked(folder):
        screening = Screening(
            held, executor, workers, model=model, hidden=hidden, lr=lr, batch_size=batch_size,
            resume=resume,
        )  # fmt: skip
        said = None if progress is None else lambda done, of: progress("confirming", done, of)

        claim(folder, _lasting(request, screening, rates))
        known = KnownOutcomes(folder, resume=resume)
        found = _Search(request, screening, folder, known, rates, progress).run()
        # Before the confirmation, which may be stopped or fail: the search is not lost with it.
        write_json(folder / RANKING, found.to_dict())
        nulls = [row.subject for row in found.nulls]
        every = [*nulls, *(row.subject for row in found.best(request.top))]
        fresh = list(request.confirming)
        last = request.rungs[-1].epochs
        asked = replace(screening.spec(every, fresh, last), data_digest=dataset.digest)
        confirmation = compare(
            cast("Any", every), data=dataset, model=model, hidden=hidden, lr=lr,
            tune=rates or None, batch_size=screening.batch_size, epochs=last,
            baseline=_baseline(request, found), margin=MARGIN, engine=executor, seeds=fresh,
            out=folder / f"confirmed-{asked.digest[:12]}", resume=resume, progress=said,
        )  # fmt: skip
        return SearchReport(request, found, confirmation, folder)


def _lasting(request: Request, screening: Screening, rates: Sequence[float]) -> dict[str, Any]:
    """What must be the same for a search to go on in a folder."""
    asked = asdict(request)
    for name in ("budget", "top", "confirm"):
        del asked[name]
    asked["epochs"] = [rung["epochs"] for rung in asked.pop("rungs")]
    return {**asked, "rates": list(rates), **screening.recipe}


def _rates(model: str, lr: float | None, tune: Sequence[float] | None) -> tuple[float, ...]:
    """What is tried for whatever is trained longest; nothing if one rate is for everything."""
    if model not in MODELS:
        raise UnknownNameError("model", model, sorted(MODELS))
    if lr is not None:
        if tune is not None:
            raise UsageError("'--lr' gives one learning rate and '--tune' searches for it; name "
                             "one.")  # fmt: skip
        return ()
    if tune is None:
        return tuple(float(f"{factor * MODELS[model].lr:.6g}") for factor in FACTORS)
    if len(set(tune)) < 2 or not all(isfinite(rate) and rate > 0 for rate in tune):
        raise UsageError(
            f"'--tune' needs at least two positive learning rates; found {list(tune)}. '--lr' "
            "gives one for everything."
        )
    return tuple(dict.fromkeys(float(rate) for rate in tune))


def _baseline(request: Request, found: Found) -> str:
    """ReLU; for gradients the best of them, which is held against SmeLU at every β."""
    if request.space == "gradient":
        return found.best(1)[0].subject.spec
    return next(row.subject.spec for row in found.nulls if row.subject.name == "relu")


class _Search:
    """One search in its folder."""

    def __init__(
        self, request: Request, screening: Screening, folder: Path, known: KnownOutcomes,
        rates: tuple[float, ...], progress: Callable[[str, int, int], None] | None,
    ) -> None:  # fmt: skip
        self._request, self._screening, self._folder = request, screening, folder
        self._known, self._rates, self._progress = known, rates, progress
        self._floors: dict[int, float] = {}
        self._nulls: dict[int, list[tuple[Activation, Outcome]]] = {}
        self._rng = np.random.default_rng(request.seed)

    def run(self) -> Found:
        """Searches, and ranks beside the null rows."""
        request = self._request
        facts, results, rungs = self._halved() if request.strategy == "exhaustive" else self._bred()
        longest = max((o.epochs for _, o in results), default=0)
        if longest == 0:
            raise UsageError("Nothing was trained; give a larger budget.")
        rows = [Row(self._subject(c), c, o) for c, o in results]
        nulls = [Row(a, None, o) for a, o in self._null_rows(longest)]
        # Each by the floor of its own length: what ReLU reaches after as many epochs.
        ranking = sorted(
            [*rows, *nulls], reverse=True,
            key=lambda r: (r.outcome.epochs, self._objective(r.outcome.epochs).key(r.outcome)),
        )  # fmt: skip
        left = sum(rung["left"] for rung in rungs)
        return Found(
            facts=facts, ranking=tuple(ranking), rungs=tuple(rungs),
            complete=bool(facts.get("n_distinct")) and left == 0, floor=dict(self._floors),
        )  # fmt: skip

    # -- strategies ------------------------------------------------------------------------------

    def _halved(self) -> tuple[dict[str, Any], list[tuple[Candidate, Outcome]], list[Any]]:
        request = self._request
        facts, candidates = self._candidates()
        order = self._rng.permutation(len(candidates))  # a budget that ends early leaves a sample
        chosen = [candidates[i] for i in order]
        budget = request.budget.started()  # the space is there
        if budget.candidates is not None:
            chosen = chosen[: budget.candidates]
        halved = successive_halving(
            chosen,
            lambda part, rung, _: self._trained(part, request.rungs[rung].epochs, f"rung{rung}"),
            lambda rung: self._objective(request.rungs[rung].epochs),
            chunk=CHUNK, spent=budget.spent, rungs=request.rungs,
        )  # fmt: skip
        rungs = [{"epochs": rung.epochs, "trained": n, "left": left}
                 for rung, n, left in zip(request.rungs, halved.reached, halved.left,
                                          strict=True)]  # fmt: skip
        rungs[0]["left"] += len(candidates) - len(chosen)
        return facts, list(halved.results), rungs

    def _bred(self) -> tuple[dict[str, Any], list[tuple[Candidate, Outcome]], list[Any]]:
        request = self._request
        epochs = request.rungs[-1].epochs

        def evaluate(part: Sequence[Candidate], generation: int) -> list[Outcome]:
            return self._trained(part, epochs, f"generation{generation}")

        facts = self._counted()[0] if request.space == "units" and request.n_units == 1 else {}
        budget = request.budget.started()
        most = budget.candidates or 10**9
        objective = self._objective(epochs)
        answers = self._null_shapes(epochs)
        if request.strategy == "reinforce":
            from rescu_cli.search.controller import reinforce

            history: list[Any] = reinforce(
                request.n_units, evaluate, objective, self._rng, n_trained=most,
                spent=budget.spent, answers=answers,
            )  # fmt: skip
        else:
            sampler: Sampler[Any] = (
                Curves(request.n_knots, request.interpolation) if request.space == "gradient"
                else Formulas(request.n_units)
            )  # fmt: skip
            history = evolve(
                sampler, evaluate, objective, self._rng, n_trained=most,
                spent=budget.spent, population=POPULATION, brood=BROOD, known=answers,
            )  # fmt: skip
        return facts, history, [{"epochs": epochs, "trained": len(history), "left": 0}]

    def _candidates(self) -> tuple[dict[str, Any], list[Candidate]]:
        request = self._request
        if request.space == "gradient":
            sampler = Curves(request.n_knots, request.interpolation)
            n = request.budget.candidates or 2000
            drawn: dict[bytes, Candidate] = {}
            for _ in range(20 * n):  # small spaces have fewer
                if len(drawn) == n:
                    break
                curve = sampler.sample(self._rng)
                if sampler.rejection(curve) is None:
                    drawn.setdefault(sampler.mark(curve), curve)
            return {}, list(drawn.values())
        facts, kept = self._counted()
        for mark in self._null_shapes(request.rungs[-1].epochs):
            kept.pop(mark, None)
        return facts, sorted(kept.values())

    def _counted(self) -> tuple[dict[str, Any], dict[bytes, Formula]]:
        """The one-unit space in numbers, and its trainable functions by shape."""
        from rescu_cli.catalogue import get
        from rescu_cli.export import torch_functions

        space = one_unit_space({name: torch_functions(get(name)) for name in KNOWN})
        kept, reasons, counts = sorted_out(space.distinct)
        found = shapes(kept)
        facts = {
            "n_triples": space.n_triples,
            "n_distinct": len(space.distinct),
            "n_trainable": len(kept),
            "n_shapes": len(found),
            "rejected": dict(counts),
            "reasons": reasons,
            "recognised": {name: f.spec for name, f in space.recognised.items()},
        }
        return facts, found

    def _null_shapes(self, epochs: int) -> dict[bytes, Outcome]:
        """The null rows' outcomes by shape: none is trained again as a formula.

        The same network twice would say nothing, and `compare` refuses it.
        """
        from rescu_cli.export import torch_functions

        return {
            shape_of(torch_functions(activation).value): outcome
            for activation, outcome in self._null_rows(epochs)
        }

    # -- training --------------------------------------------------------------------------------

    def _subject(self, candidate: Candidate) -> Subject:
        return candidate.activation() if isinstance(candidate, Curve) else candidate

    def _trained(self, part: Sequence[Candidate], epochs: int, folder: str) -> list[Outcome]:
        scaled = [AtScale(c) if isinstance(c, Formula) else c.activation() for c in part]
        return self._screened(scaled, epochs, folder)

    def _screened(self, subjects: Sequence[Subject], epochs: int, folder: str) -> list[Outcome]:
        seeds = self._request.searching
        rates = self._rates if epochs == self._request.rungs[-1].epochs else ()
        keys = [f"{self._screening.spec([s], seeds, epochs).digest} {list(rates)}"
                for s in subjects]  # fmt: skip
        new = [(s, key) for s, key in zip(subjects, keys, strict=True) if key not in self._known]
        if new:
            self._known.add(
                [key for _, key in new], self._train([s for s, _ in new], epochs, folder, rates)
            )
        return [_outcome(self._known[key], epochs) for key in keys]

    def _train(
        self, subjects: Sequence[Subject], epochs: int, folder: str, rates: Sequence[float]
    ) -> list[Screened]:
        tick = self._progress
        said = None if tick is None else lambda done, of: tick(folder, done, of)
        seeds = self._request.searching
        # Named after what it trains: a batch that was stopped is found again by its cells.
        folder += f"-{self._screening.spec(subjects, seeds, epochs).digest[:12]}"
        return self._screening(subjects, seeds, epochs, self._folder / folder, rates, said)

    def _null_rows(self, epochs: int) -> list[tuple[Activation, Outcome]]:
        """ReLU, SiLU and SmeLU; where gradients are searched, SmeLU at several β."""
        if epochs not in self._nulls:
            from rescu_cli.catalogue import resolve

            smelus = [f"smelu:beta={b:g}" for b in SMELU_BETAS]
            several = self._request.space == "gradient"
            names = ["relu", "swish", *(smelus if several else ["smelu"])]
            subjects = [resolve(name).with_defaults() for name in names]
            rows = list(zip(subjects, self._screened(subjects, epochs, f"nulls-{epochs}"),
                            strict=True))  # fmt: skip
            score = rows[0][1].score
            self._floors[epochs] = -np.inf if score is None else score - MARGIN
            self._nulls[epochs] = rows
        return self._nulls[epochs]

    def _objective(self, epochs: int) -> Objective:
        self._null_rows(epochs)
        return Objective(self._request.objective, self._floors[epochs])


def _outcome(found: Screened, epochs: int) -> Outcome:
    return Outcome(found.score, found.loss, found.pd, found.n_diverged, epochs, found.lr)
