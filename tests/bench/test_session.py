"""A whole benchmark: who takes part, what is reported, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rescu_cli import catalogue
from rescu_cli.bench import BenchReport, benchmark
from rescu_cli.bench.contestants import contestants, native_peer
from rescu_cli.bench.measure import AbstractClock
from rescu_cli.catalogue.table import TABLE
from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.export import torch_functions
from rescu_cli.plot.bench import plot_bench
from rescu_cli.plot.output import figure_bytes

PEERS = ("relu", "leaky_relu:alpha=0.2", "swish", "hard_swish", "gelu", "gelu_tanh", "mish",
         "elu:alpha=2", "celu:alpha=0.5", "selu", "softplus:k=2", "tanh", "sigmoid")  # fmt: skip


class Counting(AbstractClock):
    """Each sample takes one second more than the one before."""

    def __init__(self) -> None:
        self.now = 0

    def seconds(self, run: Callable[[], object], calls: int) -> float:
        run()
        self.now += 1
        return float(self.now)


@pytest.fixture
def told() -> BenchReport:
    return benchmark(["swish", "smelu:beta=1"], size=100, rounds=3, modes=["native", "eager"],
                     clock=Counting())  # fmt: skip


def test_the_rows_and_their_bytes(told: BenchReport) -> None:
    assert [(r.activation, r.mode) for r in told.rows] == [
        ("swish:k=1", "native"), ("swish:k=1", "eager"), ("smelu:beta=1", "eager")]  # fmt: skip
    for row in told.rows:
        assert row.timing("forward").n_bytes == 2 * 100 * 4
        assert row.timing("forward_backward").n_bytes == 5 * 100 * 4
        assert row.saved_bytes == 400
        assert len(row.timing("forward").samples) == 3
    assert told.copy.n_bytes == told.clone.n_bytes == 2 * 100 * 4


def test_samples_of_a_round_are_neighbours(told: BenchReport) -> None:
    """Eight tasks: samples of the same round lie at most eight ticks apart."""
    timings = [told.copy, told.clone] + [
        r.timing(w) for r in told.rows for w in ("forward", "forward_backward")
    ]
    for round_ in zip(*(t.samples for t in timings), strict=True):
        assert max(round_) - min(round_) == len(timings) - 1


def test_ratios_come_from_the_rounds(told: BenchReport) -> None:
    one, other = ("swish:k=1", "eager"), ("swish:k=1", "native")
    pairs = zip(told.row(*one).timing("forward").samples,
                told.row(*other).timing("forward").samples, strict=True)  # fmt: skip
    expected = sorted(a / b for a, b in pairs)[1]
    assert told.ratio(one, other, "forward") == expected
    rows = told.to_dict()["rows"]
    assert rows[1]["forward"]["to_native"] == expected
    assert rows[0]["forward"]["to_native"] == 1
    assert rows[2]["forward"]["to_native"] is None  # torch has no SmeLU
    with pytest.raises(UsageError, match="did not take part"):
        told.row("relu", "eager")


def test_the_document_is_plain_json_in_full_precision(told: BenchReport) -> None:
    found = told.to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {"device", "processor", "threads", "torch", "dtype", "size", "rounds", "load", "copy",
            "clone", "rows"} == set(found)  # fmt: skip
    row = found["rows"][0]
    assert row["saved"] == {
        "bytes": 400, "per_element": 4.0,
        "tensors": [{"which": "input", "dtype": "float32", "shape": [100], "bytes": 400}],
    }  # fmt: skip
    assert row["forward"]["of_copy"] == pytest.approx(
        row["forward"]["bandwidth"] / found["copy"]["bandwidth"]
    )


@pytest.mark.parametrize("spec", PEERS)
def test_the_native_peer_computes_the_same(spec: str) -> None:
    activation = catalogue.resolve(spec).with_defaults()
    native = native_peer(activation)
    assert native is not None
    x = torch.linspace(-6, 6, 241, dtype=torch.float64)
    torch.testing.assert_close(
        native(x), torch_functions(activation).value(x), rtol=1e-8, atol=1e-9
    )


def test_no_peer_is_left_out_and_none_is_made_up() -> None:
    with_peer = {spec.partition(":")[0] for spec in PEERS}
    for name in TABLE:
        found = native_peer(catalogue.get(name).with_defaults())
        assert (found is not None) == (name in with_peer), name
    assert native_peer(catalogue.resolve("swish:k=2")) is None
    assert native_peer(catalogue.resolve("gelu:k=2")) is None


def test_a_users_function_called_relu_has_no_peer() -> None:
    import rescu_cli as rescu

    other = rescu.derive("piecewise-linear", beta=1, name="relu").activation
    assert other.name == "relu"
    assert native_peer(other) is None


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*should not be instantiated.*:DeprecationWarning")
def test_compiled_code_keeps_one_tensor_and_other_sizes_compile_again() -> None:
    """More shapes in one process than the compiler allows for one code object."""
    (compiled,) = contestants(["smelu:beta=1"], ["compiled"])
    x = torch.linspace(-2, 2, 64, requires_grad=True)
    expected = torch_functions(catalogue.resolve("smelu:beta=1")).value(x.detach())
    torch.testing.assert_close(compiled.function(x).detach(), expected)
    for dtype in ("float32", "bfloat16"):
        (row,) = benchmark(["smelu:beta=1"], dtype=dtype, size=256, rounds=1, modes=["compiled"],
                           clock=Counting()).rows  # fmt: skip
        assert row.failed is None
        assert [(s.which, s.dtype) for s in row.saved] == [("input", dtype)]


def test_a_contestant_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("import torch\ndef act(x):\n    return x * torch.sigmoid(x)\n")
    report = benchmark([f"{path}:act"], size=100, rounds=1, clock=Counting())
    (row,) = report.rows
    assert (row.activation, row.mode, len(row.saved)) == (f"{path}:act", "eager", 2)
    assert row.saved_bytes == 800


def test_a_contestant_that_raises_is_reported_and_the_others_measured(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def act(x):\n    raise ValueError('not today')\n")
    report = benchmark([f"{path}:act", "relu"], size=10, rounds=1, modes=["eager"],
                       clock=Counting())  # fmt: skip
    assert report.rows[0].failed == "ValueError: not today"
    assert report.rows[1].failed is None
    assert report.to_dict()["rows"][0]["forward"] is None
    with pytest.raises(UsageError, match="not today"):
        report.rows[0].timing("forward")


def test_threads_are_as_asked_and_put_back() -> None:
    before = torch.get_num_threads()
    assert benchmark(["relu"], size=10, rounds=1, modes=["native"], threads=1,
                     clock=Counting()).threads == 1  # fmt: skip
    assert torch.get_num_threads() == before


def test_what_is_refused() -> None:
    for options, error, words in (
        ({"dtype": "int8"}, UnknownNameError, "dtype"),
        ({"device": "tpu"}, UnknownNameError, "device"),
        ({"modes": ["jitted"]}, UnknownNameError, "mode"),
        ({"size": 0}, UsageError, "size must be at least 1; found 0"),
        ({"threads": 0}, UsageError, "threads"),
        ({"rounds": -1}, UsageError, "rounds"),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            benchmark(["relu"], **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Nothing to measure"):
        benchmark([])
    with pytest.raises(UsageError, match="named twice"):
        benchmark(["swish", "silu"], modes=["eager"])
    with pytest.raises(UsageError, match="no function of its own for smelu"):
        benchmark(["smelu"], modes=["native"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(UsageError, match="finds no CUDA device here; use '--device cpu'"):
        benchmark(["relu"], device="cuda")


def test_the_figure_has_a_bar_per_row_and_the_copies(told: BenchReport) -> None:
    result = told.to_dict()
    figure = plot_bench(result)
    for axes, what in zip(figure.axes, ("forward", "forward_backward"), strict=True):
        bars = {p.get_gid(): p.get_width() for p in axes.patches}
        assert len(bars) == 3
        for row in result["rows"]:
            width = bars[f"bar-{row['activation']}-{row['mode']}-{what}"]
            assert width == pytest.approx(row[what]["bandwidth"] / 1e9)
        lines = {line.get_gid(): line.get_xdata()[0] for line in axes.lines if line.get_gid()}
        assert lines["copy-" + what] == pytest.approx(result["copy"]["bandwidth"] / 1e9)
        assert "clone-" + what in lines
    assert figure_bytes(figure, "svg").startswith(b"<?xml")


def test_nothing_measured_is_no_figure(told: BenchReport) -> None:
    with pytest.raises(UsageError, match="Nothing to draw"):
        plot_bench({**told.to_dict(), "rows": []})
