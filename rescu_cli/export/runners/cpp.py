"""C++17 headers, by g++ or whatever c++ is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from rescu_cli.export.artifact import Artifact
from rescu_cli.export.naming import class_name
from rescu_cli.export.runners.base import Runner, slope_of
from rescu_cli.export.runners.compiled import LibraryRunner, first_line, found, gnu

INSTALL = "apt-get install g++"
STRICT = ("-O2", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
FAST = ("-O3", "-std=c++17", "-march=native", "-ffast-math")
WAYS: dict[str, tuple[str, ...]] = {
    "value": ("function", "forward", "object"),
    "gradient": ("function", "backward", "object"),
}


class CppRunner(LibraryRunner):
    """The header as a library; with fast-math as a variant."""

    def __init__(
        self, artifact: Artifact, parameters: Mapping[str, float], flags: Sequence[str]
    ) -> None:
        self._artifact, self._given = artifact, parameters
        compiler = found("g++" if shutil.which("g++") else "c++", "Running C++", INSTALL)
        built = gnu(compiler, flags, artifact, driver(artifact), "cpp")
        tool = f"{first_line([compiler, '--version'])}, {flags[0]}"
        super().__init__(tool, built, WAYS, list(parameters.values()))

    def variants(self) -> Mapping[str, Runner]:
        return {" ".join(FAST): _Fast(self._artifact, self._given, FAST)}


class _Fast(CppRunner):
    def variants(self) -> Mapping[str, Runner]:
        return {}


def driver(artifact: Artifact) -> str:
    """One exported function per way, quantity and type."""
    name, n = artifact.name, len(artifact.activation.free_parameters)
    parts = ["#include <vector>", '#include "artifact.h"', 'extern "C" {']
    for t, kind in (("double", "float64"), ("float", "float32")):
        given = "".join(f", static_cast<{t}>(p[{i}])" for i in range(n))
        fields = ", ".join(f"static_cast<{t}>(p[{i}])" for i in range(n))
        made = f"const rescu::{class_name(name)}<{t}> f{{{fields}}};"
        head = f"(std::size_t n, const {t} *x, {t} *y, const double *p) {{ (void)p; "
        loop = "for (std::size_t i = 0; i < n; i++) y[i] = "
        parts += [
            f"void function_value_{kind}{head}{loop}rescu::{name}(x[i]{given}); }}",
            f"void function_gradient_{kind}{head}{loop}rescu::{name}_gradient(x[i]{given}); }}",
            *(
                f"void function_{slope_of(p.name)}_{kind}{head}{loop}"
                f"rescu::{name}_{slope_of(p.name)}(x[i]{given}); }}"
                for p in artifact.activation.free_parameters
            ),
            f"void object_value_{kind}{head}{made} {loop}f(x[i]); }}",
            f"void object_gradient_{kind}{head}{made} {loop}f.gradient(x[i]); }}",
            f"void forward_value_{kind}{head}rescu::{name}_forward(n, x, y{given}); }}",
            f"void backward_gradient_{kind}{head}std::vector<{t}> ones(n, 1);\n"
            f"    rescu::{name}_backward(n, x, ones.data(), y{given});\n}}",
        ]
    return "\n".join([*parts, "}"]) + "\n"


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner, strict: every warning is an error."""
    return CppRunner(artifact, parameters, STRICT)
