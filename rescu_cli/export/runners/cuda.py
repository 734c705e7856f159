"""CUDA headers, by nvcc; on the device where there is one, else on the host.

Without a device the kernels are compiled and not run: what runs is the text of the device
functions, compiled for the host by the same compiler.
"""

from __future__ import annotations

from collections.abc import Mapping

from rescu_cli.export.artifact import Artifact
from rescu_cli.export.runners.base import Runner, slope_of
from rescu_cli.export.runners.compiled import LibraryRunner, found, library, said

INSTALL = "pip install nvidia-cuda-nvcc, or install the CUDA toolkit"
FLAGS = ("-O2", "-std=c++17", "-shared", "-Xcompiler", "-fPIC", "-Werror", "all-warnings",
         "-Wno-deprecated-gpu-targets")  # fmt: skip
HOST: dict[str, tuple[str, ...]] = {"value": ("host",), "gradient": ("host",)}
DEVICE: dict[str, tuple[str, ...]] = {
    "value": ("host", "forward", "forward_unaligned"),
    "gradient": ("host", "backward", "backward_unaligned"),
}


class CudaRunner(LibraryRunner):
    """The device functions on the host, and the kernels if a device is found."""

    def __init__(self, artifact: Artifact, parameters: Mapping[str, float]) -> None:
        compiler = found("nvcc", "Running CUDA", INSTALL)
        built = library(
            (("artifact.cuh", artifact.text), ("driver.cu", driver(artifact))),
            (compiler, *FLAGS, "driver.cu", "-o", "driver.so"),
        )
        device = built.has_device()
        where = "on the device" if device else "no device: on the host, kernels only compiled"
        ways = DEVICE if device else HOST
        ways |= {slope_of(p): ways["gradient"] for p in parameters}
        tool = f"{_version(compiler)}, {where}"
        super().__init__(tool, built, ways, list(parameters.values()))


def _version(compiler: str) -> str:
    release = [line for line in said([compiler, "--version"]) if "release" in line]
    number = release[0].split("release")[1].split(",")[0].strip() if release else "?"
    return f"nvcc {number}"


def driver(artifact: Artifact) -> str:
    """Exported functions: on the host per number, on the device per array."""
    name, n = artifact.name, len(artifact.activation.free_parameters)
    parts = [
        "#include <vector>",
        '#include "artifact.cuh"',
        _DEVICE.strip(),
        'extern "C" {',
        "int has_device() { int n = 0; return cudaGetDeviceCount(&n) == cudaSuccess && n; }",
    ]
    for t, kind in (("double", "float64"), ("float", "float32")):
        given = "".join(f", static_cast<{t}>(p[{i}])" for i in range(n))
        head = f"(std::size_t n, const {t}* x, {t}* y, const double* p) {{ (void)p;"
        loop = "for (std::size_t i = 0; i < n; i++) y[i] ="
        ahead = f"on_device<{t}>(n, x, y, %s, [=](const {t}* a, const {t}* d, {t}* o)"
        forward = f"{{ (void)d; return rescu::{name}_forward(n, a, o{given}); }});"
        backward = f"{{ return rescu::{name}_backward(n, a, d, o{given}); }});"
        parts += [
            f"void host_value_{kind}{head} {loop} rescu::{name}(x[i]{given}); }}",
            f"void host_gradient_{kind}{head} {loop} rescu::{name}_gradient(x[i]{given}); }}",
            *(
                f"void host_{slope_of(p.name)}_{kind}{head} {loop} "
                f"rescu::{name}_{slope_of(p.name)}(x[i]{given}); }}"
                for p in artifact.activation.free_parameters
            ),
        ]
        for skip, suffix in ((0, ""), (1, "_unaligned")):
            begin = ahead % skip
            parts += [
                f"void forward{suffix}_value_{kind}{head} {begin} {forward} }}",
                f"void backward{suffix}_gradient_{kind}{head} {begin} {backward} }}",
                *(
                    f"void backward{suffix}_{slope_of(p.name)}_{kind}{head} {begin} "
                    f"{{ return rescu::{name}_{p.name}_backward(n, a, d, o{given}); }}); }}"
                    for p in artifact.activation.free_parameters
                ),
            ]
    # The 16-bit kernels are compiled too; nothing here runs them.
    given = "".join(f", static_cast<float>(p[{i}])" for i in range(n))
    for s in ("__half", "__nv_bfloat16"):
        parts.append(
            f"cudaError_t run{s}(std::size_t n, const {s}* x, {s}* y, const double* p) {{\n"
            f"    (void)p;\n    if (rescu::{name}_forward(n, x, y{given}) != cudaSuccess) "
            f"return cudaGetLastError();\n"
            f"    return rescu::{name}_backward(n, x, x, y{given});\n}}"
        )
    return "\n".join([*parts, "}"]) + "\n"


_DEVICE = """
// Runs f(x, ones, out) on the device; `skip` numbers from an aligned address.
template <class S, class F>
void on_device(std::size_t n, const S* x, S* y, int skip, F f) {
    S *a = nullptr, *d = nullptr, *o = nullptr;
    const std::size_t bytes = n * sizeof(S), room = (n + skip) * sizeof(S);
    cudaMalloc(&a, room), cudaMalloc(&d, room), cudaMalloc(&o, room);
    const std::vector<S> ones(n, S(1));
    cudaMemcpy(a + skip, x, bytes, cudaMemcpyHostToDevice);
    cudaMemcpy(d + skip, ones.data(), bytes, cudaMemcpyHostToDevice);
    if (f(a + skip, d + skip, o + skip) == cudaSuccess) {
        cudaMemcpy(y, o + skip, bytes, cudaMemcpyDeviceToHost);
    }
    cudaFree(a), cudaFree(d), cudaFree(o);
}
"""


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner."""
    return CudaRunner(artifact, parameters)
