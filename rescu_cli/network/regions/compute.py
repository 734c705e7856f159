"""Regions of a network: what is exact, what stands in for something else, and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from torch import nn

from rescu_cli.core.activation import Activation
from rescu_cli.errors import UsageError
from rescu_cli.network.regions.boundary import Boundary, boundaries
from rescu_cli.network.regions.exact import exact_partition
from rescu_cli.network.regions.partition import LayerRegions, Partition, partition
from rescu_cli.network.regions.pieces import (
    Pieces,
    forward_activation,
    fraction,
    known_pieces,
    pieces_of,
)
from rescu_cli.network.regions.polygons import Floats, Polygons
from rescu_cli.network.regions.program import (
    Affine,
    Choice,
    Program,
    contained,
    read_program,
)
from rescu_cli.network.regions.slices import Slice
from rescu_cli.network.regions.surrogate import Surrogate, surrogates

CHECKED = 32  # regions in whose middle the network itself is run
AGREEMENT = 1e-8  # relative; rounding is far below it, another function far above
EXACT_REGIONS = 20_000  # rational arithmetic takes about a millisecond for each


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of a network on a slice.

    Args:
        where: The slice.
        cells: Polygons in the slice's coordinates.
        maps: Outputs on each, (R, 3, n_outputs), coefficients of x, y and 1. Where only zones
            are known, the arguments of the first activation.
        layers: Counts from layer to layer.
        boundary: Zero set of the only output, or of the differences of two; empty for zones.
        complete: Whether all regions were found.
        arithmetic: ``float64`` or ``rational``.
        zones: Of a smooth network without stand-ins: how many units are in a curved piece, (R,).
            Then the partition is that of the first layer, and no region has an affine map.
        surrogates: Stand-ins by the name of the layer.
        output_error: Bound of what the outputs are off by because of them; None without.
    """

    where: Slice
    cells: Polygons
    maps: Floats
    layers: tuple[LayerRegions, ...]
    boundary: tuple[Boundary, ...]
    complete: bool
    arithmetic: str = "float64"
    zones: Floats | None = None
    surrogates: Mapping[str, Surrogate] | None = None
    output_error: float | None = None


def regions(
    model: nn.Module,
    where: Slice,
    *,
    shape: Sequence[int] | None = None,
    approx: int | None = None,
    exact: bool = False,
    max_regions: int | None = None,
) -> Regions:
    """The regions of a network on a two-dimensional slice of its input space.

    A network of piecewise-linear activations is affine on convex polygons. They are found exactly
    but for rounding in float64 (see `cutting.TOLERANCE`), or without any rounding.

    Args:
        model: See `read_program`.
        where: The slice.
        shape: Of one input; that of the slice's points if None.
        approx: Lines per curved piece of smooth activations, which stand in for them. Without it a
            network with smooth activations gives the zones of its first layer, if these have
            pieces, as SmeLU's three; else it is refused.
        exact: Compute with fractions: the reference, for small networks.
        max_regions: Stop with that many; with ``exact``, refuse to go on.

    Raises:
        UsageError: If the network has a part without known pieces, or the slice does not fit it.

    Source:
        Humayun et al., SplineCam, CVPR 2023.
    """
    if max_regions is not None and max_regions < 1:
        raise UsageError(f"At most {max_regions} regions asked; at least 1.")
    program = read_program(model)
    size = (len(where.origin),) if shape is None else tuple(shape)
    if int(np.prod(size)) != len(where.origin):
        raise UsageError(
            f"The slice lies in {len(where.origin)} dimensions, but an input of shape {size} has "
            f"{int(np.prod(size))}."
        )
    local, shift = (where, np.zeros(2)) if exact else where.centred()
    smooth = _smooth(program)
    if smooth and approx is None:
        zones = _zones(model, program, smooth[0], local, size, max_regions)
        return _moved(zones, where, shift)
    found = None
    if smooth and approx is not None:
        found = surrogates(program, local, size, approx)
        pieces = dict(found.pieces)
    else:
        pieces = {s.name: _own(s) for s in program.steps if isinstance(s, Choice)}
    if exact:
        cut = _rational(program, pieces, local, size, max_regions)
    else:
        cut = partition(program, pieces, local, size, max_regions)
    _require_agreement(model, cut, local, size, found.output_error if found else 0.0)
    result = Regions(
        where=local,
        cells=cut.cells,
        maps=cut.maps,
        layers=cut.layers,
        boundary=tuple(boundaries(cut.cells, cut.maps, local.reach)) if len(cut.cells) else (),
        complete=cut.complete,
        arithmetic="rational" if exact else "float64",
        surrogates={_label(program, k): v for k, v in found.used.items()} if found else None,
        output_error=found.output_error if found else None,
    )
    return _moved(result, where, shift)


def _moved(found: Regions, where: Slice, shift: Floats) -> Regions:
    """The same in the coordinates of the slice that was asked for."""
    if not shift.any():
        return found
    maps = found.maps.copy()
    maps[:, 2] -= maps[:, 0] * shift[0] + maps[:, 1] * shift[1]
    return replace(
        found,
        where=where,
        cells=Polygons(found.cells.vertices + shift, found.cells.starts),
        maps=maps,
        boundary=tuple(replace(b, segments=b.segments + shift) for b in found.boundary),
    )


