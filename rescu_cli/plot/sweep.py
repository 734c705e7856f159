"""One activation over a row of values of one parameter, coloured from the first to the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import exact
from rescu_cli.errors import ParameterError, UsageError
from rescu_cli.plot.curves import draw_curve, impulse_handles, panels_for
from rescu_cli.plot.labels import letter, name_label, number_label
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.limits import panel_limits
from rescu_cli.plot.sampling import sample
from rescu_cli.plot.style import COLUMN_WIDTH, house_style
from rescu_cli.plot.window import Window, check_window, default_window

_FORM = "write name=start:stop:count, e.g. beta=0.1:4:6, or name=value,value,..."
_MAX_COUNT = 64
_DECADE = 10.0
_DIGITS = 3
_TICK_SPACE = 0.09
"""Least distance of two numbers beside the colour bar, as a part of its length."""
_DARKEST_TO_LIGHTEST = (0.0, 0.86)
"""The part of viridis that still shows on white paper; its lightness falls steadily."""


@dataclass(frozen=True)
class Sweep:
    """The values that one parameter runs through.

    Args:
        parameter: Its ASCII name.
        values: Ascending.
        geometric: Whether equal ratios, not equal differences, are equally far apart.

    Raises:
        UsageError: If there are fewer than two values, or they do not ascend.
    """

    parameter: str
    values: tuple[float, ...]
    geometric: bool = False

    def __post_init__(self) -> None:
        if not 2 <= len(self.values) <= _MAX_COUNT:
            raise UsageError(
                f"A sweep of {self.parameter} has 2 to {_MAX_COUNT} values; "
                f"found {len(self.values)}. {_FORM.capitalize()}"
            )
        if any(b <= a for a, b in pairwise(self.values)):
            shown = ", ".join(f"{v:g}" for v in self.values[:6])
            raise UsageError(f"The values of a sweep must ascend; found {shown}.")
        if self.geometric and self.values[0] <= 0:
            raise UsageError(f"Equal ratios need positive values; found {self.values[0]:g}.")


def parse_sweep(text: str) -> Sweep:
    """Read ``name=start:stop:count`` or ``name=value,value,…``.

    Values are in equal ratios if both ends are positive and at least a factor of 10 apart (a width
    acts by its ratio), otherwise in equal steps. Values between the ends are rounded to three
    significant digits, so that what is drawn is what a reader can type.

    Raises:
        UsageError: If the text is neither form.

    Example:
        >>> parse_sweep("beta=0.1:4:6").values
        (0.1, 0.209, 0.437, 0.915, 1.91, 4.0)
        >>> parse_sweep("beta=1:4:4").values
        (1.0, 2.0, 3.0, 4.0)
    """
    name, equals, tail = (part.strip() for part in text.partition("="))
    if not (equals and name.isidentifier() and name.isascii() and tail):
        raise UsageError(f"Cannot read the sweep {text[:60]!r}; {_FORM}.")
    if ":" not in tail:
        listed = tuple(_number(part, text) for part in tail.split(","))
        return Sweep(name, listed, len(listed) > 1 and _is_geometric(listed[0], listed[-1]))
    parts = tail.split(":")
    if len(parts) != 3:
        raise UsageError(f"The sweep {text[:60]!r} has {len(parts)} fields, not three; {_FORM}.")
    start, stop = _number(parts[0], text), _number(parts[1], text)
    try:
        count = int(parts[2])
    except ValueError:
        raise UsageError(
            f"The sweep {text[:60]!r} asks for {parts[2][:20]!r} values, which is not a whole "
            f"number; {_FORM}."
        ) from None
    if not 2 <= count <= _MAX_COUNT or start >= stop:
        raise UsageError(
            f"The sweep {text[:60]!r} needs start below stop and 2 to {_MAX_COUNT} values; {_FORM}."
        )
    return spaced(name, start, stop, count)


def spaced(parameter: str, start: float, stop: float, count: int) -> Sweep:
    """``count`` values from ``start`` to ``stop``, spaced as :func:`parse_sweep` says."""
    geometric = _is_geometric(start, stop)
    shares = [i / (count - 1) for i in range(1, count - 1)]
    if geometric:
        inner = [start * (stop / start) ** share for share in shares]
    else:
        inner = [start + (stop - start) * share for share in shares]
    rounded = tuple(float(f"{value:.{_DIGITS}g}") for value in inner)
    values = (start, *rounded, stop)
    if all(a < b for a, b in pairwise(values)):
        return Sweep(parameter, values, geometric)
    return Sweep(parameter, (start, *inner, stop), geometric)


def _is_geometric(start: float, stop: float) -> bool:
    return start > 0 and stop / start >= _DECADE


def _number(part: str, text: str) -> float:
    try:
        return float(exact(part))
    except ParameterError:
        raise UsageError(
            f"The sweep {text[:60]!r} contains {part[:20]!r}, which is not a finite number; "
            f"{_FORM}."
        ) from None


def plot_sweep(
    activation: Activation,
    parameter: str,
    values: Sequence[float],
    *,
    geometric: bool | None = None,
    derivatives: int = 1,
    x_range: Window | None = None,
    width: float = COLUMN_WIDTH,
) -> Figure:
    """f and its derivatives for several values of one parameter, with a colour bar.

    Args:
        activation: With ``parameter`` free; other free parameters take their defaults.
        parameter: Its ASCII name.
        values: Ascending values inside the parameter's domain.
        geometric: Whether colours follow ratios; by the rule of :func:`parse_sweep` if left out.
        derivatives: How many derivatives to show, 0 to 4.
        x_range: Low and high end; chosen from the joints if left out.
        width: Of the figure, in inches.

    Raises:
        ParameterError: If there is no such parameter, or it is bound, or a value is not in its
            domain.
        UsageError: If the values or the range are unusable.
    """
    if len(values) >= 2 and geometric is None:
        geometric = _is_geometric(values[0], values[-1])
    sweep = Sweep(parameter, tuple(float(v) for v in values), bool(geometric))
    bound = activation.parameter(parameter).value
    if bound is not None:
        raise ParameterError(
            f"{activation.spec} has {parameter} fixed; name it without: {activation.name}."
        )
    members = [activation.bind({parameter: v}).with_defaults() for v in sweep.values]
    window = default_window(members) if x_range is None else check_window(x_range)
    samples = [sample(a, window, derivatives) for a in members]
    with house_style():
        figure, panels = panels_for(derivatives, window, width)
        colors = _Colors.of(sweep)
        for order, axes in enumerate(panels):
            curves = [curves_of_one[order] for curves_of_one in samples]
            axes.set_ylim(panel_limits(curves))
            for index, (curve, value) in enumerate(zip(curves, sweep.values, strict=True)):
                draw_curve(axes, curve, index, color=colors.color(value))
        colors.bar(figure, panels, sweep)
        others = [p for p in members[0].parameters if p.name != parameter and p.value is not None]
        fixed = ", ".join(f"{letter(p.name)}={number_label(p.value)}" for p in others)
        panels[0].set_title(f"{name_label(activation.name)} {fixed}".strip(), loc="left")
        add_legend(figure, impulse_handles(samples))
    return figure


@dataclass(frozen=True)
class _Colors:
    """The sequential colour scale of a sweep."""

    scale: Normalize
    palette: Colormap

    @classmethod
    def of(cls, sweep: Sweep) -> _Colors:
        low, high = _DARKEST_TO_LIGHTEST
        shades = colormaps["viridis"]([low + (high - low) * i / 255 for i in range(256)])
        norm = LogNorm if sweep.geometric else Normalize
        return cls(norm(sweep.values[0], sweep.values[-1]), ListedColormap(shades))

    def color(self, value: float) -> tuple[float, float, float, float]:
        r, g, b, a = self.palette(float(self.scale(value)))
        return r, g, b, a

    def bar(self, figure: Figure, panels: Sequence[Axes], sweep: Sweep) -> None:
        """A colour bar beside all panels, ticked at values of the sweep."""
        bar = figure.colorbar(
            ScalarMappable(self.scale, self.palette), ax=list(panels), aspect=30, pad=0.03
        )
        bar.ax.yaxis.set_major_locator(FixedLocator(self._ticks(sweep.values)))
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number_label(value)))
        bar.ax.set_title(letter(sweep.parameter))
        bar.outline.set_linewidth(0.6)

    def _ticks(self, values: Sequence[float]) -> list[float]:
        """Both ends, and what lies between them with room for its number."""
        ticks = [values[0]]
        for value in values[1:-1]:
            if self._apart(ticks[-1], value) and self._apart(value, values[-1]):
                ticks.append(value)
        return [*ticks, values[-1]]

    def _apart(self, a: float, b: float) -> bool:
        return float(self.scale(b)) - float(self.scale(a)) >= _TICK_SPACE
