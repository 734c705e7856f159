"""Claims about activations: proved, refuted with a witness, or honestly undecided."""

from __future__ import annotations

from rescu_cli.certify.certificate import Certificate
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.decide import certify
from rescu_cli.certify.table import CLAIMS
from rescu_cli.certify.verdict import Verdict

__all__ = ["CLAIMS", "Certificate", "Claim", "Verdict", "certify"]
