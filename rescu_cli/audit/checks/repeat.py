"""The same input again: an activation has neither dice nor memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rescu_cli.audit.errors import NondeterministicError
from rescu_cli.audit.report import shown
from rescu_cli.audit.subject import Subject

Array = npt.NDArray[np.float64]
_TIMES = 4


def sample_points(subject: Subject) -> Array:
    """A fixed set of inputs to come back to."""
    return np.linspace(-8, 8, 65 if subject.one_by_one else 4097)


def require_repeatable(subject: Subject, before: Array | None = None) -> Array:
    """Evaluate the same points several times.

    Args:
        subject: The callable.
        before: Its results at the beginning of the audit, to compare with at the end.

    Returns:
        The results.

    Raises:
        NondeterministicError: If two results differ in a single bit.
    """
    xs = sample_points(subject)
    first = before if before is not None else subject.value(xs, subject.native)
    for _ in range(_TIMES):
        again = subject.value(xs, subject.native)
        differs = np.flatnonzero(~((first == again) | (np.isnan(first) & np.isnan(again))))
        if len(differs):
            i = int(differs[0])
            mode = ""
            if getattr(subject.bound.owner, "training", False):
                mode = " It is in training mode; name an instance after module.eval()."
            raise NondeterministicError(
                f"{subject.text} gives different results for the same input: f({shown(xs[i])}) = "
                f"{shown(float(first[i]), 9)}, then {shown(float(again[i]), 9)}. An activation is "
                f"a function: neither random nor with a state.{mode}"
            )
    return first
