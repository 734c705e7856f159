"""The report page: self-contained, well formed, truthful in words, and deaf to markup in names."""

from __future__ import annotations

import json
import shlex
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rescu_cli import api
from rescu_cli.cli.app import main
from rescu_cli.errors import StoreError
from rescu_cli.experiment import comparison
from rescu_cli.experiment.command import beyond_the_command_line, command_line
from rescu_cli.experiment.page import render_page
from rescu_cli.experiment.page.figures import inline_figure
from rescu_cli.experiment.page.material import load_disagreement
from rescu_cli.experiment.page.pictures import draw_examples, png
from rescu_cli.experiment.page.summary import summary
from rescu_cli.experiment.page.tables import breakable, written, written_p
from rescu_cli.plot import figure_bytes
from rescu_cli.plot.training import has_training, plot_training
from tests.browser.sample import EVIL, make_material, make_page, make_result

from .samples import make_dataset


class Checker(HTMLParser):
    """Collects tags, ids, text and whatever would be fetched."""

    VOID = frozenset({"meta", "br", "img", "wbr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        for key, value in attrs:
            inside = (value or "").startswith(("#", "data:"))
            if key in ("src", "href", "xlink:href") and not inside:
                self.fetched.append(value or "")
            if key == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


# -- the document -----------------------------------------------------------------------------


def test_the_page_is_well_formed_and_fetches_nothing() -> None:
    checker = Checker(make_page())
    assert checker.open == []
    assert checker.fetched == []
    assert len(set(checker.ids)) == len(checker.ids)
    assert checker.seen.count("script") == 1
    assert checker.seen.count("table") >= 5
    assert checker.seen.count("figure") == 2
    assert "0.9000" in checker.text
    assert "a < b & c" in checker.text


def test_the_checker_sees_faults() -> None:
    """Negative control."""
    with pytest.raises(AssertionError):
        Checker("<p><b></p></b>")
    assert Checker('<img src="https://example.org/x.png">').fetched
    assert Checker("<p>").open == ["p"]


def test_names_break_between_parameters() -> None:
    """In tables, where columns are narrow; the break is no part of the name, and no way in."""
    assert breakable("gsmelu:alpha=1,beta=2") == "gsmelu:<wbr>alpha=1,<wbr>beta=2"
    assert breakable("<b>,&") == "&lt;b&gt;,<wbr>&amp;"
    page = make_page()
    assert page.count("smelu:<wbr>beta=0.5") >= 4
    assert "smelu:beta=0.5" in Checker(page).text


def test_names_cannot_become_markup() -> None:
    page = make_page()
    assert EVIL not in page
    assert "&lt;img src=x" in page


@pytest.mark.parametrize(("key", "shown"), [("accuracy", "accuracy"), ("r2", "R²"), ("auc", "AUC")])
def test_every_score_has_its_name(key: str, shown: str) -> None:
    text = Checker(render_page(make_result(key), "1.0")).text
    assert f"no difference in {shown} shown" in text
    assert f"{shown[0].upper()}{shown[1:]}, loss, prediction difference" in text


def test_what_is_missing_is_left_out() -> None:
    result = make_result(curves=False, n=1)
    result["activations"][0]["pd"]["pd_l1"]["value"] = None
    checker = Checker(render_page(result, "1.0"))
    assert checker.open == []
    assert "One activation: nothing to compare." in checker.text
    assert "–" in checker.text
    assert not {"training", "flips", "environment"} & set(checker.ids)
    assert not has_training(result["activations"])


# -- the summary ------------------------------------------------------------------------------


def test_the_verdict_comes_first() -> None:
    text = Checker(summary(make_result())).text
    lead = text.removeprefix("In short")
    assert lead.startswith("smelu:beta=0.5 has a lower prediction difference than relu.")
    assert "No difference in accuracy from relu was shown." in lead
    assert "−0.0100 [−0.0200, −0.0003], p\xa0<\xa00.0001" in text


def test_no_difference_is_said_plainly_with_what_more_seeds_would_do() -> None:
    result = make_result()
    for one in result["comparisons"]:
        one["verdict"] = "no difference shown"
    text = Checker(summary(result)).text
    assert "No difference from relu was shown, in prediction difference or accuracy." in text
    assert "does not mean equal" in text
    assert "'--seeds 12'" in text
    assert "lower" not in text
    assert "higher" not in text


def test_equivalence_and_a_missing_test_are_said() -> None:
    result = make_result(n=2)
    one = next(c for c in result["comparisons"] if c["metric"] == "accuracy")
    one["equivalence"] = {"p": 0.5, "margin": 0.01, "equivalent": False}
    one["p_adjusted"] = None
    text = Checker(summary(result)).text
    assert "no test possible, equivalence within ±0.01 not shown" in text
    one["equivalence"]["equivalent"] = True
    assert "equivalence within ±0.01." in Checker(summary(result)).text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0000"), (-0.25, "−0.2500"), (0.0003, "0.0003"), (3e-6, "3.0e−06"), (2e7, "2.0e+07")],
)
def test_numbers_are_written(value: float, text: str) -> None:
    assert written(value) == text
    assert written_p(0.0316) == "0.032"


# -- figures and pictures ---------------------------------------------------------------------


def test_drawings_take_the_pages_colours_and_ids() -> None:
    rows = make_result()["activations"]
    svg = figure_bytes(plot_training(rows), "svg").decode()
    html = inline_figure(svg, "here", "a <label>")
    assert "#0072b2" in svg
    assert "#0072b2" not in html
    assert "var(--c1)" in html
    clip = html.partition("url(#")[2].partition(")")[0]
    assert clip.startswith("here-")
    assert html.count(f'id="{clip}"') == 1
    assert "figure_1" not in html
    assert "<metadata" not in html
    assert 'aria-label="a &lt;label&gt;"' in html


def test_bands_reach_from_the_lowest_seed_to_the_highest() -> None:
    row = {"activation": "relu", "curves": {"train_loss": [[4.0, 1.0], None, [2.0, 3.0]]}}
    (axes,) = plot_training([row]).axes
    (line,) = [one for one in axes.lines if one.get_gid() == "mean-0"]
    assert list(line.get_ydata()) == [3.0, 2.0]
    (band,) = axes.collections
    ends = band.get_paths()[0].vertices
    assert {tuple(v) for v in ends} >= {(1, 2), (1, 4), (2, 1), (2, 3)}


def test_a_png_is_what_was_drawn() -> None:
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    data = png(grey)
    assert data.startswith(b"\x89PNG")
    place = data.index(b"IDAT")
    size = int.from_bytes(data[place - 4 : place], "big")
    assert zlib.decompress(data[place + 4 : place + 4 + size]) == b"\0\0\1\2\0\3\4\5"


def test_signals_are_lines_and_tables_have_no_picture() -> None:
    dataset = make_dataset(n_features=6)
    assert draw_examples(dataset, [0]) == {}
    assert "<polyline" in make_material(make_result(), (1, 6)).pictures.popitem()[1]  # type: ignore[attr-defined]
    assert 'src="data:image/png' in make_material(make_result()).pictures.popitem()[1]  # type: ignore[attr-defined]


# -- the command line -------------------------------------------------------------------------


class _Seen(BaseException):
    """Carries the experiment out of the program before anything is trained."""


def parsed(command: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The experiment that the program makes of a command line."""

    def stop(folder: Path, spec: Any, dataset: Any) -> None:
        raise _Seen(spec.to_dict())

    monkeypatch.setattr(comparison, "RunStore", stop)
    words = shlex.split(command)
    assert words[0] == "rescu"
    with pytest.raises(_Seen) as seen:
        main(words[1:])
    found: dict[str, Any] = seen.value.args[0]
    return found


COMMANDS = [
    "rescu compare relu --data digits --seeds 5",
    "rescu compare relu smelu:beta=1/2 --data breast_cancer --seeds 3 --epochs 2 --lr 0.003 --batch-size 32",
    "rescu compare relu silu --data digits --seeds 2 --width 32 --depth 3 --norm layer --init default",
    "rescu compare relu silu --data digits --seeds 2 --baseline silu --vary order --dropout 0.25",
    "rescu compare relu --data digits --seeds 2 --vary none --optimizer adagrad --model cnn",
    "rescu compare relu --data ctr:n=4000 --seeds 2 --model ctr --epochs 2",
    "rescu compare gsmelu:alpha=0.3,beta=2,g_minus=0.1,g_plus=1 --data spirals --seeds 2",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_asks_for_the_same_experiment(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = parsed(command, monkeypatch)
    again = command_line(spec)
    assert parsed(again, monkeypatch) == spec
    assert beyond_the_command_line(spec) == []
    assert len(shlex.split(again)) <= len(shlex.split(command))


@pytest.mark.parametrize("field", ["epochs", "norm", "vary", "batch_size", "hidden", "init"])
def test_an_option_left_out_would_be_seen(
    field: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Negative control: a changed field gives another command, which gives another experiment."""
    monkeypatch.chdir(tmp_path)
    spec = parsed(COMMANDS[0], monkeypatch)
    other = {"epochs": 7, "norm": "layer", "vary": ["order"], "batch_size": 8, "hidden": [9],
             "init": "default"}[field]  # fmt: skip
    changed = {**spec, field: other}
    assert parsed(command_line(changed), monkeypatch) == changed
    assert parsed(command_line(spec), monkeypatch) != changed


def test_what_no_option_says_is_said() -> None:
    spec = make_result()["spec"]
    spec |= {
        "seeds": [3, 5],
        "hidden": [7, 9],
        "dtype": "float64",
        "data": "my.csv",
        "validation": True,
    }
    spec["activations"] = [{**spec["activations"][0], "spec": "mine", "lr": 0.01}]
    spec["baseline"] = "mine"
    command = command_line(spec, margin=0.5)
    assert command.endswith("--tune lr=0.01 --match loss --margin 0.5")
    told = " ".join(beyond_the_command_line(spec))
    for part in ("3, 5", "7, 9", "float64", "--label", "--tune", "mine"):
        assert part in told


# -- the run directory ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    api.compare(["relu", "smelu:beta=1"], seeds=3, epochs=1, out=folder)
    return folder


def test_a_run_has_its_page(run: Path) -> None:
    checker = Checker((run / "report.html").read_text())
    assert checker.open == []
    assert {"training", "flips", "environment", "reproduce", "formulas"} <= set(checker.ids)
    assert "rescu compare relu smelu:beta=1 --data digits --seeds 3 --epochs 1" in checker.text
    assert "test examples are predicted alike by all 6 models" in checker.text
    assert checker.seen.count("img") > 5
    stored = json.loads((run / "result.json").read_text())
    assert stored["schema"] == 1
    assert {"python", "torch", "numpy", "rescu", "platform", "threads"} <= set(
        stored["environment"]
    )


def test_the_page_can_be_drawn_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    assert (run / "report.html").read_bytes() == before
    assert main(["report", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == {"path": str(run / "report.html")}


@pytest.mark.parametrize("text", [None, "{", "[]", '{"schema": 99}'])
def test_a_folder_without_a_result_is_refused(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    with pytest.raises(StoreError, match="rescu compare"):
        api.report_page(tmp_path)
    assert main(["report", str(tmp_path)]) == 5
    assert not (tmp_path / "report.html").exists()


def test_predictions_that_do_not_fit_the_result_are_refused(run: Path, tmp_path: Path) -> None:
    document = json.loads((run / "result.json").read_text())
    (tmp_path / "result.json").write_text(json.dumps(document))
    with pytest.raises(StoreError, match="relu"):
        api.report_page(tmp_path)


def test_changed_data_gives_no_wrong_pictures(run: Path, tmp_path: Path) -> None:
    document = json.loads((run / "result.json").read_text())
    document["result"]["spec"]["data_digest"] = "0" * 64
    (tmp_path / "result.json").write_text(json.dumps(document))
    (tmp_path / "predictions").symlink_to(run / "predictions")
    page = Checker(api.report_page(tmp_path).read_text())
    assert "the data has changed" in page.text
    assert "img" not in page.seen


def test_a_model_that_diverged_has_no_vote(tmp_path: Path) -> None:
    result = make_result(n=1)
    result["activations"][0]["accuracy"]["per_seed"] = [0.5, None, 0.5]
    (tmp_path / "predictions").mkdir()
    p = np.eye(3)[[[0, 1], [2, 2], [0, 2]]]
    p[1] = np.nan
    arrays = {"predictions": p, "labels": np.array([0, 1]), "example_ids": np.array([4, 5])}
    np.savez(tmp_path / "predictions" / "s0.npz", seeds=np.array([0, 1, 2]), **arrays)
    found = load_disagreement(tmp_path, result)
    assert found is not None
    assert (found.n_models, found.alike) == (2, 0.5)
    assert [flip.example_id for flip in found.flips] == ["5"]
    np.savez(tmp_path / "predictions" / "s0.npz", seeds=np.array([0, 1, 7]), **arrays)
    with pytest.raises(StoreError, match="1 of the 2 models"):
        load_disagreement(tmp_path, result)
    np.savez(tmp_path / "predictions" / "s0.npz", **arrays)
    with pytest.raises(StoreError, match="no array seeds"):
        load_disagreement(tmp_path, result)


def test_a_regression_has_no_votes(tmp_path: Path) -> None:
    assert load_disagreement(tmp_path, make_result("r2")) is None


def test_divisions_of_the_data_have_a_section_and_a_place_in_the_command() -> None:
    result = dict(make_result())
    assert 'id="divisions"' not in render_page(result, "1")
    result["splits"] = {
        "run_dirs": ["a", "a/split-1"],
        "values": {},
        "differences": [
            {
                "a": "smelu:beta=1", "b": "relu", "metric": "pd_l1", "per_split": [-0.01, None],
                "mean": None, "ci": None, "n_lower": 1,
            },
            {
                "a": "<b>", "b": "relu", "metric": "loss", "per_split": [-0.25, -0.75],
                "mean": -0.5, "ci": [-0.9, -0.1], "n_lower": 2,
            },
        ],
    }  # fmt: skip
    page = render_page(result, "1")
    assert 'id="divisions"' in page and "On 2 divisions" in page
    assert "−0.7500" in page and "[−0.9000, −0.1000]" in page and "<b>" not in page
    assert "--splits 2" in page
