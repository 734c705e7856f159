"""``rescu seq attention``: any activation in place of softmax, at random or trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import StoreError, UsageError

_AT_RANDOM = ("batch", "causal", "betas", "seed")
_TRAINED = ("seeds", "steps", "lr", "batch_size")


def attention(
    activation: Annotated[
        list[str] | None,
        typer.Option(
            "--activation", "-a", metavar="ACT", show_default=False,
            help="NAME[:param=value,…] in the place of softmax; once for each.  \\[default: relu]",
        ),
    ] = None,
    baselines: Annotated[
        str, typer.Option(help="Beside softmax: sparsemax, entmax15, or none.")
    ] = "sparsemax,entmax15",
    norm: Annotated[
        str,
        typer.Option(help="After the heads of an activation: gated (ReLA's RMSNorm), rms or none."),
    ] = "gated",
    width: Annotated[int, typer.Option(help="Of the hidden vector, which the heads share.")] = 32,
    heads: Annotated[int, typer.Option(help="A divisor of the width.")] = 4,
    seq: Annotated[
        int | None,
        typer.Option(help="Length of the sequences; when training, the longest.  "
                     "\\[default: 32; 12 with --train]", show_default=False),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Random sequences.  \\[default: 16]", show_default=False)
    ] = None,
    causal: Annotated[
        bool, typer.Option("--causal", help="Queries look at no later key.")
    ] = False,
    betas: Annotated[
        str | None,
        typer.Option(help="Of SmeLU, for the curve of sparsity; 0 is ReLU.  "
                     "\\[default: 0,0.25,…,1,1.5,…,3]",
                     metavar="B,…", show_default=False),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Of the random numbers.  \\[default: 0]", show_default=False),
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(help="Train small encoder-decoders on: reverse, or copy (with noise).",
                     metavar="TASK", show_default=False),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="With --train: models per attention.  \\[default: 5]",
                     show_default=False),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="With --train: updates.  \\[default: 600]", show_default=False),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="With --train: first learning rate.  \\[default: 0.005]",
                     show_default=False),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="With --train: sequences per step.  \\[default: 64]", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Figure: .png, .svg or .pdf.", metavar="FILE", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for attention.json and the figure; a training goes on there.",
                     metavar="DIR", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Put activations in the place of softmax, beside softmax, sparsemax and 1.5-entmax.

    On random queries and keys: exact zeros, null rows, how heads differ, sums of rows.

    With --train, in small encoder-decoders where alignment is known: accuracy, alignment error,
    prediction difference and speed, each beside softmax's.
    """
    from rescu_cli.cli import render, report
    from rescu_cli.core.files import write_atomically

    if plot is not None and plot.suffix.removeprefix(".") not in ("png", "svg", "pdf"):
        raise UsageError(f"'--plot {plot}': figures are written as .png, .svg or .pdf.")
    given = {
        "batch": batch, "causal": causal or None, "betas": betas, "seed": seed, "seeds": seeds,
        "steps": steps, "lr": lr, "batch_size": batch_size,
    }  # fmt: skip
    _refuse_strays(given, train)
    asked: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if betas is not None:
        asked["betas"] = _numbers(betas)
    if seq is not None:
        asked["seq"] = seq
    common: dict[str, Any] = {
        "activations": activation or ["relu"], "baselines": _names(baselines), "norm": norm,
        "width": width, "heads": heads, "out": out,
    }  # fmt: skip
    if plot is not None:
        from rescu_cli.plot.attention import require_drawable

        require_drawable(len(common["activations"]) + 1 + len(common["baselines"]))
        if not plot.parent.is_dir():  # now, not after the work
            raise StoreError(f"Cannot write {plot}: there is no folder {plot.parent}.")
    if train is None:
        result = api.attention(**common, **asked)
    else:
        with report.training_progress(quiet=json, what="trainings") as progress:
            result = api.train_attention(train, **common, **asked, progress=progress)
    if json:
        render.emit_json("seq attention", result)
    elif train is None:
        _print_drawn(result)
    else:
        _print_trained(result)
    if plot is not None:
        from rescu_cli.plot import figure_bytes

        figure = api.draw_attention(result, common["activations"])
        write_atomically(plot, figure_bytes(figure, plot.suffix))
    for path in (out, plot):
        if path is not None:
            render.say(f"Wrote {path}")


def _refuse_strays(given: dict[str, Any], train: str | None) -> None:
    """An option that would be ignored is an error."""
    strays = _TRAINED if train is None else _AT_RANDOM
    stray = next((name for name in strays if given[name] is not None), None)
    if stray is None:
        return
    option = f"'--{stray.replace('_', '-')}'"
    if train is None:
        raise UsageError(f"{option} is for training; add '--train reverse' or '--train copy'.")
    instead = " The models are numbered by '--seeds'." if stray == "seed" else ""
    raise UsageError(f"{option} is for random queries and keys, not for '--train'.{instead}")


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if "none" in names and len(names) > 1:
        raise UsageError(f"'--baselines {text}': none stands alone; leave it out.")
    return [] if names == ["none"] else [name for name in names if name != "softmax"]


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(
            f"Cannot read '--betas {text}'; write numbers with commas between, like 0,0.5,1."
        ) from None


_RIGHT: dict[str, Any] = {"justify": "right", "no_wrap": True}


