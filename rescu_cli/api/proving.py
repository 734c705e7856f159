"""Claims: deciding, replaying, auditing foreign code, trying every float."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.api.named import has_parameter, resolve, resolve_all

if TYPE_CHECKING:
    from rescu_cli.audit import AuditReport
    from rescu_cli.certify import Certificate
    from rescu_cli.certify.recheck import Recheck
    from rescu_cli.export.machine import MachineReport


def verify(
    text: str,
    *,
    require: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
    evidence: bool = False,
) -> Certificate:
    """Decide every claim about an activation.

    Args:
        text: The activation.
        require: Claims that must exist; what became of them is for the caller to judge.
        overrides: Values of parameters.
        evidence: Add to each claim what `recheck` needs to replay it.

    Raises:
        UnknownNameError: If a required claim does not exist.
    """
    from rescu_cli.certify import CLAIMS, certify
    from rescu_cli.errors import UnknownNameError

    for claim in require:
        if claim not in CLAIMS:
            raise UnknownNameError("claim", claim, list(CLAIMS))
    (activation,) = resolve_all([text], overrides)
    return certify(activation, evidence=evidence)


def recheck(
    text: str,
    path: str | Path,
    *,
    require: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Recheck:
    """Replay the evidence of a certificate, without searching.

    Args:
        text: The activation that it must be about.
        path: The certificate, written by ``rescu verify ACT --out``.
        require: Claims that the certificate must speak of.
        overrides: Values of parameters.

    Raises:
        DisagreementError: If it was edited, or is about another function.
        StoreError: If the file cannot be read.
        UsageError: If it is no certificate, carries no evidence, or does not speak of a
            required claim.
    """
    from rescu_cli.certify import Certificate
    from rescu_cli.certify.recheck import recheck as replay
    from rescu_cli.core.files import read_json
    from rescu_cli.errors import UnknownNameError

    (activation,) = resolve_all([text], overrides)
    certificate = Certificate.from_dict(read_json(Path(path)))
    known = [c.claim for c in certificate.claims]
    for claim in require:
        if claim not in known:
            raise UnknownNameError("claim of the certificate", claim, known)
    return replay(certificate, activation)


def examine(
    callable_text: str,
    against: str | None = None,
    *,
    require: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> AuditReport:
    """Audit foreign code: is ``path.py:name`` the function it claims to be? This runs the file.

    Args:
        callable_text: ``path.py:name``; a torch, JAX, NumPy or plain Python callable.
        against: The activation it claims to be; without one, what it computes is looked for.
        require: Claims; a black box can be refuted or stay undecided, never proved.
        overrides: Values for parameters of the activation, or else of the callable.

    Raises:
        UnknownNameError: If a required claim or the activation does not exist.
        CallableError: If the callable cannot be audited, see `rescu_cli.audit.errors`.
    """
    from rescu_cli.audit import audit as run
    from rescu_cli.certify.table import CLAIMS
    from rescu_cli.core.parse import parse_number
    from rescu_cli.errors import UnknownNameError

    for claim in require:
        if claim not in CLAIMS:
            raise UnknownNameError("claim", claim, list(CLAIMS))
    given = dict(overrides or {})
    activation = None
    if against is not None:
        activation = resolve(against)
        known = {k: v for k, v in given.items() if has_parameter(activation, k)}
        activation = resolve(against, known)
        given = {k: v for k, v in given.items() if k not in known}
    numbers = {k: float(parse_number(str(v))) for k, v in given.items()}
    return run(callable_text, activation, require=require, values=numbers)


audit = examine
"""`examine` under the name of its package; `rescu_cli.audit` is that package."""


def check_floats(
    text: str,
    kind: str,
    overrides: Mapping[str, Any] | None = None,
    out: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    target: str = "torch",
) -> MachineReport:
    """Run the exported code at every float of a format and compare it with the exact function.

    Args:
        text: An activation; parameters left open take their documented defaults.
        kind: float16, bfloat16 or float32: every input. float64: edges and a seeded sample.
        overrides: Values for parameters that are still free.
        out: Where the report will go; beside it, ``out`` + ``.partial`` keeps unfinished work of
            float32, and the same call goes on from it. This function does not write ``out``.
        progress: Called with (inputs done, inputs in all).
        target: Whose code runs: torch or numpy.

    Raises:
        UnknownNameError: If there is no such format or target.
        StoreError: If the ``.partial`` file belongs to another check.

    Example:
        >>> import rescu_cli as rescu
        >>> rescu.check_floats("relu", "float16").quantities["value"].worst.ulps
        0.0
    """
    from dataclasses import replace

    from rescu_cli.certify import Verdict, certify
    from rescu_cli.core.edges import float_format
    from rescu_cli.export import emit
    from rescu_cli.export.machine import Monotone, check_machine, held

    (activation,) = resolve_all([text], overrides)
    found = float_format(kind)  # refuses unknown names before anything is generated
    artifact = emit(activation.with_defaults(), target)
    truth, _, _ = held(artifact, found)
    inf = float("inf")
    proved = {
        c.claim for c in certify(truth, ["monotone", "convex"]).claims
        if c.status is Verdict.PROVED
    }  # fmt: skip
    known: dict[str, Monotone] = {
        "monotone": [("value", -inf, inf, 1)],
        "convex": [("gradient", -inf, inf, 1)],
    }
    monotone = [m for claim, rows in known.items() if claim in proved for m in rows]
    state = None
    if out is not None and found.name == "float32":
        state = out.with_name(out.name + ".partial")
    report = check_machine(artifact, kind, monotone, state=state, progress=progress)
    if not activation.free_parameters:
        return report
    taken = ", ".join(f"{p.name}={p.default}" for p in activation.free_parameters)
    note = f"Free parameters at their documented defaults: {taken}."
    return replace(report, notes=(note, *report.notes))
