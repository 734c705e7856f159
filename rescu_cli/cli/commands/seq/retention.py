"""``rescu seq retention``: three forms of one function, and its gate in a tiny language model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options, training
from rescu_cli.errors import ExitCode, UsageError


def retention(
    seq: Annotated[int, typer.Option(help="Positions of the sequence.")] = 48,
    chunk: Annotated[
        int, typer.Option(help="Positions of a chunk; the last one may be shorter.")
    ] = 6,
    heads: Annotated[int, typer.Option(help="Heads, with decays 1 - 2^(-5-h).")] = 4,
    width: Annotated[
        int | None,
        typer.Option(help="Of the stream, a multiple of twice the heads.  \\[default: 8 per head]",
                     show_default=False),
    ] = None,
    eps: Annotated[float, typer.Option(help="Epsilon of the group norm.")] = 0.0,
    dtype: Annotated[str, typer.Option(help="float64, float32 or bfloat16.")] = "float64",
    gate: Annotated[
        list[str] | None,
        typer.Option(help="Activation of the gate, or none; several with --train.  "
                     "\\[default: swish; with --train: swish, smelu, mish, relu, none]",
                     metavar="ACT", show_default=False),
    ] = None,
    scores: Annotated[
        str,
        typer.Option(help="normalised (rows divided by the paper's factors, of which each form has "
                     "its own) or plain."),
    ] = "normalised",
    seed: Annotated[int, typer.Option(help="Of the weights and the sequence.")] = 0,
    train: Annotated[
        bool,
        typer.Option("--train", help="Train a tiny language model with each gate: perplexity and "
                     "prediction difference."),
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(help="With --train: grammar, or text:FILE[,window=N].  \\[default: grammar]",
                     show_default=False),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="With --train: models per gate.  \\[default: 5]", min=1,
                     show_default=False),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="With --train: passes over the text.  \\[default: 10]",
                     show_default=False),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="With --train: first learning rate.  \\[default: 0.003]",
                     show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for retention.json and the figure; with --train the run is "
                     "kept in its folder training.", metavar="DIR"),
    ] = None,
    resume: training.Resume = True,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Retention (RetNet) in its parallel, recurrent and chunkwise forms: do they agree?

    Exit status 1 if they differ by more than roundings and should not (with epsilon 0, or plain
    scores), 3 if that cannot be told. With --train also: perplexity and prediction difference of a
    tiny language model for each gate.
    """
    from rescu_cli.cli import render, report

    given = {"data": data, "seeds": seeds, "epochs": epochs, "lr": lr}
    strays = [name for name, value in given.items() if value is not None and not train]
    if strays:
        raise UsageError(f"'--{strays[0]}' is of the language model; add '--train'.")
    if not train and gate is not None and len(gate) > 1:
        raise UsageError(f"{len(gate)} gates named; the table is of one. '--train' compares "
                         "several.")  # fmt: skip
    table: dict[str, Any] = {
        "seq": seq, "chunk": chunk, "heads": heads, "width": 8 * heads if width is None else width,
        "eps": eps, "dtype": dtype, "gate": gate[0] if gate else "swish", "scores": scores,
        "seed": seed,
    }  # fmt: skip
    result = api.retention(**table, out=None if train else out)
    if train:  # first: what fails in it leaves an earlier result as it was
        with report.training_progress(quiet=json) as progress:
            training_found = api.compare_gates(
                gate or list(api.retaining.GATES), data=data or "grammar", seeds=seeds or 5,
                epochs=epochs, lr=lr, out=None if out is None else out / "training",
                resume=resume, progress=progress,
            )  # fmt: skip
        if out is not None:
            result = api.retention(**table, out=out)
        result["training"] = training_found
    if out is not None:
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("seq retention", result)
    else:
        _print(result)
        if train:
            _print_training(result["training"])
    if result["largest"] is None or result["agree"] is None:
        raise typer.Exit(ExitCode.UNDECIDED)
    # With ε > 0 and the paper's factors the forms are not meant to agree.
    if not result["agree"] and (result["eps"] == 0 or result["scores"] == "plain"):
        raise typer.Exit(ExitCode.REFUTED)


