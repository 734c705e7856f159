"""Ask a kept script again, by another strategy than the one that answered first."""

from __future__ import annotations

from rescu_cli.certify.smt import solver

ORDER = ("smt", "portfolio", "nlsat")


def replay(smt2: str, *, other_than: str = "nlsat") -> solver.Verdict:
    """Check the script again in a fresh context and by other code than before.

    What is replayed is the text. That the text is about a given activation is known only by
    writing it again from that activation and comparing.

    Args:
        smt2: An SMT-LIB 2 script, e.g. `SolverAnswer.smt2`.
        other_than: The strategy that answered first, which is not used.

    Returns:
        The first answer that is not ``unknown``.

    Raises:
        UsageError: If the text cannot be read.

    Example:
        >>> replay("(declare-const a Real) (assert (< (* a a) 0)) (check-sat)")
        'unsat'
    """
    for strategy in ORDER:
        if strategy != other_than:
            verdict = solver.check(smt2, strategy).verdict
            if verdict != "unknown":
                return verdict
    return "unknown"
