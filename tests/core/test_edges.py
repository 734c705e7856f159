"""The formats and the points at which code goes wrong first."""

from __future__ import annotations

import numpy as np
import pytest

from rescu_cli.core.edges import FORMATS, edge_grid, every_value, float_format, neighbours, sample
from rescu_cli.errors import UnknownNameError


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_formats_are_those_of_numpy(name: str) -> None:
    kind, info = float_format(name), np.finfo(name)
    assert kind.largest == float(info.max)
    assert kind.smallest_normal == float(info.tiny)
    assert kind.smallest == float(info.smallest_subnormal)
    assert float(kind.quantum(np.array(1.0))) == float(info.eps)


@pytest.mark.parametrize("name", ["float16", "float32"])
def test_rounding_is_that_of_the_machine(name: str) -> None:
    """Ties, subnormals and overflow included."""
    kind, random = float_format(name), np.random.default_rng(3)
    spread = (kind.max_exponent - kind.min_exponent) * 0.6
    values = random.normal(size=20_000) * np.exp2(random.uniform(-spread, spread, 20_000))
    ties = kind.round(values[:2000]) + kind.quantum(kind.round(values[:2000])) / 2
    values = np.concatenate([values, ties[np.isfinite(ties)], [0.0, -0.0, np.inf, -np.inf, np.nan]])
    with np.errstate(over="ignore"):
        assert np.array_equal(kind.round(values), values.astype(name).astype(float), equal_nan=True)


def test_bfloat16_rounds_once() -> None:
    """1 + 2⁻⁸ + 2⁻³⁰ lies above the tie; through float32 it would be rounded to the tie, then down."""
    kind = float_format("bfloat16")
    assert float(kind.round(1 + 2.0**-8)) == 1.0
    assert float(kind.round(1 + 2.0**-8 + 2.0**-30)) == 1 + 2.0**-7


@pytest.mark.parametrize("name", FORMATS)
def test_the_edge_grid_holds_what_it_promises(name: str) -> None:
    kind = float_format(name)
    grid = edge_grid(name, [0.1])
    assert np.array_equal(kind.round(grid), grid, equal_nan=True)
    held = set(grid[~np.isnan(grid)].tolist())
    joint = float(kind.round(0.1))
    assert {kind.smallest, -kind.smallest, kind.smallest_normal, kind.largest, np.inf, -np.inf,
            1.0, -1.0, joint, *neighbours(kind, joint, 1)} <= held  # fmt: skip
    assert [bool(np.signbit(v)) for v in grid if v == 0] == [True, False]
    assert np.isnan(grid).sum() == 1


def test_neighbours_are_adjacent() -> None:
    """Below a power of two the numbers lie twice as close."""
    found = sorted(neighbours(float_format("float32"), 1.0))
    one = np.float32(1)
    down = np.nextafter(one, np.float32(0))
    up = np.nextafter(one, np.float32(2))
    assert found[1:4] == [float(down), 1.0, float(up)]
    zero = sorted(neighbours(float_format("float16"), 0.0, 1))
    assert zero == [-(2.0**-24), 0.0, 2.0**-24]


def test_every_value_of_a_16_bit_format() -> None:
    half = every_value("float16")
    assert len(half) == 65536
    assert np.isnan(half).sum() == 2 * 1023
    assert (
        len(np.unique(every_value("bfloat16")[~np.isnan(every_value("bfloat16"))]))
        == 65536 - 2 * 127 - 1
    )
    with pytest.raises(UnknownNameError, match="No 16-bit format named 'float32'"):
        every_value("float32")


def test_samples_are_reproducible_values_of_the_format() -> None:
    first, again = sample("float16", 300, 7, [0.5]), sample("float16", 300, 7, [0.5])
    assert np.array_equal(first, again)
    assert not np.array_equal(first, sample("float16", 300, 8, [0.5]))
    assert np.array_equal(float_format("float16").round(first), first)
    assert np.isfinite(first).all()


def test_unknown_format_is_named() -> None:
    with pytest.raises(UnknownNameError, match="No float format named 'float8'"):
        float_format("float8")
