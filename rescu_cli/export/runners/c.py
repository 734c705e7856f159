"""C99 headers, by gcc or whatever cc is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from rescu_cli.export.artifact import Artifact
from rescu_cli.export.runners.base import Runner, slope_of
from rescu_cli.export.runners.compiled import LibraryRunner, first_line, found, gnu

INSTALL = "apt-get install gcc"
STRICT = ("-O2", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
FAST = ("-O3", "-std=c99", "-march=native", "-ffast-math")
WAYS: dict[str, tuple[str, ...]] = {
    "value": ("function", "forward"),
    "gradient": ("function", "backward"),
}


class CRunner(LibraryRunner):
    """The header as a library; with fast-math as a variant."""

    def __init__(
        self, artifact: Artifact, parameters: Mapping[str, float], flags: Sequence[str]
    ) -> None:
        self._artifact, self._given = artifact, parameters
        compiler = found("gcc" if shutil.which("gcc") else "cc", "Running C", INSTALL)
        built = gnu(compiler, flags, artifact, driver(artifact), "c")
        tool = f"{first_line([compiler, '--version'])}, {flags[0]}"
        super().__init__(tool, built, WAYS, list(parameters.values()))

    def variants(self) -> Mapping[str, Runner]:
        return {" ".join(FAST): _Fast(self._artifact, self._given, FAST)}


class _Fast(CRunner):
    def variants(self) -> Mapping[str, Runner]:
        return {}


def driver(artifact: Artifact) -> str:
    """One exported function per way, quantity and type."""
    # Whatever the activation is called, its name must not hide behind one of ours.
    name, n = artifact.name, len(artifact.activation.free_parameters)
    parts = ["#include <stdlib.h>", '#include "artifact.h"']
    for t, suffix, kind in (("double", "", "float64"), ("float", "f", "float32")):
        given = "".join(f", ({t})rescu_given[{i}]" for i in range(n))
        head = f"(size_t n, const {t} *x, {t} *y, const double *rescu_given) {{ (void)rescu_given;"
        loop = "for (size_t i = 0; i < n; i++)"
        parts += [
            f"void function_value_{kind}{head} {loop} y[i] = {name}{suffix}(x[i]{given}); }}",
            f"void function_gradient_{kind}{head} {loop} "
            f"y[i] = {name}_gradient{suffix}(x[i]{given}); }}",
            *(
                f"void function_{slope_of(p.name)}_{kind}{head} {loop} "
                f"y[i] = {name}_{slope_of(p.name)}{suffix}(x[i]{given}); }}"
                for p in artifact.activation.free_parameters
            ),
            f"void forward_value_{kind}{head} {name}_forward{suffix}(n, x, y{given}); }}",
            f"void backward_gradient_{kind}{head}\n"
            f"    {t} *rescu_ones = malloc((n + 1) * sizeof *rescu_ones);\n"
            f"    {loop} rescu_ones[i] = 1;\n"
            f"    {name}_backward{suffix}(n, x, rescu_ones, y{given});\n    free(rescu_ones);\n}}",
        ]
    return "\n".join(parts) + "\n"


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner, strict: every warning is an error."""
    return CRunner(artifact, parameters, STRICT)