def _print_drawn(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render
    from rescu_cli.core.surrogate import marked

    rows = result["attentions"]
    render.say_surrogates(rows)
    render.table(
        f"{result['batch']} sequence{'s' * (result['batch'] > 1)} of {result['seq']}, "
        f"{result['heads']} head{'s' * (result['heads'] > 1)} of width "
        f"{result['width'] // result['heads']}{', causal' * result['causal']}; Gaussian q, k, v; "
        f"norm {result['norm']}, seed {result['seed']}",
        ["attention", ("sparsity", _RIGHT), ("null rate", _RIGHT), ("diversity", _RIGHT),
         ("row sums", _RIGHT), ("output", _RIGHT)],
        [
            (
                marked(row), f"{row['sparsity']:.4f}", f"{row['null_rate']:.4f}",
                render.number(row["head_diversity"], 3), _range(row["row_sums"]),
                _before_and_after(row),
            )
            for row in rows
        ],
        caption="sparsity: weights that are exactly 0 where a query may look; null rate: rows "
        "without any weight; diversity: Jensen-Shannon between the heads, 0 to 1, null rows left "
        "out; output: root mean square, before and after the normalisation.",
    )  # fmt: skip
    render.table(
        "Share of exact zeros under SmeLU (beta 0: ReLU)",
        [("beta", _RIGHT), ("N(0, 1)", _RIGHT), ("seen", _RIGHT), ("dot products", _RIGHT),
         ("seen", _RIGHT)],
        [
            (
                f"{p['beta']:g}", *(f"{p[key]:.4f}" for key in (
                    "expected_gaussian", "gaussian", "expected_dot_products", "dot_products")),
            )
            for p in result["curve"]
        ],
        caption="P(logit <= -beta): of logits that are N(0, 1), and of dot products q k/sqrt(d), "
        "each beside what was seen of as many.",
    )  # fmt: skip


def _range(sums: dict[str, float]) -> str:
    least, most = (f"{sums[end]:.3g}" for end in ("least", "most"))
    return least if least == most else f"{least} … {most}"


def _before_and_after(row: dict[str, Any]) -> str:
    before = f"{row['output_rms_before_norm']:.2f}"
    return f"{before} → {row['output_rms']:.2f}" if row["elementwise"] else before


def _print_trained(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render
    from rescu_cli.core.surrogate import marked

    rows, n_seeds = result["attentions"], len(result["seeds"])
    render.say_surrogates(rows)
    render.table(
        f"{result['train']}, up to {result['seq']} tokens; {result['heads']} "
        f"head{'s' * (result['heads'] > 1)}, width "
        f"{result['width']}, norm {result['norm']}; {result['steps']} steps, {n_seeds} "
        f"seed{'s' * (n_seeds > 1)}",
        ["attention", ("accuracy", _RIGHT), ("exact", _RIGHT), ("misaligned", _RIGHT),
         ("pd_l1", _RIGHT)],
        [
            (
                marked(row), *(_percent(row[k]) for k in ("accuracy", "exact", "alignment_error")),
                _plain(row["pd_l1"]),
            )
            for row in rows
        ],
        caption="percent (pd_l1 is none), mean ± 95 % over seeds. accuracy: of tokens; exact: "
        "sequences right throughout; misaligned: queries whose heads look most at a wrong token.",
    )  # fmt: skip
    render.table(
        "Cross-attention, and speed of a training step beside softmax's",
        ["attention", ("sparsity", _RIGHT), ("null rate", _RIGHT), ("diversity", _RIGHT),
         ("mass elsewhere", _RIGHT), ("speed", _RIGHT)],
        [
            (
                marked(row), *(_percent(row[k]) for k in (
                    "sparsity", "null_rate", "head_diversity", "mass_off")),
                f"{result['timing'][row['activation']]['speed']:.2f}×",
            )
            for row in rows
        ],
        caption="percent but for speed; mass elsewhere: of the heads' mean map, off the right "
        "token.",
    )  # fmt: skip
    render.table(
        "Minus softmax, paired by seed, in points",
        ["attention", ("accuracy", _RIGHT), ("exact", _RIGHT), ("misaligned", _RIGHT),
         ("pd_l1", _RIGHT)],
        [
            (
                marked(row),
                *(_percent(row[k], "+") for k in ("accuracy", "exact", "alignment_error")),
                _plain(row["pd_l1"], "+"),
            )
            for row in result["differences"]
        ],
    )  # fmt: skip
    for note in result["notes"]:
        render.say(note)


def _percent(estimate: dict[str, Any] | None, sign: str = "") -> str:
    """``95.3 ±1.2``: the longer arm where an end is cut off at 0 or 1."""
    if estimate is None:
        return "–"
    half = _arm(estimate)
    mean = f"{100 * estimate['mean']:{sign}.1f}"
    return mean if half is None else f"{mean} ±{100 * half:.1f}"


def _plain(estimate: dict[str, Any] | None, sign: str = "") -> str:
    if estimate is None:
        return "–"
    half = _arm(estimate)
    mean = f"{estimate['mean']:{sign}.3f}"
    return mean if half is None else f"{mean} ±{half:.3f}"


def _arm(estimate: dict[str, Any]) -> float | None:
    ends = estimate["ci"]
    return None if ends is None else max(estimate["mean"] - ends[0], ends[1] - estimate["mean"])
