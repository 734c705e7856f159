"""Attention with any activation in place of softmax: at random, and in trained encoder–decoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.api.saving import few_seeds, save_figure
from rescu_cli.core.files import make_folder
from rescu_cli.core.interrupt import kept_in
from rescu_cli.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rescu_cli.sequence.attention.kinds import Kind
    from rescu_cli.sequence.attention.training import Learnt

REFERENCE = "softmax"
SPARSE = ("sparsemax", "entmax15")
BETAS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)
RESULT = "attention.json"
FIGURE = "attention"
HEADS_DRAWN = 4
PD = ("pd_l1", "churn")
SHARES = ("accuracy", "exact", "alignment_error", "mass_off", "sparsity", "null_rate",
          "head_diversity")  # fmt: skip
COMPARED = ("accuracy", "exact", "alignment_error", "mass_off")
MOST_SEEDS = 10_000
_FEWEST_FOR_PD = 3


def attention(
    activations: Sequence[str] = ("relu",),
    *,
    baselines: Sequence[str] = SPARSE,
    norm: str = "gated",
    width: int = 32,
    heads: int = 4,
    seq: int = 32,
    batch: int = 16,
    causal: bool = False,
    betas: Sequence[float] = BETAS,
    seed: int = 0,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Attention with activations in the place of softmax, on Gaussian queries, keys and values.

    Args:
        activations: As typed on the command line; one at least.
        baselines: Beside softmax, of ``sparsemax`` and ``entmax15``.
        norm: After the heads of an activation: ``gated``, the RMSNorm of ReLA; ``rms``, the same
            without its gate; or ``none``.
        width: Of the hidden vector.
        heads: They share the width.
        seq: Queries, and keys.
        batch: Sequences.
        causal: Whether a query looks at no later key.
        betas: Of SmeLU, for the curve of sparsity; 0 is ReLU.
        seed: Of all numbers.
        out: Folder for ``attention.json`` and the figure; nothing is written if None.

    Returns:
        The ``result`` of ``rescu seq attention --json``: ``sparsity``, ``null_rate``,
        ``head_diversity`` and ``row_sums`` of the first activation, the same of everything in
        ``attentions``, and the ``curve``.

    Raises:
        UsageError: If something asked is not possible.
        StoreError: If the folder cannot be written.

    Example:
        >>> import rescu_cli as rescu
        >>> found = rescu.attention(["relu"], baselines=[], seed=1)
        >>> [row["activation"] for row in found["attentions"]], round(found["sparsity"], 2)
        (['relu', 'softmax'], 0.5)
    """
    from rescu_cli.sequence.attention.drawn import Draw, sample, sparsity_curve
    from rescu_cli.sequence.attention.layer import Shape

    chosen = _kinds(activations, baselines, drawn=out is not None)
    draw = Draw(Shape(width, heads), seq, batch, causal, seed)
    rows = [sample(draw, kind, norm).to_dict() for kind in chosen]
    result = {
        "train": None,
        **{key: rows[0][key] for key in ("activation", "surrogate", "sparsity", "null_rate",
                                         "head_diversity", "row_sums")},
        "width": width, "heads": heads, "seq": seq, "batch": batch, "causal": causal,
        "norm": norm, "seed": seed,
        "attentions": rows,
        "curve": [point.to_dict() for point in sparsity_curve(draw, betas)],
    }  # fmt: skip
    _save(out, result, activations)
    return result


