"""Regions as numbers: a JSON-ready summary, and files with everything."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rescu_cli.core.files import write_json
from rescu_cli.errors import UsageError
from rescu_cli.network.regions.compute import Regions
from rescu_cli.network.regions.polygons import Floats

LISTED = 10_000  # regions that a summary lists one by one


def slope_norms(found: Regions) -> Floats:
    """Norm of the output's gradient along the slice on each region, (R,); Frobenius for several."""
    slopes = np.abs(found.maps[:, :2])
    largest = slopes.max((1, 2), keepdims=True)
    scaled = slopes / np.where(largest > 0, largest, 1.0)  # squares of large slopes would overflow
    return np.asarray(largest[:, 0, 0] * np.sqrt((scaled**2).sum((1, 2))))


def summary(found: Regions) -> dict[str, Any]:
    """What `rescu net regions --json` gives.

    Keys: ``n_regions``, ``complete``, ``arithmetic``, ``box``, ``box_area``, ``areas_sum``,
    ``boundary_length`` (of the decision boundary; None for zones), ``boundaries`` by pair,
    ``layers``, ``statistics`` (least, median, mean and largest of each), ``regions`` (one by one,
    up to `LISTED`, else None), ``zones``, ``surrogates``, ``output_error``.
    """
    table = _table(found)
    zoned = found.zones is not None
    return {
        "n_regions": len(found.cells),
        "complete": found.complete,
        "arithmetic": found.arithmetic,
        "box": {"low": list(found.where.low), "high": list(found.where.high)},
        "box_area": found.where.area,
        "areas_sum": float(found.cells.areas().sum()) if len(found.cells) else 0.0,
        "boundary_length": None if zoned else sum(b.length for b in found.boundary),
        "boundaries": [
            {
                "pair": list(b.pair) if b.pair[1] >= 0 else [b.pair[0], None],
                "length": b.length,
                "length_of_all": float(b.lengths.sum()),
                "n_segments": len(b.segments),
                "n_flat": b.n_flat,
            }
            for b in found.boundary
        ],
        "layers": [asdict(layer) for layer in found.layers],
        "statistics": {name: _spread(values) for name, values in table.items()},
        "regions": _rows(table) if len(found.cells) <= LISTED else None,
        "zones": _zones(found),
        "surrogates": _surrogates(found),
        "output_error": found.output_error,
    }


def _table(found: Regions) -> dict[str, Floats]:
    """Each quantity for all regions."""
    if not len(found.cells):
        return {}
    table: dict[str, Floats] = {
        "area": found.cells.areas(),
        "vertices": found.cells.counts.astype(np.float64),
        "eccentricity": found.cells.eccentricities(),
    }
    if found.zones is None:
        table["slope_norm"] = slope_norms(found)
    else:
        table["curved_units"] = found.zones
    return table


def _rows(table: dict[str, Floats]) -> list[dict[str, float]]:
    columns = [values.tolist() for values in table.values()]
    return [dict(zip(table, row, strict=True)) for row in zip(*columns, strict=True)]


def _spread(values: Floats) -> dict[str, float]:
    return {
        "min": float(values.min()),
        "median": float(np.median(values)),
        "mean": float(values.mean()),
        "max": float(values.max()),
    }


def _zones(found: Regions) -> dict[str, Any] | None:
    if found.zones is None:
        return None
    return {
        "layer": found.layers[0].label,
        "n_affine": int((found.zones == 0).sum()),
        "statement": "The zones of the first layer are exact. Where a unit is in a curved piece "
        "the network is not affine; deeper layers need '--approx pwl:K'.",
    }


def _surrogates(found: Regions) -> list[dict[str, Any]] | None:
    if found.surrogates is None:
        return None
    return [
        {
            "layer": label,
            "activation": one.activation,
            "n_lines": len(one.pieces.slopes),
            "sup_error": float(one.sup_error),
            "low": one.low,
            "high": one.high,
        }
        for label, one in found.surrogates.items()
    ]


def save(found: Regions, path: str | Path) -> Path:
    """Polygons, affine maps and boundary segments as a ``.json`` or an ``.npz`` file.

    The ``.npz`` holds ``vertices`` (n, 2), ``starts`` (R + 1,), ``maps`` (R, 3, n_outputs),
    ``areas``, ``eccentricities``, ``origin``, ``directions``, and for each pair of outputs
    ``segments_i_j`` (S, 2, 2), ``regions_i_j`` and ``decides_i_j``.

    Raises:
        UsageError: For another ending.
    """
    path = Path(path)
    if path.suffix == ".json":
        vertices = np.split(found.cells.vertices, found.cells.starts[1:-1])
        polygons = [
            {"vertices": v.tolist(), "map": m.tolist()}
            for v, m in zip(vertices, found.maps, strict=True)
        ] if len(found.cells) else []  # fmt: skip
        segments = [
            {
                "pair": list(b.pair), "segments": b.segments.tolist(),
                "regions": b.regions.tolist(), "decides": b.decides.tolist(),
            }
            for b in found.boundary
        ]  # fmt: skip
        document = {
            **summary(found),
            "slice": {
                "origin": found.where.origin.tolist(),
                "directions": found.where.directions.tolist(),
            },
            "polygons": polygons,
            "segments": segments,
        }
        write_json(path, document)
    elif path.suffix == ".npz":
        arrays: dict[str, Any] = {
            "vertices": found.cells.vertices,
            "starts": found.cells.starts,
            "maps": found.maps,
            "areas": found.cells.areas(),
            "eccentricities": found.cells.eccentricities(),
            "origin": found.where.origin,
            "directions": found.where.directions,
        }
        for b in found.boundary:
            ending = "_".join(str(n) for n in b.pair if n >= 0)
            arrays[f"segments_{ending}"] = b.segments
            arrays[f"regions_{ending}"] = b.regions
            arrays[f"decides_{ending}"] = b.decides
        _write_arrays(path, arrays)
    else:
        raise UsageError(f"--out {path}: regions are written as .json or .npz.")
    return path


def _write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    import io

    from rescu_cli.core.files import write_atomically

    data = io.BytesIO()
    np.savez_compressed(data, **arrays)
    write_atomically(path, data.getvalue())
