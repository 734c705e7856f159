"""Exact facts about networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

    from rescu_cli.network.regions.compute import Regions
    from rescu_cli.network.regions.loops import Witness
    from rescu_cli.network.regions.slices import Slice

DEFAULT_BOX = (-1.0, 1.0, -1.0, 1.0)


def regions(
    network: str | nn.Module,
    *,
    box: Sequence[float] | None = None,
    where: str | Path | Slice | None = None,
    approx: str | int | None = None,
    exact: bool = False,
    max_regions: int | None = None,
) -> Regions:
    """The regions on which a network is affine, on a two-dimensional slice of its inputs.

    Args:
        network: A module, or what names one: an ``.npz`` of weights, a saved module, or
            ``path.py:name``.
        box: xmin, xmax, ymin, ymax in the slice's coordinates; for a network of two inputs
            `DEFAULT_BOX` if None, for a slice through three points their surroundings.
        where: A slice, or an ``.npz`` with ``points`` (3, …), or ``origin`` (…) and ``directions``
            (2, …); the inputs themselves if None.
        approx: ``pwl:K``, or K: lines per curved piece that stand in for smooth activations.
        exact: With fractions, for small networks.
        max_regions: Stop with that many.

    Raises:
        UsageError: If the network has no affine regions, or the slice does not fit it.

    Example:
        >>> import rescu_cli as rescu
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(2, 1, bias=False), nn.ReLU())
        >>> len(rescu.regions(net, box=(-1, 1, -1, 1)).cells)
        2
    """
    from rescu_cli.network import load_model
    from rescu_cli.network.regions.compute import regions as compute

    place, shape = _slice(where, box)
    return compute(
        load_model(network) if isinstance(network, str) else network,
        place,
        shape=shape,
        approx=_lines(approx),
        exact=exact,
        max_regions=max_regions,
    )


def _lines(approx: str | int | None) -> int | None:
    if approx is None or isinstance(approx, int):
        return approx
    kind, colon, number = approx.partition(":")
    if kind.strip() != "pwl" or not colon or not number.strip().isdigit():
        raise UsageError(
            f"'--approx {approx}' is not understood; write pwl:8, with lines per piece."
        )
    return int(number)


def _slice(
    where: str | Path | Slice | None, box: Sequence[float] | None
) -> tuple[Slice, tuple[int, ...] | None]:
    """The slice, and the shape of one input if the slice tells it."""
    from rescu_cli.network.regions.slices import Slice, load_slice

    if box is not None and len(box) != 4:
        raise UsageError(f"A box has four ends, xmin,xmax,ymin,ymax; found {len(box)} numbers.")
    ends = None if box is None else ((box[0], box[2]), (box[1], box[3]))
    if isinstance(where, Slice):
        return (where if ends is None else where.boxed(*ends)), None
    if where is None:
        x0, x1, y0, y1 = DEFAULT_BOX if box is None else box
        return Slice.plane((x0, y0), (x1, y1)), None
    return load_slice(Path(where), ends)


def draw_regions(found: Sequence[Regions], titles: Sequence[str]) -> Figure:
    """Regions coloured by the norm of the slope, with the decision boundary; small multiples.

    Args:
        found: From `regions`, all with affine maps or all zones.
        titles: One for each.
    """
    import numpy as np

    from rescu_cli.network.regions.describe import slope_norms
    from rescu_cli.plot import RegionsPanel, plot_regions

    zoned = {one.zones is not None for one in found}
    if len(zoned) > 1:
        raise UsageError("Zones and affine regions cannot share a figure; use '--approx pwl:K'.")
    panels = [
        RegionsPanel(
            title=title,
            vertices=one.cells.vertices,
            starts=one.cells.starts,
            values=slope_norms(one) if one.zones is None else one.zones,
            low=one.where.low,
            high=one.where.high,
            segments=np.concatenate(
                [np.empty((0, 2, 2)), *(b.segments[b.decides] for b in one.boundary)]
            ),
        )
        for one, title in zip(found, titles, strict=True)
    ]
    return plot_regions(panels, what="curved units" if True in zoned else "slope")


def regions_summary(found: Regions) -> dict[str, Any]:
    """JSON-ready facts about regions."""
    from rescu_cli.network.regions.describe import summary

    return summary(found)


DEMO_WIDTHS = (2, 3, 4)


def width_demo(
    *, n_networks: int = 100, progress: Callable[[int, int], None] | None = None
) -> list[Witness]:
    """Closed level curves of random networks of two inputs at widths 2, 3 and 4.

    Width 2 has none by a theorem; the others show that the counter counts.

    Args:
        n_networks: Of each width; seeds 0 … n − 1.
        progress: Called with (widths done, widths to do).
    """
    from rescu_cli.network.regions.loops import witness

    found = []
    for number, width in enumerate(DEMO_WIDTHS):
        found.append(witness(width, n_networks=n_networks))
        if progress is not None:
            progress(number + 1, len(DEMO_WIDTHS))
    return found


def draw_witnesses(found: Sequence[Witness]) -> Figure:
    """For each width a network with its level curve: the one with the most closed curves, or any.

    Args:
        found: From `width_demo`.
    """
    from rescu_cli.network.regions.describe import slope_norms
    from rescu_cli.network.regions.loops import example
    from rescu_cli.plot import RegionsPanel, plot_regions

    panels = []
    for one in found:
        shown, segments, n_closed = example(one)
        panels.append(
            RegionsPanel(
                title=f"width {one.width}, seed {one.example or 0}\n{n_closed} closed",
                vertices=shown.cells.vertices,
                starts=shown.cells.starts,
                values=slope_norms(shown),
                low=shown.where.low,
                high=shown.where.high,
                segments=segments,
            )
        )
    return plot_regions(panels)
