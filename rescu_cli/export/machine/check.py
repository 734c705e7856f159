"""Runs an artifact on every float of a format and reports what machine arithmetic made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial, reduce
from operator import add
from pathlib import Path

from rescu_cli import __version__
from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import FloatFormat, float_format
from rescu_cli.core.reference import What
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.bounds import bound
from rescu_cli.export.held import as_held
from rescu_cli.export.machine.coverage import BLOCK, layouts_of, steps_back
from rescu_cli.export.machine.judge import Judge, Judged, Ordered
from rescu_cli.export.machine.order import key, n_keys
from rescu_cli.export.machine.report import MachineReport
from rescu_cli.export.machine.subject import one_thread_per_kernel, subject, versions
from rescu_cli.export.machine.summary import joined, quantity_of, watch
from rescu_cli.export.machine.truth import QUANTITIES, Truth
from rescu_cli.export.machine.walk import Progress, walk, workers_here

Monotone = Sequence[tuple[What, float, float, int]]
"""Intervals on which a quantity is monotone: (what, from, to, 1 rising or −1 falling)."""


def held(artifact: Artifact, kind: FloatFormat) -> tuple[Activation, dict[str, float], bool]:
    """The function that an artifact computes: its parameters as the computing format holds them.

    Returns:
        The bound activation, the numbers of the arguments of the text, and whether every fixed
        parameter could be rounded so.
    """
    found = as_held(artifact.activation, kind)
    return found.bound, found.numbers, found.exact


def check_machine(
    artifact: Artifact,
    format_name: str,
    monotone: Monotone = (),
    *,
    keys: range | None = None,
    state: Path | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    seed: int = 0,
    block: int = BLOCK,
) -> MachineReport:
    """Compare an artifact with its activation at all floats of a format.

    Args:
        artifact: What runs: a torch or NumPy one. Free parameters are tried at their defaults.
        format_name: float16, bfloat16, float32: every input. float64: edges and a seeded sample.
        monotone: Where order is asked for; established elsewhere.
        keys: Only these, in the order of `order`; for tests and for a first look.
        state: File that keeps unfinished work; an unfinished run goes on from it.
        progress: Called with (inputs done, inputs in all).
        workers: Threads; one per processor by default.
        seed: Of the sample in float64.
        block: Keys per unit of saved work.

    Raises:
        UnknownNameError: If the format or target does not exist or is not run here.
        ParameterError: If a free parameter has no default, or the format does not hold one.
        MissingDependencyError: If the target's framework is not installed.
        StoreError: If ``state`` belongs to another check.
    """
    kind = float_format(format_name)
    truth_of, numbers, exact = held(artifact, kind)
    run = subject(artifact, kind, numbers)
    truth = Truth(truth_of, kind)
    allowed = {what: bound(truth.activation, kind, what) for what in QUANTITIES}
    layouts = layouts_of(truth_of, kind, keys, seed, block)
    ordered = [Ordered(what, key(kind, float(kind.round(a))) + (value_above(kind, a)),
                       key(kind, float(kind.round(b))) + 1 - value_below(kind, b), d)
               for what, a, b, d in monotone]  # fmt: skip
    found = {"rescu": __version__, **versions(artifact.target)}
    text = hashlib.sha256(artifact.text.encode()).hexdigest()
    identity = {
        "activation": truth_of.spec, "digest": truth_of.digest, "artifact": text,
        "format": kind.name, "versions": found, "layout": [list(vars(p).values()) for p in layouts],
        "monotone": [[o.what, o.start, o.stop, o.direction] for o in ordered],
    }  # fmt: skip
    parts: list[list[Judged]] = []
    with one_thread_per_kernel(artifact.target):
        for layout in layouts:
            judged, _ = walk(
                layout,
                partial(Judge, truth, run, allowed, ordered, layout.step),
                workers=workers_here() if workers is None else workers,
                identity=identity,
                state=state if len(layouts) == 1 else None,
                progress=progress,
            )
            parts.append(joined(layout, judged, ordered, kind))
    tallies = {
        what: reduce(add, (j.tallies[what] for p in parts for j in p)) for what in QUANTITIES
    }
    watch(truth, layouts)
    back = steps_back(artifact, kind, allowed)
    quantities = {
        what: quantity_of(what, tallies[what], truth, allowed[what], back[what], ordered)
        for what in QUANTITIES
    }
    n_inputs = sum(p.n_inputs for p in layouts)
    if state is not None:
        state.unlink(missing_ok=True)
    return MachineReport(
        activation=artifact.activation.with_defaults().spec,
        digest=artifact.activation.with_defaults().digest,
        format=kind.name,
        target=artifact.target,
        artifact=text,
        versions=found,
        n_inputs=n_inputs,
        exhaustive=n_inputs == n_keys(kind),
        quantities={str(what): quantity for what, quantity in quantities.items()},
        notes=tuple(_notes(artifact, kind, exact, n_inputs, truth)),
    )


def value_above(kind: FloatFormat, low: float) -> int:
    """1 if rounding moved ``low`` out of the interval that begins there, else 0."""
    return int(float(kind.round(low)) < low)


def value_below(kind: FloatFormat, high: float) -> int:
    """1 if rounding moved ``high`` out of the interval that ends there, else 0."""
    return int(float(kind.round(high)) > high)


def _notes(
    artifact: Artifact, kind: FloatFormat, exact: bool, n_inputs: int, truth: Truth
) -> list[str]:
    notes = []
    free = artifact.activation.free_parameters
    if free:
        taken = ", ".join(f"{p.name}={p.default}" for p in free)
        notes.append(f"Free parameters at their documented defaults: {taken}.")
    if not exact:
        notes.append(
            "The fixed parameters are not floats of the format that is computed in; next to "
            "joints the code is judged against a slightly different function."
        )
    if n_inputs != n_keys(kind):
        notes.append(
            f"Not exhaustive: {n_inputs:,} of 2^{kind.bits} inputs"
            + (", the edges of the format and a seeded sample." if kind.bits == 64 else ".")
        )
    return notes
