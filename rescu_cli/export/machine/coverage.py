"""Which floats are tried, and how far off a result may be."""

from __future__ import annotations

import random

from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import FloatFormat, edge_grid
from rescu_cli.core.reference import What
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.lowering import lower
from rescu_cli.export.machine.order import key, n_keys
from rescu_cli.export.machine.structure import rises
from rescu_cli.export.machine.walk import Layout

_CHUNK = 1 << 16
BLOCK = 1 << 24
"""Keys per unit of saved work."""
_SAMPLE = 12_000
"""Inputs per sampled range of a format that is too large to try in full."""


def layouts_of(
    activation: Activation, kind: FloatFormat, keys: range | None, seed: int, block: int
) -> list[Layout]:
    """All floats, a range of them, or for float64 a sample and the edges."""
    if keys is not None:
        return [Layout(keys.start, keys.stop, keys.step, max(block // keys.step, 1) * keys.step,
                       _CHUNK * keys.step)]  # fmt: skip
    if kind.bits == 16:
        return [Layout(0, n_keys(kind), 1, n_keys(kind), n_keys(kind))]
    if kind.bits == 32:
        return [Layout(0, n_keys(kind), 1, block, _CHUNK)]
    random_ = random.Random(seed)  # noqa: S311  # reason: a sample, not a secret
    ends = [(0, n_keys(kind))]
    joints = [float(b) for b in activation.breakpoints]
    reach = max(1.0, *(abs(j) for j in joints)) if joints else 1.0
    for low, high in ((-64.0, -0.01), (0.01, 64.0), (-2.0, -0.5), (0.5, 2.0)):
        ends.append((key(kind, low * reach), key(kind, high * reach)))
    layouts = []
    for start, stop in ends:
        step = (stop - start) // _SAMPLE | 1
        first = start + random_.randrange(step)
        layouts.append(Layout(first, stop, step, stop - first, stop - first))
    for edge in edge_grid(kind.name, joints).tolist():
        at = key(kind, edge)
        low, high = max(0, at - 3), min(n_keys(kind), at + 4)
        layouts.append(Layout(low, high, 1, high - low, high - low))
    return layouts


def steps_back(
    artifact: Artifact, kind: FloatFormat, bounds: dict[What, float]
) -> dict[What, float]:
    """Ulps by which a neighbour may step back.

    None in 16 bits, which are rounded from float32, and none where the program rises by its
    structure. Elsewhere results that are each within the bound may stand in the wrong order in the
    format that is computed in; every such pair is counted.
    """
    program = lower(artifact.activation)
    outputs: dict[What, int] = {"value": program.value, "gradient": program.gradient}
    return {
        what: 0.0 if kind.bits == 16 or rises(program, i) else bounds[what]
        for what, i in outputs.items()
    }
