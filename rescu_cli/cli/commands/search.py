"""``rescu search``: activations found by what training says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options, training


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("search", rich_help_panel=options.EXPERIMENT)(search)


def search(
    space: Annotated[
        str,
        typer.Option(help="units: formulas b(u1(x), u2(x)); gradient: monotone gradient shapes."),
    ] = "units",
    units: Annotated[int, typer.Option(help="Units of a formula: 1 or 2.")] = 1,
    strategy: Annotated[
        str,
        typer.Option(help="exhaustive (with successive halving), evolution or reinforce."),
    ] = "exhaustive",
    objective: Annotated[
        str,
        typer.Option(help="accuracy, or pd-at-accuracy: least pd_l1 within 0.01 of ReLU's score."),
    ] = "accuracy",
    budget: Annotated[
        str | None,
        typer.Option(
            help="300s, 5m, 1h, or a number of candidates; without one, the whole one-unit space. "
            "Confirmation and proofs come on top.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option(help="Candidates that are confirmed.")] = 10,
    seed: Annotated[int, typer.Option(help="Of everything that the search draws.")] = 0,
    seeds: Annotated[int, typer.Option(help="Trainings per candidate.")] = 3,
    confirm: Annotated[
        int, typer.Option(help="Trainings of each of the best, with other seeds, on the test part.")
    ] = 12,
    knots: Annotated[int, typer.Option(help="Of a gradient: 2 to 8.")] = 4,
    interpolation: Annotated[str, typer.Option(help="Of a gradient: linear or pchip.")] = "pchip",
    epochs: Annotated[
        str,
        typer.Option(help="Of the three rungs of halving; other strategies use the last.",
                     metavar="A,B,C"),
    ] = "3,9,27",
    data: training.Data = "digits",
    model: training.Model = "mlp",
    width: Annotated[str, typer.Option(help="Hidden widths, e.g. 64,32.")] = "32",
    lr: training.Lr = None,
    tune: Annotated[
        str | None,
        typer.Option(help="Learning rates of which whatever is trained longest gets its best.  "
                     "\\[default: 1, 3, 10, 30 times the model's own]", metavar="lr=A,B,…",
                     show_default=False),
    ] = None,
    batch_size: training.BatchSize = None,
    prove: Annotated[
        bool, typer.Option(help="Decide the claims about each of the best.")
    ] = True,
    engine: training.Engine = "local",
    workers: training.Workers = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run directory; the same command goes on in it.", metavar="DIR",
                     show_default=False),
    ] = None,
    resume: training.Resume = True,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Search for activations: by formula, or by the shape of the gradient.

    Judged on a validation part beside ReLU, SiLU and SmeLU; the best are confirmed with other seeds
    on the test part.
    """
    from rescu_cli.cli import render

    rungs = options.whole_numbers("--epochs", epochs)
    hidden = options.whole_numbers("--width", width)
    with _progress(quiet=json) as progress:
        result = api.search_activations(
            space=space, strategy=strategy, objective=objective, units=units, knots=knots,
            interpolation=interpolation, budget=budget, top=top, seed=seed, seeds=seeds,
            confirm=confirm, epochs=rungs, data=data, model=model,
            hidden=hidden, lr=lr, tune=training.rates(tune), batch_size=batch_size, prove=prove,
            engine=engine, workers=workers, out=out, resume=resume, progress=progress,
        )  # fmt: skip
    if json:
        render.emit_json("search", result)
    else:
        _print(result)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar for the batch that is trained, named after its folder."""
    from rescu_cli.cli import report

    with report.training_progress(quiet=quiet) as advance:
        if advance is None:
            yield None
        else:
            yield lambda _, done, total: advance(done, total)


def _print(result: Mapping[str, Any]) -> None:
    from rescu_cli.cli import render

    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    if result["n_triples"] is not None:
        rejected = ", ".join(f"{n} {kind}" for kind, n in result["rejected"].items())
        render.say(
            f"{result['n_triples']:,} triples, {result['n_distinct']:,} different functions, "
            f"{result['n_trainable']:,} trainable ({rejected}), "
            f"{result['n_shapes']:,} up to a factor and reflection."
        )
    render.table(
        f"{result['data']}: the best of {result['n_trained']:,} trained, validation part, "
        f"{result['seeds']} seeds",
        [("rank", right), "activation", ("score", right), ("pd_l1", right), ("epochs", right),
         ("rate", right)],
        [
            (str(row["rank"]), _name(row), _number(row["score"]), _number(row["pd"]),
             str(row["epochs"]), f"{row['lr']:g}")
            for row in result["ranking"]
        ],
        caption="*: null row. Chosen on these figures, which are therefore too good; the table "
        "below is of other seeds and of the test part.",
    )  # fmt: skip
    _print_confirmation(result)
    for sentence in result["conclusion"]:
        render.say(sentence)
    for winner in result["winners"]:
        if winner["reason"] is not None:
            render.say(f"{winner['activation']}: no file. {winner['reason']}")
    if any(rung["left"] for rung in result["rungs"]):
        render.say("The budget ended before the space did; a larger one goes on from here.")
    render.write_text(f"Run directory: {result['run_dir']}")


def _print_confirmation(result: Mapping[str, Any]) -> None:
    from rescu_cli.cli import render

    found = result["confirmation"]
    score = next(k for k in ("accuracy", "auc", "r2") if k in found["activations"][0])
    claims = {w["activation"]: w["claims"] for w in result["winners"]}
    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    render.table(
        f"Confirmed: {len(found['spec']['seeds'])} other seeds, test part, 95 % over seeds",
        ["activation", ("rate", right), (score, right), ("pd_l1", right), "proved"],
        [
            (
                row["activation"], _rate(found["spec"], row["activation"]),
                _interval(row[score], "mean"),
                _interval(row["pd"]["pd_l1"], "value"), _proved(claims.get(row["activation"])),
            )
            for row in found["activations"]
        ],
    )  # fmt: skip


def _rate(spec: Mapping[str, Any], activation: str) -> str:
    """The learning rate: its own, if it was tuned."""
    own = next(a["lr"] for a in spec["activations"] if a["spec"] == activation)
    return f"{spec['lr'] if own is None else own:g}"


def _proved(claims: list[Mapping[str, Any]] | None) -> str:
    if claims is None:
        return "–"
    wanted = ("smooth", "monotone", "convex")
    found = {c["claim"]: c for c in claims}
    marks = {"proved": "yes", "refuted": "no", "undecided": "?"}
    said = []
    for name in wanted:
        claim = found.get(name)
        if claim is None:
            continue
        if name == "smooth" and claim["status"] == "proved":
            said.append(f"C{str(claim['value']).replace('inf', '∞')}")
        else:
            said.append(f"{name}: {marks[claim['status']]}")
    return ", ".join(said)


def _name(row: Mapping[str, Any]) -> str:
    return str(row["activation"]) + " *" * bool(row["null"])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _interval(found: Mapping[str, Any], key: str) -> str:
    if found[key] is None:
        return "–"
    if found["ci"] is None:
        return f"{found[key]:.4f}"
    return f"{found[key]:.4f} ±{(found['ci'][1] - found['ci'][0]) / 2:.4f}"
