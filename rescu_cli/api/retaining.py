"""Retention: whether its three forms agree, and what its gate does to a small language model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.api.saving import save_figure
from rescu_cli.core.files import make_folder
from rescu_cli.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rescu_cli.core.activation import Activation

NO_GATE = "none"
GATES = ("swish", "smelu", "mish", "relu", NO_GATE)
FIGURE = "retention"
RESULT = "retention.json"
_LARGEST_LOSS = 700.0
GATES_RESULT = "gates.json"


def retention(
    *,
    seq: int = 48,
    chunk: int = 6,
    heads: int = 4,
    width: int = 32,
    eps: float = 0.0,
    dtype: str = "float64",
    gate: str = "swish",
    scores: str = "normalised",
    seed: int = 0,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """One random layer computed in retention's parallel, recurrent and chunkwise forms.

    Args:
        seq: Positions of the sequence.
        chunk: Positions of a chunk; the last one may be shorter.
        heads: With decays 1 − 2^(−5−h).
        width: Of the stream; a multiple of 2·``heads``.
        eps: ε of the group norm.
        dtype: ``float64``, ``float32`` or ``bfloat16``.
        gate: An activation as typed on the command line, or ``none``.
        scores: ``normalised`` divides rows by the paper's factors, of which each form has its own;
            ``plain`` does not.
        seed: Of the weights and the sequence.
        out: Folder for ``retention.json`` and the figure; nothing is written if None.

    Returns:
        The ``result`` of ``rescu seq retention --json``: ``max_abs``, the largest difference of
        each two forms, ``agree``, and how both grow with ε in each dtype.

    Raises:
        UsageError: If the sizes do not fit together, e.g. a chunk longer than the sequence.
        StoreError: If the folder cannot be written.

    Example:
        >>> import rescu_cli as rescu
        >>> found = rescu.retention(seq=50, chunk=7)
        >>> found["agree"], found["largest"] < 1e-12
        (True, True)
    """
    from rescu_cli.sequence.retention.agreement import GROWTH_EPS, agreements
    from rescu_cli.sequence.retention.cost import cache_numbers, state_numbers
    from rescu_cli.sequence.retention.decay import decays
    from rescu_cli.sequence.retention.layer import DTYPES, LayerRequest

    request = LayerRequest(seq, chunk, heads, width, scores, seed)
    chosen = _gate(gate)
    code = None if chosen is None else _function(chosen)
    if dtype not in DTYPES:
        raise UnknownNameError("dtype", dtype, DTYPES)
    asked = list(dict.fromkeys([*GROWTH_EPS, eps]))
    every = agreements(request, code, [dtype], asked)
    every += agreements(request, code, [d for d in DTYPES if d != dtype], GROWTH_EPS)
    found = next(one for one in every if one.dtype == dtype and one.eps == eps)
    growth = sorted((one for one in every if one.eps in GROWTH_EPS),
                    key=lambda one: DTYPES.index(one.dtype))  # fmt: skip
    result = {
        **_about(chosen),
        "seq": seq, "chunk": chunk, "chunks": -(-seq // chunk), "heads": heads, "width": width,
        "scores": scores, "seed": seed,
        "decays": decays(heads).tolist(),
        **found.to_dict(),
        "state_numbers": state_numbers(heads, request.head_width),
        "cache_numbers": cache_numbers(heads, request.head_width, seq),
        "growth": [
            {k: v for k, v in one.to_dict().items()
             if k in ("dtype", "eps", "largest", "relative", "agree")}
            for one in growth
        ],
    }  # fmt: skip
    if out is not None:
        _save(make_folder(out), result)
    return result


def compare_gates(
    gates: Sequence[str] = GATES,
    *,
    data: str = "grammar",
    seeds: int | Sequence[int] = 5,
    epochs: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    hidden: Sequence[int] | None = None,
    out: str | Path | None = None,
    resume: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Train a tiny retentive language model with each gate; perplexity and prediction difference.

    It is `compare` with the model ``retnet``, and leaves ``gates.json`` in the run directory. What
    has no gate is a run of its own, with the same seeds and draws, in ``ungated`` inside it.

    Args:
        gates: Activations as typed on the command line, and ``none`` for no gate.
        data: ``grammar`` or ``text:FILE``.
        seeds: How many (0, 1, …), or which.
        epochs: Passes over the text.
        lr: First learning rate.
        batch_size: Windows per step.
        hidden: One width per block.
        out: Run directory; one named after the experiment if None.
        resume: False trains again what is finished.
        progress: Called with (epochs done, epochs to do) of one run.

    Returns:
        For each gate the perplexity, exp of the mean loss on the last character of each test
        window, and `pd_l1`, with 95 % intervals over seeds; ``ratio``, the geometric mean over
        seeds of its perplexity over that of the first gate, and ``pd_l1_difference`` from it, both
        paired by seed.

    Raises:
        UsageError: For no gates, the same one twice, or data that are no text.
        StoreError: If the run directory holds another experiment.
    """
    from rescu_cli.api.measuring import compare

    asked = [gate.strip() for gate in gates]
    if not asked or len(set(asked)) < len(asked):
        raise UsageError(f"Gates {asked} asked; there must be one, and none twice.")
    gated = [gate for gate in asked if gate != NO_GATE]
    for name in gated:
        _gate(name)  # before the first training
    options: dict[str, Any] = {
        "data": data, "seeds": seeds, "epochs": epochs, "lr": lr, "batch_size": batch_size,
        "hidden": hidden, "resume": resume, "progress": progress,
    }  # fmt: skip
    found: dict[str, Any] = {}
    folder = None if out is None else Path(out)
    spec: Mapping[str, Any] = {}
    advice: list[str] = []
    if gated:
        report = compare(gated, model="retnet", out=folder, **options)
        folder, shown = report.run_dir, report.to_dict()
        spec, advice = shown["spec"], list(shown["advice"])
        for gate, key, row in zip(gated, spec["activations"], shown["activations"], strict=True):
            found[gate] = {**row, "predictions": folder / "predictions" / f"{key['slug']}.npz"}
    if NO_GATE in asked:
        place = None if folder is None else folder / "ungated"
        # Its activation takes no part, and is none that has a gain.
        report = compare(["identity"], model="retnet_ungated", out=place, **options)
        folder, shown = folder or report.run_dir, report.to_dict()
        advice += [sentence.replace("identity", NO_GATE) for sentence in shown["advice"]
                   if sentence.replace("identity", NO_GATE) not in advice]  # fmt: skip
        spec = spec or shown["spec"]
        (key,) = shown["spec"]["activations"]
        found[NO_GATE] = {
            **shown["activations"][0], "activation": NO_GATE, "surrogate": None,
            "predictions": report.run_dir / "predictions" / f"{key['slug']}.npz",
        }  # fmt: skip
    rows = [found[gate] for gate in asked]
    result = {
        "data": data,
        "seeds": list(spec["seeds"]),
        "epochs": spec["epochs"],
        "hidden": list(spec["hidden"]),
        "floor": _floor(data),
        "run_dir": str(folder),
        "gates": [_row(row, rows[0]) for row in rows],
        "advice": advice,
    }
    if folder is not None:
        from rescu_cli.core.files import write_json

        write_json(folder / GATES_RESULT, result)
    return result


