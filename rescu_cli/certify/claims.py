"""`Claim`: one statement about one activation, with its verdict and what backs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rescu_cli.certify.table import CLAIMS
from rescu_cli.certify.verdict import Verdict
from rescu_cli.errors import UnknownNameError, UsageError

Value = str | tuple[str, ...] | Mapping[str, str]
"""An exact value: an expression as text, an interval ``(low, high)``, or named expressions."""

VALUED = frozenset(
    {"smooth", "bounded_below", "gradient_range", "gradient_lipschitz", "left_asymptote",
     "right_asymptote", "relu_gap", "rescu"}
)  # fmt: skip
"""Claims that are about a value."""
FIELDS = ("claim", "status", "value", "for_all", "method", "witness", "reason", "error")


@dataclass(frozen=True)
class Claim:
    """A statement with its verdict.

    Args:
        claim: Name of the statement, one of ``CLAIMS``.
        status: proved, refuted or undecided.
        value: What the statement is about, exactly, e.g. ``1/(2*beta)``; None if it has none or
            none was found.
        for_all: The assumptions on the free parameters under which it holds; None without any.
        method: Engine that decided; None while undecided.
        witness: The point (and parameter values) that refutes; empty otherwise.
        reason: Why it is refuted or undecided, or which lemma the proof needed.
        error: Every decimal fraction in ``value`` is this close to the number it stands for, e.g.
            ``1e-13``; None for an exact value.

    Raises:
        UnknownNameError: If there is no such claim.
        UsageError: If the verdict is not backed: a proof without a method, a refutation without
            witness and reason, an undecided claim without a reason.
    """

    claim: str
    status: Verdict
    value: Value | None = None
    for_all: str | None = None
    method: str | None = None
    witness: Mapping[str, str] | None = None
    reason: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if self.claim not in CLAIMS:
            raise UnknownNameError("claim", str(self.claim)[:60], CLAIMS)
        object.__setattr__(self, "status", _verdict(self.status))
        if self.status is not Verdict.UNDECIDED and not self.method:
            raise UsageError(f"Claim {self.claim}: {self.status} needs the method that decided it.")
        if self.status is Verdict.UNDECIDED and self.method:
            raise UsageError(f"Claim {self.claim}: undecided, yet decided by {self.method!r}.")
        if self.status is Verdict.REFUTED and not (self.witness or self.reason):
            raise UsageError(f"Claim {self.claim}: refuted needs a witness or a reason.")
        if self.status is Verdict.UNDECIDED and not self.reason:
            raise UsageError(f"Claim {self.claim}: undecided needs a reason.")
        if self.status is Verdict.PROVED and self.witness:
            raise UsageError(f"Claim {self.claim}: a proved claim has no witness against it.")
        if isinstance(self.value, list):
            object.__setattr__(self, "value", tuple(self.value))
        _check_texts(self)

    @property
    def proved(self) -> bool:
        return self.status is Verdict.PROVED

    @property
    def complete(self) -> bool:
        """Decided, with its value if it is about one; otherwise another engine may add to it."""
        if self.status is Verdict.PROVED:
            return self.value is not None or self.claim not in VALUED
        return self.status is Verdict.REFUTED

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the inverse is :meth:`from_dict`."""
        value: Any = self.value
        if isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Mapping):
            value = dict(value)
        elif self.claim == "smooth" and value is not None and value.isdecimal():
            value = int(value)  # a count, not an expression
        return {
            "claim": self.claim,
            "status": self.status.value,
            "value": value,
            "for_all": self.for_all,
            "method": self.method,
            "witness": None if self.witness is None else dict(self.witness),
            "reason": self.reason,
            "error": self.error,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Claim:
        """Read back :meth:`to_dict`; validated as any other claim.

        Raises:
            UsageError: If a field is missing or of the wrong kind.
        """
        if not isinstance(data, Mapping):
            raise UsageError(f"A claim is an object with {', '.join(FIELDS)}; found {data!r:.60}.")
        missing = [f for f in FIELDS if f not in data]
        if missing:
            raise UsageError(f"A claim needs {', '.join(FIELDS)}; missing: {', '.join(missing)}.")
        fields = {f: data[f] for f in FIELDS}
        if fields["claim"] == "smooth" and type(fields["value"]) is int:
            fields["value"] = str(fields["value"])
        return cls(**fields)


def _verdict(status: object) -> Verdict:
    try:
        return Verdict(str(status))
    except ValueError:
        raise UsageError(
            f"No verdict named {str(status)[:40]!r}; the three are {', '.join(Verdict)}."
        ) from None


def _check_texts(claim: Claim) -> None:
    """Only text may travel: numbers would lose digits, and NaN is not JSON."""
    value, witness = claim.value, claim.witness
    if isinstance(value, Mapping):
        texts: list[object] = [*value.keys(), *value.values()]
    elif isinstance(value, tuple):
        texts = list(value)
    else:
        texts = [] if value is None else [value]
    if witness is not None and not isinstance(witness, Mapping):
        raise UsageError(f"Claim {claim.claim}: the witness must be an object, e.g. {{'x': '1'}}.")
    texts += [] if witness is None else [*witness.keys(), *witness.values()]
    texts += [t for t in (claim.for_all, claim.method, claim.reason, claim.error) if t is not None]
    wrong = [t for t in texts if not isinstance(t, str)]
    if wrong:
        raise UsageError(
            f"Claim {claim.claim}: values are text such as '1/(2*beta)'; found {wrong[0]!r:.40}."
        )
