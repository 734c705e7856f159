"""The stretch of x that a figure shows: read from text, or chosen from the joints."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import exact
from rescu_cli.errors import ParameterError, UsageError

Window = tuple[float, float]

_HALF = 4.0
"""Every activation of the catalogue shows its shape on −4..4 at its default parameters."""
_LARGEST = 1e100
_FINEST = 1e-9
"""Narrower windows, relative to their distance from 0, leave ticks no digits to differ in."""


def parse_range(text: str) -> Window:
    """Read ``low:high``.

    Raises:
        UsageError: If there are not two finite numbers, or they do not ascend.

    Example:
        >>> parse_range("-4:4")
        (-4.0, 4.0)
    """
    parts = text.split(":")
    if len(parts) != 2:
        raise UsageError(
            f"Range {text[:40]!r} has {len(parts)} number{'s' * (len(parts) != 1)}; "
            "give two as low:high, e.g. -4:4."
        )
    low, high = (_number(part, text) for part in parts)
    return check_window((low, high))


def _number(part: str, text: str) -> float:
    try:
        return float(exact(part))
    except ParameterError:
        raise UsageError(
            f"Range {text[:40]!r} contains {part[:20]!r}, which is not a finite number; "
            "give low:high, e.g. -4:4."
        ) from None


def check_window(window: Sequence[float]) -> Window:
    """The window as two floats.

    Raises:
        UsageError: If it is not two ascending finite numbers that a plot can show.
    """
    if len(window) != 2:
        raise UsageError(f"A range has two numbers, low and high; found {len(window)}.")
    low, high = (float(end) for end in window)
    asked = f"Range {low:g}:{high:g}"
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UsageError(f"{asked} is not finite; give two finite numbers, e.g. -4:4.")
    if low >= high:
        right = f" Did you mean {high:g}:{low:g}?" if low > high else ""
        raise UsageError(f"{asked} does not ascend; low must be below high.{right}")
    largest = max(abs(low), abs(high))
    if largest > _LARGEST or high - low < _FINEST * largest:
        raise UsageError(
            f"{asked} cannot be drawn; stay within ±{_LARGEST:g} and make it wider than "
            f"{_FINEST:g} of its distance from 0."
        )
    return low, high


def default_window(activations: Sequence[Activation]) -> Window:
    """−4..4, or wider: twice as far as the outermost joints and four scales of a smooth rise."""
    low, high = -_HALF, _HALF
    for activation in activations:
        reach = [2 * float(joint) for joint in activation.breakpoints]
        scaled = {name for name, degree in activation.scaling if degree == 1}
        widths = [p.value for p in activation.parameters if p.name in scaled]
        if not activation.breakpoints:
            reach += [side * 4 * float(w) for w in widths if w is not None for side in (-1, 1)]
        low, high = min([low, *reach]), max([high, *reach])
    return check_window((low, high))
