"""CUDA C++: device functions, and elementwise kernels with 128-bit loads for four formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rescu_cli.core.activation import Activation
from rescu_cli.errors import UnsupportedError
from rescu_cli.export.backends.c import outputs
from rescu_cli.export.backends.cpp import Cpp, functions
from rescu_cli.export.bounds import degree, in_double
from rescu_cli.export.lowering import lower
from rescu_cli.export.program import Program
from rescu_cli.export.scalar import header, helpers

SUFFIX = ".cuh"


class Cuda(Cpp):
    """C++ that runs on the device, and on the host for tests.

    Args:
        name: Of the main function.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, "T", "__host__ __device__ __forceinline__")

    def limit(self, op: str) -> str:
        return f"{self.prefix}_format_<T>::{op}"


def emit(activation: Activation, name: str) -> str:
    """The text of a header for nvcc that needs the CUDA toolkit and nothing else.

    float16 and bfloat16 are computed in float and rounded once. Division and square root are the
    correctly rounded ones unless nvcc is told -use_fast_math.
    """
    program = lower(activation)
    if in_double(activation, program) and degree(activation) is not None:
        raise UnsupportedError(
            f"{activation.spec} has constants that float32 does not hold, in which CUDA computes "
            "float, half and bfloat16. Leave the parameter free, or export to cpp."
        )
    language = Cuda(name)
    names = [p.name for p in program.parameters]
    guard = f"RESCU_{name.upper()}_CUH"
    parts = [
        header(activation, "CUDA", "//"),
        f"#ifndef {guard}\n#define {guard}",
        "#include <cfloat>\n#include <cmath>\n#include <cstddef>\n#include <cstdint>\n"
        "#include <type_traits>\n\n#include <cuda_bf16.h>\n#include <cuda_fp16.h>\n"
        "#include <cuda_runtime.h>",
        "namespace rescu {",
        _FORMATS.format(name=name).strip(),
        *helpers(program, language, names),
        *functions(program, language),
        _PACKS.replace("NAME", name).strip(),
        *_kernels(program, language),
        "}  // namespace rescu",
        f"#endif  // {guard}",
    ]
    return "\n\n".join(parts) + "\n"


_FORMATS = """
// Limits of the types that are computed in.
template <class T>
struct {name}_format_;
template <>
struct {name}_format_<float> {{
    static constexpr float tiny = FLT_MIN, huge = FLT_MAX, splitter = 4097.0f;
}};
template <>
struct {name}_format_<double> {{
    static constexpr double tiny = DBL_MIN, huge = DBL_MAX, splitter = 134217729.0;
}};
"""

