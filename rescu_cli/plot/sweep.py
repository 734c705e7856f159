"""One activation over a row of values of one parameter, coloured from the first to the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from rescu_cli.core.activation import Activation
from rescu_cli.core.sweep import Sweep, is_geometric
from rescu_cli.errors import ParameterError
from rescu_cli.plot.curves import draw_curve, impulse_handles, panels_for
from rescu_cli.plot.labels import letter, name_label, number_label
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.limits import panel_limits
from rescu_cli.plot.sampling import sample
from rescu_cli.plot.style import COLUMN_WIDTH, house_style
from rescu_cli.plot.window import Window, check_window, default_window

_TICK_SPACE = 0.09
"""Least distance of two numbers beside the colour bar, as a part of its length."""
_DARKEST_TO_LIGHTEST = (0.0, 0.86)
"""The part of viridis that still shows on white paper; its lightness falls steadily."""


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
        geometric = is_geometric(values[0], values[-1])
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
