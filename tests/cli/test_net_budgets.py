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
        "front.png", "front.svg", "results.json", "students"}  # fmt: skip
    saved = json.loads((tmp_path / "run" / "results.json").read_text())
    assert saved["full"] == found["full"]
    files = [file for s in saved["students"] for file in s["files"]]
    assert len(files) == 2 * 2 * 2 and all(Path(f["arrays"]).is_file() for f in files)
    assert rescu("net", "relus", files[0]["module"], "--json").result["total"] == 6


def test_one_seed_is_one_seed_and_parts_of_channels_are_marked(rescu: Run) -> None:
    argv = ("net", "linearize", "--epochs", "1", "--search", "1", "--tune", "1", "--seeds", "1")
    assert "1 seed\n" in rescu(*argv, "--budget", "5", "--method", "random").out
    by = (
        "--model",
        "cnn",
        "--by",
        "channel",
        "--hidden",
        "3,1",
        "--budget",
        "64",
        "--method",
        "all",
    )  # one channel of 64, or the one of 16 and no other fits
    shown = rescu(*argv, *by)
    found = {s["method"]: s for s in rescu(*argv, *by, "--json").result["students"]}
    assert {s["kept"] for s in found.values()} == {16, 64}
    for name, student in found.items():
        same = student["kept"] == found["random"]["kept"]
        assert student["equal_relus"] is (None if name == "random" else same)
    assert "* not like with like" in shown.out


def test_a_reshaping_of_six_stages_breaks_no_number_at_80_columns(
    rescu: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescu_cli.cli.render._PLAIN_WIDTH", 80)
    argv = ("net", "reshape", "--order", "S6,S5,S4,S3,S2,S1", "--min", "3")
    lines = rescu(*argv).out.splitlines()
    for row in rescu(*argv, "--json").result["details"]:
        numbers = [f"{n:,}" for n in row["relus"]]
        assert any(all(n in line.split() for n in numbers) for line in lines), numbers
        assert any(f"{row['total']:,}" in line.split() for line in lines)
    assert max(map(len, lines)) <= 80


def test_relus_that_are_not_recognised_are_said_so(rescu: Run, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(
        "import torch\nfrom torch import nn\n"
        "class Odd(nn.Module):\n"
        "    def forward(self, x): return torch.special.i0(torch.celu(torch.relu(x)))\n"
    )
    shown = rescu("net", "relus", "odd.py:Odd", "--input", "4").out
    assert "Not recognised, so perhaps not linear: i0 4" in shown
    assert "Not linear either: celu 4" in shown


def test_a_stem_that_shares_a_module_is_shown_in_part(rescu: Run, tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETS.replace("self.stage(F.relu", "F.relu(self.stage(F.relu")
                                      .replace("(x)))", "(x))))"))  # fmt: skip
    shown = rescu("net", "relus", "nets.py:Small", "--input", "1x6x6").out
    assert "stem, (model)" in shown and "without the stem 576" in shown


def test_a_figure_that_cannot_be_written_is_refused_before_the_demo(
    rescu: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def demo(**options: object) -> None:
        raise AssertionError("the demo ran")

    monkeypatch.setattr("rescu_cli.api.width_demo", demo)
    argv = ("net", "width", "--dx", "2", "--dy", "2", "--demo", "--plot")
    bad = rescu(*argv, "curve.jpg")
    assert bad.code == ExitCode.USAGE and ".png, .svg or .pdf" in bad.err
    gone = rescu(*argv, str(Path("gone") / "curve.png"))
    assert gone.code == ExitCode.STORE and "no folder gone" in gone.err


def test_the_width_is_given_with_its_domain(rescu: Run) -> None:
    argv = ("net", "width", "--dx", "2", "--dy", "2", "--norm", "lp", "--activation", "relu")
    assert "relu, lp norm on the whole space: w_min = 3" in rescu(*argv).out
    assert rescu(*argv, "--json").result["domain"] == "the whole space"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("relus", "resnet17"), "Did you mean"),
        (("relus", "resnet18", "--input", "3x33x32"), "multiples of 8"),
        (("relus", "resnet18", "--latency", "relu=20"), "relu=20us,mac=0.5ns"),
        (("relus", "resnet18", "--latency", "relu=-1us"), "must be 0 or more"),
        (("relus", "resnet18", "--stem", "S9"), "has no ReLU in this network"),
        (("relus", "resnet18", "--stem", ""), "Cannot read --stem ''"),
        (("relus", "resnet18", "--stem", "none,S1.block1.relu1"), "or none alone"),
        (("relus", "resnet18", "--latency", "relu=1e308s"), "give smaller costs"),
        (("relus", "gone.npz"), "There is no file"),
        (("reshape", "--order", "S3,S2,S4,S1", "--size", "4"), "such as 8"),
        (("reshape", "--order", "S3,S2,S4,S1", "--train", "2,2,2"), "no solution of S3,S2,S4,S1"),
        (("linearize", "--budget", "5", "--epochs", "2", "--lr", "1e5"), "diverged"),
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
