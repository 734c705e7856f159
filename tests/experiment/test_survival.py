"""Runs that are killed, interrupted, doubled or out of space: real processes, real signals."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from rescu_cli.experiment.store import locked

from .processes import DEADLINE, outcome, python, running, wait_for

pytestmark = pytest.mark.slow

STORE = '''
"""Three batches of a store without training, killed at the k-th call that changes the disk."""
import os, signal, sys
from pathlib import Path

import rescu_cli.core.files as files
import rescu_cli.experiment.store as store_module
import tests.experiment.test_store as store_tests
from rescu_cli.experiment.store import RunStore, locked
from tests.experiment.samples import make_dataset, make_spec

CHANGES = ("open", "fdopen", "fsync", "replace")


class Killing:
    """`os`, in which the process ends before the k-th of these calls."""

    def __init__(self, k):
        self.left = k

    def __getattr__(self, name):
        if name in CHANGES:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return getattr(os, name)


def work(folder):
    """Every batch that is missing, two cells each."""
    with locked(folder):
        store = RunStore(folder, make_spec(), make_dataset())
        assert store.repairs == [], store.repairs
        while missing := store.missing():
            store_tests.fill(store, missing[:2])


def finished(folder):
    store = RunStore(folder, make_spec(), make_dataset())
    assert store.repairs == [], store.repairs
    return len(store.records)


def bits(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def killed(folder, k):
    """The number of cells that a process killed at its k-th call leaves; None if it was not."""
    child = os.fork()
    if child == 0:
        files.os = Killing(k)
        work(folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return finished(folder) if os.WIFSIGNALED(status) else None


def records_first(self, records, rows):
    # What a store must not do.
    for record in records:
        self._save(self._record_path(record.id), store_module._record_text(record))
    whole_add(self, records, rows)


root, whole_add = Path(sys.argv[1]), RunStore.add
if sys.argv[2] == "records first":
    RunStore.add = records_first
work(root / "whole")
left = []
for k in range(1000):
    found = killed(root / str(k), k)
    if found is None:
        break
    left.append(found)
    work(root / str(k))
    assert bits(root / str(k)) == bits(root / "whole"), k
# 1 file of the experiment, and for each batch 1 or 2 of predictions and 2 of cells.
assert len(left) == 4 * (1 + 3 + 4 + 3), len(left)
assert left == sorted(left) and left[0] == 0 and left[-1] == 5, left
# Of the running batch, cells may be there one by one; of those before, all.
print("kills:", len(left), "cells left:", sorted(set(left)))
'''


def test_a_kill_at_every_step_of_writing_loses_the_running_batch_at_most(tmp_path: Path) -> None:
    code, text = outcome("-W", "ignore", "-c", STORE, tmp_path, "predictions first")
    assert code == 0, text
    assert "kills: 44 cells left: [0, 1, 2, 3, 4, 5]" in text


def test_a_store_that_writes_records_first_is_found_out(tmp_path: Path) -> None:
    """Control: killed in between, it leaves a record that nothing vouches for."""
    code, text = outcome("-W", "ignore", "-c", STORE, tmp_path, "records first")
    assert code == 1
    assert "is trained again" in text or "is missing" in text


TRAINING = """
import sys
import rescu_cli.experiment.plan as plan
from rescu_cli.experiment import compare

