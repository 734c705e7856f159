"""Correct code passes: written any reasonable way, in any framework, and the frameworks' own."""

from __future__ import annotations

import pytest

from rescu_cli.audit import AuditReport
from rescu_cli.errors import UnsupportedError
from tests.audit.conftest import Audit

OURS = {
    "module": ("smelu_torch:SmeLU", "smelu:beta=0.5", "torch"),
    "module with a learned beta": ("smelu_torch:LearnedSmeLU", "smelu:beta=0.1", "torch"),
    "instance": ("smelu_torch:ready", "smelu:beta=1", "torch"),
    "function": ("smelu_torch:smelu", "smelu:beta=0.5", "torch"),
    "numpy": ("smelu_numpy:smelu", "smelu:beta=0.3", "numpy"),
    "plain numbers": ("smelu_plain:smelu", "smelu:beta=0.3", "python"),
    "math.erf": ("gelu_plain:gelu", "gelu", "python"),
}
TORCH = {
    "softplus": "softplus", "silu": "silu", "mish": "mish", "gelu": "gelu",
    "gelu_tanh": "gelu_tanh", "elu": "elu", "celu": "celu", "selu": "selu",
    "hardswish": "hard_swish", "leaky_relu": "leaky_relu", "relu": "relu",
    "sigmoid": "sigmoid", "tanh": "tanh",
}  # fmt: skip
JAX = {"sparse_plus": "smelu:beta=1", "smelu": "smelu:beta=0.5", "softplus": "softplus"}


def accepted(report: AuditReport) -> None:
    assert report.verdict == "agrees", (report.failed, report.diagnosis)
    assert report.recognised == (report.against,)
    assert all(s.startswith("note: ") for s in report.diagnosis)


@pytest.mark.parametrize("case", OURS)
def test_smelu_and_gelu_done_right(audit: Audit, case: str) -> None:
    text, against, framework = OURS[case]
    report = audit(text, against)
    accepted(report)
    assert report.framework == framework


@pytest.mark.parametrize("name", TORCH)
def test_what_torch_has_itself(audit: Audit, name: str) -> None:
    report = audit(f"torch_own:{name}", TORCH[name])
    accepted(report)
    tried = {c.dtype for c in report.checks if c.check == "gradient"}
    assert tried == {"float16", "bfloat16", "float32", "float64"}


def test_the_threshold_of_torch_softplus_is_a_note(audit: Audit) -> None:
    """Beyond 20 torch returns x: off by e^(−20) = 2.1e−9, visible in float64 only."""
    report = audit("torch_own:softplus", "softplus:k=1")
    notes = {(c.check, c.dtype): c.note for c in report.checks if c.status == "note"}
    assert "off by 2.1e−09 at x = 20" in notes["value", "float64"]
    assert ("value", "float32") not in notes


def test_nan_at_minus_infinity_is_a_note(audit: Audit) -> None:
    """x·σ(x) is −inf·0 there, in torch's own function too."""
    report = audit("torch_own:silu", "silu")
    (check,) = [c for c in report.checks if (c.check, c.dtype) == ("infinity", "float32")]
    assert check.status == "note"
    assert check.note.startswith("f(-inf) = nan, the limit is 0")


@pytest.mark.parametrize("name", JAX)
def test_what_jax_has_itself(audit: Audit, name: str) -> None:
    pytest.importorskip("jax", reason="jax is an optional extra (rescu-cli[bench])")
    report = audit(f"jax_own:{name}", JAX[name])
    accepted(report)
    assert report.framework == "jax"


def test_ties_on_either_side_are_accepted_and_named(audit: Audit, written: object) -> None:
    """relu'(0) = 0 is the stated rule; 1 is a subgradient, too."""
    from rescu_cli import api

    path = written("import torch\ndef relu(x):\n    return torch.where(x >= 0, x, x * 0)\n")  # type: ignore[operator]
    report = api.examine(f"{path}:relu", "relu")
    ties = [c for c in report.checks if c.check == "tie"]
    assert len(ties) == 4
    for tie in ties:
        assert tie.status == "note"
        assert tie.note == (
            "at x = 0 it takes the gradient of the right side, 1; the stated rule is 0"
        )
    assert report.verdict == "agrees"


def test_what_a_partial_has_fixed_is_not_replaced(written: object) -> None:
    from rescu_cli import api

    path = written(  # type: ignore[operator]
        "from functools import partial\nimport torch\n"
        "def smelu(x, beta):\n"
        "    return torch.where(x.abs() < beta, (x + beta) ** 2 / (4 * beta), torch.relu(x))\n"
        "half = partial(smelu, beta=0.5)\n"
    )
    report = api.examine(f"{path}:half", "smelu:beta=1")
    assert report.verdict == "disagrees"
    assert report.diagnosis[0] == (
        "this is SmeLU with beta = 0.5 (smelu:beta=0.5): the right function with another "
        "parameter than smelu:beta=1"
    )
    assert api.examine(f"{path}:half", "smelu:beta=0.5").verdict == "agrees"


def test_an_activation_that_cannot_be_exported_is_compared_at_fewer_points(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then only the reference is left, at some 30 µs and more per point."""

    def refuse(*_: object) -> None:
        raise UnsupportedError("no closed form")

    monkeypatch.setattr("rescu_cli.audit.truth.emit", refuse)
    report = audit("smelu_numpy:smelu", "smelu:beta=0.3")
    assert report.verdict == "agrees"
    assert any("points per format only" in s for s in report.diagnosis)
    assert max(c.n_inputs for c in report.checks if c.check == "value") < 400
    wrong = audit("smelu_numpy:smelu", "softplus:k=3")
    assert wrong.recognised == ("smelu:beta=1",)
