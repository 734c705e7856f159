"""Negative controls: code that is right nearly everywhere must not pass the audit.

Each fault is confined to what a careless check would not try.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rescu_cli import api
from rescu_cli.audit import AuditReport

RIGHT = """
import torch
def smelu(x, beta=1.0):
    if not beta > 0:
        raise ValueError("beta must be positive")
    inside = (x + beta) ** 2 / (4 * beta)
    y = torch.where(x.abs() < beta, inside, torch.relu(x))
"""
FAULTS = {
    # fault: lines after RIGHT, the check that must fail, in which format, what the diagnosis says
    "on an interval of 0.001": (
        "return torch.where((x > 2) & (x < 2.001), y + 0.01, y)", "value", "float32",
        "differs only for 2 <= x <= 2.001"),
    "on an interval of 0.001 far left": (
        "return torch.where((x > -11.337) & (x < -11.336), y + 0.01, y)", "value", "float64",
        "differs only for −11.34 <= x <= −11.34"),
    "by one part in 100,000": ("return y * 1.00001", "value", "float32", "1.00001*smelu"),
    "on subnormals": (
        "return torch.where((x != 0) & (x.abs() < torch.finfo(x.dtype).tiny), y * 2, y)",
        "value", "float32", "differs only for"),
    "in batches over 16": (
        "return y if x.numel() <= 16 else y + 0.25", "batch", "float32",
        "depends on the batch: x = "),
    "in batches of exactly 31": (
        "return y + 0.001 if x.numel() == 31 else y", "batch", "float32",
        "in a batch of 31"),
    "by the mean of the batch": (
        "return y + 0.001 * (x - x) + 1e-3 * (x.clamp(-1, 1).mean() > 0.02)", "batch", "float32",
        "depends on the batch"),
    "on input that is not contiguous": (
        "return y if x.is_contiguous() else torch.relu(x)", "layout", "float32",
        "depends on the memory layout"),
    "on two-dimensional input": (
        "return y if x.dim() != 2 else torch.relu(x)", "shape", "float32", "depends on the shape"),
    "in float16": (
        "return y if x.dtype != torch.float16 else torch.relu(x)", "value", "float16",
        "in float16 it differs"),
    "in bfloat16, by one part in ten": (
        "return y if x.dtype != torch.bfloat16 else y * 1.1", "value", "bfloat16",
        "in bfloat16 it differs"),
    "for a single float16": (
        "return torch.where(x == 3.0, y + 0.5, y)", "value", "float16", "at x = 3"),
    "in the gradient only": (
        "return y + (0.01 * x - (0.01 * x).detach())", "gradient", "float64",
        "the gradient is not the derivative of the value"),
    "in the gradient on a short interval": (
        "z = torch.where((x > 2) & (x < 2.001), x, 0 * x)\n    return y + z - z.detach()",
        "gradient", "float32", "the gradient is not the derivative of the value"),
    "by hiding NaN": (
        "return torch.nan_to_num(y)", "NaN", "float32", "hides NaN: f(NaN) = 0"),
    "by writing into its input": (
        "x.mul_(1.0).clamp_(min=-50.0) if not x.requires_grad else None\n    x.neg_() if not x.requires_grad else None\n    return y",
        "input kept", "float32", "it overwrites its input"),
    "far right, by an overflow": (
        "return torch.where(x > 90, torch.log(torch.exp(x)), y)", "value", "float32",
        "the value is infinite for x >= 90"),
    "by a gradient that is cut off": (
        "return y.detach()", "gradient", "float32", "cut off from its input"),
    "for a small beta": (
        "return y if beta > 0.1 else torch.relu(x)", "beta = 0.01", "float32", "beta = 0.01"),
}  # fmt: skip


def _audit(folder: Path, last: str) -> AuditReport:
    path = folder / "foreign.py"
    path.write_text(f"{RIGHT}    {last}\n", encoding="utf-8")
    return api.examine(f"{path}:smelu", "smelu:beta=1")


def test_the_code_without_a_fault_passes(tmp_path: Path) -> None:
    assert _audit(tmp_path, "return y").verdict == "agrees"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_fault_is_caught(tmp_path: Path, fault: str) -> None:
    last, check, dtype, text = FAULTS[fault]
    report = _audit(tmp_path, last)
    assert report.verdict == "disagrees"
    assert (check, dtype) in {(c.check, c.dtype) for c in report.failed}, report.failed
    assert any(text in s for s in report.diagnosis), report.diagnosis


def test_numpy_code_wrong_in_float16_only(tmp_path: Path) -> None:
    path = tmp_path / "foreign.py"
    path.write_text(
        "import numpy as np\ndef relu(x):\n"
        "    return np.maximum(x, 0) + (0.5 if x.dtype == np.float16 else 0.0)\n"
    )
    report = api.examine(f"{path}:relu", "relu")
    assert [(c.check, c.dtype) for c in report.failed if c.check == "value"] == [
        ("value", "float16")
    ]


def test_plain_code_wrong_on_an_interval(tmp_path: Path) -> None:
    path = tmp_path / "foreign.py"
    path.write_text("def relu(x):\n    return 0.5 if 3 < x < 3.001 else max(x, 0.0)\n")
    report = api.examine(f"{path}:relu", "relu")
    assert report.verdict == "disagrees"


def test_a_tensor_function_for_single_numbers_is_still_measured(tmp_path: Path) -> None:
    """Raising on batches does not excuse a wrong value."""
    path = tmp_path / "foreign.py"
    path.write_text(
        "import torch\ndef relu(x):\n    return x * 1.01 if x > 0 else torch.zeros_like(x)\n"
    )
    failed = {c.check for c in api.examine(f"{path}:relu", "relu").failed}
    assert {"batch", "value", "gradient"} <= failed
