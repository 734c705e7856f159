"""``rescu net regions`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rescu_cli.cli.app import main


@pytest.fixture
def net(tmp_path: Path) -> str:
    generator = np.random.default_rng(0)
    path = tmp_path / "net.npz"
    np.savez(
        path, W0=generator.standard_normal((6, 2)), b0=generator.standard_normal(6),
        W1=generator.standard_normal((1, 6)), b1=np.zeros(1),
    )  # fmt: skip
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(["net", "regions", *argv])
    out, err = capsys.readouterr()
    return code, out, err


def test_json_has_what_the_documentation_says(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, net, "--box", "-2,2,-1,1", "--json")
    result = json.loads(out)["result"]
    assert code == 0 and result["n_regions"] == len(result["regions"]) > 5
    assert result["areas_sum"] == pytest.approx(8.0) and result["box_area"] == 8.0
    assert result["boundary_length"] > 0 and result["complete"] is True
    assert set(result["regions"][0]) == {"area", "vertices", "eccentricity", "slope_norm"}
    assert set(result["statistics"]["area"]) == {"min", "median", "mean", "max"}
    exact = json.loads(run(capsys, net, "--box", "-2,2,-1,1", "--exact", "--json")[1])["result"]
    assert exact["n_regions"] == result["n_regions"] and exact["arithmetic"] == "rational"


@pytest.mark.parametrize("ending", ["json", "npz"])
def test_files_hold_polygons_that_tile_the_box(
    net: str, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"regions.{ending}"
    assert run(capsys, net, "--out", str(out))[0] == 0
    if ending == "json":
        found = json.loads(out.read_text())
        polygons = [np.array(p["vertices"]) for p in found["polygons"]]
        assert len(found["segments"][0]["segments"]) == len(found["segments"][0]["regions"])
    else:
        with np.load(out) as file:
            polygons = np.split(file["vertices"], file["starts"][1:-1])
            assert file["maps"].shape == (len(polygons), 3, 1)
            assert file["segments_0"].shape[1:] == (2, 2)
    areas = []
    for p in polygons:
        x, y = p.T
        areas.append(0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1)))
    assert sum(areas) == pytest.approx(4.0) and min(areas) > 0


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_figures_are_drawn_for_one_and_for_several(
    net: str, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = tmp_path / f"regions.{ending}"
    code, out, _ = run(capsys, net, "--plot", str(figure))
    assert code == 0 and figure.stat().st_size > 5000 and str(figure) in out
    assert "Decision boundary" in out and "regions" in out
    again = tmp_path / f"again.{ending}"
    argv = (net, "--checkpoints", net, "--checkpoints", net, "--plot", str(again), "--json")
    code, out, _ = run(capsys, *argv)
    assert code == 0 and len(json.loads(out)["result"]["networks"]) == 3
    assert again.stat().st_size > 5000


def test_smooth_networks_say_what_is_exact_and_what_is_bounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "smooth.npz"
    generator = np.random.default_rng(0)
    np.savez(
        path, W0=generator.standard_normal((5, 2)), W1=generator.standard_normal((1, 5)),
        activation="smelu:beta=0.5",
    )  # fmt: skip
    code, out, _ = run(capsys, str(path), "--plot", str(tmp_path / "zones.png"))
    assert code == 0 and "zones of the first layer are exact" in " ".join(out.split())
    code, out, _ = run(capsys, str(path), "--approx", "pwl:4")
    assert code == 0 and "(proved)" in out and "stand in" in out


def test_a_file_that_is_missing_is_a_file_problem(
    net: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for argv in ((net, "--slice", "none.npz"), ("none.npz",), ("none.pt",)):
        code, _, err = run(capsys, *argv)
        assert code == 5 and "no file" in err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--box", "1,2,3"), "four ends"),
        (("--box", "a,b,c,d"), "not understood"),
        (("--box", "1,1,0,2"), "empty"),
        (("--approx", "pwl"), "not understood"),
        (("--out", "regions.txt"), ".json or .npz"),
        (("--plot", "regions.gif"), "png, .svg or .pdf"),
        (("--checkpoints", "none.npz", "--out", "x.json"), "for one network"),
        (("--exact", "--max-regions", "2"), "More than 2"),
    ],
)
def test_what_cannot_be_done_is_refused(
    argv: tuple[str, ...], message: str, net: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, net, *argv)
    assert code == 2 and message in " ".join(err.split()) and not out