plan.SIZES = (2,)
compare(["relu", "smelu"], data="breast_cancer", epochs=3, hidden=(8,), seeds=6, out=sys.argv[1])
"""


def bits(folder: Path) -> dict[str, bytes]:
    """The table and the predictions."""
    files = [folder / "table.csv", *sorted((folder / "predictions").iterdir())]
    return {path.name: path.read_bytes() for path in files}


def cells(folder: Path) -> int:
    return len(list(folder.glob("cells/*.json")))


def train(folder: Path) -> None:
    code, text = outcome("-c", TRAINING, folder)
    assert code == 0, text


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed: twelve cells."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(folder)
    return folder


def kill_after(folder: Path, number: int) -> None:
    """Trains until so many cells are there, and kills at once."""
    with running("-c", TRAINING, folder) as process:
        wait_for(
            lambda: (
                ((folder / "spec.json").exists() and cells(folder) >= number)
                or process.poll() is not None
            ),
            "cells",
        )


def test_killed_again_and_again_a_run_ends_with_the_same_bits(whole: Path, tmp_path: Path) -> None:
    """Killed from outside, at four moments while it trains and writes."""
    folder, moments = tmp_path / "run", random.Random(20)
    for _ in range(4):
        before = cells(folder)
        kill_after(folder, before + moments.randint(0, 3))
        assert cells(folder) >= before
    train(folder)
    assert bits(folder) == bits(whole)
    assert cells(folder) == 12


def test_bits_are_compared_strictly(whole: Path, tmp_path: Path) -> None:
    """Control: one digit of the table, one bit of the predictions."""
    for name in ("table.csv", "predictions/relu.npz"):
        other = tmp_path / name
        shutil.copytree(whole, other)
        data = bytearray((other / name).read_bytes())
        data[len(data) // 2] ^= 1
        (other / name).write_bytes(data)
        assert bits(other) != bits(whole)


def test_damaged_files_are_trained_again_to_the_same_bits(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    for path in (
        folder / "spec.json",
        next((folder / "cells").iterdir()),
        folder / "predictions" / "relu.npz",
        folder / "table.csv",
    ):
        path.write_bytes(path.read_bytes()[:-60])
    train(folder)
    aside = list(folder.rglob("*.damaged"))
    assert {path.name.split(".", 1)[1] for path in aside} >= {"npz.damaged", "json.damaged"}
    for path in aside:
        path.unlink()
    assert bits(folder) == bits(whole)
    assert cells(folder) == 12


PROGRAM = '''
"""The program as it is started from the shell, which stops to wait in its second batch."""
import signal, sys
import rescu_cli.experiment.plan as plan
import rescu_cli.experiment.work as work
from rescu_cli.cli.app import run

signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored, however this was started
plan.SIZES = (2,)
original, batches = work.train_batch, []

def stop(*_):
    print("in the second batch", flush=True)
    signal.pause()

def held(*arguments):
    batches.append(arguments)
    if len(batches) == 2:
        arguments = [stop if callable(one) else one for one in arguments]
    return original(*arguments)

if sys.argv.pop() == "wait":
    work.train_batch = held
run()
'''
COMMAND = ("compare", "relu", "smelu", "--seeds", "6", "--epochs", "3", "--width", "8", "--depth",
           "1", "--data", "breast_cancer", "--out")  # fmt: skip


def test_an_interrupt_ends_with_130_and_the_state_saved(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arguments = ("-c", PROGRAM, *COMMAND, folder)
    process = python(*arguments, "wait", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the second batch\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert cells(folder) == 2
    code, text = outcome(*arguments, "go on")
    assert code == 0, text
    assert bits(folder) == bits(whole)


def test_without_an_interrupt_the_same_program_ends_with_0(whole: Path, tmp_path: Path) -> None:
    """Control: the options of the shell are those of the undisturbed run."""
    code, text = outcome("-c", PROGRAM, *COMMAND, tmp_path / "run", "go on")
    assert code == 0, text
    assert bits(tmp_path / "run") == bits(whole)


HOLDER = """
import sys
from pathlib import Path
from rescu_cli.experiment.store import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_gone(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with running("-c", HOLDER, folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        code, text = outcome("-m", "rescu_cli", *COMMAND, folder)
        assert code == 5
        assert "Another process is working in" in text
        assert sorted(path.name for path in folder.iterdir()) == [".lock"]
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with locked(folder):
        pass
    train(folder)
    assert bits(folder) == bits(whole)


def test_of_two_processes_started_together_one_works_or_both_in_turn(
    whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with (
        running("-c", TRAINING, folder, stderr=subprocess.PIPE) as one,
        running("-c", TRAINING, folder, stderr=subprocess.PIPE) as other,
    ):
        said = [process.communicate(timeout=DEADLINE)[1] for process in (one, other)]
        codes = [one.returncode, other.returncode]
    assert 0 in codes
    for code, text in zip(codes, said, strict=True):
        assert code == 0 or "Another process is working in" in text
    assert bits(folder) == bits(whole)


FULL = """
import resource, sys
import rescu_cli.experiment.plan as plan
from rescu_cli.cli.app import run

# A file may not grow further than the predictions of two seeds: writing those of a third fails.
plan.SIZES = (2,)
size = int(sys.argv.pop())
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
run()
"""


def test_no_more_space_is_a_clear_error_and_earlier_cells_are_kept(
    whole: Path, tmp_path: Path
) -> None:
    """The system itself refuses to write, in the middle of a file."""
    folder = tmp_path / "run"
    size = (whole / "predictions" / "relu.npz").stat().st_size * 3 // 4
    code, text = outcome("-c", FULL, *COMMAND, folder, str(size))
    assert code == 5, text
    said = " ".join(text.split())
    assert "Cannot write" in said
    assert "File too large" in said
    assert "same command again" in said
    assert 2 <= cells(folder) < 12
    assert not list(folder.rglob(".*~"))
    train(folder)
    assert not list(folder.rglob("*.damaged"))
    assert bits(folder) == bits(whole)
