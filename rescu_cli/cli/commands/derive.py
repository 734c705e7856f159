"""``rescu derive``: from a gradient, a kernel or knots to an activation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import UsageError

_FORMATS = ("text", "latex", "python")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("derive", rich_help_panel=options.DESIGN)(derive)


def derive(
    file: Annotated[
        str | None,
        typer.Argument(
            help="A shape file, in place of a shape: of 'derive --out' or of a search.",
            metavar="[FILE.json]",
            show_default=False,
        ),
    ] = None,
    gradient: Annotated[
        str | None,
        typer.Option(
            help="A named shape (step, piecewise-linear, smoothstep, smootherstep, smoothstep:n, "
            "triangle, cosine, logistic, gaussian, algebraic, arctan, laplace) or an expression.",
            metavar="SHAPE|EXPR",
        ),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option(
            help="Smooth --base with a kernel: box, triangle, epanechnikov, biweight, cosine, "
            "logistic, gaussian, laplace, student2.",
            metavar="KERNEL",
        ),
    ] = None,
    base: Annotated[str, typer.Option(help="What --kernel smooths.", metavar="ACT")] = "relu",
    knots: Annotated[
        str | None,
        typer.Option(help="The gradient through points x:g.", metavar="'-1:0, 0:0.3, 1:1'"),
    ] = None,
    interpolation: Annotated[str, typer.Option(help="Between knots: linear or pchip.")] = "linear",
    anchor: Annotated[
        str | None,
        typer.Option(help="Constant of integration: left (ray through 0), zero (f(0)=0), right."),
    ] = None,
    alpha: Annotated[
        str | None, typer.Option(help="Asymmetric: transition over [-alpha, beta].", metavar="X")
    ] = None,
    beta: options.Beta = None,
    g_minus: Annotated[
        str | None, typer.Option("--g-minus", help="Slope far left.", metavar="X")
    ] = None,
    g_plus: Annotated[
        str | None, typer.Option("--g-plus", help="Slope far right.", metavar="X")
    ] = None,
    settings: options.Set = None,
    assume: Annotated[
        list[str] | None,
        typer.Option(help="An assumption on parameters, e.g. 'beta < 4'.", metavar="TEXT"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the result.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the activation to a shape file.", metavar="FILE.json")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="What to print: text, latex or python.")
    ] = "text",
    json: options.Json = False,
) -> None:
    """Derive an activation from the shape of its gradient.

    A number fixes a parameter; a parameter's own name (--alpha alpha) keeps it symbolic.
    """
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_json

    if form not in _FORMATS:
        raise UsageError(f"No format {form!r}; choose {', '.join(_FORMATS)}.")
    if file is not None:
        made = {"gradient": gradient, "kernel": kernel, "knots": knots, "anchor": anchor,
                "alpha": alpha, "g-minus": g_minus, "g-plus": g_plus, "assume": assume,
                "name": name}  # fmt: skip
        stray = next((option for option, value in made.items() if value), None)
        if stray is not None:
            raise UsageError(f"{file} is an activation already, which '--{stray}' cannot change; "
                             "give the file, or a shape.")  # fmt: skip
        if not file.endswith(".json"):
            raise UsageError(f"{file!r} is no shape file (.json); a shape is named by '--gradient "
                             f"{file}'.")  # fmt: skip
        result = api.show(file, options.overrides(beta, settings))
    else:
        result = api.derive(
            gradient,
            kernel=kernel,
            base=base,
            knots=knots,
            interpolation=interpolation,
            anchor=anchor,
            alpha=alpha,
            beta=beta,
            g_minus=g_minus,
            g_plus=g_plus,
            values=options.overrides(None, settings),
            assume=assume or (),
            name=name,
        )
    if out is not None:
        write_json(out, result.activation.to_dict())
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("derive", result.to_dict())
    elif form == "text":
        render.print_card(result)
    else:
        from rescu_cli.export import emit

        render.write_text(emit(result.activation, {"latex": "latex", "python": "numpy"}[form]).text)
