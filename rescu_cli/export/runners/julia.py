"""Julia modules, by julia."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rescu_cli.errors import InternalError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.naming import class_name
from rescu_cli.export.runners.base import Array, Runner
from rescu_cli.export.runners.compiled import SECONDS, first_line, found

INSTALL = "see julialang.org/downloads"
DRIVER = """
include("artifact.jl")
name, what, kind = ARGS[1:3]
p = parse.(Float64, ARGS[4:end])
T = Dict("float16" => Float16, "float32" => Float32, "float64" => Float64)[kind]
x = T.(reinterpret(Float64, read("x.bin")))
f = getproperty({module}, Symbol(what == "value" ? name : name * "_" * what))
write("y.bin", Float64[Float64(f(v, p...)) for v in x])
write("z.bin", Float64.(f.(x, p...)))
"""


class JuliaRunner(Runner):
    """The functions on numbers, and broadcast."""

    def __init__(self, artifact: Artifact, parameters: Mapping[str, float]) -> None:
        self._julia = found("julia", "Running Julia", INSTALL)
        super().__init__(first_line([self._julia, "--version"]))
        self._folder = Path(tempfile.mkdtemp(prefix="rescu-"))
        (self._folder / "artifact.jl").write_text(artifact.text, encoding="ascii")
        text = DRIVER.replace("{module}", class_name(artifact.name))
        (self._folder / "driver.jl").write_text(text, encoding="ascii")
        self._name, self._given = artifact.name, [repr(v) for v in parameters.values()]

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        (self._folder / "x.bin").write_bytes(points.astype("<f8").tobytes())
        done = subprocess.run(  # noqa: S603  # reason: our own text
            [self._julia, "--startup-file=no", "driver.jl", self._name, what, kind, *self._given],
            cwd=self._folder, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            raise InternalError(f"julia refuses generated text: {done.stderr[:2000]}")
        return {
            way: np.fromfile(self._folder / f"{file}.bin", dtype="<f8")
            for file, way in {"y": "function", "z": "broadcast"}.items()
        }

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner."""
    return JuliaRunner(artifact, parameters)