def draw_retention(result: Mapping[str, Any]) -> Figure:
    """The disagreement of the forms against ε, for each dtype."""
    from rescu_cli.plot import plot_retention

    return plot_retention(result)


def _gate(name: str) -> Activation | None:
    if name == NO_GATE:
        return None
    from rescu_cli import catalogue

    return catalogue.resolve(name).with_defaults()


def _function(activation: Activation) -> Any:
    from rescu_cli.export import torch_functions

    return torch_functions(activation).value


def _about(activation: Activation | None) -> dict[str, Any]:
    from rescu_cli.core.surrogate import label

    if activation is None:
        return {"activation": NO_GATE, "surrogate": None}
    return {"activation": activation.spec, "surrogate": label(activation)}


def _row(row: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, Any]:
    loss, pd = row["loss"], row["pd"]["pd_l1"]
    return {
        "activation": row["activation"],
        "surrogate": row["surrogate"],
        "perplexity": {
            "mean": _exp(loss["mean"]),
            "ci": _exps(loss["ci"]),
            "ci_examples": _exps(loss.get("ci_examples")),
            "per_seed": [_exp(one) for one in loss["per_seed"]],
        },
        "ratio": None if row is first else _ratio(loss["per_seed"], first["loss"]["per_seed"]),
        "accuracy": row["accuracy"],
        "pd_l1": pd,
        "pd_l1_difference": None if row is first else _pd_difference(row, first),
        "n_diverged": row["n_diverged"],
        "seconds": row["seconds"],
    }


def _exp(loss: float | None) -> float | None:
    """The perplexity; None of a loss that no float is the exponential of."""
    return None if loss is None or loss > _LARGEST_LOSS else exp(loss)


def _exps(interval: Sequence[float] | None) -> list[float] | None:
    if interval is None or interval[1] > _LARGEST_LOSS:
        return None
    return [exp(end) for end in interval]


def _ratio(ours: Sequence[float | None], theirs: Sequence[float | None]) -> dict[str, Any] | None:
    """exp of the mean difference over the seeds at which both were trained to the end."""
    import numpy as np

    from rescu_cli.experiment.stats import mean_estimate

    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None]
    if not pairs:
        return None
    found = mean_estimate(np.array([a - b for a, b in pairs]))
    interval = found.interval()
    return {
        "mean": exp(found.value),
        "ci": _exps(interval),
    }


def _pd_difference(row: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, Any] | None:
    """`pd_l1` minus that of the first gate, by jackknife over the seeds that both finished."""
    import numpy as np

    from rescu_cli.experiment.metrics import measure
    from rescu_cli.experiment.predictions import load_predictions
    from rescu_cli.experiment.stats import jackknife

    if any(all(loss is None for loss in one["loss"]["per_seed"]) for one in (row, first)):
        return None
    files = [load_predictions(one["predictions"]) for one in (row, first)]
    shared = np.intersect1d(files[0].seeds, files[1].seeds)
    if len(shared) < 2:
        return None
    ours, theirs = (
        measure("pd_l1", file.models(np.isin(file.seeds, shared))) for file in files
    )  # fmt: skip
    found = jackknife(ours.value - theirs.value, ours.leave_one_out - theirs.leave_one_out)
    interval = found.interval()
    return {"value": found.value, "ci": None if interval is None else list(interval)}


def _floor(data: str) -> float | None:
    """Perplexity of the generated text's own grammar; None for other texts."""
    if data.partition(":")[0] != "grammar":
        return None
    from rescu_cli.experiment.data.grammar import RULES, entropy_rate

    return exp(entropy_rate(RULES, "sentence"))


def _save(folder: Path, result: dict[str, Any]) -> None:
    from rescu_cli.core.files import write_json

    write_json(folder / RESULT, result)
    # Without any difference, e.g. of one position, there is no curve.
    differ = any(row["largest"] for row in result["growth"])
    save_figure(folder, FIGURE, draw_retention(result) if differ else None)
