"""`Question`: one claim asked of one activation."""

from __future__ import annotations

from dataclasses import dataclass

from rescu_cli.certify.table import CLAIMS
from rescu_cli.core.activation import Activation
from rescu_cli.errors import UnknownNameError


@dataclass(frozen=True)
class Question:
    """What an engine is asked.

    Args:
        claim: Name of the property.
        activation: The function it is asked of; free parameters mean "for all admissible values".

    Raises:
        UnknownNameError: If there is no such claim.
    """

    claim: str
    activation: Activation

    def __post_init__(self) -> None:
        if self.claim not in CLAIMS:
            raise UnknownNameError("claim", str(self.claim)[:60], CLAIMS)
