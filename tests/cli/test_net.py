"""``rescu net swap``: what was exchanged, what was not, and whether the model still runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rescu_cli.errors import ExitCode
from tests.cli.conftest import Run

NETS = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.first, self.act, self.six = nn.Linear(3, width), nn.ReLU(), nn.ReLU6()

    def forward(self, x):
        return torch.relu(self.six(self.act(self.first(x))) - 0.5)

class Branching(nn.Module):
    def forward(self, x):
        return torch.relu(x) if x.sum() > 0 else torch.relu(-x)

torch.manual_seed(0)
instance = Small().train()
def make(): return Small(5)
def needs(width): return Small(width)
def number(): return 3
def smooth(): return nn.Sequential(nn.Linear(3, 3), nn.Tanh())
"""


@pytest.fixture(autouse=True)
def _nets(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETS)


@pytest.mark.parametrize("name", ["instance", "Small", "make"])
def test_replaced_and_kept_are_listed_and_the_model_runs(rescu: Run, name: str) -> None:
    outcome = rescu("net", "swap", f"nets.py:{name}", "--to", "smelu:beta=1", "--input", "2x3",
                    "--json")  # fmt: skip
    assert outcome.code == ExitCode.DONE
    result = outcome.result
    assert [(r["name"], r["kind"], r["old"]) for r in result["replaced"]] == [
        ("(model)", "call", "torch.relu"), ("act", "module", "ReLU()")]  # fmt: skip
    assert [(k["name"], k["reason"]) for k in result["kept"]] == [
        ("six", "relu6 was not asked for")
    ]
    check = result["check"]
    assert check["inputs"] == [[2, 3]]
    assert check["calls_before"] == {"(model)": 1, "act": 1}
    assert check["calls_after"] == {}
    assert 0.01 < check["largest_change"] < 1
    assert check["finite"] is True


def test_the_table_and_the_report(rescu: Run, tmp_path: Path) -> None:
    outcome = rescu("net", "swap", "nets.py:Small", "--to", "smelu", "--out", "done.json")
    assert outcome.code == ExitCode.DONE
    for part in ("Replaced by smelu:beta=1", "torch.relu", "Not replaced", "ReLU6()"):
        assert part in outcome.out
    report = json.loads((tmp_path / "done.json").read_text())
    assert report["check"] is None
    assert len(report["replaced"]) == 2


def test_1_what_was_asked_for_and_stays(rescu: Run) -> None:
    outcome = rescu("net", "swap", "nets.py:Branching", "--to", "smelu", "--input", "4")
    assert outcome.code == ExitCode.REFUTED
    assert "cannot be traced" in outcome.out
    assert "still makes 1 of them" in outcome.err
    assert "1 before, 1 after" in outcome.out
    again = rescu("net", "swap", "nets.py:Branching", "--to", "smelu", "--input", "4", "--untraced")
    assert again.code == ExitCode.DONE
    assert "1 before, 0 after" in again.out


def test_nothing_to_replace_is_said(rescu: Run) -> None:
    outcome = rescu("net", "swap", "nets.py:smooth", "--to", "smelu")
    assert outcome.code == ExitCode.DONE
    assert "No relu was replaced." in outcome.out
    assert "tanh was not asked for" in outcome.out
    assert rescu("net", "swap", "nets.py:smooth", "--to", "smelu", "--from", "relu,tanh",
                 "--json").result["replaced"][0]["old"] == "Tanh()"  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("nets.py:nothing", "--to", "smelu"), "has no 'nothing'"),
        (("nets.py", "--to", "smelu"), "path.py:name"),
        (("gone.py:Small", "--to", "smelu"), "Cannot read gone.py"),
        (("nets.py:needs", "--to", "smelu"), "cannot be called without arguments"),
        (("nets.py:number", "--to", "smelu"), "makes a int"),
        (("nets.py:Small", "--to", "smleu"), "Did you mean 'smelu'"),
        (("nets.py:Small", "--to", "smelu", "--from", "rleu"), "No activation of torch named"),
        (("nets.py:Small", "--to", "smelu", "--input", "2y3"), "write it like 1x3x32x32"),
        (("nets.py:Small", "--to", "smelu", "--input", "0x3"), "write it like 1x3x32x32"),
        (("nets.py:Small", "--to", "smelu", "--input", "2x7"), "does not run on inputs"),
        (("nets.py:Small",), "--to"),
    ],
)
def test_bad_input_is_refused(rescu: Run, argv: tuple[str, ...], words: str) -> None:
    outcome = rescu("net", "swap", *argv)
    assert outcome.code == ExitCode.USAGE
    assert outcome.out == ""
    assert words in outcome.err
