"""What a person sees: plain text in a pipe, formulas, options that do what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sympy as sp

from tests.cli.conftest import Run


def test_a_pipe_gets_plain_text(rescu: Run) -> None:
    for argv in (("list",), ("show", "smelu"), ("doctor",)):
        assert "\x1b" not in rescu(*argv).out


def test_the_card_shows_pieces_claims_and_notes(rescu: Run) -> None:
    out = rescu("derive", "--gradient", "piecewise-linear").out
    for part in ("(beta + x)**2/(4*beta)", "1/(2*beta)", "beta/4", "this is smelu", "proved",
                 "sparse_plus at beta=1", "beta > 0"):  # fmt: skip
        assert part in out


def test_derive_writes_a_file_that_every_command_takes(rescu: Run, tmp_path: Path) -> None:
    assert (
        rescu("derive", "--knots", "-1:0, 0:0.3, 1:1", "--out", "mine.json", "--name", "mine").code
        == 0
    )
    assert json.loads((tmp_path / "mine.json").read_text())["name"] == "mine"
    assert "mine" in rescu("show", "mine.json").out
    assert rescu("plot", "mine.json", "relu").out.strip() == "mine-relu.png"
    assert "def mine" in rescu("export", "mine.json", "--to", "numpy").out
    assert rescu("verify", "mine.json", "--require", "continuous,monotone,rescu").code == 0


def test_derive_takes_the_file_back_and_nothing_that_would_change_it(rescu: Run) -> None:
    argv = ("derive", "--knots", "-1:0, 0:0.3, 1:1", "--name", "mine")
    made = rescu(*argv, "--out", "mine.json", "--json").result
    again = rescu("derive", "mine.json", "--json").result
    for key in ("name", "claims", "recognised", "init_gain", "anchor"):
        assert again[key] == made[key]
    for one, two in zip(again["pieces"], made["pieces"], strict=True):
        assert (one["from"], one["to"]) == (two["from"], two["to"])
        assert sp.simplify(sp.sympify(one["value"]) - sp.sympify(two["value"])) == 0
    for stray in (("--gradient", "cosine"), ("--knots", "-1:0, 1:1"), ("--g-minus", "0.1"),
                  ("--name", "yours")):  # fmt: skip
        outcome = rescu("derive", "mine.json", *stray)
        assert outcome.code == 2 and f"'{stray[0]}' cannot change" in outcome.err
    assert "'--gradient smoothstep'" in rescu("derive", "smoothstep").err
    assert rescu("derive", "nothing.json").code == 5


def test_settings_reach_the_activation(rescu: Run) -> None:
    one = rescu("show", "gsmelu", "--beta", "2", "--set", "alpha=1/3", "--json").result
    values = {k: v["value"] for k, v in one["parameters"].items()}
    assert values == {"alpha": "1/3", "beta": "2", "g_minus": None, "g_plus": None}


def test_symbolic_asymmetry_and_leak(rescu: Run) -> None:
    result = rescu("derive", "--gradient", "piecewise-linear", "--alpha", "alpha", "--g-minus",
                   "g_minus", "--g-plus", "g_plus", "--json").result  # fmt: skip
    assert result["name"] == "gsmelu"
    result = rescu("derive", "--gradient", "piecewise-linear", "--g-minus", "0.1", "--json").result
    assert result["parameters"]["g_plus"]["value"] == "1"


@pytest.mark.parametrize(
    ("form", "contains"), [("latex", "\\begin{cases}"), ("python", "def smelu")]
)
def test_formats(rescu: Run, form: str, contains: str) -> None:
    assert contains in rescu("derive", "--gradient", "piecewise-linear", "--format", form).out


def test_assumptions_show_in_for_all(rescu: Run) -> None:
    result = rescu("derive", "--gradient", "piecewise-linear", "--g-minus", "g_minus", "--g-plus",
                   "g_plus", "--assume", "0 <= g_minus <= g_plus", "--json").result  # fmt: skip
    claims = {c["claim"]: c for c in result["claims"]}
    assert claims["monotone"]["status"] == "proved"
    assert "g_minus" in claims["monotone"]["for_all"]


def test_help_of_every_command_is_there(rescu: Run) -> None:
    for command in ("list", "show", "derive", "verify", "export", "plot", "cite", "compare", "pd",
                    "doctor"):  # fmt: skip
        outcome = rescu(command, "--help")
        assert outcome.code == 0
        assert command in outcome.out


def test_plot_prints_the_path_only(rescu: Run, tmp_path: Path) -> None:
    outcome = rescu("plot", "relu", "smelu:beta=0.5", "smelu:beta=2", "swish", "--derivatives", "2",
                    "--range", "-4:4", "--out", "figure.svg")  # fmt: skip
    assert outcome.out == "figure.svg\n"
    assert "<svg" in (tmp_path / "figure.svg").read_text()
    assert rescu("plot", "smelu", "--sweep", "beta=0.1:4:6").out == "smelu.png\n"


def test_long_names_break_behind_signs_and_lose_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rescu_cli.cli import render

    name, formula = "gsmelu:alpha=1.5,beta=0.25,g_minus=0.01,g_plus=1", "x**2*sigmoid(x)/(1+x**2)"
    right = {"justify": "right", "no_wrap": True}
    monkeypatch.setattr(render, "_PLAIN_WIDTH", 40)
    render.table(None, ["activation", ("value", right)], [(name, "0.1234 ±0.0012"), (formula, "1")])
    rows = [line[:22].split() for line in capsys.readouterr().out.splitlines()[3:]]
    words = [word for row in rows for word in row if word not in ("0.1234", "1")]
    assert words == ["gsmelu:alpha=1.5,", "beta=0.25,", "g_minus=0.01,g_plus=1",
                     "x**2*sigmoid(x)/", "(1+x**2)"]  # fmt: skip
    assert "".join(words) == name + formula