def _print(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render
    from rescu_cli.core.surrogate import marked

    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    names = list(result["max_abs"])
    render.say_surrogates([result])
    last = result["seq"] - (result["chunks"] - 1) * result["chunk"]
    ragged = "" if last == result["chunk"] else f", the last of {last}"
    render.table(
        f"{_counted(result['seq'], 'position')}, {_counted(result['chunks'], 'chunk')} of "
        f"{result['chunk']}{ragged}; {_counted(result['heads'], 'head')}, gate "
        f"{marked(result)}; {result['dtype']}, "
        f"ε = {result['eps']:g}, scores {result['scores']}",
        ["largest difference", *((name, right) for name in names), ("from float64", right)],
        [
            (a, *(_size(result["max_abs"][a][b]) for b in names), _size(result["error"][a]))
            for a in names
        ],
        caption="of the outputs of one layer with random weights; from float64: from the parallel "
        "form in float64 with the same ε.",
    )
    render.write_text(_verdict(result))
    render.write_text(
        f"State: {result['state_numbers']:,} numbers for any length; attention would keep "
        f"{result['cache_numbers']:,} here, and {result['cache_numbers'] // result['seq']:,} more "
        "with each position."
    )
    _print_growth(result["growth"])


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _verdict(result: dict[str, Any]) -> str:
    if result["largest"] is None:
        return (
            "The forms cannot be compared: an output is not finite. A row of equal numbers has no "
            "norm at ε = 0; use '--eps 1e-6'."
        )
    share = "" if result["relative"] is None else f", {100 * result['relative']:.2g} % of the "
    share += "largest output" if share else ""
    tolerance = "" if result["tolerance"] is None else f" of at most {result['tolerance']:.1e}"
    if result["agree"] is None:
        return (
            f"No verdict: the forms differ by {result['largest']:.1e}{share}, and roundings alone "
            f"may make {result['tolerance']:.1e} in {result['dtype']}; a wrong form would differ "
            "by no more. Use '--dtype float64'."
        )
    if result["agree"]:
        return f"The forms agree: {result['largest']:.1e}{share}, within roundings{tolerance}."
    why = (
        " The forms divide rows by different factors, which only a norm with ε = 0 takes out again."
        if result["eps"] > 0 and result["scores"] == "normalised" else ""
    )  # fmt: skip
    return f"The forms do not agree: {result['largest']:.1e}{share}.{why}"


def _print_growth(growth: list[dict[str, Any]]) -> None:
    from rescu_cli.cli import render

    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    kinds = list(dict.fromkeys(row["dtype"] for row in growth))
    render.table(
        "Largest difference between two forms, as ε grows (* : more than roundings; ? : roundings "
        "alone may be as large)",
        [("ε", right), *((kind, right) for kind in kinds)],
        [
            (f"{eps:.0e}" if eps else "0", *(
                _size(row["largest"]) + {True: " ", False: "*", None: "?"}[row["agree"]]
                for row in growth if row["eps"] == eps
            ))
            for eps in dict.fromkeys(row["eps"] for row in growth)
        ],
    )  # fmt: skip


def _print_training(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render
    from rescu_cli.core.surrogate import marked

    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    render.say_surrogates(result["gates"])
    n_seeds = len(result["seeds"])
    first = result["gates"][0]["activation"]
    floor = (
        "" if result["floor"] is None
        else f" No model is below {result['floor']:.4f}, the grammar's own, but by luck."
    )  # fmt: skip
    render.table(
        f"A language model of {len(result['hidden'])} blocks of {result['hidden'][0]} on "
        f"{result['data']}, {n_seeds} seed{'s' * (n_seeds > 1)} per gate",
        ["gate", ("perplexity", right), ("over first's", right), ("pd_l1", right),
         ("difference", right)],
        [
            (marked(row), _ends(row["perplexity"]), _ends(row["ratio"]),
             _spread(row["pd_l1"]), _spread(row["pd_l1_difference"], sign="+"))
            for row in result["gates"]
        ],
        caption="perplexity: exp of the mean loss of the last character of each test window, and "
        "its 95 % interval over seeds; ±: half of one; ratios and differences are from "
        f"{first}, paired by seed.{floor}",
    )  # fmt: skip
    for sentence in result["advice"]:
        render.say(sentence)
    render.write_text(f"Run directory: {result['run_dir']}")


def _size(value: float | None) -> str:
    return "not finite" if value is None else "0" if value == 0 else f"{value:.1e}"


def _ends(estimate: dict[str, Any] | None) -> str:
    """``1.43 [1.40, 1.47]``: the exponential of an interval has no middle."""
    if estimate is None or estimate["mean"] is None:
        return "–"
    if estimate["ci"] is None:
        return f"{estimate['mean']:.3f}"
    low, high = (f"{end:.3f}" if end < 1e4 else f"{end:.1e}" for end in estimate["ci"])
    return f"{estimate['mean']:.3f} [{low}, {high}]"


def _spread(estimate: dict[str, Any] | None, key: str = "value", sign: str = "") -> str:
    """``0.104 ±0.006``."""
    if estimate is None or estimate[key] is None:
        return "–"
    low, high = estimate["ci"] or (None, None)
    half = "" if low is None or high is None else f" ±{(high - low) / 2:.3f}"
    return f"{estimate[key]:{sign}.3f}{half}"
