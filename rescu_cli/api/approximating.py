"""Polynomials and rational functions close to an activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.api.named import resolve_all

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rescu_cli.approximate import Approximation, ChannelFit
    from rescu_cli.approximate.blackbox import BlackBox
    from rescu_cli.network.width import MinimumWidth

Number = float | str | Fraction


def approx(
    text: str,
    *,
    method: str = "dapa",
    degree: int | str | None = None,
    mean: Number = 0,
    std: Number = 1,
    x_range: str | tuple[Number, Number] | None = None,
    tolerance: float | None = None,
    fixed_point: str | None = None,
    spread: str | None = None,
    form: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Approximation:
    """Approximate an activation, and prove how far off the result is.

    Args:
        text: The activation; parameters left open take their documented defaults. Or a callable,
            ``path.py:name``, which runs the file: then nothing can be proved.
        method: ``dapa`` (least mean square under a normal distribution), ``least-squares`` (on a
            range), ``minimax`` (least largest error on a range) or ``rational``.
        degree: 2 by default; ``"m/n"`` for rational, ``"5/4"`` by default.
        mean: Of the distribution of x.
        std: Its standard deviation.
        x_range: ``"low:high"`` or two numbers: where the error is bounded, and where all methods
            but dapa fit; mean ± 3·std by default.
        tolerance: Of the escape radius; the bound on the error by default.
        fixed_point: ``BITS[.FRACTION]``: round the coefficients and bound the error again.
        spread: The distribution of which the escaping part is reported, e.g. ``normal:0,2``.
        form: Of the denominator: A (default), B or C.
        overrides: Values of parameters.

    Raises:
        UsageError: If the request contradicts itself, or f is not finite on the range.

    Example:
        >>> import rescu_cli as rescu
        >>> found = rescu.approx("relu", method="dapa", degree=2)
        >>> [round(c, 5) for c in found.coefficients], round(found.mse, 5)
        ([0.19947, 0.5, 0.19947], 0.01127)
    """
    from rescu_cli.approximate.fixed import parse_fixed_point
    from rescu_cli.approximate.request import Request, number, parse_degree, parse_interval
    from rescu_cli.approximate.run import approximate
    from rescu_cli.approximate.spread import parse_spread
    from rescu_cli.errors import UsageError

    default = "5/4" if method == "rational" else "2"
    top, below = parse_degree(default if degree is None else str(degree))
    if form is not None and method != "rational":
        raise UsageError(f"Form {form} is of a denominator; {method} has none. Leave it out.")
    if isinstance(x_range, str):
        ends: tuple[Fraction | None, Fraction | None] = parse_interval(x_range)
    elif x_range is not None:
        ends = (number(x_range[0], "range"), number(x_range[1], "range"))
    else:
        ends = (None, None)
    request = Request(
        method, top, below, number(mean, "mean"), number(std, "standard deviation"), *ends,
        tolerance=tolerance,
        fixed_point=None if fixed_point is None else parse_fixed_point(fixed_point),
        spread=None if spread is None else parse_spread(spread),
        form=(form or "A").upper(),
    )  # fmt: skip
    if ".py:" in text:
        return approximate(_called(text, overrides), request)
    (activation,) = resolve_all([text], overrides)
    return approximate(activation.with_defaults(), request)


def _called(text: str, overrides: Mapping[str, Any] | None) -> BlackBox:
    """``path.py:name`` as a function of one number. This runs the file."""
    import numpy as np

    from rescu_cli.approximate.blackbox import BlackBox
    from rescu_cli.audit.bind import bind
    from rescu_cli.audit.load import load
    from rescu_cli.audit.subject import make_subject
    from rescu_cli.core.parse import parse_number

    values = {k: float(parse_number(str(v))) for k, v in (overrides or {}).items()}
    loaded = load(text)
    subject = make_subject(bind(loaded, values))
    kind = subject.finest

    def function(x: float) -> float:
        return float(subject.value(np.array([x]), kind)[0])

    name = loaded.name if loaded.name.isidentifier() else "callable"
    return BlackBox(function, text, name, kind)


def draw_approximation(found: Approximation) -> Figure:
    """F and its approximation, and the error with its bound.

    Example:
        >>> import rescu_cli as rescu
        >>> len(rescu.draw_approximation(rescu.approx("relu", method="minimax", degree=4)).axes)
        2
    """
    from rescu_cli.plot import plot_approximation
    from rescu_cli.plot.labels import activation_label

    activation = getattr(found.target, "activation", None)
    label = found.target.name if activation is None else activation_label(activation)
    return plot_approximation(label, found.target.truth, found.exactly, found.to_dict())


def approx_channels(
    text: str,
    means: Sequence[float] | str | Path,
    stds: Sequence[float] | None = None,
    *,
    degree: int | str = 2,
    overrides: Mapping[str, Any] | None = None,
) -> ChannelFit:
    """One dapa polynomial per channel, from the statistics of its pre-activations.

    Args:
        text: The activation.
        means: Of every channel; or an ``.npz`` file with arrays ``mean`` and ``std``.
        stds: Their standard deviations.
        degree: Of the polynomials.
        overrides: Values of parameters.

    Example:
        >>> import rescu_cli as rescu
        >>> rescu.approx_channels("relu", [0.0, 1.0], [1.0, 0.5]).coefficients.shape
        (2, 3)
    """
    from rescu_cli.approximate.channels import fit_channels, read_statistics
    from rescu_cli.approximate.request import parse_degree
    from rescu_cli.errors import UsageError

    top, below = parse_degree(str(degree))
    if below is not None:
        raise UsageError(f"dapa makes polynomials, which have one degree; found {degree}.")

    (activation,) = resolve_all([text], overrides)
    if isinstance(means, str | Path):
        if stds is not None:
            raise UsageError("The file holds the standard deviations; leave out stds.")
        return fit_channels(activation.with_defaults(), *read_statistics(Path(means)), top)
    if stds is None:
        raise UsageError("Every mean needs a standard deviation; give stds.")
    return fit_channels(activation.with_defaults(), means, stds, top)


def minimum_width(
    d_x: int, d_y: int, *, norm: str = "uniform", activation: str = "leaky_relu"
) -> MinimumWidth:
    """What is known of the smallest width with which deep networks approximate every function.

    Args:
        d_x: Inputs.
        d_y: Outputs.
        norm: ``uniform`` or ``lp``.
        activation: ``leaky_relu``, ``relu``, ``relu+step``, ``monotone`` or ``any``.

    Example:
        >>> import rescu_cli as rescu
        >>> rescu.minimum_width(2, 2).exact
        4
    """
    from rescu_cli.network.width import minimum_width as known

    return known(d_x, d_y, norm=norm, activation=activation)
