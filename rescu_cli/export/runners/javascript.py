"""ES modules, by Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rescu_cli.errors import InternalError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.runners.base import Array, Runner
from rescu_cli.export.runners.compiled import SECONDS, first_line, found

INSTALL = "apt-get install nodejs"
DRIVER = """
import { readFileSync, writeFileSync } from "node:fs";
import * as artifact from "./artifact.mjs";
const [name, what, given] = process.argv.slice(2);
const bytes = readFileSync("x.bin");
const x = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
const p = JSON.parse(given);
const one = artifact[what === "value" ? name : `${name}_${what}`];
const first = Float64Array.from(x, (value) => one(value, ...p));
const second = new Float64Array(x.length);
const ones = new Float64Array(x.length).fill(1);
if (what === "value") artifact[name + "_forward"](x, second, ...p);
else if (what === "gradient") artifact[name + "_backward"](x, ones, second, ...p);
writeFileSync("first.bin", first);
writeFileSync("second.bin", second);
"""


_ARRAYS = {"value": "forward", "gradient": "backward"}


class NodeRunner(Runner):
    """The functions on numbers, and those on typed arrays."""

    def __init__(self, artifact: Artifact, parameters: Mapping[str, float]) -> None:
        self._node = found("node", "Running JavaScript", INSTALL)
        super().__init__(f"node {first_line([self._node, '--version'])}")
        self._folder = Path(tempfile.mkdtemp(prefix="rescu-"))
        (self._folder / "artifact.mjs").write_text(artifact.text, encoding="ascii")
        (self._folder / "driver.mjs").write_text(DRIVER, encoding="ascii")
        self._name, self._given = artifact.name, json.dumps(list(parameters.values()))

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        (self._folder / "x.bin").write_bytes(points.astype("<f8").tobytes())
        done = subprocess.run(  # noqa: S603  # reason: our own text
            [self._node, "driver.mjs", self._name, what, self._given],
            cwd=self._folder, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            raise InternalError(f"node refuses generated text: {done.stderr[:2000]}")
        ways = {"first": "function"}
        if what in _ARRAYS:
            ways["second"] = _ARRAYS[what]
        return {
            way: np.fromfile(self._folder / f"{file}.bin", dtype="<f8")
            for file, way in ways.items()
        }

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner."""
    return NodeRunner(artifact, parameters)
