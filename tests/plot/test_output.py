"""Figures as bytes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from rescu_cli import catalogue
from rescu_cli.errors import UsageError
from rescu_cli.plot import FORMATS, figure_bytes, plot_activations, plot_sweep
from rescu_cli.plot.curves import ORDER_LABELS

ROOT = Path(__file__).parents[2]
MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


def drawn(file_format: str) -> bytes:
    activations = [catalogue.resolve(t) for t in ("relu", "smelu:beta=2")]
    return figure_bytes(plot_activations(activations, derivatives=2), file_format)


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_same_figure_gives_the_same_bytes(file_format: str) -> None:
    first = drawn(file_format)
    assert first.startswith(MAGIC[file_format])
    assert first == drawn(file_format)


def test_layouts_with_a_colour_bar_are_deterministic_too() -> None:
    first, *others = (
        figure_bytes(plot_sweep(catalogue.get("smelu"), "beta", (0.5, 1, 2)), "svg")
        for _ in range(4)
    )
    assert all(other == first for other in others)


def test_a_written_figure_can_still_be_laid_out_anew() -> None:
    figure = plot_activations([catalogue.resolve("relu")])
    figure_bytes(figure, "png")
    before = figure.axes[0].get_position().width
    figure.axes[0].set_ylabel("two\nlines\nor three")
    figure.draw_without_rendering()
    assert figure.axes[0].get_position().width < before - 0.03


@pytest.mark.parametrize("file_format", FORMATS)
def test_one_figure_can_be_written_twice(file_format: str) -> None:
    figure = plot_activations([catalogue.resolve("relu")])
    assert figure_bytes(figure, file_format) == figure_bytes(figure, file_format)


def test_svg_text_is_text() -> None:
    root = ElementTree.fromstring(drawn("svg"))
    texts = {"".join(e.itertext()).strip() for e in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"ReLU", "SmeLU β=2", "impulse (δ)", *ORDER_LABELS[:3], "x", "−4", "1.0"} <= texts
    families = set(re.findall(r'font-family: ([^;"]*)', drawn("svg").decode()))
    assert families == {"'DejaVu Sans', sans-serif"}


def test_svg_strokes_can_be_found_by_name() -> None:
    names = set(re.findall(r'id="(curve-[\d-]+)"', drawn("svg").decode()))
    assert {"curve-0-1-0", "curve-0-1-1"} <= names  # ReLU's gradient: two strokes
    assert "curve-0-0-1" not in names


def test_files_carry_no_date_and_pdf_fonts_are_truetype() -> None:
    assert b"<dc:date>" not in drawn("svg")
    pdf = drawn("pdf")
    assert b"CreationDate" not in pdf
    assert b"/CIDFontType2" in pdf or b"/TrueType" in pdf
    assert b"/Type3" not in pdf


def test_a_title_goes_into_the_metadata() -> None:
    figure = plot_activations([catalogue.resolve("relu")])
    assert b"<dc:title>ReLU</dc:title>" in figure_bytes(figure, "svg", title="ReLU")


def test_format_names_are_forgiving_but_checked() -> None:
    figure = plot_activations([catalogue.resolve("relu")])
    assert figure_bytes(figure, ".PNG").startswith(MAGIC["png"])
    with pytest.raises(UsageError, match="'bmp'; choose png, svg, pdf"):
        figure_bytes(figure, "bmp")


def test_writing_leaves_the_users_settings_alone() -> None:
    with matplotlib.rc_context({"svg.fonttype": "path", "savefig.dpi": 51}):
        before = dict(matplotlib.rcParams.copy())
        drawn("svg")
        assert dict(matplotlib.rcParams.copy()) == before


def test_importing_the_package_loads_no_matplotlib_and_drawing_no_pyplot() -> None:
    code = (
        "import sys, rescu_cli.plot as p\n"
        "assert not {'matplotlib', 'torch'} & set(sys.modules)\n"
        "from rescu_cli import catalogue\n"
        "p.figure_bytes(p.plot_activations([catalogue.resolve('relu')]), 'svg')\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules\n"
        "entry = {'activation': 'relu', 'accuracy': {'mean': .9, 'ci': None}, 'loss': {'mean': 1,\n"
        "         'ci': None}, 'pd': {'pd_l1': {'value': .1, 'ci': None, 'n_models': 2}}}\n"
        "p.figure_bytes(p.plot_tradeoff([entry]), 'png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_unknown_names_of_the_package_are_attribute_errors() -> None:
    import rescu_cli.plot

    with pytest.raises(AttributeError, match="plot_everything"):
        rescu_cli.plot.plot_everything  # noqa: B018
    assert set(rescu_cli.plot.__all__) <= set(dir(rescu_cli.plot))
    for name in rescu_cli.plot.__all__:
        assert getattr(rescu_cli.plot, name) is not None
