"""A planted association is found with its strength, and none where none is planted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rescu_cli as rescu
from rescu_cli.cli.app import main
from rescu_cli.errors import UsageError
from rescu_cli.sequence.leak.grammar import draw_corpus, expected_rate

pytestmark = pytest.mark.xdist_group("leak")  # one worker trains for all

SMALL: dict[str, Any] = {"sentences": 1200, "prompts": 256, "epochs": 5, "hidden": 48}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("leak")
    return rescu.toy_leak(
        activations=["relu", "helu"], strengths=[0, 0.5, 1], seeds=6, out=folder, **SMALL
    ), folder


def test_nothing_planted_is_nothing_found_and_more_is_more(run: Any) -> None:
    for row in run[0]["activations"]:
        rates = row["rates"]
        nothing, some, everything = rates
        assert abs(nothing["mean"] - 50) < 4
        assert nothing["mean"] + 8 < some["mean"] < everything["mean"] - 8
        assert everything["mean"] > 70


def test_the_surrogate_bears_its_label(run: Any) -> None:
    relu, helu = run[0]["activations"]
    assert relu["surrogate"] is None and "not the gradient" in helu["surrogate"]


def test_the_same_seeds_give_the_same_and_the_files_are_written(run: Any) -> None:
    result, folder = run
    again = rescu.toy_leak(activations=["relu"], strengths=[0.5], seeds=2, **SMALL)
    first = result["activations"][0]["rates"][1]["per_seed"][:2]
    assert again["activations"][0]["rates"][0]["per_seed"] == first
    stored = json.loads((folder / "leak.json").read_text())
    assert stored["activations"] == json.loads(json.dumps(result["activations"]))
    assert (folder / "leak.png").stat().st_size > 5000


def test_the_corpus_has_the_strength_that_is_asked() -> None:
    assert expected_rate(0) == 50 and expected_rate(1) > 90
    one, two = (draw_corpus(50, 0.5, np.random.default_rng(3)) for _ in range(2))
    assert one == two
    assert draw_corpus(50, 1.0, np.random.default_rng(3)) != one


@pytest.mark.parametrize(
    "options",
    [{"strengths": [1.5]}, {"strengths": [float("nan")]}, {"strengths": []}, {"seeds": 0},
     {"sentences": 0}, {"prompts": 0}, {"epochs": 0}, {"lr": -1.0}, {"activations": []}],
)  # fmt: skip
def test_what_is_not_possible_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        rescu.toy_leak(**{"activations": ["relu"], "strengths": [0, 1], "seeds": 1, **options})


def test_the_command_prints_a_table_and_the_example_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(
        [
            "seq",
            "leak",
            "--toy",
            "--activation",
            "relu",
            "--strength",
            "0,1",
            "--seeds",
            "1",
            "--sentences",
            "200",
            "--prompts",
            "32",
            "--epochs",
            "1",
        ]
    )
    assert code == 0 and "planted" in capsys.readouterr().out
    example = Path(__file__).parents[3] / "examples" / "leak_pairs.csv"
    assert main(["seq", "leak", "--pairs", str(example), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert {"leak_rate", "ci", "tie_share"} <= set(result)
    assert main(["seq", "leak"]) == 2
