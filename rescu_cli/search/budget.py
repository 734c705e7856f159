"""How long a search may go on: seconds of the clock, or candidates trained."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from rescu_cli.errors import UsageError

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    """Seconds, or a number of candidates.

    Args:
        seconds: From the making of this object; None for no limit.
        candidates: Trained in all; None for no limit.
    """

    seconds: float | None = None
    candidates: int | None = None
    _begun: float = field(default_factory=time.monotonic, repr=False)

    def started(self) -> Budget:
        """The same, counted from now."""
        return Budget(self.seconds, self.candidates)

    def spent(self) -> float:
        """Share of the seconds that is used up; 0 without a limit."""
        if self.seconds is None:
            return 0.0
        return (time.monotonic() - self._begun) / self.seconds


def read_budget(text: str) -> Budget:
    """``300s``, ``5m``, ``1h`` as a time; ``500`` as a number of candidates.

    Raises:
        UsageError: If it is neither, or nothing.

    Example:
        >>> read_budget("5m").seconds, read_budget("500").candidates
        (300.0, 500)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text)
    unit = found.group(2) if found else ""
    if found is None or unit not in ("", *_UNITS):
        raise UsageError(
            f"Budget {text!r} is neither a time such as '300s', '5m' or '1h' nor a number of "
            "candidates such as '500'."
        )
    number = float(found.group(1))
    if number == 0:
        raise UsageError(f"A budget of {text!r} trains nothing; give a time or a number above 0.")
    if unit:
        return Budget(seconds=number * _UNITS[unit])
    if number != int(number):
        raise UsageError(f"Budget {text!r}: candidates are counted in whole numbers; a time has a "
                         "unit, e.g. '300s'.")  # fmt: skip
    return Budget(candidates=int(number))
