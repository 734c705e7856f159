"""Finds the places where a program makes NaN out of numbers, and closes those that can be closed.

An infinite factor meeting an exact zero is the one way in which correct tails (x·e^(−x), at x = ∞)
give NaN. The factor is then held at the largest finite number on that side, which changes no
finite result; likewise for ∞/∞, whose quotient is then 0, and for ∞ − ∞, where the term that
grows more slowly is held. A zero that is a parameter (a slope g₊ = 0) holds the factor only while
it is zero, since a slope that is not must still send ∞ to ∞. Any other NaN is reported.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rescu_cli.export.builder import Builder
from rescu_cli.export.interpret import HUGE, Kind, run
from rescu_cli.export.program import Program

_SIZES = (
    1e-45, 1e-38, 1e-30, 1e-20, 1e-10, 1e-5, 1e-3, 0.1, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0,
    90.0, 100.0, 300.0, 800.0, 1e4, 1e6, 1e10, 1e15, 1e20, 1e30, 3e38,
)  # fmt: skip
PROBES: tuple[float, ...] = (0.0, -0.0, math.inf, -math.inf, *_SIZES, *(-s for s in _SIZES))
"""Where a program is tried out; tests add joints and random points."""
_KINDS: tuple[Kind, ...] = ("float32", "float64")
_MAX_ROUNDS = 40


def repaired(program: Program, samples: Sequence[Mapping[str, float]]) -> Program:
    """The program with every inf·0 closed.

    Args:
        program: What to repair.
        samples: Parameter values to try it with.
    """
    for _ in range(_MAX_ROUNDS):
        found = _first_clash(program, samples)
        if found is None:
            return program
        program = _held(program, *found)
    return program


def births(
    program: Program, samples: Sequence[Mapping[str, float]], outputs: Sequence[int] | None = None
) -> Iterator[tuple[int, float, Mapping[str, float]]]:
    """(node, x, parameters) wherever an operation gives NaN though no operand is NaN."""
    needed = program.needed(_outputs(program) if outputs is None else outputs)
    for sample in samples:
        for kind in _KINDS:
            for x in (*PROBES, HUGE[kind], -HUGE[kind]):
                values = run(program, x, sample, kind)
                for i in needed:
                    if math.isnan(values[i]) and not any(
                        math.isnan(values[a]) for a in program.nodes[i].args
                    ):
                        yield i, x, sample


def _outputs(program: Program) -> list[int]:
    return [program.value, program.gradient, *(i for _, i in program.parameter_gradients)]


def _first_clash(
    program: Program, samples: Sequence[Mapping[str, float]]
) -> tuple[int, int, str] | None:
    """(operation, infinite operand, the extreme that holds it), or None."""
    for sample in samples:
        for kind in _KINDS:
            for x in (*PROBES, HUGE[kind], -HUGE[kind]):
                found = _clash(program, x, sample, kind)
                if found is not None:
                    return found
    return None


def _clash(
    program: Program, x: float, sample: Mapping[str, float], kind: Kind
) -> tuple[int, int, str] | None:
    values = run(program, x, sample, kind)
    for i, node in enumerate(program.nodes):
        if not math.isnan(values[i]) or any(math.isnan(values[a]) for a in node.args):
            continue
        infinite = [a for a in node.args if math.isinf(values[a])]
        if node.op == "div":
            infinite = [a for a in infinite if a == node.args[0]]
        elif node.op in ("add", "sub") and math.isinf(x):
            # x − log x: the one that grows more slowly is held.
            near = run(program, math.copysign(HUGE[kind], x), sample, kind)
            infinite.sort(key=lambda a: abs(near[a]))
        elif node.op != "mul":
            continue
        if infinite:
            return i, infinite[0], "min" if values[infinite[0]] > 0 else "max"
    return None


def _held(program: Program, product: int, factor: int, extreme: str) -> Program:
    """The program with one factor of one product held at the largest finite number."""
    build = Builder()
    moved: list[int] = []
    for i, node in enumerate(program.nodes):
        args = [moved[a] for a in node.args]
        if i == product:
            other = next(a for a in node.args if a != factor)
            end = build.node("huge")
            if node.op == "mul" and not program.depends_on_x[other]:
                # |c|·huge·huge is infinite for every c that is not 0.
                size = build.node("mul", build.node("abs", moved[other]), end)
                end = build.node("max", build.node("mul", size, end), end)
            end = end if extreme == "min" else build.node("neg", end)
            args = [
                build.node(extreme, m, end) if a == factor else m
                for a, m in zip(node.args, args, strict=True)
            ]
        moved.append(build.node(node.op, *args, number=node.number, name=node.name))
    return rebuilt(program, build, moved)


def rebuilt(program: Program, build: Builder, moved: Sequence[int]) -> Program:
    """``program`` over the nodes of ``build``, where its node i has become ``moved[i]``."""
    return replace(
        program,
        nodes=tuple(build.nodes),
        value=moved[program.value],
        gradient=moved[program.gradient],
        parameter_gradients=tuple((n, moved[i]) for n, i in program.parameter_gradients),
    )


def pruned(program: Program) -> Program:
    """The program without nodes that no output needs."""
    build = Builder()
    moved = [-1] * len(program.nodes)
    for i in program.needed(_outputs(program)):
        node = program.nodes[i]
        moved[i] = build.node(
            node.op, *(moved[a] for a in node.args), number=node.number, name=node.name
        )
    return rebuilt(program, build, moved)