_PACKS = """
// Two numbers of a stored type as two of the type that is computed in, and back.
template <class S>
struct NAME_pair_ {
    using T = S;
    static __device__ void load(const S* p, T& a, T& b) { a = p[0], b = p[1]; }
    static __device__ void store(S* p, T a, T b) { p[0] = a, p[1] = b; }
};
template <>
struct NAME_pair_<__half> {
    using T = float;
    static __device__ void load(const __half* p, T& a, T& b) {
        const float2 both = __half22float2(*reinterpret_cast<const __half2*>(p));
        a = both.x, b = both.y;
    }
    static __device__ void store(__half* p, T a, T b) {
        *reinterpret_cast<__half2*>(p) = __floats2half2_rn(a, b);
    }
};
template <>
struct NAME_pair_<__nv_bfloat16> {
    using T = float;
    static __device__ void load(const __nv_bfloat16* p, T& a, T& b) {
        const float2 both = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(p));
        a = both.x, b = both.y;
    }
    static __device__ void store(__nv_bfloat16* p, T a, T b) {
        *reinterpret_cast<__nv_bfloat162*>(p) = __floats2bfloat162_rn(a, b);
    }
};

// 128 bits, moved by one instruction.
template <class S>
struct alignas(16) NAME_pack_ {
    static constexpr int size = 16 / sizeof(S);
    S at[size];
};

// out = f(x), or out = f(x, dy) if dy is not null: whole packs, the rest by the last thread.
template <class S, class F>
__global__ void NAME_map_(std::size_t n, const S* x, const S* dy, S* out, F f) {
    using Pack = NAME_pack_<S>;
    using Pair = NAME_pair_<S>;
    using T = typename Pair::T;
    const std::size_t packs = n / Pack::size;
    const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
    std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (; i < packs; i += stride) {
        const Pack in = reinterpret_cast<const Pack*>(x)[i];
        Pack up = in, result;
        if (dy != nullptr) up = reinterpret_cast<const Pack*>(dy)[i];
#pragma unroll
        for (int k = 0; k < Pack::size; k += 2) {
            T a, b, da, db;
            Pair::load(in.at + k, a, b);
            Pair::load(up.at + k, da, db);
            Pair::store(result.at + k, f(a, da), f(b, db));
        }
        reinterpret_cast<Pack*>(out)[i] = result;
    }
    if (i == packs) {
        for (std::size_t k = packs * Pack::size; k < n; k++) {
            const T a = static_cast<T>(x[k]);
            out[k] = static_cast<S>(f(a, dy == nullptr ? a : static_cast<T>(dy[k])));
        }
    }
}

// For pointers that are not aligned to 128 bits.
template <class S, class F>
__global__ void NAME_map_unaligned_(std::size_t n, const S* x, const S* dy, S* out, F f) {
    using T = typename NAME_pair_<S>::T;
    const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
    std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (; i < n; i += stride) {
        const T a = static_cast<T>(x[i]);
        out[i] = static_cast<S>(f(a, dy == nullptr ? a : static_cast<T>(dy[i])));
    }
}

template <class S, class F>
cudaError_t NAME_launch_(std::size_t n, const S* x, const S* dy, S* out, F f,
                         cudaStream_t stream) {
    constexpr std::size_t threads = 256, most = 1 << 20;
    const auto bits = reinterpret_cast<std::uintptr_t>(x) | reinterpret_cast<std::uintptr_t>(dy) |
                      reinterpret_cast<std::uintptr_t>(out);
    if (n == 0) return cudaSuccess;
    const bool aligned = bits % 16 == 0;
    const std::size_t work = aligned ? n / NAME_pack_<S>::size + 1 : n;
    const std::size_t wanted = (work + threads - 1) / threads;
    const unsigned blocks = static_cast<unsigned>(wanted < most ? wanted : most);
    if (aligned) {
        NAME_map_<S, F><<<blocks, threads, 0, stream>>>(n, x, dy, out, f);
    } else {
        NAME_map_unaligned_<S, F><<<blocks, threads, 0, stream>>>(n, x, dy, out, f);
    }
    return cudaGetLastError();
}
"""


def _kernels(program: Program, language: Cuda) -> list[str]:
    """Launchers: forward, backward, and what the parameters' gradients are sums of."""
    root = language.prefix
    names = [p.name for p in program.parameters]
    (value, *_), (gradient, *_), *slopes = outputs(program, root)
    rows = [
        _Launcher(f"{root}_forward", "out[i] = f(x[i])", value, backward=False),
        _Launcher(f"{root}_backward", "out[i] = f'(x[i]) * dy[i]", gradient, backward=True),
    ]
    for name, (slope, says, _) in zip(names, slopes, strict=True):
        text = f"out[i] = {says.replace('at x', 'at x[i]')}, times dy[i]; its sum is the gradient"
        rows.append(_Launcher(f"{root}_{name}_backward", text, slope, backward=True))
    return [row.text(language, names) for row in rows]


@dataclass(frozen=True)
class _Launcher:
    """One elementwise operation on arrays of the device.

    Args:
        name: Of the function that launches it.
        says: What it computes.
        function: The device function.
        backward: Whether the result is multiplied by the upstream gradient.
    """

    name: str
    says: str
    function: str
    backward: bool

    def text(self, language: Cuda, names: Sequence[str]) -> str:
        root, functor = language.prefix, f"{self.name}_of_"
        fields = "".join(f"    T {n};\n" for n in names)
        given = "".join(f", {n}" for n in names)
        typed = "".join(f",\n    typename {root}_pair_<S>::T {n}" for n in names)
        call = f"{self.function}(x{given})" + (" * dy" if self.backward else "")
        upstream = "dy" if self.backward else "static_cast<const S*>(nullptr)"
        arrays = "const S* x, const S* dy, S* out" if self.backward else "const S* x, S* out"
        return f"""template <class T>
struct {functor} {{
{fields}    {language.qualifier} T operator()(T x, T{" dy" if self.backward else ""}) const {{
        return {call};
    }}
}};

// {self.says}.
// Runs on the stream; the arrays may be the same.
template <class S>
cudaError_t {self.name}(std::size_t n, {arrays}{typed},
                        cudaStream_t stream = nullptr) {{
    using T = typename {root}_pair_<S>::T;
    return {root}_launch_(n, x, {upstream}, out, {functor}<T>{{{", ".join(names)}}}, stream);
}}"""
