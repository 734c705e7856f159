"""The table of targets; light, because the command line names them in its help."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One target.

    Args:
        module: Module of ``backends/``.
        summary: What the text is, for lists.
        formats: Float formats in which a check runs it; none if it is text to read.
        runner: Module of ``runners/`` that runs it; the one of the same name if empty.
        wide: Whether members with library functions are computed in float64 and rounded once.
    """

    module: str
    summary: str
    formats: tuple[str, ...] = ()
    runner: str = ""
    wide: bool = False


SINGLE, DOUBLE = ("float32",), ("float64",)
BOTH = SINGLE + DOUBLE

TARGETS: dict[str, Row] = {
    "torch": Row("torch", "Python functions, an autograd function and a module for PyTorch",
                 ("float16", "bfloat16", *BOTH)),
    "numpy": Row("numpy", "Python functions for NumPy arrays", ("float16", *BOTH)),
    "jax": Row("jax", "Python functions for JAX, with a derivative rule for every transformation",
               ("float16", "bfloat16", *BOTH)),
    "keras": Row("keras", "a function and a layer for Keras 3, on any of its backends",
                 ("float16", "bfloat16", *SINGLE)),
    "onnx": Row("onnx", "an ONNX model in text form, with functions for value and gradient", BOTH),
    "triton": Row("triton", "Triton kernels and an autograd function for PyTorch",
                  ("float16", "bfloat16", *BOTH)),
    "latex": Row("latex", "display formulas"),
    "sympy": Row("sympy", "a Python module with the exact SymPy expressions", DOUBLE),
    "c": Row("c", "a C99 header: functions on float and double, loops over arrays", BOTH,
             wide=True),
    "cpp": Row("cpp", "a C++17 header: templates and a function object", BOTH, wide=True),
    "cuda": Row("cuda", "a CUDA header: device functions and elementwise kernels", BOTH),
    "rust": Row("rust", "a Rust module: functions on f64 and f32, loops over slices", BOTH,
                wide=True),
    "julia": Row("julia", "a Julia module of functions on any float type",
                 ("float16", *BOTH), wide=True),
    "javascript": Row("javascript", "an ES module: functions on numbers and typed arrays", DOUBLE),
}  # fmt: skip
