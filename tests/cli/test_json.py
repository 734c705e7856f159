"""Every command with --json: one document, the promised keys, full precision, no NaN."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

from rescu_cli.core.parse import parse_exact
from tests.cli.conftest import Run

DERIVE_KEYS = {"name", "parameters", "value", "gradient", "pieces", "closed_form", "anchor",
               "init_gain", "recognised", "claims"}  # fmt: skip
CLAIM_KEYS = {"claim", "status", "value", "for_all", "method", "witness", "reason", "error"}
CLAIMS = {"continuous", "smooth", "gradient_matches", "monotone", "convex", "bounded_below",
          "gradient_range", "gradient_lipschitz", "left_asymptote", "right_asymptote", "relu_gap",
          "homogeneous", "rescu"}  # fmt: skip


def test_derive(rescu: Run) -> None:
    result = rescu("derive", "--gradient", "piecewise-linear", "--json").result
    assert set(result) >= DERIVE_KEYS
    assert result["name"] == "smelu"
    assert result["recognised"][0] == "smelu"
    assert result["closed_form"] is True
    assert result["anchor"] == "left"
    assert result["parameters"]["beta"]["value"] is None
    assert result["parameters"]["beta"]["domain"] == "beta > 0"
    assert [set(p) for p in result["pieces"]] == [{"from", "to", "value", "gradient"}] * 3
    assert result["pieces"][1]["value"] == "(beta + x)**2/(4*beta)"
    assert {c["claim"] for c in result["claims"]} == CLAIMS
    assert all(set(c) == CLAIM_KEYS for c in result["claims"])
    claims = {c["claim"]: c for c in result["claims"]}
    assert (claims["smooth"]["status"], claims["smooth"]["value"]) == ("proved", 1)
    assert claims["gradient_lipschitz"]["value"] == "1/(2*beta)"
    assert claims["relu_gap"]["value"] == "beta/4"


def test_expressions_are_strings_that_sympy_parses(rescu: Run) -> None:
    for argv in (["--gradient", "gaussian"], ["--knots", "-1:0, 0:0.3, 1:1"],
                 ["--kernel", "laplace", "--base", "leaky_relu:alpha=0.1"],
                 ["--gradient", "exp(-x**4)"]):  # fmt: skip
        result = rescu("derive", *argv, "--json").result
        # SymPy has functions of its own called beta and gamma: names are passed, as users must
        symbols = {n: sp.Symbol(n, positive=True) for n in result["parameters"]}
        for text in (result["value"], result["gradient"]):
            assert isinstance(sp.sympify(text, locals=symbols), sp.Expr)
        for piece in result["pieces"]:
            names = {n: sp.Symbol(n, positive=True) for n in result["parameters"]}
            parse_exact(piece["value"], {"x": sp.Symbol("x", real=True), **names})


def test_bound_parameters_have_values_and_a_gain(rescu: Run) -> None:
    result = rescu("derive", "--gradient", "smoothstep", "--beta", "2", "--json").result
    assert result["parameters"]["beta"]["value"] == "2"
    assert 1 < result["init_gain"] < math.sqrt(2)


def test_show_and_list(rescu: Run) -> None:
    assert set(rescu("show", "silu", "--json").result) >= DERIVE_KEYS
    rows = rescu("list", "--json").result
    assert {r["name"] for r in rows} >= {
        "relu", "leaky_relu", "smelu", "gsmelu", "softplus", "squareplus", "swish", "gelu",
        "gelu_tanh", "mish", "tanhexp", "elu", "celu", "selu", "sau", "smu", "smu1", "hard_swish",
        "sigmoid", "tanh", "identity", "rescu_smoothstep", "rescu_smootherstep", "rescu_cosine",
        "rescu_gaussian", "rescu_laplace",
    }  # fmt: skip
    by_name = {r["name"]: r for r in rows}
    assert by_name["swish"]["aliases"] == ["silu"]
    assert by_name["smelu"]["smooth"]["value"] == 1
    assert by_name["swish"]["monotone"]["status"] == "refuted"


def test_verify(rescu: Run, tmp_path: Path) -> None:
    result = rescu("verify", "smelu", "--out", "cert.json", "--json").result
    assert {c["claim"] for c in result["claims"]} == CLAIMS
    assert json.loads((tmp_path / "cert.json").read_text()) == result
    assert all(c["status"] == "proved" for c in result["claims"])


def test_plot(rescu: Run, tmp_path: Path) -> None:
    result = rescu("plot", "smelu", "--beta", "2", "--json").result
    assert Path(result["path"]) == tmp_path / "smelu.png"
    assert (tmp_path / "smelu.png").read_bytes().startswith(b"\x89PNG")
    assert result["activations"] == ["smelu:beta=2"]


@pytest.mark.parametrize("target", ["torch", "numpy", "latex", "sympy"])
def test_export(rescu: Run, target: str) -> None:
    result = rescu("export", "smelu:beta=0.5", "--to", target, "--json").result
    assert result["target"] == target
    assert result["text"]
    assert result["check"] is None


def test_export_with_a_check(rescu: Run) -> None:
    outcome = rescu("export", "smelu:beta=0.5", "--to", "numpy", "--check", "--json")
    report = outcome.result["check"]
    assert outcome.code == 0
    assert set(report["dtypes"]) == {"float16", "float32", "float64"}
    for by_what in report["dtypes"].values():
        assert set(by_what) == {"value", "gradient"}
        for row in by_what.values():
            assert {"n_inputs", "exhaustive", "max_ulp", "worst_x", "nan_mismatch"} <= set(row)
    assert report["dtypes"]["float16"]["value"]["n_inputs"] == 65536


def test_compare_and_pd(rescu: Run, tmp_path: Path) -> None:
    argv = [
        "compare",
        "relu",
        "smelu:beta=0.5",
        "--seeds",
        "3",
        "--epochs",
        "2",
        "--out",
        "run",
        "--json",
    ]
    outcome = rescu(*argv)
    result = outcome.result
    assert set(result) >= {"spec", "run_dir", "n_models", "activations", "comparisons", "advice"}
    assert result["n_models"] == 6
    for row in result["activations"]:
        assert set(row["accuracy"]) >= {"mean", "ci", "per_seed"}
        assert len(row["accuracy"]["per_seed"]) == 3
        assert set(row["pd"]) == {
            "pd_l1", "pd_l2", "pd_pairwise_l1", "pd_relative", "pd_relative_centred",
            "pd_relative_global", "pd_label", "churn",
        }  # fmt: skip
        assert row["pd"]["pd_l1"]["n_models"] == 3
    for row in result["comparisons"]:
        assert set(row) >= {"a", "b", "metric", "difference", "ci", "p", "p_adjusted", "verdict"}
    assert any("3 seeds" in a for a in result["advice"])
    run = tmp_path / "run"
    for name in ("spec.json", "table.csv", "tradeoff.png", "tradeoff.svg", "report.html",
                 "predictions/relu.npz", "predictions/smelu-beta-0.5.npz"):  # fmt: skip
        assert (run / name).stat().st_size > 0
    assert len(list((run / "cells").glob("*.json"))) == 6

    again = rescu(*argv).result  # resumes: nothing is trained again, so even the times are the same
    assert again == result

    measured = rescu("pd", "run/predictions/relu.npz", "--json").result
    assert measured["files"][0]["pd"]["pd_l1"]["value"] == pytest.approx(
        result["activations"][0]["pd"]["pd_l1"]["value"], rel=1e-12
    )


def test_doctor_and_cite(rescu: Run) -> None:
    found = {row["what"]: row["found"] for row in rescu("doctor", "--json").result}
    assert found["torch"] and found["sympy"]
    (source,) = rescu("cite", "smelu", "--json").result["sources"]
    assert source["url"] == "arXiv:2010.09931"
    assert "eprint        = {2010.09931}" in source["bibtex"]


def test_numbers_keep_full_precision(rescu: Run) -> None:
    gain = rescu("show", "relu", "--json").result["init_gain"]
    assert abs(gain - math.sqrt(2)) < 1e-14


def test_no_nan_ever(rescu: Run) -> None:
    """json.loads would accept NaN; the writer must not."""
    from rescu_cli.cli import render

    with pytest.raises(ValueError, match="not JSON compliant"):
        render.emit_json("x", {"value": float("nan")})

    def reject(_: str) -> Any:
        raise AssertionError("NaN or Infinity in JSON")

    json.loads(rescu("show", "relu", "--json").out, parse_constant=reject)


def test_sweep(rescu: Run, tmp_path: Path) -> None:
    result = rescu(
        "sweep", "smelu", "--param", "beta=0.5,2", "--seeds", "3", "--epochs", "1",
        "--against", "relu;swish", "--out", str(tmp_path / "run"), "--json",
    ).result  # fmt: skip
    assert [p["value"] for p in result["points"]] == [0.5, 2.0, None, None]
    assert set(result) >= {"parameter", "values", "metric", "margin", "points", "best", "run_dir"}
    assert (tmp_path / "run" / "front.svg").exists()


def test_landscape(rescu: Run, tmp_path: Path) -> None:
    figure = tmp_path / "l.svg"
    result = rescu(
        "landscape", "relu", "smelu", "--epochs", "1", "--grid", "5", "--examples", "64",
        "--out", str(figure), "--json",
    ).result  # fmt: skip
    assert result["figure"] == str(figure) and figure.exists()
    assert [row["activation"] for row in result["activations"]] == ["relu", "smelu:beta=1"]
    assert all(len(row["surface"]) == 5 for row in result["activations"])
    assert set(result["definitions"]) == {"centre", "sharpness", "nonconvex", "roughness"}
