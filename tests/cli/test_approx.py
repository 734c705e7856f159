"""``rescu approx`` and ``rescu net width`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run


def test_the_contract_s_example(rescu: Run) -> None:
    found = rescu(
        "approx", "relu", "--method", "dapa", "--degree", "2", "--mean", "0", "--std", "1", "--json"
    ).result
    assert [round(c, 5) for c in found["coefficients"]] == [0.19947, 0.5, 0.19947]
    assert round(found["mse"], 5) == 0.01127
    assert found["sup_error"]["proved"] is True and found["escape_radius"] == pytest.approx(3)


def test_a_file_and_a_figure_are_written_and_taken_by_other_commands(rescu: Run) -> None:
    done = rescu(
        "approx",
        "gelu",
        "--method",
        "minimax",
        "--degree",
        "4",
        "--range",
        "-4:4",
        "--out",
        "g.json",
        "--plot",
        "g.png",
        "--name",
        "gelu4",
    )
    assert done.code == 0 and "proved by ball arithmetic" in done.out and "Wrote g.json" in done.err
    assert Path("g.png").read_bytes()[:4] == b"\x89PNG"
    assert rescu("export", "g.json", "--to", "javascript", "--out", "g.js").code == 0
    assert "gelu4" in Path("g.js").read_text()
    assert rescu("plot", "g.json", "gelu", "--out", "both.svg").code == 0
    again = rescu(
        "approx", "g.json", "--method", "minimax", "--degree", "4", "--range", "-4:4", "--json"
    ).result
    assert again["sup_error"]["value"] < 1e-15


def test_human_output_names_every_fact(rescu: Run) -> None:
    out = rescu("approx", "relu", "--degree", "4", "--method", "minimax", "--fixed-point", "12").out
    for word in (
        "largest error",
        "mean square error",
        "escape radius",
        "escapes",
        "before rounding",
        "times 2^11",
    ):
        assert word in out
    out = rescu("approx", "swish", "--method", "rational", "--form", "b").out
    assert "no pole" in out and "numerator a_i" in out


def test_statistics_of_channels(rescu: Run) -> None:
    np.savez("s.npz", mean=np.array([0.0, 0.5]), std=np.array([1.0, 2.0]))
    found = rescu(
        "approx", "relu", "--stats", "s.npz", "--degree", "2", "--json", "--out", "c.npz"
    ).result
    assert np.array(found["coefficients"]).shape == (2, 3)
    with np.load("c.npz") as data:
        assert data["coefficients"].tolist() == found["coefficients"]
    assert "2 channels" in rescu("approx", "relu", "--stats", "s.npz").out


@pytest.mark.parametrize("argv", [
    ("relu", "--stats", "s.npz", "--mean", "1"), ("relu", "--stats", "s.npz", "--method", "minimax"),
    ("relu", "--stats", "s.npz", "--range", "0:1"), ("relu", "--name", "x"), ("relu", "--out", "poly.txt"),
    ("relu", "--plot", "poly.txt"), ("relu", "--degree", "-1"), ("relu", "--std", "0"), ("relu", "--range", "1:0"),
    ("relu", "--form", "A"), ("relu", "--method", "rational", "--degree", "3"), ("relu", "--fixed-point", "1"),
    ("relu", "--tolerance", "-1"), ("nosuch",)], ids=" ".join)  # fmt: skip
def test_bad_input_is_exit_2_with_one_line(rescu: Run, argv: tuple[str, ...]) -> None:
    np.savez("s.npz", mean=np.zeros(1), std=np.ones(1))
    done = rescu("approx", *argv)
    assert done.code == 2 and done.err.startswith("error: ") and done.out == ""
    assert not Path("poly.txt").exists()


def test_missing_statistics_are_a_file_problem(rescu: Run) -> None:
    assert rescu("approx", "relu", "--stats", "none.npz").code == 5


def test_notes_go_to_stderr(rescu: Run) -> None:
    done = rescu("approx", "tanh", "--json")
    json.loads(done.out)
    assert "normal:0,1 lie where" in done.err


def test_width(rescu: Run) -> None:
    found = rescu("net", "width", "--dx", "2", "--dy", "2", "--json").result
    assert (found["lower"], found["upper"], found["exact"]) == (4, 4, 4)
    shown = rescu("net", "width", "--dx", "3", "--dy", "3")
    assert "4 <= w_min <= 6" in shown.out and "SUPERSEDED" in shown.out
    assert (
        "no upper bound"
        in rescu("net", "width", "--dx", "3", "--dy", "3", "--activation", "any").out
    )
    assert rescu("net", "width", "--dx", "0", "--dy", "3").code == 2
