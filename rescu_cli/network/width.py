"""The minimum width of deep networks that approximate every function: what is known, and by whom.

w_min(d_x, d_y) is the smallest width such that networks of that width and of any depth, from
R^{d_x} to R^{d_y}, come as close as asked for to every function of a class: continuous functions on
compact sets in the uniform norm, or L^p functions. Many cases are open; the answer is an interval,
with the statements that make it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rescu_cli.errors import UnknownNameError, UsageError

NORMS = ("uniform", "lp")
ACTIVATIONS = ("leaky_relu", "relu", "relu+step", "monotone", "any")
_LARGEST = 10**9

SOURCES: dict[str, str] = {
    "Hanin 2017": "Hanin and Sellke, Approximating continuous functions by ReLU nets of minimal "
    "width, arXiv 1710.11278",
    "Johnson 2019": "Johnson, Deep, skinny neural networks are not universal approximators, "
    "ICLR 2019",
    "Park 2020": "Park, Yun, Lee and Shin, Minimum width for universal approximation, "
    "arXiv 2006.08859, ICLR 2021",
    "Cai 2023": "Cai, Achieve the minimum width of neural networks for universal approximation, "
    "ICLR 2023",
    "Li 2023": "Li, Duan, Ji and Cai, Minimum width of leaky-ReLU neural networks for uniform "
    "universal approximation, ICML 2023: the first text",
    "Li 2024": "The same authors and title, the text of 2024 that replaces it",
    "Kim 2024": "Kim, Min and Park, Minimum width for universal approximation using ReLU networks "
    "on compact domain, arXiv 2309.10402, ICLR 2024",
    "Hwang 2025": "Hwang, Minimum width for deep, narrow MLP: a diffeomorphism approach, "
    "NeurIPS 2025",
    "elementary": "no source needed: a composition of monotone functions of one number is monotone",
}

Rule = Callable[[int, int], int | None]
"""A bound as a function of (d_x, d_y); None where the statement says nothing."""


@dataclass(frozen=True)
class Statement:
    """One published statement.

    Args:
        norms: Norms it speaks of.
        activations: Activations it speaks of.
        regime: Its conditions, for a reader.
        statement: What it says.
        source: Who says it, a key of `SOURCES`.
        lower: The lower bound that follows.
        upper: The upper bound that follows.
        superseded: Why it no longer stands, '' if it does. Such a bound is shown and not used.
    """

    norms: tuple[str, ...]
    activations: tuple[str, ...]
    regime: str
    statement: str
    source: str
    lower: Rule | None = None
    upper: Rule | None = None
    superseded: str = ""


@dataclass(frozen=True)
class Finding:
    """What a statement says of one pair of dimensions.

    Args:
        statement: The statement.
        lower: Its lower bound there, if any.
        upper: Its upper bound there, if any.
    """

    statement: Statement
    lower: int | None
    upper: int | None

    @property
    def bound(self) -> str:
        """The bound as text: ``w >= 3``, ``w = 4``."""
        if self.lower is not None and self.lower == self.upper:
            return f"w = {self.lower}"
        parts = [f"w >= {self.lower}"] * (self.lower is not None)
        parts += [f"w <= {self.upper}"] * (self.upper is not None)
        return " and ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        s = self.statement
        return {
            "regime": s.regime,
            "statement": s.statement,
            "bound": self.bound or None,
            "lower": self.lower,
            "upper": self.upper,
            "source": s.source,
            "citation": SOURCES[s.source],
            "superseded": bool(s.superseded),
            "why_superseded": s.superseded or None,
        }


@dataclass(frozen=True)
class MinimumWidth:
    """What is known of w_min(d_x, d_y).

    Args:
        d_x: Inputs.
        d_y: Outputs.
        norm: uniform or lp.
        activation: Of the networks.
        lower: w_min is at least this.
        upper: And at most this; None if no statement covers such a set of activations.
        findings: The statements, also those that are superseded.
    """

    d_x: int
    d_y: int
    norm: str
    activation: str
    lower: int
    upper: int | None
    findings: tuple[Finding, ...]

    @property
    def exact(self) -> int | None:
        """W_min where the interval is one number."""
        return self.lower if self.lower == self.upper else None

    @property
    def domain(self) -> str:
        """Where the functions live that are to be approximated; the interval is for that alone.

        The whole space takes one input more of ReLU networks than a compact set does.
        """
        whole = self.norm == "lp" and self.activation == "relu"
        return "the whole space" if whole else "compact sets"

    def to_dict(self) -> dict[str, Any]:
        return {
            "d_x": self.d_x,
            "d_y": self.d_y,
            "norm": self.norm,
            "domain": self.domain,
            "activation": self.activation,
            "lower": self.lower,
            "upper": self.upper,
            "exact": self.exact,
            "statements": [f.to_dict() for f in self.findings],
        }


def minimum_width(
    d_x: int, d_y: int, *, norm: str = "uniform", activation: str = "leaky_relu"
) -> MinimumWidth:
    """The interval in which w_min(d_x, d_y) is known to lie.

    Args:
        d_x: Inputs, at least 1.
        d_y: Outputs, at least 1.
        norm: One of `NORMS`.
        activation: One of `ACTIVATIONS`; ``monotone`` is each that is continuous,
            monotone and not linear; ``any`` is whatever there is, or a set of
            several.

    Raises:
        UsageError: If a dimension is not positive.
        UnknownNameError: If there is no such norm or activation.

    Example:
        >>> found = minimum_width(3, 3)
        >>> found.lower, found.upper, found.exact
        (4, 6, None)
    """
    for name, value in (("dx", d_x), ("dy", d_y)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST:
            raise UsageError(
                f"{name} must be a whole number from 1 to {_LARGEST}; found {value!r}."
            )
    if norm not in NORMS:
        raise UnknownNameError("norm", norm[:40], NORMS)
    if activation not in ACTIVATIONS:
        raise UnknownNameError("activation class", activation[:40], ACTIVATIONS)
    findings = tuple(
        Finding(s, s.lower and s.lower(d_x, d_y), s.upper and s.upper(d_x, d_y))
        for s in TABLE
        if norm in s.norms and activation in s.activations
    )
    used = [f for f in findings if not f.statement.superseded]
    return MinimumWidth(
        d_x, d_y, norm, activation,
        lower=max(f.lower for f in used if f.lower is not None),
        upper=min((f.upper for f in used if f.upper is not None), default=None),
        findings=tuple(f for f in findings if f.bound or not f.statement.lower),
    )  # fmt: skip


# -- the statements ----------------------------------------------------------------------------

_CONTINUOUS = ("leaky_relu", "relu", "monotone")


def _larger(d_x: int, d_y: int) -> int:
    return max(d_x, d_y)


def _larger_or_two(d_x: int, d_y: int) -> int:
    return max(d_x, d_y, 2)


def _two(d_x: int, d_y: int) -> int | None:
    return 2 if d_x == d_y == 1 else None


def _one_more_input(d_x: int, d_y: int) -> int:
    return max(d_x + 1, d_y)


def _above_inputs(d_x: int, d_y: int) -> int | None:
    return d_x + 1 if d_y <= d_x else None


def _above_outputs(d_x: int, d_y: int) -> int | None:
    return d_y + 1 if d_x < d_y <= 2 * d_x else None


def _sum(d_x: int, d_y: int) -> int:
    return d_x + d_y


def _embedded(d_x: int, d_y: int) -> int:
    return max(2 * d_x + 1, d_y)


def _embedded_and_two(d_x: int, d_y: int) -> int:
    return max(2 * d_x + 1, d_y) + 2


def _four(d_x: int, d_y: int) -> int | None:
    return 4 if (d_x, d_y) in ((2, 2), (2, 3)) else None


def _text_of_2023(d_x: int, d_y: int) -> int:
    return max(d_x + 1, d_y) + (d_y == d_x + 1)


TABLE: tuple[Statement, ...] = (
    Statement(
        NORMS, ACTIVATIONS, "every activation, both norms", "w_min >= max(d_x, d_y)", "Cai 2023",
        lower=_larger,
    ),
    Statement(
        ("lp",), ("monotone", "relu+step"), "d_x = d_y = 1, monotone activations",
        "w_min >= 2: networks of width 1 are monotone functions", "elementary", lower=_two,
    ),
    Statement(
        ("lp",), ("leaky_relu",), "L^p on compact sets, leaky ReLU",
        "w_min = max(d_x, d_y, 2)", "Cai 2023", lower=_larger_or_two, upper=_larger_or_two,
    ),
    Statement(
        ("lp",), ("relu",), "L^p on the whole space, ReLU", "w_min = max(d_x + 1, d_y)",
        "Park 2020", lower=_one_more_input, upper=_one_more_input,
    ),
    Statement(
        ("lp",), ("relu",), "L^p on the unit cube instead; ReLU and smooth relatives of it",
        "w_min = max(d_x, d_y, 2): a bounded domain takes no input to spare", "Kim 2024",
    ),
    Statement(
        ("uniform",), ("relu+step",), "uniform, ReLU and step together",
        "w_min = max(d_x + 1, d_y)", "Park 2020", lower=_one_more_input, upper=_one_more_input,
    ),
    Statement(
        ("lp",), ("relu+step",), "L^p on compact sets, since uniform closeness implies it there",
        "w_min <= max(d_x + 1, d_y)", "Park 2020", upper=_one_more_input,
    ),
    Statement(
        ("uniform",), _CONTINUOUS, "uniform, continuous monotone activation, d_y <= d_x",
        "w_min >= d_x + 1: level sets of nets no wider than d_x reach to infinity", "Johnson 2019",
        lower=_above_inputs,
    ),
    Statement(
        ("uniform",), _CONTINUOUS, "uniform, continuous monotone activation, d_x < d_y <= 2 d_x",
        "w_min >= d_y + 1: some maps cross themselves and stay crossed after small changes",
        "Kim 2024", lower=_above_outputs,
    ),
    Statement(
        ("uniform",), ("relu",), "uniform, ReLU", "d_x + 1 <= w_min <= d_x + d_y", "Hanin 2017",
        lower=lambda d_x, _: d_x + 1, upper=_sum,
    ),
    Statement(
        ("uniform",), ("leaky_relu",), "uniform, leaky ReLU",
        "w_min = max(d_x, d_y) + Δ(d_x, d_y), Δ open in general; w_min <= d_x + d_y, since "
        "x -> (x, f(x)) does not cross itself", "Li 2024", upper=_sum,
    ),
    Statement(
        ("uniform",), ("leaky_relu",), "uniform, leaky ReLU",
        "w_min <= max(2 d_x + 1, d_y): with so many outputs, a small change uncrosses every map; "
        "leaky ReLU adds nothing (α = 0)", "Hwang 2025", upper=_embedded,
    ),
    Statement(
        ("uniform",), ("relu", "monotone"), "uniform, nonlinear activation",
        "w_min <= max(2 d_x + 1, d_y) + α, 0 <= α <= 2 by the activation; here α = 2",
        "Hwang 2025", upper=_embedded_and_two,
    ),
    Statement(
        ("lp",), ("monotone",), "L^p on compact sets, since uniform closeness implies it there",
        "w_min <= max(2 d_x + 1, d_y) + α, 0 <= α <= 2 by the activation; here α = 2",
        "Hwang 2025", upper=_embedded_and_two,
    ),
    Statement(
        ("uniform",), ("leaky_relu",), "uniform, d_x = 2 and d_y = 2 or 3", "w_min = 4",
        "Hwang 2025", lower=_four, upper=_four,
    ),
    Statement(
        ("uniform",), ("leaky_relu",), "uniform, leaky ReLU",
        "w_min = max(d_x + 1, d_y) + 1[d_y = d_x + 1]", "Li 2023",
        lower=_text_of_2023, upper=_text_of_2023,
        superseded="replaced by its authors in 2024; later results show it too small at (2, 2) and "
        "(2, 4)",
    ),
)  # fmt: skip
"""In the order in which they are shown."""