def train_attention(
    task: str,
    activations: Sequence[str] = ("relu",),
    *,
    baselines: Sequence[str] = SPARSE,
    norm: str = "gated",
    width: int = 32,
    heads: int = 4,
    seq: int = 12,
    seeds: int | Sequence[int] = 5,
    steps: int = 600,
    lr: float = 5e-3,
    batch_size: int = 64,
    out: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Train small encoder–decoders, all attentions of one kind in each, where alignment is known.

    Args:
        task: ``reverse``, or ``copy`` (of what is no noise).
        activations: As for `attention`.
        baselines: As for `attention`; differences are from softmax.
        norm: As for `attention`.
        width: Of the hidden vectors.
        heads: They share the width.
        seq: Longest sequence.
        seeds: How many (0, 1, …), or which.
        steps: Updates of each model.
        lr: First learning rate.
        batch_size: Pairs of sequences per step.
        out: Folder for ``attention.json``, the figure, and every training as soon as it is
            finished: the same call goes on there.
        progress: Called with (trainings done, trainings to do).

    Returns:
        The ``result`` of ``rescu seq attention --train``: per kind of attention accuracy, alignment
        error and prediction difference with 95 % intervals over seeds, the differences from softmax
        paired by seed, and under ``timing`` what differs from run to run.

    Raises:
        UsageError: If something asked is not possible, or nothing is left that did not diverge.
        StoreError: If the folder cannot be written.

    Example:
        >>> import rescu_cli as rescu
        >>> found = rescu.train_attention("reverse", baselines=[], seq=4, steps=2, seeds=2)
        >>> [row["activation"] for row in found["attentions"]], found["differences"][0]["against"]
        (['relu', 'softmax'], 'softmax')
    """
    from rescu_cli.experiment.threads import one_thread_per_kernel
    from rescu_cli.sequence.attention import training
    from rescu_cli.sequence.attention.kept import KeptTrainings
    from rescu_cli.sequence.attention.layer import Shape, normalisation
    from rescu_cli.sequence.attention.training import Lesson, Recipe, step_seconds

    chosen = _kinds(activations, baselines, drawn=out is not None)
    recipe = Recipe(task, Shape(width, heads), seq, norm, steps, lr, batch_size)
    normalisation(chosen[0], width, norm)  # to be refused before the work
    which = _seeds(seeds)
    lesson = Lesson.of(task, seq)
    folder = None if out is None else make_folder(out)
    kept_one = KeptTrainings(folder, recipe)
    learnt: dict[str, list[Learnt | None]] = {kind.name: [] for kind in chosen}
    with (
        one_thread_per_kernel(),  # kernels this small only wait for each other
        nullcontext() if folder is None else kept_in(folder),
    ):
        n_done = 0
        for seed in which:
            for kind in chosen:
                todo = partial(training.train, recipe, lesson, kind, seed)
                learnt[kind.name].append(kept_one(kind, seed, todo))
                n_done += 1
                if progress is not None:
                    progress(n_done, len(which) * len(chosen))
        kinds = sorted(chosen, key=lambda kind: kind.name != REFERENCE)
        seconds, speeds = step_seconds(recipe, lesson, kinds)
    # What diverged with every seed goes as a whole; the others need not fall with it.
    lost = [name for name, found in learnt.items() if not any(found)]
    learnt = {name: found for name, found in learnt.items() if name not in lost}
    chosen = [kind for kind in chosen if kind.name in learnt]
    diverged = [
        {"seed": seed, "activation": name}
        for place, seed in enumerate(which)
        for name, found in learnt.items()
        if found[place] is None
    ]
    gone = {entry["seed"] for entry in diverged}
    sound = [place for place, seed in enumerate(which) if seed not in gone]
    if not sound or REFERENCE in lost or len(chosen) < 2:
        names = lost or [str(entry["activation"]) for entry in diverged]
        raise UsageError(
            f"With every seed a training diverged ({', '.join(dict.fromkeys(names))}), and nothing "
            "is left to compare with softmax; try a smaller '--lr'"
            f"{'' if norm == 'gated' else ', or --norm gated'}."
        )
    kept = {
        name: [one for place, one in enumerate(found) if place in sound and one is not None]
        for name, found in learnt.items()
    }
    labels = lesson.test.symbols[lesson.test.wanted].numpy()
    numbers = [which[place] for place in sound]
    measured = {name: _pd(name, found, labels, numbers) for name, found in kept.items()}
    rows = [_row(kind, kept[kind.name], measured[kind.name]) for kind in chosen]
    first = rows[0]
    result = {
        "train": task,
        "activation": first["activation"], "surrogate": first["surrogate"],
        **{key: None if first[key] is None else first[key]["mean"]
           for key in ("sparsity", "null_rate", "head_diversity")},
        **{key: value for key, value in recipe.to_dict().items() if key != "task"},
        "seeds": numbers,
        "diverged": [*({"seed": seed, "activation": name} for name in lost for seed in which),
                     *diverged],
        "known_share": lesson.known_share,
        "attentions": rows,
        "differences": _differences(chosen, kept, measured),
        "example": _example(lesson.test, kept),
        "notes": _notes(lost, diverged, len(sound), lesson.known_share),
        "timing": {
            kind.name: {"step_seconds": taken, "speed": speed}
            for kind, taken, speed in zip(kinds, seconds, speeds, strict=True)
            if kind.name in learnt
        },
    }  # fmt: skip
    _save(out, result, activations)
    return result


def draw_attention(result: dict[str, Any], activations: Sequence[str] | None = None) -> Figure:
    """Heads and the curve of sparsity; of a training, alignments and what was measured.

    Args:
        result: Of `attention`, whose heads are drawn anew by its seed, or of `train_attention`.
        activations: As they were asked for; the names in the result if None, which a file's
            activation need not have.
    """
    from rescu_cli.plot import plot_attention, plot_attention_training

    if result["train"] is not None:
        return plot_attention_training(result)
    from rescu_cli.sequence.attention.drawn import Draw, heads_of
    from rescu_cli.sequence.attention.layer import Shape

    draw = Draw(Shape(result["width"], result["heads"]), result["seq"], result["batch"],
                result["causal"], result["seed"])  # fmt: skip
    names = [row["activation"] for row in result["attentions"]]
    own = [row["activation"] for row in result["attentions"] if row["elementwise"]]
    kinds = _kinds(
        own if activations is None else activations, [name for name in names if name in SPARSE]
    )
    return plot_attention(result, {k.name: heads_of(draw, k, HEADS_DRAWN) for k in kinds})


def _kinds(
    activations: Sequence[str], baselines: Sequence[str], *, drawn: bool = False
) -> list[Kind]:
    """The activations, softmax, the other baselines: each once, and few enough for a figure."""
    from rescu_cli import catalogue
    from rescu_cli.sequence.attention.kinds import BASELINES, baseline, of_activation

    if not activations:
        raise UsageError("No activation asked; name one at least, e.g. relu.")
    for name in activations:
        if name in BASELINES:
            raise UsageError(
                f"{name} weighs rows, so it is no activation; it is a baseline: softmax always, "
                "the others by '--baselines'."
            )
    found = [of_activation(catalogue.resolve(name)) for name in activations]
    found += [baseline(REFERENCE), *(baseline(n) for n in baselines if n != REFERENCE)]
    if drawn:
        from rescu_cli.plot.attention import require_drawable

        require_drawable(len(found))
    names = [kind.name for kind in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        same = len({kind.digest for kind in found if kind.name == twice}) == 1
        why = "" if same else ", by two files; give one another 'name' in its file"
        raise UsageError(f"{twice} is named twice{why}; name each attention once.")
    return found


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    which = tuple(range(min(seeds, MOST_SEEDS + 1))) if isinstance(seeds, int) else tuple(seeds)
    sound = all(type(s) is int and 0 <= s < 2**63 for s in which)
    if not which or len(which) > MOST_SEEDS or not sound or len(set(which)) != len(which):
        raise UsageError(
            f"Seeds {seeds} asked; from 1 to {MOST_SEEDS}, each a whole number from 0 to "
            "2^63 - 1, none twice."
        )
    return which


def _row(kind: Kind, learnt: Sequence[Learnt], pd: dict[str, Any]) -> dict[str, Any]:
    from rescu_cli.api.accuracies import accuracy_over_seeds
    from rescu_cli.api.trials import over_seeds

    shares: dict[str, Any] = {}
    for name in SHARES:
        values = [_share(one, name) for one in learnt]
        shares[name] = None if None in values else accuracy_over_seeds(values)
    return {
        "activation": kind.name,
        "surrogate": kind.surrogate,
        "elementwise": kind.elementwise,
        **shares,
        "row_sums": {
            "least": min(one.measures.row_sum_least for one in learnt),
            "mean": over_seeds([one.measures.row_sum_mean for one in learnt])["mean"],
            "most": max(one.measures.row_sum_most for one in learnt),
        },
        **{key: _of_pd(pd.get(key)) for key in PD},
    }


def _share(one: Learnt, name: str) -> Any:
    if name in ("sparsity", "null_rate", "head_diversity"):
        return getattr(one.measures, name)
    if name in ("alignment_error", "mass_off"):
        return one.alignment.error if name == "alignment_error" else one.alignment.mass_off
    return getattr(one, name)


def _pd(name: str, learnt: Sequence[Learnt], labels: Any, seeds: Sequence[int]) -> dict[str, Any]:
    """By key of `PD`, what `measure` gives over the target's tokens; nothing for one model."""
    import numpy as np

    from rescu_cli.experiment.metrics import measure
    from rescu_cli.experiment.predictions import Predictions

    if len(learnt) < 2:
        return {}
    predictions = Predictions(
        name, np.stack([one.probabilities for one in learnt]), labels, np.arange(len(labels)),
        np.array(seeds),
    )  # fmt: skip
    return {key: measure(key, predictions) for key in PD}


def _of_pd(measured: Any, other: Any = None) -> dict[str, Any] | None:
    """A prediction difference with its jackknife interval, or how it differs from another's."""
    from rescu_cli.experiment.stats import jackknife

    if measured is None:
        return None
    if other is None:
        found = jackknife(measured.value, measured.leave_one_out)
    else:
        found = jackknife(
            measured.value - other.value, measured.leave_one_out - other.leave_one_out
        )
    ends = found.interval()
    if ends is not None and other is None:
        ends = max(0.0, ends[0]), ends[1]  # no prediction difference is negative
    return {"mean": found.value, "ci": None if ends is None else list(ends)}


def _differences(
    kinds: Sequence[Kind], kept: dict[str, list[Learnt]], measured: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Each kind minus softmax, seed by seed."""
    from rescu_cli.api.accuracies import accuracy_difference

    rows = []
    for kind in kinds:
        if kind.name == REFERENCE:
            continue
        ours, theirs = kept[kind.name], kept[REFERENCE]
        rows.append({
            "activation": kind.name,
            "surrogate": kind.surrogate,
            "against": REFERENCE,
            **{key: accuracy_difference([_share(one, key) for one in ours],
                                        [_share(one, key) for one in theirs])
               for key in COMPARED},
            **{key: _of_pd(measured[kind.name].get(key), measured[REFERENCE].get(key))
               for key in PD},
        })  # fmt: skip
    return rows


def _example(test: Any, kept: dict[str, list[Learnt]]) -> dict[str, Any]:
    """The first test sequence: where its tokens come from, and the first seed's mean maps."""
    wanted = test.wanted[0]
    return {
        "truth": test.truth[0][wanted].tolist(),
        "maps": {name: found[0].example.tolist() for name, found in kept.items()},
    }


def _notes(
    lost: Sequence[str], diverged: Sequence[dict[str, Any]], n_seeds: int, known_share: float
) -> list[str]:
    notes = [f"{name} is in no table: it diverged with every seed." for name in lost]
    notes += [
        f"Seed {entry['seed']} is in no number here: the training with {entry['activation']} "
        "diverged. What is left speaks of seeds of which none did."
        for entry in diverged
    ]
    if n_seeds == 1:
        notes.append("One seed has no interval and no prediction difference; use '--seeds 5'.")
    elif n_seeds < _FEWEST_FOR_PD:
        notes.append("Two seeds give a prediction difference no interval; use '--seeds 5'.")
    else:
        notes += few_seeds(n_seeds)
    if known_share > 0:
        notes.append(
            f"{100 * known_share:.2g} % of the sequences that judge are also among those to learn "
            "from, since few are so short; with a larger '--seq' all are new."
        )
    return notes


def _save(out: str | Path | None, result: dict[str, Any], activations: Sequence[str]) -> None:
    from rescu_cli.core.files import write_json

    if out is None:
        return
    folder = make_folder(out)
    write_json(folder / RESULT, result)
    save_figure(folder, FIGURE, draw_attention(result, activations))
