"""Semantic leakage: the leak rate of outputs from anywhere, and of toy models that have one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rescu_cli.api.saving import few_seeds, save_figure
from rescu_cli.core.files import make_folder
from rescu_cli.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rescu_cli.core.activation import Activation
    from rescu_cli.sequence.leak.pairs import Pair
    from rescu_cli.sequence.leak.rate import Judged
    from rescu_cli.sequence.leak.similarity import Similarity
    from rescu_cli.sequence.leak.toy import Asked

RESULT = "leak.json"
FIGURE = "leak"
ACTIVATIONS = ("relu", "smelu", "swish")
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
NONE = 50.0
"""The leak rate where nothing leaks."""
MOST_SEEDS = 10_000
FEW_PAIRS = 30


def leak_rate(
    pairs: str | Path | Iterable[Sequence[str]],
    *,
    similarity: str | Sequence[str] = "ngrams:3",
    out: str | Path | None = None,
) -> dict[str, Any]:
    """How often outputs are drawn towards a concept that was added to the prompt.

    Args:
        pairs: A CSV with the header concept,control,test; or triples of texts.
        similarity: ``ngrams:3``, ``words``, ``vectors:FILE``, or several; the first one is the
            headline.
        out: Folder for ``leak.json``; nothing is written if None.

    Returns:
        The ``result`` of ``rescu seq leak --pairs FILE --json``: the rate with its 95 % interval
        over pairs and the share of ties, of the first similarity and of each, and every pair.

    Raises:
        UsageError: If the pairs or a file of vectors cannot be understood; the row is named.
        StoreError: If a file cannot be read or written.

    Example:
        >>> import rescu_cli as rescu
        >>> found = rescu.leak_rate([("yellow", "He is a teacher.", "He is a yellow bus driver.")])
        >>> found["leak_rate"], [round(end, 1) for end in found["ci"]]
        (100.0, [20.7, 100.0])
    """
    from rescu_cli.sequence.leak.interval import METHOD
    from rescu_cli.sequence.leak.pairs import read_pairs, require_pairs
    from rescu_cli.sequence.leak.similarity import similarity_of

    source = str(pairs) if isinstance(pairs, str | Path) else None
    if source is not None:
        given = read_pairs(Path(source))
    else:
        given = require_pairs(cast("Iterable[Sequence[str]]", pairs))
    asked = [similarity] if isinstance(similarity, str) else list(similarity)
    chosen = [similarity_of(text, given) for text in asked]
    if not asked or len({one.name for one in chosen}) != len(asked):
        raise UsageError(f"Similarities {asked} asked; one at least, none twice.")
    found = [_judged(given, s) for s in chosen]
    first = found[0]
    result = {
        **{k: first[k] for k in ("leak_rate", "ci", "tie_share", "similarity")},
        "pairs_from": source,
        "n_pairs": len(given),
        "n_concepts": len({pair.concept.strip().casefold() for pair in given}),
        "ci_method": METHOD,
        "similarities": found,
        "notes": _notes(given, chosen, found),
    }
    if out is not None:
        _write(make_folder(out), result)
    return result


def toy_leak(
    *,
    activations: Sequence[str] = ACTIVATIONS,
    strengths: Sequence[float] = STRENGTHS,
    seeds: int | Sequence[int] = 5,
    sentences: int = 2000,
    prompts: int = 512,
    hidden: int = 64,
    epochs: int = 6,
    lr: float = 5e-3,
    batch_size: int = 128,
    out: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Leak rates of tiny language models whose corpus has a planted association.

    Args:
        activations: As typed on the command line; the first one is compared with.
        strengths: Probabilities with which a thing is that of its colour.
        seeds: How many (0, 1, …), or which.
        sentences: Texts of a corpus.
        prompts: Pairs of prompts for each model.
        hidden: Units.
        epochs: Passes over the corpus.
        lr: First learning rate.
        batch_size: Tokens per step.
        out: Folder for ``leak.json`` and the figure; nothing is written if None.
        progress: Called with (models done, models to do).

    Returns:
        The ``result`` of ``rescu seq leak --toy --json``: per activation and strength the mean over
        seeds with its 95 % t interval, its variation, and the difference from the first activation,
        paired by seed.

    Raises:
        UsageError: If something asked is not possible, or a training diverged.
        StoreError: If the folder cannot be written.

    Example:
        >>> import rescu_cli as rescu
        >>> found = rescu.toy_leak(activations=["relu"], strengths=[0, 1], seeds=1, epochs=1)
        >>> [rate["expected"] for rate in found["activations"][0]["rates"]]
        [50.0, 93.75]
    """
    from rescu_cli import catalogue
    from rescu_cli.experiment.threads import one_thread_per_kernel
    from rescu_cli.sequence.leak.grammar import expected_rate, require_strength
    from rescu_cli.sequence.leak.toy import ToyPlan, ask_model, train_model

    plan = ToyPlan(sentences, prompts, hidden, epochs, lr, batch_size)
    which = _seeds(seeds)
    levels = sorted(float(s) for s in strengths)
    for level in levels:
        require_strength(level)
    chosen = [catalogue.resolve(name).with_defaults() for name in activations]
    specs = [activation.spec for activation in chosen]
    for what, values in (("activation", specs), ("strength", levels)):
        if not values or len(set(values)) != len(values):
            raise UsageError(f"{what} {list(values)} asked; one at least, none twice.")
    abouts = [_about(activation) for activation in chosen]
    folder = None if out is None else make_folder(out)
    n_all, n_done = len(chosen) * len(levels) * len(which), 0
    asked: list[list[list[Asked]]] = []
    with one_thread_per_kernel():  # kernels this small only wait for each other
        for activation in chosen:
            asked.append([])
            for level in levels:
                asked[-1].append([])
                for seed in which:
                    model = train_model(activation, level, plan, seed)
                    asked[-1][-1].append(ask_model(model, plan.prompts, seed))
                    n_done += 1
                    if progress is not None:
                        progress(n_done, n_all)
    rows = []
    for place, (about, found) in enumerate(zip(abouts, asked, strict=True)):
        rates = [
            {
                "strength": level,
                "expected": expected_rate(level),
                **_over_seeds(runs),
                "difference": None if place == 0 else _difference(runs, asked[0][i]),
            }
            for i, (level, runs) in enumerate(zip(levels, found, strict=True))
        ]
        rows.append({**about, "rates": rates, "monotone": _monotone(rates)})
    result = {
        "activations": rows,
        "strengths": levels,
        "seeds": list(which),
        "plan": vars(plan).copy(),
        "covers_none": _covers(rows),
        "notes": _toy_notes(rows, which),
    }
    if folder is not None:
        _write(folder, result)
        _draw(folder, result)
    return result


