"""The one way in which a computation of this package gives up."""

from __future__ import annotations


class UndecidedError(Exception):
    """What was asked does not follow by the means at hand; the text says what was missing.

    Never leaves `rescu_cli.certify`: engines turn it into an undecided claim.
    """
