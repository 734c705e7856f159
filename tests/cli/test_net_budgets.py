"""``rescu net relus``, ``linearize`` and ``reshape`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rescu_cli.errors import ExitCode
from tests.cli.conftest import Run

NETS = """
from torch import nn
from torch.nn import functional as F

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.stage = nn.Conv2d(1, 4, 3, padding=1), nn.Sequential(
            nn.Conv2d(4, 8, 3, padding=1), nn.ReLU())

    def forward(self, x):
        return self.stage(F.relu(self.first(x)))
"""

SHORT = ("--epochs", "2", "--search", "1", "--tune", "1", "--hidden", "16,8", "--seeds", "2")


def test_relus_of_a_named_network_in_json(rescu: Run) -> None:
    found = rescu("net", "relus", "resnet18", "--input", "3x32x32", "--latency",
                  "relu=20us,mac=0.5ns", "--json").result  # fmt: skip
    assert (found["total"], found["total_without_stem"]) == (557_056, 491_520)
    assert list(found["by_stage"]) == ["stem", "S1", "S2", "S3", "S4"]
    assert found["flops"] == 2 * found["macs"] == 2 * 555_422_720
    assert sum(layer["relus"] for layer in found["layers"]) == found["total"]
    assert found["latency"]["seconds"] == pytest.approx(557_056 * 20e-6 + 555_422_720 * 0.5e-9)


def test_relus_of_a_users_network_as_a_table_and_a_file(rescu: Run, tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    outcome = rescu("net", "relus", "nets.py:Small", "--input", "1x6x6", "--out", "count.json")
    assert outcome.code == ExitCode.DONE
    assert "ReLUs: 432; without the stem 288" in outcome.out
    assert "(model)" in outcome.out and "stage.1" in outcome.out
    assert json.loads((tmp_path / "count.json").read_text())["stem"] == ["(model)"]
    none = rescu("net", "relus", "nets.py:Small", "--input", "1x6x6", "--stem", "none", "--json")
    assert none.result["total_without_stem"] == 432


def test_reshape_in_json_and_as_a_table(rescu: Run) -> None:
    found = rescu("net", "reshape", "--order", "S3,S2,S4,S1", "--stages", "4", "--json").result
    assert [5, 5, 3] in found["solutions"] and found["complete"]
    assert [d["multipliers"] for d in found["details"]] == found["solutions"]
    shown = rescu("net", "reshape", "--order", "S2,S3,S4,S1", "--max", "64")
    assert "S2 > S3 > S4 > S1" in shown.out and "may have cut off solutions" in shown.err
    none = rescu("net", "reshape", "--order", "S2,S1", "--max", "4")
    assert "none from 1 to 4" in none.out


def test_reshape_trains_beside_a_plain_network(rescu: Run) -> None:
    outcome = rescu("net", "reshape", "--order", "S3,S2,S4,S1", "--min", "2", "--train", "first",
                    "--channels", "1", "--seeds", "2", "--epochs", "1")  # fmt: skip
    assert outcome.code == ExitCode.DONE
    assert "reshaped − plain" in outcome.out and "1, 5, 25, 75" in outcome.out


def test_linearize_reports_students_and_writes_the_figure(rescu: Run, tmp_path: Path) -> None:
    argv = ("net", "linearize", "--budget", "6,2", "--method", "random,taylor", *SHORT)
    found = rescu(*argv, "--json").result
    assert [s["kept"] for s in found["students"]] == [6, 6, 2, 2]
    shown = rescu(*argv, "--out", "run")
    assert "minus random" in shown.out and "full  " in shown.out
    assert shown.out.strip().endswith(str(Path("run") / "front.png"))
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        "front.png", "front.svg", "results.json"}  # fmt: skip
    assert json.loads((tmp_path / "run" / "results.json").read_text())["full"] == found["full"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("relus", "resnet17"), "Did you mean"),
        (("relus", "resnet18", "--input", "3x33x32"), "multiples of 8"),
        (("relus", "resnet18", "--latency", "relu=20"), "relu=20us,mac=0.5ns"),
        (("relus", "resnet18", "--latency", "relu=-1us"), "must be 0 or more"),
        (("relus", "resnet18", "--stem", "S9"), "has no ReLU in this network"),
        (("relus", "gone.npz"), "There is no file"),
        (("reshape", "--order", "S3,S2"), "names 'S3'; the stages of 2"),
        (("reshape", "--order", "S2,S1,S2"), "must name each"),
        (("reshape", "--order", "S2,S1", "--stages", "3"), "must name each of S1, S2, S3"),
        (("reshape", "--order", "S2,S1", "--min", "0"), "Multipliers from 0"),
        (("reshape", "--order", "S2,S1", "--train", "5,5"), "write 1 multipliers"),
        (("reshape", "--order", "S2,S1", "--max", "4", "--train", "first"), "no solution"),
        (("linearize", "--budget", "1e2"), "Cannot read --budget"),
        (("linearize", "--budget", "5,,2"), "Cannot read --budget"),
        (("linearize", "--budget=-3"), "between 0 and 192"),
        (("linearize", "--budget", "193"), "between 0 and 192"),
        (("linearize", "--budget", "9", "--method", "snk"), "Did you mean 'snl'"),
        (("linearize", "--budget", "9", "--data", "digits.npz"), "digits.npz"),
    ],
)
def test_2_bad_input(rescu: Run, argv: tuple[str, ...], words: str) -> None:
    outcome = rescu("net", *argv)
    assert outcome.code in (ExitCode.USAGE, ExitCode.STORE)
    assert words in outcome.err
    assert outcome.out == ""