def draw_leak(result: Mapping[str, Any]) -> Figure:
    """Leak rate against planted strength, of a result of `toy_leak`."""
    from rescu_cli.plot.leak import plot_leak

    return plot_leak(result)


def _judged(pairs: Sequence[Pair], similarity: Similarity) -> dict[str, Any]:
    from rescu_cli.sequence.leak.rate import judge, leak_rate

    judged = judge(pairs, similarity)
    rate = leak_rate(judged)
    return {
        "similarity": similarity.name,
        "leak_rate": rate.value,
        "exact": str(rate.exact),
        "ci": list(rate.interval()),
        "tie_share": rate.tie_share,
        "n_above": rate.above,
        "n_equal": rate.equal,
        "n_below": rate.below,
        **similarity.details,
        "pairs": [_pair(j) for j in judged],
    }


def _pair(judged: Judged) -> dict[str, Any]:
    return {
        "concept": judged.pair.concept,
        "leak": judged.leak,
        "control": judged.control,
        "test": judged.test,
    }


def _notes(
    pairs: Sequence[Pair], chosen: Sequence[Similarity], found: Sequence[Mapping[str, Any]]
) -> list[str]:
    from rescu_cli.sequence.leak.rate import MANY_TIES

    notes = []
    for similarity, row in zip(chosen, found, strict=True):
        finer = "vectors:FILE" if similarity.name.startswith("ngrams") else "ngrams:3"
        if row["tie_share"] > MANY_TIES:
            notes.append(
                f"Warning: {similarity.name} ties on {100 * row['tie_share']:.0f} % of the pairs "
                f"(more than {100 * MANY_TIES:.0f} %), and every tie counts 50: the rate is drawn "
                f"to 50 by what the similarity cannot see. Try {finer}."
            )
        notes += [f"{similarity.name}: {note}" for note in similarity.notes]
    often = Counter(pair.concept.strip().casefold() for pair in pairs)
    if len(often) < len(pairs):
        notes.append(
            f"{len(pairs)} pairs speak of {len(often)} concept{'s' * (len(often) > 1)}; the "
            "interval takes pairs for independent, and is too short if those of one concept are "
            "alike."
        )
    if len(pairs) < FEW_PAIRS:
        notes.append(
            f"{len(pairs)} pair{'s make' if len(pairs) > 1 else ' makes'} a wide interval; its "
            "width falls with the square root of their number."
        )
    return notes


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(seeds, int):
        which: tuple[Any, ...] = tuple(range(seeds)) if seeds <= MOST_SEEDS else ()
    else:
        which = tuple(seeds)
    fitting = all(isinstance(s, int) and not isinstance(s, bool) and s >= 0 for s in which)
    if not which or not fitting or len(set(which)) != len(which):
        raise UsageError(
            f"Seeds {seeds} asked; one at least (as a number of seeds {MOST_SEEDS} at most), each "
            "a whole number from 0, none twice."
        )
    return which


