"""Run an SMT-LIB 2 script in z3, in a context of its own, by a named strategy.

Effort is limited by z3's own count of steps, not by the clock, and seeds are fixed: the same script
gets the same answer on every machine. The time limit is a safety net far above it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from rescu_cli.errors import UsageError

Verdict = Literal["unsat", "sat", "unknown"]

STEPS = 3_000_000
"""z3's ``rlimit``. What is decided at all usually takes a few thousand."""
_MILLISECONDS = 60_000
_SEED = 0
_DIGITS = (8, 24)
"""Decimals to which algebraic numbers of a model are rounded, roughly first."""

STRATEGIES: dict[str, Callable[[Any, Any], Any]] = {
    "nlsat": lambda z3, ctx: z3.Tactic("qfnra-nlsat", ctx=ctx).solver(),
    "portfolio": lambda z3, ctx: z3.SolverFor("QF_NRA", ctx=ctx),
    "smt": lambda z3, ctx: z3.SimpleSolver(ctx=ctx),
}
"""nlsat is cylindrical algebraic decomposition driven by conflicts; smt is the general core with
linear arithmetic, Gröbner bases and incremental linearisation."""


@dataclass(frozen=True)
class Outcome:
    """What a run said.

    Args:
        verdict: unsat, sat or unknown.
        strategy: The strategy that said it.
        values: For ``sat``, the value of each constant and then coarser and finer roundings of it;
            the first is the value itself where it is rational.
    """

    verdict: Verdict
    strategy: str
    values: Mapping[str, tuple[Fraction, ...]] = field(default_factory=dict)


@lru_cache(maxsize=1024)
def check(smt2: str, strategy: str) -> Outcome:
    """Run a script by one strategy.

    Raises:
        UsageError: If the text is not an SMT-LIB 2 script, or there is no such strategy.
    """
    import z3  # reason: 50 ms, and most questions never need it

    if strategy not in STRATEGIES:
        raise UsageError(f"No strategy named {strategy!r}; there are {', '.join(STRATEGIES)}.")
    ctx = z3.Context()
    solver = STRATEGIES[strategy](z3, ctx)
    solver.set("rlimit", STEPS)
    solver.set("timeout", _MILLISECONDS)
    if strategy == "smt":
        solver.set("random_seed", _SEED)
    try:
        solver.add(z3.parse_smt2_string(smt2, ctx=ctx))
        verdict = str(solver.check())
    except z3.Z3Exception as error:
        raise UsageError(f"Not an SMT-LIB 2 script that z3 reads: {str(error)[:120]}") from None
    if verdict == "sat":
        return Outcome("sat", strategy, MappingProxyType(_values(z3, solver.model())))
    return Outcome("unsat" if verdict == "unsat" else "unknown", strategy)


def _values(z3: Any, model: Any) -> dict[str, tuple[Fraction, ...]]:
    found: dict[str, tuple[Fraction, ...]] = {}
    for constant in model.decls():
        value = model[constant]
        if z3.is_rational_value(value):
            exact = value.as_fraction()
            found[constant.name()] = tuple(dict.fromkeys((exact, *_rounded(exact))))
        elif z3.is_algebraic_value(value):
            near = [value.approx(d).as_fraction() for d in _DIGITS]
            found[constant.name()] = tuple(dict.fromkeys((*near, *_rounded(near[-1]))))
    return found


def _rounded(value: Fraction) -> list[Fraction]:
    """Short numbers nearby, whole ones first."""
    return [Fraction(round(value * n), n) for n in (1, 10, 1000)]
