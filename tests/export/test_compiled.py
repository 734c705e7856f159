"""C, C++, CUDA, Rust, JavaScript: what the compilers make of generated text."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rescu_cli import catalogue
from rescu_cli.core.activation import Activation
from rescu_cli.errors import MissingDependencyError, UsageError
from rescu_cli.export import check, emit, lower
from rescu_cli.export.bounds import degree
from rescu_cli.export.interpret import run
from rescu_cli.export.runners import compiled
from tests.export.compilers import need

TOOLS = {"c": "gcc", "cpp": "g++", "rust": "rustc", "javascript": "node", "cuda": "nvcc"}
CASES = [(name, target) for target in TOOLS for name in catalogue.names()]


@pytest.mark.parametrize(("name", "target"), CASES)
def test_agreement_on_edges_and_a_seeded_sample(name: str, target: str) -> None:
    need(TOOLS[target])
    report = check(catalogue.get(name), target, exhaustive=False, n_samples=400, seed=11)
    assert report.ok, report.to_dict()
    assert all(c.n_inputs > 400 for by in report.comparisons.values() for c in by.values())


def test_float_is_rounded_once_where_library_functions_are_called() -> None:
    """Half an ulp, in the tails as elsewhere: the float functions of C libraries promise less."""
    need("gcc")
    for name in ("gelu", "mish", "softplus", "tanhexp"):
        report = check(catalogue.get(name), "c", ["float32"], exhaustive=False, n_samples=400)
        assert all(c.max_ulp <= 0.5 + 1e-6 for c in report.comparisons["float32"].values())


@pytest.mark.parametrize("text", ["smelu:beta=0.1", "gsmelu:alpha=0.3,beta=7", "swish:k=0.3",
                                  "elu:alpha=0.3", "softplus:k=40"])  # fmt: skip
@pytest.mark.parametrize("target", ["c", "cpp", "javascript"])
def test_fixed_parameters_are_constants(text: str, target: str) -> None:
    need(TOOLS[target])
    report = check(catalogue.resolve(text), target, exhaustive=False, n_samples=200)
    assert report.ok, report.to_dict()


@pytest.mark.parametrize("name", ["p", "ones", "given"])
@pytest.mark.parametrize("target", ["c", "cpp", "rust", "javascript"])
def test_an_activation_may_be_called_like_a_variable_of_the_driver(name: str, target: str) -> None:
    need(TOOLS[target])
    activation = replace(catalogue.get("smelu"), name=name)
    assert check(activation, target, exhaustive=False, n_samples=50).ok


WRONG = {
    "c": (
        "capped / smelu_max_(DBL_MIN, beta * 4.0)",
        "capped / smelu_max_(DBL_MIN, beta * 4.000001)",
    ),
    "cpp": ("beta * T(4.0)", "beta * T(4.000001)"),
    "rust": ("beta * 4.0", "beta * 4.000001"),
    "javascript": ("beta * 4.0", "beta * 4.000001"),
    "cuda": ("beta * T(4.0)", "beta * T(4.000001)"),
}


@pytest.mark.parametrize("target", WRONG)
def test_a_wrong_constant_is_caught(target: str) -> None:
    need(TOOLS[target])
    artifact = emit(catalogue.get("smelu"), target)
    right, wrong = WRONG[target]
    assert right in artifact.text
    report = check(replace(artifact, text=artifact.text.replace(right, wrong)), exhaustive=False,
                   n_samples=200)  # fmt: skip
    assert not report.ok
    assert report.comparisons["float64"]["value"].max_ulp > 1e6
    assert report.comparisons["float64"]["gradient"].ok


@pytest.mark.parametrize("target", ["c", "cpp", "rust", "javascript"])
def test_a_lost_nan_is_caught(target: str) -> None:
    """The maximum of the C library prefers the number."""
    need(TOOLS[target])
    artifact = emit(catalogue.get("relu"), target)
    kept = {"c": "return u < v ? v : u;", "cpp": "return u < v ? v : u;",
            "rust": "if u < v { v } else { u }", "javascript": "return u < v ? v : u;"}[target]  # fmt: skip
    lost = {"rust": "if u > v { u } else { v }"}.get(target, "return u > v ? u : v;")
    text = artifact.text.replace(kept, lost)
    assert text != artifact.text
    report = check(replace(artifact, text=text), exhaustive=False, n_samples=50)
    assert not report.ok
    assert all(by["value"].nan_mismatch > 0 for by in report.comparisons.values())


def test_fast_math_is_reported_apart_and_leaves_this_process_alone() -> None:
    """Linked as a whole, -ffast-math would flush subnormals of the process that loads the library."""
    need("gcc")
    report = check(catalogue.get("smelu"), "c", exhaustive=False, n_samples=50, thorough=True)
    (title,) = report.variants
    assert "-ffast-math" in title and report.ok
    assert set(report.variants[title]) == {"float32", "float64"}
    assert report.to_dict()["variants"][title]["float32"]["value"]["n_inputs"] > 50
    smallest = np.float32(2.0**-149)
    assert smallest * np.float32(1.0) > 0


@pytest.mark.parametrize("name", catalogue.names())
def test_polynomials_need_no_library_of_mathematics(name: str, tmp_path: Path) -> None:
    """No symbol is left to be found elsewhere; the negative control is every other member."""
    need("gcc", "nm")
    artifact = emit(catalogue.get(name), "c")
    (tmp_path / "a.h").write_text(artifact.text)
    calls = "\n".join(
        f"void {t}_{w}(size_t n, const {t} *x, {t} *y{more}) "
        f"{{ {artifact.name}_{w}{s}(n, x, {'y, ' if w == 'backward' else ''}y{given}); }}"
        for t, s in (("float", "f"), ("double", "")) for w in ("forward", "backward")
        for more, given in [signature(artifact.activation, t)]
    )  # fmt: skip
    (tmp_path / "a.c").write_text(f'#include "a.h"\n{calls}\n')
    subprocess.run(["gcc", "-O2", "-std=c99", "-c", "a.c"], cwd=tmp_path, check=True)
    left = subprocess.run(["nm", "-u", "a.o"], cwd=tmp_path, check=True, capture_output=True,
                          text=True).stdout.split()  # fmt: skip
    undefined = set(left) - {"U", "_GLOBAL_OFFSET_TABLE_", "memmove", "memcpy"}
    square_roots = {"sqrt", "sqrtf"}  # called for a negative argument only, to set errno
    if degree(artifact.activation) is not None or name in ("squareplus", "smu1"):
        assert undefined <= square_roots
    elif name != "leaky_relu":
        assert undefined - square_roots


def signature(activation: Activation, t: str) -> tuple[str, str]:
    names = [p.name for p in activation.free_parameters]
    return "".join(f", {t} {n}" for n in names), "".join(f", {n}" for n in names)


@pytest.mark.parametrize("name", ["relu", "smelu", "rescu_smootherstep", "hard_swish"])
def test_loops_over_polynomials_are_vectorised(name: str, tmp_path: Path) -> None:
    """Four loops, and the compiler says of each that it made vectors of it.

    Without the flag gcc keeps clamps as branches, because a comparison might trap; no result
    depends on it.
    """
    need("gcc")
    artifact = emit(catalogue.get(name), "c")
    (tmp_path / "a.h").write_text(artifact.text)
    calls = "\n".join(
        f"void {t}_{w}(size_t n, const {t} *restrict x, const {t} *restrict dy, "
        f"{t} *restrict y{more}) "
        f"{{ (void)dy; {artifact.name}_{w}{s}(n, x, {'dy, ' if w == 'backward' else ''}y{given}); }}"
        for t, s in (("float", "f"), ("double", "")) for w in ("forward", "backward")
        for more, given in [signature(artifact.activation, t)]
    )  # fmt: skip
    (tmp_path / "a.c").write_text(f'#include "a.h"\n{calls}\n')
    done = subprocess.run(
        ["gcc", "-O3", "-fno-trapping-math", "-std=c99", "-fopt-info-vec-optimized", "-c", "a.c"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr.count("loop vectorized") >= 4


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Every header of the catalogue in one translation unit, and its parameter gradients."""
    need("gcc")
    folder = tmp_path_factory.mktemp("all")
    rows = []
    for name in catalogue.names():
        artifact = emit(catalogue.get(name), "c")
        (folder / f"{name}.h").write_text(artifact.text)
        rows.append(f'#include "{name}.h"')
        given = "".join(f", p[{i}]" for i in range(len(artifact.activation.free_parameters)))
        rows += [
            f"double of_{name}_{p.name}(double x, const double *p) "
            f"{{ return {artifact.name}_{p.name}_gradient(x{given}); }}"
            for p in artifact.activation.free_parameters
        ]
    (folder / "all.c").write_text("\n".join(rows) + "\n")
    flags = [*compiled_flags(), "-shared", "-fPIC", "all.c", "-o", "all.so", "-lm"]
    subprocess.run(["gcc", *flags], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "all.so"))


