"""Machine arithmetic: the order of floats, the bound of the truth, resuming, every member in 16 bits."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from rescu_cli import api, catalogue
from rescu_cli.core.edges import every_value, float_format
from rescu_cli.core.reference import Reference
from rescu_cli.errors import ExitCode, StoreError, UnknownNameError
from rescu_cli.export import emit
from rescu_cli.export.machine import MachineReport, check_machine
from rescu_cli.export.machine.bounded import Evaluator
from rescu_cli.export.machine.order import first_key_right_of, floats, key, n_keys, patterns
from rescu_cli.export.machine.truth import QUANTITIES, Truth, _formulas
from tests.cli.conftest import Run
from tests.cli.conftest import rescu as rescu  # reason: the fixture that runs the program

LINE = [("value", -math.inf, math.inf, 1), ("gradient", -math.inf, math.inf, 1)]
FLOAT32 = float_format("float32")


# -- the order of floats ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_keys_run_through_every_float_once_in_order(name: str) -> None:
    kind = float_format(name)
    bits = patterns(kind, 0, n_keys(kind))
    assert len(np.unique(bits)) == 65536
    with np.errstate(invalid="ignore"):  # signalling NaNs
        values = floats(kind, bits).astype(np.float64)
    numbers = values[~np.isnan(values)]
    assert numbers.tolist() == sorted(v for v in every_value(name) if not math.isnan(v))
    assert np.isnan(values[0]) and np.isnan(values[-1])


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_key_is_the_inverse_of_patterns(name: str) -> None:
    kind = float_format(name)
    for x in (
        -math.inf,
        -kind.largest,
        -1.0,
        -kind.smallest,
        -0.0,
        0.0,
        kind.smallest,
        1.5,
        math.inf,
    ):
        at = key(kind, x)
        found = float(floats(kind, patterns(kind, at, at + 1))[0])
        assert found == x and math.copysign(1, found) == math.copysign(1, x)


def test_a_joint_belongs_to_the_piece_that_owns_it() -> None:
    joint = catalogue.resolve("smelu:beta=0.5").breakpoints[0]
    here = key(FLOAT32, -0.5)
    assert first_key_right_of(FLOAT32, joint, "left") == here + 1
    assert first_key_right_of(FLOAT32, joint, "right") == here


# -- the truth ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", catalogue.names())
def test_the_bound_of_the_vectorised_truth_holds(name: str) -> None:
    """Each formula at seeded points: the reference lies within the bound that was claimed."""
    activation = catalogue.get(name).with_defaults()
    reference = Reference(activation)
    random = np.random.default_rng(5)
    points = np.sort(random.choice([-1, 1], 60) * 2.0 ** random.uniform(-30, 8, 60))
    for i, piece in enumerate(activation.pieces):
        low, high = float(piece.lower), float(piece.upper)
        inside = points[(points > low) & (points < high)]
        for what in QUANTITIES:
            exact = np.array([reference(x, what) for x in inside.tolist()])
            for formula in _formulas(activation, i, what):
                for run in (inside, inside[inside > 1], inside[inside < -1]):
                    for flat in (False, True):
                        if run.size == 0:
                            continue
                        found = Evaluator(run, flat=flat)(formula)
                        error = np.broadcast_to(found.error, run.shape)
                        values = np.broadcast_to(found.values, run.shape)
                        near = exact[np.isin(inside, run)]
                        sure = np.isfinite(error)
                        room = error[sure] + 2.0**-53 * np.abs(near[sure])
                        assert (np.abs(values[sure] - near[sure]) <= room).all()


def test_the_truth_is_watched() -> None:
    """A formula that is not the function is noticed by the comparison with the reference."""
    from rescu_cli.core.symbols import X
    from rescu_cli.errors import InternalError

    truth = Truth(catalogue.resolve("swish:k=1"), FLOAT32)
    truth.watch(0.75, "value")
    truth._formulas["value"][0] = [X / 2]
    with pytest.raises(InternalError, match="less accurate than assumed"):
        truth.watch(0.75, "value")


# -- the catalogue ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", catalogue.names())
def test_every_16_bit_input_of_every_activation(name: str, kind: str) -> None:
    """Within one ulp, no spurious NaN or infinity, sign and zero kept."""
    activation = catalogue.get(name).with_defaults()
    report = check_machine(emit(activation, "torch"), kind)
    assert report.ok, report.to_dict()
    assert report.exhaustive and report.n_inputs == 65536
    for quantity in report.quantities.values():
        assert (quantity.worst.ulps or 0) <= 1.02
        assert quantity.excused.n == quantity.unknown.n == 0


@pytest.mark.parametrize(
    "name", ["relu", "smelu", "gsmelu", "rescu_gaussian", "rescu_smootherstep", "softplus",
             "squareplus", "rescu_cosine", "rescu_laplace"]
)  # fmt: skip
def test_16_bit_results_keep_the_order_of_their_inputs(name: str) -> None:
    for kind in ("float16", "bfloat16"):
        report = check_machine(emit(catalogue.get(name).with_defaults(), "torch"), kind, LINE)
        assert all(q.order.violations.n == 0 for q in report.quantities.values())


@pytest.mark.parametrize("name", catalogue.names())
def test_a_subset_of_float32_keeps_the_bounds(name: str) -> None:
    """One in 100,003 of all floats; the figures of all 2³² are in docs/machine.md."""
    activation = catalogue.get(name).with_defaults()
    report = check_machine(emit(activation, "torch"), "float32", keys=range(77, 2**32, 100_003))
    assert report.ok, report.to_dict()
    assert not report.exhaustive and "Not exhaustive" in report.notes[-1]


@pytest.mark.parametrize("text", ["smelu", "smelu:beta=0.1", "smelu:beta=3"])
def test_smelu_never_falls_between_neighbouring_floats(text: str) -> None:
    """max(x, w²/(4β)) rises whatever is rounded; relu plus a falling bump did not, next to 0."""
    artifact = emit(catalogue.resolve(text).with_defaults(), "torch")
    for x in (2.0**-25, -(2.0**-25), 0.05, -0.0999):
        middle = key(FLOAT32, x)
        report = check_machine(
            artifact, "float32", LINE, keys=range(middle - 2**18, middle + 2**18)
        )
        assert all(q.order.violations.n == 0 for q in report.quantities.values())
        assert all(q.order.allowed == 0 for q in report.quantities.values())


def test_numpy_code_is_checked_too() -> None:
    report = check_machine(emit(catalogue.resolve("gelu:k=1"), "numpy"), "float16")
    assert report.ok and report.target == "numpy"


def test_float64_is_a_sample_and_says_so() -> None:
    report = check_machine(emit(catalogue.get("relu"), "torch"), "float64", LINE)
    assert report.ok and not report.exhaustive
    assert any("seeded sample" in note for note in report.notes)


# -- resuming -----------------------------------------------------------------------------------


def interrupted(after: int):  # type: ignore[no-untyped-def]
    """A progress function that stops the check, as Ctrl-C would."""
    seen = []

    def progress(done: int, total: int) -> None:
        seen.append(done)
        if len(seen) == after:
            raise KeyboardInterrupt

    return progress


def small(state: Path | None, text: str = "smelu:beta=0.5", **options: object) -> MachineReport:
    artifact = emit(catalogue.resolve(text), "torch")
    middle = key(FLOAT32, 0.25)
    return check_machine(
        artifact, "float32", LINE, keys=range(middle - 2**16, middle + 2**16), block=2**13,
        state=state, **options,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_stopped_check_goes_on_and_reports_the_same(tmp_path: Path) -> None:
    state = tmp_path / "report.json.partial"
    with pytest.raises(KeyboardInterrupt):
        small(state, progress=interrupted(3), workers=2)
    kept = json.loads(state.read_text(encoding="utf-8"))
    assert 3 <= len(kept["blocks"]) < 16
    done: list[int] = []
    resumed = small(state, progress=lambda d, total: done.append(d), workers=1)
    assert len(done) < 16 and done[-1] == 2**17
    assert resumed.to_dict() == small(None).to_dict()
    assert not state.exists()


def test_the_number_of_workers_does_not_change_the_report() -> None:
    assert small(None, workers=1).to_dict() == small(None, workers=3).to_dict()


def test_the_state_of_another_check_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "report.json.partial"
    with pytest.raises(KeyboardInterrupt):
        small(state, progress=interrupted(1))
    with pytest.raises(StoreError, match=r"another check: activation was 'smelu:beta=0\.5'"):
        small(state, "smelu:beta=0.25")
    state.write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match="not the state of a check"):
        small(state)


# -- the command --------------------------------------------------------------------------------


def test_the_command_writes_json_and_leaves_with_0(rescu: Run, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    outcome = rescu("verify", "smelu", "--float", "bfloat16", "--out", str(out), "--json")
    assert outcome.code == ExitCode.DONE
    assert outcome.result == json.loads(out.read_text(encoding="utf-8"))
    assert outcome.result["value"]["monotone"]["checked"]
    assert outcome.result["notes"] == ["Free parameters at their documented defaults: beta=1."]


def test_the_table_names_the_figures(rescu: Run) -> None:
    outcome = rescu("verify", "swish:k=1", "--float", "float16")
    assert outcome.code == ExitCode.DONE
    for text in ("65,536 inputs, every input", "max ulp", "not asked", "agrees"):
        assert text in outcome.out


def test_an_unknown_format_is_a_usage_error(rescu: Run) -> None:
    outcome = rescu("verify", "relu", "--float", "float8")
    assert outcome.code == ExitCode.USAGE and "No float format named 'float8'" in outcome.err
    with pytest.raises(UnknownNameError):
        api.check_floats("relu", "bfloat16", target="numpy")


def test_disagreement_is_exit_status_1(rescu: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    real = emit

    def faulty(*arguments: object) -> object:
        artifact = real(*arguments)  # type: ignore[arg-type]
        text = artifact.text.replace("return value, gradient", "return value, gradient * 1.01")
        return replace(artifact, text=text)

    monkeypatch.setattr("rescu_cli.export.emit", faulty, raising=False)
    outcome = rescu("verify", "smelu:beta=0.5", "--float", "float16")
    assert outcome.code == ExitCode.REFUTED
    assert "DISAGREES" in outcome.out and "The code disagrees" in outcome.err


def test_ctrl_c_is_130_and_says_where_the_work_is(
    rescu: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "report.json"

    def stopped(*_: object) -> None:
        (tmp_path / "report.json.partial").write_text("{}", encoding="utf-8")
        raise KeyboardInterrupt

    monkeypatch.setattr("rescu_cli.api.check_floats", stopped)
    outcome = rescu("verify", "relu", "--float", "float32", "--out", str(out))
    assert outcome.code == ExitCode.INTERRUPTED and "the same command goes on" in outcome.err