def _about(activation: Activation) -> dict[str, Any]:
    from rescu_cli.core.surrogate import label

    return {"activation": activation.spec, "surrogate": label(activation)}


def _over_seeds(runs: Sequence[Asked]) -> dict[str, Any]:
    import numpy as np

    values = np.array([run.rate.value for run in runs])
    within = [np.var([j.leak for j in run.judged]) / len(run.judged) for run in runs]
    return {
        **_estimate(values),
        "per_seed": [float(v) for v in values],
        "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
        "sampling_sd": float(np.mean(within) ** 0.5),
        "tie_share": float(np.mean([run.rate.tie_share for run in runs])),
        "blank_share": float(np.mean([run.blank for run in runs])),
    }


def _difference(runs: Sequence[Asked], base: Sequence[Asked]) -> dict[str, Any]:
    import numpy as np

    pairs = zip(runs, base, strict=True)
    return _estimate(np.array([run.rate.value - other.rate.value for run, other in pairs]))


def _estimate(values: Any) -> dict[str, Any]:
    """Mean with its t interval; none where all seeds are equal, which proves no certainty."""
    from rescu_cli.experiment.stats import mean_estimate

    found = mean_estimate(values)
    interval = found.interval() if found.se else None
    return {"mean": found.value, "ci": None if interval is None else list(interval)}


def _monotone(rates: Sequence[Mapping[str, Any]]) -> bool:
    means = [rate["mean"] for rate in rates]
    return means == sorted(means)


def _covers(rows: Sequence[Mapping[str, Any]]) -> dict[str, bool] | None:
    """Whether the interval at strength 0 holds 50, by activation; None if that cannot be said."""
    first = {row["activation"]: row["rates"][0] for row in rows}
    if any(rate["strength"] != 0 or rate["ci"] is None for rate in first.values()):
        return None
    return {name: rate["ci"][0] <= NONE <= rate["ci"][1] for name, rate in first.items()}


def _toy_notes(rows: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> list[str]:
    notes = []
    for name, covered in (_covers(rows) or {}).items():
        if not covered:
            notes.append(
                f"{name}: nothing is planted at strength 0, and the interval does not hold 50. "
                "That happens once in 20 by chance; use more seeds."
            )
    notes += [
        f"{row['activation']}: the mean does not rise with the strength at every step."
        for row in rows
        if not row["monotone"]
    ]
    from rescu_cli.sequence.leak.rate import MANY_TIES

    ties = max((rate["tie_share"] for row in rows for rate in row["rates"]), default=0.0)
    if ties > MANY_TIES:
        notes.append(
            f"Up to {100 * ties:.0f} % of the pairs are ties, mostly outputs that name nothing; "
            "each counts 50, which draws every rate to 50. Train longer, or compare rates only."
        )
    return notes + few_seeds(len(seeds))


def _write(folder: Path, result: Mapping[str, Any]) -> None:
    from rescu_cli.core.files import write_json

    write_json(folder / RESULT, result)


def _draw(folder: Path, result: Mapping[str, Any]) -> None:
    save_figure(folder, FIGURE, draw_leak(result) if len(result["strengths"]) > 1 else None)