def compiled_flags() -> list[str]:
    from rescu_cli.export.runners.c import STRICT

    return list(STRICT)


@pytest.mark.parametrize("name", catalogue.names())
def test_parameter_gradients_are_those_of_the_program(name: str, everything: ctypes.CDLL) -> None:
    activation = catalogue.get(name)
    program = lower(activation)
    values = [float(p.default) for p in activation.free_parameters if p.default is not None]
    given = (ctypes.c_double * max(1, len(values)))(*values)
    sample = dict(zip((p.name for p in activation.free_parameters), values, strict=True))
    for p, node in program.parameter_gradients:
        function = everything[f"of_{name}_{p}"]
        function.restype = ctypes.c_double
        for x in (-40.0, -1.0, -0.3, 0.0, 0.2, 1.0, 2.5, 90.0):
            found = function(ctypes.c_double(x), given)
            assert found == pytest.approx(run(program, x, sample)[node], rel=1e-13, abs=1e-300)


def test_a_missing_compiler_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled.shutil, "which", lambda tool: None)
    for target, install in (("c", "apt-get install gcc"), ("rust", "apt-get install rustc"),
                            ("javascript", "apt-get install nodejs"), ("julia", "julialang"),
                            ("cuda", "CUDA toolkit")):  # fmt: skip
        with pytest.raises(MissingDependencyError, match=install):
            check(catalogue.get("relu"), target)


@pytest.mark.parametrize(
    ("target", "name"),
    [("c", "double"), ("c", "tanh"), ("c", "expf"), ("cpp", "template"), ("cuda", "half"),
     ("rust", "fn"), ("javascript", "function"), ("julia", "end")],
)  # fmt: skip
def test_words_of_the_language_are_refused_as_names(target: str, name: str) -> None:
    with pytest.raises(UsageError, match=f"a word that {target} keeps for itself"):
        emit(catalogue.get("smelu"), target, name)


def test_a_name_that_the_library_has_is_changed_for_an_activation_of_that_name() -> None:
    assert emit(catalogue.get("tanh"), "c").name == "tanh_activation"
    assert emit(catalogue.get("tanh"), "numpy").name == "tanh"