def _require_agreement(
    model: nn.Module, cut: Partition, where: Slice, size: tuple[int, ...], allowed: float = 0.0,
    *, before: str | None = None,
) -> None:  # fmt: skip
    """Runs the network itself, one example at a time, at points inside some regions.

    Args:
        model: The network.
        cut: What was found of it.
        where: The slice.
        size: Of one input.
        allowed: What stand-ins may change.
        before: A layer whose input is what was found, not the network's output.

    Raises:
        UsageError: If it gives something else than the affine maps: it mixes examples, say.
    """
    if not len(cut.cells):
        return
    chosen = np.unique(np.linspace(0, len(cut.cells) - 1, CHECKED).astype(np.int64))
    cells = cut.cells.at(chosen)
    centres = cells.centres()
    # Also half-way to the corners: at the middle of a box around 0 no slope is seen.
    places = np.concatenate([centres, (centres[cells.owner] + cells.vertices) / 2])
    m = cut.maps[chosen][np.concatenate([np.arange(len(chosen)), cells.owner])]
    wanted = m[:, 0] * places[:, :1] + m[:, 1] * places[:, 1:] + m[:, 2]
    x = torch.from_numpy(where.points(places)).reshape(-1, 1, *size)
    twin = contained(copy.deepcopy(model).to(torch.float64).eval())
    seen: list[torch.Tensor] = []
    if before is not None:
        twin.get_submodule(before).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        outputs = [twin(one) for one in x]
    rows = [one.reshape(-1).numpy() for one in (outputs if before is None else seen)]
    true = np.stack(rows) if len({len(row) for row in rows}) == 1 else np.empty((0, 0))
    if true.shape != wanted.shape:
        raise UsageError(
            f"The network gives {len(rows[0])} numbers for an input by itself, and "
            f"{wanted.shape[1]} were found: its forward mixes the examples of a batch."
        )
    if not (np.isfinite(true).all() and np.isfinite(wanted).all()):
        raise UsageError(
            "The network's numbers overflow on the slice; no region can be vouched for."
        )
    off, scale = np.abs(true - wanted).max(0), np.maximum(1.0, np.abs(true).max(0))
    if (off > AGREEMENT * scale + allowed).any():
        raise UsageError(
            f"The affine maps found and the network differ by {off.max():.3g} at points of the "
            "slice. Its forward may mix the examples of a batch, change a value that is used "
            "again, or not be affine where it looks so; or the slice is too far from the origin."
        )


def _own(step: Choice) -> Pieces:
    activation = forward_activation(step.module)
    found = None if activation is None else pieces_of(activation)
    return known_pieces(step) if found is None else found


def _smooth(program: Program) -> list[tuple[Choice, Activation]]:
    """Steps whose activation has a curved piece."""
    choices = [step for step in program.steps if isinstance(step, Choice)]
    named = [(step, forward_activation(step.module)) for step in choices]
    return [(step, found) for step, found in named if found is not None and not pieces_of(found)]


def _label(program: Program, name: str) -> str:
    return next(s.label for s in program.steps if not isinstance(s, Affine) and s.name == name)


def _zones(
    model: nn.Module,
    program: Program,
    smooth: tuple[Choice, Activation],
    where: Slice,
    size: tuple[int, ...],
    max_regions: int | None,
) -> Regions:
    """Where each unit of the first activation is on which piece: parallel lines for each unit."""
    step, activation = smooth
    first = next(s for s in program.steps if not isinstance(s, Affine))
    if not activation.breakpoints or first is not step:
        raise UsageError(
            f"{step.label} is {activation.spec}, which is not piecewise linear, so the network has "
            "no affine regions. Use '--approx pwl:K' for a piecewise-linear stand-in with a proved "
            "error."
        )
    number = program.steps.index(step)
    inside = replace(
        program,
        steps=program.steps[: number + 1],
        result=step.name,
        last_use={**program.last_use, step.name: number + 1},
    )
    thresholds = tuple(fraction(b) for b in activation.breakpoints)
    one, nothing = (Fraction(1),) * (len(thresholds) + 1), (Fraction(0),) * (len(thresholds) + 1)
    passing = Pieces(thresholds, one, nothing, activation.spec)
    cut = partition(inside, {step.name: passing}, where, size, max_regions)
    _require_agreement(model, cut, where, size, before=step.label)
    x, y = cut.cells.centres().T[:, :, None]
    z = cut.maps[:, 0] * x + cut.maps[:, 1] * y + cut.maps[:, 2]
    zone = np.searchsorted(np.array([float(t) for t in thresholds]), z)
    curved = np.array([not piece.gradient.is_number for piece in activation.pieces])
    return Regions(
        where=where, cells=cut.cells, maps=cut.maps, layers=cut.layers, boundary=(),
        complete=cut.complete, zones=curved[zone].sum(1).astype(np.float64),
    )  # fmt: skip


def _rational(
    program: Program, pieces: Mapping[str, Pieces], where: Slice, size: tuple[int, ...],
    max_regions: int | None,
) -> Partition:  # fmt: skip
    """The rational regions, rounded once for whoever looks at them."""
    found = exact_partition(program, pieces, where, size, max_regions or EXACT_REGIONS)
    counts = np.array([len(region.vertices) for region in found])
    vertices = np.array([[_float(u) for u in p] for region in found for p in region.vertices])
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    maps = np.array([[[_float(v) for v in f] for f in region.maps] for region in found])
    cells = Polygons(vertices, starts)
    area = float(Fraction(str(sum((region.area for region in found), start=found[0].area * 0))))
    last = [s for s in program.steps if not isinstance(s, Affine)]
    layers = tuple(
        LayerRegions(
            s.label, 0, len(found), area, float(counts.mean()), float(cells.eccentricities().mean())
        )
        for s in last[-1:]
    )
    return Partition(cells, maps.transpose(0, 2, 1), layers, True)


def _float(number: object) -> float:
    return float(Fraction(str(number)))
