"""The values that one parameter runs through: ``name=start:stop:count`` or a list."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from rescu_cli.core.symbols import exact
from rescu_cli.errors import ParameterError, UsageError

_FORM = "write name=start:stop:count, e.g. beta=0.1:4:6, or name=value,value,..."
_MAX_COUNT = 64
_DECADE = 10.0
_DIGITS = 3


@dataclass(frozen=True)
class Sweep:
    """The values that one parameter runs through.

    Args:
        parameter: Its ASCII name.
        values: Ascending.
        geometric: Whether equal ratios, not equal differences, are equally far apart.

    Raises:
        UsageError: If there are fewer than two values, or they do not ascend.
    """

    parameter: str
    values: tuple[float, ...]
    geometric: bool = False

    def __post_init__(self) -> None:
        if not 2 <= len(self.values) <= _MAX_COUNT:
            raise UsageError(
                f"A sweep of {self.parameter} has 2 to {_MAX_COUNT} values; "
                f"found {len(self.values)}. {_FORM.capitalize()}"
            )
        if any(b <= a for a, b in pairwise(self.values)):
            shown = ", ".join(f"{v:g}" for v in self.values[:6])
            raise UsageError(f"The values of a sweep must ascend; found {shown}.")
        if self.geometric and self.values[0] <= 0:
            raise UsageError(f"Equal ratios need positive values; found {self.values[0]:g}.")


def parse_sweep(text: str) -> Sweep:
    """Read ``name=start:stop:count`` or ``name=value,value,…``.

    Values are in equal ratios if both ends are positive and at least a factor of 10 apart (a width
    acts by its ratio), otherwise in equal steps. Values between the ends are rounded to three
    significant digits, so that what is drawn is what a reader can type.

    Raises:
        UsageError: If the text is neither form.

    Example:
        >>> parse_sweep("beta=0.1:4:6").values
        (0.1, 0.209, 0.437, 0.915, 1.91, 4.0)
        >>> parse_sweep("beta=1:4:4").values
        (1.0, 2.0, 3.0, 4.0)
    """
    name, equals, tail = (part.strip() for part in text.partition("="))
    if not (equals and name.isidentifier() and name.isascii() and tail):
        raise UsageError(f"Cannot read the sweep {text[:60]!r}; {_FORM}.")
    if ":" not in tail:
        listed = tuple(_number(part, text) for part in tail.split(","))
        return Sweep(name, listed, len(listed) > 1 and is_geometric(listed[0], listed[-1]))
    parts = tail.split(":")
    if len(parts) != 3:
        raise UsageError(f"The sweep {text[:60]!r} has {len(parts)} fields, not three; {_FORM}.")
    start, stop = _number(parts[0], text), _number(parts[1], text)
    try:
        count = int(parts[2])
    except ValueError:
        raise UsageError(
            f"The sweep {text[:60]!r} asks for {parts[2][:20]!r} values, which is not a whole "
            f"number; {_FORM}."
        ) from None
    if not 2 <= count <= _MAX_COUNT or start >= stop:
        raise UsageError(
            f"The sweep {text[:60]!r} needs start below stop and 2 to {_MAX_COUNT} values; {_FORM}."
        )
    return spaced(name, start, stop, count)


def spaced(parameter: str, start: float, stop: float, count: int) -> Sweep:
    """``count`` values from ``start`` to ``stop``, spaced as :func:`parse_sweep` says."""
    geometric = is_geometric(start, stop)
    shares = [i / (count - 1) for i in range(1, count - 1)]
    if geometric:
        inner = [start * (stop / start) ** share for share in shares]
    else:
        inner = [start + (stop - start) * share for share in shares]
    rounded = tuple(float(f"{value:.{_DIGITS}g}") for value in inner)
    values = (start, *rounded, stop)
    if all(a < b for a, b in pairwise(values)):
        return Sweep(parameter, values, geometric)
    return Sweep(parameter, (start, *inner, stop), geometric)


def is_geometric(start: float, stop: float) -> bool:
    """Whether values between the ends are spaced in equal ratios."""
    return start > 0 and stop / start >= _DECADE


def _number(part: str, text: str) -> float:
    try:
        return float(exact(part))
    except ParameterError:
        raise UsageError(
            f"The sweep {text[:60]!r} contains {part[:20]!r}, which is not a finite number; "
            f"{_FORM}."
        ) from None
