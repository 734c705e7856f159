"""``rescu approx``: a polynomial or rational function close to an activation, with its bound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import UsageError

if TYPE_CHECKING:
    from rescu_cli.approximate import Approximation, ChannelFit

_MOST_ROWS = 24


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("approx", rich_help_panel=options.DESIGN)(approx)


def approx(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ACT",
            help="NAME[:param=value,…], a shape file, or path.py:name (this runs the file).",
        ),
    ],
    method: Annotated[
        str, typer.Option(help="dapa, least-squares, minimax or rational.")
    ] = "dapa",
    degree: Annotated[
        str | None,
        typer.Option(help="Of the polynomial (2), or m/n of a rational function (5/4).",
                     metavar="D", show_default=False),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(help="Mean of x ~ N(mean, std²), 0 by default.", metavar="X",
                     show_default=False),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option(help="Standard deviation of x, 1 by default.", metavar="X",
                     show_default=False),
    ] = None,
    x_range: Annotated[
        str | None,
        typer.Option("--range", help="Where the error is bounded, and where all methods but dapa "
                     "fit; mean ± 3 std by default.", metavar="LOW:HIGH", show_default=False),
    ] = None,
    stats: Annotated[
        Path | None,
        typer.Option(help="One dapa polynomial per channel, from arrays mean and std.",
                     metavar="FILE.npz"),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(help="Denominator of rational: A 1+sum|b_i x^i|, B 1+|sum b_i x^i|, "
                     "C 0.1+|sum b_i x^i|.", metavar="A|B|C", show_default=False),
    ] = None,
    fixed_point: Annotated[
        str | None,
        typer.Option(help="Round coefficients to fixed point and bound the error again.",
                     metavar="BITS[.FRACTION]"),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Of the escape radius; the bound on the error by default.",
                     metavar="X", show_default=False),
    ] = None,
    spread: Annotated[
        str | None,
        typer.Option(help="Whose escaping part to report, e.g. normal:0,2, laplace:0,1, "
                     "uniform:-4,4; N(mean, std²) by default.", metavar="FAMILY:A,B",
                     show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write it as an activation that export, plot, verify and compare take; "
                     "with --stats, the arrays as .npz.", metavar="FILE"),
    ] = None,
    function: Annotated[
        str | None, typer.Option("--name", help="Name of that activation.", metavar="NAME")
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--plot", help="Draw f, P and the error: .png, .svg or .pdf.",
                     metavar="FILE"),
    ] = None,
    beta: options.Beta = None,
    settings: options.Set = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Approximate an activation, and prove how far off the result is.

    The bound on the error is proved by ball arithmetic over the whole range, for the coefficients
    that are printed.
    """
    values = options.overrides(beta, settings)
    if stats is not None:
        given = {
            "--mean": mean, "--std": std, "--range": x_range, "--form": form, "--plot": figure,
            "--fixed-point": fixed_point, "--tolerance": tolerance, "--spread": spread,
            "--name": function,
        }  # fmt: skip
        _channels(name, method, degree, stats, given, values, out, json=json)
        return
    _one_name(out, function)
    found = api.approx(
        name, method=method, degree=degree, mean="0" if mean is None else mean,
        std="1" if std is None else std, x_range=x_range, tolerance=tolerance,
        fixed_point=fixed_point, spread=spread, form=form, overrides=values,
    )  # fmt: skip
    _write(found, out, function, figure)
    _emit(found, out, figure, json=json)


def _one_name(out: Path | None, function: str | None) -> None:
    if function is not None and out is None:
        raise UsageError("--name names the activation that --out writes; give --out FILE.json too.")
    if out is not None and out.suffix != ".json":
        raise UsageError(
            f"--out writes an activation; {out.name!r} should end in .json, e.g. "
            f"{out.stem or 'poly'}.json."
        )


def _write(
    found: Approximation, out: Path | None, function: str | None, figure: Path | None
) -> None:
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_atomically, write_json

    if out is not None:
        write_json(out, found.as_activation(function).to_dict())
        render.say(f"Wrote {out}; try: rescu export {out} --to c --check")
    if figure is not None:
        from rescu_cli.plot import FORMATS, figure_bytes

        kind = figure.suffix.lstrip(".").lower()
        if kind not in FORMATS:
            raise UsageError(
                f"Cannot write {figure.name!r} as {kind or 'a file without ending'}; choose an "
                f"ending of: {', '.join(FORMATS)}."
            )
        drawn = api.draw_approximation(found)
        write_atomically(figure, figure_bytes(drawn, kind, title=found.default_name))
        render.say(f"Wrote {figure}")


