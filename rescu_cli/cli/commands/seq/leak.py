"""``rescu seq leak``: the leak rate of a user's outputs, and of toy models with a planted one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import UsageError

TRAINING = "With --toy"


def leak(
    ctx: typer.Context,
    pairs: Annotated[
        Path | None,
        typer.Option(help="CSV in UTF-8 with the header concept,control,test.", metavar="FILE.csv",
                     show_default=False),
    ] = None,
    similarity: Annotated[
        list[str] | None,
        typer.Option(help="ngrams:N, words, or vectors:FILE (word2vec or GloVe text, .npz); may be "
                     "given several times. By default ngrams:3.", metavar="SIM",
                     show_default=False),
    ] = None,
    toy: Annotated[
        bool,
        typer.Option("--toy", help="Train tiny language models on a corpus with a planted "
                     "association instead."),
    ] = False,
    activation: Annotated[
        list[str] | None,
        typer.Option(help="NAME[:param=value,…]; may be given several times. By default relu, "
                     "smelu, swish.", metavar="ACT", show_default=False,
                     rich_help_panel=TRAINING),
    ] = None,
    strength: Annotated[
        str,
        typer.Option(help="Probabilities of the planted completion; else it is any at random.",
                     rich_help_panel=TRAINING),
    ] = "0,0.25,0.5,0.75,1",
    seeds: Annotated[
        int, typer.Option(help="Models per activation and strength.", min=1,
                          rich_help_panel=TRAINING),
    ] = 5,
    sentences: Annotated[
        int, typer.Option(help="Texts of a corpus.", rich_help_panel=TRAINING)
    ] = 2000,
    prompts: Annotated[
        int, typer.Option(help="Pairs of prompts for each model.", rich_help_panel=TRAINING)
    ] = 512,
    hidden: Annotated[int, typer.Option(help="Hidden units.", rich_help_panel=TRAINING)] = 64,
    epochs: Annotated[
        int, typer.Option(help="Passes over the corpus.", rich_help_panel=TRAINING)
    ] = 6,
    lr: Annotated[
        float, typer.Option(help="First learning rate.", rich_help_panel=TRAINING)
    ] = 5e-3,
    batch_size: Annotated[
        int, typer.Option(help="Tokens per step.", rich_help_panel=TRAINING)
    ] = 128,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for leak.json and, with --toy, the figure.", metavar="DIR",
                     show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Semantic leakage: are outputs drawn towards a concept that was added to the prompt?

    100, 50 or 0 for a pair whose test output is more, equally or less similar to the concept than
    the control output; 50 on average is none.
    """
    from rescu_cli.cli import render, report

    if toy == (pairs is not None):
        raise UsageError("Give --pairs FILE.csv, or --toy; one of the two.")
    if pairs is None:
        if similarity:
            raise UsageError("--similarity is for --pairs; toy models have their own, the circle.")
        levels = _levels(strength)
        with report.training_progress(quiet=json, what="models") as progress:
            result = api.toy_leak(
                activations=activation or ["relu", "smelu", "swish"], strengths=levels,
                seeds=seeds, sentences=sentences, prompts=prompts, hidden=hidden, epochs=epochs,
                lr=lr, batch_size=batch_size, out=out, progress=progress,
            )  # fmt: skip
    else:
        _refuse_strays(ctx)
        result = api.leak_rate(pairs, similarity=similarity or ["ngrams:3"], out=out)
    if out is not None:
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("seq leak", result)
    elif toy:
        _print_toy(result)
    else:
        _print(result)
    for note in result["notes"]:
        render.say(note)


_OF_TOY = ("activation", "strength", "seeds", "sentences", "prompts", "hidden", "epochs", "lr",
           "batch_size")  # fmt: skip


def _refuse_strays(ctx: typer.Context) -> None:
    """An option that would be ignored is an error."""
    for name in _OF_TOY:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is for --toy; with --pairs nothing is trained.")


def _levels(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"Cannot read the strengths {text!r}; write them like 0,0.5,1.") from None


def _print(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render

    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    n, k = result["n_pairs"], result["n_concepts"]
    render.table(
        f"{result['pairs_from']}: {n} pair{'s' * (n > 1)}, {k} concept{'s' * (k > 1)}",
        ["similarity", ("leak rate", right), ("95 % interval", right), ("ties", right),
         ("above", right), ("equal", right), ("below", right)],
        [
            (
                row["similarity"], f"{row['leak_rate']:.1f}",
                f"{row['ci'][0]:.1f} to {row['ci'][1]:.1f}", f"{100 * row['tie_share']:.0f} %",
                row["n_above"], row["n_equal"], row["n_below"],
            )
            for row in result["similarities"]
        ],
        caption="50 is no leakage. above: the test output is more similar to the concept than the "
        f"control output is. Interval: {result['ci_method']}.",
    )  # fmt: skip


def _print_toy(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render
    from rescu_cli.core.surrogate import marked

    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    n_seeds = len(result["seeds"])
    rows = result["activations"]
    render.say_surrogates(rows)
    render.table(
        f"Leak rate of toy language models, {n_seeds} seed{'s' * (n_seeds > 1)}, "
        f"{result['plan']['prompts']} pairs of prompts each",
        ["activation", *[(name, right) for name in ("strength", "planted", "leak rate",
                                                    "sd (drawn)", "− first")]],
        [
            (
                marked(row) if first else "", f"{rate['strength']:g}", f"{rate['expected']:.1f}",
                _interval(rate), f"{render.number(rate['sd'], 2)} ({rate['sampling_sd']:.1f})",
                "" if rate["difference"] is None else _interval(rate["difference"], sign=True),
            )
            for row in rows
            for first, rate in zip([True] + [False] * len(row["rates"]), row["rates"],
                                   strict=False)
        ],
        caption="mean ± 95 % over seeds; 50 is no leakage. planted: the rate of outputs that "
        "follow the corpus. sd: over seeds; drawn: what the draws of prompts and outputs alone "
        "make of it. − first: from the first activation, paired by seed.",
    )  # fmt: skip


def _interval(estimate: dict[str, Any], *, sign: bool = False) -> str:
    """``71.3 ±1.2``."""
    mean = f"{estimate['mean']:{'+' if sign else ''}.1f}"
    if estimate["ci"] is None:
        return mean
    return f"{mean} ±{(estimate['ci'][1] - estimate['ci'][0]) / 2:.1f}"
