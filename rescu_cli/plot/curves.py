"""The figure of activations: f and its derivatives on aligned panels, joints and jumps marked."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from rescu_cli.core.activation import Activation
from rescu_cli.errors import UsageError
from rescu_cli.plot.labels import distinct_labels, wrapped
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.limits import panel_limits
from rescu_cli.plot.sampling import Curve, sample
from rescu_cli.plot.style import (
    COLUMN_WIDTH,
    HAIRLINE,
    Color,
    house_style,
    line_style,
    new_figure,
    solid_line,
)
from rescu_cli.plot.window import Window, check_window, default_window

ORDER_LABELS = ("f(x)", *(f"f\N{HAIR SPACE}{mark}(x)" for mark in ("′", "″", "‴", "⁽⁴⁾")))
"""Plain text: formulas set by Matplotlib reach an SVG as single letters, and primes as a '0' in a
font that viewers lack. The hair space keeps the prime off the hook of the italic f."""

_VALUE_HEIGHT, _PANEL_HEIGHT, _FRAME_HEIGHT = 1.5, 1.05, 0.4
_MAX_HAIRLINES = 6
_MAX_JOINT_MARKS = 24
_LABEL_CHARACTERS = 44
_LONGEST_IMPULSE, _SHORTEST_IMPULSE = 0.42, 0.2
"""Length of an impulse's arrow as a part of the panel; shorter from curve to curve, so that arrows
in one place stay apart."""


def plot_activations(
    activations: Sequence[Activation],
    *,
    derivatives: int = 1,
    x_range: Window | None = None,
    labels: Sequence[str] | None = None,
    width: float = COLUMN_WIDTH,
) -> Figure:
    """f and its derivatives for one or several activations.

    Where a derivative jumps, two separate strokes end in dots; the filled one is the value that
    the function takes there. The derivative of a jump is an impulse: a short arrow that says where
    and in which direction, not how large. A joint without a jump is a small dot on the curve.

    Args:
        activations: With every parameter bound.
        derivatives: How many derivatives to show, 0 to 4.
        x_range: Low and high end; chosen from the joints if left out.
        labels: Texts for the legend, one per activation; name and parameters if left out.
        width: Of the figure, in inches.

    Raises:
        UsageError: If there is nothing to draw, or the range or the number is unusable.
        ParameterError: If a parameter is free.
    """
    if not activations:
        raise UsageError("No activation to plot; name at least one, e.g. rescu plot smelu.")
    names = distinct_labels(activations) if labels is None else list(labels)
    if len(names) != len(activations):
        raise UsageError(f"{len(activations)} activations need as many labels; found {len(names)}.")
    window = default_window(activations) if x_range is None else check_window(x_range)
    samples = [sample(a, window, derivatives) for a in activations]
    with house_style():
        figure, panels = panels_for(derivatives, window, width)
        _mark_joint_places(panels, activations, window)
        for order, axes in enumerate(panels):
            curves = [curves_of_one[order] for curves_of_one in samples]
            axes.set_ylim(panel_limits(curves))
            for index, curve in enumerate(curves):
                draw_curve(axes, curve, index)
        handles: list[Artist] = [
            Line2D([], [], label=wrapped(label, _LABEL_CHARACTERS), **line_style(index))
            for index, label in enumerate(names)
        ]
        add_legend(figure, [*handles, *impulse_handles(samples)])
    return figure


def panels_for(derivatives: int, window: Window, width: float) -> tuple[Figure, list[Axes]]:
    """An empty figure with one labelled panel per order over a common x axis."""
    ratios = [_VALUE_HEIGHT] + [_PANEL_HEIGHT] * derivatives
    figure = new_figure(width, sum(ratios) + _FRAME_HEIGHT)
    grid = figure.subplots(
        len(ratios), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": ratios}
    )
    panels: list[Axes] = list(grid[:, 0])
    for order, axes in enumerate(panels):
        axes.set_ylabel(ORDER_LABELS[order], style="italic")
        axes.yaxis.set_major_locator(
            MaxNLocator(4 if order else 5, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3)
        )
        axes.axhline(0, color=HAIRLINE, linewidth=0.6, zorder=1)
    panels[-1].set_xlabel("x", style="italic")
    panels[-1].set_xlim(window)
    panels[-1].xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]))
    figure.align_ylabels(panels)
    return figure, panels


def draw_curve(axes: Axes, curve: Curve, index: int, *, color: Color | None = None) -> None:
    """One curve with the marks of its joints and jumps.

    Args:
        axes: A panel whose y limits are set.
        curve: What to draw.
        index: Its place among the curves of the panel; decides the line style.
        color: Draw a solid line of this colour instead.
    """
    look = line_style(index) if color is None else solid_line(index, color)
    paint, above = look["color"], look["zorder"] + 2
    for number, stroke in enumerate(curve.strokes):
        (line,) = axes.plot(stroke.x, stroke.y, **look)
        line.set_gid(f"curve-{index}-{curve.order}-{number}")
    if 0 < len(curve.joints) <= _MAX_JOINT_MARKS:
        x, y = zip(*curve.joints, strict=True)
        axes.plot(x, y, "o", markersize=2.6, color=paint, zorder=above,
                  gid=f"joints-{index}-{curve.order}")  # fmt: skip
    for dot in sorted(curve.dots, key=lambda d: d.filled):
        axes.plot([dot.x], [dot.y], "o", markersize=3.4, markeredgewidth=0.9, color=paint,
                  markerfacecolor=paint if dot.filled else "white", zorder=above,
                  clip_on=False)  # fmt: skip
    low, high = axes.get_ylim()
    length = (high - low) * max(_LONGEST_IMPULSE * 0.8**index, _SHORTEST_IMPULSE)
    for impulse in curve.impulses:
        tip = min(length, 0.95 * high) if impulse.weight > 0 else max(-length, 0.95 * low)
        axes.annotate(
            "", xy=(impulse.x, tip), xytext=(impulse.x, 0), zorder=above,
            arrowprops={"arrowstyle": "-|>,head_width=0.16,head_length=0.32", "color": paint,
                        "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


def _mark_joint_places(
    panels: Sequence[Axes], activations: Sequence[Activation], window: Window
) -> None:
    """A hairline through all panels at each joint, unless there are too many to help."""
    places = {float(b) for a in activations for b in a.breakpoints}
    inside = sorted(x for x in places if window[0] < x < window[1])
    if len(inside) > _MAX_HAIRLINES:
        return
    for axes in panels:
        for x in inside:
            axes.axvline(x, color=HAIRLINE, linewidth=0.6, linestyle=(0, (1, 1.5)), zorder=1)


def impulse_handles(samples: Sequence[Sequence[Curve]]) -> list[Artist]:
    """The legend's entry for impulses, if there are any."""
    if not any(curve.impulses for curves in samples for curve in curves):
        return []
    label = "impulse (δ)"
    if any(curve.impulses for curves in samples for curve in curves[:-1]):
        label = "impulse (δ); its derivatives are left out"
    return [
        Line2D([], [], linestyle="none", marker=r"$\uparrow$", markersize=6, color="black",
               markeredgewidth=0, label=label)
    ]  # fmt: skip
