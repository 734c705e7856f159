"""Regions of a network on a slice: every step cuts the regions of the step before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rescu_cli.errors import UsageError
from rescu_cli.network.regions.cutting import cut, cut_largest
from rescu_cli.network.regions.pieces import Pieces
from rescu_cli.network.regions.polygons import Floats, Integers, Polygons, starts_of
from rescu_cli.network.regions.program import Affine, Choice, Largest, Program, Values
from rescu_cli.network.regions.slices import Slice

NUMBERS_AT_ONCE = 2**18  # regions times units; what is computed of them stays below 100 MB


@dataclass(frozen=True)
class LayerRegions:
    """The regions behind one step.

    Args:
        label: Of the layer.
        n_units: Its units.
        n_regions: Behind it.
        area: Sum over the regions.
        vertices: Mean number.
        eccentricity: Mean; see `Polygons.eccentricities`.
    """

    label: str
    n_units: int
    n_regions: int
    area: float
    vertices: float
    eccentricity: float


@dataclass(frozen=True, eq=False)
class Partition:
    """The regions of a network on a slice.

    Args:
        cells: The regions.
        maps: The output on each, float64, shape (R, 3, n_outputs): coefficients of x, y and 1.
        layers: Region counts from layer to layer.
        complete: Whether all were found; False if `max_regions` stopped it.
    """

    cells: Polygons
    maps: Floats
    layers: tuple[LayerRegions, ...]
    complete: bool


@dataclass(frozen=True, eq=False)
class _Part:
    """Regions that wait: little more than their polygons, since many may wait at once.

    Args:
        number: Of the step that cut them; −1 for the box.
        cells: The regions.
        parents: Whose part each is, as a row of ``values``.
        values: Of the regions before that step.
    """

    number: int
    cells: Polygons
    parents: Integers
    values: Values


class _Tally:
    """Adds up what `LayerRegions` says."""

    def __init__(self, label: str) -> None:
        self.label, self.n_units = label, 0
        self.n_regions, self.sums = 0, np.zeros(3)

    def add(self, cells: Polygons, n_units: int) -> None:
        self.n_units = n_units
        self.n_regions += len(cells)
        self.sums += [
            cells.areas().sum(), float(cells.counts.sum()), cells.eccentricities().sum(),
        ]  # fmt: skip

    def result(self) -> LayerRegions:
        n = max(self.n_regions, 1)
        area, vertices, eccentricity = self.sums.tolist()
        return LayerRegions(
            self.label, self.n_units, self.n_regions, area, vertices / n, eccentricity / n
        )


def partition(
    program: Program,
    pieces: Mapping[str, Pieces],
    where: Slice,
    shape: Sequence[int] | None = None,
    max_regions: int | None = None,
) -> Partition:
    """All regions of a network on a slice, and its affine function on each.

    Regions are cut step by step, some thousands at a time and the last ones first, so that the
    memory is that of the result.

    Args:
        program: From `read_program`.
        pieces: Of the units of each `Choice`, by the step's name.
        where: The slice.
        shape: Of one input of the network; that of the slice's points if None.
        max_regions: Stops once so many are finished; what is not finished is left out.

    Raises:
        UsageError: If the slice does not fit the network, or the network gives no vector.
    """
    shape = (len(where.origin),) if shape is None else tuple(shape)
    entry = torch.from_numpy(where.coefficients()).reshape(3, *shape)
    tallies = {
        number: _Tally(step.label)
        for number, step in enumerate(program.steps)
        if not isinstance(step, Affine)
    }
    box = Polygons.box(where.low, where.high)
    waiting = [_Part(-1, box, np.zeros(1, np.int64), {program.entry: entry})]
    vertices, counts, maps = _Rows(), _Rows(), _Rows()
    complete = True
    with torch.inference_mode():
        while waiting:
            if max_regions is not None and counts.n >= max_regions:
                complete = False
                break
            part = waiting.pop()
            cells = part.cells
            number, values = _run(program, part.number + 1, _behind(program, part, pieces), shape)
            if number == len(program.steps):
                _require_examples(values[program.result], len(cells))
                vertices.add(cells.vertices)
                counts.add(cells.counts)
                maps.add(_by_region(values[program.result], len(cells)))
                continue
            step = cast("Choice | Largest", program.steps[number])
            units = _by_region(values[step.source], len(cells))
            cells, parents = _cut(step, cells, units, pieces, where.reach, values[step.source])
            tallies[number].add(cells, units.shape[2])
            size = max(1, NUMBERS_AT_ONCE // max(units.shape[2], 1))
            waiting += [
                _Part(
                    number,
                    cells.between(start, start + size),
                    parents[start : start + size],
                    values,
                )
                for start in range(0, len(cells), size)
            ]
    return Partition(
        Polygons(vertices.all((0, 2)), starts_of(counts.all((0,)).astype(np.int64))),
        maps.all((0, 3, 1)),
        tuple(tally.result() for tally in tallies.values()),
        complete,
    )


class _Rows:
    """Rows that come in portions, in one array that grows.

    A list of the portions would leave small arrays all over the heap, between which the large ones
    that come and go leave holes: half a million regions took three times the memory.
    """

    def __init__(self) -> None:
        self._room: NDArray[Any] | None = None
        self.n = 0

    def add(self, rows: NDArray[Any]) -> None:
        """Appends rows, shape (k, …)."""
        needed = self.n + len(rows)
        if self._room is None or needed > len(self._room):
            room = np.empty((max(needed, 2 * self.n, 2**16), *rows.shape[1:]), rows.dtype)
            if self._room is not None:
                room[: self.n] = self._room[: self.n]
            self._room = room
        self._room[self.n : needed] = rows
        self.n = needed

    def all(self, empty: tuple[int, ...]) -> NDArray[Any]:
        """All rows; of that shape if there are none."""
        return np.empty(empty) if self._room is None else self._room[: self.n].copy()


def _run(program: Program, number: int, values: Values, shape: Sequence[int]) -> tuple[int, Values]:
    """Runs affine steps until one has to choose."""
    values = dict(values)
    for step in program.steps[:number]:
        if (
            isinstance(step, Affine)
            and step.shape
            and program.last_use.get(step.name, -1) >= number
        ):
            values[step.name] = step.run(values)
    while number < len(program.steps):
        step = program.steps[number]
        if not isinstance(step, Affine):
            break
        try:
            values[step.name] = step.run(values)
        except RuntimeError as error:
            raise UsageError(
                f"The network does not take inputs of shape {tuple(shape)} at its step "
                f"{step.name}: {str(error).splitlines()[0]}"
            ) from error
        number += 1
    return number, values


def _require_examples(result: object, n_regions: int) -> None:
    if not isinstance(result, Tensor) or not result.ndim or len(result) != 3 * n_regions:
        raise UsageError(
            "The network does not give one vector for each example of a batch; its forward picks "
            "one of them, or mixes them."
        )


def _by_region(tensor: Tensor, n_regions: int) -> Floats:
    """Shape (R, 3, n)."""
    return np.ascontiguousarray(tensor.reshape(n_regions, 3, -1).numpy())


def _cut(
    step: Choice | Largest, cells: Polygons, units: Floats, pieces: Mapping[str, Pieces],
    reach: Floats, like: Tensor,
) -> tuple[Polygons, Integers]:  # fmt: skip
    """The regions behind a step, and whose parts they are."""
    if isinstance(step, Choice):
        return cut(cells, units, pieces[step.name].floats()[0], reach)
    return cut_largest(cells, units, pooled(step.module, like.shape[1:])[0], reach)


def _behind(program: Program, part: _Part, pieces: Mapping[str, Pieces]) -> Values:
    """The values of a portion behind its step: what its parents had, and what the step gives."""
    if part.number < 0:
        return part.values
    step = cast("Choice | Largest", program.steps[part.number])
    like = part.values[step.source]
    units = _by_region(like, len(like) // 3)[part.parents]
    at = _at_centres(part.cells, units)
    if isinstance(step, Choice):
        thresholds, slopes, offsets = pieces[step.name].floats()
        chosen = np.searchsorted(thresholds, at)
        out = units * slopes[chosen][:, None]
        out[:, 2] += offsets[chosen]
        shape = like.shape[1:]
    else:
        windows, shape = pooled(step.module, like.shape[1:])
        padded = np.concatenate([at, np.full((len(at), 1), -np.inf)], 1)  # no unit: never largest
        best = padded[:, windows].argmax(2)
        out = np.take_along_axis(units, windows[np.arange(len(windows)), best][:, None, :], 2)
    values = _children(program, part.number, part.values, part.parents)
    values[step.name] = torch.from_numpy(out).reshape(-1, *shape)
    return values


def _at_centres(cells: Polygons, units: Floats) -> Floats:
    x, y = cells.centres().T[:, :, None]
    return np.asarray(units[:, 0] * x + units[:, 1] * y + units[:, 2])


def pooled(
    module: nn.MaxPool1d | nn.MaxPool2d, shape: Sequence[int]
) -> tuple[Integers, tuple[int, ...]]:
    """Which units each window of a pooling layer holds, (W, k) with −1 for padding, and the shape.

    Raises:
        UsageError: If the layer also gives indices.
    """
    if module.return_indices:
        raise UsageError("A max-pooling layer that returns indices has no affine pieces.")
    flat = isinstance(module, nn.MaxPool1d)
    numbers = torch.arange(1, int(np.prod(shape)) + 1, dtype=torch.float64).reshape(1, *shape)
    size = tuple(module(numbers).shape[1:])

    def pair(value: int | tuple[int, ...], other: int) -> tuple[int, int]:
        given = (value,) if isinstance(value, int) else tuple(value)
        if flat:
            return (other, given[0])
        return (given[0], given[-1])

    kernel, stride = pair(module.kernel_size, 1), pair(module.stride, 1)
    padding, dilation = pair(module.padding, 0), pair(module.dilation, 1)
    image = (
        numbers.reshape(shape[0], 1, 1, shape[1])
        if flat
        else numbers.reshape(shape[0], 1, *shape[1:])
    )
    rows, columns = (1, size[-1]) if flat else size[-2:]
    # Room for the last windows, which may hang over the edge (ceil_mode).
    room = [
        max(0, (n - 1) * s + d * (k - 1) + 1 - p - have)
        for n, s, d, k, p, have in zip(
            (rows, columns), stride, dilation, kernel, padding, image.shape[2:], strict=True
        )
    ]
    image = functional.pad(image, (padding[1], room[1], padding[0], room[0]))
    seen = functional.unfold(image, kernel, dilation=dilation, stride=stride)
    seen = seen.reshape(shape[0], kernel[0] * kernel[1], -1)[:, :, : rows * columns]
    return seen.transpose(1, 2).reshape(-1, seen.shape[1]).long().numpy() - 1, size


def _children(program: Program, number: int, values: Values, parents: Integers) -> Values:
    """The values that later steps need, for the parts of the regions."""
    found: Values = {}
    rows = torch.from_numpy((parents[:, None] * 3 + np.arange(3)).ravel())
    for name, value in values.items():
        if program.last_use.get(name, -1) > number and isinstance(value, Tensor) and value.ndim:
            found[name] = value if name in program.constants else value.index_select(0, rows)
    return found
