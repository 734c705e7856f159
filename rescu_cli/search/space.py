"""The one-unit space: every triple, the different functions among them, and their static filters.

Two triples are one function if SymPy writes them alike (x + |x| and |x| + x), or if they agree to
ten digits at 64 places that are special for nothing (max(x, 0) and (x + |x|)/2). The first is
exact; the second is evidence, not proof, and could merge functions that differ elsewhere.

The filters look at f and f′ in float32 on a grid, at ReLU's scale, as they are trained; what they
reject cannot be trained. They are measurements: a survivor is proved nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import isfinite, sqrt
from typing import Protocol

import sympy as sp
import torch
from torch import Tensor

from rescu_cli.search.formula import (
    Formula,
    fingerprint,
    normal_quantiles,
    one_unit,
    probes,
)
from rescu_cli.search.grammar import BINARY, EPSILON, UNARY

REACH = 40.0
STEEPEST = 10.0
_STEPS = 8001
_STRAIGHT = 1e-3
_ROUNDING = 1e-6
_ALIVE, _ALIVE_SHARE = 1e-3, 0.1
_QUANTILES = 1000


class Code(Protocol):
    """x ↦ f(x) in torch."""

    def value(self, x: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class Space:
    """What is left of the triples.

    Args:
        n_triples: Ordered triples (unary, unary, binary).
        distinct: One formula per function, the shortest text of its spellings.
        recognised: Of the functions asked for by name, the formula that is the same.
    """

    n_triples: int
    distinct: tuple[Formula, ...]
    recognised: Mapping[str, Formula]


def one_unit_space(known: Mapping[str, Code] | None = None) -> Space:
    """Every one-unit formula, deduplicated.

    Args:
        known: Functions to find in it, by name.
    """
    n_triples, distinct = _every_triple()
    by_print = {formula.fingerprint(): formula for formula in distinct}
    recognised = {}
    for name, code in (known or {}).items():
        found = by_print.get(fingerprint(code.value(probes())))
        if found is not None:
            recognised[name] = found
    return Space(n_triples, distinct, recognised)


@lru_cache(maxsize=1)
def _every_triple() -> tuple[int, tuple[Formula, ...]]:
    canonical: dict[sp.Expr, Formula] = {}
    triples = list(product(range(len(UNARY)), range(len(UNARY)), range(len(BINARY))))
    for words in triples:
        formula = one_unit(words)
        canonical.setdefault(formula.expr, formula)
    return len(triples), deduplicated(canonical.values())


def deduplicated(formulas: Iterable[Formula]) -> tuple[Formula, ...]:
    """One formula per fingerprint: the one that is written most shortly, in a fixed order."""
    best: dict[bytes, Formula] = {}
    for formula in formulas:
        mark = formula.fingerprint()
        if mark not in best or _length(formula) < _length(best[mark]):
            best[mark] = formula
    return tuple(sorted(best.values()))


def shapes(formulas: Iterable[Formula]) -> dict[bytes, Formula]:
    """One formula per function up to c·f(±x), c ≠ 0: the one that is written most shortly."""
    best: dict[bytes, Formula] = {}
    for formula in formulas:
        mark = formula.shape()
        if mark not in best or _length(formula) < _length(best[mark]):
            best[mark] = formula
    return best


def _length(formula: Formula) -> tuple[int, str]:
    return len(formula.spec), formula.spec


@lru_cache(maxsize=2**15)
def rejection(formula: Formula) -> str | None:
    """Why the formula cannot be trained as it is; None if it can."""
    x = _places()
    value, slope = formula.pair(x)
    gain = formula.init_gain
    if isfinite(gain):
        slope = slope * (gain / sqrt(2))
    for what, found in (("f", value), ("f'", slope)):
        bad = ~torch.isfinite(found)
        if bad.any():
            at = float(x[bad][x[bad].abs().argmin()])
            return f"not finite: {what}({at:g}) = {float(found[x == at][0])} in float32"
    steepest = float(slope.abs().max())
    if steepest > STEEPEST:
        at = float(x[slope.abs().argmax()])
        return (
            f"steep: |f'({at:g})| = {steepest:.3g} > {STEEPEST:g} on [-{REACH:g}, {REACH:g}] at "
            "ReLU's scale"
        )
    near = x.abs() <= 3
    chord = _straight_line(x[near].double(), value[near].double())
    spread = float(value[near].max() - value[near].min())
    largest = float(value[near].abs().max())
    if spread <= _ROUNDING * largest or chord <= _STRAIGHT * spread:
        return "affine: no value leaves a line on [-3, 3]"
    z = torch.from_numpy(normal_quantiles(_QUANTILES)).float()
    slope = formula.gradient(z) * (gain / sqrt(2))
    alive = float((slope.abs() > _ALIVE).float().mean())
    if alive < _ALIVE_SHARE:
        return f"dead: |f'| > {_ALIVE:g} on {100 * alive:.1f} % of N(0, 1) only"
    return None


@lru_cache(maxsize=1)
def _places() -> Tensor:
    """An even grid, and what is close to 0: roots break there, and near it quotients."""
    small = torch.tensor([EPSILON, 2 * EPSILON, *(10.0**-e for e in (2, 4, 6, 8, 12, 30))])
    even = torch.linspace(-REACH, REACH, _STEPS)
    return torch.cat([even, small, -small, torch.zeros(1)]).sort().values


def _straight_line(x: Tensor, y: Tensor) -> float:
    """The largest distance from the least-squares line."""
    a = torch.stack([x, torch.ones_like(x)], 1)
    fit = a @ torch.linalg.lstsq(a, y[:, None]).solution
    return float((fit[:, 0] - y).abs().max())


def sorted_out(formulas: Sequence[Formula]) -> tuple[list[Formula], dict[str, str], Counter[str]]:
    """Those that can be trained, and why the others cannot: by text, and counted by kind."""
    kept, reasons = [], {}
    for formula in formulas:
        why = rejection(formula)
        if why is None:
            kept.append(formula)
        else:
            reasons[formula.spec] = why
    return kept, reasons, Counter(why.partition(":")[0] for why in reasons.values())