def _emit(found: Approximation, out: Path | None, figure: Path | None, *, json: bool) -> None:
    from rescu_cli.cli import render

    result = found.to_dict()
    result["path"] = None if out is None else str(out.resolve())
    result["figure"] = None if figure is None else str(figure.resolve())
    if json:
        for note in result["notes"]:
            render.say(note)
        render.emit_json("approx", result)
    else:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render

    right = {"justify": "right"}
    low, high = result["range"]
    degree = result["degree"]
    shown = f"{degree[0]}/{degree[1]}" if isinstance(degree, list) else degree
    title = f"{result['activation']}: {result['method']}, degree {shown}, on [{low:g}, {high:g}]"
    if result["rational"] is None:
        exact = result["exact"]
        columns: list[Any] = ["power", ("coefficient", right), ("Chebyshev on the range", right)]
        rows: list[tuple[str, ...]] = [
            (f"x^{k}", text, f"{c:.10g}")
            for k, (text, c) in enumerate(zip(exact, result["chebyshev"], strict=True))
        ]
        fixed = result["fixed_point"]
        if fixed is not None:
            columns.append((f"times 2^{fixed['fraction']}", right))
            rows = [(*r, str(n)) for r, n in zip(rows, fixed["integers"], strict=True)]
    else:
        rational = result["rational"]
        top, below = rational["numerator"], rational["denominator"]
        columns = ["power", ("numerator a_i", right), ("denominator b_i", right)]
        length = max(len(top), len(below) + 1)
        rows = [
            (f"x^{k}", repr(top[k]) if k < len(top) else "",
             (rational["constant"] if k == 0 else repr(below[k - 1])) if k <= len(below) else "")
            for k in range(length)
        ]  # fmt: skip
    render.table(title, columns, rows)
    render.table(None, ["what", "value", "how"], _facts(result))
    for note in result["notes"]:
        render.say(note)


def _facts(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    error, turn, away = result["sup_error"], result["equioscillation"], result["escape"]
    how = (
        f"proved by ball arithmetic on {error['boxes']:,} boxes" if error["proved"]
        else f"seen, not proved: {error['reason']}"
    )  # fmt: skip
    rows = [
        ("largest error", f"{error['value']:.10g}", f"{how}; {error['reached']:.10g} is reached at "
         f"x = {error['at']:.6g}"),
        ("mean square error", f"{result['mse']:.10g}", f"under {result['mse_weight']}"),
    ]  # fmt: skip
    if turn["best_possible"] is not None:
        rows.append(("best possible", f"{turn['best_possible']:.10g}",
                     "proved: no polynomial of this degree errs by less on the range"))  # fmt: skip
    needed = "" if turn["needed"] is None else f"; {turn['needed']} make a polynomial best"
    rows.append(("level extrema", str(turn["level"]),
                 f"of {len(turn['points'])} extrema of alternating sign{needed}"))  # fmt: skip
    if result["rational"] is not None:
        free = result["rational"]["pole_free"]
        rows.append(("no pole", free["statement"], f"proved: {free['proof']}"))
    if result["fixed_point"] is not None:
        before = result["fixed_point"]["before"]["sup_error"]
        rows.append(("before rounding", f"{before['value']:.10g}", "largest error"))
    radius = result["escape_radius"]
    rows.append(
        ("escape radius", "–" if radius is None else f"{radius:.8g}",
         f"around {away['center']:g}; |P - f| <= {away['tolerance']:.6g} "
         + (f"as far as {away['searched']:.3g}" if radius is None
            else f"from {_end(away['left'])} to {_end(away['right'])}"))
    )  # fmt: skip
    rows.append(
        ("escapes", f"{100 * away['fraction_outside']:.4g} %", f"of {away['distribution']}")
    )
    return rows


def _end(value: float | None) -> str:
    return "far out" if value is None else f"{value:.8g}"


def _channels(
    name: str, method: str, degree: str | None, stats: Path, given: dict[str, Any],
    values: dict[str, str], out: Path | None, *, json: bool,
) -> None:  # fmt: skip
    from rescu_cli.cli import render

    clash = [option for option, value in given.items() if value is not None]
    if clash:
        raise UsageError(
            f"--stats takes mean and std of every channel from the file; leave out "
            f"{', '.join(clash)}."
        )
    if method != "dapa":
        raise UsageError(
            f"--stats fits to the distribution of every channel, which is method dapa; found "
            f"{method}. Leave one of the two out."
        )
    if out is not None and out.suffix != ".npz":
        raise UsageError(f"With --stats, --out writes arrays; {out.name!r} should end in .npz.")
    found = api.approx_channels(name, stats, degree="2" if degree is None else degree,
                                overrides=values)  # fmt: skip
    if out is not None:
        _write_arrays(found, out)
        render.say(f"Wrote {out}")
    result = found.to_dict()
    result["path"] = None if out is None else str(out.resolve())
    if json:
        render.emit_json("approx", result)
        return
    right = {"justify": "right"}
    shown = result["coefficients"][:_MOST_ROWS]
    render.table(
        f"{result['activation']}: dapa, degree {result['degree']}, {result['channels']} channels",
        [("channel", right), ("mean", right), ("std", right),
         *((f"x^{k}", right) for k in range(result["degree"] + 1)),
         ("mse", right), ("largest error", right)],
        [(i, f"{result['mean'][i]:.4g}", f"{result['std'][i]:.4g}", *(f"{c:.6g}" for c in row),
          f"{result['mse'][i]:.4g}", f"{result['sup_error'][i]['value']:.4g}")
         for i, row in enumerate(shown)],
        caption="largest error: on mean ± 3 std, "
        + ("proved" if all(e["proved"] for e in result["sup_error"]) else "not all proved"),
    )  # fmt: skip
    if len(shown) < result["channels"]:
        render.say(f"{result['channels'] - len(shown)} more; --json or --out has them all.")


def _write_arrays(found: ChannelFit, out: Path) -> None:
    from io import BytesIO

    import numpy as np

    from rescu_cli.core.files import write_atomically

    buffer = BytesIO()
    np.savez(buffer, mean=found.means, std=found.stds, coefficients=found.coefficients,
             mse=found.mse)  # fmt: skip
    write_atomically(out, buffer.getvalue())
