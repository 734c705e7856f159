"""Rust modules, by rustc."""

from __future__ import annotations

from collections.abc import Mapping

from rescu_cli.export.artifact import Artifact
from rescu_cli.export.runners.base import Runner, slope_of
from rescu_cli.export.runners.compiled import LibraryRunner, first_line, found, library

INSTALL = "apt-get install rustc"
FLAGS = ("-O", "-D", "warnings", "-A", "dead_code", "--crate-type", "cdylib", "--edition", "2021")
WAYS: dict[str, tuple[str, ...]] = {
    "value": ("function", "forward"),
    "gradient": ("function", "backward"),
}


def driver(artifact: Artifact) -> str:
    """One exported function per way, quantity and type."""
    name, n = artifact.name, len(artifact.activation.free_parameters)
    parts = ["mod artifact;", "use artifact::*;", "use std::slice::{from_raw_parts as read, "
             "from_raw_parts_mut as write};"]  # fmt: skip
    for t, kind in (("f64", "float64"), ("f32", "float32")):
        given = "".join(f", p[{i}] as {t}" for i in range(n))
        rows = {
            "function_value": f"for i in 0..n {{ y[i] = {name}_{t}(x[i]{given}); }}",
            "function_gradient": f"for i in 0..n {{ y[i] = {name}_gradient_{t}(x[i]{given}); }}",
            **{
                f"function_{slope_of(p.name)}": f"for i in 0..n {{ "
                f"y[i] = {name}_{slope_of(p.name)}_{t}(x[i]{given}); }}"
                for p in artifact.activation.free_parameters
            },
            "forward_value": f"{name}_forward_{t}(x, y{given});",
            "backward_gradient": f"{name}_backward_{t}(x, &vec![1.0; n], y{given});",
        }
        for way, body in rows.items():
            parts.append(
                f'#[no_mangle]\npub unsafe extern "C" fn {way}_{kind}'
                f"(n: usize, x: *const {t}, y: *mut {t}, p: *const f64) {{\n"
                f"    let (x, y, p) = (read(x, n), write(y, n), read(p, {max(1, n)}));\n"
                f"    let _ = p;\n    {body}\n}}"
            )
    return "\n".join(parts) + "\n"


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner, strict: every warning is an error."""
    compiler = found("rustc", "Running Rust", INSTALL)
    built = library(
        (("artifact.rs", artifact.text), ("driver.rs", driver(artifact))),
        (compiler, *FLAGS, "driver.rs", "-o", "driver.so"),
    )
    tool = first_line([compiler, "--version"])
    return LibraryRunner(tool, built, WAYS, list(parameters.values()))
