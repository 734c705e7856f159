"""Whole-process times of this program beside ordinary ways to do the same; prints a table.

    python benchmarks/run.py [--seeds 20] [--repeat 3] [--jax-python PATH]

Every line is a fresh process, imports and compilation included. The rounds alternate between the
programs, so that a machine that is busy for a while does not fall on one of them, and the best
round counts. CPU time is printed too: it depends less on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
OURS = """
import sys
from rescu_cli.experiment import compare
report = compare(["relu", "smelu", "swish"], seeds=int(sys.argv[1]), out=sys.argv[2], resume=False)
for one in report.activations:
    accuracy, pd = one.score.mean, one.pd["pd_l1"].value
    print(f"{one.activation}: accuracy {accuracy:.4f}, pd_l1 {pd:.4f}")
"""


@dataclass
class Program:
    """One line of the table; the first of a section is what the others are divided by."""

    name: str
    command: list[str]
    one_thread: bool = False
    wall: float = float("inf")
    cpu: float = float("inf")
    output: str = ""


def run_once(program: Program, folder: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    if program.one_thread:
        environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        program.command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{program.name} failed:\n{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    program.wall, program.cpu = min(program.wall, wall), min(program.cpu, cpu)
    program.output = done.stdout


def measure(title: str, programs: list[Program], repeat: int, *, show: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeat):
            for program in programs:
                run_once(program, folder)
    ours = programs[0]
    print(f"\n{title} (best of {repeat}, {os.cpu_count()} cores)")
    print(f"{'':34}{'wall s':>9}{'ratio':>8}{'CPU s':>9}{'ratio':>8}")
    for one in programs:
        print(
            f"{one.name:34}{one.wall:9.2f}{one.wall / ours.wall:8.2f}"
            f"{one.cpu:9.2f}{one.cpu / ours.cpu:8.2f}"
        )
    for one in programs if show else ():
        print(f"  {one.name}\n    " + one.output.strip().replace("\n", "\n    "))


def has_jax(python: str) -> bool:
    tried = subprocess.run([python, "-c", "import jax, sklearn"], capture_output=True, check=False)
    return tried.returncode == 0


def training(seeds: int, jax_python: str) -> list[Program]:
    count = str(seeds)
    programs = [
        Program("this program", [sys.executable, "-c", OURS, count, "run"]),
        Program(
            "sequential PyTorch loop",
            [sys.executable, str(HERE / "compare_sequential.py"), count],
        ),
        # Its kernels are too small to gain from threads, and lose much by them on a busy machine.
        Program(
            "the same with one thread",
            [sys.executable, str(HERE / "compare_sequential.py"), count],
            one_thread=True,
        ),
    ]
    if has_jax(jax_python):
        programs.append(
            Program("JAX, jitted and vmapped", [jax_python, str(HERE / "compare_jax.py"), count])
        )
    else:
        print(f"Skipped the JAX program: {jax_python} has no jax (pip install 'jax>=0.4.30').")
    return programs


def starting() -> list[Program]:
    rescu = shutil.which("rescu", path=str(Path(sys.executable).parent))
    if rescu is None:
        print("Skipped the start-up times: the command 'rescu' is not installed beside Python.")
        return []
    return [
        Program("import sympy", [sys.executable, "-c", "import sympy"]),
        Program("rescu --help", [rescu, "--help"]),
        Program(
            "rescu derive (piecewise-linear)", [rescu, "derive", "--gradient", "piecewise-linear"]
        ),
    ]


CATALOGUE = """
from rescu_cli import catalogue
from rescu_cli.certify import certify
claims = [c for name in catalogue.names() for c in certify(catalogue.get(name))]
print(sum(c.complete for c in claims), "of", len(claims), "claims decided")
"""
CERTIFICATES = """
from rescu_cli import catalogue
from rescu_cli.certify import certify
from rescu_cli.certify.recheck import recheck
for name in catalogue.names():
    activation = catalogue.get(name)
    assert recheck(certify(activation, evidence=True), activation).ok, name
"""


def proving() -> list[Program]:
    rescu = shutil.which("rescu", path=str(Path(sys.executable).parent))
    if rescu is None:
        return []
    return [
        Program("import sympy", [sys.executable, "-c", "import sympy"]),
        Program("rescu verify smelu", [rescu, "verify", "smelu"]),
        Program("rescu verify mish", [rescu, "verify", "mish"]),
        Program("every claim of the catalogue", [sys.executable, "-c", CATALOGUE]),
        Program("certificates and replays of all", [sys.executable, "-c", CERTIFICATES]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--jax-python", default=sys.executable)
    options = parser.parse_args()
    light = starting()
    if light:
        measure("Start-up", light, options.repeat, show=False)
    proofs = proving()
    if proofs:
        measure("Proofs", proofs, options.repeat, show=False)
    title = f"relu, smelu, swish × {options.seeds} seeds on digits, whole process"
    measure(title, training(options.seeds, options.jax_python), options.repeat, show=True)


if __name__ == "__main__":
    main()
